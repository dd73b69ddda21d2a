"""From a scan with a source: the change of trim that the E0 of every pixel asks for."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from velonb.interpret.equalise import as_trims
from velonb.interpret.spreads import good_values
from velonb.scan.names import TRIMS

Array = NDArray[Any]


def trim_change(
    fits: xr.Dataset,
    trim: ArrayLike,
    step: ArrayLike,
    *,
    target: float | None = None,
    fit: str = "A+E0",
) -> xr.Dataset:
    """Find from a scan itself the change of trim that the E0 of every pixel asks for.

    Unlike the baseline, E0 holds the gain too: pixels are brought to one threshold in electrons of
    the source, where the baseline brings their noise to one place.

    Parameters
    ----------
    fits : xarray.Dataset
        What `fit_ladder` or `fit_pixels` returns.
    trim : array_like of int, shape (row, column)
        Trims with which the scan was taken.
    step : float or array_like, shape (row, column)
        By how much a trim moves E0 (DAC): attribute `step` of what `equalise` returns.
    target : float, optional
        E0 that is aimed at (DAC); by default the median of good pixels.
    fit : str
        Which fit.

    Returns
    -------
    xarray.Dataset
        Maps (row, column): `change` (int8; 0 where the fit is not good), `trim` after it, `E0`
        expected after it (DAC, NaN where the fit is not good), `out_of_range` where the trim wanted
        lies beyond 0 to 15. Attributes `target`, `spread_now`, `spread_predicted` (DAC, standard
        deviations over good pixels, errors of the fits included).

    Raises
    ------
    ValueError
        If a map has another shape than the chip, or no pixel has a good fit.

    Examples
    --------
    >>> import velonb as vb
    >>> vb.trim_change(ladder, scan["trim"], step=14.0)["change"]  # doctest: +SKIP
    """
    E0 = good_values(fits, "E0", fit)[0]
    known, size = np.isfinite(E0.values), E0.shape
    if not known.any():
        raise ValueError(f"no pixel has a good fit {fit!r}: its E0 cannot ask for a trim")
    now, steps = as_trims(trim, size), np.broadcast_to(np.asarray(step, dtype=float), size)
    if not (np.abs(steps[known]) > 0).all():
        raise ValueError("step is 0 or nan in a pixel; it must be the change of E0 (DAC) a trim")
    target = float(E0.median()) if target is None else float(target)
    wanted = np.where(known, np.rint((target - E0.values) / np.where(known, steps, 1)), 0)
    after = np.clip(now + wanted, 0, TRIMS - 1).astype(int)
    expected = E0 + np.where(known, steps, 0) * (after - now)
    maps: dict[str, tuple[Array, dict[str, Any]]] = {
        "change": ((after - now).astype(np.int8), {"units": "1", "long_name": "change of trim"}),
        "trim": (after.astype(np.int8), {"units": "1", "long_name": "trim"}),
        "E0": (expected.values, {"units": "DAC", "long_name": "E0 expected at the trim"}),
        "out_of_range": (now + wanted != after, {"units": "1", "long_name": "trim out of range"}),
    }
    result = xr.Dataset(coords={"row": fits["row"], "column": fits["column"]})
    for name, (values, attrs) in maps.items():
        result[name] = ("row", "column"), values, attrs
    told = {name: fits.attrs[name] for name in ("module", "asic") if name in fits.attrs}
    spreads = {"spread_now": float(E0.std()), "spread_predicted": float(expected.std())}
    return result.assign_attrs(told | {"target": target} | spreads)
