"""What every shape is made of: terms with their derivatives, and the lines of the source."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

SQRT_2PI = np.sqrt(2.0 * np.pi)
BETA_TO_ALPHA_ENERGY = 6.490 / 5.895
"""Energy of the Mn K-beta line over that of the K-alpha line."""
BETA_TO_ALPHA_INTENSITY = 0.117
"""Intensity of the Mn K-beta line over that of the K-alpha line."""


class Term(NamedTuple):
    """One term of the curve with its derivatives with respect to s and E0."""

    value: Any
    s: Any
    E0: Any
    ss: Any
    sE0: Any
    E0E0: Any


Terms = tuple[Term, ...]
