"""Where a fit may go and where it may begin: the same for one pixel and for all."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from velonb.curves.sensor import LARGEST_U, LARGEST_V

Array = NDArray[Any]


def check_thresholds(points: int, parameters: int) -> None:
    """Refuse a fit that has nothing to test itself with."""
    if points <= parameters:
        raise ValueError(
            f"{points} thresholds can be used; a fit of {parameters} parameters needs at least "
            f"{parameters + 1}: scan more thresholds, or free fewer parameters"
        )


def physical_region(threshold: Array, statistic: str) -> dict[str, tuple[float, float]]:
    """Bounds of f, A, s and E0 within which a likelihood fit stays.

    A noise below half a step of the scan is a step between two thresholds: the counts no longer
    tell one value of it from another. The established chi-square recipe knows no bounds; there, s
    alone is kept above zero, where the curve is defined.
    """
    step, span = float(np.median(np.diff(threshold))), float(np.ptp(threshold))
    if statistic == "chi2":
        everywhere = (-np.inf, np.inf)
        return {"f": everywhere, "A": everywhere, "s": (1e-3 * step, np.inf), "E0": everywhere}
    return {
        "f": (0.0, 1.0),
        "A": (0.0, np.inf),
        "s": (0.5 * step, span),
        "E0": (float(threshold.min()), float(threshold.max())),
    }


def known_region(
    threshold: Array, statistic: str, shape: str, baseline: float | None
) -> dict[str, tuple[float, float]]:
    """The part of that region that the table of a shape covers."""
    region = physical_region(threshold, statistic)
    if shape != "sensor" or baseline is None:
        return region
    lowest = max(region["E0"][0], baseline + (float(threshold.max()) - baseline) / LARGEST_U)
    widest = LARGEST_V * (lowest - baseline)
    return region | {
        "A": (0.0, np.inf),
        "s": (region["s"][0], min(region["s"][1], widest)),
        "E0": (lowest, float(threshold.max())),
    }


def shifts(threshold: Array) -> Array:
    """E0 at which a fit may begin."""
    return np.linspace(threshold[0], threshold[-1], 63)[1:-1].copy()
