"""What a folder tells of the chip itself: mask, noise baseline and width of the noise."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from velonb.scan.names import Run, baseline_name, mask_name, noise_width_name
from velonb.scan.reader import ScanError, read_csv_matrix
from velonb.words import option, printable


def find_mask(
    folder: Path,
    run: Run,
    mask: ArrayLike | str | os.PathLike[str] | None,
    size: tuple[int, int],
) -> tuple[NDArray[np.bool_], str]:
    """Mask (True = masked) and where it comes from."""
    default = folder / mask_name(run.chip)
    if mask is None and not default.exists():
        message = (
            f"no mask: {default} does not exist, so no pixel is masked; if there is a mask, give "
            f"it with {option('mask')}"
        )
        warnings.warn(printable(message), stacklevel=3)
        return np.zeros(size, dtype=bool), "none"
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
    masked = values > 0
    if masked.all():
        raise ScanError(
            f"mask ({source}) leaves no active pixel: it must be 0 where a pixel is used"
        )
    return masked, source


def read_baseline(folder: str | os.PathLike[str], *, module: str, asic: str) -> xr.Dataset:
    """Read the noise baseline of a chip, and its width where that file is there.

    Parameters
    ----------
    folder : path-like
        The folder with ``{module}_{asic}_TrimBest_Noise_Predict.csv`` and, optionally,
        ``{module}_{asic}_Trim0_Noise_Width.csv``.
    module, asic : str
        As in the attributes of a scan.

    Returns
    -------
    xarray.Dataset
        ``baseline(row, column)`` and, where known, ``noise_width(row, column)``, float64, DAC.

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
    chip = f"{module}_{asic}"
    baseline = Path(folder) / baseline_name(chip)
    width = Path(folder) / noise_width_name(chip)
    if not baseline.exists():
        raise FileNotFoundError(f"baseline file {printable(baseline)} does not exist")
    attrs = {"units": "DAC", "long_name": "noise baseline"}
    values = read_csv_matrix(baseline)
    maps = {"baseline": (("row", "column"), values, attrs)}
    if width.exists():
        attrs = {"units": "DAC", "long_name": "width of the noise"}
        maps["noise_width"] = (("row", "column"), read_csv_matrix(width, values.shape), attrs)
    rows, columns = (np.arange(length) for length in values.shape)
    return xr.Dataset(maps, {"row": rows, "column": columns})
