"""What the fits say about the chip: whether pixels differ, by how much, in what, why.

`spreads` compares how far pixels lie apart with the errors of their fits, `population` tells of all
parameters together; `patterns` finds gradients, and rows or columns that stand out at regular
steps. `electrons` turns DAC into electrons, with the `common_errors` of all pixels, from the `zero`
that belongs to the fits. `budget` shares out the variance of E0, `halves` checks it. `common` finds
what all pixels share and no p-value shows, and `answer` says it all in words.

What to do about it: `compare` says what changed between two runs (`expected` gives the errors),
`equalise` and `trim_change` give new trims, `classify` says what every pixel is and whether a chip
is accepted (`cuts` reads the limits, `neighbours` finds odd ones out), `plan` how long to scan.
"""

from velonb.interpret.answer import answers, verdict
from velonb.interpret.budget import explain_spread, residual_map
from velonb.interpret.classify import accept_chip, classify_pixels, list_pixels
from velonb.interpret.common import check_common, correct_common
from velonb.interpret.compare import compare_runs
from velonb.interpret.cuts import read_cuts
from velonb.interpret.electrons import calibrate, to_electrons, to_threshold
from velonb.interpret.equalise import equalise
from velonb.interpret.halves import split_halves
from velonb.interpret.patterns import find_patterns, profile_along
from velonb.interpret.plan import plan_scan
from velonb.interpret.population import population
from velonb.interpret.spreads import compare_spreads, good_values
from velonb.interpret.trim_change import trim_change

__all__ = [
    "accept_chip",
    "answers",
    "calibrate",
    "check_common",
    "classify_pixels",
    "compare_runs",
    "compare_spreads",
    "correct_common",
    "equalise",
    "explain_spread",
    "find_patterns",
    "good_values",
    "list_pixels",
    "plan_scan",
    "population",
    "profile_along",
    "read_cuts",
    "residual_map",
    "split_halves",
    "to_electrons",
    "to_threshold",
    "trim_change",
    "verdict",
]
