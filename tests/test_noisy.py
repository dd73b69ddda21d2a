"""Pixels that count above the photopeak."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from toys import TYPICAL, draw_flux, flux_of

from velonb import fit_asic, mask_noisy, noisy_pixels

NOISY = [(3, 5), (20, 20), (40, 63)]


@pytest.fixture(scope="module")
def flux() -> xr.Dataset:
    """A chip with a spread of 6 DAC in E0 and three pixels with noise of 1 hit/s and more."""
    rng = np.random.default_rng(4)
    chip = draw_flux((64, 64), truth=TYPICAL | {"E0": rng.normal(1551, 6, (64, 64))})
    hits = chip["hits"].values.copy()
    for rate, (row, column) in zip((1.0, 3.0, 10.0), NOISY, strict=True):
        hits[:, row, column] += rng.poisson(131 * rate, len(hits))
    return flux_of(hits, chip["exposure"].values, chip["mask"].values)


def test_noisy_pixels_are_those_with_noise_and_no_other(flux: xr.Dataset) -> None:
    assert [tuple(place) for place in np.argwhere(noisy_pixels(flux).values)] == NOISY


def test_noisy_pixels_of_scan_that_ends_in_the_photopeak_are_still_found(flux: xr.Dataset) -> None:
    short = flux.isel(threshold=slice(0, 26))
    assert float(short["threshold"][-1]) < 1556
    found = noisy_pixels(short).values
    assert all(found[place] for place in NOISY[1:])
    assert found.sum() <= len(NOISY)


def test_noisy_pixels_without_noise_are_none() -> None:
    assert not noisy_pixels(draw_flux((64, 64), exposure=20.0)).any()


def test_noisy_pixels_that_are_masked_are_not_named_again(flux: xr.Dataset) -> None:
    assert not noisy_pixels(mask_noisy(flux)).any()


def test_mask_noisy_takes_them_out_of_the_asic(flux: xr.Dataset) -> None:
    masked = mask_noisy(flux)
    assert masked.attrs["noisy_pixels"] == len(NOISY)
    assert masked.attrs["active_pixels"] == 64 * 64 - len(NOISY)
    expected = flux["hits"].where(~noisy_pixels(flux), 0).sum(("row", "column")) / 131
    np.testing.assert_allclose(masked["asic_flux"], expected)
    assert masked["flux"][:, 3, 5].isnull().all()


def test_fit_asic_without_noisy_pixels_is_nearer_to_the_pixels(flux: xr.Dataset) -> None:
    """Three noisy pixels of 4,096 pull the ASIC's E0 down by several DAC."""
    with_noise = fit_asic(flux).params["E0"].value
    without = fit_asic(mask_noisy(flux)).params["E0"].value
    assert abs(without - 1551) < 1 < 2 < abs(with_noise - 1551)


@pytest.mark.parametrize("last", [0, 21])
def test_noisy_pixels_with_wrong_last_are_refused(flux: xr.Dataset, last: int) -> None:
    with pytest.raises(
        ValueError, match=f"last is {last}; it must lie between 1 and half of the 41"
    ):
        noisy_pixels(flux, last=last)


@pytest.mark.parametrize("number", [0, 1])
def test_noisy_pixels_of_too_few_thresholds_asks_for_more(flux: xr.Dataset, number: int) -> None:
    lost = flux.assign(exposure=flux["exposure"] * (np.arange(41) < number))
    with pytest.raises(ValueError, match=rf"flux has {number} thresholds with exposure; .*2"):
        noisy_pixels(lost)


def test_noisy_pixels_with_wrong_fraction_are_refused(flux: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="fraction is 0; it must be above 0"):
        noisy_pixels(flux, fraction=0)
