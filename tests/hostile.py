"""Folders of scans on which a fit finds little or nothing, and the notebooks executed on them."""

from __future__ import annotations

import ast
import io
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

import matplotlib.pyplot as plt
import nbformat
import numpy as np
from matplotlib.figure import Figure
from toys import TYPICAL

from velonb import simulate_scan, threshold_curve
from velonb.chip import VELOPIX
from velonb.results.csv import format_matrix
from velonb.scan.names import Run, acquisition_name, mask_name

RUN = Run("Module0", "VP0-1", "13s105ms")
SECONDS = 13.105
PATCH = (slice(96, 120), slice(232, 256))
"""The active pixels of most scans: few, so that fits are quick, and some in the last columns."""


def write_scan(
    folder: Path,
    thresholds: range,
    expected: Callable[[int], Any],
    *,
    active: tuple[Any, Any] = PATCH,
    dispersion: float = 1.0,
    acquisitions: int = 2,
) -> Path:
    """A few acquisitions a threshold of counts with the flux `expected` (hits/s)."""
    rng = np.random.default_rng(5)
    mask = np.ones(VELOPIX.size, dtype=int)
    mask[active] = 0
    folder.mkdir()
    (folder / mask_name(RUN.chip)).write_bytes(format_matrix(mask))
    for threshold in thresholds:
        mu = np.broadcast_to(expected(threshold) * SECONDS, mask.shape)
        for number in range(acquisitions):
            if dispersion > 1:
                mu = np.maximum(mu, 1e-9)
                counts = rng.negative_binomial(mu / (dispersion - 1), 1 / dispersion)
            else:
                counts = rng.poisson(mu)
            name = acquisition_name(RUN, threshold, number)
            (folder / name).write_bytes(format_matrix(np.minimum(counts, VELOPIX.counter_max)))
    return folder


def typical(threshold: int) -> float:
    return float(threshold_curve(threshold, **TYPICAL))


def _simulate(folder: Path, thresholds: Iterable[int]) -> None:
    options = {"acquisitions": 2, "faults": False, "masked": 65_000, "progress": False}
    simulate_scan(folder, thresholds=thresholds, **options)


def coarse(folder: Path) -> Path:
    """Nine thresholds, with a gap where the curve begins to fall."""
    thresholds = [t for t in range(1480, 1601, 12) if t not in (1504, 1516)]
    _simulate(folder, thresholds)
    return folder


def five_thresholds(folder: Path) -> Path:
    """One threshold more than there are parameters."""
    thresholds = range(1480, 1601, 30)
    _simulate(folder, thresholds)
    return folder


def flat(folder: Path) -> Path:
    """The same flux at every threshold: no photopeak; and one acquisition each."""
    return write_scan(folder, range(1480, 1601, 6), lambda _: 0.5, acquisitions=1)


def single_pixel(folder: Path) -> Path:
    """All pixels but one are masked."""
    return write_scan(folder, range(1480, 1601, 6), typical, active=(100, 100))


def above_photopeak(folder: Path) -> Path:
    """Every threshold lies above the photopeak: a few hits of noise, and no step."""
    return write_scan(folder, range(1600, 1701, 6), lambda t: typical(t) + 0.01)


def no_good_pixel(folder: Path) -> Path:
    """The flux jumps up and down from threshold to threshold: no curve fits any pixel."""
    return write_scan(folder, range(1480, 1601, 6), lambda t: 1.5 if t // 6 % 2 else 0.2)


def over_dispersed(folder: Path) -> Path:
    """Hits come in bursts: the variance of a count is 1.7 times its mean."""
    return write_scan(folder, range(1480, 1601, 6), typical, dispersion=1.7)


def few_hits(folder: Path) -> Path:
    """A hit in every tenth pixel, in the whole scan."""
    return write_scan(folder, range(1480, 1601, 6), lambda t: typical(t) / 1000)


SCANS = (
    coarse,
    five_thresholds,
    flat,
    single_pixel,
    above_photopeak,
    no_good_pixel,
    over_dispersed,
    few_hits,
)


def execute(notebook: Path, **parameters: str) -> tuple[str, list[Figure]]:
    """Execute the code cells of a notebook here: the text they give, and the figures they show.

    A kernel takes seconds to start and to import velonb, more than most of these scans take to
    analyse. One namespace in this process, in which the last line of a cell is shown as Jupyter
    shows it, gives the same numbers, exceptions and figures.
    """
    text, shown = io.StringIO(), []

    def show(value: Any) -> None:
        shown.append(value) if isinstance(value, Figure) else print(value)

    def show_open() -> None:
        shown.extend(plt.figure(number) for number in plt.get_fignums())

    names: dict[str, Any] = {"display": show}
    cells = [c for c in nbformat.read(notebook, as_version=4).cells if c.cell_type == "code"]
    with redirect_stdout(text), mock.patch.object(plt, "show", show_open):
        for number, cell in enumerate(cells, start=1):
            where = f"{notebook.name} [{number}]"
            _run_cell(cell.source, where, names, show)
            plt.close("all")
            if "parameters" in cell.metadata.get("tags", []):
                names |= parameters
    return text.getvalue(), shown


def _run_cell(source: str, where: str, names: dict[str, Any], show: Callable[[Any], None]) -> None:
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, where, "exec"), names)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), where, "eval"), names)
        if value is not None:
            show(value)
