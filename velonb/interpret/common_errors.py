"""What is wrong alike in all pixels: errors that a gain and a noise in electrons share."""

from __future__ import annotations

import math
from typing import NamedTuple

import xarray as xr


class Share(NamedTuple):
    """Relative errors of gain and noise."""

    gain: float
    noise: float


SHAPE = {
    "velo": Share(0.016, 0.27),
    "consistent": Share(0.023, 0.29),
    "fe55": Share(0.028, 0.15),
    "sensor": Share(0.001, 0.01),
}
"""By how much each shape gives more than the truth, fitted to photons of a sensor of 200 um with
110 e- of noise, clouds of 7 um and the thresholds 1480 to 1600 DAC. They have one sign: too high.
The shapes without K-beta and charge sharing put both into the noise."""
DIFFUSION = {
    "velo": Share(0.007, 0.02),
    "consistent": Share(0.012, 0.04),
    "fe55": Share(0.011, 0.034),
    "sensor": Share(0.001, 0.01),
}
"""What clouds of 5 or 9 um instead of 7 change in it."""
K_BETA = {"fe55": Share(0.001, 0.02), "sensor": Share(0.001, 0.02)}
"""What 10 % of the intensity of K-beta change, for shapes that have the line; the others count it
among the errors of the shape."""


def common_errors(
    fits: xr.Dataset, zero: xr.Dataset, distance: float, pair_energy: float, pair_energy_err: float
) -> dict[str, Share]:
    """Relative errors of gain and noise that all pixels share, by their cause.

    `distance` is that of E0 from the baseline (DAC). The noise has the error of the common s,
    too, where s was not free.
    """
    shape = str(fits.attrs.get("shape", "velo"))
    of_pair = pair_energy_err / pair_energy
    of_zero = zero["baseline"].attrs.get("common_err", math.nan) / distance
    nothing = Share(0.0, 0.0)
    return {
        "pair_energy": Share(of_pair, of_pair),
        "baseline": Share(of_zero, of_zero),
        "shape": SHAPE.get(shape, Share(math.nan, math.nan)),
        "diffusion": DIFFUSION.get(shape, nothing),
        "K_beta": K_BETA.get(shape, nothing),
    }


def described(causes: dict[str, Share], gain: float, noise: float) -> dict[str, float]:
    """As attributes: the quadratic sums in e-/DAC and e-, and each cause in percent."""
    sums = {
        "gain_common_err": gain * math.hypot(*(share.gain for share in causes.values())),
        "noise_common_err": noise * math.hypot(*(share.noise for share in causes.values())),
    }
    percent = {
        f"{of}_common_err_{cause}_percent": round(100 * getattr(share, of), 3)
        for of in ("gain", "noise")
        for cause, share in causes.items()
    }
    return sums | percent
