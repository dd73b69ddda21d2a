"""The command line: `velonb run`, `lab`, `app`, `simulate` and `warm`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import velonb
from velonb.system.signals import INTERRUPTED, interrupt, on_interrupt
from velonb.words import printable

EPILOG = """\
commands:
  run [FOLDER]        the whole analysis: pages, figures, netCDF and CSV files, into results/
      --out DIR           write the results there instead
      --run NAME          which run, where the folder holds several
      --mask FILE         mask of the chip, instead of the one in the folder
      --bad-cut X         largest flux in the last columns of a good acquisition (hits/s)
      --counter-max N     largest count of an acquisition, for sums or another counter
      --on-error skip     leave out files that cannot be read, and say which
      --notebooks DIR     run your own set of notebooks (01_*.ipynb, 02_*.ipynb, ...)
  lab [FOLDER]        JupyterLab on the notebooks, to read, change and explore
  app [FOLDER]        the explorer alone in a browser, on a scan or on the results of a run
                      (needs Voila: pip install 'velonb[app]')
      --no-browser, --port=N, ...    of lab and app: options of JupyterLab and Voila
  warm                compile everything now, so that no first fit waits; `make` does it
  simulate FOLDER     write a scan like the detector's, with its truth beside it
      --seed N            another chip
      --thresholds A:B:S  from, to (included) and step in DAC, such as 1480:1600:3
      --acquisitions N    acquisitions at each threshold
      --shutter TEXT      shutter time of one acquisition, such as 13s105ms
      --rows N, --columns N          size of the chip, 256 each by default
      --no-faults         without faulty, lost or missing acquisitions

FOLDER holds the acquisitions of a scan. Without it the folder in the environment
variable VELONB_DATA is taken, and without that a demo scan, simulated at first use.

examples:
  velonb run                                 the demo scan, into results/
  velonb run /data/N037 --out N037-results   your own scan
  velonb lab /data/N037                      the same, cell by cell
  velonb simulate my-scan --thresholds 1450:1600:5 --seed 7

exit codes: 0 done, 1 a notebook failed, 2 bad input, 130 interrupted (Ctrl-C or TERM)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    int
        0 done, 1 a notebook failed, 2 bad input, 130 interrupted; of lab and app that of
        the server.
    """
    parser = _parser()
    options, others = parser.parse_known_args(arguments)
    if others and options.command not in ("lab", "app"):
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    options.others = others
    command, module = _COMMANDS[options.command]
    try:
        # Not above: `velonb --help` need not load it. Not below: an import is not interrupted.
        for needed in ("velonb.simulate", module):
            import_module(needed)
        with on_interrupt(interrupt):
            return command(options)
    except KeyboardInterrupt:
        print("velonb: interrupted; what was finished stays", file=sys.stderr)
        return INTERRUPTED
    except (OSError, ValueError) as error:
        print(f"velonb: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    """The commands and their options; all are told in one page of help, EPILOG."""
    parser = argparse.ArgumentParser(
        prog="velonb",
        description="From a threshold scan of a VeloPix chip to calibrated pixels.",
        usage="velonb [--help] [--version] COMMAND [FOLDER] [options]",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"velonb {velonb.__version__}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", prog="velonb", help=argparse.SUPPRESS
    )
    for name, what in {
        "run": "the whole analysis, into files and pages",
        "lab": "JupyterLab on the notebooks",
        "app": "the explorer alone in a browser",
    }.items():
        command = commands.add_parser(name, description=what)
        command.add_argument("folder", nargs="?", type=Path, help="acquisitions of a scan")
    run = commands.choices["run"]
    run.add_argument("--out", type=Path, default=Path("results"), help="where the results go")
    run.add_argument("--run", help="which run, where the folder holds several")
    run.add_argument("--mask", type=Path, help="mask of the chip")
    run.add_argument("--bad-cut", type=float, help="largest flux in the last columns (hits/s)")
    run.add_argument("--counter-max", type=int, help="largest count of an acquisition")
    run.add_argument("--on-error", choices=("raise", "skip"), help="what to do with bad files")
    run.add_argument("--notebooks", type=Path, help="run your own set of notebooks")
    commands.add_parser("warm", description="compile everything now")
    simulate = commands.add_parser("simulate", description="write a scan like the detector's")
    simulate.add_argument("folder", type=Path, help="where the acquisitions go")
    simulate.add_argument("--seed", type=int, help="another chip")
    simulate.add_argument("--thresholds", type=_thresholds, help="from:to:step in DAC")
    simulate.add_argument("--acquisitions", type=int, help="acquisitions at each threshold")
    simulate.add_argument("--shutter", help="shutter time, such as 13s105ms")
    simulate.add_argument("--rows", type=int, help="rows of the chip")
    simulate.add_argument("--columns", type=int, help="columns of the chip")
    simulate.add_argument("--no-faults", dest="faults", action="store_false", default=None)
    return parser


def _thresholds(text: str) -> range:
    """Thresholds from `from:to:step`, the last one included."""
    try:
        first, last, step = map(int, text.split(":"))
        thresholds = range(first, last + 1, step)
    except ValueError:
        thresholds = range(0)
    if not thresholds:
        raise argparse.ArgumentTypeError(
            f"{text!r} gives no thresholds: write from:to:step in DAC, such as 1480:1600:3"
        )
    return thresholds


def _data(options: argparse.Namespace) -> Path:
    """The folder to analyse, made absolute: notebooks run in a folder of their own."""
    folder = velonb.find_data(options.folder)
    if not folder.is_dir() and not options.folder:
        raise NotADirectoryError(
            f"{folder}, named in the environment variable VELONB_DATA, is not a folder: name the "
            "folder that holds the acquisitions, or unset it for the demo scan"
        )
    if not folder.is_dir():
        raise NotADirectoryError(
            f"{folder} is not a folder: give the folder that holds the acquisitions, "
            "or none for the demo scan"
        )
    folder = folder.resolve()
    if printable(folder) != str(folder):
        raise ValueError(
            f"{printable(folder)} is not written in UTF-8, which notebooks need: rename the folder"
        )
    return folder


def _run(options: argparse.Namespace) -> int:
    from velonb.report.notebooks import notebook_folder
    from velonb.report.run import NotebookFailed, run_analysis

    notebooks = options.notebooks or notebook_folder()
    loading = _given(options, "mask", "bad_cut", "counter_max", "on_error")
    try:
        run_analysis(_data(options), options.out, run=options.run, notebooks=notebooks, **loading)
    except NotebookFailed as failure:
        print(f"velonb: {failure}", file=sys.stderr)
        print(f"velonb: what was finished is in {options.out}", file=sys.stderr)
        return 1
    print(f"Results are in {options.out}: open {options.out / 'index.html'} in a browser.")
    return 0


def _lab(options: argparse.Namespace) -> int:
    from velonb.report.serve import lab

    return lab(_data(options), options.others)


def _app(options: argparse.Namespace) -> int:
    from velonb.report.serve import app

    return app(_data(options), options.others)


def _warm(options: argparse.Namespace) -> int:
    velonb.warm()
    return 0


def _simulate(options: argparse.Namespace) -> int:
    given = _given(options, "seed", "thresholds", "acquisitions", "shutter", "faults")
    chip = velonb.Chip(**_given(options, "rows", "columns"))
    velonb.simulate_scan(options.folder, chip=chip, **given)
    print(f"Simulated a scan in {options.folder}: analyse it with velonb run {options.folder}")
    return 0


def _given(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options that were given, by name; the others keep the defaults of the functions."""
    values = {name: getattr(options, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


_COMMANDS = {
    "run": (_run, "velonb.report.run"),
    "lab": (_lab, "velonb.report.serve"),
    "app": (_app, "velonb.report.serve"),
    "simulate": (_simulate, "velonb.simulate"),
    "warm": (_warm, "velonb.preparation"),
}
