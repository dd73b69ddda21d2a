"""The curve of many pixels together: what the ASIC sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from velonb.curves.model import threshold_curve
from velonb.curves.sensor import Clouds


def average_curve(
    t: ArrayLike,
    f: float,
    A: float,
    s: float,
    E0: float,
    spread: float,
    *,
    shape: str = "velo",
    baseline: float | None = None,
    clouds: Clouds | None = None,
) -> NDArray[np.float64]:
    """Average the curves of pixels whose E0 has a normal distribution.

    What the ASIC sees: a sum over pixels falls more gently than any of them, so a single curve
    through it has a noise s near sqrt(s^2 + spread^2), and does not fit.

    Parameters
    ----------
    t : array_like
        Threshold (DAC).
    f, A, s, E0 : float
        Curve of the typical pixel, as in `threshold_curve`.
    spread : float
        Standard deviation of E0 between pixels (DAC).
    shape, baseline, clouds
        As in `threshold_curve`.

    Returns
    -------
    ndarray of float64
        Flux (hits/s), by Gauss-Hermite quadrature.

    Examples
    --------
    >>> average_curve([1480, 1551, 1580], 9e-4, 8, 12, 1551, 6).round(4)
    array([0.7769, 0.1627, 0.0041])
    """
    node, weight = np.polynomial.hermite_e.hermegauss(21)
    curves = threshold_curve(
        np.asarray(t, dtype=float)[..., np.newaxis],
        f,
        A,
        s,
        E0 + spread * node,
        shape=shape,
        baseline=baseline,
        clouds=clouds,
    )
    return np.asarray(curves @ weight / weight.sum())
