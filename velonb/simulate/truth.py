"""What a simulated chip is like: its pixels, and what goes wrong in its run."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from velonb.chip import Chip
from velonb.vocabulary import BAD_ACQUISITION, GOOD_ACQUISITION, MISSING

LIVING, MASKED, DEAD, NOISY = range(4)

_LABELS = {
    "f": ("1/DAC", "height of the charge-sharing continuum"),
    "A": ("DAC hits/s", "amplitude"),
    "s": ("DAC", "noise"),
    "E0": ("DAC", "position of the photopeak"),
    "baseline": ("DAC", "noise baseline"),
    "noise_width": ("DAC", "width of the noise"),
    "noise": ("hits/s", "flux of a noisy pixel above its curve"),
    "gain": ("e-/DAC", "gain"),
    "noise_electrons": ("e-", "noise"),
    "predicted_baseline": ("DAC", "noise baseline in the detector's file"),
    "trim": ("1", "trim, 0 to 15"),
}
_LABELS_OF_PHOTONS = {
    "A": ("hits/s", "photons absorbed in the area of the pixel"),
    "E0": ("DAC", "threshold at which the whole charge of K-alpha lies"),
}

Map = NDArray[np.float64]


def draw_pixels(
    random: np.random.Generator,
    chip: Chip,
    mean: dict[str, float],
    spread: dict[str, float],
    spot: float,
    numbers: dict[int, int],
) -> xr.Dataset:
    """Truth of every pixel: parameters, noise and kind."""

    def normal() -> Map:
        return random.standard_normal(chip.size)

    # Log-normal: a spread however large never makes a parameter negative.
    maps = {name: mean[name] * np.exp(spread[name] * normal()) for name in ("f", "A", "s")}
    maps["A"] *= illumination(chip, spot)
    maps["E0"] = mean["E0"] + spread["E0"] * pattern(normal())
    maps["baseline"] = maps["E0"] - 120.0 + 1.5 * normal()
    maps["noise_width"] = 6.0 * np.exp(0.05 * normal())
    kind = draw_kinds(random, chip, numbers)
    maps["noise"] = noise_of(random, kind)
    return describe_pixels(maps, kind)


def describe_pixels(maps: dict[str, Map], kind: NDArray[np.int8]) -> xr.Dataset:
    """Collect the truth of every pixel, with units and meanings."""
    labels = _LABELS | (_LABELS_OF_PHOTONS if "gain" in maps else {})
    pixel = ("row", "column")
    truth = xr.Dataset(
        {
            name: (pixel, values, dict(zip(("units", "long_name"), labels[name], strict=True)))
            for name, values in maps.items()
        },
        {"row": np.arange(kind.shape[0]), "column": np.arange(kind.shape[1])},
    )
    flags = {
        "flag_values": np.arange(4, dtype=np.int8),
        "flag_meanings": "living masked dead noisy",
    }
    truth["kind"] = pixel, kind, {"units": "1", "long_name": "kind of pixel"} | flags
    return truth


def illumination(chip: Chip, spot: float) -> Map:
    """Light on every pixel, mean 1, brighter near the middle."""
    rows, columns = np.indices(chip.size)
    distance = np.hypot(rows / chip.rows - 0.55, columns / chip.columns - 0.45)
    light = 1 + spot * np.exp(-0.5 * (distance / 0.3) ** 2)
    return light / light.mean()


def pattern(normal: Map) -> Map:
    """Differences between pixels, mean 0 and standard deviation 1: random, rows, columns, slope."""
    (height, width), (rows, columns) = normal.shape, np.indices(normal.shape)
    total = 5.0 * normal
    total += np.where(rows % 16 == 15, 6.0, 0.0)
    total += np.where(columns % 2 == 0, 1.5, -1.5)
    total += 4.0 * (columns / width - 0.5) + 6.0 * (rows / height - 0.5)
    return (total - total.mean()) / total.std()


def draw_kinds(
    random: np.random.Generator, chip: Chip, numbers: dict[int, int]
) -> NDArray[np.int8]:
    """Choose that many pixels of each kind; the others are living."""
    kinds = np.full(chip.rows * chip.columns, LIVING, dtype=np.int8)
    chosen = np.repeat(list(numbers), list(numbers.values()))
    kinds[random.permutation(kinds.size)[: chosen.size]] = chosen
    return kinds.reshape(chip.size)


def noise_of(random: np.random.Generator, kind: NDArray[np.int8]) -> Map:
    """Flux of the noisy pixels, 1 to 10 hits/s."""
    return np.where(kind == NOISY, 10 ** random.random(kind.shape), 0.0)


def draw_faults(
    random: np.random.Generator, thresholds: int, acquisitions: int, faults: bool
) -> NDArray[np.int8]:
    """Status of every acquisition: good, bad (hot last columns) or missing."""
    status = np.full((thresholds, acquisitions), GOOD_ACQUISITION, dtype=np.int8)
    if not faults:
        return status
    status[random.random(status.shape) < 0.05] = BAD_ACQUISITION
    status[np.arange(thresholds), random.integers(acquisitions, size=thresholds)] = GOOD_ACQUISITION
    lost, incomplete = random.choice(np.arange(1, thresholds), size=2, replace=False)
    status[lost] = BAD_ACQUISITION
    status[incomplete, -2:] = GOOD_ACQUISITION, MISSING
    return status
