"""The noise baseline at the trims in use, and the detector's prediction of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import velonb as vb

CHIP = "Module0_VP0-1"
SIZE = (16, 64)
THRESHOLDS = [1480, 1520, 1560]
MEASURED = Path(__file__).parents[3] / "shared" / "real"
BEND = 0.05


def means_of(random: np.random.Generator, bend: float = BEND) -> np.ndarray:
    """Noise means at all trims (DAC): steps of 15.5 DAC, and a curvature."""
    trim = np.arange(16)[:, None, None]
    first, step = random.normal(1340, 15, SIZE), random.normal(15.5, 1.0, SIZE)
    return np.rint(first + step * trim + bend * trim * (15 - trim))


@pytest.fixture
def chip(tmp_path) -> tuple[Path, np.ndarray, np.ndarray]:
    """A folder with acquisitions, a mask and trims; the means and the trims."""
    random = np.random.default_rng(5)
    folder = tmp_path / "scan"
    folder.mkdir()
    for threshold in THRESHOLDS:
        name = f"{CHIP}_ECS_data_ST_1s310ms_THR_{threshold}_0.csv"
        write(folder / name, random.poisson(2, SIZE))
    write(folder / f"{CHIP}_Matrix_Mask.csv", np.zeros(SIZE, dtype=int))
    trim = random.integers(0, 16, SIZE)
    write(folder / f"{CHIP}_Matrix_Trim.csv", trim)
    return folder, means_of(random), trim


def write(path: Path, values: np.ndarray) -> None:
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in values.tolist()))


def write_means(folder: Path, means: np.ndarray, trims) -> None:
    for trim in trims:
        write(folder / f"{CHIP}_Trim{trim:X}_Noise_Mean.csv", means[trim])


def write_prediction(folder: Path, means: np.ndarray, trim: np.ndarray, steps: int) -> np.ndarray:
    predicted = np.rint(means[0] + trim * (means[15] - means[0]) / steps)
    write(folder / f"{CHIP}_TrimBest_Noise_Predict.csv", predicted)
    return predicted


def at(trim: np.ndarray, means: np.ndarray) -> np.ndarray:
    return np.take_along_axis(means, trim[None], 0)[0]


def load(folder: Path) -> xr.Dataset:
    return vb.load_scan(folder, progress=False, bad_cut=np.inf)


def test_baseline_is_measured_at_the_trims_in_use(chip) -> None:
    folder, means, trim = chip
    write_means(folder, means, range(16))
    scan = load(folder)
    np.testing.assert_array_equal(scan.baseline, at(trim, means))
    assert scan.baseline.attrs["kind"] == "measured"
    assert scan.baseline.attrs["common_err"] == 0
    np.testing.assert_allclose(scan.baseline_err, 1.1)
    flux = vb.compute_flux(scan)
    xr.testing.assert_equal(flux.baseline_err, scan.baseline_err)


def test_baseline_is_predicted_with_15_steps(chip) -> None:
    folder, means, trim = chip
    write_means(folder, means, [0, 15])
    scan = load(folder)
    expected = means[0] + trim * (means[15] - means[0]) / 15
    np.testing.assert_allclose(scan.baseline, expected)
    assert scan.baseline.attrs["kind"] == "predicted"
    error, ends = scan.baseline_err.values, np.isin(trim, [0, 15])
    np.testing.assert_allclose(error[ends], 1.1)
    assert error[~ends].min() > error[trim == 1].min() - 1e-9
    assert error[np.isin(trim, [7, 8])].min() == error.max()
    assert 1 < scan.baseline.attrs["common_err"] < 3.1
    np.testing.assert_allclose((at(trim, means) - expected).mean(), 0.05 * 35, rtol=0.15)


def test_prediction_divided_by_16_is_recognised_and_corrected(chip) -> None:
    folder, means, trim = chip
    write_means(folder, means, [0, 15])
    predicted = write_prediction(folder, means, trim, 16)
    right = means[0] + trim * (means[15] - means[0]) / 15
    by = np.mean(right - predicted)
    message = rf"TrimBest_Noise_Predict.csv, a prediction divided by 16.*on average \+{by:.1f} DAC"
    with pytest.warns(UserWarning, match=message):
        scan = load(folder)
    np.testing.assert_allclose(scan.baseline, right)
    with pytest.warns(UserWarning, match="divided by 16"):
        maps = vb.read_baseline(folder, module="Module0", asic="VP0-1")
    np.testing.assert_allclose(maps.baseline, right)
    assert maps.attrs == {"module": "Module0", "asic": "VP0-1"}


def test_prediction_of_15_steps_stays_without_a_warning(chip) -> None:
    folder, means, trim = chip
    write_means(folder, means, [0, 15])
    write_prediction(folder, means, trim, 15)
    assert load(folder).baseline.attrs["kind"] == "predicted"


def test_measured_baseline_is_taken_before_a_prediction(chip) -> None:
    folder, means, trim = chip
    write_means(folder, means, range(16))
    write_prediction(folder, means, trim, 16)
    with pytest.warns(UserWarning, match="divided by 16, where there are 15 steps, but measured"):
        scan = load(folder)
    np.testing.assert_array_equal(scan.baseline, at(trim, means))


def test_prediction_that_cannot_be_checked_says_so(chip) -> None:
    folder, means, trim = chip
    predicted = write_prediction(folder, means, trim, 16)
    scan = load(folder)
    np.testing.assert_array_equal(scan.baseline, predicted)
    assert scan.baseline.attrs["checked"].startswith("no: ")
    assert scan.baseline.attrs["common_err"] > 8
    assert "baseline_err" not in scan


def test_baseline_unlike_the_prediction_is_kept_and_told(chip) -> None:
    folder, means, trim = chip
    write_means(folder, means, [0, 15])
    write(folder / f"{CHIP}_TrimBest_Noise_Predict.csv", at(trim, means) + 40)
    with pytest.warns(UserWarning, match=r"kept as written in .*not what trims 0 and F predict"):
        scan = load(folder)
    np.testing.assert_array_equal(scan.baseline, at(trim, means) + 40)


def test_pixel_without_response_has_no_baseline_and_stops_no_other(chip) -> None:
    folder, means, _ = chip
    means[:, 3, 4] = 0
    write_means(folder, means, [0, 15])
    scan = load(folder)
    assert np.isnan(scan.baseline.values[3, 4])
    assert np.isnan(scan.baseline_err.values[3, 4])
    assert np.isfinite(scan.baseline).sum() == scan.baseline.size - 1


def test_damaged_noise_mean_costs_its_trim_alone(chip) -> None:
    folder, means, trim = chip
    write_means(folder, means, range(16))
    (folder / f"{CHIP}_Trim7_Noise_Mean.csv").write_text("1,x\n")
    with pytest.warns(UserWarning, match="trim 7 is left out: .*Trim7_Noise_Mean.csv"):
        scan = load(folder)
    others = trim != 7
    np.testing.assert_array_equal(scan.baseline.values[others], at(trim, means)[others])
    between = (means[6] + means[8]) / 2
    np.testing.assert_allclose(scan.baseline.values[~others], between[~others])
    assert scan.baseline.attrs["kind"] == "predicted"


@pytest.mark.parametrize(
    ("name", "trims", "low"),
    [("module3_vp0-0", range(16), 10.5), ("module1_vp0-1", (0, 15), 7.1)],
)
def test_measured_chips_have_predictions_divided_by_16(name, trims, low) -> None:
    from velonb.scan.baselines import baseline_at, steps_of

    path = MEASURED / f"velopix_{name}.npz"
    if not path.exists():
        pytest.skip(f"measurements may not be passed on: no {path.name} in {MEASURED}")
    data = np.load(path)
    active = data["mask"] == 0
    values = np.where(data["noise_mean"] > 0, data["noise_mean"], np.nan).astype(float)
    means, trim = dict(zip(trims, values, strict=True)), data["trim"].astype(int)
    written = data["predicted_baseline"].astype(float)
    assert steps_of(written, trim, means) == 16
    value, error, measured = baseline_at(trim, means)
    apart = (value - written)[active]
    assert apart.mean() == pytest.approx(low, abs=0.1)
    if measured.all():
        predicted, error, _ = baseline_at(trim, {0: means[0], 15: means[15]})
        pull = ((value - predicted) / np.hypot(error, 1.1))[active]
        # The straight line lies below: what is common is no part of the error of a pixel.
        assert pull.std() == pytest.approx(1, abs=0.15)
