"""The compiled fit of every pixel against slow and obvious ways to the same minimum."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import lmfit
import numpy as np
import pytest
import xarray as xr
from recipe import GOOD, fit_loop
from scipy.optimize import minimize
from toys import (
    BASELINE,
    PARAMETERS,
    TYPICAL,
    draw_flux,
    flux_of,
    thresholds,
    with_hits,
)

from velonb import average_pixel, fit_asic, fit_pixel, fit_pixels, threshold_curve
from velonb.fit.pixel import fit_p_value
from velonb.statistics import likelihood_chi_square

SUBSETS = [names for size in range(1, 5) for names in combinations(PARAMETERS, size)]
UNFITTED = -1
"""Fit types up to this one have no values."""


def spread_truth(size: tuple[int, int], seed: int = 11) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    widths = {"f": 1e-4, "A": 0.6, "s": 0.7, "E0": 6.0}
    return {name: rng.normal(TYPICAL[name], widths[name], size) for name in PARAMETERS}


def spread_flux(size: tuple[int, int] = (20, 20), **options: Any) -> xr.Dataset:
    return draw_flux(size, truth=spread_truth(size), **{"exposure": 131.0, "seed": 12} | options)


@pytest.fixture(scope="module")
def flux() -> xr.Dataset:
    return spread_flux()


@pytest.fixture(scope="module")
def asic(flux: xr.Dataset) -> lmfit.model.ModelResult:
    return fit_asic(flux)


@pytest.fixture(scope="module")
def fits(flux: xr.Dataset, asic: lmfit.model.ModelResult) -> xr.Dataset:
    return fit_pixels(flux, asic, progress=False)


def assert_same_minimum(pixel: xr.Dataset, result: lmfit.model.ModelResult) -> None:
    assert float(pixel["chi2"]) == pytest.approx(result.chisqr, abs=1e-4)
    for name in result.var_names:
        error = float(pixel[f"{name}_err"])
        found = result.params[name]
        assert float(pixel[name]) == pytest.approx(found.value, abs=0.01 * error)
        assert error == pytest.approx(found.stderr, rel=0.01)


@pytest.mark.parametrize("shape", ["velo", "consistent", "fe55"])
@pytest.mark.parametrize("statistic", ["poisson", "chi2"])
def test_engine_and_lmfit_reach_the_same_minimum(shape: str, statistic: str) -> None:
    # So many hits below 1580 DAC that chi-square has no interior zero.
    flux = spread_flux((8, 8), exposure=5000.0, shape=shape, number=61)
    flux = flux.isel(threshold=slice(0, 40 if statistic == "chi2" else None))
    asic = fit_asic(flux, shape=shape)
    maps = fit_pixels(flux, asic, free=SUBSETS, statistic=statistic, progress=False)
    sample = np.random.default_rng(13).permutation(64)[:60].reshape(15, 4)
    compared = 0
    for index, (names, chosen) in enumerate(zip(SUBSETS, sample, strict=True)):
        for row, column in zip(*np.unravel_index(chosen, (8, 8)), strict=True):
            pixel = maps.isel(fit=index, row=row, column=column)
            if pixel["fit_type"] <= UNFITTED or pixel["at_limit"] or np.isnan(pixel["chi2"]):
                continue
            result = fit_pixel(flux, row, column, asic=asic, free=names, statistic=statistic)
            assert_same_minimum(pixel, result)
            compared += 1
    assert compared >= 50


def test_engine_is_as_accurate_as_lmfit(
    flux: xr.Dataset, asic: lmfit.model.ModelResult, fits: xr.Dataset
) -> None:
    free = fits.sel(fit="free")
    inside = np.argwhere(((free["fit_type"] > UNFITTED) & (free["at_limit"] == 0)).values)
    distances, p_values = [], []
    for row, column in np.random.default_rng(19).permutation(inside)[:100]:
        pixel, result = free.isel(row=row, column=column), fit_pixel(flux, row, column, asic=asic)
        if result.chisqr < pixel["chi2"] + 1e-4:  # else lmfit found another minimum
            distances.append(float(abs(pixel["E0"] - result.params["E0"].value) / pixel["E0_err"]))
            p_values.append(float(abs(pixel["p_value"] - fit_p_value(result))))
    assert len(distances) > 95
    assert np.mean(np.array(distances) < 1e-3) > 0.98
    assert np.mean(np.array(p_values) < 1e-4) > 0.98


def test_lower_curve_without_a_visible_photopeak_is_noted_and_not_taken() -> None:
    flux = spread_flux(exposure=26.0)
    asic = fit_asic(flux)
    free = fit_pixels(flux, asic, progress=False).sel(fit="free")
    noted = free["lower_at_limit"].values == 1
    assert 0.02 < noted.mean() < 0.5
    step = 3.0
    confirmed = 0
    for row, column in np.argwhere(noted)[:20]:
        pixel = free.isel(row=row, column=column)
        assert pixel["f"] < 1
        assert pixel["s"] > step / 2
        starts = [(1.0, 0.1, 12.0, E0) for E0 in (1540.0, 1560.0, 1580.0)]
        held = [fit_pixel(flux, row, column, free=("A", "s", "E0"), p0=p0) for p0 in starts]
        starts = [(0.04, 0.1, step / 2, E0) for E0 in (1550.0, 1557.0, 1564.0, 1571.0)]
        held += [fit_pixel(flux, row, column, free=("f", "A", "E0"), p0=p0) for p0 in starts]
        confirmed += min(result.chisqr for result in held) < float(pixel["chi2"])
    # A loop of plain fits does not find each of them.
    assert confirmed > 15
    bright = fit_pixels(spread_flux(exposure=2000.0), asic, progress=False)
    assert not bright["lower_at_limit"].any()


@pytest.mark.parametrize(("exposure", "most"), [(50.0, 2), (131.0, 1)])
def test_engine_is_hardly_ever_above_lmfit_on_few_hits(exposure: float, most: int) -> None:
    # One likelihood in a few hundred has a second minimum, more with only 40 hits at 1480 DAC.
    flux = spread_flux(exposure=exposure)
    asic = fit_asic(flux)
    free = fit_pixels(flux, asic, progress=False).sel(fit="free")
    chosen = np.random.default_rng(14).permutation(np.argwhere(~flux["mask"].values))[:200]
    above = [
        float(free["chi2"][row, column]) - fit_pixel(flux, row, column, asic=asic).chisqr
        for row, column in chosen
    ]
    assert np.sum(np.array(above) > 1e-3) <= most


def test_engine_and_scipy_minimize_reach_the_same_minimum(
    flux: xr.Dataset, fits: xr.Dataset
) -> None:
    t, scale = thresholds(), np.array(list(TYPICAL.values()))
    for row, column in np.random.default_rng(15).integers(0, 20, (12, 2)):
        pixel = fits.sel(fit="free").isel(row=row, column=column)
        hits = flux["hits"].values[:, row, column]

        def statistic(x: np.ndarray, hits: np.ndarray = hits) -> float:
            f, A, s, E0 = x * scale
            if f < 0 or f > 1 or A < 0 or s < 1.5:
                return np.inf
            return likelihood_chi_square(hits, 131 * threshold_curve(t, f, A, s, E0)).sum()

        start = np.ones(4)
        for _ in range(3):
            options = {"xatol": 1e-8, "fatol": 1e-9, "maxiter": 5000, "maxfev": 5000}
            best = minimize(statistic, start, method="Nelder-Mead", options=options)
            start = best.x
        assert float(pixel["chi2"]) == pytest.approx(best.fun, abs=1e-4)
        if not pixel["at_limit"]:
            for name, value in zip(PARAMETERS, best.x * scale, strict=True):
                error = float(pixel[f"{name}_err"])
                assert float(pixel[name]) == pytest.approx(value, abs=0.01 * error)


@pytest.mark.parametrize("exposure", [50.0, 131.0, 1000.0])
def test_engine_finds_living_pixels(exposure: float) -> None:
    flux = draw_flux((50, 80), exposure=exposure, truth=spread_truth((50, 80)))
    found = fit_pixels(flux, fit_asic(flux), progress=False)["fit_type"] > UNFITTED
    assert found.sel(fit="fixed").all()
    assert found.sel(fit="free").mean() > (0.985 if exposure == 50 else 0.998)


@pytest.mark.parametrize("exposure", [131.0, 1000.0])
def test_chi2_is_the_established_recipe(exposure: float) -> None:
    flux = spread_flux(exposure=exposure)
    asic = fit_asic(flux)
    maps = fit_pixels(flux, asic, statistic="chi2", progress=False)
    start = [average_pixel(flux, asic)[name] for name in PARAMETERS]
    pixels = np.argwhere(~flux["mask"].values)
    for fit in ("free", "fixed"):
        fit_type, E0 = fit_loop(flux, start, fit == "free", pixels)
        engine = maps.sel(fit=fit)
        same = engine["fit_type"].values.ravel() == fit_type
        assert same.mean() >= 0.995
        good = same & (fit_type == GOOD)
        assert good.sum() > 20
        distance = np.abs(engine["E0"].values.ravel() - E0)[good]
        # curve_fit itself stops short of its minimum by more than that in one pixel of 300.
        assert (distance < 0.01).mean() >= 0.99
        assert np.median(distance) < 1e-3


def bits(maps: xr.Dataset) -> dict[str, bytes]:
    return {name: values.values.tobytes() for name, values in maps.data_vars.items()}


@pytest.mark.parametrize("statistic", ["poisson", "chi2"])
def test_result_does_not_depend_on_the_number_of_threads(statistic: str) -> None:
    flux = draw_flux((64, 80))
    asic = fit_asic(flux)
    options: dict[str, Any] = {"statistic": statistic, "covariance": True, "progress": False}
    one, two, default = (
        bits(fit_pixels(flux, asic, threads=threads, **options)) for threads in (1, 2, None)
    )
    assert one == two == default


NONSENSE = {
    "63 everywhere": np.full(41, 63),
    "one spike": np.where(np.arange(41) == 20, 5000, 1),
    "zero but one": np.where(np.arange(41) == 20, 40, 0),
    "rising": np.arange(41) * 3,
    "hits above the line alone": np.where(np.arange(41) > 30, 60, 0),
    "alternating": np.where(np.arange(41) % 2, 0, 200),
    "more than any counter": np.full(41, 2_000_000_000),
    "one hit each": np.ones(41, int),
}


@pytest.mark.parametrize("statistic", ["poisson", "chi2"])
@pytest.mark.parametrize("counts", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_in_one_pixel_leaves_all_others_untouched(
    flux: xr.Dataset, asic: lmfit.model.ModelResult, statistic: str, counts: np.ndarray
) -> None:
    before = fit_pixels(flux, asic, statistic=statistic, progress=False)
    after = fit_pixels(with_hits(flux, 9, 11, counts), asic, statistic=statistic, progress=False)
    others = np.ones((20, 20), bool)
    others[9, 11] = False
    for name in before.data_vars:
        values = (maps[name].values[..., others] for maps in (before, after))
        np.testing.assert_array_equal(*values)
    pixel = after.isel(row=9, column=11)
    for fit in ("free", "fixed"):
        one = pixel.sel(fit=fit)
        known = [np.isfinite(float(one[name])) for name in (*PARAMETERS, "chi2")]
        interior_zero = one["fit_type"] == 0 and np.isnan(one["chi2"])
        assert any(known) == all(known)
        assert all(known) == (one["fit_type"] > UNFITTED and not interior_zero)


def test_nonsense_gets_a_bad_fit_or_none(flux: xr.Dataset, asic: lmfit.model.ModelResult) -> None:
    verdicts = {}
    for name, counts in NONSENSE.items():
        maps = fit_pixels(with_hits(flux, 0, 0, counts), asic, free=("A",), progress=False)
        verdicts[name] = int(maps["fit_type"][0, 0, 0])
    assert verdicts.pop("zero but one") == -2
    assert verdicts.pop("hits above the line alone") in (-2, 0)
    assert set(verdicts.values()) == {0}


@pytest.mark.parametrize("statistic", ["poisson", "chi2"])
def test_threshold_without_exposure_is_as_if_it_were_not_there(
    asic: lmfit.model.ModelResult, statistic: str
) -> None:
    exposure = np.full(41, 300.0)
    exposure[[0, 17, 40]] = 0
    with_gaps = spread_flux(exposure=exposure)
    used = exposure > 0
    without = with_gaps.isel(threshold=used)
    gaps, plain = (
        bits(fit_pixels(chip, asic, statistic=statistic, progress=False))
        for chip in (with_gaps, without)
    )
    assert gaps == plain


def test_unequal_exposures_are_weighed_as_they_are(asic: lmfit.model.ModelResult) -> None:
    exposure = np.random.default_rng(16).uniform(50, 3000, 41)
    flux = spread_flux(exposure=exposure)
    free = fit_pixels(flux, asic, progress=False).sel(fit="free")
    truth = spread_truth((20, 20))
    pull = (free["E0"] - truth["E0"]) / free["E0_err"]
    # 400 pulls: the median is known to 0.06, the spread to 4 %; four standard deviations.
    assert abs(float(pull.median())) < 0.25
    assert float(pull.quantile(0.84) - pull.quantile(0.16)) / 2 == pytest.approx(1, abs=0.2)
    assert_same_minimum(free.isel(row=3, column=5), fit_pixel(flux, 3, 5, asic=asic))


def test_unequal_distances_between_thresholds_are_fitted() -> None:
    whole = spread_flux(exposure=2000.0, number=121)
    kept = np.sort(np.random.default_rng(17).permutation(121)[:50])
    flux = whole.isel(threshold=kept)
    asic = fit_asic(flux)
    free = fit_pixels(flux, asic, progress=False).sel(fit="free")
    assert (free["fit_type"] > UNFITTED).all()
    assert_same_minimum(free.isel(row=3, column=5), fit_pixel(flux, 3, 5, asic=asic))


def test_baseline_of_each_pixel_is_its_own() -> None:
    flux = spread_flux((6, 6), exposure=3000.0, shape="fe55")
    flux["baseline"].values[:] = np.random.default_rng(18).normal(BASELINE, 10, (6, 6))
    asic = fit_asic(flux, shape="fe55")
    free = fit_pixels(flux, asic, progress=False).sel(fit="free")
    np.testing.assert_array_equal(free["baseline"], flux["baseline"])
    for row, column in [(0, 0), (2, 3), (5, 5)]:
        pixel = free.isel(row=row, column=column)
        assert_same_minimum(pixel, fit_pixel(flux, row, column, asic=asic))


def test_unknown_baseline_of_one_pixel_stops_no_other() -> None:
    flux = spread_flux((6, 6), exposure=3000.0, shape="fe55")
    asic = fit_asic(flux, shape="fe55")
    flux["baseline"].values[2, 3] = np.nan
    found = fit_pixels(flux, asic, progress=False)["fit_type"] > UNFITTED
    assert not found[:, 2, 3].any()
    assert found.sum() == found.size - 2


def test_poor_start_ends_in_the_same_minimum(flux: xr.Dataset, fits: xr.Dataset) -> None:
    far = fit_asic(flux)
    far.params["E0"].value -= 15
    far.params["s"].value *= 1.5
    far.params["f"].value *= 2
    moved = fit_pixels(flux, far, progress=False)["chi2"].sel(fit="free")
    same = np.isclose(moved, fits["chi2"].sel(fit="free"), atol=1e-4)
    assert same.mean() > 0.99


def test_brighter_chip_has_the_same_curve_with_more_A(asic: lmfit.model.ModelResult) -> None:
    # Ten times the hits in the same time is the same statistic as in ten times the time.
    flux = spread_flux((8, 8), exposure=1310.0)
    brighter = flux_of(flux["hits"], np.full(41, 131.0))
    slow, fast = (
        fit_pixels(chip, fit_asic(chip), progress=False).sel(fit="free")
        for chip in (flux, brighter)
    )
    for name, factor in {"f": 1, "A": 10, "s": 1, "E0": 1}.items():
        allowed = 0.01 * fast[f"{name}_err"]
        assert (abs(fast[name] - factor * slow[name]) < allowed).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1)])
def test_small_chips_are_fitted(size: tuple[int, int]) -> None:
    flux = draw_flux(size, exposure=2000.0)
    maps = fit_pixels(flux, fit_asic(flux), progress=False)
    assert maps["E0"].shape == (2, *size)
    assert (abs(maps["E0"].sel(fit="free") - TYPICAL["E0"]) < 8).all()


def test_chip_without_a_pixel_to_fit_is_cut_as_a_whole(asic: lmfit.model.ModelResult) -> None:
    flux = flux_of(np.zeros((41, 2, 2)), np.full(41, 131.0))
    maps = fit_pixels(flux, asic, progress=False)
    assert (maps["fit_type"] == -2).all()
    assert maps["E0"].isnull().all()
