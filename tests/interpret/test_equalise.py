"""Trims: from the response of the chip, from a scan, and on a measured chip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import velonb as vb

MEASURED = Path(__file__).parents[3] / "shared" / "real" / "velopix_module3_vp0-0.npz"
SIZE = (64, 64)


def response_of(values: np.ndarray, trims=range(16)) -> xr.DataArray:
    coords = {"trim": list(trims)}
    return xr.DataArray(values, coords, ("trim", "row", "column"), "trim_response")


@pytest.fixture
def curved() -> np.ndarray:
    """Means of the noise that a straight line misses by up to 9 DAC."""
    random = np.random.default_rng(1)
    trim = np.arange(16.0)[:, None, None]
    bend = 9 * np.sin(np.pi * trim / 15)
    return random.normal(1300, 25, SIZE) + random.normal(15, 0.4, SIZE) * trim + bend


def spread_at(response: np.ndarray, trim: np.ndarray, active: np.ndarray) -> float:
    return float(np.take_along_axis(response, trim[None].astype(int), 0)[0][active].std())


def test_trim_is_the_nearest_of_all_measured(curved) -> None:
    settings = vb.equalise(response_of(curved), target=1412.0)
    slow = np.array(
        [[np.abs(curved[:, r, c] - 1412).argmin() for c in range(64)] for r in range(64)]
    )
    np.testing.assert_array_equal(settings["trim"], slow)
    active = settings["mask_reason"].values == 0
    expected = spread_at(curved, slow, active)
    assert settings.attrs["spread_measured"] == pytest.approx(expected)
    assert settings.attrs["spread_predicted"] == pytest.approx(expected)
    # What is left is the step: uniform within half of it on both sides.
    assert expected == pytest.approx(15 / 12**0.5, rel=0.1)
    assert settings.attrs["spread_untrimmed"] == pytest.approx(25, rel=0.05)
    assert np.isnan(settings.attrs["spread_now"])


def test_line_between_0_and_F_has_fifteen_steps(curved) -> None:
    ends = response_of(curved[[0, 15]], (0, 15))
    settings = vb.equalise(ends)
    step = (curved[15] - curved[0]) / 15
    assert settings.attrs["step"] == pytest.approx(step.mean())
    assert settings.attrs["target"] == pytest.approx((curved[0] + curved[15]).mean() / 2)
    wanted = np.rint((settings.attrs["target"] - curved[0]) / step).clip(0, 15)
    np.testing.assert_array_equal(settings["trim"], wanted)
    np.testing.assert_allclose(settings["baseline"], curved[0] + wanted * step)
    assert settings["baseline_measured"].isnull().mean() > 0.9
    full = vb.equalise(response_of(curved), line=True)
    np.testing.assert_array_equal(full["trim"], settings["trim"])
    assert full.attrs["spread_measured"] == pytest.approx(
        spread_at(curved, wanted, full["mask_reason"].values == 0)
    )


def test_trims_set_now_are_compared(curved) -> None:
    now = np.full(SIZE, 7)
    settings = vb.equalise(response_of(curved), trim=now)
    active = settings["mask_reason"].values == 0
    assert settings.attrs["spread_now"] == pytest.approx(spread_at(curved, now, active))
    np.testing.assert_allclose(settings["baseline_now"], curved[7])


def test_pixels_that_do_not_respond_or_reach_are_named(curved) -> None:
    curved[:, 0, 0] = 0
    curved[0, 0, 1] = np.nan
    curved[15, 0, 2] = 0
    curved[:, 0, 3] += 300
    curved[:, 0, 4] -= 300
    curved[:, 0, 5] = 1500 + 0 * curved[:, 0, 5]
    curved[5, 0, 6] = np.nan
    settings = vb.equalise(response_of(curved), target=1412.0)
    reasons = settings["mask_reason"]
    assert reasons.values[0, :7].tolist() == [1, 2, 3, 4, 4, 4, 0]
    assert reasons.attrs["flag_meanings"].split()[4] == "trim_out_of_range"
    assert settings["trim"].values[0, [0, 3, 4]].tolist() == [0, 0, 15]
    assert settings["trim"].dtype == np.int8
    assert np.isnan(settings["baseline"].values[0, 0])
    assert np.isfinite(settings["baseline"].values[0, 1:]).all()


def test_response_that_falls_with_the_trim_is_equalised_too(curved) -> None:
    falling = vb.equalise(response_of(curved[::-1].copy()), target=1412.0)
    rising = vb.equalise(response_of(curved), target=1412.0)
    np.testing.assert_array_equal(falling["trim"], 15 - rising["trim"])
    np.testing.assert_array_equal(falling["mask_reason"], rising["mask_reason"])


def test_response_that_cannot_be_used_is_refused(curved) -> None:
    with pytest.raises(
        ValueError, match=r"trim_response has trims \[0, 1, .*; it must have 0 and 15"
    ):
        vb.equalise(response_of(curved[:15], range(15)))
    with pytest.raises(ValueError, match="no pixel of trim_response responds at both"):
        vb.equalise(response_of(0 * curved))
    with pytest.raises(ValueError, match="it must be a DataArray with the dimensions trim, row"):
        vb.equalise(response_of(curved).rename(row="y"))
    with pytest.raises(ValueError, match=r"mask has shape \(2, 2\); it must be a map of shape"):
        vb.equalise(response_of(curved), mask=np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"trim has shape .* values 0 to 16; it must be a map"):
        vb.equalise(response_of(curved), trim=np.arange(64 * 64).reshape(SIZE) % 17)


def write_response(
    folder: Path, values: np.ndarray, chip="Module0_VP0-1", trims="0123456789ABCDEF"
):
    for trim, matrix in zip(trims, values, strict=True):
        np.savetxt(folder / f"{chip}_Trim{trim}_Noise_Mean.csv", matrix, fmt="%.6f", delimiter=",")


def test_response_is_read_from_the_files_of_the_detector(curved, tmp_path) -> None:
    curved[:, 2, 3] = 0
    write_response(tmp_path, curved)
    response = vb.load_trim_response(tmp_path)
    assert response.dims == ("trim", "row", "column")
    assert response["trim"].values.tolist() == list(range(16))
    assert response.attrs["module"], response.attrs["asic"] == ("Module0", "VP0-1")
    assert response.isnull().sum() == 16
    np.testing.assert_allclose(response.fillna(0), curved, atol=1e-6)


def test_response_needs_trims_0_and_F_of_one_chip(curved, tmp_path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"has no .*_Noise_Mean.csv of that chip; chips found: none"
    ):
        vb.load_trim_response(tmp_path)
    write_response(tmp_path, curved[[0]], trims="0")
    with pytest.raises(FileNotFoundError, match=r"lacks Module0_VP0-1_TrimF_Noise_Mean.csv"):
        vb.load_trim_response(tmp_path)
    write_response(tmp_path, curved[[15]], trims=["15"])
    assert vb.load_trim_response(tmp_path)["trim"].values.tolist() == [0, 15]
    write_response(tmp_path, curved[[0, 15]], "Module0_VP0-2", "0F")
    with pytest.raises(
        vb.ScanError, match="of Module0_VP0-1, Module0_VP0-2: give module= and asic="
    ):
        vb.load_trim_response(tmp_path)
    assert vb.load_trim_response(tmp_path, asic="VP0-2").attrs["asic"] == "VP0-2"
    write_response(tmp_path, curved[[15]], trims="F")
    with pytest.raises(vb.ScanError, match=r"trim 15 twice, .*Trim15_Noise_Mean.csv and .*TrimF_"):
        vb.load_trim_response(tmp_path, asic="VP0-1")
    (tmp_path / "Module0_VP0-2_TrimF_Noise_Mean.csv").write_text("1,2\n3\n")
    with pytest.raises(vb.ScanError, match=r"TrimF_Noise_Mean.csv, line 2"):
        vb.load_trim_response(tmp_path, asic="VP0-2")
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        vb.load_trim_response(tmp_path / "none")


def fits_of(E0: np.ndarray) -> xr.Dataset:
    dims, shape = ("fit", "row", "column"), (1, *E0.shape)
    fits = xr.Dataset(
        coords={"fit": ["A+E0"], "row": range(E0.shape[0]), "column": range(E0.shape[1])}
    )
    fits["E0"], fits["E0_err"] = (dims, E0[None]), (dims, np.ones(shape))
    fits["fit_type"], fits["at_limit"] = (
        (dims, np.ones(shape, np.int8)),
        (dims, np.zeros(shape, np.int8)),
    )
    return fits


def test_scan_asks_for_the_change_of_trim_that_its_E0_needs() -> None:
    E0 = np.random.default_rng(4).normal(1551, 20, SIZE)
    trim = np.full(SIZE, 8)
    fits = fits_of(E0)
    fits["fit_type"][0, 0, 0] = 0
    E0[0, 1], trim[0, 2], E0[0, 2] = 1551 - 300, 15, 1551 - 40
    change = vb.trim_change(fits, trim, 14.0, target=1551.0)
    moved = change["E0"].values
    reach = ~change["out_of_range"].values & np.isfinite(moved)
    assert np.abs(moved[reach] - 1551).max() <= 7.0
    np.testing.assert_array_equal(change["trim"] - trim, change["change"])
    assert change["change"].values[0, 0] == 0
    assert np.isnan(moved[0, 0])
    assert change["out_of_range"].values[0, :3].tolist() == [False, True, True]
    assert change["trim"].values[0, 1:3].tolist() == [15, 15]
    assert change.attrs["spread_now"] == pytest.approx(20, rel=0.1)
    assert change.attrs["spread_predicted"] < 6


def test_change_of_trim_is_refused_where_nothing_asks_for_it() -> None:
    fits = fits_of(np.full((4, 4), 1551.0))
    with pytest.raises(ValueError, match="step is 0 or nan in a pixel"):
        vb.trim_change(fits, np.full((4, 4), 8), 0.0)
    fits["fit_type"][:] = 0
    with pytest.raises(ValueError, match="no pixel has a good fit 'A"):
        vb.trim_change(fits, np.full((4, 4), 8), 14.0)


def test_settings_are_written_as_the_detector_reads_them(curved, tmp_path) -> None:
    curved[:, 0, 3] += 300
    settings = vb.equalise(response_of(curved))
    maps = {"trim": settings["trim"], "mask": settings["mask_reason"]}
    paths = vb.export_settings(tmp_path / "new", module="Module0", asic="VP0-1", **maps)
    assert [path.name for path in paths] == [
        "Module0_VP0-1_Matrix_Trim.csv",
        "Module0_VP0-1_Matrix_Mask.csv",
    ]
    for path, values in zip(paths, maps.values(), strict=True):
        lines = path.read_text().splitlines()
        assert len(lines) == 64
        assert [int(word) for word in lines[0].split(",")] == values.values[0].tolist()
        np.testing.assert_array_equal(np.loadtxt(path, delimiter=",", dtype=int), values)


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ({}, "nothing to export: give trim=, mask= or both"),
        (
            {"trim": [[7, 16]]},
            "trim is 16 in row 0, column 1; it must be a map of whole numbers from 0 to 15",
        ),
        ({"mask": [[0.5]]}, "mask is 0.5 in row 0, column 0"),
        ({"mask": [0, 1]}, r"mask has the shape \(2,\)"),
        ({"trim": [[1]], "mask": [[0, 1]]}, "trim and mask have the shapes"),
    ],
)
def test_settings_that_a_detector_cannot_read_are_refused(maps, message, tmp_path) -> None:
    with pytest.raises(ValueError, match=message):
        vb.export_settings(tmp_path, module="Module0", asic="VP0-1", **maps)
    assert list(tmp_path.iterdir()) == []


def test_equalisation_is_drawn_with_its_spreads(curved) -> None:
    settings = vb.equalise(response_of(curved), trim=np.full(SIZE, 7), line=True)
    left, right = vb.plot_trims(settings).axes
    words = [text.get_text() for text in left.get_legend().get_texts()]
    for word, spread in zip(words, ("now", "predicted", "measured"), strict=True):
        assert f"{settings.attrs[f'spread_{spread}']:.3g} DAC" in word
    assert "a trim, " in right.get_title()
    vb.plot_trims(vb.equalise(response_of(curved[[0, 15]], (0, 15))))


needs_measured = pytest.mark.skipif(
    not MEASURED.exists(), reason=f"measured chips may not be passed on: no {MEASURED}"
)


@pytest.fixture(scope="module")
def module3() -> dict[str, np.ndarray]:
    with np.load(MEASURED) as data:
        return {name: data[name] for name in data}


@needs_measured
def test_measured_response_of_a_chip_beats_its_prediction(module3) -> None:
    response, trim = response_of(module3["noise_mean"].astype(float)), module3["trim"]
    chosen = np.take_along_axis(module3["noise_mean"], trim[None].astype(int), 0)[0]
    middle = float(chosen[module3["mask"] == 0].mean())
    # Around the mean to which the detector's trims bring the chip.
    settings = vb.equalise(response, target=middle, trim=trim, mask=module3["mask"])
    assert settings.attrs["spread_now"] == pytest.approx(4.74, abs=0.01)
    assert settings.attrs["spread_measured"] == pytest.approx(3.96, abs=0.01)


@needs_measured
def test_prediction_of_the_detector_is_the_line_of_sixteen_steps(module3) -> None:
    noise, active = module3["noise_mean"].astype(float), module3["mask"] == 0
    # Its line ends at trim 16: with the last mean moved there, fifteen steps are the detector's.
    ends = np.stack([noise[0], noise[0] + (noise[15] - noise[0]) * 15 / 16])
    target = float(((noise[0] + noise[15]) / 2)[noise.min(axis=0) > 0].mean())
    theirs = vb.equalise(response_of(ends, (0, 15)), target=target)
    assert (theirs["trim"].values == module3["trim"])[active].mean() > 0.99
    measured = spread_at(noise, theirs["trim"].values, active)
    assert measured == pytest.approx(4.74, abs=0.01)
    out = (theirs["mask_reason"] == 4).values.sum()
    assert out == pytest.approx((module3["mask"] == 4).sum(), abs=3)
    ours = vb.equalise(response_of(noise), target=target)
    assert ours.attrs["spread_measured"] == pytest.approx(4.24, abs=0.01)
