"""Asymmetric errors from the profile likelihood."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import minimize
from toys import PARAMETERS, TYPICAL, asic_of_truth, draw_flux, thresholds

from velonb import (
    fit_asic,
    fit_ladder,
    fit_pixel,
    fit_pixels,
    profile_errors,
    profile_pixels,
    threshold_curve,
)
from velonb.statistics import likelihood_chi_square


def test_many_hits_give_the_symmetric_errors() -> None:
    flux = draw_flux((1, 1), exposure=1e7)
    result = fit_pixel(flux, 0, 0)
    for name, (below, above) in profile_errors(result).items():
        assert below == pytest.approx(result.params[name].stderr, rel=0.01)
        assert above == pytest.approx(result.params[name].stderr, rel=0.01)


@pytest.mark.parametrize("free", [("A",), ("A", "E0"), PARAMETERS])
def test_statistic_minimised_over_the_others_has_risen_by_one(free: tuple[str, ...]) -> None:
    flux = draw_flux((1, 1), exposure=400.0, seed=52)
    hits, t = flux["hits"].values[:, 0, 0], thresholds()
    result = fit_pixel(flux, 0, 0, free=free, p0=TYPICAL)
    scale = np.array([TYPICAL[name] for name in PARAMETERS])
    held = [name not in free for name in PARAMETERS]

    def lowest(name: str, value: float) -> float:
        fixed = np.array(held)
        fixed[PARAMETERS.index(name)] = True
        x = np.array([result.params[n].value for n in PARAMETERS])
        x[PARAMETERS.index(name)] = value

        def statistic(rest: np.ndarray) -> float:
            y = x.copy()
            y[~fixed] = rest * scale[~fixed]
            if y[0] < 0 or y[2] < 1.5:
                return np.inf
            return likelihood_chi_square(hits, 400 * threshold_curve(t, *y)).sum()

        if fixed.all():
            return statistic(np.array([]))
        rest = x[~fixed] / scale[~fixed]
        for _ in range(3):
            best = minimize(
                statistic, rest, method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-8}
            )
            rest = best.x
        return best.fun

    for name, (below, above) in profile_errors(result).items():
        best = result.params[name].value
        for end in (best - below, best + above):
            assert lowest(name, end) == pytest.approx(result.chisqr + 1, abs=0.01)


def test_errors_are_asymmetric_where_the_scan_does_not_determine_the_parameter() -> None:
    flux = draw_flux((1, 1), exposure=131.0, seed=53)
    below, above = profile_errors(fit_pixel(flux, 0, 0), ["A"])["A"]
    assert 0 < below < 0.8 * above


# With fewer hits than in the last two the free fit's likelihood ratio itself is wider than a
# chi-square: 66.5 % at 131 s and 41 thresholds, for the true minimum of every toy.
@pytest.mark.parametrize(
    ("exposure", "number", "parameter", "fit"),
    [
        (30.0, 41, "E0", "A+E0"),
        (131.0, 41, "A", "fixed"),
        (262.0, 61, "E0", "free"),
        (1000.0, 41, "s", "free"),
    ],
)
def test_interval_covers_the_truth_in_68_percent_of_toys(
    exposure: float, number: int, parameter: str, fit: str
) -> None:
    flux = draw_flux((160, 160), exposure=exposure, number=number, seed=54)
    fits = fit_ladder(flux, asic_of_truth(flux), progress=False)
    ends = profile_pixels(flux, fits, parameter, fit=fit, progress=False)
    distance = TYPICAL[parameter] - fits[parameter].sel(fit=fit)
    covered = (-ends[f"{parameter}_below"] <= distance) & (distance <= ends[f"{parameter}_above"])
    # 25,600 toys know the rate to 0.3 %: 1.2 % is four standard deviations.
    assert float(covered.mean()) == pytest.approx(0.683, abs=0.012)


@pytest.mark.parametrize("shape", ["velo", "fe55"])
@pytest.mark.parametrize("fit", ["fixed", "A+E0", "free"])
def test_profile_of_a_chip_is_that_of_each_pixel(shape: str, fit: str) -> None:
    flux = draw_flux((4, 5), exposure=131.0, shape=shape, seed=56)
    asic = asic_of_truth(flux, shape)
    fits = fit_ladder(flux, asic, progress=False)
    names = {"fixed": ("A",), "A+E0": ("A", "E0"), "free": PARAMETERS}[fit]
    for parameter in names:
        ends = profile_pixels(flux, fits, parameter, fit=fit, progress=False)
        for row, column in [(0, 0), (1, 3), (3, 4)]:
            result = fit_pixel(flux, row, column, asic=asic, free=names)
            pixel = ends.isel(row=row, column=column)
            found = tuple(float(pixel[f"{parameter}_{side}"]) for side in ("below", "above"))
            expected = profile_errors(result, [parameter])[parameter]
            assert found == pytest.approx(expected, rel=2e-3)


def test_profile_of_chi2_rises_by_one_as_well() -> None:
    flux = draw_flux((3, 3), exposure=1e6, seed=57).isel(threshold=slice(0, 36))
    asic = asic_of_truth(flux)
    fits = fit_pixels(flux, asic, statistic="chi2", progress=False)
    ends = profile_pixels(flux, fits, "E0", progress=False)
    result = fit_pixel(flux, 1, 1, asic=asic, statistic="chi2")
    below, above = profile_errors(result, ["E0"])["E0"]
    assert below == pytest.approx(result.params["E0"].stderr, rel=0.01)
    assert above == pytest.approx(result.params["E0"].stderr, rel=0.01)
    assert float(ends["E0_above"][1, 1]) == pytest.approx(above, rel=2e-3)


def test_every_pixel_with_a_fit_has_ends_on_few_hits() -> None:
    flux = draw_flux((40, 50), exposure=5.0, seed=58)
    fits = fit_pixels(flux, asic_of_truth(flux), progress=False, nohits_cut=1.0)
    free = fits.sel(fit="free")
    for parameter in PARAMETERS:
        ends = profile_pixels(flux, fits, parameter, progress=False)
        for side in ("below", "above"):
            values = ends[f"{parameter}_{side}"]
            assert (values.isnull() == (free["fit_type"] < 0)).all()
            assert (values.where(free["fit_type"] >= 0, 1) >= 0).all()


def test_profile_does_not_depend_on_the_number_of_threads() -> None:
    flux = draw_flux((64, 80), seed=59)
    fits = fit_pixels(flux, asic_of_truth(flux), progress=False)
    one, two = (profile_pixels(flux, fits, "s", threads=n, progress=False) for n in (1, 2))
    xr.testing.assert_identical(one, two)


def test_profile_of_a_chip_says_what_it_is() -> None:
    flux = draw_flux((2, 3), mask=np.array([[True, False, False], [False] * 3]), seed=60)
    fits = fit_pixels(flux, asic_of_truth(flux), progress=False)
    ends = profile_pixels(flux, fits, "E0", progress=False)
    assert list(ends) == ["E0_below", "E0_above"]
    assert ends["E0_below"].dims == ("row", "column")
    assert ends["E0_below"].attrs["units"] == "DAC"
    assert "below E0" in ends["E0_below"].attrs["long_name"]
    assert ends["E0_above"].isnull().values.tolist() == flux["mask"].values.tolist()


@pytest.mark.parametrize(
    ("parameter", "fit", "message"),
    [
        ("s", "fixed", "parameter 's' is not free in the fit fixed; free are A"),
        ("E", "free", "parameter 'E' is not free in the fit free; free are f, A, s, E0"),
        ("s", "best", "fit is 'best'; fits hold free, fixed"),
    ],
)
def test_profile_of_what_is_not_there_is_refused(parameter: str, fit: str, message: str) -> None:
    flux = draw_flux((2, 2))
    fits = fit_pixels(flux, asic_of_truth(flux), progress=False)
    with pytest.raises(ValueError, match=message):
        profile_pixels(flux, fits, parameter, fit=fit, progress=False)


def test_profile_of_another_chip_is_refused() -> None:
    flux = draw_flux((2, 2))
    fits = fit_pixels(flux, asic_of_truth(flux), progress=False)
    with pytest.raises(ValueError, match=r"flux has \(3, 2\) rows and columns, fits have \(2, 2\)"):
        profile_pixels(draw_flux((3, 2)), fits, "E0", progress=False)


def test_limit_is_infinite_where_the_statistic_does_not_rise_by_one() -> None:
    # Without a continuum, f = 0 describes the pixel as well as any small f.
    flux = draw_flux((1, 1), exposure=60.0, truth=TYPICAL | {"f": 1e-5}, seed=55)
    below, above = profile_errors(fit_pixel(flux, 0, 0), ["f"])["f"]
    assert below == np.inf
    assert 0 < above < 0.1


def test_profile_errors_of_the_asic() -> None:
    asic = fit_asic(draw_flux((16, 16), exposure=1000.0))
    below, above = profile_errors(asic, ["E0"])["E0"]
    assert below == pytest.approx(asic.params["E0"].stderr, rel=0.05)
    assert above == pytest.approx(asic.params["E0"].stderr, rel=0.05)


def test_profile_errors_leave_the_fit_alone() -> None:
    result = fit_pixel(draw_flux((1, 1), exposure=1000.0), 0, 0)
    before = result.params.valuesdict(), result.chisqr
    profile_errors(result, ["E0"])
    assert (result.params.valuesdict(), result.chisqr) == before
    assert result.params["E0"].vary


def test_parameter_that_is_held_is_refused() -> None:
    flux = draw_flux((1, 1))
    result = fit_pixel(flux, 0, 0, free=("A", "E0"), p0=TYPICAL)
    with pytest.raises(ValueError, match=r"\['s'\] are not free in this fit; free are .*A"):
        profile_errors(result, ["E0", "s"])
