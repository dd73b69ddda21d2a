"""Fits of the ASIC and of one pixel, and the verdicts on every pixel."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import lmfit
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import chi2 as chi_square
from toys import (
    BASELINE,
    PARAMETERS,
    TYPICAL,
    asic_of_truth,
    draw_flux,
    flux_of,
    thresholds,
    with_hits,
)

from velonb import (
    average_pixel,
    describe_fits,
    fit_asic,
    fit_pixel,
    fit_pixels,
    profile_errors,
    threshold_curve,
)
from velonb.curves.model import threshold_gradient
from velonb.fit.free import named_fits
from velonb.fit.maps import BAD, CUT, GOOD, NOT_FOUND, _fit_type
from velonb.statistics import likelihood_chi_square
from velonb.vocabulary import free_parameters

SIZE = (16, 16)
T = thresholds()


@pytest.fixture(scope="module")
def flux() -> xr.Dataset:
    return draw_flux(SIZE, exposure=500.0)


@pytest.fixture(scope="module")
def asic(flux: xr.Dataset) -> lmfit.model.ModelResult:
    return fit_asic(flux)


@pytest.fixture(scope="module")
def fits(flux: xr.Dataset, asic: lmfit.model.ModelResult) -> xr.Dataset:
    return fit_pixels(flux, asic, progress=False)


def scaled_inverse(matrix: np.ndarray) -> np.ndarray:
    scale = np.outer(*2 * [np.sqrt(np.diag(matrix))])
    return np.linalg.inv(matrix / scale) / scale


@pytest.mark.parametrize("statistic", ["poisson", "chi2"])
def test_fit_asic_finds_the_curve_of_the_asic(statistic: str) -> None:
    flux = draw_flux(SIZE, exposure=5000.0)
    asic = fit_asic(flux, statistic=statistic)
    truth = TYPICAL | {"A": TYPICAL["A"] * flux.attrs["active_pixels"]}
    for name in PARAMETERS:
        found = asic.params[name]
        # Four standard deviations; Neyman's statistic is biased where few hits are expected.
        allowed = 4 if statistic == "poisson" else 8
        assert found.value == pytest.approx(truth[name], abs=allowed * found.stderr)


def test_fit_asic_of_half_the_chip_has_half_the_A() -> None:
    mask = np.zeros(SIZE, bool)
    mask[::2] = True
    whole, half = (fit_asic(draw_flux(SIZE, exposure=5000.0, mask=m)) for m in (None, mask))
    ratio = half.params["A"].value / whole.params["A"].value
    assert ratio == pytest.approx(0.5, rel=0.05)


def test_average_pixel_is_the_asic_per_active_pixel(
    flux: xr.Dataset, asic: lmfit.model.ModelResult
) -> None:
    average = average_pixel(flux, asic)
    assert average["A"] == asic.params["A"].value / 256
    assert average["A"] == pytest.approx(TYPICAL["A"], rel=0.1)
    assert {name: average[name] for name in "fs"} == {n: asic.params[n].value for n in "fs"}


@pytest.mark.parametrize("shape", ["velo", "consistent", "fe55"])
def test_covariance_of_fit_asic_is_the_inverse_of_the_fisher_information(shape: str) -> None:
    flux = draw_flux(SIZE, exposure=5000.0, shape=shape)
    asic = fit_asic(flux, shape=shape)
    arguments = T, *(asic.params[name].value for name in PARAMETERS)
    options = {"shape": shape, "baseline": BASELINE}
    gradient, curve = (
        threshold_gradient(*arguments, **options),
        threshold_curve(*arguments, **options),
    )
    covariance = scaled_inverse((gradient * 5000 / curve) @ gradient.T)
    errors = np.sqrt(np.diag(covariance))
    # The curvature is the observed one; at half a million hits a threshold they hardly differ.
    assert [asic.params[name].stderr for name in PARAMETERS] == pytest.approx(errors, rel=0.02)
    correlation = covariance / np.outer(errors, errors)
    assert asic.params["E0"].correl["A"] == pytest.approx(correlation[3, 1], abs=0.01)


def test_fit_asic_leaves_out_the_threshold_without_exposure() -> None:
    exposure = np.full(T.size, 500.0)
    exposure[20] = 0
    asic = fit_asic(draw_flux(SIZE, exposure=exposure))
    assert asic.userkws["t"].tolist() == np.delete(T, 20).tolist()
    assert asic.nfree == T.size - 1 - 4


@pytest.mark.parametrize("p0", [(9e-4, 2000.0, 12.0, 1551.0), TYPICAL | {"A": 2000.0}])
def test_fit_asic_from_given_start_ends_where_the_guess_leads(
    flux: xr.Dataset, asic: lmfit.model.ModelResult, p0: Any
) -> None:
    again = fit_asic(flux, p0=p0)
    assert again.init_values["A"] == 2000
    assert again.chisqr == pytest.approx(asic.chisqr, abs=1e-6)
    assert again.params["E0"].value == pytest.approx(asic.params["E0"].value, abs=1e-3)


@pytest.mark.parametrize(
    "p0",
    [
        (9e-4, 8, 12),
        (9e-4, 8, 12, 1551, 7),
        (9e-4, np.nan, 12, 1551),
        {"A": 8.0},
        TYPICAL | {"B": 1.0},
    ],
)
def test_p0_that_is_not_four_numbers_is_refused(flux: xr.Dataset, p0: Any) -> None:
    with pytest.raises(ValueError, match="it must be four finite numbers, f, A, s, E0"):
        fit_asic(flux, p0=p0)


def test_fit_asic_takes_the_median_of_the_baseline_map() -> None:
    flux = draw_flux(SIZE, shape="fe55")
    flux["baseline"][0, 0] = 900.0
    assert fit_asic(flux, shape="fe55").model.baseline == BASELINE
    assert fit_asic(flux, shape="fe55", baseline=1400.0).model.baseline == 1400


def test_fe55_without_any_baseline_is_refused(
    flux: xr.Dataset, asic: lmfit.model.ModelResult
) -> None:
    for fit in (
        lambda: fit_asic(flux, shape="fe55"),
        lambda: fit_pixel(flux, 0, 0, shape="fe55"),
        lambda: fit_pixels(flux, asic, shape="fe55", progress=False),
    ):
        with pytest.raises(ValueError, match="'fe55' needs a baseline"):
            fit()


def test_fe55_pixel_takes_the_baseline_of_the_asic_fit_where_there_is_no_map() -> None:
    flux = draw_flux(SIZE, shape="fe55").drop_vars("baseline")
    asic = fit_asic(flux, shape="fe55", baseline=BASELINE)
    assert fit_pixel(flux, 1, 2, asic=asic).model.baseline == BASELINE
    maps = fit_pixels(flux, asic, progress=False)
    assert (maps["baseline"] == BASELINE).all()


@pytest.mark.parametrize("statistic", ["poisson", "chi2"])
def test_too_few_thresholds_are_refused(statistic: str) -> None:
    flux = draw_flux(SIZE, number=4, exposure=5000.0)
    with pytest.raises(
        ValueError, match=r"thresholds can be used; .* 4 parameters needs at least 5"
    ):
        fit_asic(flux, statistic=statistic, p0=TYPICAL)


def test_too_few_thresholds_for_some_of_the_fits_are_refused(
    asic: lmfit.model.ModelResult,
) -> None:
    flux = draw_flux(SIZE, number=4)
    with pytest.raises(ValueError, match="4 thresholds can be used"):
        fit_pixels(flux, asic, progress=False)
    assert fit_pixels(flux, asic, free=("A", "E0"), progress=False).sizes["fit"] == 1


def test_scan_without_any_exposure_is_refused(asic: lmfit.model.ModelResult) -> None:
    flux = draw_flux(SIZE, exposure=0.0)
    with pytest.raises(ValueError, match="0 thresholds can be used"):
        fit_asic(flux)
    with pytest.raises(ValueError, match="0 thresholds can be used"):
        fit_pixels(flux, asic, progress=False)


@pytest.mark.parametrize(("row", "column"), [(-1, 0), (0, -1), (16, 0), (0, 16)])
def test_fit_pixel_outside_the_chip_is_refused(flux: xr.Dataset, row: int, column: int) -> None:
    with pytest.raises(IndexError, match=r"(row|column) is (-1|16); it must be 0 to 15"):
        fit_pixel(flux, row, column)


def test_fit_pixel_of_masked_pixel_is_refused() -> None:
    mask = np.zeros(SIZE, bool)
    mask[3, 4] = True
    with pytest.raises(ValueError, match=r"\(row 3, column 4\) is masked"):
        fit_pixel(draw_flux(SIZE, mask=mask), 3, 4)


@pytest.mark.parametrize("free", [(), ("B",), ("A", "A"), ("A", "e0")])
def test_free_that_is_no_parameter_is_refused(
    flux: xr.Dataset, asic: lmfit.model.ModelResult, free: Any
) -> None:
    with pytest.raises(ValueError, match="it must be some of f, A, s, E0, each once"):
        fit_pixel(flux, 0, 0, asic=asic, free=free)
    with pytest.raises(ValueError, match="it must be some of f, A, s, E0, each once"):
        fit_pixels(flux, asic, free=free, progress=False)


def test_fit_pixel_that_holds_parameters_needs_their_values(flux: xr.Dataset) -> None:
    with pytest.raises(ValueError, match=r"free is \('A',\); give asic="):
        fit_pixel(flux, 0, 0, free=("A",))
    held = fit_pixel(flux, 0, 0, free=("A",), p0=TYPICAL)
    assert held.params["E0"].value == TYPICAL["E0"]
    assert held.params["E0"].stderr in (None, 0)


def test_fit_pixel_holds_the_values_of_the_asic(
    flux: xr.Dataset, asic: lmfit.model.ModelResult
) -> None:
    fixed = fit_pixel(flux, 2, 3, asic=asic, free=("A",))
    assert fixed.var_names == ["A"]
    for name in ("f", "s", "E0"):
        assert fixed.params[name].value == asic.params[name].value


def test_fixed_fit_of_counts_is_their_sum_with_its_root_as_error(
    flux: xr.Dataset, asic: lmfit.model.ModelResult, fits: xr.Dataset
) -> None:
    total = flux["hits"].sum("threshold")
    shape = threshold_curve(T, **average_pixel(flux, asic) | {"A": 1.0})
    fixed = fits.sel(fit="fixed")
    np.testing.assert_allclose(fixed["A"], total / (500 * shape.sum()), rtol=1e-6)
    np.testing.assert_allclose(fixed["A_err"], fixed["A"] / np.sqrt(total), rtol=1e-4)


def test_fit_pixel_without_asic_finds_the_same_minimum(
    flux: xr.Dataset, asic: lmfit.model.ModelResult
) -> None:
    alone, started = fit_pixel(flux, 4, 5), fit_pixel(flux, 4, 5, asic=asic)
    assert alone.chisqr == pytest.approx(started.chisqr, abs=1e-5)


def test_fit_pixel_with_chi2_trims_zeros_at_both_ends() -> None:
    hits = np.random.default_rng(1).poisson(5000 * threshold_curve(T, **TYPICAL))
    hits[:2] = 0
    hits[35:] = 0
    result = fit_pixel(with_hits(draw_flux((1, 1)), 0, 0, hits), 0, 0, statistic="chi2")
    assert result.userkws["t"].tolist() == T[2:35].tolist()


def test_fit_pixel_with_chi2_and_interior_zero_is_refused(flux: xr.Dataset) -> None:
    hits = np.r_[np.full(20, 9), 0, np.full(20, 3)]
    with pytest.raises(
        ValueError, match=r"no hits at threshold 1540\.0 DAC, .*statistic='poisson'"
    ):
        fit_pixel(with_hits(flux, 0, 0, hits), 0, 0, statistic="chi2")


def test_fit_pixel_with_chi2_and_no_hits_is_refused(flux: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="the pixel has no hits"):
        fit_pixel(with_hits(flux, 0, 0, 0), 0, 0, statistic="chi2")


@pytest.mark.parametrize("value", [0, -0.1, 1.5, np.nan])
@pytest.mark.parametrize("name", ["alpha", "nohits_cut"])
def test_fractions_outside_their_range_are_refused(
    flux: xr.Dataset, asic: lmfit.model.ModelResult, name: str, value: float
) -> None:
    with pytest.raises(ValueError, match=f"{name} is {value}; it must lie above 0"):
        fit_pixels(flux, asic, progress=False, **{name: value})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"statistic": "pearson"}, "statistic is 'pearson'; it must be poisson or chi2"),
        ({"shape": "vela"}, "shape is 'vela'; it must be one of velo, consistent, fe55"),
        ({"threads": 0}, "threads is 0; it must be at least 1"),
    ],
)
def test_unknown_options_are_refused(
    flux: xr.Dataset, asic: lmfit.model.ModelResult, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fit_pixels(flux, asic, progress=False, **options)


def test_named_fits_of_subsets() -> None:
    subsets = [("E0", "A", "s", "f"), "A", ("A", "s"), ("E0",)]
    assert list(named_fits(subsets)) == ["free", "fixed", "A+s", "E0"]


def test_fits_have_the_promised_variables(flux: xr.Dataset, fits: xr.Dataset) -> None:
    assert fits["fit"].values.tolist() == ["free", "fixed"]
    for name in (*PARAMETERS, *(f"{name}_err" for name in PARAMETERS), "chi2", "dof", "p_value"):
        assert fits[name].dims == ("fit", "row", "column")
        assert fits[name].dtype == float
    for name in ("fit_type", "at_limit", "weak"):
        assert fits[name].dtype == np.int8
        assert fits[name].attrs["flag_meanings"]
    assert all(fits[name].attrs["long_name"] for name in fits.data_vars if name != "mask")
    assert fits["E0_err"].attrs["units"] == fits["E0"].attrs["units"] == "DAC"
    assert fits.attrs["active_pixels"] == 256
    assert fits.attrs["statistic"] == "poisson"


def test_fits_hold_fixed_parameters_at_the_asic_without_error(
    asic: lmfit.model.ModelResult, fits: xr.Dataset
) -> None:
    fixed = fits.sel(fit="fixed")
    for name in ("f", "s", "E0"):
        assert (fixed[name] == asic.params[name].value).all()
        assert fixed[f"{name}_err"].isnull().all()
    assert fixed["A_err"].notnull().all()


def test_map_of_s_is_not_that_of_A(flux: xr.Dataset) -> None:
    fits = fit_pixels(draw_flux(SIZE, exposure=5000.0), asic_of_truth(flux), progress=False)
    for name, value in TYPICAL.items():
        assert fits[name].sel(fit="free").median() == pytest.approx(value, rel=0.03)


def test_degrees_of_freedom_count_thresholds_and_free_parameters(fits: xr.Dataset) -> None:
    assert (fits["dof"].sel(fit="free") == 41 - 4).all()
    assert (fits["dof"].sel(fit="fixed") == 41 - 1).all()


def test_statistic_of_the_maps_is_that_of_their_curves(flux: xr.Dataset, fits: xr.Dataset) -> None:
    for fit in ("free", "fixed"):
        values = {name: fits[name].sel(fit=fit).values for name in PARAMETERS}
        mu = 500 * threshold_curve(T[:, None, None], **values)
        expected = likelihood_chi_square(flux["hits"], mu).sum(axis=0)
        np.testing.assert_allclose(fits["chi2"].sel(fit=fit), expected, atol=2e-5)


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, GOOD),
        ({"A": -8.0}, GOOD),
        ({"s": -12.0}, BAD),
        ({"s": 0.0}, BAD),
        ({"f": 0.0}, BAD),
        ({"f": -1e-4}, BAD),
        ({"E0": 0.0}, BAD),
        ({"p_value": 0.0499}, BAD),
        ({"p_value": 0.05}, GOOD),
        ({"p_value": np.nan}, BAD),
    ],
)
def test_fit_type_of_found_fit_tests_f_s_E0_and_the_p_value(
    changed: dict[str, float], verdict: int
) -> None:
    maps = {k: np.array([v]) for k, v in (TYPICAL | {"p_value": 0.5} | changed).items()}
    yes, no = np.array([True]), np.array([False])
    pixels: Any = SimpleNamespace(undefined=no, cut=no)
    assert _fit_type(maps, pixels, yes, 0.05) == verdict


@pytest.mark.parametrize(
    ("cut", "undefined", "found", "verdict"),
    [
        (True, False, True, CUT),
        (True, True, False, CUT),
        (False, True, False, BAD),
        (False, False, False, NOT_FOUND),
    ],
)
def test_fit_type_without_a_fit(cut: bool, undefined: bool, found: bool, verdict: int) -> None:
    maps = {name: np.array([np.nan]) for name in ("f", "s", "E0", "p_value")}
    pixels: Any = SimpleNamespace(undefined=np.array([undefined]), cut=np.array([cut]))
    assert _fit_type(maps, pixels, np.array([found]), 0.05) == verdict


def test_alpha_is_where_bad_begins(flux: xr.Dataset, asic: lmfit.model.ModelResult) -> None:
    strict = fit_pixels(flux, asic, free=("A",), alpha=0.5, progress=False)
    np.testing.assert_array_equal(strict["fit_type"] == GOOD, strict["p_value"] >= 0.5)
    assert 0.3 < (strict["fit_type"] == BAD).mean() < 0.7
    assert strict.attrs["alpha"] == 0.5


def test_masked_pixel_is_cut_and_unknown(asic: lmfit.model.ModelResult) -> None:
    mask = np.zeros(SIZE, bool)
    mask[3, 4] = True
    fits = fit_pixels(draw_flux(SIZE, mask=mask), asic, progress=False)
    assert (fits["fit_type"][:, 3, 4] == CUT).all()
    assert ((fits["fit_type"] == CUT).sum(("row", "column")) == 1).all()
    for name in (*PARAMETERS, "E0_err", "chi2", "dof", "p_value"):
        assert fits[name][:, 3, 4].isnull().all()


def test_pixel_is_cut_from_the_given_fraction_without_hits_on(
    asic: lmfit.model.ModelResult,
) -> None:
    flux = draw_flux(SIZE, number=40, exposure=500.0)
    at_cut, below = np.zeros(40, int), np.zeros(40, int)
    at_cut[:8], below[:9] = 20, 20
    flux = with_hits(with_hits(flux, 0, 0, at_cut), 0, 1, below)
    verdict = fit_pixels(flux, asic, progress=False)["fit_type"]
    assert (verdict[:, 0, 0] == CUT).all()
    assert (verdict[:, 0, 1] != CUT).all()
    verdict = fit_pixels(flux, asic, progress=False, nohits_cut=0.7)["fit_type"]
    assert (verdict[:, 0, :2] == CUT).all()


def test_thresholds_without_exposure_do_not_count_as_without_hits(
    asic: lmfit.model.ModelResult,
) -> None:
    exposure = np.full(T.size, 500.0)
    exposure[10:] = 0
    flux = draw_flux(SIZE, exposure=exposure)
    assert not (fit_pixels(flux, asic, progress=False)["fit_type"] == CUT).any()


@pytest.mark.parametrize("statistic", ["poisson", "chi2"])
def test_pixel_whose_free_fit_is_not_found_still_gets_its_fixed_fit(
    flux: xr.Dataset, asic: lmfit.model.ModelResult, statistic: str
) -> None:
    flat = with_hits(flux, 7, 7, 63)
    fits = fit_pixels(flat, asic, statistic=statistic, progress=False)
    free, fixed = (fits.sel(fit=fit, row=7, column=7) for fit in ("free", "fixed"))
    assert int(free["fit_type"]) == NOT_FOUND
    assert all(np.isnan(free[name]) for name in (*PARAMETERS, "E0_err", "chi2", "p_value"))
    assert int(fixed["fit_type"]) == BAD
    assert np.isfinite([fixed["A"], fixed["A_err"], fixed["chi2"]]).all()


def test_errors_are_not_scaled_with_chi2_over_dof(
    flux: xr.Dataset, asic: lmfit.model.ModelResult, fits: xr.Dataset
) -> None:
    # Pairs of neighbours lose and gain the same number of hits: the curve stays, chi-square soars.
    hits = flux["hits"].values[:, 0, 0].copy()
    swing = np.where(np.arange(20) % 2, 1, -1) * (0.35 * hits[:20].mean()).astype(int)
    rough = with_hits(flux, 0, 0, hits + np.r_[swing, np.zeros(21, int)])
    after = fit_pixels(rough, asic, progress=False).isel(row=0, column=0)
    before = fits.isel(row=0, column=0)
    for fit in ("free", "fixed"):
        assert after["chi2"].sel(fit=fit) > 10 * before["chi2"].sel(fit=fit)
    assert after["A_err"].sel(fit="fixed") == pytest.approx(before["A_err"].sel(fit="fixed"))
    assert after["E0_err"].sel(fit="free") < 1.5 * before["E0_err"].sel(fit="free")
    result = fit_pixel(rough, 0, 0, asic=asic)
    assert after["E0_err"].sel(fit="free") == pytest.approx(result.params["E0"].stderr, rel=0.01)


def test_one_interior_zero_makes_chi2_bad_and_leaves_poisson_good() -> None:
    # Counts of a curve that the model describes perfectly, but for one threshold without hits.
    flux = flux_of(np.round(30 * threshold_curve(T, **TYPICAL))[:, None, None], np.full(41, 30.0))
    asic = asic_of_truth(flux)
    hits = flux["hits"].values[:, 0, 0].copy()
    last = np.flatnonzero(hits == 1)[-1]
    hits[last - 1] = 0
    pixel = with_hits(flux, 0, 0, hits)
    poisson = fit_pixels(pixel, asic, progress=False)
    chi2 = fit_pixels(pixel, asic, statistic="chi2", progress=False)
    assert (poisson["fit_type"] == GOOD).all()
    assert (chi2["fit_type"] == BAD).all()
    assert chi2["E0"].isnull().all()


def test_p_value_of_chi2_is_that_of_a_chi_square(asic: lmfit.model.ModelResult) -> None:
    flux = draw_flux(SIZE, exposure=5000.0)
    fits = fit_pixels(flux, asic, statistic="chi2", progress=False)
    expected = chi_square.sf(fits["chi2"], fits["dof"])
    np.testing.assert_allclose(fits["p_value"], expected)
    assert fits["p_value"].notnull().any()


def test_weak_marks_what_the_scan_cannot_determine(flux: xr.Dataset) -> None:
    bright, dim = (draw_flux(SIZE, exposure=exposure) for exposure in (5000.0, 50.0))
    asic = asic_of_truth(flux)
    subsets = [PARAMETERS, ("A",), ("A", "E0")]
    for chip, free in ((bright, 0), (dim, 1 | 2 | 4 | 8)):
        weak = fit_pixels(chip, asic, free=subsets, progress=False)["weak"]
        assert (weak.sel(fit="free") == free).all()
        assert (weak.sel(fit=["fixed", "A+E0"]) == 0).all()


def test_minimum_on_the_edge_of_the_physical_region_is_marked(
    flux: xr.Dataset, asic: lmfit.model.ModelResult
) -> None:
    fits = fit_pixels(draw_flux(SIZE, exposure=30.0), asic, progress=False).sel(fit="free")
    edge = (fits["f"] == 0) | (fits["s"] <= 1.5) | (fits["f"] == 1)
    np.testing.assert_array_equal(fits["at_limit"] == 1, edge.where(fits["f"].notnull(), False))
    assert 0 < edge.sum() < edge.size
    assert (fits["fit_type"].where(fits["f"] == 0, BAD) == BAD).all()


def test_covariance_is_symmetric_with_squared_errors_on_its_diagonal(
    flux: xr.Dataset, asic: lmfit.model.ModelResult
) -> None:
    fits = fit_pixels(flux, asic, free=[PARAMETERS, ("A", "E0")], covariance=True, progress=False)
    covariance = fits["covariance"]
    assert covariance.dims == ("fit", "row", "column", "parameter", "parameter_2")
    np.testing.assert_allclose(
        covariance, covariance.values.swapaxes(-1, -2), rtol=1e-6, equal_nan=True
    )
    for name in PARAMETERS:
        variance = covariance.sel(parameter=name, parameter_2=name).sel(fit="free")
        np.testing.assert_allclose(variance, fits[f"{name}_err"].sel(fit="free") ** 2)
    held = covariance.sel(fit="A+E0", parameter=["f", "s"])
    assert (held == 0).all()
    reference = fit_pixel(flux, 3, 3, asic=asic).covar
    np.testing.assert_allclose(covariance[0, 3, 3], reference, rtol=0.03)


def test_fits_without_covariance_do_not_carry_it(fits: xr.Dataset) -> None:
    assert "covariance" not in fits


def test_fit_of_a_pixel_without_hits_has_unknown_errors() -> None:
    """Without an amplitude there is no position: its error is not zero, it is unknown."""
    flux = with_hits(draw_flux((4, 4)), 1, 2, 0)
    result = fit_pixel(flux, 1, 2, asic=fit_asic(flux))
    assert result.params["A"].value == 0
    assert [result.params[name].stderr for name in PARAMETERS] == [None] * 4
    assert not result.errorbars
    assert profile_errors(result, ["A"])["A"][1] > 0


def test_fit_of_a_curve_without_photopeak_has_unknown_errors_where_it_is_flat() -> None:
    flux = flux_of(np.full((21, 2, 2), 100), np.full(21, 131.0))
    result = fit_asic(flux)
    unknown = [name for name in PARAMETERS if result.params[name].stderr is None]
    covariance = pd.DataFrame(result.covar, PARAMETERS, PARAMETERS)
    assert covariance.loc[unknown].isna().all(axis=None)
    assert all(result.params[name].stderr > 0 for name in set(PARAMETERS) - set(unknown))


def test_describe_fits_tells_which_fit_is_good_nowhere(fits: xr.Dataset) -> None:
    numbers = (fits["fit_type"] == GOOD).sum(("row", "column")).to_series()
    text = f"Good fits of 256 active pixels: free {numbers['free']}, fixed {numbers['fixed']}."
    assert describe_fits(fits) == text
    bad = fits.assign(fit_type=fits["fit_type"].where(fits["fit"] == "free", BAD))
    first, second = describe_fits(bad).splitlines()
    assert first.endswith("fixed 0.")
    assert second == "No pixel has a good fit (fixed): what rests on it is unknown."


@pytest.mark.parametrize("names", [["f", "A", "s", "E0"], ["A"], ["A", "E0"], ["E0", "s"]])
def test_free_parameters_are_read_from_the_name_of_a_fit(names: list[str]) -> None:
    (fit,) = named_fits(names)
    assert set(free_parameters(fit)) == set(names)
