"""What differs between pixels, by how much, and in which pattern."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import norm
from toys import BASELINE, PARAMETERS, TYPICAL, asic_of_truth, draw_flux

from velonb import (
    average_curve,
    compare_spreads,
    find_patterns,
    fit_asic,
    fit_pixels,
    profile_along,
    threshold_curve,
)
from velonb.interpret.spreads import good_values

SIZE = (128, 128)
ROW, COLUMN = np.mgrid[: SIZE[0], : SIZE[1]]
ERRORS = {"f": 1e-4, "A": 0.5, "s": 0.5, "E0": 3.0}


def maps_of(seed: int = 1, **truth: np.ndarray) -> xr.Dataset:
    """Good fits that scatter around the truth by their errors: nothing is minimised."""
    rng = np.random.default_rng(seed)
    dims, size = ("fit", "row", "column"), (1, *SIZE)
    fits = xr.Dataset(coords={"fit": ["free"], "row": range(SIZE[0]), "column": range(SIZE[1])})
    for name in PARAMETERS:
        error = ERRORS[name] * rng.uniform(0.7, 1.5, size)
        fits[name] = dims, rng.normal(truth.get(name, TYPICAL[name]), error)
        fits[f"{name}_err"] = dims, error
    fits["fit_type"] = dims, np.ones(size, np.int8)
    fits["at_limit"] = dims, np.zeros(size, np.int8)
    return fits


def spread_E0(spread: float, seed: int = 2) -> np.ndarray:
    return TYPICAL["E0"] + np.random.default_rng(seed).normal(0, spread, SIZE)


def test_good_values_are_those_of_good_fits_inside_the_physical_region() -> None:
    fits = maps_of()
    fits["fit_type"][0, 0, :3] = [0, -1, -2]
    fits["at_limit"][0, 1, 1] = 1
    value, error = good_values(fits, "E0", "free")
    unknown = np.zeros(SIZE, bool)
    unknown[0, :3] = unknown[1, 1] = True
    np.testing.assert_array_equal(value.isnull(), unknown)
    np.testing.assert_array_equal(error.isnull(), unknown)


def test_unknown_fit_and_parameter_are_refused() -> None:
    fits = maps_of()
    with pytest.raises(ValueError, match="fit is 'fixed'; it must be one of free"):
        compare_spreads(fits, "fixed")
    with pytest.raises(ValueError, match="parameter is 'B'; it must be one of f, A, s, E0"):
        find_patterns(fits, "B")


@pytest.mark.parametrize("spread", [2.0, 6.0, 20.0])
def test_spread_of_E0_is_recovered_within_its_error(spread: float) -> None:
    table = compare_spreads(maps_of(E0=spread_E0(spread)))
    row = table.loc["E0"]
    # Five standard deviations, one of them for the draw of the truth itself.
    allowed = 5 * np.hypot(row["intrinsic_err"], spread / np.sqrt(2 * ROW.size))
    assert row["intrinsic"] == pytest.approx(spread, abs=allowed)
    assert row["mean"] == pytest.approx(TYPICAL["E0"], abs=5 * row["mean_err"])
    assert row["median"] == pytest.approx(TYPICAL["E0"], abs=5 * 1.26 * row["mean_err"])
    assert row["spread"] == pytest.approx(np.hypot(spread, 3.4), rel=0.05)
    assert row["error"] == pytest.approx(3.3, rel=0.02)
    assert row["pixels"] == ROW.size


def test_error_of_the_spread_is_its_scatter_over_chips() -> None:
    rows = [compare_spreads(maps_of(seed, E0=spread_E0(3, seed))).loc["E0"] for seed in range(60)]
    scatter = np.std([row["intrinsic"] for row in rows])
    # The scatter of 60 is known to 9 %: four standard deviations.
    assert scatter == pytest.approx(np.mean([row["intrinsic_err"] for row in rows]), rel=0.36)


def test_spread_of_equal_pixels_is_compatible_with_zero() -> None:
    table = compare_spreads(maps_of())
    # The square of the spread scatters about zero: below zero it is 0.
    assert (table["intrinsic"] < 3 * table["intrinsic_err"]).all()
    assert (table["intrinsic"] < 0.3 * table["error"]).all()


def test_compare_spreads_leaves_out_what_was_held() -> None:
    flux = draw_flux((8, 8))
    fits = fit_pixels(flux, asic_of_truth(flux), free=("A", "E0"), progress=False)
    assert compare_spreads(fits, "A+E0").index.tolist() == ["A", "E0"]


def test_spread_of_fitted_toys_is_that_put_in() -> None:
    E0 = spread_E0(6.0)
    flux = draw_flux(SIZE, truth=TYPICAL | {"E0": E0}, exposure=131.0)
    fits = fit_pixels(flux, asic_of_truth(flux), free=("A", "E0"), progress=False)
    row = compare_spreads(fits, "A+E0").loc["E0"]
    assert row["intrinsic"] == pytest.approx(E0.std(), rel=0.03)


@pytest.mark.parametrize(("axis", "other"), [("row", "column"), ("column", "row")])
def test_profile_along_an_axis_is_the_mean_over_the_other(axis: str, other: str) -> None:
    step = np.where(np.arange(128) < 50, 0.0, 10.0)
    E0 = TYPICAL["E0"] + (step[:, None] if axis == "row" else step[None, :]) * np.ones(SIZE)
    mean, error = profile_along(maps_of(E0=E0), "E0", axis)
    assert mean.dims == error.dims == (axis,)
    # 128 pulls: none beyond five standard deviations.
    assert (abs(mean - TYPICAL["E0"] - step) < 5 * error).all()


def test_profile_errors_are_the_scatter_of_the_means() -> None:
    mean, error = profile_along(maps_of(E0=spread_E0(6.0)), "E0", "row")
    pulls = (mean - TYPICAL["E0"]) / error
    # The width of 128 pulls is known to 6 %: four standard deviations.
    assert float(pulls.std()) == pytest.approx(1, abs=0.25)


def test_profile_of_a_row_without_good_pixels_is_unknown() -> None:
    fits = maps_of()
    fits["fit_type"][0, 3, :] = 0
    mean, error = profile_along(fits, "E0", "row")
    assert np.flatnonzero(mean.isnull()).tolist() == [3]
    assert np.flatnonzero(error.isnull()).tolist() == [3]


def test_profile_along_unknown_axis_is_refused() -> None:
    with pytest.raises(ValueError, match="axis is 'diagonal'; it must be row or column"):
        profile_along(maps_of(), "E0", "diagonal")


def assert_found(patterns: pd.DataFrame, name: str, size: float) -> None:
    found = patterns.loc[name]
    # Five standard deviations.
    assert found["size"] == pytest.approx(size, abs=5 * found["error"])
    assert found["significance"] == pytest.approx(found["size"] / found["error"])
    assert abs(found["significance"]) > 5


def test_patterns_put_in_are_found_with_their_size() -> None:
    E0 = spread_E0(6.0)
    E0 += 6.0 * (ROW % 16 == 15) + 3.0 * (COLUMN % 2 == 0)
    E0 += 8.0 * (ROW / 127 - 0.5) - 5.0 * (COLUMN / 127 - 0.5)
    patterns = find_patterns(maps_of(E0=E0))
    assert len(patterns) == 4
    assert_found(patterns, "gradient along rows", 8.0)
    assert_found(patterns, "gradient along columns", -5.0)
    assert_found(patterns, "rows 15, 31, 47 ...", 6.0)
    parity = patterns.index[patterns.index.str.startswith("columns")].item()
    assert_found(patterns, parity, {"0": 3.0, "1": -3.0}[parity.split()[1].strip(",")])
    explained = patterns["explains"]
    variance = np.var(E0) + np.mean((3.0 * np.random.default_rng(1).uniform(0.7, 1.5, 10_000)) ** 2)
    assert explained["rows 15, 31, 47 ..."] == pytest.approx(36 * 15 / 256 / variance, rel=0.2)
    assert explained[parity] == pytest.approx(9 / 4 / variance, rel=0.2)


def test_errors_of_patterns_are_their_scatter_over_chips() -> None:
    sizes, errors = [], []
    for seed in range(40):
        row = find_patterns(maps_of(seed, E0=spread_E0(4.0, seed))).loc["gradient along rows"]
        sizes.append(row["size"])
        errors.append(row["error"])
    # The scatter of 40 is known to 11 %: four standard deviations.
    assert np.std(sizes) == pytest.approx(np.mean(errors), rel=0.45)
    assert abs(np.mean(sizes)) < 4 * np.mean(errors) / np.sqrt(40)


@pytest.mark.parametrize("parameter", ["f", "A", "s", "E0"])
def test_no_pattern_is_found_in_noise(parameter: str) -> None:
    # 62 combs on each of two axes at five standard deviations: false alarms 7e-5 in each chip.
    for seed in range(5):
        patterns = find_patterns(maps_of(100 + seed, E0=spread_E0(6.0, seed)), parameter)
        assert patterns.index.tolist() == ["gradient along rows", "gradient along columns"]
        assert (abs(patterns["significance"]) < 5).all()


def test_patterns_survive_masked_rows_and_unfitted_pixels() -> None:
    E0 = spread_E0(6.0) + 6.0 * (ROW % 16 == 15)
    fits = maps_of(E0=E0)
    fits["fit_type"][0, 40:44] = -2
    fits["fit_type"].values[0, np.random.default_rng(3).random(SIZE) < 0.3] = 0
    assert_found(find_patterns(fits), "rows 15, 31, 47 ...", 6.0)


def test_compare_spreads_of_a_chip_without_good_fits_is_unknown() -> None:
    fits = maps_of()
    fits["fit_type"][:] = 0
    table = compare_spreads(fits)
    assert table.index.tolist() == ["f", "A", "s", "E0"]
    assert (table["pixels"] == 0).all()
    assert table.drop(columns="pixels").isna().all(axis=None)


def test_compare_spreads_of_one_pixel_has_its_value_and_no_spread() -> None:
    fits = maps_of()
    fits["fit_type"][:] = 0
    fits["fit_type"][0, 3, 4] = 1
    row = compare_spreads(fits).loc["E0"]
    assert row["mean"] == row["median"] == fits["E0"][0, 3, 4]
    assert row["mean_err"] == fits["E0_err"][0, 3, 4]
    assert np.isnan(row["intrinsic"])


def test_profile_along_of_one_pixel_is_its_value() -> None:
    fits = maps_of()
    fits["fit_type"][:] = 0
    fits["fit_type"][0, 3, 4] = 1
    mean, error = profile_along(fits, "E0", "row")
    expected = float(fits["E0"][0, 3, 4]), float(fits["E0_err"][0, 3, 4])
    assert (float(mean[3]), float(error[3])) == pytest.approx(expected, rel=1e-12)
    assert mean.notnull().sum() == 1


@pytest.mark.parametrize("good", [0, 1, 9])
def test_patterns_of_hardly_any_pixel_are_none(good: int) -> None:
    fits = maps_of()
    fits["fit_type"].values.reshape(-1)[good:] = 0
    patterns = find_patterns(fits)
    assert patterns.empty
    assert patterns["explains"].sum() == 0


def test_patterns_of_a_few_rows_have_finite_sizes() -> None:
    fits = maps_of(E0=spread_E0(6.0))
    fits["fit_type"][0, 3:] = 0
    assert np.isfinite(find_patterns(fits)).all(axis=None)


CURVES = [("velo", None), ("consistent", None), ("fe55", BASELINE)]


@pytest.mark.parametrize(("shape", "baseline"), CURVES)
def test_average_curve_is_the_mean_of_many_curves(shape: str, baseline: float | None) -> None:
    t = np.linspace(1480, 1600, 25)
    quantile = (np.arange(20_000) + 0.5) / 20_000
    E0 = norm.ppf(quantile, TYPICAL["E0"], 6.0)
    options = {"shape": shape, "baseline": baseline}
    curves = threshold_curve(t[:, None], **TYPICAL | {"E0": E0}, **options)
    average = average_curve(t, **TYPICAL, spread=6.0, **options)
    np.testing.assert_allclose(average, curves.mean(axis=1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("shape", "baseline"), CURVES)
def test_average_curve_without_spread_is_the_curve(shape: str, baseline: float | None) -> None:
    t = np.linspace(1480, 1600, 25)
    options = {"shape": shape, "baseline": baseline}
    average = average_curve(t, **TYPICAL, spread=0.0, **options)
    np.testing.assert_allclose(average, threshold_curve(t, **TYPICAL, **options), rtol=1e-12)


def test_fit_of_the_asic_has_the_blur_of_the_spread_and_does_not_fit() -> None:
    E0 = spread_E0(10.0)
    flux = draw_flux(SIZE, truth=TYPICAL | {"E0": E0}, exposure=2000.0)
    asic = fit_asic(flux)
    expected = average_curve(flux["threshold"], **TYPICAL | {"E0": E0.mean()}, spread=E0.std())
    expected *= 2000 * ROW.size
    hits = flux["asic_flux"].values * 2000
    assert asic.params["s"].value == pytest.approx(np.hypot(12, 10), rel=0.15)
    assert asic.redchi > 50
    # What 16,384 draws lack to a normal distribution adds to Poisson's scatter.
    assert np.mean((hits - expected) ** 2 / expected) < 0.1 * asic.redchi
