"""The simulated chip: its files, its truth, and the faults of a real run."""

import filecmp
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import velonb as vb
from velonb.scan.names import Run, acquisition_name, parse_acquisition_name
from velonb.simulate import demo, simulation, truth as _truth
from velonb.simulate.simulation import simulate_scan

THRESHOLDS = [1480, 1500, 1520, 1551, 1600]
CHIP = "Module0_VP0-1"


def small_scan(folder: Path, **options) -> xr.Dataset:
    options = {"thresholds": THRESHOLDS, "acquisitions": 3, "progress": False} | options
    return simulate_scan(folder, **options)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory) -> tuple[Path, xr.Dataset]:
    folder = tmp_path_factory.mktemp("simulate") / "faulty"
    return folder, small_scan(folder)


@pytest.fixture(scope="module")
def faultless(tmp_path_factory) -> tuple[Path, xr.Dataset]:
    folder = tmp_path_factory.mktemp("simulate") / "faultless"
    return folder, small_scan(folder, faults=False)


def test_simulate_scan_without_faults_writes_every_file_of_the_detector(faultless):
    folder, _ = faultless
    acquisitions = {
        f"{CHIP}_ECS_data_ST_13s105ms_THR_{threshold}_{number}.csv"
        for threshold in THRESHOLDS
        for number in range(3)
    }
    maps = {f"{CHIP}_{name}.csv" for name in ("Matrix_Mask", "TrimBest_Noise_Predict")}
    others = {f"{CHIP}_Trim0_Noise_Width.csv", "truth.nc"}
    assert {path.name for path in folder.iterdir()} == acquisitions | maps | others


def test_simulate_scan_counts_on_reading_with_numpy_are_the_true_hits(faultless):
    folder, truth = faultless
    for threshold in THRESHOLDS:
        paths = sorted(folder.glob(f"*_THR_{threshold}_*.csv"))
        hits = sum(np.loadtxt(path, delimiter=",", dtype=int) for path in paths)
        np.testing.assert_array_equal(hits, truth.true_hits.sel(threshold=threshold))


def test_simulate_scan_with_same_seed_gives_same_files_whatever_the_threads(tmp_path):
    for name, threads in (("one", 1), ("three", 3)):
        small_scan(tmp_path / name, seed=5, threads=threads)
    names = sorted(path.name for path in (tmp_path / "one").iterdir() if path.suffix == ".csv")
    same, different, missing = filecmp.cmpfiles(
        tmp_path / "one", tmp_path / "three", names, shallow=False
    )
    assert same == names
    assert different == missing == []


def test_simulate_scan_with_other_seed_gives_other_pixels_and_counts(faultless, tmp_path):
    _, truth = faultless
    other = small_scan(tmp_path / "other", seed=38, faults=False)
    assert not np.array_equal(other.E0, truth.E0)
    assert not np.array_equal(other.true_hits, truth.true_hits)


def test_simulate_scan_truth_is_saved_beside_the_data(faulty):
    folder, truth = faulty
    xr.testing.assert_identical(xr.load_dataset(folder / "truth.nc", engine="h5netcdf"), truth)


def test_simulate_scan_truth_looks_like_a_chip(faultless):
    _, truth = faultless
    assert float(truth.E0.std()) == pytest.approx(6)
    assert float(truth.E0.mean()) == pytest.approx(1551)
    assert float(truth.E0[15::16].mean() - truth.E0.mean()) > 3
    assert float(truth.E0[:, ::2].mean() - truth.E0[:, 1::2].mean()) > 2
    assert float(truth.E0[192:].mean() - truth.E0[:64].mean()) > 2
    assert float(truth.A[120:160, 95:135].mean() / truth.A[:40, 216:].mean()) > 1.2
    for name, value in {"f": 9e-4, "A": 8, "s": 12}.items():
        assert float(truth[name].mean()) == pytest.approx(value, rel=0.02)
        assert float(truth[name].std() / value) > 0.05
        assert float(truth[name].min()) > 0
    numbers = np.bincount(truth.kind.values.ravel()).tolist()
    assert numbers == [256**2 - 284, 184, 60, 40]


def test_simulate_scan_maps_are_written_as_the_truth_has_them(faultless):
    folder, truth = faultless
    mask = np.loadtxt(folder / f"{CHIP}_Matrix_Mask.csv", delimiter=",")
    np.testing.assert_array_equal(mask > 0, truth.kind == _truth.MASKED)
    baseline = np.loadtxt(folder / f"{CHIP}_TrimBest_Noise_Predict.csv", delimiter=",")
    np.testing.assert_allclose(baseline, truth.baseline, atol=0.001)
    assert 100 < float((truth.E0 - truth.baseline).mean()) < 140


def test_simulate_scan_counts_are_poisson_about_the_threshold_curve(faultless):
    _, truth = faultless
    living = (truth.kind == _truth.LIVING).values
    parameters = [truth[name].values for name in ("f", "A", "s", "E0")]
    for threshold in THRESHOLDS:
        expected = 3 * 13.105 * vb.threshold_curve(threshold, *parameters)[living]
        hits = truth.true_hits.sel(threshold=threshold).values[living]
        assert abs(hits.sum() - expected.sum()) < 4 * np.sqrt(expected.sum())
        # The variance of (n - mu)^2 / mu is 2 + 1 / mu.
        spread = np.mean((hits - expected) ** 2 / expected)
        assert abs(spread - 1) < 4 * np.sqrt(np.mean(2 + 1 / expected) / hits.size)


def test_simulate_scan_special_pixels_count_as_their_kind_says(faultless):
    _, truth = faultless
    hits = truth.true_hits.max("threshold").values
    kind = truth.kind.values
    assert hits[np.isin(kind, [_truth.MASKED, _truth.DEAD])].max() == 0
    assert hits[kind == _truth.NOISY].min() > 20


def test_simulate_scan_of_bright_source_caps_counts_at_63(tmp_path):
    truth = small_scan(tmp_path, A=100.0, thresholds=[1480], acquisitions=1, faults=False)
    assert int(truth.true_hits.max()) == 63
    assert int(truth.true_hits.median()) == 63


def test_simulate_scan_with_fe55_shape_counts_above_the_k_alpha_line(tmp_path):
    options = {"thresholds": [1575], "acquisitions": 10, "faults": False}
    alpha = small_scan(tmp_path / "alpha", shape="consistent", **options)
    both = small_scan(tmp_path / "both", shape="fe55", **options)
    assert int(both.true_hits.sum()) > 1.2 * int(alpha.true_hits.sum())


def test_simulate_scan_with_faults_has_one_lost_threshold_and_one_missing_file(faulty):
    folder, truth = faulty
    status = truth.acquisition_status
    good = (status == 0).sum("acquisition")
    assert int((good == 0).sum()) == 1
    assert int((status == 2).sum()) == 1
    for (row, column), code in np.ndenumerate(status.values):
        path = folder / f"{CHIP}_ECS_data_ST_13s105ms_THR_{THRESHOLDS[row]}_{column}.csv"
        assert path.exists() == (code != 2)
        if path.exists():
            last = np.loadtxt(path, delimiter=",")[:, -8:].mean() / 13.105
            assert (last > 2) == (code == 1)


def test_simulate_scan_over_an_older_simulation_replaces_it(tmp_path):
    small_scan(tmp_path / "scan", acquisitions=3)
    small_scan(tmp_path / "scan", acquisitions=1, faults=False)
    assert len(list((tmp_path / "scan").glob("*_THR_*.csv"))) == len(THRESHOLDS)
    assert [path.name for path in tmp_path.iterdir()] == ["scan"]


def test_simulate_scan_into_foreign_folder_raises_and_touches_nothing(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match=r"not empty and not from a simulation: choose"):
        small_scan(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_simulate_scan_into_simulated_folder_with_a_stranger_raises(tmp_path):
    small_scan(tmp_path / "scan", thresholds=[1500], faults=False)
    (tmp_path / "scan" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"holds notes.txt, not from a simulation"):
        small_scan(tmp_path / "scan", thresholds=[1500], faults=False)
    assert (tmp_path / "scan" / "notes.txt").read_text() == "mine"


def test_simulate_scan_onto_a_file_raises(tmp_path):
    (tmp_path / "scan").write_text("")
    with pytest.raises(FileExistsError, match=r"scan is a file"):
        small_scan(tmp_path / "scan")


def test_simulate_scan_when_interrupted_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(simulation, "write_maps", interrupt)
    with pytest.raises(KeyboardInterrupt):
        small_scan(tmp_path / "scan")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"thresholds": []}, r"thresholds are \[\]; give different numbers"),
        ({"thresholds": [1500, 1500]}, r"thresholds are \[1500 1500\]; give different"),
        (
            {"thresholds": [1500, 65536]},
            r"thresholds are .*; give different numbers from 0 to 65535",
        ),
        ({"thresholds": [-1, 1500]}, r"thresholds are .*-1.*from 0 to 65535"),
        ({"acquisitions": 0}, r"acquisitions is 0; it must be at least 1"),
        ({"acquisitions": 1}, r"at least 3 thresholds of 2 acquisitions, not 5 of 1"),
        ({"shutter": "1310"}, r"'1310' does not parse: it must be .* such as 1s310ms"),
        ({"shutter": "0s0ms"}, r"'0s0ms' does not parse: .* longer than zero"),
        ({"shutter": "30s0ms"}, r"shutter of at most 20 s, not 30s0ms"),
        ({"dead": 256**2}, r"\[184, 65536, 40\]; .* less than the 65536 pixels"),
        ({"physics": "photons"}, r"physics is 'photons'; it must be curve or sensor"),
        ({"gain": 13.0, "rate": 1.0}, r"gain, rate can be given with physics='sensor' only"),
        ({"physics": "sensor", "fano": 0.1}, r"fano is not an option of .*; they are rate, gain"),
        ({"physics": "sensor", "gain": 0.0}, r"gain is 0.0; it must be a number, above 0"),
        ({"physics": "sensor", "diffusion": -1.0}, r"diffusion is -1.0; .* 0 or more"),
        ({"physics": "sensor", "noise": np.nan}, r"noise is nan; it must be a number, above 0"),
        (
            {"physics": "sensor", "thresholds": [1440, 1500, 1600]},
            r"lowest threshold is 1440 DAC; below 1455 DAC the noise would count too",
        ),
        ({"module": "a/b"}, r"module is 'a/b'; it must"),
        ({"asic": "VP_1"}, r"asic is 'VP_1'; it must"),
    ],
)
def test_simulate_scan_with_bad_option_says_what_is_allowed(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        small_scan(tmp_path / "scan", **options)
    assert list(tmp_path.iterdir()) == []


def test_parse_acquisition_name_gives_back_what_was_named():
    run = Run("Module_7", "VP0-1", "2s621ms")
    assert parse_acquisition_name(acquisition_name(run, 1500, 12)) == (run, 1500, 12)
    assert parse_acquisition_name(f"{CHIP}_Matrix_Mask.csv") is None


@pytest.fixture
def quick_demo(monkeypatch) -> list[Path]:
    """Make the demo scan a small one; gives the list of folders simulated."""
    made: list[Path] = []

    def simulate_less(folder: Path) -> xr.Dataset:
        made.append(folder)
        return small_scan(folder, thresholds=[1500], acquisitions=1, faults=False)

    monkeypatch.setattr(demo, "simulate_scan", simulate_less)
    monkeypatch.delenv("VELONB_DATA", raising=False)
    return made


def test_demo_scan_is_simulated_at_first_use_only(tmp_path, quick_demo):
    folder = vb.demo_scan(tmp_path / "demo")
    assert vb.demo_scan(tmp_path / "demo") == folder == tmp_path / "demo"
    assert quick_demo == [folder]


def test_demo_scan_of_an_older_simulation_is_made_anew(tmp_path, quick_demo, monkeypatch):
    vb.demo_scan(tmp_path / "demo")
    monkeypatch.setattr(demo, "VERSION", demo.VERSION + 1)
    vb.demo_scan(tmp_path / "demo")
    assert len(quick_demo) == 2


def test_demo_scan_from_notebooks_is_in_the_projects_data(tmp_path, quick_demo, monkeypatch):
    for name in ("velonb", "notebooks"):
        (tmp_path / name).mkdir()
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert vb.demo_scan() == tmp_path / "data" / "demo"


def test_find_data_takes_parameter_then_environment_then_demo(tmp_path, quick_demo, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert vb.find_data() == tmp_path / "data" / "demo"
    monkeypatch.setenv("VELONB_DATA", "elsewhere")
    assert vb.find_data() == Path("elsewhere")
    assert vb.find_data("here") == Path("here")
