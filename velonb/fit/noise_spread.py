"""How pixels differ in noise, beyond the errors of their fits: for toys that differ alike."""

from __future__ import annotations

from typing import NamedTuple

import lmfit
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from velonb.fit.pixels import fit_pixels
from velonb.statistics import scatter

FAR = 4.0
"""Pixels farther from the median, in units of the scatter, are left out."""


class NoiseSpread(NamedTuple):
    """Spread of the logarithm of s between pixels."""

    slope: float
    """Part that goes with E0, counted from the baseline (1/DAC): a gain is in both."""
    rest: float
    """Standard deviation of what does not."""

    def draw(
        self, fits: xr.Dataset, baseline: NDArray[np.float64], random: np.random.Generator
    ) -> xr.DataArray:
        """The noise (DAC) of pixels with the given E0, about the one s that all share."""
        charge = fits["E0"].values - baseline
        logarithm = self.slope * (charge - np.median(charge))
        logarithm += self.rest * random.standard_normal(charge.size)
        return fits["s"] * np.exp(np.clip(logarithm, -1, 1))


def noise_spread(
    sample: xr.Dataset, toy: xr.Dataset, reference: lmfit.model.ModelResult, threads: int | None
) -> NoiseSpread:
    """Find what pixels have and toys with one s for all do not."""
    of_pixels, of_toys = (_covariance(counts, reference, threads) for counts in (sample, toy))
    excess = of_pixels - of_toys
    slope = excess[0, 1] / of_pixels[0, 0]
    rest = excess[1, 1] - slope**2 * of_pixels[0, 0]
    return NoiseSpread(float(slope), float(np.sqrt(max(0.0, rest))))


def _covariance(
    counts: xr.Dataset, reference: lmfit.model.ModelResult, threads: int | None
) -> NDArray[np.float64]:
    """Covariance over pixels of E0 from the baseline, s being common, and of the own ln s."""
    free = [("A", "E0"), ("A", "s", "E0")]
    fits = fit_pixels(counts, reference, free=free, threads=threads, progress=False).isel(row=0)
    E0, s = fits["E0"].isel(fit=0).values, fits["s"].isel(fit=1).values
    found = np.isfinite(E0) & np.isfinite(s)
    charge = E0 - np.nan_to_num(counts["baseline"].values[0])
    both = np.stack([charge[found], np.log(s[found])])
    near = [np.abs(each - np.median(each)) <= FAR * scatter(each) for each in both]
    return np.cov(both[:, np.all(near, axis=0)])
