"""What the fits say about the chip: whether pixels differ, by how much, in what, why.

`spreads` compares how far pixels lie apart with the errors of their fits, `population` tells of all
parameters together; `patterns` finds gradients, and rows or columns that stand out at regular
steps. `electrons` turns DAC into electrons, with the `common_errors` of all pixels, from the `zero`
that belongs to the fits. `budget` shares out the variance of E0, `halves` checks it.
"""

from velonb.interpret.budget import explain_spread, residual_map
from velonb.interpret.electrons import calibrate, to_electrons, to_threshold
from velonb.interpret.halves import split_halves
from velonb.interpret.patterns import find_patterns, profile_along
from velonb.interpret.population import population
from velonb.interpret.spreads import compare_spreads, good_values

__all__ = [
    "calibrate",
    "compare_spreads",
    "explain_spread",
    "find_patterns",
    "good_values",
    "population",
    "profile_along",
    "residual_map",
    "split_halves",
    "to_electrons",
    "to_threshold",
]
