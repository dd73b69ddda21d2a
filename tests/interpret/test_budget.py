"""Why E0 differs: the shares of its variance, on chips whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from known_chips import draw_fits, draw_photons

import velonb as vb

CHIPS = {
    "gain": {"baseline_spread": 0.0, "gain_spread": 0.04},
    "baseline": {"baseline_spread": 5.0, "gain_spread": 0.0},
    "both": {"baseline_spread": 5.0, "gain_spread": 0.04},
    "none": {"baseline_spread": 0.0, "gain_spread": 0.0},
}


@pytest.mark.parametrize("name", CHIPS)
@pytest.mark.parametrize("known", [True, False], ids=["error known", "error unknown"])
def test_shares_are_those_of_the_truth(name, known) -> None:
    fits, truth = draw_fits(**CHIPS[name])
    budget = vb.explain_spread(fits if known else fits.drop_vars("baseline_err"))
    total = float(fits.E0.var())
    shares = {
        "baseline": truth.baseline.var(),
        "gain": (5895 / 3.65 / truth.gain).var(),
        "fit error": 1.5**2,
        "baseline error": 1.0,
    }
    for row, variance in shares.items():
        assert budget.share[row] == pytest.approx(float(variance) / total, abs=0.03)
        if row in ("baseline", "gain"):
            away = budget.variance[row] - float(variance)
            assert abs(away) < 4 * budget.variance_err[row] + 0.01 * float(variance)
    assert budget.variance["total"] == pytest.approx(total, rel=1e-3)
    parts = ["baseline", "gain", "covariance", "fit error"]
    assert np.nansum(budget.share[parts]) == pytest.approx(1)
    assert abs(budget.half_1["gain"] - budget.half_2["gain"]) < 0.05
    assert ("independent" in budget.attrs["notes"]) is not known
    assert budget.loc["covariance"].isna().all() == (not known)


@pytest.mark.parametrize("correlation", [-0.5, 0.5])
def test_covariance_of_gain_and_baseline_is_found(correlation) -> None:
    fits, truth = draw_fits(correlation=correlation, gain_spread=0.04)
    budget = vb.explain_spread(fits)
    charge = 5895 / 3.65 / truth.gain
    true = 2 * float(np.cov(truth.baseline.values.ravel(), charge.values.ravel())[0, 1])
    assert abs(budget.variance["covariance"] - true) < 4 * budget.variance_err["covariance"]
    assert np.sign(budget.DAC["covariance"]) == np.sign(correlation)


def test_slope_and_correlation_are_without_the_errors() -> None:
    fits, truth = draw_fits(baseline_error=3.0, gain_spread=0.02)
    attrs = vb.explain_spread(fits).attrs
    assert abs(attrs["slope"] - 1) < 4 * attrs["slope_err"]
    true = np.corrcoef(truth.baseline.values.ravel(), truth.E0.values.ravel())[0, 1]
    assert abs(attrs["correlation"] - true) < 4 * attrs["correlation_err"]
    plain = np.polyfit(fits.baseline.values.ravel(), fits.E0.values.ravel(), 1)[0]
    assert plain < 0.8


def test_shares_in_electrons_follow_the_gain() -> None:
    fits, truth = draw_fits()
    budget = vb.explain_spread(fits)
    assert budget.attrs["gain"] == pytest.approx(float(truth.gain.median()), rel=1e-3)
    np.testing.assert_allclose(budget.electrons, budget.DAC * budget.attrs["gain"])
    assert (budget.floor[["baseline", "gain", "covariance"]] > 0.1).all()


def test_light_is_removed_before_A_is_read() -> None:
    fits, _ = draw_fits()
    rows, columns = np.mgrid[:128, :256]
    tilt = (rows / 128 - 0.5) * 6
    spot = 1 + 0.8 * np.exp(-0.5 * ((rows - 128) ** 2 + (columns - 120) ** 2) / 70**2)
    bright = fits.assign(A=fits.A * spot, E0=fits.E0 + tilt)
    attrs = vb.explain_spread(bright, 1430.0).attrs
    assert abs(attrs["correlation_with_A"]) < 4 * attrs["correlation_with_A_err"] + 0.02
    assert abs(np.corrcoef(bright.A.values.ravel(), bright.E0.values.ravel())[0, 1]) > 0.1


def test_errors_of_A_and_E0_that_go_together_are_no_correlation() -> None:
    fits, _ = draw_fits(E0_err=4.0)
    error = (fits.E0 - fits.E0.mean()) / fits.E0.std() * 0.05
    together = fits.assign(A=fits.A + error)
    assert vb.explain_spread(together).attrs["correlation_with_A"] > 0.02
    both = float((error * fits.E0).mean() - error.mean() * fits.E0.mean())
    together["covariance"] = fits.covariance.copy(data=fits.covariance.values.copy())
    together["covariance"].values[..., 1, 3] = both
    attrs = vb.explain_spread(together).attrs
    assert abs(attrs["correlation_with_A"]) < 4 * attrs["correlation_with_A_err"]
    bare = vb.explain_spread(fits.drop_vars("covariance")).attrs
    assert np.isnan(bare["correlation_with_A"])


def test_far_pixels_do_not_rule_the_variance() -> None:
    fits, _ = draw_fits()
    before = vb.explain_spread(fits)
    fits["E0"][0, ::16, ::32] += 200
    after = vb.explain_spread(fits)
    assert after.attrs["far"] - before.attrs["far"] >= 64 - 1
    assert after.variance["gain"] == pytest.approx(before.variance["gain"], abs=0.3)


def test_no_baseline_still_tells_spread_and_error() -> None:
    fits, _ = draw_fits()
    with pytest.warns(UserWarning, match="no baseline: what is counted in electrons is unknown"):
        budget = vb.explain_spread(fits.drop_vars(["baseline", "baseline_err"]))
    assert budget.share["fit error"] == pytest.approx(1.5**2 / float(fits.E0.var()), rel=0.02)
    assert budget.loc[["baseline", "gain", "covariance"], "variance"].isna().all()
    assert "no baseline" in budget.attrs["notes"]


def test_no_good_pixel_gives_an_unknown_budget() -> None:
    fits, _ = draw_fits((16, 16))
    budget = vb.explain_spread(fits.assign(fit_type=0 * fits.fit_type))
    assert budget.variance.isna().all()
    assert budget.attrs["pixels"] == 0


def test_residual_map_is_what_does_not_follow_the_baseline() -> None:
    fits, _ = draw_fits((16, 32))
    expected = (fits.E0 - fits.baseline).isel(fit=0)
    residual = vb.residual_map(fits)
    np.testing.assert_allclose(residual, expected - expected.median())
    assert vb.plot_map(residual).axes


@pytest.mark.parametrize("name", CHIPS)
def test_chips_that_count_photons_give_their_shares(name) -> None:
    flux, truth = draw_photons(64, noise_spread=0.0, baseline_error=0.5, **CHIPS[name])
    typical = vb.fit_typical(flux, vb.fit_asic(flux), pixels=4000, progress=False)
    fits = vb.fit_pixels(flux, typical, free=("A", "E0"), progress=False)
    budget = vb.explain_spread(fits)
    good = vb.good(fits, "A+E0").values
    variances = {
        "baseline": truth.baseline.values[good].var(),
        "gain": (5895 / 3.65 / truth.gain.values)[good].var(),
        "fit error": budget.variance["fit error"],
    }
    total = sum(variances.values())
    # This shape makes what differs in the gain 8 % larger.
    allowed = 0.05 if name == "both" else 0.03
    for row, variance in variances.items():
        assert budget.share[row] == pytest.approx(variance / total, abs=allowed)
    assert "8 % larger" in budget.attrs["notes"]
    chip = vb.calibrate(fits)
    for of in ("gain", "noise"):
        true = {"gain": truth.gain, "noise": truth.noise_electrons}[of]
        away = float(chip[of].median() - true.median())
        # The shape gives too much; by how much is told.
        assert 0 < away < 1.3 * chip.attrs[f"{of}_common_err"]
    halves = vb.split_halves(flux, typical)
    ratio = halves.loc["E0", ["error_ratio", "error_ratio_err"]]
    assert abs(ratio.iloc[0] - 1) < 4 * ratio.iloc[1] + 0.02
    intrinsic = budget.variance["total"] - budget.variance["fit error"]
    if name != "none":
        assert halves.spread["E0"] == pytest.approx(np.sqrt(intrinsic), rel=0.03)


def test_figures_of_budget_and_baseline_tell_the_numbers() -> None:
    fits, _ = draw_fits()
    budget = vb.explain_spread(fits)
    ax = vb.plot_budget(budget).axes[0]
    assert [bar.get_width() for bar in ax.patches] == pytest.approx(100 * budget.share[:4])
    assert "differs by 5." in ax.get_title()
    ax, bar = vb.plot_baseline(fits).axes
    assert "slope 0.998" in ax.get_legend().get_texts()[0].get_text()
    assert "correlation 0.899" in ax.get_title()
    assert bar.get_ylabel() == "Pixels"


def test_figures_without_baseline_say_so() -> None:
    fits, _ = draw_fits((32, 32))
    bare = fits.drop_vars(["baseline", "baseline_err"])
    with pytest.warns(UserWarning, match="no baseline"):
        ax = vb.plot_baseline(bare).axes[0]
    assert ax.texts[0].get_text() == "no good pixel with a baseline"
    with pytest.warns(UserWarning, match="no baseline"):
        budget = vb.explain_spread(bare)
    texts = [text.get_text() for text in vb.plot_budget(budget).axes[0].texts]
    assert texts[:3] == ["unknown"] * 3


def test_shape_of_photons_stretches_nothing() -> None:
    fits, _ = draw_fits((32, 32))
    assert vb.explain_spread(fits).attrs["notes"] == ""
