"""The threshold curves, their derivatives and the lmfit model over them."""

from __future__ import annotations

from typing import Any

import lmfit
import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.special import erfc
from toys import BASELINE, PARAMETERS, TYPICAL, thresholds

from velonb import ThresholdModel, threshold_curve
from velonb.curves.model import threshold_gradient
from velonb.curves.shapes import SHAPES
from velonb.statistics import likelihood_chi_square

T = thresholds()
physical = {
    "f": st.floats(1e-5, 0.05),
    "A": st.floats(0.1, 1e6),
    "s": st.floats(2, 40),
    "E0": st.floats(1490, 1590),
}
curves = st.fixed_dictionaries(physical)
CURVES = [shape for shape in SHAPES if shape != "sensor"]  # which has tests of its own
shapes = pytest.mark.parametrize("shape", CURVES)


def plain_peak(t: Any, f: float, A: float, s: float, E0: float) -> Any:
    return (1 - f) * A / (2 * np.sqrt(2 * np.pi) * s) * erfc((t - E0) / s / np.sqrt(2))


def plain_velo(t: Any, f: float, A: float, s: float, E0: float) -> Any:
    z = (t - E0) / s
    sharing = s / np.sqrt(np.pi) * np.exp(-(z**2)) + (E0 - t) * erfc(z)
    return f * A / 2 * sharing + plain_peak(t, f, A, s, E0)


def plain_consistent(t: Any, f: float, A: float, s: float, E0: float) -> Any:
    z = (t - E0) / s
    sharing = s * np.sqrt(2 / np.pi) * np.exp(-(z**2) / 2) + (E0 - t) * erfc(z / np.sqrt(2))
    return f * A / 2 * sharing + plain_peak(t, f, A, s, E0)


def plain_fe55(t: Any, f: float, A: float, s: float, E0: float) -> Any:
    E0_beta = BASELINE + (E0 - BASELINE) * 6.490 / 5.895
    alpha, beta = plain_consistent(t, f, A, s, E0), plain_consistent(t, f, A, s, E0_beta)
    return (alpha + 0.117 * beta) / 1.117


PLAIN = {"velo": plain_velo, "consistent": plain_consistent, "fe55": plain_fe55}


@shapes
@given(values=curves)
def test_threshold_curve_is_the_formula_written_plainly(
    shape: str, values: dict[str, float]
) -> None:
    curve = threshold_curve(T, **values, shape=shape, baseline=BASELINE)
    expected = PLAIN[shape](T, **values)
    # Far above E0 the continuum is a difference of two equal numbers: compare on its own scale.
    np.testing.assert_allclose(curve, expected, rtol=1e-12, atol=1e-12 * expected.max())


@shapes
def test_threshold_curve_far_below_the_line_is_continuum_and_plateau(shape: str) -> None:
    f, A, s, E0 = TYPICAL.values()
    t, r = 1200.0, 0.117
    lines = {"fe55": [(1, E0), (r, BASELINE + (E0 - BASELINE) * 6.490 / 5.895)]}
    expected = np.average(
        [
            f * A * (E - t) + (1 - f) * A / (np.sqrt(2 * np.pi) * s)
            for _, E in lines.get(shape, [(1, E0)])
        ],
        weights=[w for w, _ in lines.get(shape, [(1, E0)])],
    )
    assert threshold_curve(t, **TYPICAL, shape=shape, baseline=BASELINE) == pytest.approx(expected)


@shapes
@given(values=curves)
def test_threshold_curve_falls_from_threshold_to_threshold(
    shape: str, values: dict[str, float]
) -> None:
    curve = threshold_curve(T, **values, shape=shape, baseline=BASELINE)
    assert (np.diff(curve) <= 1e-12 * curve[0]).all()
    assert curve[-1] >= -1e-12 * curve[0]


def test_velo_and_consistent_differ_in_the_blur_of_the_continuum_alone() -> None:
    f, A, s, E0 = TYPICAL.values()
    narrow = threshold_curve(T, f, A, s / np.sqrt(2), E0, shape="consistent")
    velo = threshold_curve(T, f, A, s, E0)
    peaks = plain_peak(T, f, A, s, E0) - plain_peak(T, f, A, s / np.sqrt(2), E0)
    np.testing.assert_allclose(velo - narrow, peaks, atol=1e-13)


def test_fe55_is_the_weighted_sum_of_two_lines() -> None:
    beta = TYPICAL | {"E0": BASELINE + (TYPICAL["E0"] - BASELINE) * 6.490 / 5.895}
    lines = [threshold_curve(T, **values, shape="consistent") for values in (TYPICAL, beta)]
    both = threshold_curve(T, **TYPICAL, shape="fe55", baseline=BASELINE)
    np.testing.assert_allclose(both, (lines[0] + 0.117 * lines[1]) / 1.117, rtol=1e-13)


def test_threshold_curve_of_maps_is_that_of_each_pixel() -> None:
    E0, baseline = np.array([[1540.0, 1550.0]]), np.array([[1420.0, 1435.0]])
    arguments = TYPICAL | {"E0": E0}
    both = threshold_curve(T[:, None, None], **arguments, shape="fe55", baseline=baseline)
    second = threshold_curve(T, **TYPICAL | {"E0": 1550.0}, shape="fe55", baseline=1435.0)
    assert both.shape == (T.size, 1, 2)
    np.testing.assert_array_equal(both[:, 0, 1], second)


@shapes
@given(values=curves)
def test_gradient_agrees_with_central_differences(shape: str, values: dict[str, float]) -> None:
    gradient = threshold_gradient(T, **values, shape=shape, baseline=BASELINE)
    for row, name in zip(gradient, PARAMETERS, strict=True):
        shift = 1e-5 * (values["s"] if name == "E0" else values[name])
        up, down = (
            threshold_curve(
                T, **values | {name: values[name] + step}, shape=shape, baseline=BASELINE
            )
            for step in (shift, -shift)
        )
        # 1e-16 of the curve, divided by the shift, is what rounding makes of the differences.
        noise = 1e-15 * up.max() / shift
        np.testing.assert_allclose(
            row, (up - down) / (2 * shift), rtol=1e-6, atol=1e-7 * np.abs(row).max() + noise
        )


@shapes
@pytest.mark.parametrize("which", [0, 1], ids=["sharing", "peak"])
@pytest.mark.parametrize(
    ("derivative", "of", "by"),
    [
        ("s", "value", "s"),
        ("E0", "value", "E0"),
        ("ss", "s", "s"),
        ("sE0", "s", "E0"),
        ("sE0", "E0", "s"),
        ("E0E0", "E0", "E0"),
    ],
)
def test_derivatives_of_terms_agree_with_central_differences(
    shape: str, which: int, derivative: str, of: str, by: str
) -> None:
    s, E0, shift = 11.0, 1547.0, 1e-4
    ds, dE0 = (shift, 0) if by == "s" else (0, shift)
    up, down = (
        getattr(SHAPES[shape](T, s + sign * ds, E0 + sign * dE0, BASELINE)[which], of)
        for sign in (1, -1)
    )
    exact = getattr(SHAPES[shape](T, s, E0, BASELINE)[which], derivative)
    scale = np.abs(exact).max()
    np.testing.assert_allclose(exact, (up - down) / (2 * shift), rtol=1e-6, atol=1e-7 * scale)


def test_unknown_shape_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"shape is 'vela'.*velo, consistent, fe55"):
        threshold_curve(T, **TYPICAL, shape="vela")
    with pytest.raises(ValueError, match="shape is 'vela'"):
        ThresholdModel("vela")


def test_fe55_without_baseline_is_refused() -> None:
    with pytest.raises(ValueError, match=r"needs a baseline \(DAC\)"):
        threshold_curve(T, **TYPICAL, shape="fe55")
    with pytest.raises(ValueError, match="give baseline="):
        threshold_gradient(T, **TYPICAL, shape="fe55")
    with pytest.raises(ValueError, match="needs a baseline"):
        ThresholdModel("fe55")


def test_unknown_statistic_is_refused() -> None:
    with pytest.raises(ValueError, match="statistic is 'pearson'; it must be poisson or chi2"):
        ThresholdModel(statistic="pearson")


SCANS = [
    TYPICAL,
    TYPICAL | {"A": 8.0 * 65352},
    TYPICAL | {"E0": 1505.0, "s": 6.0},
    TYPICAL | {"E0": 1585.0},
    TYPICAL | {"f": 1e-2, "s": 20.0},
    TYPICAL | {"f": 1e-6, "s": 8.0},
]


@shapes
@pytest.mark.parametrize("values", SCANS)
def test_guess_without_noise_leads_to_the_true_values(shape: str, values: dict[str, float]) -> None:
    model = ThresholdModel(shape, baseline=BASELINE if shape == "fe55" else None)
    flux = model.eval(t=T, **values)
    guess = model.guess(flux, t=T)
    assert guess["E0"].value == pytest.approx(values["E0"], abs=max(12, values["s"]))
    found = model.fit(flux, guess, t=T, weights=np.full(T.size, 1e5)).params
    assert found["E0"].value == pytest.approx(values["E0"], abs=0.01)
    assert found["s"].value == pytest.approx(values["s"], rel=1e-3)
    assert found["A"].value == pytest.approx(values["A"], rel=1e-3)
    assert found["f"].value == pytest.approx(values["f"], rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("exposure", [50.0, 131.0, 5000.0])
@pytest.mark.parametrize("statistic", ["poisson", "chi2"])
def test_guess_with_noise_is_no_worse_than_the_truth_as_a_start(
    exposure: float, statistic: str
) -> None:
    model = ThresholdModel(statistic=statistic)
    rng = np.random.default_rng(4)
    below = T < 1560
    t = T[below] if statistic == "chi2" else T
    for _ in range(10):
        hits = rng.poisson(exposure * threshold_curve(t, **TYPICAL))
        flux = hits / exposure
        weights = np.full(t.size, exposure)
        if statistic == "chi2":
            weights = exposure / np.sqrt(np.maximum(hits, 1))
        starts = model.guess(flux, t=t), model.make_params(**TYPICAL)
        guessed, known = (model.fit(flux, start, t=t, weights=weights).chisqr for start in starts)
        assert guessed <= known + 1e-3


def test_guess_ignores_thresholds_without_flux() -> None:
    model, flux = ThresholdModel(), threshold_curve(T, **TYPICAL)
    gap = np.where(np.arange(T.size) % 5 == 0, np.nan, flux)
    assert model.guess(gap, t=T)["E0"].value == pytest.approx(TYPICAL["E0"], abs=6)


def test_guess_takes_given_values() -> None:
    guess = ThresholdModel().guess(threshold_curve(T, **TYPICAL), t=T, s=9.0)
    assert guess["s"].value == 9.0


@pytest.mark.parametrize(
    ("flux", "found"),
    [([0.3, 0.2, 0.1], "3 finite values, largest 0.3"), ([0.3, np.nan, 0.2, 0.1], "3 finite")],
)
def test_guess_of_few_points_is_refused(flux: list[float], found: str) -> None:
    with pytest.raises(ValueError, match=f"data has {found}.*at least 4 thresholds"):
        ThresholdModel().guess(flux, t=T[: len(flux)])


def test_guess_without_any_flux_is_refused() -> None:
    with pytest.raises(ValueError, match=r"41 finite values, largest 0; .* above 0"):
        ThresholdModel().guess(np.zeros(T.size), t=T)


def noisy_fit(statistic: str, shape: str = "velo") -> lmfit.model.ModelResult:
    model = ThresholdModel(shape, statistic=statistic, baseline=BASELINE)
    truth = threshold_curve(T, **TYPICAL, shape=shape, baseline=BASELINE)
    hits = np.random.default_rng(5).poisson(5000 * truth)
    keep = hits > 0
    weights = np.full(keep.sum(), 5000.0)
    if statistic == "chi2":
        weights /= np.sqrt(hits[keep])
    params = model.make_params(**TYPICAL)
    return model.fit(hits[keep] / 5000, params, t=T[keep], weights=weights)


def statistic_of(result: lmfit.model.ModelResult, values: np.ndarray) -> float:
    model = result.model
    curve = threshold_curve(
        result.userkws["t"], *values, shape=model.shape, baseline=model.baseline
    )
    if model.statistic == "chi2":
        return float(np.sum(((result.data - curve) * result.weights) ** 2))
    return float(likelihood_chi_square(result.data * result.weights, curve * result.weights).sum())


@shapes
@pytest.mark.parametrize("statistic", ["poisson", "chi2"])
def test_fit_minimises_its_statistic(shape: str, statistic: str) -> None:
    result = noisy_fit(statistic, shape)
    best = np.array([result.params[name].value for name in PARAMETERS])
    assert result.chisqr == pytest.approx(statistic_of(result, best), rel=1e-9)
    rng = np.random.default_rng(6)
    errors = np.array([result.params[name].stderr for name in PARAMETERS])
    for direction in rng.normal(size=(100, 4)):
        assert statistic_of(result, best + 0.3 * errors * direction) > result.chisqr


@shapes
def test_errors_of_likelihood_fit_are_those_of_its_curvature(shape: str) -> None:
    result = noisy_fit("poisson", shape)
    best = np.array([result.params[name].value for name in PARAMETERS])
    steps = 0.05 * np.array([result.params[name].stderr for name in PARAMETERS])
    hessian = np.empty((4, 4))
    for a in range(4):
        for b in range(4):
            da, db = np.eye(4)[a] * steps, np.eye(4)[b] * steps
            corners = [
                sign_a * sign_b * statistic_of(result, best + sign_a * da + sign_b * db)
                for sign_a in (1, -1)
                for sign_b in (1, -1)
            ]
            hessian[a, b] = sum(corners) / (8 * steps[a] * steps[b])
    covariance = np.linalg.inv(hessian * np.outer(steps, steps)) * np.outer(steps, steps)
    np.testing.assert_allclose(result.covar, covariance, rtol=0.02)
    for k, name in enumerate(PARAMETERS):
        assert result.params[name].stderr == pytest.approx(covariance[k, k] ** 0.5, rel=0.01)
    expected = covariance[0, 3] / np.sqrt(covariance[0, 0] * covariance[3, 3])
    assert result.params["f"].correl["E0"] == pytest.approx(expected, abs=0.01)


def test_errors_of_chi2_fit_are_absolute() -> None:
    result = noisy_fit("chi2")
    values = [result.params[name].value for name in PARAMETERS]
    weighted = threshold_gradient(result.userkws["t"], *values) * result.weights
    scale = np.linalg.norm(weighted, axis=1)
    covariance = np.linalg.inv(weighted @ weighted.T / np.outer(scale, scale))
    errors = np.sqrt(np.diag(covariance)) / scale
    assert [result.params[name].stderr for name in PARAMETERS] == pytest.approx(errors, rel=1e-4)


@pytest.mark.parametrize("statistic", ["poisson", "chi2"])
def test_fit_with_the_exact_gradient_ends_where_one_without_does(statistic: str) -> None:
    result = noisy_fit(statistic)
    again = result.model.fit(
        result.data,
        result.init_params,
        t=result.userkws["t"],
        weights=result.weights,
        method="nelder",
        fit_kws={"options": {"xatol": 1e-9, "fatol": 1e-9, "maxfev": 20000, "maxiter": 20000}},
    )
    assert again.chisqr == pytest.approx(result.chisqr, abs=1e-5)
    for name in PARAMETERS:
        error = result.params[name].stderr
        assert again.params[name].value == pytest.approx(
            result.params[name].value, abs=0.02 * error
        )
