"""Counts that are Poisson, and counts that are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from velonb import check_counts, load_scan
from velonb.scan.names import Run, acquisition_name

RUN = Run("Module0", "VP0-1", "1s310ms")
MEAN, ACQUISITIONS, THRESHOLDS = 4.0, 12, (1500, 1510, 1520, 1530)
MEASURED = Path(__file__).parents[3] / "shared" / "real"


def scan_of(folder: Path, draw: Callable[[np.random.Generator, float], np.ndarray]) -> xr.Dataset:
    random = np.random.default_rng(11)
    for threshold in THRESHOLDS:
        for number in range(ACQUISITIONS):
            counts = draw(random, number / (ACQUISITIONS - 1))
            path = folder / acquisition_name(RUN, threshold, number)
            np.savetxt(path, counts, fmt="%d", delimiter=",")
    return load_scan(folder, mask=np.zeros((32, 64)), progress=False, cut_bad=False)


def poisson(random: np.random.Generator, _: float) -> np.ndarray:
    return random.poisson(MEAN, (32, 64))


def test_squares_are_those_of_the_counts(tmp_path: Path) -> None:
    drawn = []

    def draw(random: np.random.Generator, time: float) -> np.ndarray:
        drawn.append(poisson(random, time))
        return drawn[-1]

    scan = scan_of(tmp_path, draw)
    squares = [(counts**2).sum() for counts in drawn]
    np.testing.assert_array_equal(scan.acquisition_squares.values.ravel(), squares)


def test_index_is_that_of_a_loop_over_pixels(tmp_path: Path) -> None:
    drawn = []

    def draw(random: np.random.Generator, time: float) -> np.ndarray:
        drawn.append(poisson(random, time))
        return drawn[-1]

    table = check_counts(scan_of(tmp_path, draw))
    first = np.stack(drawn[:ACQUISITIONS])
    assert table["index"].iloc[0] == pytest.approx(first.var(0, ddof=1).sum() / first.mean(0).sum())


def test_poisson_counts_pass(tmp_path: Path) -> None:
    table = check_counts(scan_of(tmp_path, poisson))
    assert table.attrs["verdict"] == "the counts fluctuate as Poisson counts do"
    assert abs(table.attrs["significance"]) < 4
    assert abs(table.attrs["drift"]) < 4 * table.attrs["drift_err"]
    assert (table["significance"].abs() < 4.5).all()


def test_error_of_the_index_is_that_of_toys() -> None:
    random, pixels, n = np.random.default_rng(3), 400, 5
    mu = random.uniform(0.5, 9, pixels)
    found = []
    for _ in range(400):
        counts = random.poisson(mu, (1, n, pixels))
        found.append(check_counts(_scan_of_counts(counts)).iloc[0])
    pulls = np.array([row["significance"] for row in found])
    assert abs(pulls.mean()) < 0.2  # 4 standard deviations
    assert pulls.std() == pytest.approx(1, abs=0.15)
    slopes = np.array([row["drift"] / row["drift_err"] for row in found])
    assert slopes.std() == pytest.approx(1, abs=0.15)


def _scan_of_counts(counts: np.ndarray) -> xr.Dataset:
    """A scan of counts (threshold, acquisition, pixel), without files."""
    each, pixel = ("threshold", "acquisition"), ("row", "column")
    thresholds, acquisitions, pixels = counts.shape
    return xr.Dataset(
        {
            "hits": (("threshold", *pixel), counts.sum(1)[:, None]),
            "mask": (pixel, np.zeros((1, pixels), bool)),
            "acquisition_status": (each, np.zeros((thresholds, acquisitions), np.int8)),
            "acquisition_hits": (each, counts.sum(2)),
            "acquisition_squares": (each, (counts**2).sum(2)),
            "saturated": ("threshold", np.zeros(thresholds, int)),
        },
        {"threshold": np.arange(thresholds), "acquisition": np.arange(acquisitions)},
    )


def test_hits_in_groups_are_told(tmp_path: Path) -> None:
    def pairs(random: np.random.Generator, _: float) -> np.ndarray:
        return 2 * random.poisson(MEAN / 2, (32, 64))

    table = check_counts(scan_of(tmp_path, pairs))
    assert table.attrs["index"] == pytest.approx(2, abs=5 * table.attrs["index_err"] * 2)
    assert "hits come in groups" in table.attrs["verdict"]
    assert "should be 4" in table.attrs["verdict"]


@pytest.mark.filterwarnings("ignore:.*largest of the counter")
def test_saturated_counts_are_told(tmp_path: Path) -> None:
    def many(random: np.random.Generator, _: float) -> np.ndarray:
        return np.minimum(random.poisson(60, (32, 64)), 63)

    table = check_counts(scan_of(tmp_path, many))
    assert table.attrs["saturated"] == pytest.approx(0.33, abs=0.05)
    assert "% of the counts are at the limit of the counter" in table.attrs["verdict"]
    assert "fluctuate too little" in table.attrs["verdict"]


def test_drifting_rate_is_told(tmp_path: Path) -> None:
    def fading(random: np.random.Generator, time: float) -> np.ndarray:
        return random.poisson(MEAN * (1.05 - 0.1 * time), (32, 64))

    table = check_counts(scan_of(tmp_path, fading))
    assert table.attrs["drift"] == pytest.approx(-0.1, abs=5 * table.attrs["drift_err"])
    assert "the rate drifts by -" in table.attrs["verdict"]


def test_one_acquisition_does_not_tell() -> None:
    table = check_counts(_scan_of_counts(np.full((1, 1, 10), 3)))
    assert np.isnan(table["index"].iloc[0])
    assert "does not tell how counts fluctuate" in table.attrs["verdict"]


def test_scan_without_squares_is_refused() -> None:
    with pytest.raises(ValueError, match="no acquisition_squares; load the folder again"):
        check_counts(_scan_of_counts(np.ones((1, 2, 4), int)).drop_vars("acquisition_squares"))


@pytest.mark.parametrize(("name", "grouped"), [("h2m9_counts", True), ("h2m9_frames", False)])
def test_measured_counts_that_come_in_groups_are_told(name: str, grouped: bool) -> None:
    path = MEASURED / f"{name}.npz"
    if not path.is_file():
        pytest.skip(f"measured scans may not be passed on: no {path}")
    counts = np.load(path)["counts"].astype(np.int64)
    table = check_counts(_scan_of_counts(counts.reshape(*counts.shape[:2], -1)))
    assert ("hits come in groups" in table.attrs["verdict"]) == grouped
