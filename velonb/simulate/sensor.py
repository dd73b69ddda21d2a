"""Photons of an Fe-55 source in a pixel sensor, followed to the counts of every pixel.

Nothing here knows a curve that is fitted. Every photon converts at its own depth, frees its own
number of electrons and shares them with the neighbours of the pixel. The charge that a pixel
collects is distributed alike in all pixels; gain, noise and baseline are the pixel's own.

The counts of a pixel are exact; that neighbours see parts of one and the same photon, which makes
their counts go together by a few percent, is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline
from scipy.signal import fftconvolve
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from velonb.chip import Chip
from velonb.simulate.truth import (
    MASKED,
    Map,
    describe_pixels,
    draw_kinds,
    illumination,
    noise_of,
    pattern,
)


class Line(NamedTuple):
    """One line of the source, and how deep it goes into silicon."""

    energy: float
    """eV"""
    intensity: float
    """Relative to K-alpha."""
    depth: float
    """Absorption length in silicon (um)."""


LINES = (Line(5895.0, 1.0, 28.0), Line(6490.0, 0.117, 37.0))
"""Mn K-alpha and K-beta; the lengths are the photoelectric part of the tables of Hubbell & Seltzer,
NISTIR 5632."""
FANO = 0.115
PAIR_ENERGY = 3.65
"""Energy for an electron-hole pair in silicon (eV)."""
PHOTONS = 1 << 20
"""Photons of each line that are followed."""
MARGIN = 5.0
"""Photons are followed as far as this many diffusion widths outside of the pixel."""
QUIET = 3.0
"""Widths of the noise above the baseline below which the noise would count too."""


class Sensor(NamedTuple):
    """What a chip under photons is like: means over the pixels, and spreads between them."""

    rate: float = 0.6
    """Photons absorbed in the area of a pixel (1/s)."""
    gain: float = 13.4
    """Electrons per DAC."""
    noise: float = 110.0
    """Noise of a pixel (electrons)."""
    baseline: float = 1430.5
    """Threshold at which no charge lies (DAC)."""
    diffusion: float = 7.0
    """Width of a charge cloud that has crossed the whole sensor (um)."""
    rate_spread: float = 0.05
    """Relative."""
    gain_spread: float = 0.01
    """Relative."""
    noise_spread: float = 0.06
    """Relative."""
    baseline_spread: float = 5.8
    """DAC; random, and in patterns of rows and columns."""
    baseline_error: float = 1.0
    """Of the baseline in the detector's file (DAC)."""
    pitch: float = 55.0
    """um"""
    thickness: float = 200.0
    """um"""

    @classmethod
    def of(cls, chip: Chip, options: dict[str, Any]) -> Sensor:
        """Take the values given, after a check; the pitch is that of the chip."""
        allowed = [name for name in cls._fields if name != "pitch"]
        for name, value in options.items():
            if name not in allowed:
                raise ValueError(
                    f"{name} is not an option of physics='sensor'; they are {', '.join(allowed)}"
                )
            positive = not name.endswith(("_spread", "_error")) and name != "diffusion"
            if not np.isfinite(value) or value < 0 or (positive and value == 0):
                least = "above 0" if positive else "0 or more"
                raise ValueError(f"{name} is {value}; it must be a number, {least}")
        return cls(**options, pitch=chip.pitch)

    def checked(self, lowest: int) -> Sensor:
        """Refuse thresholds at which the noise, which is not followed, would count."""
        quiet = self.baseline + QUIET * self.noise / self.gain
        if lowest < quiet:
            raise ValueError(
                f"the lowest threshold is {lowest} DAC; below {quiet:.0f} DAC the noise would "
                "count too, which is not simulated: start higher"
            )
        return self


def collected_charge(sensor: Sensor) -> NDArray[np.float64]:
    """Follow photons: how often a photon leaves 0, 1, 2 ... electrons in a pixel.

    In photons per photon absorbed in the area of the pixel: most of its charge shares belong to
    photons that were absorbed in a neighbour, so the sum is larger than 1.
    """
    half = 0.5 * sensor.pitch
    reach = half + MARGIN * sensor.diffusion
    electrons = np.zeros(round(1.3 * LINES[-1].energy / PAIR_ENERGY))
    for number, line in enumerate(LINES):
        draws = qmc.Sobol(5, seed=number).random(PHOTONS).T
        stops = -np.expm1(-sensor.thickness / line.depth)
        depth = -line.depth * np.log1p(-draws[0] * stops)
        # Entering through the back, it has most of the sensor still to cross. The square of the
        # width grows with the time of the drift.
        width = sensor.diffusion * np.sqrt(1 - depth / sensor.thickness) + 1e-9
        x, y = reach * draws[1], reach * draws[2]
        share = _inside(x, half, width) * _inside(y, half, width)
        pairs = line.energy / PAIR_ENERGY
        freed = pairs + np.sqrt(FANO * pairs) * ndtri(draws[3])
        # Every electron arrives inside or outside on its own.
        partition = np.sqrt(freed * share * (1 - share)) * ndtri(draws[4])
        charge = np.rint(freed * share + partition).astype(int).clip(0, electrons.size - 1)
        weight = line.intensity / PHOTONS * (reach / half) ** 2
        electrons += weight * np.bincount(charge, minlength=electrons.size)
    electrons[0] = 0.0
    return electrons / sum(line.intensity for line in LINES)


def _inside(x: Map, half: float, width: Map) -> Map:
    """Part of a cloud at x within -half ... half."""
    return np.asarray(ndtr((half - x) / width) - ndtr((-half - x) / width))


def counts_above(
    electrons: NDArray[np.float64], threshold: NDArray[np.int_], noise: NDArray[np.float64]
) -> RectBivariateSpline:
    """Counts per photon against threshold and noise (electrons), blurred by the noise."""
    lowest, highest = int(threshold[0]), int(threshold[-1])
    distance = np.arange(lowest - electrons.size + 1, highest + 1)
    counts = [fftconvolve(electrons, ndtr(-distance / width), mode="valid") for width in noise]
    return RectBivariateSpline(threshold, noise, np.stack(counts, axis=1)[threshold - lowest])


def photon_flux(truth: xr.Dataset, sensor: Sensor) -> Callable[[int], Map]:
    """Flux (hits/s) of every pixel against threshold (DAC)."""
    gain, noise, baseline, rate = (
        truth[name].values for name in ("gain", "noise_electrons", "baseline", "A")
    )
    electrons = collected_charge(sensor)
    threshold = np.arange(0, 2 * electrons.size, 4)
    table = counts_above(electrons, threshold, np.linspace(0.98 * noise.min(), noise.max(), 24))

    def flux(at: int) -> Map:
        return np.asarray(rate * table.ev((at - baseline) * gain, noise)).clip(0)

    return flux


def draw_sensor(
    random: np.random.Generator,
    chip: Chip,
    sensor: Sensor,
    spot: float,
    numbers: dict[int, int],
) -> xr.Dataset:
    """Truth of every pixel of a chip that sees photons."""

    def normal() -> Map:
        return random.standard_normal(chip.size)

    maps = {
        "gain": sensor.gain * np.exp(sensor.gain_spread * normal()),
        "noise_electrons": sensor.noise * np.exp(sensor.noise_spread * normal()),
        "baseline": sensor.baseline + sensor.baseline_spread * pattern(normal()),
        "A": sensor.rate * np.exp(sensor.rate_spread * normal()) * illumination(chip, spot),
    }
    maps["E0"] = maps["baseline"] + LINES[0].energy / PAIR_ENERGY / maps["gain"]
    maps["s"] = maps["noise_electrons"] / maps["gain"]
    maps["noise_width"] = maps["s"] * np.exp(0.02 * normal())
    kind = draw_kinds(random, chip, numbers)
    maps["noise"] = noise_of(random, kind)
    predicted = np.rint(maps["baseline"] + sensor.baseline_error * normal())
    trim = np.rint(8.0 + 2.2 * normal()).clip(0, 15)
    # The detector writes 0 for what it masks.
    maps["predicted_baseline"] = np.where(kind == MASKED, 0.0, predicted)
    maps["trim"] = np.where(kind == MASKED, 0.0, trim)
    return describe_pixels(maps, kind)
