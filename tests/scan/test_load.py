"""Loading a scan: runs, faulty and missing acquisitions, masks, and bad input."""

import os
import re
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import velonb as vb
from velonb import ScanError
from velonb.scan import acquisitions as _acquisitions
from velonb.scan.names import Run, shutter_seconds
from velonb.vocabulary import BAD_ACQUISITION, GOOD_ACQUISITION, UNREADABLE

THRESHOLDS = [1480, 1500, 1520, 1600]
CHIP = "Module0_VP0-1"
PREFIX = f"{CHIP}_ECS_data_ST_13s105ms_THR_"


def load(folder: Path, **options) -> xr.Dataset:
    return vb.load_scan(folder, **({"progress": False} | options))


def simulated(folder: Path, **options) -> xr.Dataset:
    # Without noisy pixels no count is at 63, so nothing is warned about.
    defaults = {"thresholds": THRESHOLDS, "acquisitions": 3, "noisy": 0, "progress": False}
    return vb.simulate_scan(folder, **(defaults | options))


@pytest.fixture(scope="module")
def faulty(tmp_path_factory) -> tuple[Path, xr.Dataset]:
    folder = tmp_path_factory.mktemp("scan") / "faulty"
    return folder, simulated(folder)


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> tuple[Path, xr.Dataset]:
    folder = tmp_path_factory.mktemp("scan") / "faultless"
    return folder, simulated(folder, faults=False)


@pytest.fixture
def folder(template, tmp_path) -> Path:
    """A faultless scan to change."""
    shutil.copytree(template[0], tmp_path / "scan")
    return tmp_path / "scan"


def rewrite(path: Path, change) -> None:
    counts = np.loadtxt(path, delimiter=",", dtype=int)
    np.savetxt(path, change(counts), delimiter=",", fmt="%d")


def heat(counts: np.ndarray) -> np.ndarray:
    counts[:, -8:] = 60
    return counts


def test_load_scan_without_faults_equals_what_was_simulated_count_for_count(template):
    folder, truth = template
    loaded = load(folder)
    np.testing.assert_array_equal(loaded.hits, truth.true_hits)
    assert loaded.hits.dtype == np.int32
    np.testing.assert_array_equal(loaded.mask, truth.kind == 1)
    np.testing.assert_allclose(loaded.exposure, 3 * 13.105)
    assert (loaded.acquisition_status == GOOD_ACQUISITION).all()


def test_load_scan_with_faults_equals_the_truth(faulty):
    folder, truth = faulty
    with pytest.warns(UserWarning, match=r"no good acquisition at threshold \d+: exposure 0"):
        loaded = load(folder)
    np.testing.assert_array_equal(loaded.hits, truth.true_hits)
    np.testing.assert_array_equal(loaded.acquisition_status, truth.acquisition_status)
    good = (truth.acquisition_status == 0).sum("acquisition")
    np.testing.assert_allclose(loaded.exposure, good * 13.105)


@pytest.mark.filterwarnings("ignore:no good acquisition")
def test_load_scan_agrees_with_a_plain_numpy_loop(faulty):
    folder, _ = faulty
    loaded = load(folder)
    active = np.loadtxt(folder / f"{CHIP}_Matrix_Mask.csv", delimiter=",") == 0
    for threshold in THRESHOLDS:
        hits, exposure = np.zeros((256, 256), dtype=int), 0.0
        for number in range(3):
            path = folder / f"{PREFIX}{threshold}_{number}.csv"
            if not path.exists():
                continue
            counts = np.loadtxt(path, delimiter=",", dtype=int)
            flux = counts[:, 248:][active[:, 248:]] / 13.105
            at = {"threshold": threshold, "acquisition": number}
            assert float(loaded.last_columns_flux.sel(at)) == pytest.approx(flux.mean())
            assert float(loaded.last_columns_sigma.sel(at)) == pytest.approx(flux.std())
            assert int(loaded.acquisition_hits.sel(at)) == counts[active].sum()
            if flux.mean() <= 2:
                hits += counts
                exposure += 13.105
        np.testing.assert_array_equal(loaded.hits.sel(threshold=threshold), hits)
        assert float(loaded.exposure.sel(threshold=threshold)) == pytest.approx(exposure)


@pytest.mark.filterwarnings("ignore:no good acquisition")
def test_load_scan_is_the_same_whatever_the_threads(faulty):
    folder, _ = faulty
    xr.testing.assert_identical(load(folder, threads=1), load(folder, threads=5))


@pytest.mark.filterwarnings("ignore:no good acquisition")
def test_load_scan_says_where_it_comes_from_and_what_it_holds(faulty):
    folder, _ = faulty
    loaded = load(folder, bad_cut=1.9)
    attributes = {
        "module": "Module0",
        "asic": "VP0-1",
        "shutter": "13s105ms",
        "shutter_time": 13.105,
        "folder": str(folder),
        "pattern": PREFIX + "{threshold}_{acquisition}.csv",
        "mask_source": str(folder / f"{CHIP}_Matrix_Mask.csv"),
        "bad_cut": 1.9,
        "counter_max": 63,
    }
    assert loaded.attrs.items() >= attributes.items()
    assert "velonb" in loaded.attrs["versions"]
    for variable in loaded.variables.values():
        assert variable.attrs.keys() >= {"units", "long_name"}
    assert loaded.acquisition_status.attrs["flag_meanings"] == "good bad missing unreadable"
    assert loaded.acquisition_status.attrs["flag_values"].tolist() == [0, 1, 2, 3]


def test_load_scan_digest_follows_the_input_files(folder):
    before = load(folder).attrs["input_digest"]
    copy = shutil.copytree(folder, folder.with_name("copy"))
    assert load(copy, threads=1).attrs["input_digest"] == before
    (folder / f"{PREFIX}1600_2.csv").unlink()
    assert load(folder).attrs["input_digest"] != before


def test_load_scan_digest_follows_one_count_of_one_file(folder):
    def change(counts):
        counts[200, 100] = 9 if counts[200, 100] != 9 else 8
        return counts

    before = load(folder).attrs["input_digest"]
    size = (folder / f"{PREFIX}1600_2.csv").stat().st_size
    rewrite(folder / f"{PREFIX}1600_2.csv", change)
    assert (folder / f"{PREFIX}1600_2.csv").stat().st_size == size
    assert load(folder).attrs["input_digest"] != before


def test_load_scan_digest_follows_files_that_change_names(folder):
    before = load(folder).attrs["input_digest"]
    first, second, aside = (
        folder / name for name in (f"{PREFIX}1480_0.csv", f"{PREFIX}1600_0.csv", "aside")
    )
    first.rename(aside)
    second.rename(first)
    aside.rename(second)
    assert load(folder).attrs["input_digest"] != before


def test_load_scan_digest_follows_the_mask_wherever_it_comes_from(folder):
    mask = load(folder).mask.values
    before = load(folder).attrs["input_digest"]
    assert load(folder, mask=mask).attrs["input_digest"] == before
    mask[3, 5] = not mask[3, 5]
    assert load(folder, mask=mask).attrs["input_digest"] != before


def test_load_scan_digest_of_damaged_file_that_is_left_out_follows_its_contents(folder):
    digests = set()
    for text in ("1,2,3\n", "1,2,4\n"):
        (folder / f"{PREFIX}1500_1.csv").write_text(text)
        with pytest.warns(UserWarning, match=r"1 unreadable"):
            digests.add(load(folder, on_error="skip").attrs["input_digest"])
    assert len(digests) == 2


def test_load_scan_with_gaps_and_unequal_numbers_records_what_is_missing(folder):
    for path in folder.glob(f"{PREFIX}1500_*.csv"):
        path.unlink()
    (folder / f"{PREFIX}1520_0.csv").unlink()
    (folder / f"{PREFIX}1480_1.csv").rename(folder / f"{PREFIX}1480_17.csv")
    loaded = load(folder)
    assert loaded.threshold.values.tolist() == [1480, 1520, 1600]
    assert loaded.acquisition.values.tolist() == [0, 1, 2, 17]
    assert loaded.acquisition_status.values.tolist() == [[0, 2, 0, 0], [2, 0, 0, 2], [0, 0, 0, 2]]
    np.testing.assert_allclose(loaded.exposure / 13.105, [3, 2, 3])
    assert "lacks it" in str(loaded.acquisition_reason[1, 0].item())


def test_load_scan_ignores_files_that_are_not_acquisitions(folder, template):
    (folder / "notes.txt").write_text("cooling failed at 1520")
    (folder / "Module0_VP0-1_ECS_data_ST_13s105ms_THR_1500_0.csv.bak").write_text("old")
    (folder / "plots").mkdir()
    np.testing.assert_array_equal(load(folder).hits, template[1].true_hits)


def test_load_scan_with_faulty_acquisition_leaves_only_it_out(folder, template):
    rewrite(folder / f"{PREFIX}1500_1.csv", heat)
    loaded = load(folder)
    at = {"threshold": 1500, "acquisition": 1}
    assert int(loaded.acquisition_status.sel(at)) == BAD_ACQUISITION
    reason = loaded.acquisition_reason.sel(at).item()
    assert reason == "last 8 columns see 4.58 hits/s, above 2"
    others = [1480, 1520, 1600]
    expected = template[1].true_hits.sel(threshold=others)
    np.testing.assert_array_equal(loaded.hits.sel(threshold=others), expected)
    assert int(loaded.hits.sel(threshold=1500)[:, -8:].max()) < 60


@pytest.mark.parametrize("options", [{"cut_bad": False}, {"bad_cut": 5.0}])
def test_load_scan_told_to_keep_faulty_acquisitions_sums_them(folder, options):
    rewrite(folder / f"{PREFIX}1500_1.csv", heat)
    loaded = load(folder, **options)
    assert (loaded.acquisition_status == GOOD_ACQUISITION).all()
    # Masked pixels stay at 0 even so.
    last = loaded.hits.sel(threshold=1500)[:, -8:]
    assert int(last.where(~loaded.mask).min()) >= 60
    assert int(last.where(loaded.mask).sum()) == 0


def test_load_scan_with_masked_last_columns_cannot_find_faulty_ones(folder):
    rewrite(folder / f"{PREFIX}1500_1.csv", heat)
    mask = np.zeros((256, 256))
    mask[:, -8:] = 1
    loaded = load(folder, mask=mask)
    assert (loaded.acquisition_status == GOOD_ACQUISITION).all()
    assert loaded.last_columns_flux.isnull().all()


def test_load_scan_counts_saturated_pixels_of_good_acquisitions_and_warns_once(folder):
    def saturate(counts):
        counts[:3, 0] = 62, 63, 63
        return counts

    rewrite(folder / f"{PREFIX}1500_1.csv", saturate)
    rewrite(folder / f"{PREFIX}1520_1.csv", lambda counts: heat(saturate(counts)))
    with pytest.warns(UserWarning, match=r"^2 counts .* are at 63, .*see the audit") as caught:
        loaded = load(folder, mask=np.zeros((256, 256)))
    assert len(caught) == 1
    assert loaded.saturated.values.tolist() == [0, 2, 0, 0]
    assert int(loaded.hits.sel(threshold=1500)[2, 0]) >= 63


def with_count(value: int, row: int = 7, column: int = 11):
    def change(counts):
        counts[row, column] = value
        return counts

    return change


@pytest.mark.parametrize("value", [64, 1000])
def test_load_scan_with_count_beyond_the_counter_names_it_and_the_remedies(folder, value):
    rewrite(folder / f"{PREFIX}1500_1.csv", with_count(value))
    message = (
        rf"THR_1500_1.csv, line 8, value 12: {value} is not a count: the counter holds 63 at most; "
        r".*on_error=\"skip\" \(velonb run: --on-error skip\); for sums .* counter_max="
    )
    with pytest.raises(ScanError, match=message):
        load(folder, mask=np.zeros((256, 256)))


def test_load_scan_skipping_errors_leaves_out_a_count_beyond_the_counter(folder, template):
    rewrite(folder / f"{PREFIX}1500_1.csv", with_count(1000))
    with pytest.warns(UserWarning, match=r"1 unreadable .* 1000 is not a count"):
        loaded = load(folder, mask=np.zeros((256, 256)), on_error="skip")
    assert int(loaded.acquisition_status.sel(threshold=1500, acquisition=1)) == UNREADABLE
    assert (loaded.hits <= template[1].true_hits).all()
    assert int(loaded.saturated.sum()) == 0


def test_load_scan_with_count_beyond_the_counter_in_masked_pixel_does_not_mind(folder, template):
    row, column = np.argwhere(template[1].kind.values == 1)[0]
    rewrite(folder / f"{PREFIX}1500_1.csv", with_count(1000, row, column))
    np.testing.assert_array_equal(load(folder).hits, template[1].true_hits)


def test_load_scan_counter_max_moves_the_limit(folder):
    rewrite(folder / f"{PREFIX}1500_1.csv", with_count(1000))
    options = {"mask": np.zeros((256, 256)), "threads": 1}
    with pytest.warns(UserWarning, match=r"^1 counts .* are at 1000, the largest of the counter"):
        loaded = load(folder, counter_max=1000, **options)
    assert loaded.saturated.values.tolist() == [0, 1, 0, 0]
    assert int(load(folder, counter_max=1001, **options).hits.sel(threshold=1500)[7, 11]) >= 1000


def test_load_scan_with_mask_of_every_kind_masks_the_same(folder, tmp_path):
    mask = np.zeros((256, 256), dtype=int)
    mask[10:20, 30:40] = 2
    np.savetxt(tmp_path / "mine.csv", mask, delimiter=",", fmt="%d")
    expected = load(folder, mask=mask > 0)
    np.testing.assert_array_equal(expected.mask, mask > 0)
    assert int(expected.hits[:, 10:20, 30:40].sum()) == 0
    assert int(expected.hits[0, 20:, 40:].min()) >= 0
    for given in (mask, xr.DataArray(mask), tmp_path / "mine.csv", str(tmp_path / "mine.csv")):
        np.testing.assert_array_equal(load(folder, mask=given).hits, expected.hits)


def test_load_scan_without_mask_file_masks_nothing_and_warns(folder, template):
    (folder / f"{CHIP}_Matrix_Mask.csv").unlink()
    with pytest.warns(UserWarning, match=r"Matrix_Mask.csv does not exist, so no pixel is masked"):
        loaded = load(folder)
    assert not loaded.mask.any()
    np.testing.assert_array_equal(loaded.hits, template[1].true_hits)


def add_run(folder: Path, asic: str, shutter: str) -> None:
    name = f"Module0_{asic}_ECS_data_ST_{shutter}_THR_1600_0.csv"
    # Few hits: with a shorter shutter time, those of a lower threshold would look faulty.
    shutil.copy(folder / f"{PREFIX}1600_0.csv", folder / name)


@pytest.mark.filterwarnings("ignore:no mask")
def test_load_scan_of_several_runs_takes_the_one_chosen(folder):
    add_run(folder, "VP0-1", "1s310ms")
    add_run(folder, "VP3-0", "1s310ms")
    assert load(folder, run="VP0-1_ST_13s105ms").sizes["threshold"] == 4
    assert load(folder, run="VP3-0").attrs["asic"] == "VP3-0"
    chosen = load(folder, run="Module0_VP0-1_ST_1s310ms")
    assert chosen.attrs["shutter_time"] == 1.31
    assert chosen.sizes["threshold"] == 1


def test_load_scan_of_run_whose_name_is_part_of_another_takes_the_exact_one(folder):
    # "..._ST_3s105ms" would do for both "Module0" and "XModule0".
    for path in list(folder.glob("Module0*")):
        shutil.copy(path, folder / f"X{path.name}")
    assert load(folder, run="Module0_VP0-1_ST_13s105ms").attrs["module"] == "Module0"


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (None, r"holds several runs, choose one with run= .*: .*_ST_13s105ms.*, .*_ST_1s310ms"),
        ("VP0-1", r"holds several runs, choose one with run="),
        ("VP9", r"run 'VP9' is not in .*: it holds Module0_VP0-1_ST_13s105ms, "),
    ],
)
def test_load_scan_of_several_runs_and_none_clearly_chosen_lists_them(folder, run, message):
    add_run(folder, "VP0-1", "1s310ms")
    with pytest.raises(ScanError, match=message):
        load(folder, run=run)


def test_load_scan_of_missing_folder_raises(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist: give the folder"):
        load(tmp_path / "nowhere")


def test_load_scan_of_a_file_raises(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileNotFoundError, match=r"file is not a folder: give the folder"):
        load(tmp_path / "file")


def test_load_scan_of_folder_without_acquisitions_shows_an_example(tmp_path):
    (tmp_path / "picture.png").touch()
    with pytest.raises(ScanError, match=r"holds no acquisitions: expected files such as Module0_"):
        load(tmp_path)


@pytest.mark.parametrize("shutter", ["1310", "", "1s", "1.3s", "0s0ms", "1s1310ms"])
def test_load_scan_of_shutter_that_does_not_parse_names_file_and_form(folder, shutter):
    add_run(folder, "VP0-1", shutter)
    message = rf"ECS_data_ST_{shutter}_THR_.*: shutter time '{shutter}' does not parse.* 1s310ms"
    with pytest.raises(ScanError, match=message):
        load(folder)


def test_load_scan_of_other_run_does_not_mind_a_bad_shutter(folder):
    add_run(folder, "VP0-1", "1310")
    assert load(folder, run="13s105ms").attrs["shutter_time"] == 13.105


def test_load_scan_of_one_acquisition_twice_raises(folder):
    shutil.copy(folder / f"{PREFIX}1500_0.csv", folder / f"{PREFIX}1500_00.csv")
    with pytest.raises(ScanError, match=r"are the same acquisition: remove one"):
        load(folder)


def write_mask(folder: Path, text: str) -> None:
    (folder / f"{CHIP}_Matrix_Mask.csv").write_text(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,0\n0,0\n", r"Matrix_Mask.csv has 2 x 2 numbers: expected 256 lines of 256"),
        ("", r"Matrix_Mask.csv has 0 numbers: expected 256 lines of 256"),
        ("0,x\n", r"Matrix_Mask.csv, line 1: could not convert string 'x'"),
        ((("1," * 255) + "1\n") * 256, r"Matrix_Mask.csv\) leaves no active pixel"),
        ((("nan," * 255) + "1\n") * 256, r"Matrix_Mask.csv\) holds nan"),
    ],
)
def test_load_scan_with_bad_mask_file_names_it_and_the_remedy(folder, text, message):
    write_mask(folder, text)
    with pytest.raises(ScanError, match=message):
        load(folder)


@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        (np.zeros((256, 255)), ScanError, r"mask has shape \(256, 255\); it must be \(256, 256\)"),
        (np.ones((256, 256)), ScanError, r"mask \(array\) leaves no active pixel"),
        (
            "nowhere.csv",
            FileNotFoundError,
            r"mask file nowhere.csv does not exist: .* mask= \(velonb run: --mask\)",
        ),
        (".", ScanError, r"\. is a folder, not a file: give a file of 256 lines"),
    ],
)
def test_load_scan_with_bad_mask_argument_says_what_is_wrong(folder, mask, error, message):
    with pytest.raises(error, match=message):
        load(folder, mask=mask)


def test_load_scan_with_every_acquisition_faulty_says_what_to_do(folder):
    for path in folder.glob("*_THR_*"):
        rewrite(path, heat)
    with pytest.raises(
        ScanError, match=r"no good acquisition in .* 2 hits/s.*--bad-cut.*cut_bad=False"
    ):
        load(folder)


def test_load_scan_with_unreadable_file_raises_by_default(folder):
    (folder / f"{PREFIX}1500_1.csv").write_text("1,2,3\n")
    with pytest.raises(ScanError, match=r"THR_1500_1.csv, line 1 has 3 values.*on_error=\"skip\""):
        load(folder)


def test_load_scan_skipping_errors_records_the_reason_and_sums_the_rest(folder, template):
    (folder / f"{PREFIX}1500_1.csv").write_text("1,2,3\n")
    with pytest.warns(UserWarning, match=r"1 unreadable files left out.*THR_1500_1.csv, line 1"):
        loaded = load(folder, on_error="skip")
    at = {"threshold": 1500, "acquisition": 1}
    assert int(loaded.acquisition_status.sel(at)) == UNREADABLE
    assert "has 3 values" in loaded.acquisition_reason.sel(at).item()
    np.testing.assert_allclose(loaded.exposure / 13.105, [3, 2, 3, 3])
    missing = template[1].true_hits.sel(threshold=1500) - loaded.hits.sel(threshold=1500)
    assert 0 <= int(missing.min()) <= int(missing.max()) <= 63


def vanish(path: Path) -> None:
    path.symlink_to("/nowhere/to/be/found")


GONE = pytest.mark.parametrize(
    ("put", "reason"),
    [
        (vanish, "cannot be read: No such file or directory"),
        (Path.mkdir, "is a folder, not a file"),
        (os.mkfifo, "is a FIFO, not a file"),
    ],
)


@GONE
def test_load_scan_of_file_that_cannot_be_opened_names_it_and_the_remedy(folder, put, reason):
    path = folder / f"{PREFIX}1500_1.csv"
    path.unlink()
    put(path)
    with pytest.raises(ScanError, match=rf"THR_1500_1.csv {reason}[:;] .* on_error=\"skip\""):
        load(folder)


@GONE
def test_load_scan_skipping_errors_leaves_out_files_that_cannot_be_opened(folder, put, reason):
    path = folder / f"{PREFIX}1500_1.csv"
    path.unlink()
    put(path)
    with pytest.warns(UserWarning, match=rf"1 unreadable files left out.* {reason}"):
        loaded = load(folder, on_error="skip")
    np.testing.assert_allclose(loaded.exposure / 13.105, [3, 2, 3, 3])


def test_load_scan_skipping_errors_leaves_out_files_that_vanish_meanwhile(folder, monkeypatch):
    """After the folder was listed, one file is gone when its turn comes and one after it."""
    read = _acquisitions.Reader.read

    def read_and_remove(reader, path):
        gone = path.name in (f"{PREFIX}1500_1.csv", f"{PREFIX}1520_0.csv")
        if gone and path.name.endswith("1500_1.csv"):
            path.unlink()
        counts = read(reader, path)
        if gone:
            path.unlink()
        return counts

    monkeypatch.setattr(_acquisitions.Reader, "read", read_and_remove)
    with pytest.warns(UserWarning, match=r"1 unreadable files left out.*1500_1.csv cannot be read"):
        loaded = load(folder, on_error="skip")
    np.testing.assert_allclose(loaded.exposure / 13.105, [3, 2, 3, 3])


def test_load_scan_skipping_errors_with_no_readable_file_raises(folder):
    for path in folder.glob("*_THR_*"):
        path.write_text("")
    with pytest.raises(ScanError, match=r"no good acquisition.*unreadable, the first: .*is empty"):
        load(folder, on_error="skip")


def test_load_scan_with_hits_beyond_32_bits_raises(folder):
    def enormous(counts):
        counts[0, 0] = 2**31 - 1
        return counts

    for number in (0, 1):
        rewrite(folder / f"{PREFIX}1500_{number}.csv", enormous)
    with pytest.raises(ScanError, match=r"THR_1500_\* do not fit into 32 bits"):
        load(folder, mask=np.zeros((256, 256)), counter_max=2**31 - 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on_error": "ignore"}, r"on_error is 'ignore'; it must be \"raise\" or \"skip\""),
        ({"bad_cut": 0}, r"bad_cut is 0; it must be a flux above 0"),
        ({"bad_cut": float("nan")}, r"bad_cut is nan; it must be a flux above 0"),
        ({"counter_max": 0}, r"counter_max is 0; it must be a count above 0"),
        ({"threads": 0}, r"threads is 0; it must be at least 1"),
    ],
)
def test_load_scan_with_bad_option_says_what_is_allowed(folder, options, message):
    with pytest.raises(ValueError, match=message):
        load(folder, **options)


def test_load_scan_with_mask_that_is_a_folder_says_so(folder):
    (folder / f"{CHIP}_Matrix_Mask.csv").unlink()
    (folder / f"{CHIP}_Matrix_Mask.csv").mkdir()
    with pytest.raises(
        ScanError, match=r"Matrix_Mask.csv is a folder, not a file: give a file of 256"
    ):
        load(folder)


def test_load_scan_of_names_that_are_not_utf_8_can_be_saved_and_printed(folder, tmp_path):
    strange = folder.rename(tmp_path / os.fsdecode(b"scan\xe9"))
    for path in list(strange.iterdir()):
        path.rename(strange / path.name.replace("Module0", os.fsdecode(b"Modul\xe9")))
    damaged = next(strange.glob("*_THR_1500_1.csv"))
    damaged.write_text("1,2\n")
    with pytest.warns(UserWarning, match=re.escape(r"scan\udce9/Modul\udce9_VP0-1_")) as caught:
        loaded = load(strange, on_error="skip")
    assert str(caught[0].message).encode("utf-8")
    assert loaded.attrs["folder"] == str(tmp_path / r"scan\udce9")
    assert loaded.mask.any()
    saved = vb.load_netcdf(vb.save_netcdf(tmp_path / "scan.nc", loaded))
    assert saved.attrs["module"] == saved.module.item() == r"Modul\udce9"
    damaged.unlink()
    next(strange.glob("*Mask.csv")).unlink()
    with pytest.warns(UserWarning, match=r"no mask: .* --mask") as caught:
        load(strange)
    assert str(caught[0].message).encode("utf-8")
    with pytest.raises(FileNotFoundError, match=r"scan\\udce9/nowhere") as raised:
        load(strange, mask=strange / "nowhere")
    assert str(raised.value).encode("utf-8")


def test_load_scan_tells_the_chip_in_coordinates(folder):
    loaded = load(folder)
    assert (loaded.module.item(), loaded.asic.item()) == ("Module0", "VP0-1")
    assert "asic" not in vb.audit(loaded)


def test_load_scan_when_interrupted_stops_reading(folder, monkeypatch):
    read = []

    def interrupt(_, path):
        read.append(path)
        raise KeyboardInterrupt

    monkeypatch.setattr(_acquisitions.Reader, "read", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load(folder, threads=1)
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]
    assert len(read) < 5


def test_load_scan_shows_one_flat_progress_bar(folder, capsys):
    load(folder, progress=True)
    assert "12/12" in capsys.readouterr().err


def test_audit_counts_every_acquisition_and_gives_the_reasons(faulty):
    folder, truth = faulty
    with pytest.warns(UserWarning, match=r"no good acquisition"):
        table = vb.audit(load(folder))
    counts = table[["good", "bad", "missing", "unreadable"]]
    assert (counts.sum(axis=1) == 3).all()
    np.testing.assert_array_equal(counts["good"], (truth.acquisition_status == 0).sum(axis=1))
    assert table.index.tolist() == THRESHOLDS
    lost = table[table["good"] == 0].iloc[0]
    assert lost["exposure"] == 0
    assert lost["reasons"].startswith("0: last 8 columns see")
    assert lost["reasons"].endswith("(and 2 more)")
    assert (table["reasons"][counts["good"] == 3] == "").all()


def test_read_baseline_gives_maps_in_dac(template):
    folder, truth = template
    baseline = vb.read_baseline(folder, module="Module0", asic="VP0-1")
    np.testing.assert_allclose(baseline.baseline, truth.baseline, atol=0.001)
    np.testing.assert_allclose(baseline.noise_width, truth.noise_width, atol=0.001)
    assert baseline.baseline.attrs["units"] == "DAC"


def test_read_baseline_without_width_file_gives_the_baseline_alone(folder):
    (folder / f"{CHIP}_Trim0_Noise_Width.csv").unlink()
    assert list(vb.read_baseline(folder, module="Module0", asic="VP0-1")) == ["baseline"]


def test_read_baseline_that_is_a_folder_raises(folder):
    (folder / f"{CHIP}_TrimBest_Noise_Predict.csv").unlink()
    (folder / f"{CHIP}_TrimBest_Noise_Predict.csv").mkdir()
    with pytest.raises(ScanError, match=r"Predict.csv is a folder, not a file"):
        vb.read_baseline(folder, module="Module0", asic="VP0-1")


def test_read_baseline_of_other_chip_raises(folder):
    with pytest.raises(FileNotFoundError, match=r"Module0_VP9_TrimBest_Noise_Predict.csv does not"):
        vb.read_baseline(folder, module="Module0", asic="VP9")


@pytest.mark.parametrize(("text", "seconds"), [("1s310ms", 1.31), ("0s5ms", 0.005), ("20s0ms", 20)])
def test_shutter_seconds_of_its_text(text, seconds):
    assert shutter_seconds(text) == seconds


def test_run_names_itself_as_load_scan_wants_it():
    assert str(Run("Module0", "VP0-1", "1s310ms")) == "Module0_VP0-1_ST_1s310ms"
