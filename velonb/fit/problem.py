"""What is fitted, as arrays: the counts of a chip, and what all its pixels share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from velonb.curves.model import PARAMETERS
from velonb.curves.region import known_region, shifts
from velonb.curves.sensor import Clouds
from velonb.curves.shapes import table_of, terms_of
from velonb.fit.engine.data import LANES, MOST_THRESHOLDS, NO_EXPOSURE, SCAN, Kind, Scan, kind_of
from velonb.fit.engine.start import NO_STARTS, Starts, prepare_starts

Array = NDArray[Any]


class Pixels(NamedTuple):
    """The counts of a chip at the thresholds that have an exposure, one pixel a column."""

    threshold: Array
    exposure: Array
    hits: Array
    baseline: Array
    cut: Array
    """Masked, or hardly any threshold with hits."""
    undefined: Array
    """The statistic has no value: no hits at an interior threshold, for Neyman's chi-square."""
    points: Array
    """Thresholds that enter the statistic."""

    @property
    def typical_baseline(self) -> float:
        """Median of the baselines that are known."""
        known = self.baseline[np.isfinite(self.baseline)]
        return float(np.median(known)) if known.size else 0.0


class Problem(NamedTuple):
    """What all pixels of a fit share, as the compiled fit takes it."""

    kind: Kind
    scan: Scan
    """One record."""
    starts: Starts

    @property
    def free(self) -> Array:
        """Which of f, A, s, E0 are free."""
        return self.scan["free"][0].astype(bool)


def prepare_pixels(flux: xr.Dataset, baseline: Array, statistic: str, nohits_cut: float) -> Pixels:
    """Select thresholds and pixels that can be fitted."""
    used = (flux["exposure"] > 0).values
    hits = flux["hits"].values[used].reshape(int(used.sum()), -1)
    empty = hits == 0
    cut = flux["mask"].values.ravel().astype(bool) | (empty.mean(axis=0) >= nohits_cut)
    undefined = np.zeros(cut.size, dtype=bool)
    points = np.full(cut.size, used.sum())
    if statistic == "chi2":
        points = (~empty).sum(axis=0)
        first, last = np.argmin(empty, axis=0), empty.shape[0] - np.argmin(empty[::-1], axis=0)
        undefined = ~cut & (points < last - first)
    return Pixels(
        flux["threshold"].values[used].astype(float),
        flux["exposure"].values[used].astype(float),
        hits,
        np.asarray(baseline, dtype=float).ravel(),
        cut,
        undefined,
        points,
    )


def describe_scan(
    pixels: Pixels,
    start: Mapping[str, float],
    free: tuple[str, ...],
    shape: str,
    statistic: str,
    *,
    table: Array | None = None,
    terms: int = 2,
) -> Problem:
    """Collect what all pixels of a fit share, with the places where it may begin."""
    kind = kind_of(shape, statistic, table)
    region = known_region(pixels.threshold, statistic, shape, pixels.typical_baseline)
    scan = _record(pixels, free, region, terms)
    scan["start"] = [start[name] for name in PARAMETERS]
    begin = shifts(pixels.threshold) if "E0" in free else np.array([start["E0"]])
    begin = begin[(begin >= region["E0"][0]) | ("E0" not in free)]
    size, baseline = pixels.threshold.size, pixels.typical_baseline
    starts = prepare_starts(kind, scan[0], size, begin, baseline)
    return Problem(kind, scan, starts)


def hold(
    pixels: Pixels,
    free: tuple[str, ...],
    shape: str,
    statistic: str,
    region: Mapping[str, tuple[float, float]],
    clouds: Clouds | None,
) -> Problem:
    """Describe a fit that begins where it is told to, the held parameters included."""
    kind = kind_of(shape, statistic, table_of(shape, clouds))
    return Problem(kind, _record(pixels, free, region, terms_of(shape)), NO_STARTS)


def _record(
    pixels: Pixels, free: tuple[str, ...], region: Mapping[str, tuple[float, float]], terms: int
) -> Array:
    """The scan as one record, padded, with the edges in the coordinates of the fit."""
    size = pixels.threshold.size
    if size > MOST_THRESHOLDS - LANES:
        raise ValueError(
            f"{size} thresholds have an exposure; the fit takes up to {MOST_THRESHOLDS - LANES}"
        )
    linear = terms == 1 or ("f" in free and "A" in free)
    if linear:
        bounded = region["f"][0] >= 0
        region = {**region, **dict.fromkeys(("f", "A"), (0.0 if bounded else -np.inf, np.inf))}
    scan = np.zeros(1, SCAN)
    one = scan[0]
    one["size"], one["linear"], one["terms"] = size + -size % LANES, linear, terms
    one["threshold"][:], one["exposure"][:] = pixels.threshold[-1], NO_EXPOSURE
    one["threshold"][:size], one["exposure"][:size] = pixels.threshold, pixels.exposure
    one["free"] = [name in free for name in PARAMETERS]
    one["low"], one["high"] = zip(*(region[name] for name in PARAMETERS), strict=True)
    return scan
