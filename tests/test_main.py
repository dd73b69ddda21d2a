"""The command line: what it makes, how it fails, and what it leaves behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import nbformat
import pytest

import velonb as vb
from velonb import _serve
from velonb.__main__ import main

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


def test_run_interrupted_ends_cleanly(scan_folder: Path, tmp_path: Path) -> None:
    write_notebook(tmp_path / "set" / "01_good.ipynb", "1 + 1")
    wait = "from pathlib import Path\nimport time\nPath('begun').touch()\ntime.sleep(60)"
    write_notebook(tmp_path / "set" / "02_slow.ipynb", wait)
    out = tmp_path / "out"
    command = ["run", scan_folder, "--out", out, "--notebooks", tmp_path / "set"]
    log = tmp_path / "log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "velonb", *map(str, command)], stderr=stream
        )
    while not (out / "begun").exists():
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    stderr = log.read_text()
    assert "velonb: interrupted; what was finished stays" in stderr
    assert "Traceback" not in stderr
    assert (out / "01_good.html").exists()
    assert not list(out.rglob("*.part*"))


def test_run_of_a_missing_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("run", tmp_path / "absent", "--out", tmp_path / "out") == 2
    stderr = capsys.readouterr().err
    assert_one_line_of_error(stderr)
    assert "absent is not a folder" in stderr
    assert not (tmp_path / "out").exists()


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
        with urlopen(address[1]) as page:
            assert "/login" in page.url
            assert "pick a pixel" not in page.read().decode()
        with urlopen(address[0]) as page:
            assert "pick a pixel" in page.read().decode()
    finally:
        server.terminate()
        server.wait()
