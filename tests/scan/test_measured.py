"""A measured scan of a chip of 16 x 64 pixels, alone and in the corner of a larger chip."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import velonb as vb
from velonb import Chip

MEASURED = Path(__file__).parents[3] / "shared" / "real"
SIZE = (16, 64)

pytestmark = pytest.mark.skipif(
    not (MEASURED / "h2m9_frames.npz").exists(),
    reason=f"measured scans may not be passed on: no h2m9_frames.npz in {MEASURED}",
)


@pytest.fixture(scope="module")
def padded(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("measured") / "padded"
    script, scan = MEASURED / "make_folder.py", MEASURED / "h2m9_frames.npz"
    subprocess.run([sys.executable, script, scan, folder, "--module", "H2M9"], check=True)
    return folder


@pytest.fixture(scope="module")
def cut(padded, tmp_path_factory) -> Path:
    """The same scan in files of the chip's own size."""
    folder = tmp_path_factory.mktemp("measured") / "cut"
    folder.mkdir()
    for path in padded.iterdir():
        values = np.loadtxt(path, delimiter=",", dtype=int)[: SIZE[0], : SIZE[1]]
        np.savetxt(folder / path.name, values, fmt="%d", delimiter=",")
    return folder


def fit(folder: Path, chip: Chip) -> tuple[xr.Dataset, xr.Dataset]:
    flux = vb.compute_flux(vb.load_scan(folder, chip=chip, bad_cut=np.inf, progress=False))
    asic = vb.fit_asic(flux, shape="consistent")
    return flux, vb.fit_pixels(flux, asic, shape="consistent", progress=False)


@pytest.mark.filterwarnings("ignore")  # what a measured scan is like is told by other tests
def test_measured_chip_gives_the_same_alone_and_in_the_corner_of_a_larger_one(padded, cut):
    chip = Chip(*SIZE, pitch=35.0, counter_max=2**20)
    flux, fits = fit(cut, chip)
    _, larger = fit(padded, Chip(counter_max=2**20))
    assert flux.hits.shape[1:] == SIZE
    corner = larger.isel(row=slice(SIZE[0]), column=slice(SIZE[1]))
    np.testing.assert_array_equal(fits.fit_type, corner.fit_type)
    for name in ("f", "A", "s", "E0", "E0_err"):
        np.testing.assert_allclose(fits[name], corner[name], rtol=1e-9)
    free, good = fits.sel(fit="free"), vb.good(fits, "free").values
    assert good.mean() > 0.75
    # Many of the rest have an f that is not above 0; few curves fail to describe the counts.
    assert (free.p_value < 0.05).mean() < 0.1
    spread = vb.intrinsic_spread(free.E0.values[good], free.E0_err.values[good])
    assert 1.0 < spread < 1.6
