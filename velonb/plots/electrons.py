"""A second axis in electrons beside one in DAC."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes


def add_electrons(
    ax: Axes,
    chip: xr.Dataset,
    pixel: tuple[int, int] | None = None,
    *,
    of: Literal["x", "y"] = "x",
    width: bool = False,
) -> None:
    """Add the axis, with gain and baseline of a pixel, or of the median pixel.

    A `width` is counted from 0 and not from the baseline. Nothing is added where the gain is
    unknown.
    """
    chosen = chip[["gain", "baseline"]]
    one = chosen.median() if pixel is None else chosen.sel(row=pixel[0], column=pixel[1])
    gain, zero = float(one["gain"]), 0.0 if width else float(one["baseline"])
    if not np.isfinite(gain * zero):
        return
    functions = (lambda dac: (dac - zero) * gain, lambda charge: zero + charge / gain)
    label = "Electrons" if pixel is not None else "Electrons, median pixel"
    if of == "x":
        ax.secondary_xaxis("top", functions=functions).set_xlabel(label)
    else:
        ax.secondary_yaxis("right", functions=functions).set_ylabel(label)
