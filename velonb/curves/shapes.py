"""The shapes of the threshold curve.

Every shape is linear in the slope of the continuum, C, and in the height of the plateau below the
peak, P::

    F(t) = C * sharing(t; s, E0) + P * peak(t; s, E0),  C = f A,  P = (1 - f) A / (sqrt(2 pi) s)

A new shape is one function here: it returns `sharing` and `peak` with their first and second
derivatives with respect to s and E0, and joins `SHAPES`. The same function serves arrays and,
compiled, the fit of every pixel; it may use the baseline of the pixel and a table that all pixels
share. A shape of one term returns that alone: F(t) = A * term(t; s, E0), and f takes no part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from velonb.functions import exp, tails

SQRT_2PI = np.sqrt(2.0 * np.pi)
# Multiplied with, since a division takes several times as long.
PER_SQRT_PI = 1 / np.sqrt(np.pi)
PER_SQRT_2PI = 1 / SQRT_2PI

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


def velo(t: Any, s: Any, E0: Any, baseline: Any = None, table: Any = None) -> Terms:
    """The form in use for VELO scans: the continuum is blurred by s / sqrt(2)."""
    per_s = 1 / s
    z = (t - E0) * per_s
    gauss = exp(-0.5 * z * z)
    above, peak_above = tails(z, gauss)
    slope = gauss * gauss * PER_SQRT_PI
    continuum, bend = 0.5 * s * slope + (E0 - t) * above, slope * per_s
    sharing = Term(continuum, 0.5 * slope, above, z * z * bend, z * bend, bend)
    return sharing, _photopeak(z, per_s, gauss * PER_SQRT_2PI, peak_above)


def consistent(t: Any, s: Any, E0: Any, baseline: Any = None, table: Any = None) -> Terms:
    """Continuum and photopeak blurred by the same noise s."""
    per_s = 1 / s
    z = (t - E0) * per_s
    gauss = exp(-0.5 * z * z)
    normal, (_, above) = gauss * PER_SQRT_2PI, tails(z, gauss)
    continuum, bend = s * normal + (E0 - t) * above, normal * per_s
    sharing = Term(continuum, normal, above, z * z * bend, z * bend, bend)
    return sharing, _photopeak(z, per_s, normal, above)


def fe55(t: Any, s: Any, E0: Any, baseline: Any = None, table: Any = None) -> Terms:
    """Both lines of an Fe-55 source, K-beta scaled in energy from the baseline."""
    alpha = consistent(t, s, E0)
    beta = consistent(t, s, baseline + (E0 - baseline) * BETA_TO_ALPHA_ENERGY)
    return _two_lines(alpha[0], beta[0]), _two_lines(alpha[1], beta[1])


def _photopeak(z: Any, per_s: Any, normal: Any, above: Any) -> Term:
    d = normal * per_s
    bend = d * per_s
    return Term(above, z * d, d, (z * z - 2) * z * bend, (z * z - 1) * bend, z * bend)


def _two_lines(alpha: Term, beta: Term) -> Term:
    r, scale = BETA_TO_ALPHA_INTENSITY, BETA_TO_ALPHA_ENERGY
    return Term(
        (alpha.value + r * beta.value) / (1 + r),
        (alpha.s + r * beta.s) / (1 + r),
        (alpha.E0 + r * scale * beta.E0) / (1 + r),
        (alpha.ss + r * beta.ss) / (1 + r),
        (alpha.sE0 + r * scale * beta.sE0) / (1 + r),
        (alpha.E0E0 + r * scale * scale * beta.E0E0) / (1 + r),
    )


SHAPES: dict[str, Callable[..., Terms]] = {
    "velo": velo,
    "consistent": consistent,
    "fe55": fe55,
}


def slope_and_plateau(f: Any, A: Any, s: Any) -> tuple[Any, Any]:
    """C and P, in which the curve is linear."""
    return f * A, (1 - f) * A / (SQRT_2PI * s)


def shape_function(shape: str, baseline: ArrayLike | None = None) -> Callable[..., Terms]:
    """Return the function of a shape, after checking that it has what it needs.

    Raises
    ------
    ValueError
        If `shape` is unknown, or is ``"fe55"`` and there is no `baseline`.
    """
    if shape not in SHAPES:
        raise ValueError(f"shape is {shape!r}; it must be one of {', '.join(SHAPES)}")
    if shape == "fe55" and baseline is None:
        raise ValueError(
            "shape 'fe55' needs a baseline (DAC), a number or a map: K-beta lies a fixed factor "
            "above K-alpha counted from the baseline; give baseline=..."
        )
    return SHAPES[shape]
