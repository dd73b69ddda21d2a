"""The pixels of a chip as a population, without the errors of the fits."""

from __future__ import annotations

import numpy as np
import pytest
from known_chips import draw_fits
from toys import TYPICAL, draw_flux

import velonb as vb

SIZE = (160, 160)


@pytest.fixture(scope="module")
def chip():
    """A chip of 131 s in which s follows E0, and its truth."""
    random = np.random.default_rng(8)
    z = random.standard_normal((3, *SIZE))
    truth = TYPICAL | {
        "E0": 1551 + 6 * z[0],
        "s": 12 * (1 + 0.06 * (0.4 * z[0] + np.sqrt(1 - 0.4**2) * z[1])),
        "A": 8 * (1 + 0.05 * z[2]),
    }
    flux = draw_flux(SIZE, seed=4, truth=truth)
    typical = vb.fit_typical(flux, vb.fit_asic(flux), pixels=8000, progress=False)
    free = [("A", "E0", "s"), ("f", "A", "s", "E0")]
    return truth, vb.fit_pixels(flux, typical, free=free, covariance=True, progress=False)


def test_spreads_and_correlations_are_those_of_the_truth(chip) -> None:
    truth, fits = chip
    table = vb.population(fits)
    assert table.attrs["fit"] == "A+E0+s"
    assert table.spread["s"] == pytest.approx(truth["s"].std(), rel=0.06)
    assert table.spread["E0"] == pytest.approx(truth["E0"].std(), rel=0.02)
    assert table.spread["A"] == pytest.approx(truth["A"].std(), rel=0.1)
    true = np.corrcoef(truth["s"].ravel(), truth["E0"].ravel())[0, 1]
    assert table.correlation_s["E0"] == pytest.approx(true, abs=0.05)
    assert table.correlation_E0["s"] == table.correlation_s["E0"]
    assert table.correlation_A["E0"] == pytest.approx(0, abs=0.05)
    for name in ("E0", "s"):
        assert table["mean"][name] == pytest.approx(truth[name].mean(), abs=0.1)
        assert abs(table.spread[name] - truth[name].std()) < 4 * table.spread_err[name]


def test_what_the_scan_does_not_determine_is_said(chip) -> None:
    table = vb.population(chip[1], fit="free")
    assert np.isnan(table.spread["A"])
    assert table.correlation_A[["E0", "s"]].isna().all()
    assert "does not determine the spread of A" in table.attrs["notes"]
    assert np.isfinite(table.spread["E0"])


def test_held_parameter_is_named() -> None:
    fits, _ = draw_fits((32, 64))
    held = fits.assign(s_err=np.nan * fits.s_err)
    table = vb.population(held)
    assert list(table.index) == ["A", "E0"]
    assert "s is held at its common value" in table.attrs["notes"]


def test_without_covariance_there_is_no_correlation() -> None:
    fits, truth = draw_fits()
    table = vb.population(fits.drop_vars("covariance"))
    assert not [name for name in table if name.startswith("correlation")]
    assert "covariance=True" in table.attrs["notes"]
    assert table.spread["E0"] == pytest.approx(float(truth.E0.std()), rel=0.02)


def test_light_is_no_property_of_the_pixels() -> None:
    fits, truth = draw_fits()
    rows, columns = np.mgrid[:128, :256]
    spot = 1 + 0.8 * np.exp(-0.5 * ((rows - 70) ** 2 + (columns - 120) ** 2) / 60**2)
    table = vb.population(fits.assign(A=fits.A * spot, A_err=fits.A_err * spot))
    relative = table.spread["A"] / table["mean"]["A"]
    assert relative == pytest.approx(float(truth.A.std() / truth.A.mean()), rel=0.05)
    assert table.attrs["light_spread"] == pytest.approx(spot.std() / spot.mean(), rel=0.1)


def test_few_pixels_give_an_unknown_population() -> None:
    fits, _ = draw_fits((4, 8))
    table = vb.population(fits)
    assert table.spread.isna().all()
    assert "fewer than 50 good pixels" in table.attrs["notes"]
