"""The command line: what it makes, how it fails, and what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import nbformat
import numpy as np
import psutil
import pytest

import velonb as vb
from velonb.commands import main
from velonb.report import serve as _serve

FIRST = """\
import matplotlib.pyplot as plt
import velonb as vb
scan = vb.load_scan(DATA, run=RUN, progress=False)
print(scan.sizes["threshold"])
plt.plot(scan.threshold, scan.hits.sum(["row", "column"]))
plt.show()"""


@pytest.fixture(scope="module")
def scan_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scan")
    thresholds = range(1480, 1601, 12)
    vb.simulate_scan(folder, thresholds=thresholds, acquisitions=2, faults=False)
    return folder


def write_notebook(path: Path, *code: str) -> None:
    path.parent.mkdir(exist_ok=True)
    parameters = nbformat.v4.new_code_cell("DATA = None\nRUN = None")
    parameters.metadata["tags"] = ["parameters"]
    heading = nbformat.v4.new_markdown_cell(f"# About {path.stem}\n\nWhy $E_0$.")
    cells = [heading, parameters, *map(nbformat.v4.new_code_cell, code)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def assert_one_line_of_error(stderr: str) -> None:
    # What stays on a screen: a progress bar goes back to the beginning of its line.
    lines = [line.rpartition("\r")[2] for line in stderr.strip().split("\n")]
    assert len(lines) == 1, stderr
    assert lines[0].startswith("velonb: ")
    assert "Traceback" not in stderr


def test_help_tells_every_command_in_one_screen(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        run("--help")
    text = capsys.readouterr().out
    assert len(text.splitlines()) <= 40
    for command in ("run", "lab", "app", "simulate"):
        assert re.search(rf"^  {command} ", text, re.MULTILINE)
        assert f"velonb {command}" in text or command == "app"


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        run("--version")
    assert capsys.readouterr().out == f"velonb {vb.__version__}\n"


def test_simulate_writes_the_scan_asked_for(tmp_path: Path) -> None:
    options = ["--acquisitions", 2, "--shutter", "1s310ms", "--seed", 3, "--no-faults"]
    assert run("simulate", tmp_path, "--thresholds", "1500:1510:5", *options) == 0
    names = {path.name for path in tmp_path.glob("*_THR_*.csv")}
    assert len(names) == 6
    assert all("_ST_1s310ms_THR_" in name for name in names)
    scan = vb.load_scan(tmp_path, progress=False)
    assert list(scan.threshold.values) == [1500, 1505, 1510]


@pytest.mark.filterwarnings("ignore:.*are at 63")
def test_simulate_writes_a_chip_of_the_size_asked_for(tmp_path: Path) -> None:
    options = ("--acquisitions", "1", "--no-faults", "--rows", "16", "--columns", "64")
    assert run("simulate", tmp_path, "--thresholds", "1500:1500:1", *options) == 0
    assert vb.load_scan(tmp_path, progress=False).mask.shape == (16, 64)


def test_simulate_refuses_a_chip_without_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("simulate", tmp_path / "scan", "--rows", "0") == 2
    assert "rows of a chip is 0; it must be above 0" in capsys.readouterr().err


@pytest.mark.parametrize("thresholds", ["1500", "1600:1500:3", "1500:1600:0", "a:b:c"])
def test_simulate_without_thresholds_is_refused(
    thresholds: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run("simulate", tmp_path, "--thresholds", thresholds)
    assert "write from:to:step in DAC, such as 1480:1600:3" in capsys.readouterr().err


def test_run_writes_results_figures_and_pages(
    scan_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_notebook(tmp_path / "set" / "01_load.ipynb", FIRST)
    write_notebook(tmp_path / "set" / "02_more.ipynb", "print(DATA)")
    write_notebook(tmp_path / "set" / "explorer.ipynb", "1 / 0")
    out = tmp_path / "out"
    assert run("run", scan_folder, "--out", out, "--notebooks", tmp_path / "set") == 0
    made = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert {path for path in made if not path.startswith("csv")} == {
        "index.html",
        "01_load.html",
        "02_more.html",
        "figures/01_load_1.png",
        "notebooks/01_load.ipynb",
        "notebooks/02_more.ipynb",
        "scan.nc",
        "flux.nc",
        "fits.nc",
        ".velonb.json",
    }
    assert "csv/Module0_VP0-1/E0matrix_ST_13s105ms.csv" in made
    assert (out / "figures" / "01_load_1.png").read_bytes().startswith(b"\x89PNG")
    assert str(scan_folder) in (out / "02_more.html").read_text("utf-8")
    index = (out / "index.html").read_text("utf-8")
    assert 'href="02_more.html"' in index
    assert "About 01_load" in index
    assert f"open {out / 'index.html'}" in capsys.readouterr().out


def hits_printed(out: Path, stem: str) -> str:
    notebook = nbformat.read(out / "notebooks" / f"{stem}.ipynb", as_version=4)
    return "".join(output.get("text", "") for output in notebook.cells[-1].outputs)


LOAD = """\
import warnings
import velonb as vb
with warnings.catch_warnings(record=True) as notes:
    warnings.simplefilter("always")
    scan = vb.load_scan(DATA, progress=False)
print(int(scan.hits.sum()), int(scan.mask.sum()), len(notes), scan.bad_cut, scan.on_error)"""


def test_run_shows_what_it_saved_while_acquisitions_are_added(
    scan_folder: Path, tmp_path: Path
) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    shutil.copytree(scan_folder, data)
    add = """\
from pathlib import Path
for path in sorted(Path(DATA).glob("*_1.csv")):
    path.with_name(path.name.replace("_1.csv", "_7.csv")).write_bytes(path.read_bytes())"""
    write_notebook(tmp_path / "set" / "01_add.ipynb", add, LOAD)
    assert run("run", data, "--out", out, "--notebooks", tmp_path / "set") == 0
    saved = vb.load_netcdf(out / "scan.nc")
    assert len(list(data.glob("*_7.csv"))) == saved.sizes["threshold"]
    assert int(hits_printed(out, "01_add").split()[0]) == int(saved.hits.sum())


def test_run_loads_as_told_for_results_and_notebooks(
    scan_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    shutil.copytree(scan_folder, data)
    unreadable = next(iter(sorted(data.glob("*_THR_*.csv"))))
    unreadable.write_text("1,2\n")
    mask = np.zeros((256, 256), dtype=int)
    mask[:100] = 1
    np.savetxt(tmp_path / "mask.csv", mask, fmt="%d", delimiter=",")
    write_notebook(tmp_path / "set" / "01_load.ipynb", LOAD)
    options = ["--out", out, "--notebooks", tmp_path / "set", "--bad-cut", "3.5"]
    options += ["--mask", tmp_path / "mask.csv", "--on-error", "skip"]
    assert run("run", data, *options) == 0
    stderr = capsys.readouterr().err
    assert "velonb: 1 unreadable files left out" in stderr
    assert str(unreadable) in stderr
    saved = vb.load_netcdf(out / "scan.nc")
    notes = len(saved.warnings.splitlines())
    hits = int(saved.hits.sum())
    assert hits_printed(out, "01_load") == f"{hits} 25600 {notes} 3.5 skip\n"
    assert notes >= 1


def test_run_takes_sums_where_the_limit_of_the_counter_is_given(
    scan_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    shutil.copytree(scan_folder, data)
    for path in data.glob("*_THR_*.csv"):
        np.savetxt(path, vb.read_acquisition(path) + 64, fmt="%d", delimiter=",")
    write_notebook(tmp_path / "set" / "01_load.ipynb", "1")
    options = ["--out", out, "--notebooks", tmp_path / "set"]
    assert run("run", data, *options) == 2
    assert "velonb run: --counter-max" in capsys.readouterr().err
    assert run("run", data, *options, "--counter-max", "500", "--bad-cut", "1000") == 0
    assert vb.load_netcdf(out / "scan.nc").attrs["counter_max"] == 500


def test_run_refuses_a_folder_whose_name_is_not_utf8(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "Modul\udce9"
    data.mkdir()
    assert run("run", data, "--out", tmp_path / "out") == 2
    assert "is not written in UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--mask", "--bad-cut"])
def test_run_refuses_an_impossible_value(
    option: str, scan_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("run", scan_folder, "--out", tmp_path / "out", option, "-1") == 2
    assert_one_line_of_error(capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"{", b"[1]", b'{"nbformat": 4}', b"\xff"])
def test_run_names_a_damaged_notebook(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "01_load.ipynb").write_bytes(content)
    assert run("run", tmp_path, "--out", tmp_path / "out", "--notebooks", tmp_path) == 2
    stderr = capsys.readouterr().err
    assert_one_line_of_error(stderr)
    assert f"{tmp_path / '01_load.ipynb'} is not a notebook, or is damaged: " in stderr
    assert not (tmp_path / "out").exists()


def test_run_stops_at_a_failing_notebook_and_keeps_what_was_finished(
    scan_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_notebook(tmp_path / "set" / "01_good.ipynb", "1 + 1")
    write_notebook(tmp_path / "set" / "02_broken.ipynb", "1 + 1", "raise ValueError('no hits')")
    write_notebook(tmp_path / "set" / "03_after.ipynb", "1 + 1")
    out = tmp_path / "out"
    assert run("run", scan_folder, "--out", out, "--notebooks", tmp_path / "set") == 1
    stderr = capsys.readouterr().err
    assert "velonb: 02_broken.ipynb stopped at cell [4]: ValueError: no hits\n" in stderr
    assert "Traceback" not in stderr
    assert (out / "01_good.html").exists()
    assert "01_good.html" in (out / "index.html").read_text("utf-8")
    failed = nbformat.read(out / "notebooks" / "02_broken.failed.ipynb", as_version=4)
    assert failed.cells[-1].outputs[0].ename == "ValueError"
    assert not list(out.glob("0[23]*.html"))


def test_run_says_which_notebook_killed_its_kernel(
    scan_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_notebook(tmp_path / "set" / "01_dead.ipynb", "import os", "os._exit(3)")
    code = run("run", scan_folder, "--out", tmp_path / "out", "--notebooks", tmp_path / "set")
    assert code == 1
    assert "01_dead.ipynb stopped at cell number 5" in capsys.readouterr().err


def start(
    log: Path, *command: object, program: tuple[str, ...] = ("-m", "velonb"), **environment: str
) -> subprocess.Popen[bytes]:
    """The command line in a process of its own, which writes to a file what it says."""
    with log.open("wb") as stream:
        return subprocess.Popen(
            [sys.executable, *program, *map(str, command)],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
        )


def wait_for(path: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    while not path.exists():
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)


def assert_ended(pids: Iterable[int]) -> None:
    """Wait until processes are gone; an error where one stays."""
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(timeout=30)


either_signal = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@either_signal
def test_run_interrupted_ends_cleanly(
    number: signal.Signals, scan_folder: Path, tmp_path: Path
) -> None:
    write_notebook(tmp_path / "set" / "01_good.ipynb", "1 + 1")
    wait = "import os, time\nfrom pathlib import Path\n"
    wait += "Path('part').write_text(str(os.getpid()))\nos.rename('part', 'begun')\ntime.sleep(60)"
    write_notebook(tmp_path / "set" / "02_slow.ipynb", wait)
    out, log = tmp_path / "out", tmp_path / "log"
    process = start(log, "run", scan_folder, "--out", out, "--notebooks", tmp_path / "set")
    wait_for(out / "begun", process, log)
    process.send_signal(number)
    assert process.wait(timeout=30) == 130
    stderr = log.read_text()
    assert "velonb: interrupted; what was finished stays" in stderr
    assert "Traceback" not in stderr
    assert (out / "01_good.html").exists()
    assert not list(out.rglob("*.part*"))
    assert_ended([int((out / "begun").read_text())])


@either_signal
@pytest.mark.parametrize("module", ["argparse", "papermill"])
def test_interrupted_before_anything_has_begun_ends_without_a_traceback(
    module: str, number: signal.Signals, tmp_path: Path
) -> None:
    slow = "import pathlib, time\npathlib.Path(__file__).with_name('begun').touch()\ntime.sleep(60)"
    (tmp_path / f"{module}.py").write_text(slow)
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    log = tmp_path / "log"
    process = start(log, "run", tmp_path, PYTHONPATH=path)
    wait_for(tmp_path / "begun", process, log)
    process.send_signal(number)
    assert process.wait(timeout=30) == 130
    assert log.read_text().strip() == "velonb: interrupted"


def test_run_of_a_missing_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("run", tmp_path / "absent", "--out", tmp_path / "out") == 2
    stderr = capsys.readouterr().err
    assert_one_line_of_error(stderr)
    assert "absent is not a folder" in stderr
    assert not (tmp_path / "out").exists()


def test_run_of_a_missing_folder_says_if_the_environment_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VELONB_DATA", str(tmp_path / "absent"))
    assert run("run") == 2
    assert "absent, named in the environment variable VELONB_DATA, is not a folder" in (
        capsys.readouterr().err
    )


def test_simulate_names_its_own_option_as_a_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("simulate", tmp_path / "scan", "--thresholds", "1500:1500:1") == 2
    stderr = capsys.readouterr().err
    assert_one_line_of_error(stderr)
    assert "velonb simulate: --no-faults" in stderr


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", "no acquisitions here"),
        ("Module0_VP0-1_ECS_data_ST_1s310ms_THR_1500_0.csv", "1,2\n3,x\n"),
        ("Module0_VP0-1_ECS_data_ST_1s310ms_THR_1500_0.csv", ""),
        ("Module0_VP0-1_ECS_data_ST_soon_THR_1500_0.csv", "1\n"),
    ],
    ids=["no acquisitions", "not counts", "empty file", "no shutter time"],
)
def test_run_of_a_bad_folder_is_refused_in_one_line(
    name: str, content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / name).write_text(content)
    assert run("run", data, "--out", tmp_path / "out") == 2
    assert_one_line_of_error(capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_run_without_notebooks_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("run", tmp_path, "--notebooks", tmp_path) == 2
    assert "holds no notebooks named like 01_load.ipynb" in capsys.readouterr().err


@pytest.fixture
def foreign_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `python3` of the user's that is another program, wherever Jupyter looks."""
    spec = tmp_path / "jupyter" / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    argv = [sys.executable, "-c", "raise SystemExit('another kernel')", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "mine", "language": "python"}))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")


@pytest.mark.usefixtures("foreign_kernel")
def test_run_uses_the_python_that_runs_it(scan_folder: Path, tmp_path: Path) -> None:
    write_notebook(tmp_path / "set" / "01_kernel.ipynb", "import sys\nprint(sys.executable)")
    out = tmp_path / "out"
    assert run("run", scan_folder, "--out", out, "--notebooks", tmp_path / "set") == 0
    executed = nbformat.read(out / "notebooks" / "01_kernel.ipynb", as_version=4)
    assert executed.cells[-1].outputs[0].text.strip() == sys.executable


class FakeServer:
    """Stands in for a server: remembers how it was started and ends at once."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        FakeServer.command, FakeServer.env = command, env

    def wait(self) -> int:
        return 0


@pytest.mark.parametrize("command", ["lab", "app"])
def test_servers_start_from_the_folder(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_serve.subprocess, "Popen", FakeServer)
    monkeypatch.setattr(_serve, "find_spec", lambda name: name)
    assert run(command, tmp_path, "--no-browser", "--port=9999") == 0
    assert FakeServer.env["VELONB_DATA"] == str(tmp_path)
    assert FakeServer.command[-2:] == ["--no-browser", "--port=9999"]


def test_run_refuses_options_it_does_not_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run("run", tmp_path, "--fast")
    assert "unrecognized arguments: --fast" in capsys.readouterr().err


def test_lab_in_an_installed_package_copies_notebooks_but_never_over_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_notebook(tmp_path / "shipped" / "01_load.ipynb", "1 + 1")
    write_notebook(tmp_path / "shipped" / "02_flux.ipynb", "1 + 1")
    monkeypatch.setattr(_serve, "in_clone", lambda: False)
    monkeypatch.setattr(_serve, "notebook_folder", lambda: tmp_path / "shipped")
    work = tmp_path / "work"
    work.mkdir()
    (work / "01_load.ipynb").write_text("my work")
    assert _serve.working_notebooks(work) == work
    assert (work / "01_load.ipynb").read_text() == "my work"
    assert (work / "02_flux.ipynb").read_bytes() == (
        tmp_path / "shipped" / "02_flux.ipynb"
    ).read_bytes()


def test_app_without_voila_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_serve, "find_spec", lambda name: None)
    assert run("app", tmp_path) == 2
    assert_one_line_of_error(capsys.readouterr().err)


def test_app_asks_for_its_token(tmp_path: Path) -> None:
    pytest.importorskip("voila", reason="Voila is an extra: pip install 'velonb[app]'")
    write_notebook(tmp_path / "explorer.ipynb", "print('pick' + ' a pixel')")
    log = tmp_path / "log"
    command = [*_serve.app_command(tmp_path / "explorer.ipynb"), "--no-browser"]
    with log.open("w") as stream:
        server = subprocess.Popen(command, stderr=stream, env=os.environ | {"BROWSER": "true"})
    try:
        while not (address := re.search(r"(http://\S+)\?token=\w+", log.read_text())):
            assert server.poll() is None, log.read_text()
            time.sleep(0.05)
        assert re.match(r"http://(127\.0\.0\.1|localhost):", address[0])
        with urlopen(address[1], timeout=60) as page:
            assert "/login" in page.url
            assert "pick a pixel" not in page.read().decode()
        with urlopen(address[0], timeout=60) as page:
            assert "pick a pixel" in page.read().decode()
    finally:
        server.terminate()
        server.wait()


def answer(request: Request | str) -> Any:
    """What a server answers that has told its address but may not listen yet."""
    for _ in range(150):
        try:
            return urlopen(request, timeout=60)
        except URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
            time.sleep(0.2)
    return urlopen(request, timeout=60)


def address_in(log: Path, server: subprocess.Popen[bytes]) -> tuple[str, str]:
    """Address and token of a server, once it says them."""
    while not (match := re.search(r"(http://127\.0\.0\.1\S*)\?token=(\w+)", log.read_text())):
        assert server.poll() is None, log.read_text()
        time.sleep(0.05)
    return match[1], match[2]


def kill_with_children(server: subprocess.Popen[bytes]) -> None:
    """Leave nothing behind where a test fails."""
    with suppress(psutil.NoSuchProcess):
        for process in psutil.Process(server.pid).children(recursive=True):
            process.kill()
    server.kill()
    server.wait()


def assert_ends_with_its_kernel(server: subprocess.Popen[bytes]) -> None:
    """Its kernel is of this Python; TERM ends it and all that it has started."""
    started = psutil.Process(server.pid).children(recursive=True)
    kernel = [sys.executable, "-m", "ipykernel_launcher"]
    assert any(process.cmdline()[:3] == kernel for process in started)
    server.terminate()
    code = server.wait(timeout=30)
    assert_ended(process.pid for process in started)
    assert code in (0, 130)


@pytest.mark.usefixtures("foreign_kernel")
def test_lab_starts_kernels_of_this_python_and_ends_them(tmp_path: Path) -> None:
    log = tmp_path / "log"
    server = start(log, "lab", tmp_path, "--no-browser", "--port=0", "--allow-root")
    try:
        address, token = address_in(log, server)
        kernels = Request(
            address.replace("/lab", "/api/kernels"),
            method="POST",
            headers={"Authorization": f"token {token}"},
        )
        answer(kernels).close()
        assert_ends_with_its_kernel(server)
    finally:
        kill_with_children(server)


APP = """\
import sys
from pathlib import Path
from velonb import commands as _commands
from velonb.report import serve as _serve
_serve.notebook_folder = lambda: Path(sys.argv[1])
sys.exit(_commands.main(["app", *sys.argv[2:]]))"""


@pytest.mark.usefixtures("foreign_kernel")
def test_app_starts_kernels_of_this_python_and_ends_them(tmp_path: Path) -> None:
    pytest.importorskip("voila", reason="Voila is an extra: pip install 'velonb[app]'")
    write_notebook(tmp_path / "explorer.ipynb", "print('pick' + ' a pixel')")
    log = tmp_path / "log"
    server = start(log, tmp_path, tmp_path, "--no-browser", program=("-c", APP))
    try:
        address, token = address_in(log, server)
        with answer(f"{address}?token={token}") as page:
            assert "pick a pixel" in page.read().decode()
            assert_ends_with_its_kernel(server)
    finally:
        kill_with_children(server)
