"""From DAC to electrons: gain and noise of every pixel, thresholds as charges."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from velonb.interpret.common_errors import Share, common_errors, described
from velonb.interpret.zero import PIXEL, baseline_of, chosen_fit, warn_of_holes
from velonb.vocabulary import good

PAIR_ENERGY, LINE = 3.65, 5895.0
"""Energy for an electron-hole pair in silicon and of the line of the source (eV)."""
LABELS = {
    "gain": ("e-/DAC", "gain"),
    "noise": ("e-", "noise"),
    "E0_electrons": ("e-", "position of the photopeak above the baseline, at the chip's gain"),
    "noise_measured": ("e-", "noise, from the width of the noise peak"),
}
CARRIED = ("module", "asic", "shutter", "shutter_time", "pitch", "shape", "input_digest")


def calibrate(
    fits: xr.Dataset,
    baseline: xr.Dataset | xr.DataArray | ArrayLike | None = None,
    *,
    fit: str | None = None,
    pair_energy: float = PAIR_ENERGY,
    pair_energy_err: float = 0.03,
    line: float = LINE,
) -> xr.Dataset:
    """Give gain and noise of every pixel in electrons.

    The line frees line / pair_energy electrons, whose threshold is E0 and whose zero is the
    baseline: gain = line / pair_energy / (E0 - baseline), noise = s * gain.

    Parameters
    ----------
    fits : xarray.Dataset
        What `fit_pixels` or `fit_ladder` returns.
    baseline : xarray.Dataset, xarray.DataArray or array_like, optional
        Noise baseline (DAC), a map or a number; by default the one that came with the scan. What
        `read_baseline` or `load_noise_scan` returns serves too.
    fit : str, optional
        Which of the fits; by default the one that tells most of E0 and s.
    pair_energy, pair_energy_err : float
        Energy for an electron-hole pair, with its error (eV).
    line : float
        Energy of the line (eV).

    Returns
    -------
    xarray.Dataset
        Of (row, column), float64: `gain` (e-/DAC), `noise` (e-), `E0_electrons` (e-; E0 above the
        baseline, at the median gain, so that it differs as the gains do), each with its
        statistical error `..._err`; `baseline` (DAC); `noise_measured` (e-) where the width of
        the noise was measured. NaN where the fit is not good or the baseline not known. What is
        wrong alike in all pixels stands apart in the attributes `gain_common_err` (e-/DAC) and
        `noise_common_err` (e-), with their causes in percent.

    Raises
    ------
    ValueError
        If there is no such fit, the baseline is of another chip or shape, or an energy is not
        positive.

    Examples
    --------
    >>> import velonb as vb
    >>> chip = vb.calibrate(fits)  # doctest: +SKIP
    >>> vb.plot_map(chip["gain"])  # doctest: +SKIP
    """
    if not (pair_energy > 0 and line > 0 and pair_energy_err >= 0):
        raise ValueError(
            f"pair_energy is {pair_energy}, its error {pair_energy_err}, line {line}; energies "
            "(eV) must be above 0, the error 0 or more"
        )
    fit = chosen_fit(fits, fit)
    zero, usable = baseline_of(fits, baseline), good(fits, fit)
    warn_of_holes(zero, usable)
    one = fits.sel(fit=fit)
    distance = (one["E0"] - zero["baseline"]).where(usable)
    distance = distance.where(distance > 0)
    maps = _maps(one, zero, distance, line / pair_energy)
    chip = _labelled(maps, zero)
    causes = common_errors(fits, zero, float(distance.median()), pair_energy, pair_energy_err)
    if not np.isfinite(one["s_err"].where(usable)).any():
        error = fits.attrs.get("asic_s_err", np.nan) / float(one["s"].where(usable).median())
        causes["common_s"] = Share(0.0, float(np.nan_to_num(error)))
    chip.attrs = {name: fits.attrs[name] for name in CARRIED if name in fits.attrs} | {
        "fit": fit,
        "pair_energy": pair_energy,
        "line": line,
        "gain_chip": float(chip["gain"].median()),
        "noise_chip": float(chip["noise"].median()),
        "covariance": "used" if "covariance" in fits else "not stored: E0 and s independent",
        "baseline_err": "used" if "baseline_err" in zero else "not known: no part of the errors",
    }
    chip.attrs |= described(causes, chip.attrs["gain_chip"], chip.attrs["noise_chip"])
    return chip


def _maps(
    one: xr.Dataset, zero: xr.Dataset, distance: xr.DataArray, electrons: float
) -> dict[str, xr.DataArray]:
    gain, s = electrons / distance, one["s"]
    of_zero = zero["baseline_err"] if "baseline_err" in zero else xr.zeros_like(distance)
    # s that was held fixed has no error of its own.
    s_err = one["s_err"].fillna(0)
    both = _covariance_of_s_and_E0(one)
    apart = (one["E0_err"] ** 2 + of_zero**2) / distance**2
    gain_err = gain * apart**0.5
    noise = s * gain
    relative = apart + (s_err / s) ** 2 - 2 * both / (s * distance)
    typical = float(gain.median())
    maps = {
        "gain": gain,
        "gain_err": gain_err,
        "noise": noise,
        "noise_err": noise * relative.clip(min=0) ** 0.5,
        "E0_electrons": distance * typical,
        "E0_electrons_err": distance * typical * apart**0.5,
    }
    if "noise_width" in zero:
        maps["noise_measured"] = zero["noise_width"] * gain
    return maps


def _covariance_of_s_and_E0(one: xr.Dataset) -> Any:
    if "covariance" not in one:
        return 0.0
    both = one["covariance"].sel(parameter="s", parameter_2="E0")
    return both.drop_vars(["parameter", "parameter_2"]).fillna(0)


def _labelled(maps: dict[str, xr.DataArray], zero: xr.Dataset) -> xr.Dataset:
    chip = xr.Dataset(coords={name: zero[name] for name in PIXEL})
    for name, values in maps.items():
        units, long_name = LABELS[name.removesuffix("_err")]
        if name.endswith("_err"):
            long_name = f"statistical error of {name.removesuffix('_err')}"
        attrs = {"units": units, "long_name": long_name}
        chip[name] = PIXEL, values.transpose(*PIXEL).values, attrs
    return chip.merge(zero.drop_vars("noise_width", errors="ignore"), combine_attrs="override")


def to_electrons(threshold: ArrayLike | xr.DataArray, chip: xr.Dataset) -> xr.DataArray:
    """Say which charge a threshold is, in every pixel.

    Parameters
    ----------
    threshold : float, or DataArray
        DAC.
    chip : xarray.Dataset
        What `calibrate` returns; ``chip.median()`` for the typical pixel, ``chip.sel(row=100,
        column=30)`` for one.

    Returns
    -------
    xarray.DataArray
        (threshold - baseline) * gain (e-), with the dimensions of `chip`.

    Examples
    --------
    >>> chip = xr.Dataset({"gain": 13.0, "baseline": 1430.0})
    >>> float(to_electrons(1530, chip))
    1300.0
    """
    charge = (threshold - chip["baseline"]) * chip["gain"]
    return charge.rename("charge").assign_attrs(units="e-", long_name="threshold as a charge")


def to_threshold(electrons: ArrayLike | xr.DataArray, chip: xr.Dataset) -> xr.DataArray:
    """Say at which threshold a charge lies, in every pixel.

    Parameters
    ----------
    electrons : float, or DataArray
        e-.
    chip : xarray.Dataset
        As for `to_electrons`.

    Returns
    -------
    xarray.DataArray
        baseline + electrons / gain (DAC), with the dimensions of `chip`.

    Examples
    --------
    >>> chip = xr.Dataset({"gain": 13.0, "baseline": 1430.0})
    >>> float(to_threshold(1300, chip))
    1530.0
    """
    threshold = chip["baseline"] + electrons / chip["gain"]
    return threshold.rename("threshold").assign_attrs(units="DAC", long_name="threshold")
