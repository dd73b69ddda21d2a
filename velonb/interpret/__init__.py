"""What the fits say about the chip: do pixels differ, by how much, in what pattern.

`spreads` compares how far pixels lie apart with the errors of their fits; `patterns` finds
gradients, and rows or columns that stand out at regular steps.
"""

from velonb.interpret.spreads import (
    average_curve,
    compare_spreads,
    find_patterns,
    profile_along,
)

__all__ = ["average_curve", "compare_spreads", "find_patterns", "profile_along"]
