"""The typical pixel: what all pixels have in common, whatever E0 does."""

from __future__ import annotations

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from toys import BASELINE, TYPICAL, draw_flux, flux_of

from velonb import (
    compare_spreads,
    fit_asic,
    fit_ladder,
    fit_pixel,
    fit_pixels,
    fit_typical,
    plot_asic_fit,
)

SIZE = (160, 160)
typical_of = partial(fit_typical, progress=False)


def spread_E0(spread: float, size=SIZE, seed: int = 1) -> np.ndarray:
    return TYPICAL["E0"] + np.random.default_rng(seed).normal(0, spread, size)


def chip(spread: float, size=SIZE, seed: int = 1, **options) -> xr.Dataset:
    truth = TYPICAL | {"E0": spread_E0(spread, size, seed)} | options.pop("truth", {})
    return draw_flux(size, seed=seed + 100, truth=truth, **options)


def pulls(result, **others: float) -> dict[str, float]:
    truth = TYPICAL | others
    return {
        name: (result.params[name].value - truth[name]) / result.params[name].stderr
        for name in ("f", "s")
    }


@pytest.fixture(scope="module")
def flux() -> xr.Dataset:
    return chip(10.0)


@pytest.fixture(scope="module")
def typical(flux: xr.Dataset):
    return typical_of(flux, fit_asic(flux))


def test_f_and_s_are_those_of_a_pixel_and_not_of_the_sum(flux, typical) -> None:
    assert fit_asic(flux).params["s"].value > 15
    assert all(abs(pull) < 4 for pull in pulls(typical).values())
    assert typical.params["s"].stderr < 0.02
    assert typical.params["f"].stderr < 6e-6


def test_only_E0_is_needed_where_only_E0_differs(flux, typical) -> None:
    ladder = fit_ladder(flux, typical, progress=False)
    # Needless steps: of s, of f, and more; 5 % of those taken at most, on average.
    assert (ladder["needs"] > 1).mean() < 0.05 * (ladder["needs"] > 0).mean()
    E0 = ladder["E0"].sel(fit="A+E0").values
    assert np.mean(E0 - spread_E0(10.0)) == pytest.approx(0, abs=0.05)
    row = compare_spreads(ladder, "A+E0").loc["E0"]
    assert row["intrinsic"] == pytest.approx(spread_E0(10.0).std(), rel=0.02)


def test_long_exposure_finds_no_need_either() -> None:
    flux = chip(5.0, (96, 96), exposure=1310.0)
    ladder = fit_ladder(flux, typical_of(flux, fit_asic(flux)), progress=False)
    assert (ladder["needs"] > 1).mean() < 0.05 * (ladder["needs"] > 0).mean()
    E0 = ladder["E0"].sel(fit="A+E0").values
    assert np.mean(E0 - spread_E0(5.0, (96, 96))) == pytest.approx(0, abs=0.05)
    row = compare_spreads(ladder, "A+E0").loc["E0"]
    assert row["intrinsic"] == pytest.approx(spread_E0(5.0, (96, 96)).std(), rel=0.02)


@pytest.mark.parametrize(
    ("brightness", "shape"),
    [(1.0, "velo"), (0.3, "velo"), pytest.param(1.0, "fe55", marks=pytest.mark.slow)],
)
def test_errors_are_the_scatter_over_chips_and_there_is_no_bias(brightness, shape) -> None:
    seen: list[list[float]] = []
    for seed in range(16):
        truth = {"A": brightness * TYPICAL["A"]}
        flux = chip(8.0, (40, 40), seed, truth=truth, shape=shape)
        result = typical_of(flux, fit_asic(flux, shape=shape))
        seen.append(list(pulls(result).values()))
    # Four standard deviations of 16 chips; their width is known to 18 %.
    assert np.abs(np.mean(seen, axis=0)).max() < 1.0
    np.testing.assert_allclose(np.std(seen, axis=0), 1.0, atol=0.7)


def test_one_pixel_in_twenty_far_away_moves_nothing(flux, typical) -> None:
    E0 = spread_E0(10.0)
    far = np.random.default_rng(3).random(SIZE) < 0.05
    E0[far] += 40
    other = typical_of(moved := chip(10.0, truth={"E0": E0}), fit_asic(moved))
    assert all(abs(pull) < 4 for pull in pulls(other).values())
    assert other.params["E0"].value == pytest.approx(typical.params["E0"].value, abs=0.3)


def test_noisy_dead_and_strange_pixels_move_nothing(flux, typical) -> None:
    hits, random = flux["hits"].values.copy(), np.random.default_rng(4)
    kind = random.choice(4, SIZE, p=[0.97, 0.01, 0.01, 0.01])
    hits[:, kind == 1] += random.poisson(5 * 131, hits[:, kind == 1].shape)
    hits[:, kind == 2] = 0
    hits[:, kind == 3] = random.permutation(hits[:, kind == 3])
    odd = flux_of(hits, flux["exposure"].values)
    other = typical_of(odd, fit_asic(odd))
    for name, tolerance in {"f": 0.03, "s": 0.01}.items():
        expected = typical.params[name].value
        assert other.params[name].value == pytest.approx(expected, rel=tolerance)


def test_typical_pixel_serves_where_the_asic_does(flux, typical) -> None:
    active = flux.attrs["active_pixels"]
    assert typical.params["A"].value / active == pytest.approx(TYPICAL["A"], rel=0.01)
    assert typical.params["E0"].value == pytest.approx(np.median(spread_E0(10.0)), abs=0.4)
    assert "chi-square" in typical.fit_report()
    assert typical.chisqr / typical.nfree == pytest.approx(0.87, abs=0.05)
    assert typical.covar.shape == (4, 4)
    assert typical.params["f"].correl["s"] < -0.5
    fits = fit_pixels(flux.isel(row=slice(0, 4)), typical, progress=False)
    assert fits.attrs["asic_s"] == typical.params["s"].value
    alone = fit_pixel(flux, 2, 3, asic=typical, free=("A", "E0"))
    assert alone.params["s"].value == typical.params["s"].value
    plt.close(plot_asic_fit(flux, typical))


def test_baseline_is_that_of_the_flux_or_the_one_given() -> None:
    flux = chip(8.0, (48, 48), shape="fe55")
    asic = fit_asic(flux, shape="fe55")
    own, given = typical_of(flux, asic), typical_of(flux, asic, baseline=BASELINE)
    assert own.model.baseline == given.model.baseline == BASELINE
    assert own.params["s"].value == given.params["s"].value
    lower = typical_of(flux, asic, baseline=np.full((48, 48), BASELINE - 40))
    assert lower.model.baseline == BASELINE - 40
    assert lower.params["s"].value < own.params["s"].value


def test_shape_is_that_of_the_asic_or_the_one_given() -> None:
    flux = chip(8.0, (48, 48), shape="consistent")
    asic = fit_asic(flux)
    assert typical_of(flux, asic).model.shape == "velo"
    other = typical_of(flux, asic, shape="consistent")
    assert other.model.shape == "consistent"
    assert all(abs(pull) < 4 for pull in pulls(other).values())
    with pytest.raises(ValueError, match="shape 'fe55' needs a baseline"):
        typical_of(flux, asic, shape="fe55")


def test_result_depends_on_the_seed_alone(flux) -> None:
    asic, few = fit_asic(flux), partial(typical_of, flux, pixels=500)
    one, same, other = few(asic), few(asic, threads=1), few(asic, seed=1)
    assert one.params["s"].value == same.params["s"].value != other.params["s"].value


def test_chip_without_a_pixel_to_fit_is_refused() -> None:
    flux = chip(8.0, (8, 8))
    asic = fit_asic(flux)
    with pytest.raises(ValueError, match="every pixel is masked"):
        typical_of(flux.assign(mask=flux["mask"] | True), asic)
    with pytest.raises(ValueError, match="no pixel of the sample can be fitted"):
        typical_of(flux.assign(hits=0 * flux["hits"]), asic)
    with pytest.raises(ValueError, match="pixels is 0; it must be at least 1"):
        typical_of(flux, asic, pixels=0)
