"""The rules of the stored notebooks; nbval compares their outputs with a new execution."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from velonb.report.notebooks import WIDGET_VIEW, analysis_notebooks, clean, notebook_folder

FOLDER = notebook_folder()
ANALYSIS = [
    "01_load",
    "02_flux",
    "03_asic_fit",
    "04_pixel_fits",
    "05_heatmaps",
    "06_interpretation",
]
PATHS = sorted(FOLDER.glob("*.ipynb"))

every_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
every_lesson = pytest.mark.parametrize(
    "path", analysis_notebooks(FOLDER), ids=lambda path: path.stem
)


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def cells(path: Path, kind: str) -> list[NotebookNode]:
    return [cell for cell in read(path).cells if cell.cell_type == kind]


def test_notebooks_of_the_analysis_are_all_there_in_order() -> None:
    assert [path.stem for path in analysis_notebooks(FOLDER)] == ANALYSIS
    assert (FOLDER / "explorer.ipynb").is_file()


@every_notebook
def test_notebook_is_stored_executed_from_top_to_bottom(path: Path) -> None:
    code = cells(path, "code")
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))


@every_lesson
def test_notebook_shows_something(path: Path) -> None:
    """A notebook without outputs would pass the comparison by nbval, comparing nothing."""
    ignored = {"nbval-ignore-output", "nbval-skip"}
    compared = [c for c in cells(path, "code") if not ignored & set(c.metadata.get("tags", []))]
    outputs = [output for cell in compared for output in cell.outputs]
    assert any("text" in output or "data" in output for output in outputs)


@every_notebook
def test_notebook_stores_no_error(path: Path) -> None:
    kinds = {output.output_type for cell in cells(path, "code") for output in cell.outputs}
    assert "error" not in kinds


@every_notebook
def test_notebook_is_clean(path: Path) -> None:
    """No widget state, time stamps or foreign kernel: `make notebooks` writes it so."""
    notebook = read(path)
    assert notebook == clean(copy.deepcopy(notebook))
    assert WIDGET_VIEW not in path.read_text("utf-8")


@every_notebook
def test_notebook_opens_with_a_title(path: Path) -> None:
    first = read(path).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")


@every_notebook
def test_notebook_takes_its_folder_and_run_as_parameters(path: Path) -> None:
    tagged = [c for c in cells(path, "code") if "parameters" in c.metadata.get("tags", [])]
    assert len(tagged) == 1
    assignments = [line.split("#")[0].strip() for line in tagged[0].source.splitlines()]
    assert {"DATA = None", "RUN = None"} <= set(assignments)


@every_notebook
def test_notebook_has_short_code_cells(path: Path) -> None:
    longest = max(len(cell.source.splitlines()) for cell in cells(path, "code"))
    assert longest <= 20


@every_lesson
def test_notebook_explains_what_it_does(path: Path) -> None:
    assert len(cells(path, "markdown")) >= 2 / 3 * len(cells(path, "code"))


@every_notebook
def test_notebook_is_small_enough_to_read_on_a_code_host(path: Path) -> None:
    # Maps in whole screen pixels do not compress; four of them are the subject of one notebook.
    assert path.stat().st_size < 650_000


@every_notebook
def test_notebook_avoids_widgets_that_hang_when_executed(path: Path) -> None:
    code = "\n".join(cell.source for cell in cells(path, "code"))
    for widget in ("interact(", "interactive(", "Output("):
        assert widget not in code


def write_notebook(path: Path, code: str) -> None:
    markdown, cell = nbformat.v4.new_markdown_cell("# Title"), nbformat.v4.new_code_cell(code)
    nbformat.write(nbformat.v4.new_notebook(cells=[markdown, cell]), path)


def run_script(*arguments: object) -> int:
    script = FOLDER.parent / "scripts" / "notebooks.py"
    return subprocess.run([sys.executable, script, *map(str, arguments)], check=False).returncode


def test_executing_and_cleaning_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    code = "import sys, uuid\nimport ipywidgets\nfrom IPython.display import HTML\nprint(6 * 7)\n"
    code += "print('late', file=sys.stderr)\ndisplay(ipywidgets.IntSlider(), object())\n"
    write_notebook(tmp_path / "a.ipynb", code + "name = uuid.uuid4()\nHTML(f'{name} {name}')")
    assert run_script("--check", "--folder", tmp_path) == 1
    assert run_script("--folder", tmp_path) == 0
    first = (tmp_path / "a.ipynb").read_bytes()
    outputs = read(tmp_path / "a.ipynb").cells[1].outputs
    assert outputs[0].text == "42\n"
    assert [list(output.get("data", [])) for output in outputs[1:]] == [
        ["text/plain"],
        ["text/html", "text/plain"],
    ]
    assert run_script("--folder", tmp_path) == 0
    assert (tmp_path / "a.ipynb").read_bytes() == first
    assert run_script("--check", "--folder", tmp_path) == 0


def test_a_notebook_that_fails_stays_as_it_was(tmp_path: Path) -> None:
    write_notebook(tmp_path / "a.ipynb", "1 / 0")
    before = (tmp_path / "a.ipynb").read_bytes()
    assert run_script("--folder", tmp_path) == 1
    assert (tmp_path / "a.ipynb").read_bytes() == before
