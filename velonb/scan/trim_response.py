"""The trim response of a chip: where the noise of every pixel lies at each trim."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from velonb.scan.names import TRIMS, checked_name, noise_mean_name
from velonb.scan.reader import ScanError, read_csv_matrix
from velonb.words import printable

EXPECTED = "{module}_{asic}_Trim{n}_Noise_Mean.csv"
# One character is a hexadecimal digit, two are a number.
_NAME = re.compile(r"(?!\.)(?P<chip>.+)_Trim(?P<trim>[0-9A-Fa-f]|1[0-5])_Noise_Mean\.csv")


def load_trim_response(
    folder: str | os.PathLike[str], *, module: str | None = None, asic: str | None = None
) -> xr.DataArray:
    """Read the mean of the noise at every trim that a folder has.

    Parameters
    ----------
    folder : path-like
        With the files ``{module}_{asic}_Trim{n}_Noise_Mean.csv``, n from 0 to F (or 15): 0 and F
        at least.
    module, asic : str, optional
        Which chip, where the folder has several.

    Returns
    -------
    xarray.DataArray, dimensions (trim, row, column), float64
        Mean of the noise (DAC), NaN where a pixel does not respond; attributes module and asic.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or trim 0 or F is missing.
    ScanError
        If a file is damaged, the files differ in size, or belong to several chips.

    Examples
    --------
    >>> import velonb as vb
    >>> response = vb.load_trim_response("data/equalisation")  # doctest: +SKIP
    >>> vb.equalise(response)  # doctest: +SKIP
    """
    chip, files = _files_of_chip(Path(folder), module, asic)
    missing = [noise_mean_name(chip, n) for n in (0, TRIMS - 1) if n not in files]
    if missing:
        raise FileNotFoundError(
            f"{printable(folder)} lacks {' and '.join(missing)}: the response needs trims 0 and F "
            "at least; add the files"
        )
    size = read_csv_matrix(files[0]).shape
    values = np.stack([read_noise_mean(files[n], size) for n in sorted(files)])
    module, _, asic = chip.rpartition("_")
    return xr.DataArray(
        values,
        {"trim": sorted(files), "row": np.arange(size[0]), "column": np.arange(size[1])},
        ("trim", "row", "column"),
        "trim_response",
        {"units": "DAC", "long_name": "mean of the noise", "module": module, "asic": asic},
    )


def read_noise_mean(path: Path, size: tuple[int, int]) -> NDArray[np.float64]:
    """Mean of the noise at one trim (DAC), NaN where a pixel does not respond."""
    values = read_csv_matrix(path, size)
    return np.where(values > 0, values, np.nan)


def _files_of_chip(
    folder: Path, module: str | None, asic: str | None
) -> tuple[str, dict[int, Path]]:
    """The files of the one chip that is meant, by their trim."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{printable(folder)} is not a folder: give one with {EXPECTED}")
    for what, name in {"module": module, "asic": asic}.items():
        if name is not None:
            checked_name(what, name)
    matches = [match for path in sorted(folder.iterdir()) if (match := _NAME.fullmatch(path.name))]
    found = sorted({match["chip"] for match in matches})
    chips = [chip for chip in found if _is_of(chip, module, asic)]
    there = ", ".join(map(printable, found)) or "none"
    if not chips:
        raise FileNotFoundError(
            f"{printable(folder)} has no {EXPECTED} of that chip; chips found: {there}"
        )
    if len(chips) > 1:
        raise ScanError(f"{folder} has the trim response of {there}: give module= and asic=")
    files: dict[int, Path] = {}
    for match in (match for match in matches if match["chip"] == chips[0]):
        trim = int(match["trim"], 16 if len(match["trim"]) == 1 else 10)
        path = folder / match.string
        if trim in files:
            raise ScanError(
                f"{folder} has trim {trim} twice, {files[trim].name} and {path.name}: remove one"
            )
        files[trim] = path
    return chips[0], files


def _is_of(chip: str, module: str | None, asic: str | None) -> bool:
    its_module, _, its_asic = chip.rpartition("_")
    return module in (None, its_module) and asic in (None, its_asic)
