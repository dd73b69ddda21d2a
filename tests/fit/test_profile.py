"""Asymmetric errors from the profile likelihood."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from toys import PARAMETERS, TYPICAL, asic_of_truth, draw_flux, thresholds

from velonb import fit_asic, fit_pixel, profile_errors, threshold_curve
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


def test_interval_covers_the_truth_in_68_percent_of_toys() -> None:
    toys = 200
    flux = draw_flux((1, toys), exposure=30.0, seed=54)
    asic = asic_of_truth(flux)
    covered = 0
    for column in range(toys):
        result = fit_pixel(flux, 0, column, asic=asic, free=("E0",))
        below, above = profile_errors(result, ["E0"])["E0"]
        covered += -below <= TYPICAL["E0"] - result.params["E0"].value <= above
    # Four standard deviations of a binomial: false alarms 6e-5 each.
    assert covered / toys == pytest.approx(0.683, abs=4 * np.sqrt(0.683 * 0.317 / toys))


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
