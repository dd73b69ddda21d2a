"""Flux of every pixel and of the ASIC."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from datasets import CUT, LOST_THRESHOLD, MASKED, make_scan
from hypothesis import given, strategies as st
from toys import draw_flux, flux_of

from velonb import compute_flux, fit_asic, fit_ladder, load_netcdf, mask_noisy, save_netcdf

SIZE = 64


@pytest.fixture(scope="module")
def scan() -> xr.Dataset:
    return make_scan(SIZE)


@pytest.fixture(scope="module")
def flux(scan: xr.Dataset) -> xr.Dataset:
    return compute_flux(scan)


def test_flux_is_hits_over_exposure_with_the_error_of_counts(
    scan: xr.Dataset, flux: xr.Dataset
) -> None:
    place = {"threshold": 7, "row": 3, "column": 9}
    hits, exposure = int(scan["hits"][place]), float(scan["exposure"][7])
    assert float(flux["flux"][place]) == pytest.approx(hits / exposure)
    assert float(flux["flux_err"][place]) == pytest.approx(hits**0.5 / exposure)


def test_flux_of_masked_pixel_is_unknown(flux: xr.Dataset) -> None:
    row, column = MASKED
    assert flux["flux"][:, row, column].isnull().all()
    assert flux["flux_err"][:, row, column].isnull().all()


def test_flux_of_threshold_without_exposure_is_unknown_and_only_there(flux: xr.Dataset) -> None:
    lost = flux["threshold"] == LOST_THRESHOLD
    for name in ("flux", "flux_err"):
        active = flux[name].where(~flux["mask"], drop=True)
        assert active.sel(threshold=LOST_THRESHOLD).isnull().all()
        assert flux[name].where(~flux["mask"], 0).sel(threshold=~lost.values).notnull().all()
    for name in ("asic_flux", "asic_flux_err"):
        np.testing.assert_array_equal(flux[name].isnull(), lost)


def test_flux_without_hits_is_zero_and_not_unknown(flux: xr.Dataset) -> None:
    row, column = CUT
    silent = flux["flux"][:, row, column].dropna("threshold")
    assert silent.size == flux.sizes["threshold"] - 1
    assert (silent == 0).all()


def test_flux_of_asic_is_the_sum_over_active_pixels(scan: xr.Dataset, flux: xr.Dataset) -> None:
    hits = scan["hits"].values[:, ~scan["mask"].values].sum(axis=1)
    used = scan["exposure"].values > 0
    expected = hits[used] / scan["exposure"].values[used]
    np.testing.assert_allclose(flux["asic_flux"].values[used], expected)


@given(st.lists(st.integers(0, 500), min_size=4, max_size=4))
def test_error_of_asic_flux_is_the_root_of_the_sum(counts: list[int]) -> None:
    exposure = 10.0
    flux = flux_of(np.reshape(counts, (1, 2, 2)), [exposure])
    assert flux["asic_flux_err"].item() == pytest.approx(sum(counts) ** 0.5 / exposure)
    in_quadrature = np.sqrt((flux["flux_err"] ** 2).sum()).item()
    assert flux["asic_flux_err"].item() == pytest.approx(in_quadrature)


def test_error_of_asic_flux_is_its_scatter() -> None:
    hits = np.random.default_rng(1).poisson(3.0, (10_000, 4, 4))
    flux = flux_of(hits, np.full(10_000, 20.0))
    # The scatter of 10,000 is known to 0.7 %: five standard deviations.
    assert flux["asic_flux"].values.std() == pytest.approx(
        flux["asic_flux_err"].values.mean(), rel=0.035
    )


def test_hits_of_masked_pixels_do_not_count() -> None:
    hits = np.array([[[5, 7], [11, 1000]]])
    mask = np.array([[False, False], [False, True]])
    flux = flux_of(hits, [1.0], mask)
    assert flux["asic_flux"].item() == 23
    assert flux["asic_flux_err"].item() == pytest.approx(23**0.5)


def test_active_pixels_are_counted(flux: xr.Dataset, scan: xr.Dataset) -> None:
    assert flux.attrs["active_pixels"] == SIZE**2 - int(scan["mask"].sum())
    mask = np.zeros((3, 5), bool)
    mask[0, :2] = True
    assert draw_flux((3, 5), mask=mask).attrs["active_pixels"] == 13


def test_hits_of_a_bright_chip_do_not_overflow() -> None:
    hits = np.full((1, 2, 2), 2_000_000_000)
    assert flux_of(hits, [1.0])["asic_flux"].item() == 8e9


def test_flux_keeps_what_later_steps_need(scan: xr.Dataset, flux: xr.Dataset) -> None:
    for name in ("hits", "exposure", "mask", "threshold"):
        xr.testing.assert_identical(flux[name], scan[name])
    assert scan.attrs.items() <= flux.attrs.items()
    assert "flux" not in scan


def test_flux_variables_have_units_and_names(flux: xr.Dataset) -> None:
    for name in ("flux", "flux_err", "asic_flux", "asic_flux_err"):
        assert flux[name].attrs["units"] == "hits/s"
        assert flux[name].attrs["long_name"]
        assert flux[name].dtype == float


def test_results_of_several_chips_open_as_one(tmp_path: Path) -> None:
    """The coordinates of the chip go from the scan through every step and the file."""
    paths = []
    for module, asic in (("Module0", "VP0-1"), ("Module0", "VP2-0"), ("Module7", "VP0-1")):
        flux = draw_flux((8, 8)).assign_coords(module=module, asic=asic)
        flux = mask_noisy(compute_flux(flux[["hits", "exposure", "mask"]]))
        fits = fit_ladder(flux, fit_asic(flux), progress=False)
        for name, dataset in (("flux", flux), ("fits", fits)):
            paths.append(save_netcdf(tmp_path / f"{module}_{asic}_{name}.nc", dataset))
    for name, variable in (("flux", "asic_flux"), ("fits", "needs")):
        several = [load_netcdf(path) for path in paths if name in path.name]
        chips = xr.concat(several, "chip")
        assert chips.asic.values.tolist() == ["VP0-1", "VP2-0", "VP0-1"]
        assert chips.module.values.tolist() == ["Module0", "Module0", "Module7"]
        np.testing.assert_array_equal(chips[variable][1], several[1][variable])


def test_scan_without_its_variables_is_refused(scan: xr.Dataset) -> None:
    with pytest.raises(ValueError, match=r"scan lacks exposure, mask; give .*load_scan"):
        compute_flux(scan[["hits"]])
    with pytest.raises(ValueError, match="this one has no variables"):
        compute_flux(xr.Dataset())


def test_scan_without_active_pixel_is_refused(scan: xr.Dataset) -> None:
    everything = scan.assign(mask=xr.ones_like(scan["mask"]))
    with pytest.raises(ValueError, match="no active pixel: its mask covers all"):
        compute_flux(everything)
