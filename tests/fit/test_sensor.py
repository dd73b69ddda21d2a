"""The shape `sensor` fitted to photons: the pixel's own truth, which curves do not know."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from velonb import compute_flux, fit_asic, fit_pixel, fit_pixels, fit_typical
from velonb.chip import VELOPIX
from velonb.simulate.sensor import Sensor, draw_sensor, photon_flux
from velonb.simulate.truth import LIVING

pytestmark = pytest.mark.slow

SIDE, EXPOSURE = 128, 131.0
THRESHOLDS = np.arange(1480, 1601, 3)
ELECTRONS = 5895 / 3.65


@pytest.fixture(scope="module")
def truth() -> xr.Dataset:
    return draw_sensor(np.random.default_rng(5), VELOPIX, Sensor(), 0.0, {})


@pytest.fixture(scope="module")
def flux(truth: xr.Dataset) -> xr.Dataset:
    flux_at, random = photon_flux(truth, Sensor()), np.random.default_rng(6)
    expected = np.stack([EXPOSURE * flux_at(int(t))[:SIDE, :SIDE] for t in THRESHOLDS])
    maps, mask = ("row", "column"), (truth.kind != LIVING).values[:SIDE, :SIDE]
    scan = xr.Dataset(
        {
            "hits": (("threshold", *maps), random.poisson(expected).astype(np.int32)),
            "exposure": ("threshold", np.full(THRESHOLDS.size, EXPOSURE)),
            "mask": (maps, mask),
            "baseline": (maps, truth.baseline.values[:SIDE, :SIDE]),
        },
        coords={"threshold": THRESHOLDS},
    )
    return compute_flux(scan)


@pytest.fixture(scope="module")
def typical(flux: xr.Dataset):
    return fit_typical(flux, fit_asic(flux), shape="sensor", pixels=4096, progress=False)


@pytest.fixture(scope="module")
def fits(flux: xr.Dataset, typical) -> xr.Dataset:
    return fit_pixels(flux, typical, shape="sensor", progress=False)


def test_width_and_noise_of_the_chip_are_found(truth: xr.Dataset, typical) -> None:
    width = typical.params["width"]
    assert width.value == pytest.approx(7.0, abs=4 * width.stderr)
    assert width.stderr < 0.05
    assert typical.params["s"].value == pytest.approx(float(truth.s.median()), rel=0.02)


def test_pixels_have_their_own_truth(fits: xr.Dataset, truth: xr.Dataset) -> None:
    free, true = fits.sel(fit="free"), truth.isel(row=slice(0, SIDE), column=slice(0, SIDE))
    assert abs(float((free.E0 - true.E0).mean())) < 0.1
    gain = ELECTRONS / (free.E0 - true.baseline)
    assert float((gain / true.gain).mean()) == pytest.approx(1, abs=0.002)
    inside = free.where(free.at_limit == 0)
    # With few hits the noise of a pixel comes out a little small, as in every fit of a width.
    assert float((inside.s / true.s).mean()) == pytest.approx(1, abs=0.025)
    for name in ("A", "s", "E0"):
        pull = (inside[name] - true[name]) / inside[f"{name}_err"]
        assert abs(float(pull.median())) < 0.08
        width = 0.7413 * float(pull.quantile(0.75) - pull.quantile(0.25))
        assert width == pytest.approx(1, abs=0.03)
    assert float((free.p_value < 0.05).mean()) == pytest.approx(0.05, abs=0.01)
    assert free.at_limit.mean() < 0.005
    assert (free.fit_type >= 0).all()
    assert free.f.isnull().all()
    # An error is never that of a curve that has no value.
    assert float(free.E0_err.min()) > 0.05


def test_velo_gets_the_gain_of_the_same_chip_wrong(flux: xr.Dataset, truth: xr.Dataset) -> None:
    free = fit_pixels(flux, fit_asic(flux), progress=False).sel(fit="free")
    assert float((free.E0 - truth.E0[:SIDE, :SIDE]).mean()) < -1


@pytest.mark.parametrize("free", [("A", "s", "E0"), ("A", "E0"), ("A",)])
def test_pixel_by_lmfit_is_that_of_the_chip(flux, typical, fits, free) -> None:
    all_pixels = fit_pixels(flux.isel(row=slice(0, 2)), typical, free=free, progress=False)
    for column in (3, 50, 100):
        one = all_pixels.isel(fit=0, row=1, column=column)
        alone = fit_pixel(flux, 1, column, asic=typical, free=free)
        assert float(one.chi2) == pytest.approx(alone.chisqr, abs=1e-3)
        for name in free:
            error = alone.params[name].stderr
            assert float(one[name]) == pytest.approx(alone.params[name].value, abs=0.02 * error)


def test_without_a_baseline_another_shape_is_named(flux: xr.Dataset, typical) -> None:
    unknown, asic = flux.drop_vars("baseline"), fit_asic(flux)
    with pytest.raises(ValueError, match=r"'sensor' needs a baseline .* take shape 'velo', whose"):
        fit_typical(unknown, asic, shape="sensor", progress=False)
    with pytest.raises(ValueError, match="'sensor' needs a baseline"):
        fit_pixels(unknown, asic, shape="sensor", progress=False)


def test_without_a_width_the_fit_that_finds_it_is_named(flux: xr.Dataset) -> None:
    with pytest.raises(ValueError, match=r"needs the width .* fit_typical\(flux, asic, shape"):
        fit_pixels(flux, fit_asic(flux), shape="sensor", progress=False)
    with pytest.raises(ValueError, match="needs the width"):
        fit_pixel(flux, 1, 1, shape="sensor")


def test_there_is_no_f_to_fit(flux: xr.Dataset, typical) -> None:
    with pytest.raises(ValueError, match=r"free is \('f', 'A'\); it must be some of A, s, E0"):
        fit_pixels(flux, typical, free=("f", "A"), progress=False)
