"""Toys: what the fits say of curves drawn from the model itself.

Every check states its rate of false alarms, should the draws ever change; as they stand, the toys
are the same in every run.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import xarray as xr
from scipy.stats import kstest
from toys import PARAMETERS, TYPICAL, asic_of_truth, draw_flux

from velonb import fit_ladder, fit_pixels

RUNGS = ("fixed", "A+E0", "A+E0+s", "free")
SIZE = (150, 200)
SMALLER = (100, 150)
SCANS = [(50.0, 21), (50.0, 121), (131.0, 41), (500.0, 61), (5000.0, 21)]
"""Exposure (s) and thresholds: from 40 to 4,000 hits at the lowest threshold."""
CONSISTENT = [(50.0, 41), (1000.0, 41)]
CASES = [("velo", *scan) for scan in SCANS] + [("consistent", *scan) for scan in CONSISTENT]

cases = pytest.mark.parametrize(("shape", "exposure", "number"), CASES)
rungs = pytest.mark.parametrize("rung", RUNGS)


@cache
def fitted(shape: str, exposure: float, number: int) -> xr.Dataset:
    flux = draw_flux(SIZE, exposure=exposure, number=number, shape=shape, seed=21)
    return fit_ladder(flux, asic_of_truth(flux, shape), progress=False)


def p_values(shape: str, exposure: float, number: int, rung: str) -> np.ndarray:
    p_value = fitted(shape, exposure, number)["p_value"].sel(fit=rung).values.ravel()
    return p_value[np.isfinite(p_value)]


@cases
@rungs
def test_rejection_at_five_percent(shape: str, exposure: float, number: int, rung: str) -> None:
    rejected = np.mean(p_values(shape, exposure, number, rung) < 0.05)
    # 30,000 toys know the rate to 0.126 %: 0.5 % is four standard deviations (false alarms 6e-5
    # each), 0.7 % more than five.
    assert rejected == pytest.approx(0.05, abs=0.007 if exposure == 50 else 0.005)


@cases
@rungs
def test_p_values_are_uniform(shape: str, exposure: float, number: int, rung: str) -> None:
    # A distance of 0.02 happens to 30,000 uniform values once in 10^10.
    distance = kstest(p_values(shape, exposure, number, rung), "uniform").statistic
    assert distance < 0.02


@cases
@rungs
def test_pulls_have_unit_width_and_no_bias(
    shape: str, exposure: float, number: int, rung: str
) -> None:
    fits = fitted(shape, exposure, number).sel(fit=rung)
    for bit, name in enumerate(PARAMETERS):
        error = fits[f"{name}_err"].values
        determined = np.isfinite(error) & ((fits["weak"].values >> bit) & 1 == 0)
        if determined.mean() < 0.5:
            continue
        pulls = ((fits[name].values - TYPICAL[name]) / error)[determined]
        low, median, high = np.percentile(pulls, [15.865, 50, 84.135])
        # Known to 0.7 % (the median) and 0.6 % (the width) or better, with 30,000 toys: 0.05 and
        # 0.03 are five standard deviations.
        assert abs(median) < 0.05, name
        assert 0.97 < (high - low) / 2 < 1.03, name


@cases
@rungs
def test_curves_of_the_model_are_found(shape: str, exposure: float, number: int, rung: str) -> None:
    found = fitted(shape, exposure, number)["fit_type"].sel(fit=rung) >= 0
    assert found.mean() > (0.985 if exposure == 50 else 0.998)


def test_what_is_weak_depends_on_the_free_parameters() -> None:
    dim, bright = fitted("velo", 50.0, 21)["weak"], fitted("velo", 5000.0, 21)["weak"]
    assert (dim.sel(fit="free") == 15).mean() > 0.99
    assert (dim.sel(fit=["fixed", "A+E0"]) == 0).mean() > 0.99
    assert (bright == 0).mean() > 0.99


def test_every_subset_of_free_parameters_is_calibrated() -> None:
    subsets = [
        ("E0",),
        ("s",),
        ("f",),
        ("A", "f"),
        ("A", "s"),
        ("f", "E0"),
        ("s", "E0"),
        ("f", "A", "E0"),
    ]
    flux = draw_flux(SMALLER, seed=22)
    fits = fit_pixels(flux, asic_of_truth(flux), free=subsets, progress=False)
    for p_value in fits["p_value"].values:
        # 0.7 %: four standard deviations of 15,000 toys, false alarms 6e-5 each.
        assert np.mean(p_value < 0.05) == pytest.approx(0.05, abs=0.007)
        assert kstest(p_value.ravel(), "uniform").statistic < 0.02


def test_fe55_is_calibrated() -> None:
    flux = draw_flux(SIZE, exposure=131.0, shape="fe55", seed=23)
    fits = fit_pixels(flux, asic_of_truth(flux, "fe55"), progress=False)
    for p_value in fits["p_value"].values:
        p_value = p_value[np.isfinite(p_value)]
        # 0.5 %: four standard deviations, false alarms 6e-5 each.
        assert np.mean(p_value < 0.05) == pytest.approx(0.05, abs=0.005)
        assert kstest(p_value, "uniform").statistic < 0.02


def test_unequal_exposures_are_calibrated() -> None:
    exposure = np.random.default_rng(24).uniform(20, 400, 41)
    exposure[13] = 0
    flux = draw_flux(SIZE, exposure=exposure, seed=25)
    fits = fit_pixels(flux, asic_of_truth(flux), free=("A", "E0"), progress=False)
    # 0.5 %: four standard deviations, false alarms 6e-5 each.
    assert (fits["p_value"] < 0.05).mean() == pytest.approx(0.05, abs=0.005)
    pull = (fits["E0"] - TYPICAL["E0"]) / fits["E0_err"]
    assert abs(float(pull.median())) < 0.05
    assert float(pull.std()) == pytest.approx(1, abs=0.03)


def test_established_recipe_rejects_most_perfect_pixels() -> None:
    flux = draw_flux((50, 80), seed=26)
    asic = asic_of_truth(flux)
    options = {"free": ("A",), "progress": False}
    poisson, chi2 = (
        fit_pixels(flux, asic, statistic=statistic, **options)["fit_type"] == 1
        for statistic in ("poisson", "chi2")
    )
    assert poisson.mean() == pytest.approx(0.95, abs=0.02)
    assert chi2.mean() < 0.6
