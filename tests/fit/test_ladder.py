"""What a pixel needs."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import chi2 as chi_square
from toys import TYPICAL, asic_of_truth, draw_flux, with_hits

from velonb import fit_ladder, fit_pixels, what_pixels_need
from velonb.fit.ladder import NAMES, RUNGS, discoveries

SIZE = (50, 60)
SHIFTED = (slice(0, 50), slice(0, 6))


def moved(name: str, by: float) -> xr.Dataset:
    values = np.full(SIZE, TYPICAL[name])
    values[SHIFTED] += by
    flux = draw_flux(SIZE, exposure=1000.0, truth=TYPICAL | {name: values}, seed=41)
    return fit_ladder(flux, asic_of_truth(flux), progress=False)


@pytest.fixture(scope="module")
def alike() -> xr.Dataset:
    flux = draw_flux(SIZE, seed=42)
    return fit_ladder(flux, asic_of_truth(flux), progress=False)


def test_pixels_like_the_asic_need_no_more_than_A(alike: xr.Dataset) -> None:
    # With nothing to be found, each of the four tests makes any discovery with probability 0.05:
    # at most one or two pixels of 3000.
    assert (alike["needs"] == 0).mean() > 0.998


def test_every_pixel_with_other_E0_is_found_and_few_others() -> None:
    needs = moved("E0", 6.0)["needs"].values
    shifted = np.zeros(SIZE, bool)
    shifted[SHIFTED] = True
    assert (needs[shifted] >= 1).mean() > 0.99
    assert (needs[shifted] == 1).mean() > 0.85
    taken = needs > 0
    # The false discovery rate is controlled on average: 300 right ones allow 15 wrong ones for
    # each of the tests; 30 is out of reach.
    assert np.sum(taken & ~shifted) < 30


def test_pixels_with_other_s_need_s() -> None:
    ladder = moved("s", 6.0)
    shifted = ladder["needs"].values[SHIFTED]
    assert (shifted >= 2).mean() > 0.9


def test_pixels_with_other_f_need_more_than_A_and_E0() -> None:
    shifted = moved("f", 3e-3)["needs"].values[SHIFTED]
    assert (shifted >= 1).mean() > 0.9
    assert (shifted == 3).mean() > 0.3


def test_false_discoveries_stay_below_the_rate_on_average() -> None:
    wrong = []
    values = np.full((20, 60), TYPICAL["E0"])
    values[:, :12] += 3.0
    for seed in range(15):
        flux = draw_flux((20, 60), truth=TYPICAL | {"E0": values}, seed=seed)
        fits = fit_pixels(flux, asic_of_truth(flux), free=RUNGS, progress=False)
        step = what_pixels_need(fits, q=0.2)["step_p_value"].sel(step="A+E0").values
        taken = discoveries(step, 0.2)
        wrong.append(taken[:, 12:].sum() / max(taken.sum(), 1))
    # Expected 0.2 * 0.8; the mean of 15 is known to about 0.01.
    assert 0.10 < np.mean(wrong) < 0.2


def test_pixel_that_no_curve_describes_needs_more() -> None:
    flux = draw_flux(SIZE, seed=43)
    counts = flux["hits"].values[:, 7, 8] * np.where(np.arange(41) % 2, 0.5, 1.5)
    bumpy = with_hits(flux, 7, 8, counts)
    needs = fit_ladder(bumpy, asic_of_truth(flux), progress=False)["needs"]
    assert needs[7, 8] == 4


def test_pixel_without_a_free_fit_is_undetermined() -> None:
    mask = np.zeros(SIZE, bool)
    mask[1, 2] = True
    flux = with_hits(draw_flux(SIZE, mask=mask, seed=44), 3, 4, 0)
    ladder = fit_ladder(flux, asic_of_truth(flux), progress=False)
    assert ladder["needs"][1, 2] == ladder["needs"][3, 4] == -1
    assert ladder["step_p_value"][:, 1, 2].isnull().all()
    assert (ladder["needs"] == -1).sum() == (ladder["fit_type"].sel(fit="free") < 0).sum()


def test_step_p_value_is_that_of_wilks(alike: xr.Dataset) -> None:
    assert alike["step_p_value"]["step"].values.tolist() == list(NAMES[1:])
    for lower, upper in pairwise(NAMES):
        fall = alike["chi2"].sel(fit=lower) - alike["chi2"].sel(fit=upper)
        assert (fall > -1e-3).mean() > 0.999
        expected = chi_square.sf(np.maximum(fall, 0), 1)
        np.testing.assert_allclose(alike["step_p_value"].sel(step=upper), expected)


@pytest.mark.parametrize("step", NAMES[1:])
def test_step_p_values_of_needless_steps_are_uniform(step: str) -> None:
    flux = draw_flux((100, 100), exposure=1000.0, seed=45)
    ladder = fit_ladder(flux, asic_of_truth(flux), progress=False)
    p_value = ladder["step_p_value"].sel(step=step).values
    # 0.9 %: four standard deviations of 10,000 toys, false alarms 6e-5 each.
    assert np.mean(p_value < 0.05) == pytest.approx(0.05, abs=0.009)


def test_error_of_E0_is_smaller_where_less_is_free(alike: xr.Dataset) -> None:
    error = alike["E0_err"].median(("row", "column"))
    assert float(error.sel(fit="free")) == pytest.approx(3.6, rel=0.1)
    assert float(error.sel(fit="A+E0")) == pytest.approx(1.1, rel=0.1)


def test_ladder_is_the_four_fits_with_the_needs(alike: xr.Dataset) -> None:
    assert alike["fit"].values.tolist() == list(NAMES)
    assert alike["needs"].dims == ("row", "column")
    assert alike["needs"].dtype == np.int8
    assert alike["needs"].attrs["flag_meanings"].split() == [
        "undetermined", "A", "A+E0", "A+E0+s", "free", "more",
    ]  # fmt: skip
    assert alike["needs"].attrs["flag_values"].tolist() == [-1, 0, 1, 2, 3, 4]
    assert alike.attrs["shape"] == "velo"


@pytest.mark.parametrize("exposure", [13.0, 26.0])
def test_statistic_never_rises_with_a_parameter_more(exposure: float) -> None:
    # So few hits that a likelihood has several minima in one pixel of a hundred.
    flux = draw_flux((128, 256), exposure=exposure, seed=46)
    subsets = [("A", "E0", "s"), ("f", "A"), ("A",), ("f", "A", "s", "E0"), ("A", "E0")]
    fits = fit_pixels(flux, asic_of_truth(flux), free=subsets, progress=False)
    statistic = {frozenset(names): fits["chi2"][k].values for k, names in enumerate(subsets)}
    for lower, upper in permutations(statistic, 2):
        if lower < upper:
            assert np.nanmax(statistic[upper] - statistic[lower]) < 1e-6
            assert np.isfinite(statistic[upper][np.isfinite(statistic[lower])]).all()


def test_missing_rung_is_refused(alike: xr.Dataset) -> None:
    with pytest.raises(ValueError, match=r"fits lack A\+E0, A\+E0\+s; make them with fit_ladder"):
        what_pixels_need(alike.sel(fit=["fixed", "free"]))


@pytest.mark.parametrize("q", [0, 1, -0.1, np.nan])
def test_rate_outside_zero_to_one_is_refused(alike: xr.Dataset, q: float) -> None:
    with pytest.raises(ValueError, match=f"q is {q}; a false discovery rate lies between 0 and 1"):
        what_pixels_need(alike, q=q)


def test_more_is_needed_with_a_laxer_rate() -> None:
    ladder = moved("E0", 2.0)
    strict, lax = ((what_pixels_need(ladder, q=q)["needs"] > 0).sum() for q in (0.001, 0.2))
    assert strict < lax


def test_discoveries_follow_benjamini_and_hochberg() -> None:
    p_value = np.array([0.001, 0.6, 0.012, 0.2, np.nan, 0.02])
    # Sorted: 0.001 <= 1/5 q, 0.012 <= 2/5 q, 0.02 <= 3/5 q with q = 0.05; 0.2 > 4/5 q.
    np.testing.assert_array_equal(
        discoveries(p_value, 0.05), [True, False, True, False, False, True]
    )
    assert not discoveries(np.full(3, np.nan), 0.05).any()
