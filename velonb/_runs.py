"""The runs in a folder, found from the names of its files."""

from __future__ import annotations

from pathlib import Path

from velonb._layout import Run, parse_acquisition_name, shutter_seconds
from velonb._reader import ScanError

Files = dict[int, dict[int, Path]]
"""threshold -> acquisition number -> file."""


def find_run(folder: Path, wanted: str | None) -> tuple[Run, Files]:
    """Sort the file names into runs and choose one."""
    if not folder.is_dir():
        kind = "is not a folder" if folder.exists() else "does not exist"
        raise FileNotFoundError(f"folder {folder} {kind}: give the folder with the acquisitions")
    runs: dict[Run, Files] = {}
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        parsed = parse_acquisition_name(path.name)
        if parsed is None:
            continue
        found, threshold, acquisition = parsed
        numbers = runs.setdefault(found, {}).setdefault(threshold, {})
        if acquisition in numbers:
            raise ScanError(
                f"{path} and {numbers[acquisition].name} are the same acquisition: remove one"
            )
        numbers[acquisition] = path
    if not runs:
        raise ScanError(
            f"folder {folder} holds no acquisitions: expected files such as "
            "Module0_VP0-1_ECS_data_ST_1s310ms_THR_1500_0.csv"
        )
    chosen = _choose_run(folder, list(runs), wanted)
    return chosen, {threshold: runs[chosen][threshold] for threshold in sorted(runs[chosen])}


def _choose_run(folder: Path, runs: list[Run], wanted: str | None) -> Run:
    names = ", ".join(str(run) for run in runs)
    candidates = runs
    if wanted is not None:
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
        raise ScanError(f"{folder} holds several runs, choose one with run=: {several}")
    return candidates[0]
