"""What a scan can know before it is taken: exposure and thresholds for a wanted precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lmfit
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from velonb.curves.model import PARAMETERS, threshold_curve, threshold_gradient
from velonb.curves.sensor import Clouds
from velonb.curves.shapes import parameters_of
from velonb.fit.free import named_fits

Array = NDArray[Any]


def plan_scan(
    typical: lmfit.model.ModelResult | Mapping[str, float],
    *,
    thresholds: Sequence[float] | Sequence[Sequence[float]],
    exposure: float = 131.0,
    E0_err: float | None = None,
    gain_err: float | None = None,
    shift: float | None = None,
    sigmas: float = 5.0,
    free: Sequence[str] | Sequence[Sequence[str]] | None = None,
    active_pixels: int | None = None,
    shape: str = "velo",
    baseline: float | None = None,
    baseline_err: float = 0.0,
) -> pd.DataFrame:
    """Tell what a scan would know of one pixel, and how long it takes to know what is wanted.

    The errors are those of the Fisher information of Poisson counts about the typical pixel's
    curve; they fall with the square root of the exposure. No fit without bias does better, and
    those of pixels with few hits do a little worse.

    Parameters
    ----------
    typical : lmfit.model.ModelResult or mapping
        What `fit_typical` returns (then `active_pixels` is needed: its A is that of the ASIC), or
        f, A, s and E0 of a pixel, as from `average_pixel`.
    thresholds : sequence of float, or several of them
        Thresholds (DAC) of the scans that are compared.
    exposure : float
        Of every threshold (s), for the columns of errors.
    E0_err : float, optional
        Wanted error of E0 (DAC).
    gain_err : float, optional
        Wanted error of the gain (%), line / (E0 - baseline); needs a baseline.
    shift : float, optional
        Change of E0 of a pixel between two such scans (DAC) that is to stand out by `sigmas`.
    sigmas : float
        See `shift`; 5 is about what a chip of 65,536 pixels asks for.
    free : sequence of str, or several of them
        Parameters of the fit, see `fit_pixels`; by default A and E0, and all that the shape has.
    active_pixels : int, optional
        Attribute of the flux that `typical` was fitted to.
    shape, baseline
        Of the curve, for a mapping. The baseline (DAC) gives the gain, too.
    baseline_err : float
        Error of the baseline of a pixel (DAC), which enters the gain.

    Returns
    -------
    pandas.DataFrame
        A row for every scan and fit: `thresholds` (number), `first`, `last` (DAC), `fit`; errors
        `f_err`, `A_err`, `s_err`, `E0_err` in the parameters' units (NaN where held) and `gain_err`
        (%) at `exposure`; and for what is wanted the exposure of every threshold (s),
        `exposure_for_E0`, `exposure_for_gain`, `exposure_for_shift`: infinite where no exposure
        is long enough. `scan_time` (s) is the number of thresholds times the longest of these, or
        times `exposure` where nothing is wanted.

    Raises
    ------
    ValueError
        If an argument is missing or has a value that it cannot have.

    Examples
    --------
    >>> pixel = {"f": 9e-4, "A": 8.0, "s": 12.0, "E0": 1551.0}
    >>> plan = plan_scan(pixel, thresholds=range(1480, 1601, 3), E0_err=0.5)
    >>> plan[["fit", "E0_err", "exposure_for_E0"]].round(1)
        fit  E0_err  exposure_for_E0
    0  A+E0     1.1            617.5
    1  free     3.6           6923.1
    """
    pixel, shape, baseline, clouds = _pixel(typical, active_pixels, shape, baseline)
    wanted = {"E0_err": E0_err, "gain_err": gain_err, "shift": shift}
    _check(wanted, baseline, exposure=exposure, sigmas=sigmas)
    above = np.nan if baseline is None else pixel["E0"] - baseline
    parameters = parameters_of(shape)
    rungs = named_fits(free or [("A", "E0"), parameters], parameters)
    rows = []
    for scan in _scans(thresholds):
        information = _information(scan, pixel, shape, baseline, clouds)
        for name, names in rungs.items():
            errors = _errors(information, names)
            row = {"thresholds": scan.size, "first": scan[0], "last": scan[-1], "fit": name}
            row |= {f"{key}_err": error / exposure**0.5 for key, error in errors.items()}
            row["gain_err"] = 100 * np.hypot(row["E0_err"], baseline_err) / above
            need = _exposures(errors["E0"], wanted, sigmas, above, baseline_err)
            rows.append(
                row | need | {"scan_time": scan.size * max(need.values(), default=exposure)}
            )
    return pd.DataFrame(rows)


def _pixel(
    typical: lmfit.model.ModelResult | Mapping[str, float],
    active_pixels: int | None,
    shape: str,
    baseline: float | None,
) -> tuple[dict[str, float], str, float | None, Clouds | None]:
    """Parameters of one pixel, the shape of its curve, the baseline and the clouds of charge."""
    if isinstance(typical, Mapping):
        missing = [name for name in PARAMETERS if name not in typical]
        if missing:
            raise ValueError(f"typical lacks {', '.join(missing)}; it must have f, A, s and E0")
        return {name: float(typical[name]) for name in PARAMETERS}, shape, baseline, None
    if active_pixels is None or active_pixels < 1:
        raise ValueError(
            f"active_pixels is {active_pixels}; the A of a fit is that of the ASIC: give the "
            'number of its pixels, active_pixels=flux.attrs["active_pixels"]'
        )
    values = {name: float(typical.params[name].value) for name in PARAMETERS}
    values["A"] /= active_pixels
    model = typical.model
    baseline = model.baseline if baseline is None else baseline
    return values, model.shape, baseline, model.clouds


def _check(wanted: dict[str, float | None], baseline: float | None, **others: float) -> None:
    for name, value in (wanted | others).items():
        if value is not None and not value > 0:
            raise ValueError(f"{name} is {value}; it must be above 0")
    if wanted["gain_err"] is not None and baseline is None:
        raise ValueError("gain_err needs the baseline (DAC) from which E0 is counted: baseline=...")


def _scans(thresholds: Sequence[Any]) -> list[Array]:
    """The thresholds of each scan, in order."""
    several = len(thresholds) > 0 and np.ndim(thresholds[0]) > 0
    scans = [np.unique(np.asarray(one, float)) for one in (thresholds if several else [thresholds])]
    for scan in scans:
        if scan.size < 2:
            raise ValueError(
                f"thresholds are {scan.tolist()}; a scan has at least two, such as "
                "range(1480, 1601, 3), and several are given as a list of such"
            )
    return scans


def _information(
    scan: Array, pixel: dict[str, float], shape: str, baseline: Any, clouds: Clouds | None
) -> Array:
    """Fisher information of f, A, s, E0 in one second at every threshold."""
    options: dict[str, Any] = {"shape": shape, "baseline": baseline, "clouds": clouds} | pixel
    curve, gradient = threshold_curve(scan, **options), threshold_gradient(scan, **options)
    seen = curve > 1e-12 * curve.max()
    return np.asarray((gradient[:, seen] / curve[seen]) @ gradient[:, seen].T)


def _errors(information: Array, free: tuple[str, ...]) -> dict[str, float]:
    """Errors of one second, NaN for what is held and infinite for what stays unknown."""
    which = [PARAMETERS.index(name) for name in free]
    part = information[np.ix_(which, which)]
    # The parameters differ by ten orders of magnitude: bring them to one scale first.
    scale = np.sqrt(np.diag(part).clip(1e-300))
    correlation = part / np.outer(scale, scale)
    errors = dict.fromkeys(PARAMETERS, np.nan)
    if np.linalg.matrix_rank(correlation, tol=1e-12, hermitian=True) < len(free):
        return errors | dict.fromkeys(free, np.inf)
    found = np.sqrt(np.diag(np.linalg.inv(correlation))) / scale
    return errors | {name: float(error) for name, error in zip(free, found, strict=True)}


def _exposures(
    E0_err: float,
    wanted: dict[str, float | None],
    sigmas: float,
    above: float,
    baseline_err: float,
) -> dict[str, float]:
    """Exposure of every threshold (s) that each wish asks for."""
    E0, gain, shift = wanted["E0_err"], wanted["gain_err"], wanted["shift"]
    largest: dict[str, float] = {}
    if E0 is not None:
        largest["exposure_for_E0"] = E0
    if gain is not None:
        largest["exposure_for_gain"] = max((gain / 100 * above) ** 2 - baseline_err**2, 0) ** 0.5
    if shift is not None:
        largest["exposure_for_shift"] = shift / sigmas / 2**0.5
    need = {
        name: np.divide(E0_err, error) ** 2 if error else np.inf for name, error in largest.items()
    }
    return {name: float(seconds) for name, seconds in need.items()}
