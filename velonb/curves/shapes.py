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
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from velonb.curves.sensor import Clouds, sensor, sensor_table
from velonb.curves.term import (
    BETA_TO_ALPHA_ENERGY,
    BETA_TO_ALPHA_INTENSITY,
    SQRT_2PI,
    Term,
    Terms,
)
from velonb.functions import exp, tails
from velonb.vocabulary import free_parameters

# Multiplied with, since a division takes several times as long.
PER_SQRT_PI = 1 / np.sqrt(np.pi)
PER_SQRT_2PI = 1 / SQRT_2PI


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
    "sensor": sensor,
}

NEEDS_BASELINE = {
    "fe55": "K-beta lies a fixed factor above K-alpha counted from the baseline; give baseline=...",
    "sensor": (
        "charges are counted from it; give baseline=..., or take shape 'velo', whose E0 lies about "
        "1.3 DAC low on photons, with a gain 1 % high and a noise 28 % too large"
    ),
}
"""Shapes that count from the baseline, and what to do where it is not known."""


def slope_and_plateau(f: Any, A: Any, s: Any) -> tuple[Any, Any]:
    """C and P, in which the curve is linear."""
    return f * A, (1 - f) * A / (SQRT_2PI * s)


def parameters_of(shape: str) -> tuple[str, ...]:
    """What can be fitted: a shape of one term has no f."""
    return free_parameters("free", shape)


def terms_of(shape: str) -> int:
    """How many terms the curve has."""
    return 1 if shape == "sensor" else 2


def is_known(baseline: ArrayLike | None) -> bool:
    """Whether there is a baseline, of some pixel at least."""
    return baseline is not None and bool(np.isfinite(baseline).any())


def table_of(shape: str, clouds: Clouds | None) -> Any:
    """The table that all pixels share; None for shapes without one."""
    return sensor_table(clouds) if shape == "sensor" and clouds is not None else None


def shape_function(
    shape: str, baseline: ArrayLike | None = None, clouds: Clouds | None = None
) -> Callable[[Any, Any, Any], Terms]:
    """Return the terms against t, s and E0, after checking that the shape has what it needs.

    Raises
    ------
    ValueError
        If `shape` is unknown, or there is no `baseline` or no `clouds` although it needs one.
    """
    if shape not in SHAPES:
        raise ValueError(f"shape is {shape!r}; it must be one of {', '.join(SHAPES)}")
    if shape in NEEDS_BASELINE and not is_known(baseline):
        raise ValueError(
            f"shape {shape!r} needs a baseline (DAC), a number or a map: {NEEDS_BASELINE[shape]}"
        )
    if shape == "sensor" and clouds is None:
        raise ValueError(
            "shape 'sensor' needs the width of the clouds of charge, one for the chip: give a fit "
            "that knows it, fit_typical(flux, asic, shape='sensor'), or clouds=Clouds(width=...)"
        )
    return partial(SHAPES[shape], baseline=baseline, table=table_of(shape, clouds))
