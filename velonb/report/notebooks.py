"""The notebooks that come with velonb: where they lie, and how they are kept clean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode, ValidationError

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_RANDOM_NAME = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_ADDRESS = re.compile(r"\bat 0x[0-9a-f]+")
PACKAGE = Path(__file__).parents[1]
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def in_clone() -> bool:
    """Whether velonb runs from a clone, with the notebooks beside the package."""
    return not (PACKAGE / "notebooks").is_dir()


def notebook_folder() -> Path:
    """Folder of the notebooks: inside an installed package, beside it in a clone."""
    return (PACKAGE.parent if in_clone() else PACKAGE) / "notebooks"


def analysis_notebooks(folder: Path) -> list[Path]:
    """Notebooks of the analysis, in the order of the number their names begin with."""
    return sorted(folder.glob("[0-9][0-9]_*.ipynb"))


def read_notebook(path: Path) -> NotebookNode:
    """The notebook in a file; a ValueError that names the file if there is none."""
    try:
        return nbformat.read(path, as_version=4)
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise ValueError(
            f"{path} is not a notebook, or is damaged: {reason}; mend it, or take it out of "
            "the folder"
        ) from error


def clean(notebook: NotebookNode) -> NotebookNode:
    """Drop from an executed notebook, in place, all that differs from run to run.

    That is the state of the widgets, time stamps, warnings on stderr, memory
    addresses, and random names of cells and of parts of HTML; kernel and language
    are written one way. Executing and cleaning twice then gives the same bytes.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        The notebook, with or without outputs.

    Returns
    -------
    nbformat.NotebookNode
        The same notebook.
    """
    notebook.metadata = NotebookNode(
        kernelspec=NotebookNode(KERNELSPEC), language_info=NotebookNode(name="python")
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags")
        cell.metadata = NotebookNode(tags=tags) if tags else NotebookNode()
        cell.id = f"cell-{number:02d}"
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _changes(output)]
    names: dict[str, str] = {}
    for output in _outputs(notebook):
        for kind in {"text/plain", "text/html"} & set(output.get("data", {})):
            output.data[kind] = _without_chance(output.data[kind], names)
    return notebook


def _changes(output: NotebookNode) -> bool:
    """Whether an output is of the moment: a warning, a log line or a live widget."""
    return output.get("name") == "stderr" or WIDGET_VIEW in output.get("data", {})


def _without_chance(text: str, names: dict[str, str]) -> str:
    """Text with its random names replaced by numbers in `names`, and without addresses."""

    def number(match: re.Match[str]) -> str:
        return names.setdefault(match[0], f"00000000-0000-0000-0000-{len(names):012d}")

    return _ADDRESS.sub("at 0x0", _RANDOM_NAME.sub(number, text))


def _outputs(notebook: NotebookNode) -> Iterator[NotebookNode]:
    for cell in notebook.cells:
        yield from cell.get("outputs", [])


def figures(notebook: NotebookNode) -> list[str]:
    """Figures among the outputs of a notebook, as base64 text of PNG."""
    shown = [output.get("data", {}) for output in _outputs(notebook)]
    return [data["image/png"] for data in shown if "image/png" in data]


def title_and_summary(notebook: NotebookNode, default: str) -> tuple[str, str]:
    """First heading of a notebook and the paragraph under it, as Markdown text."""
    first = next((cell.source for cell in notebook.cells if cell.cell_type == "markdown"), "")
    blocks = [" ".join(block.split()) for block in first.split("\n\n") if block.strip()]
    if not blocks or not blocks[0].startswith("# "):
        return default, ""
    return blocks[0].removeprefix("# "), blocks[1] if len(blocks) > 1 else ""
