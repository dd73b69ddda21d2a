"""Compiled code on disk, in processes of their own on a copy of the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from velonb.system import kept_code as _kept_code

SAMPLE = """\
from numba import njit
from velonb.system.kept_code import keep_compiled
from velonb.chip import VELOPIX

ROWS = VELOPIX.rows

@keep_compiled
@njit
def rows_and(more):
    return ROWS + more
"""

CALL = """\
import sys
from velonb.sample import rows_and
for text in sys.argv[1:]:
    number = float(text) if "." in text else int(text)
    print(rows_and(number), "found" if rows_and.stats.cache_hits else "compiled")
"""

NO_FILES = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"


class Installation:
    """A copy of velonb with one small compiled function more."""

    def __init__(self, folder: Path) -> None:
        self.package = folder / "site" / "velonb"
        self.home = folder / "home"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        shutil.copytree(
            _kept_code.PACKAGE, self.package, ignore=shutil.ignore_patterns("__pycache__")
        )
        (self.package / "sample.py").write_text(SAMPLE)

    def start(self, *numbers: str, code: str = CALL, **environment: str) -> subprocess.Popen[str]:
        own = {"HOME": str(self.home), "TMPDIR": str(self.temporary)}
        dropped = ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "PYTHONPATH")
        inherited = {name: value for name, value in os.environ.items() if name not in dropped}
        return subprocess.Popen(
            [sys.executable, "-c", code, *numbers],
            cwd=self.package.parent,
            env=inherited | own | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, *numbers: str, code: str = CALL, **environment: str) -> tuple[str, str]:
        stdout, stderr = self.start(*numbers, code=code, **environment).communicate(timeout=120)
        return stdout.strip(), stderr

    def kept(self, folder: Path | None = None) -> list[Path]:
        return sorted((folder or self.package).rglob("velonb.sample.*.nbc"))

    def forbid_writing(self) -> None:
        """Put a file where the package would keep code: that holds for every user."""
        shutil.rmtree(self.package / "__pycache__", ignore_errors=True)
        (self.package / "__pycache__").touch()


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def test_compiled_code_is_found_by_the_next_process(installation: Installation) -> None:
    assert installation.call("1") == ("257 compiled", "")
    assert len(installation.kept()) == 1
    assert installation.call("1") == ("257 found", "")
    assert installation.call("1.5") == ("257.5 compiled", "")
    assert installation.call("1", "1.5") == ("257 found\n257.5 found", "")


def test_code_made_from_other_sources_is_not_used_even_if_they_look_older(
    installation: Installation,
) -> None:
    installation.call("1")
    before = installation.kept()
    layout = installation.package / "chip.py"
    layout.write_text(layout.read_text().replace("rows: int = 256", "rows: int = 512"))
    os.utime(layout, (0, 0))
    assert installation.call("1") == ("513 compiled", "")
    assert len(installation.kept()) == 1
    assert installation.kept() != before


def test_a_change_in_a_module_that_is_not_compiled_keeps_the_code(
    installation: Installation,
) -> None:
    installation.call("1")
    with (installation.package / "results/csv.py").open("a") as module:
        module.write("# more\n")
    assert installation.call("1") == ("257 found", "")


def test_damaged_code_is_compiled_again(installation: Installation) -> None:
    installation.call("1")
    (kept,) = installation.kept()
    content = kept.read_bytes()
    for damaged in (b"", content[:40], content[:-9] + b"\0" + content[-8:]):
        kept.write_bytes(damaged)
        assert installation.call("1") == ("257 compiled", "")
    assert installation.call("1") == ("257 found", "")


def test_a_package_that_cannot_be_written_keeps_code_in_the_cache_of_the_user(
    installation: Installation,
) -> None:
    installation.forbid_writing()
    assert installation.call("1") == ("257 compiled", "")
    assert installation.call("1") == ("257 found", "")
    assert len(installation.kept(installation.home)) == 1


def test_where_nothing_can_be_written_code_is_kept_for_this_process_and_its_children(
    installation: Installation,
) -> None:
    installation.forbid_writing()
    child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {CALL!r}, '2'])\n"
    stdout, stderr = installation.call("1", "1.5", code=CALL + child, HOME=os.devnull)
    assert sorted(stdout.splitlines()) == ["257 compiled", "257.5 compiled", "258 found"]
    assert stderr.count("RuntimeWarning: compiled code cannot be kept") == 1
    assert "it is in a temporary folder until this process ends" in stderr
    assert not list(installation.temporary.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_where_no_file_can_be_written_code_is_not_kept(installation: Installation) -> None:
    stdout, stderr = installation.call("1", "1.5", code=NO_FILES + CALL)
    assert stdout == "257 compiled\n257.5 compiled"
    assert stderr.count("RuntimeWarning") == 1
    assert "it is not kept" in stderr
    assert not installation.kept()
    assert not list(installation.package.rglob("*.part*"))


def test_the_folder_that_the_user_names_comes_first(
    installation: Installation, tmp_path: Path
) -> None:
    named = tmp_path / "named"
    assert installation.call("1", NUMBA_CACHE_DIR=str(named)) == ("257 compiled", "")
    assert installation.call("1", NUMBA_CACHE_DIR=str(named)) == ("257 found", "")
    assert len(installation.kept(named)) == 1
    assert not installation.kept()


def test_processes_that_start_together_share_what_they_compile(
    installation: Installation,
) -> None:
    together = [installation.start(number) for number in ("1", "1.5", "2", "2.5")]
    values = [process.communicate(timeout=120)[0].split()[0] for process in together]
    assert values == ["257", "257.5", "258", "258.5"]
    assert installation.call("1", "1.5") == ("257 found\n257.5 found", "")


def test_numba_keeps_nothing_by_itself() -> None:
    by_numba = [path for path in _kept_code.PACKAGE.rglob("*.py") if "cache=" in path.read_text()]
    assert by_numba == []
