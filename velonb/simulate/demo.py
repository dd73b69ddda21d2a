"""The scan that the notebooks start from, and which folder they analyse."""

from __future__ import annotations

import os
from pathlib import Path

from velonb.simulate.simulation import VERSION, simulate_scan
from velonb.simulate.writing import simulation_version


def demo_scan(folder: str | os.PathLike[str] | None = None) -> Path:
    """Folder of the demo scan, simulated at first use.

    Parameters
    ----------
    folder : path-like, optional
        By default ``data/demo`` under the project's folder, or under the current
        folder outside of it.

    Returns
    -------
    pathlib.Path
        A folder for `load_scan`: thresholds 1480 to 1600 in steps of 3, 10 acquisitions
        of 13.105 s each, with ``truth.nc``.

    Examples
    --------
    >>> import velonb
    >>> scan = velonb.load_scan(velonb.demo_scan())  # doctest: +SKIP
    """
    path = _project_folder() / "data" / "demo" if folder is None else Path(folder)
    if simulation_version(path) != VERSION:
        simulate_scan(path)
    return path


def _project_folder() -> Path:
    """The nearest folder from here upwards that holds velonb's project, else here."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "pyproject.toml").is_file() and (folder / "velonb").is_dir():
            return folder
    return here


def find_data(data: str | os.PathLike[str] | None = None) -> Path:
    """Folder to analyse: the one given, else ``$VELONB_DATA``, else the demo scan.

    Parameters
    ----------
    data : path-like, optional
        The folder; None for the default.

    Returns
    -------
    pathlib.Path
        The folder. Whether it holds a scan is for `load_scan` to say.

    Examples
    --------
    >>> str(find_data("data/N037"))
    'data/N037'
    """
    given = data or os.environ.get("VELONB_DATA")
    return Path(given) if given else demo_scan()
