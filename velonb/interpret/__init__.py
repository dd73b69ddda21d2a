"""What the fits say about the chip: do pixels differ, by how much, in what pattern.

`spreads` compares how far pixels lie apart with the errors of their fits; `patterns` finds
gradients, and rows or columns that stand out at regular steps.
"""

from velonb.interpret.patterns import find_patterns, profile_along
from velonb.interpret.spreads import compare_spreads, good_values

__all__ = ["compare_spreads", "find_patterns", "good_values", "profile_along"]
