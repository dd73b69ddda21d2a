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
    assert vb.good(fits, "fixed").mean() > 0.9
    ladder = vb.fit_ladder(flux, asic, progress=False)
    assert ladder.E0.shape[1:] == size
    E0 = ladder.E0.sel(fit="A+E0").where(vb.good(ladder, "A+E0"))
    assert E0.mean().item() == pytest.approx(TRUTH["E0"], abs=2)
    tilted = ladder.assign(E0=ladder.E0 + 40 * ladder.column / (columns - 1))
    slope = vb.find_patterns(tilted, "E0", "A+E0").loc["gradient along columns"]
    assert slope["size"] == pytest.approx(40, abs=5 * slope["error"])
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


MAPS = {
    "baseline": f"{CHIP}_TrimBest_Noise_Predict.csv",
    "noise_width": f"{CHIP}_Trim0_Noise_Width.csv",
    "trim": f"{CHIP}_Matrix_Trim.csv",
}


def write_maps(folder: Path, size: tuple[int, int] = (16, 64)) -> dict[str, np.ndarray]:
    random = np.random.default_rng(8)
    maps = {
        "baseline": random.normal(1430, 6, size).round(3),
        "noise_width": random.normal(6, 0.3, size).round(3),
        "trim": random.integers(0, 16, size),
    }
    maps["baseline"][3, 4] = maps["noise_width"][5, :6] = np.nan
    for name, values in maps.items():
        write(folder / MAPS[name], values)
    return maps


def test_load_scan_without_optional_maps_has_none(small):
    assert not load(small).keys() & MAPS.keys()


def test_optional_maps_come_with_the_scan_and_the_flux(small, tmp_path):
    maps = write_maps(small)
    scan = load(small)
    flux = vb.mask_noisy(vb.compute_flux(scan))
    saved = vb.load_netcdf(vb.save_netcdf(tmp_path / "flux.nc", flux))
    for name, values in maps.items():
        for dataset in (scan, flux, saved):
            np.testing.assert_array_equal(dataset[name], values)
            assert dataset[name].attrs["source"] == MAPS[name]
            assert dataset[name].attrs["units"] == ("1" if name == "trim" else "DAC")
            assert "long_name" in dataset[name].attrs
    assert scan.trim.dtype == np.int8
    assert scan.baseline.attrs["kind"] == "predicted"
    assert "kind" not in scan.noise_width.attrs


@pytest.mark.filterwarnings("ignore:.*left out")
def test_optional_maps_change_no_fit_but_that_of_two_lines(small):
    bare = vb.compute_flux(load(small))
    write_maps(small)
    flux = vb.compute_flux(load(small))
    asic = vb.fit_asic(flux)
    assert asic.params == vb.fit_asic(bare).params
    fits, same = (vb.fit_pixels(each, asic, progress=False) for each in (flux, bare))
    xr.testing.assert_identical(fits.drop_vars(["baseline", "noise_width"]), same)
    xr.testing.assert_identical(fits.baseline, flux.baseline)
    pixel = {"row": 3, "column": 4}  # its baseline is not known
    assert vb.fit_pixel(flux, **pixel).params == vb.fit_pixel(bare, **pixel).params
    fe55 = vb.fit_asic(flux, shape="fe55")
    assert fe55.model.baseline == pytest.approx(np.nanmedian(flux.baseline))
    two = vb.fit_pixels(flux, fe55, shape="fe55", progress=False)
    assert vb.good(two, "fixed").mean() > 0.9


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: [*lines[:4], "x,1", *lines[5:]], "line 5: "),
        (lambda lines: [*lines[:4], lines[4] + ",1", *lines[5:]], "line 5: "),
        (lambda lines: lines[:7], "ends after line 7 of 16"),
        (lambda lines: [], "has 0 numbers"),
    ],
)
def test_damaged_optional_map_is_named_and_left_out(small, name, damage, message):
    write_maps(small)
    path = small / MAPS[name]
    path.write_text("".join(line + "\n" for line in damage(path.read_text().splitlines())))
    with pytest.warns(UserWarning, match=rf"{name} is left out: .*{MAPS[name]}.*{message}"):
        scan = load(small)
    assert scan.keys() & MAPS.keys() == MAPS.keys() - {name}


@pytest.mark.parametrize(("value", "text"), [(-1, "-1"), (2.5, "2.5"), (np.nan, "nan")])
def test_trim_that_is_none_is_named(small, value, text):
    trim = write_maps(small)["trim"].astype(float)
    trim[2, 3] = value
    write(small / MAPS["trim"], trim)
    with pytest.warns(UserWarning, match=f"Trim.csv, line 3, value 4: {text} is not a trim"):
        assert "trim" not in load(small)


@pytest.mark.parametrize("name", MAPS)
def test_optional_map_of_another_size_is_refused(small, name):
    write(small / MAPS[name], np.ones((512, 256), dtype=int))
    with pytest.raises(ScanError, match=rf"{MAPS[name]} has 512 x 256 numbers: expected 16 lines"):
        load(small)


def test_codes_of_the_mask_are_kept(small, tmp_path):
    codes = np.zeros((16, 64))
    codes[0, :10] = 0, 1, 2, 3, 4, 5, 6, 17, 0.5, -1
    write(small / f"{CHIP}_Matrix_Mask.csv", codes)
    scan = load(small)
    reasons = scan.mask_reason
    assert reasons.dtype == np.int8
    assert reasons.values[0, :10].tolist() == [0, 1, 2, 3, 4, 5, 6, 6, 6, 0]
    np.testing.assert_array_equal(scan.mask, codes > 0)
    meanings = reasons.attrs["flag_meanings"].split()
    assert meanings[:3] == ["active", "dead", "no_response_trim_0"]
    assert meanings[5:] == ["off_target", "masked"]
    assert reasons.attrs["flag_values"].tolist() == list(range(7))
    assert (load(small, mask=codes > 0).mask_reason.values == 6).sum() == (codes > 0).sum()
    xr.testing.assert_equal(vb.compute_flux(scan).mask_reason, reasons)
