"""All that velonb compiles, compiled ahead, so that nobody waits at a first fit."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lmfit
import xarray as xr
from tqdm.auto import tqdm

from velonb.curves import Clouds, ThresholdModel
from velonb.curves.shapes import SHAPES, parameters_of
from velonb.fit import fit_pixels
from velonb.fit.curve_fit import fit_curve
from velonb.flux import compute_flux
from velonb.scan import load_scan
from velonb.simulate import simulate_scan

STATISTICS = ("poisson", "chi2")
BASELINE, CLOUDS = 1430.0, Clouds(7.0)  # DAC and um; any will do


def warm(*, progress: bool = True) -> None:
    """Compile the reader, the simulator and the fit for every shape and statistic; keep the code.

    What is kept already is found in a second. Later processes load it.

    Parameters
    ----------
    progress : bool
        Show a progress bar.

    Examples
    --------
    >>> import velonb as vb
    >>> vb.warm()  # doctest: +SKIP
    """
    kinds = list(product(SHAPES, STATISTICS))
    with tqdm(total=1 + len(kinds), unit="part", disable=not progress) as bar:
        bar.set_description("compile the reader")
        flux = _small_flux()
        bar.update()
        for shape, statistic in kinds:
            bar.set_description(f"compile the fit: {shape}, {statistic}")
            fit_pixels(flux, _anchor(flux, shape), statistic=statistic, progress=False)
            bar.update()


def _anchor(flux: xr.Dataset, shape: str) -> lmfit.model.ModelResult:
    model = ThresholdModel(shape, baseline=BASELINE, clouds=CLOUDS)
    chip = flux["asic_flux"], flux["asic_flux_err"]
    return fit_curve(model, flux, *chip, None, parameters_of(shape))


def _small_flux() -> xr.Dataset:
    """A corner of a simulated chip, without its baseline: any number serves here."""
    options: dict[str, Any] = {"acquisitions": 1, "faults": False, "noisy": 0, "progress": False}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "scan"
        simulate_scan(path, thresholds=range(1480, 1601, 10), **options)
        corner = load_scan(path, progress=False).isel(row=slice(16), column=slice(16))
    return compute_flux(corner.drop_vars("baseline", errors="ignore"))
