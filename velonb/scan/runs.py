"""The runs in a folder, found from the names of its files."""

from __future__ import annotations

import warnings
from pathlib import Path

from velonb.scan.names import (
    EXAMPLE_NAME,
    LARGEST_ACQUISITION,
    LARGEST_THRESHOLD,
    Run,
    looks_like_acquisition,
    parse_acquisition_name,
    shutter_seconds,
)
from velonb.scan.reader import ScanError
from velonb.words import option, printable

Files = dict[int, dict[int, Path]]
"""threshold -> acquisition number -> file."""

RENAME = "rename the file if its name is mistyped, or move it to another folder"

FEWEST = 6
"""Thresholds of a scan in which one can be called isolated."""


def find_run(folder: Path, wanted: str | None) -> tuple[Run, Files]:
    """Sort the file names into runs and choose one."""
    if not folder.is_dir():
        kind = "is not a folder" if folder.exists() else "does not exist"
        raise FileNotFoundError(
            f"folder {printable(folder)} {kind}: give the folder with the acquisitions"
        )
    runs, similar = _sort_names(folder)
    if not runs:
        nearly = f"; {len(similar)} are nearly named so: {similar[0]}" if similar else ""
        raise ScanError(
            f"folder {folder} holds no acquisitions: expected files such as {EXAMPLE_NAME}{nearly}"
        )
    if similar:
        message = (
            f"{len(similar)} files in {folder} are nearly, but not quite, named like "
            f"{EXAMPLE_NAME} and left out; the first: {similar[0]}"
        )
        warnings.warn(printable(message), stacklevel=3)
    chosen = _choose_run(folder, list(runs), wanted)
    files = {threshold: runs[chosen][threshold] for threshold in sorted(runs[chosen])}
    _refuse_beyond_bounds(files)
    _refuse_isolated(files)
    return chosen, files


def _sort_names(folder: Path) -> tuple[dict[Run, Files], list[str]]:
    """Files of every run, and names that are nearly those of acquisitions."""
    runs: dict[Run, Files] = {}
    similar = []
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        parsed = parse_acquisition_name(path.name)
        if parsed is None:
            if looks_like_acquisition(path.name):
                similar.append(path.name)
            continue
        found, threshold, acquisition = parsed
        numbers = runs.setdefault(found, {}).setdefault(threshold, {})
        if acquisition in numbers:
            raise ScanError(
                f"{path} and {numbers[acquisition].name} are the same acquisition: remove one"
            )
        numbers[acquisition] = path
    return runs, similar


def _choose_run(folder: Path, runs: list[Run], wanted: str | None) -> Run:
    names = ", ".join(str(run) for run in runs)
    candidates = runs
    if wanted is not None:
        wanted = printable(wanted)
        exact = [run for run in runs if str(run) == wanted]
        candidates = exact or [run for run in runs if wanted in str(run)]
        if not candidates:
            raise ScanError(f"run {wanted!r} is not in {folder}: it holds {names}")
    for run in candidates:
        try:
            shutter_seconds(run.shutter)
        except ValueError as error:
            raise ScanError(
                f"{folder / run.prefix}_THR_...csv: {error}; rename or remove those files"
            ) from None
    if len(candidates) > 1:
        several = ", ".join(str(run) for run in candidates)
        raise ScanError(f"{folder} holds several runs, choose one with {option('run')}: {several}")
    return candidates[0]


def _refuse_beyond_bounds(files: Files) -> None:
    for threshold, numbers in files.items():
        for number, path in numbers.items():
            for name, value, largest in (
                ("threshold", threshold, LARGEST_THRESHOLD),
                ("acquisition", number, LARGEST_ACQUISITION),
            ):
                if value > largest:
                    raise ScanError(f"{path}: {name} {value} is above {largest}: {RENAME}")


def _refuse_isolated(files: Files) -> None:
    """Refuse a threshold so far from all the others that its name must be mistyped.

    Its distance is more than five times the range of all the others; or more than that range, if
    every acquisition it has is missing at another threshold, as that of a misnamed file is.
    """
    thresholds = list(files)
    if len(thresholds) < FEWEST:
        return
    for alone, others in ((-1, thresholds[:-1]), (0, thresholds[1:])):
        threshold = thresholds[alone]
        everywhere = set.intersection(*(set(files[other]) for other in others))
        distance, span = abs(threshold - others[alone]), others[-1] - others[0]
        if distance > span * (1 if everywhere.isdisjoint(files[threshold]) else 5):
            paths = list(files[threshold].values())
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            raise ScanError(
                f"{paths[0]}{more}: threshold {threshold} lies far from all the others, "
                f"{others[0]} to {others[-1]}: {RENAME}"
            )
