"""The verdict: sentences that come from the numbers, and switch with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from toys import TYPICAL, asic_of_truth, draw_flux

from velonb import calibrate, described_share, fit_ladder, fit_pixels, verdict

SIZE = (96, 96)


def fitted(E0_spread: float, seed: int = 4) -> tuple[xr.Dataset, xr.Dataset]:
    random = np.random.default_rng(seed)
    E0 = TYPICAL["E0"] + E0_spread * random.standard_normal(SIZE)
    flux = draw_flux(SIZE, seed=seed, exposure=262.0, truth=TYPICAL | {"E0": E0})
    return flux, fit_ladder(flux, asic_of_truth(flux), progress=False)


def said(*given: xr.Dataset) -> str:
    """The verdict on one line."""
    return " ".join(verdict(*given).split())


@pytest.fixture(scope="module")
def different() -> tuple[xr.Dataset, xr.Dataset]:
    return fitted(6.0)


def test_verdict_on_pixels_that_differ_says_by_how_much(different: Any) -> None:
    flux, fits = different
    text = said(flux, fits)
    assert "Do they differ? Yes." in text
    spread = float(text.split("E0 differs by ")[1].split()[0])
    assert spread == pytest.approx(6.0, abs=0.25)
    assert "No gradient, rows or columns stand out" in text
    assert "no common misfit" in text.lower()


def test_verdict_on_equal_pixels_does_not_claim_a_difference() -> None:
    assert "Not that this scan could tell." in said(*fitted(0.0))


def test_verdict_without_a_baseline_calls_the_reason_unknown(different: Any) -> None:
    assert "Unknown: without a baseline nothing tells" in said(*different)


def test_verdict_with_the_baseline_shares_the_variance_out(different: Any) -> None:
    flux, fits = different
    pixel = ("row", "column")
    E0 = fits["E0"].sel(fit="A+E0").values
    random = np.random.default_rng(8)
    known = fits.assign(
        baseline=(pixel, np.nan_to_num(E0, nan=1551.0) - 120),
        baseline_err=(pixel, np.full(SIZE, 0.1)),
    )
    text = said(flux, known, calibrate(known))
    assert "Of the variance of E0: baseline" in text
    assert "with errors alike in all pixels: pair energy" in text
    assert " e-; errors of the fits" in text
    # A baseline that E0 does not follow leaves it to the gain.
    unlike = known.assign(baseline=(pixel, 1431 + random.standard_normal(SIZE)))
    share = float(said(flux, unlike).split("gain ")[1].split()[0])
    assert share == pytest.approx(100, abs=12)


def test_verdict_without_good_pixels_is_unknown(different: Any) -> None:
    flux, fits = different
    text = said(flux, fits.assign(fit_type=0 * fits["fit_type"]))
    assert text.startswith("Do they differ? Unknown: no two pixels have a good A+E0 fit.")


def test_verdict_without_a_fit_of_E0_is_refused(different: Any) -> None:
    flux, _ = different
    fits = fit_pixels(flux, asic_of_truth(flux), free=("A",), progress=False)
    with pytest.raises(ValueError, match=r"fits has fixed; a verdict needs one of A\+E0"):
        said(flux, fits)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.95])
def test_described_share_is_that_of_toys(share: float) -> None:
    random = np.random.default_rng(2)
    pulls = []
    for _ in range(300):
        follows = random.random(2000) < share
        found, error = described_share(np.where(follows, random.random(2000), 1e-3))
        assert 0 <= found <= 1
        pulls.append((found - share) / error if error else found - share)
    assert abs(np.mean(pulls)) < 0.25
    assert np.std(pulls) == pytest.approx(1 if share else 0, abs=0.15)


def test_described_share_without_p_values_is_unknown() -> None:
    assert np.isnan(described_share([np.nan])).all()
