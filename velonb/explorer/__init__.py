"""Pick pixels on a map and see their scans, in a notebook.

The package is named explorer because a module velonb.explore would hide the function
`velonb.explore`. Pure functions are in `selection`, `maps` and `text`, artists in `map_view` and
`curve_view`, which `view` joins to one figure, widgets in `controls`; `explorer` wires them.
"""

from __future__ import annotations

import os
from typing import Any
from weakref import ref

import numpy as np
import xarray as xr
from IPython import get_ipython
from lmfit.model import ModelResult
from numpy.typing import NDArray

from velonb.explorer.explorer import Explorer

__all__ = ["Explorer", "explore"]

_OPEN: dict[str | None, list[tuple[int | None, ref[Explorer]]]] = {}
"""The explorers that each cell has opened, with the number of its run."""

NO_NOTEBOOK = (
    "velonb.explore shows itself in a notebook (JupyterLab, VS Code, Colab, Voila), and this is a "
    "plain Python session: move it with .select(row, column) and save its .figure, or use "
    "velonb.plot_pixel_scan."
)


def explore(
    flux: xr.Dataset,
    fits: xr.Dataset,
    asic: ModelResult,
    *,
    folder: str | os.PathLike[str] = ".",
) -> Explorer:
    """Show a map of the chip beside the scan of the pixel that is picked on it.

    Parameters
    ----------
    flux : xarray.Dataset
        From `compute_flux`.
    fits : xarray.Dataset
        From `fit_pixels`.
    asic : lmfit.model.ModelResult
        From `fit_asic`.
    folder : path-like
        Where the buttons save files.

    Returns
    -------
    Explorer
        It shows itself. `.select(row, column)` moves it, `.selection` is the list of chosen
        ``(row, column)``, `.shown` the map of the pixels shown, `.figure` the matplotlib Figure.

    Raises
    ------
    ValueError
        If a variable is missing, or `flux` and `fits` are not of one chip.

    Examples
    --------
    ``explorer = vb.explore(flux, fits, asic)``, and in the next cell ``explorer.selection``
    """
    _check(flux, fits)
    _close_earlier()
    explorer = Explorer(flux, fits, asic, folder=folder)
    cell, run = _cell()
    _OPEN.setdefault(cell, []).append((run, ref(explorer)))
    if hasattr(get_ipython(), "kernel"):
        explorer._ipython_display_()
    else:
        print(NO_NOTEBOOK)
    return explorer


def _cell() -> tuple[str | None, int | None]:
    """The cell that runs, where the front end tells, and the number of its run."""
    shell = get_ipython()
    message = shell.get_parent() if hasattr(shell, "get_parent") else {}
    return message.get("metadata", {}).get("cellId"), getattr(shell, "execution_count", None)


def _close_earlier() -> None:
    """Close what an earlier run of this cell opened: its output is gone from the page."""
    cell, run = _cell()
    if cell is None:
        return
    for earlier, explorer in list(_OPEN.get(cell, [])):
        if earlier != run:
            _OPEN[cell].remove((earlier, explorer))
            if (still_there := explorer()) is not None:
                still_there.close()


def _check(flux: xr.Dataset, fits: xr.Dataset) -> None:
    needed = {
        "flux": (flux, "compute_flux", ("hits", "exposure", "mask", "flux_err", "asic_flux")),
        "fits": (fits, "fit_pixels", ("E0", "E0_err", "fit_type", "p_value", "chi2", "dof")),
    }
    for argument, (data, source, names) in needed.items():
        missing = [name for name in names if name not in data]
        if missing:
            raise ValueError(
                f"{argument} has no {', '.join(missing)}: give explore what {source} returned"
            )
    for name in ("row", "column"):
        ours, theirs = (data[name].values for data in (flux, fits))
        if not np.array_equal(ours, theirs):
            raise ValueError(
                f"flux has {_span(ours)} {name}s, fits {_span(theirs)}: give both of the same chip"
            )
        if (np.diff(ours) != 1).any():
            raise ValueError(f"{name}s are {_span(ours)} with gaps; explore needs all between")


def _span(values: NDArray[Any]) -> str:
    return f"{values.size} ({values[0]} to {values[-1]})"
