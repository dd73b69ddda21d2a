"""Chips to measure on: counts in memory, and folders of acquisitions."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import xarray as xr

import velonb as vb

COLUMNS = 256
SECONDS = 131.0
"""Exposure of a threshold: 50 acquisitions of 2.62 s, or 10 of 13.1 s."""


def toy_flux(
    thresholds: int, pixels: int = 65536, *, exposure: float = SECONDS, seed: int = 37
) -> xr.Dataset:
    """Flux of a chip drawn from the model: thresholds 1480 to 1600, pixels as in the demo scan."""
    random = np.random.default_rng(seed)
    size = (pixels // COLUMNS, COLUMNS)
    f = 9e-4 * np.exp(0.10 * random.standard_normal(size))
    A = 8.0 * np.exp(0.05 * random.standard_normal(size))
    s = 12.0 * np.exp(0.06 * random.standard_normal(size))
    E0 = 1551.0 + 6.0 * random.standard_normal(size)
    t = np.linspace(1480, 1600, thresholds)
    curves = (vb.threshold_curve(one, f, A, s, E0) for one in t)
    hits = np.stack([random.poisson(exposure * curve) for curve in curves]).astype(np.int32)
    scan = xr.Dataset(
        {
            "hits": (("threshold", "row", "column"), hits),
            "exposure": ("threshold", np.full(thresholds, exposure)),
            "mask": (("row", "column"), np.zeros(size, dtype=bool)),
        },
        {"threshold": t, "row": np.arange(size[0]), "column": np.arange(COLUMNS)},
    )
    return vb.compute_flux(scan)


@contextmanager
def simulated_folder(thresholds: Sequence[int], acquisitions: int, shutter: str) -> Iterator[Path]:
    """A temporary folder of a full chip's acquisitions without faults."""
    with tempfile.TemporaryDirectory(prefix="velonb-benchmark-") as temporary:
        folder = Path(temporary) / "scan"
        vb.simulate_scan(
            folder,
            thresholds=thresholds,
            acquisitions=acquisitions,
            shutter=shutter,
            faults=False,
            noisy=0,
            progress=False,
        )
        yield folder


def acquisitions_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*_THR_*.csv"))
