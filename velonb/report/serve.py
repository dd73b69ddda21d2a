"""JupyterLab on the notebooks, and the explorer as a page of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from velonb.report.kernels import own_kernels
from velonb.report.notebooks import in_clone, notebook_folder
from velonb.system.signals import INTERRUPTED, on_interrupt


def working_notebooks(folder: Path) -> Path:
    """Notebooks to work in: those of the clone, or copies in `folder`.

    A notebook that is in `folder` already is left as it is: it may hold work.
    """
    if in_clone():
        return notebook_folder()
    folder.mkdir(parents=True, exist_ok=True)
    for notebook in sorted(notebook_folder().glob("*.ipynb")):
        if not (folder / notebook.name).exists():
            shutil.copy(notebook, folder)
    return folder


def lab(data: Path, options: list[str]) -> int:
    """Open JupyterLab on the notebooks, which then start from `data`; its exit code."""
    folder = working_notebooks(Path("velonb-notebooks"))
    return _serve([sys.executable, "-m", "jupyterlab", str(folder), *options], data)


def app(data: Path, options: list[str]) -> int:
    """Serve the explorer by Voila, on loopback and with a token; its exit code."""
    if find_spec("voila") is None:
        print("velonb: app needs Voila: pip install 'velonb[app]'", file=sys.stderr)
        return 2
    return _serve([*app_command(notebook_folder() / "explorer.ipynb"), *options], data)


def app_command(notebook: Path) -> list[str]:
    """Command that serves a notebook on loopback, to those who know the token it makes up."""
    voila = [sys.executable, "-m", "voila", str(notebook)]
    # The still picture stands in for the live view on code hosts, and would repeat it here.
    no_still = "--TagRemovePreprocessor.remove_cell_tags={'still-picture'}"
    return [*voila, "--Voila.ip=127.0.0.1", "--Voila.auto_token=True", no_still]


def _serve(command: list[str], data: Path) -> int:
    """Run a server until it ends; the kernels it starts are of this Python and find `data`."""
    with own_kernels() as environment:
        server = subprocess.Popen(command, env=environment | {"VELONB_DATA": str(data)})

        def pass_on(number: int, _: object) -> None:
            # A terminal sends Ctrl-C to the server too, which asks or stops by itself.
            if number == signal.SIGTERM or not os.isatty(0):
                server.terminate()

        with on_interrupt(pass_on):
            code = server.wait()
    return code if code >= 0 else INTERRUPTED
