"""What a detector is set to, in its own files: trims and masks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from velonb.results.csv import format_matrix
from velonb.scan.names import TRIMS, checked_name, mask_name, trim_name
from velonb.system.files import written_whole

LARGEST = {"trim": TRIMS - 1, "mask": 127}


def export_settings(
    folder: str | os.PathLike[str],
    *,
    module: str,
    asic: str,
    trim: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> list[Path]:
    r"""Write trims and mask of a chip as the detector reads them, and `load_scan` too.

    Parameters
    ----------
    folder : path-like
        Where to write; made if need be. Files of the same names are replaced.
    module, asic : str
        Of the chip, as in the attributes of its scan.
    trim : array_like of int, shape (row, column), optional
        0 to 15: ``{module}_{asic}_Matrix_Trim.csv``.
    mask : array_like of int or bool, shape (row, column), optional
        Above 0 where a pixel is masked: ``{module}_{asic}_Matrix_Mask.csv``. The `mask_reason` of
        `equalise` and `classify_pixels` tells the reason, too.

    Returns
    -------
    list of pathlib.Path
        The files written: lines of comma-separated whole numbers, line = row.

    Raises
    ------
    ValueError
        If nothing is given, maps differ in size, or hold what is not allowed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (path,) = export_settings(folder, module="Module0", asic="VP0-1", trim=[[7, 8]])
    ...     path.name, path.read_text()
    ('Module0_VP0-1_Matrix_Trim.csv', '7,8\n')
    """
    chip = f"{checked_name('module', module)}_{checked_name('asic', asic)}"
    given = {"trim": (trim, trim_name(chip)), "mask": (mask, mask_name(chip))}
    texts: dict[str, bytes] = {}
    shapes = set()
    for what, (values, name) in given.items():
        if values is not None:
            matrix = _checked(what, np.asarray(values))
            shapes.add(matrix.shape)
            texts[name] = format_matrix(matrix)
    if not texts:
        raise ValueError("nothing to export: give trim=, mask= or both")
    if len(shapes) > 1:
        raise ValueError(f"trim and mask have the shapes {shapes}; give those of one chip")
    for name, text in texts.items():
        with written_whole(Path(folder) / name) as temporary:
            temporary.write_bytes(text)
    return [Path(folder) / name for name in texts]


def _checked(what: str, values: NDArray[Any]) -> NDArray[np.int64]:
    """A map of whole numbers within their limits."""
    allowed = f"it must be a map of whole numbers from 0 to {LARGEST[what]}"
    if values.ndim != 2:
        raise ValueError(f"{what} has the shape {values.shape}; {allowed}")
    wrong = np.argwhere(~np.isin(values, np.arange(LARGEST[what] + 1)))
    if wrong.size:
        row, column = wrong[0]
        raise ValueError(
            f"{what} is {values[row, column]} in row {row}, column {column}; {allowed}"
        )
    return values.astype(np.int64)
