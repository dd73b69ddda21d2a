"""Chips of other sizes than VeloPix, from the folder to results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import velonb as vb
from velonb import Chip, ScanError

THRESHOLDS = np.arange(1480, 1601, 8)
TRUTH = {"f": 9e-4, "A": 8.0, "s": 12.0, "E0": 1551.0}
CHIP = "Module0_VP0-1"
PREFIX = f"{CHIP}_ECS_data_ST_13s105ms_THR_"
SIZES = [(16, 64), (512, 256)]


def make_folder(folder: Path, size: tuple[int, int], acquisitions: int = 2) -> np.ndarray:
    """Write a scan of Poisson counts about one curve and a mask; return the hits."""
    random = np.random.default_rng(size[0])
    flux = vb.threshold_curve(THRESHOLDS, **TRUTH)
    hits = np.zeros((THRESHOLDS.size, *size), dtype=int)
    mask = np.zeros(size, dtype=int)
    mask[-1, :2] = 1
    folder.mkdir()
    write(folder / f"{CHIP}_Matrix_Mask.csv", mask)
    for index, threshold in enumerate(THRESHOLDS):
        for number in range(acquisitions):
            counts = np.minimum(random.poisson(flux[index] * 13.105, size), 62)
            write(folder / f"{PREFIX}{threshold}_{number}.csv", counts)
            hits[index] += counts * (mask == 0)
    return hits


def write(path: Path, counts: np.ndarray) -> None:
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in counts.tolist()))


def load(folder: Path, **options) -> xr.Dataset:
    return vb.load_scan(folder, **({"progress": False} | options))


@pytest.fixture(scope="module", params=SIZES, ids=str)
def made(request, tmp_path_factory) -> tuple[Path, np.ndarray]:
    folder = tmp_path_factory.mktemp("chips") / "scan"
    return folder, make_folder(folder, request.param)


@pytest.fixture
def small(tmp_path) -> Path:
    make_folder(tmp_path / "scan", (16, 64))
    return tmp_path / "scan"


def test_load_scan_finds_the_size_of_the_chip(made):
    folder, hits = made
    scan = load(folder)
    np.testing.assert_array_equal(scan.hits, hits)
    rows, columns = hits.shape[1:]
    assert list(scan.row) == list(range(rows))
    assert list(scan.column) == list(range(columns))
    assert int(scan.mask.sum()) == 2
    assert (scan.attrs["pitch"], scan.attrs["counter_max"]) == (55.0, 63)
    flux = scan.hits.isel(threshold=0).values[:, -8:][~scan.mask.values[:, -8:]]
    assert scan.last_columns_flux[0].mean().item() == pytest.approx(flux.mean() / 26.21)


def test_chip_of_other_size_goes_through_to_results(made, tmp_path):
    folder, hits = made
    rows, columns = size = hits.shape[1:]
    flux = vb.compute_flux(load(folder))
    assert flux.attrs["active_pixels"] == rows * columns - 2
    asic = vb.fit_asic(flux)
    assert asic.params["E0"].value == pytest.approx(TRUTH["E0"], abs=1)
    fits = vb.fit_pixels(flux, asic, progress=False)
    assert fits.E0.shape == (2, *size)
    fixed = fits.sel(fit="fixed")
    good = vb.good(fits, "fixed")
    assert good.mean() > 0.9
    assert fixed.E0.where(good).mean().item() == pytest.approx(TRUTH["E0"], abs=1)
    ladder = vb.fit_ladder(flux, asic, progress=False)
    assert ladder.E0.shape[1:] == size
    tilted = fits.assign(E0=fits.E0 + 40 * fits.column / columns)
    assert len(vb.find_patterns(tilted, "E0", "fixed"))
    assert vb.plot_heatmap(fits, "E0").axes
    saved = vb.load_netcdf(vb.save_netcdf(tmp_path / "fits.nc", fits))
    np.testing.assert_array_equal(saved.E0, fits.E0)
    assert saved.attrs["pitch"] == 55.0
    (written,) = [
        path
        for path in vb.export_csv(tmp_path / "csv", flux=flux, fits=fits)
        if path.name.startswith("E0matrix")
    ]
    assert np.loadtxt(written, delimiter=",").shape == size


def test_load_scan_with_chip_takes_pitch_and_counter_from_it(small):
    chip = Chip(rows=16, columns=64, pitch=35.0, counter_max=4095, block_columns=4)
    scan = load(small, chip=chip)
    assert (scan.attrs["pitch"], scan.attrs["counter_max"]) == (35.0, 4095)
    assert "last 4 columns" in scan.last_columns_flux.attrs["long_name"]
    assert load(small, chip=chip, counter_max=100).attrs["counter_max"] == 100


def test_load_scan_with_chip_refuses_files_of_another_size(small):
    (small / f"{CHIP}_Matrix_Mask.csv").unlink()
    message = r"THR_1480_0.csv has 16 lines of 64 counts: expected 256 lines of 256"
    with pytest.raises(ScanError, match=message), pytest.warns(UserWarning, match="no mask"):
        load(small, chip=Chip())


@pytest.mark.parametrize("threshold", [THRESHOLDS[0], THRESHOLDS[5], THRESHOLDS[-1]])
@pytest.mark.parametrize(
    ("size", "found"), [((8, 64), "8 lines"), ((16, 32), "16 lines of 32 counts")]
)
def test_load_scan_names_the_acquisition_of_another_size(small, threshold, size, found):
    name = f"{PREFIX}{threshold}_0.csv"
    write(small / name, np.ones(size, dtype=int))
    message = rf"{name} has {found}: expected 16 lines of 64"
    with pytest.raises(ScanError, match=message):
        load(small)
    with pytest.warns(UserWarning, match=message):
        scan = load(small, on_error="skip")
    assert vb.audit(scan).loc[threshold, "unreadable"] == 1


def test_load_scan_names_the_mask_of_another_size(small):
    write(small / f"{CHIP}_Matrix_Mask.csv", np.zeros((256, 256), dtype=int))
    message = r"Matrix_Mask.csv has 256 x 256 numbers: expected 16 lines of 64"
    with pytest.raises(ScanError, match=message):
        load(small)


def test_chip_of_impossible_numbers_is_refused():
    with pytest.raises(ValueError, match="columns of a chip is 0; it must be above 0"):
        Chip(columns=0)
