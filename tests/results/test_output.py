"""What is written where: full disks, one chip a folder, locks, and what killed runs leave."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

import velonb as vb
from velonb.commands import main
from velonb.explorer.saving import save_figure
from velonb.explorer.text import file_stem
from velonb.report import run as _run
from velonb.results.output import LOCK_NAME, STAMP_NAME, locked, stamp
from velonb.simulate.writing import TRUTH_NAME
from velonb.system import files as _files, locks as _locks
from velonb.system.files import written_whole

CHIP = {"module": "Module0", "asic": "VP0-1"}
RUN = CHIP | {"shutter": "1s310ms"}
needs_locks = pytest.mark.skipif(_locks.fcntl is None, reason="this system knows no flock")


def noise(attrs: dict[str, str] = RUN) -> xr.Dataset:
    """A flux that does not compress."""
    random = np.random.default_rng(1)
    names = {"flux": ("threshold", "row", "column"), "asic_flux": ("threshold",)}
    shape = {"threshold": 2, "row": 256, "column": 256}
    variables = {
        f"{name}{ending}": (dims, random.uniform(size=[shape[dim] for dim in dims]))
        for name, dims in names.items()
        for ending in ("", "_err")
    }
    return xr.Dataset(variables, {"threshold": [1500, 1505]}, attrs=attrs)


def fit_maps(attrs: dict[str, str] = RUN) -> xr.Dataset:
    dims = ("fit", "row", "column")
    names = [name + ending for name in ("E0", "f", "s") for ending in ("", "_err")]
    variables = {name: (dims, np.ones((2, 256, 256))) for name in (*names, "fit_type")}
    return xr.Dataset(variables, {"fit": ["free", "fixed"]}, attrs=attrs)


def figure() -> Figure:
    drawn = Figure(figsize=(12, 12), dpi=200)
    drawn.subplots().imshow(np.random.default_rng(1).uniform(size=(900, 900)))
    return drawn


def small_scan(folder: Path) -> object:
    options = {"thresholds": [1500], "acquisitions": 2, "faults": False, "progress": False}
    return vb.simulate_scan(folder, **options)


WRITERS: dict[str, Callable[[Path], object]] = {
    "netcdf": lambda folder: vb.save_netcdf(folder / "flux.nc", noise()),
    "csv": lambda folder: vb.export_csv(folder, flux=noise()),
    "figure": lambda folder: save_figure(figure(), folder / "map.png"),
    "pdf": lambda folder: save_figure(figure(), folder / "map.pdf"),
    "simulation": lambda folder: small_scan(folder / "scan"),
}


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small disk cannot be mounted here: {error}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("writer", WRITERS)
def test_full_disk_is_told_plainly_and_nothing_is_left(full_disk: Path, writer: str) -> None:
    name = rf"^cannot write {full_disk}/.+: no space left on device; free some space"
    with pytest.raises(OSError, match=name) as caught:
        WRITERS[writer](full_disk)
    assert caught.value.errno == errno.ENOSPC
    # Files that were finished before stay, such as the small ones of the ASIC.
    left = {path.name for path in full_disk.iterdir() if "perASIC" not in path.name}
    assert left <= {STAMP_NAME}


@pytest.mark.parametrize("writer", ["netcdf", "csv", "simulation"])
def test_disk_that_fills_up_while_writing_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str
) -> None:
    def half(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match=r"^cannot write .+: no space left on device"):
        WRITERS[writer](tmp_path)
    assert {path.name for path in tmp_path.iterdir()} <= {STAMP_NAME}


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
import numpy as np, xarray as xr, velonb as vb
try:
    values = np.random.default_rng(1).uniform(size=(256, 256))
    vb.save_netcdf(sys.argv[1], xr.Dataset({"flux": (("row", "column"), values)}))
except OSError as error:
    sys.exit(str(error))
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of files are set the way of POSIX")
def test_save_netcdf_beyond_the_limit_of_a_file_does_not_end_the_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "flux.nc")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"cannot write {tmp_path}/flux.nc: file too large; free")
    assert list(tmp_path.iterdir()) == []


def test_write_where_a_file_stands_for_the_folder_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "results").touch()
    with pytest.raises(OSError, match=r"cannot write .*results/flux.nc: .*choose another folder"):
        vb.save_netcdf(tmp_path / "results" / "flux.nc", noise())


def test_error_of_another_file_inside_the_block_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"), written_whole(tmp_path / "a.csv"):
        (tmp_path / "elsewhere" / "absent").read_text()


HOLDING = """
import sys, time
from pathlib import Path
from velonb.system import files as _files
from velonb.results import output as _output
with getattr({module}, "{function}")(Path(sys.argv[1]){more}):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start processes that are in the middle of writing."""
    started = []

    def start(module: str, function: str, path: Path, more: str = "") -> subprocess.Popen[str]:
        code = HOLDING.format(module=module, function=function, more=more)
        command = [sys.executable, "-c", code, str(path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


@needs_locks
def test_partial_file_is_removed_only_when_its_writer_is_dead(tmp_path: Path, holder) -> None:
    path = tmp_path / "flux.nc"
    writer = holder("_files", "written_whole", path)
    (partial,) = tmp_path.iterdir()
    with written_whole(path) as temporary:
        temporary.write_text("1")
    assert partial.exists()
    kill(writer)
    assert partial.exists()
    with written_whole(path) as temporary:
        temporary.write_text("2")
    assert list(tmp_path.iterdir()) == [path]


@needs_locks
def test_partial_folder_is_removed_only_when_its_writer_is_dead(tmp_path: Path, holder) -> None:
    writer = holder("_files", "folder_written_whole", tmp_path / "scan", ", lambda folder: None")
    (partial,) = tmp_path.iterdir()
    (partial / "half.csv").touch()
    small_scan(tmp_path / "scan")
    assert partial.exists()
    kill(writer)
    small_scan(tmp_path / "scan")
    assert [path.name for path in tmp_path.iterdir()] == ["scan"]


@needs_locks
def test_files_that_only_look_like_partial_ones_are_left_alone(tmp_path: Path) -> None:
    names = [
        ".flux.0123abcd.part.csv",
        ".fluxes.0123abcd.part.nc",
        ".flux.0123abc.part.nc",
        "flux.0123abcd.part.nc",
        ".flux.0123abcd.part.nc.bak",
    ]
    for name in (*names, ".flux.0123abcd.part.nc"):
        (tmp_path / name).touch()
    with written_whole(tmp_path / "flux.nc"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {*names, "flux.nc"}


def test_partial_file_taken_for_stale_before_its_lock_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [BlockingIOError, FileNotFoundError]

    def lock(path: Path) -> int:
        if answers:
            path.unlink()
            raise answers.pop()
        return _locks.lock(path)

    monkeypatch.setattr(_files, "lock", lock)
    with written_whole(tmp_path / "a.csv") as temporary:
        assert temporary.exists()
    assert answers == []


def test_written_whole_without_locks_works_and_removes_no_partial_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_locks, "fcntl", None)
    other = tmp_path / ".a.0123abcd.part.csv"
    other.touch()
    with written_whole(tmp_path / "a.csv") as temporary:
        temporary.write_text("1")
    assert (tmp_path / "a.csv").read_text() == "1"
    assert other.exists()


def test_locked_folder_is_refused_to_others_until_its_holder_dies(tmp_path: Path, holder) -> None:
    out = tmp_path / "results"
    process = holder("_output", "locked", out)
    told = rf"{out} is being written by another run \(process {process.pid} on"
    with pytest.raises(BlockingIOError, match=told), locked(out):
        pass
    assert (out / LOCK_NAME).exists()
    kill(process)
    with locked(out):
        pass
    assert list(out.iterdir()) == []


def test_locked_folder_where_there_are_no_locks_goes_by_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holder
) -> None:
    monkeypatch.setattr(_locks, "fcntl", None)
    process = holder("_output", "locked", tmp_path)
    with pytest.raises(BlockingIOError, match="is being written"), locked(tmp_path):
        pass
    kill(process)
    with locked(tmp_path):
        (tmp_path / LOCK_NAME).write_text("1 another-host\n")
        with pytest.raises(BlockingIOError, match=rf"runs no more, remove .*{LOCK_NAME}"):
            locked(tmp_path).__enter__()


def test_locked_folder_keeps_what_was_written(tmp_path: Path) -> None:
    out = tmp_path / "new" / "results"
    with locked(out):
        (out / "flux.nc").touch()
    assert list(out.iterdir()) == [out / "flux.nc"]


def test_stamp_of_the_same_run_is_accepted_with_newer_input(tmp_path: Path) -> None:
    for digest in ("1", "1", "2"):
        stamp(tmp_path, RUN, input_digest=digest)
    assert '"input_digest": "2"' in (tmp_path / STAMP_NAME).read_text()
    assert [path.name for path in tmp_path.iterdir()] == [STAMP_NAME]


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"module": "Module1"}, "Module0 VP0-1 with shutter 1s310ms, these are of Module1 VP0-1"),
        ({"asic": "VP0-2"}, "Module0 VP0-1 with shutter 1s310ms, these are of Module0 VP0-2"),
        ({"shutter": "2s621ms"}, "these are of Module0 VP0-1 with shutter 2s621ms"),
    ],
)
def test_stamp_of_another_run_is_refused(tmp_path: Path, other: dict[str, str], told: str) -> None:
    stamp(tmp_path, RUN)
    before = (tmp_path / STAMP_NAME).read_bytes()
    with pytest.raises(FileExistsError, match=rf"{told}.*: write them to another folder"):
        stamp(tmp_path, RUN | other)
    assert (tmp_path / STAMP_NAME).read_bytes() == before


@pytest.mark.parametrize("content", ["", "{", "[1]", "null"])
def test_stamp_that_is_damaged_says_what_to_do(tmp_path: Path, content: str) -> None:
    (tmp_path / STAMP_NAME).write_text(content)
    with pytest.raises(ValueError, match=rf"{STAMP_NAME} is damaged; .* remove it if"):
        stamp(tmp_path, RUN)


def test_export_csv_of_another_chip_into_the_same_folder_is_refused(tmp_path: Path) -> None:
    vb.export_csv(tmp_path, fits=fit_maps())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = fit_maps(RUN | {"asic": "VP0-2"})
    with pytest.raises(
        FileExistsError, match="results of Module0 VP0-1, these are of Module0 VP0-2"
    ):
        vb.export_csv(tmp_path, fits=other + 1)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_export_csv_of_another_shutter_of_the_chip_goes_beside(tmp_path: Path) -> None:
    vb.export_csv(tmp_path, fits=fit_maps())
    vb.export_csv(tmp_path, fits=fit_maps(RUN | {"shutter": "2s621ms"}))
    assert len(list(tmp_path.glob("E0matrix_ST_*.csv"))) == 2


def test_export_csv_of_two_runs_at_once_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"flux is of Module0_VP0-1_ST_1s310ms, fits are of M_V_"):
        vb.export_csv(tmp_path, flux=noise(), fits=fit_maps(RUN | {"module": "M", "asic": "V"}))


def test_export_csv_of_something_else_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"flux has no flux, .*give export_csv what compute_flux"):
        vb.export_csv(tmp_path, flux=fit_maps())
    with pytest.raises(ValueError, match=r"fits has no fit_type, .*what fit_pixels returned"):
        vb.export_csv(tmp_path, fits=noise())
    with pytest.raises(ValueError, match="flux lacks the attributes module, shutter, which name"):
        vb.export_csv(tmp_path, flux=noise({"asic": "VP0-1"}))
    assert list(tmp_path.iterdir()) == []


def test_export_csv_writes_the_same_whatever_the_threads(tmp_path: Path) -> None:
    for threads in (1, 3):
        vb.export_csv(tmp_path / str(threads), flux=noise(), threads=threads)
    one, three = sorted((tmp_path / "1").iterdir()), sorted((tmp_path / "3").iterdir())
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in three]
    with pytest.raises(ValueError, match="threads is 0; it must be at least 1"):
        vb.export_csv(tmp_path, flux=noise(), threads=0)


EVIL = ["x/../../../evil", "..\\evil", "C:evil", "a\nb", "a\0b", "", "\udcff"]


@pytest.mark.parametrize("name", ["module", "asic", "shutter"])
@pytest.mark.parametrize("value", [*EVIL, 7])
def test_names_that_lead_out_of_the_folder_are_refused(
    tmp_path: Path, name: str, value: object
) -> None:
    attrs = RUN | {name: value}
    told = rf"{name} is .*; it must be a part of file names: .* none of / \\ :"
    for given in ({"flux": noise(attrs)}, {"fits": fit_maps(attrs)}):
        with pytest.raises(ValueError, match=told):
            vb.export_csv(tmp_path / "a" / "b", **given)
    if name != "shutter":
        with pytest.raises(ValueError, match=told):
            file_stem(attrs, [(1, 2)])
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small scans of two chips."""
    folder = tmp_path_factory.mktemp("scans")
    options = {"thresholds": range(1480, 1601, 24), "acquisitions": 2, "faults": False}
    for asic in ("VP0-1", "VP0-2"):
        vb.simulate_scan(folder / asic, asic=asic, progress=False, **options)
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture
def notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A set of one notebook that is not executed: it is not what is tested."""
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "01_a.ipynb").write_text('{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":5}')

    def nothing(path: Path, *_: object) -> _run.Entry:
        return _run.Entry(f"{path.stem}.html", path.stem, "", None)

    monkeypatch.setattr(_run, "execute", nothing)
    return folder


def run(*arguments: object) -> int:
    return main(["run", *map(str, arguments)])


def test_run_of_another_chip_is_refused_and_changes_nothing(
    scans: dict[str, Path], notebooks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    stamp(out, CHIP | {"shutter": "13s105ms"})
    vb.save_netcdf(out / "flux.nc", noise())
    before = {path: path.read_bytes() for path in out.rglob("*")}
    assert run(scans["VP0-2"], "--out", out, "--notebooks", notebooks) == 2
    told = f"{out} holds the results of Module0 VP0-1 with shutter 13s105ms, these are of Module0 V"
    assert told in capsys.readouterr().err
    assert {path: path.read_bytes() for path in out.rglob("*")} == before


def test_run_while_another_run_writes_there_is_refused(
    scans: dict[str, Path],
    notebooks: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    holder,
) -> None:
    holder("_output", "locked", tmp_path / "out")
    assert run(scans["VP0-1"], "--out", tmp_path / "out", "--notebooks", notebooks) == 2
    assert "out is being written by another run" in capsys.readouterr().err


def test_run_tries_the_output_before_it_loads(
    scans: dict[str, Path],
    notebooks: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(_run, "load_scan", lambda *_, **__: pytest.fail("it was loaded"))
    (tmp_path / "file").touch()
    assert run(scans["VP0-1"], "--out", tmp_path / "file", "--notebooks", notebooks) == 2
    assert f"velonb: cannot write {tmp_path / 'file'}: file exists" in capsys.readouterr().err

    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    assert run(scans["VP0-1"], "--out", tmp_path / "a" / "b", "--notebooks", notebooks) == 2
    error = capsys.readouterr().err
    assert f"velonb: cannot write {tmp_path / 'a' / 'b'}: no space left on device; free" in error
    assert not (tmp_path / "a").exists()


def test_run_that_cannot_be_fitted_leaves_no_output(
    scans: dict[str, Path],
    notebooks: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_fit(*_: object) -> None:
        raise ValueError("no fit")

    monkeypatch.setattr(_run, "fit_asic", no_fit)
    assert run(scans["VP0-1"], "--out", tmp_path / "out", "--notebooks", notebooks) == 2
    assert not (tmp_path / "out").exists()


def test_run_onto_a_full_disk_is_told_in_one_line(
    scans: dict[str, Path], notebooks: Path, full_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(scans["VP0-1"], "--out", full_disk / "out", "--notebooks", notebooks) == 2
    last = capsys.readouterr().err.strip().split("\n")[-1].rpartition("\r")[2]
    assert last.startswith(f"velonb: cannot write {full_disk}/out/scan.nc: no space left on device")
    assert [path.name for path in (full_disk / "out").iterdir()] == [STAMP_NAME]


@pytest.mark.parametrize("content", [b"", b"half of a tru", None], ids=["empty", "text", "cut"])
def test_demo_scan_with_a_damaged_truth_is_named_and_kept(tmp_path: Path, content) -> None:
    small_scan(tmp_path / "demo")
    truth = tmp_path / "demo" / TRUTH_NAME
    truth.write_bytes(truth.read_bytes()[:5000] if content is None else content)
    before = sorted(path.name for path in (tmp_path / "demo").iterdir())
    for make in (vb.demo_scan, small_scan):
        with pytest.raises(FileExistsError, match=r"truth.nc is not .* remove the folder and it"):
            make(tmp_path / "demo")
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == before


def test_acquisitions_beside_a_truth_of_something_else_are_not_replaced(tmp_path: Path) -> None:
    small_scan(tmp_path / "scan")
    vb.save_netcdf(tmp_path / "scan" / TRUTH_NAME, noise())
    with pytest.raises(FileExistsError, match=r"truth.nc is not from a simulation: choose"):
        small_scan(tmp_path / "scan")
