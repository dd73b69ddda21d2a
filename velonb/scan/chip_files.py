"""What a folder tells of the chip itself: mask, noise baseline, width of the noise, trims."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from velonb.scan.baselines import with_baseline
from velonb.scan.names import Run, baseline_name, mask_name, noise_width_name, trim_name
from velonb.scan.reader import ScanError, read_csv_matrix
from velonb.vocabulary import MASK_REASONS
from velonb.words import option, printable

_MAPS = {
    "baseline": (baseline_name, "DAC", "noise baseline"),
    "noise_width": (noise_width_name, "DAC", "width of the noise"),
    "trim": (trim_name, "1", "trim"),
}
"""Optional maps of a chip: the name of the file, units and long name."""


def find_mask(
    folder: Path,
    run: Run,
    mask: ArrayLike | str | os.PathLike[str] | None,
    size: tuple[int, int],
) -> tuple[NDArray[np.int8], str]:
    """Why each pixel is masked, 0 where it is not, and where that comes from."""
    default = folder / mask_name(run.chip)
    if mask is None and not default.exists():
        message = (
            f"no mask: {default} does not exist, so no pixel is masked; if there is a mask, give "
            f"it with {option('mask')}"
        )
        warnings.warn(printable(message), stacklevel=3)
        return np.zeros(size, dtype=np.int8), "none"
    if mask is None or isinstance(mask, str | os.PathLike):
        path = default if mask is None else Path(mask)
        source = printable(path)
        if not path.exists():
            raise FileNotFoundError(
                f"mask file {source} does not exist: give its path with {option('mask')}"
            )
        values = read_csv_matrix(path, size)
    else:
        values, source = np.asarray(mask), "array"
    if values.shape != size:
        raise ScanError(f"mask has shape {values.shape}; it must be {size}")
    if np.isnan(values).any():
        raise ScanError(
            f"mask ({source}) holds nan: it must be > 0 where a pixel is masked, else 0"
        )
    reasons = _mask_reasons(values)
    if reasons.all():
        raise ScanError(
            f"mask ({source}) leaves no active pixel: it must be 0 where a pixel is used"
        )
    return reasons, source


def _mask_reasons(values: NDArray[Any]) -> NDArray[np.int8]:
    """Codes of the reasons; a plain mask, of zeros and ones, gives none."""
    other = len(MASK_REASONS) - 1
    known = np.isin(values, np.arange(other)) & (values.max() > 1)
    return np.where(known, values, np.where(values > 0, other, 0)).astype(np.int8)


def read_optional_maps(folder: Path, chip: str, size: tuple[int, int]) -> dict[str, xr.Variable]:
    """Baseline, its error, width of the noise and trims, where their files are there.

    A damaged file costs its map alone; one of another size belongs to another chip.
    """
    maps: dict[str, xr.Variable] = {}
    for name, (of_file, _, _) in _MAPS.items():
        path = folder / of_file(chip)
        if not path.exists():
            continue
        try:
            values: NDArray[Any] = read_csv_matrix(path)
            _check_length(path, values, size)
            if name == "trim":
                values = _as_trims(path, values)
        except (ScanError, OSError) as error:
            warnings.warn(printable(f"{name} is left out: {error}"), stacklevel=3)
            continue
        if values.shape != size:
            found = " x ".join(map(str, values.shape))
            raise ScanError(
                f"{path} has {found} numbers: expected {size[0]} lines of {size[1]}, as the "
                "acquisitions have; remove it or put that of this chip in its place"
            )
        maps[name] = _labelled(name, values, path)
    return with_baseline(maps, folder, chip, size)


def _labelled(name: str, values: NDArray[Any], path: Path) -> xr.Variable:
    _, units, long_name = _MAPS[name]
    attrs = {"units": units, "long_name": long_name, "source": printable(path.name)}
    if name == "baseline":
        attrs["kind"] = "predicted"
    return xr.Variable(("row", "column"), values, attrs)


def _check_length(path: Path, values: NDArray[Any], size: tuple[int, int]) -> None:
    """Refuse a map of which only the first lines are there."""
    if values.shape[0] < size[0] and values.shape[1:] == size[1:]:
        raise ScanError(
            f"{path} ends after line {len(values)} of {size[0]}: copy it again or remove it"
        )


def _as_trims(path: Path, values: NDArray[np.float64]) -> NDArray[np.int8]:
    """Trims as the whole numbers that they are."""
    wrong = np.argwhere(~np.isin(values, np.arange(128)))
    if wrong.size:
        row, column = wrong[0]
        raise ScanError(
            f"{path}, line {row + 1}, value {column + 1}: {values[row, column]:g} is not a trim: "
            "it must be a whole number from 0 to 127; mend or remove the file"
        )
    return values.astype(np.int8)


def read_baseline(folder: str | os.PathLike[str], *, module: str, asic: str) -> xr.Dataset:
    """Read the noise baseline of a chip, and its width where that file is there.

    Where the folder has the trims and the noise means at trims 0 and F, or at all of them, the
    baseline is the one predicted with 15 steps, or measured; see `load_scan`.

    Parameters
    ----------
    folder : path-like
        The folder with ``{module}_{asic}_TrimBest_Noise_Predict.csv`` and, optionally,
        ``{module}_{asic}_Trim0_Noise_Width.csv``, ``{module}_{asic}_Matrix_Trim.csv`` and
        ``{module}_{asic}_Trim{n}_Noise_Mean.csv``, n from 0 to F.
    module, asic : str
        As in the attributes of a scan.

    Returns
    -------
    xarray.Dataset
        ``baseline(row, column)`` and, where known, ``baseline_err(row, column)`` and
        ``noise_width(row, column)``, float64, DAC.

    Raises
    ------
    FileNotFoundError
        If there is no baseline file.
    ScanError
        If a file is not lines of as many numbers each, or their sizes differ.

    Examples
    --------
    >>> import velonb
    >>> velonb.read_baseline("data/N037", module="Module0", asic="VP0-1")  # doctest: +SKIP
    """
    chip, maps = f"{module}_{asic}", {}
    size: tuple[int, int] | None = None
    for name, (of_file, _, _) in _MAPS.items():
        path = Path(folder) / of_file(chip)
        if not path.exists() and name == "baseline":
            raise FileNotFoundError(f"baseline file {printable(path)} does not exist")
        if path.exists():
            values: NDArray[Any] = read_csv_matrix(path, size)
            size = values.shape
            values = _as_trims(path, values) if name == "trim" else values
            maps[name] = _labelled(name, values, path)
    rows, columns = maps["baseline"].shape
    maps = with_baseline(maps, Path(folder), chip, (rows, columns))
    maps.pop("trim", None)
    attrs = {"module": printable(module), "asic": printable(asic)}
    return xr.Dataset(maps, {"row": np.arange(rows), "column": np.arange(columns)}, attrs)
