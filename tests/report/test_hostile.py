"""Scans on which a fit finds little or nothing run through results, notebooks and explorer."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile import (
    SCANS,
    execute,
)
from matplotlib.figure import Figure
from tqdm import tqdm

from velonb.report.notebooks import notebook_folder
from velonb.report.run import save_results

pytestmark = pytest.mark.filterwarnings("ignore:.*counts in good acquisitions:UserWarning")

NOTHING_FOUND = {"flat", "above_photopeak", "no_good_pixel", "few_hits"}
"""Scans without one good pixel in a fit with few free parameters."""


@pytest.fixture(params=SCANS, ids=lambda make: make.__name__)
def scan(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    make: Callable[[Path], Path] = request.param
    return make(tmp_path / make.__name__)


def has_words(figure: Figure) -> bool:
    titles = [ax.get_title() for ax in figure.axes] + [figure.get_suptitle()]
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    legends = [*figure.legends, *(ax.get_legend() for ax in figure.axes)]
    return any(titles + texts) or any(legends) or any(ax.get_xlabel() for ax in figure.axes)


@pytest.mark.slow
def test_scan_runs_through_results_notebooks_and_explorer(scan: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    save_results(scan, results, None, tqdm(disable=True))
    assert (results / "fits.nc").is_file()
    assert len(list((results / "csv").rglob("*.csv"))) > 10
    for notebook in sorted(notebook_folder().glob("*.ipynb")):
        text, figures = execute(notebook, DATA=str(scan))
        assert re.findall(r".*\b(?:nan|None)\b.*", text) == []
        assert figures
        for figure in figures:
            figure.set_layout_engine("none")  # which takes most of the time of drawing
            figure.draw_without_rendering()
            assert has_words(figure)
        if scan.name in NOTHING_FOUND and notebook.name[:2] in ("03", "04", "05", "06"):
            assert "No pixel has a good fit (" in text
            assert "unknown" in text
    _, figures = execute(notebook_folder() / "explorer.ipynb", DATA=str(results))
    assert len(figures) == 1
