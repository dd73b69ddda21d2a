"""A scan of the noise: baseline and width from counts that saturate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import poisson

import velonb as vb
from velonb.scan.noise_peak import noise_peaks

CHIP = "Module1_VP0-0"
MEASURED = Path(__file__).parents[3] / "shared" / "real" / "velopix_noise_scan_module1_vp0-0.npz"
THRESHOLDS = np.arange(1252, 1361, 2)
SIZE = (16, 64)


def draw(size=SIZE, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts of pixels with known baseline and width (DAC), full at 63."""
    random = np.random.default_rng(seed)
    baseline, width = random.normal(1306, 8, size), random.normal(7.6, 0.4, size)
    height = np.exp(random.normal(5.5, 0.5, size))
    z = (THRESHOLDS[:, None, None] - baseline) / width
    return np.minimum(random.poisson(height * np.exp(-0.5 * z**2)), 63), baseline, width


def write_scan(folder: Path, counts: np.ndarray) -> None:
    folder.mkdir(exist_ok=True)
    for threshold, values in zip(THRESHOLDS, counts, strict=True):
        name = f"{CHIP}_ECS_data_ST_0s100ms_THR_{threshold}_0.csv"
        (folder / name).write_text("".join(",".join(map(str, row)) + "\n" for row in values))
    mask = np.zeros(counts.shape[1:], dtype=int)
    mask[0, 0] = 1
    text = "".join(",".join(map(str, row)) + "\n" for row in mask)
    (folder / f"{CHIP}_Matrix_Mask.csv").write_text(text)


def load(folder: Path, **options):
    return vb.load_noise_scan(folder, **{"progress": False} | options)


def test_noise_scan_gives_baseline_and_width(tmp_path) -> None:
    counts, baseline, width = draw()
    write_scan(tmp_path, counts)
    scan = load(tmp_path)
    np.testing.assert_array_equal(scan.hits, counts)
    assert np.isnan(scan.baseline.values[0, 0])
    for name, true in (("baseline", baseline), ("noise_width", width)):
        pull = ((scan[name] - true) / scan[f"{name}_err"]).values.ravel()[1:]
        assert np.isfinite(pull).all()
        assert pull.mean() == pytest.approx(0, abs=0.3)
        assert pull.std() == pytest.approx(1, abs=0.1)
        assert scan[name].attrs["units"] == "DAC"
    moments = np.average((THRESHOLDS - 1306.0) ** 2, weights=counts.sum((1, 2)))
    assert np.sqrt(moments) > 1.3 * width.mean()
    assert scan.attrs["module"] == "Module1"
    assert (scan.saturated >= 3).mean() > 0.9
    again = vb.load_netcdf(vb.save_netcdf(tmp_path / "noise.nc", scan))
    np.testing.assert_array_equal(again.noise_width, scan.noise_width)


def test_peak_is_the_maximum_of_the_censored_likelihood() -> None:
    counts, *_ = draw((1, 3))
    counts = counts[:, 0]
    peaks = noise_peaks(THRESHOLDS.astype(float), counts, 63)
    for pixel in range(3):
        n = counts[:, pixel]
        # The tails that are left out hold hardly any hits.
        near = np.abs(THRESHOLDS - peaks["baseline"][pixel]) < 3.5 * peaks["noise_width"][pixel]

        def minus_log(x, n=n, near=near):
            mu = np.exp(x[0] - 0.5 * ((THRESHOLDS - 1300 - x[1]) / x[2]) ** 2)
            terms = np.where(n == 63, poisson.logsf(62, mu), poisson.logpmf(n, mu))
            return -terms[near].sum()

        found = minimize(minus_log, [5, 0, 8], method="Nelder-Mead", options={"xatol": 1e-6})
        assert peaks["baseline"][pixel] == pytest.approx(1300 + found.x[1], abs=1e-3)
        assert peaks["noise_width"][pixel] == pytest.approx(found.x[2], abs=1e-3)


def test_pixel_without_a_peak_is_unknown_and_stops_no_other(tmp_path) -> None:
    counts, baseline, _ = draw()
    counts[:, 3, 3] = 0
    counts[:, 4, 4] = 63
    counts[:, 5, 5] = 1.07 ** np.arange(len(THRESHOLDS))
    write_scan(tmp_path, counts)
    with pytest.warns(UserWarning, match=r"3 of 1,023 active pixels show no noise peak between"):
        scan = load(tmp_path)
    assert np.isnan(scan.baseline.values[[3, 4, 5], [3, 4, 5]]).all()
    rest = np.isfinite(scan.baseline.values)
    assert rest.sum() == counts[0].size - 4
    assert np.abs(scan.baseline.values - baseline)[rest].max() < 2


def test_scan_with_a_source_is_no_noise_scan(tmp_path) -> None:
    write_scan(tmp_path, draw()[0])
    more = tmp_path / f"{CHIP}_ECS_data_ST_0s100ms_THR_1252_1.csv"
    more.write_bytes((tmp_path / f"{CHIP}_ECS_data_ST_0s100ms_THR_1252_0.csv").read_bytes())
    with pytest.raises(vb.ScanError, match=r"2 acquisitions at threshold 1252: .*load_scan"):
        load(tmp_path)


def test_count_above_the_counter_is_named(tmp_path) -> None:
    counts = draw()[0]
    counts[5, 2, 3] = 64
    write_scan(tmp_path, counts)
    with pytest.raises(vb.ScanError, match=r"THR_1262_0.csv, line 3, value 4: 64 is above 63"):
        load(tmp_path)
    assert load(tmp_path, counter_max=64).attrs["counter_max"] == 64


def test_file_of_another_size_is_named(tmp_path) -> None:
    write_scan(tmp_path, draw()[0])
    (tmp_path / f"{CHIP}_ECS_data_ST_0s100ms_THR_1262_0.csv").write_text("1,2\n3,4\n")
    with pytest.raises(vb.ScanError, match=r"THR_1262_0.csv has 2 lines of 2 counts: expected 16"):
        load(tmp_path)


@pytest.mark.skipif(
    not MEASURED.exists(), reason=f"measurements may not be passed on: no {MEASURED}"
)
def test_measured_peaks_are_narrower_than_their_moments() -> None:
    data = np.load(MEASURED)
    t, counts = data["threshold"].astype(float), data["counts"].reshape(len(data["threshold"]), -1)
    counts = counts[:, ::8].astype(int)
    peaks = noise_peaks(t, counts, 63)
    # Peaks that lie in the scan as a whole.
    whole = (peaks["baseline"] > t[0] + 25) & (peaks["baseline"] < t[-1] - 25)
    assert np.median(peaks["noise_width"][whole]) == pytest.approx(7.6, abs=0.1)
    few = counts[:, whole]
    mean = (few * t[:, None]).sum(0) / few.sum(0)
    moments = np.sqrt((few * (t[:, None] - mean) ** 2).sum(0) / few.sum(0))
    assert np.mean(moments) == pytest.approx(8.4, abs=0.2)
