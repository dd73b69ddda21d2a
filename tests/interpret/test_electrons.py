"""Gain and noise of every pixel in electrons, and what their errors are made of."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import xarray as xr
from datasets import make_asic, make_fits, make_flux
from known_chips import draw_fits

import velonb as vb


@pytest.fixture(scope="module")
def chip_and_truth() -> tuple[xr.Dataset, xr.Dataset, xr.Dataset]:
    fits, truth = draw_fits()
    return fits, vb.calibrate(fits), truth


@pytest.mark.parametrize("name", ["gain", "noise"])
def test_gain_and_noise_are_true_within_their_errors(chip_and_truth, name) -> None:
    _, chip, truth = chip_and_truth
    pull = ((chip[name] - truth[name]) / chip[f"{name}_err"]).values
    assert np.mean(pull) == pytest.approx(0, abs=0.05)
    assert np.std(pull) == pytest.approx(1, abs=0.03)
    assert chip[name].attrs["units"] == {"gain": "e-/DAC", "noise": "e-"}[name]


def test_covariance_of_s_and_E0_matters_and_is_told() -> None:
    fits, truth = draw_fits(between=-0.9, E0_err=4.0)
    chip, bare = vb.calibrate(fits), vb.calibrate(fits.drop_vars("covariance"))
    assert ((chip.noise - truth.noise) / chip.noise_err).std() == pytest.approx(1, abs=0.05)
    assert float(bare.noise_err.mean()) < 0.9 * float(chip.noise_err.mean())
    assert chip.attrs["covariance"] == "used"
    assert bare.attrs["covariance"].startswith("not stored")


def test_E0_in_electrons_differs_as_the_gain_does(chip_and_truth) -> None:
    _, chip, truth = chip_and_truth
    assert float(chip.E0_electrons.median()) == pytest.approx(5895 / 3.65, rel=1e-3)
    typical = chip.attrs["gain_chip"]
    np.testing.assert_allclose(chip.E0_electrons * chip.gain, 5895 / 3.65 * typical)
    assert typical == pytest.approx(float(truth.gain.median()), rel=1e-3)


def test_common_errors_stand_apart_with_their_causes() -> None:
    fits, _ = draw_fits()
    attrs = vb.calibrate(fits.assign_attrs(shape="velo")).attrs
    assert attrs["gain_common_err_pair_energy_percent"] == pytest.approx(
        100 * 0.03 / 3.65, rel=0.01
    )
    assert attrs["noise_common_err_shape_percent"] > 20
    assert attrs["gain_common_err_baseline_percent"] == 0
    of = [v for k, v in attrs.items() if k.startswith("gain_common_err_")]
    expected = attrs["gain_chip"] * np.hypot.reduce(of) / 100
    assert attrs["gain_common_err"] == pytest.approx(expected, rel=0.01)
    assert attrs["noise_common_err"] / attrs["noise_chip"] > 0.2
    of_photons = vb.calibrate(fits).attrs
    assert of_photons["noise_common_err_shape_percent"] <= 1
    fits["baseline"].attrs["common_err"] = 12.0
    worse = vb.calibrate(fits).attrs
    assert worse["gain_common_err_baseline_percent"] == pytest.approx(10, abs=0.1)


def test_common_s_gives_noise_with_its_common_error() -> None:
    fits, _ = draw_fits()
    held = fits.assign(s=0 * fits.s + 8.2, s_err=np.nan * fits.s_err).drop_vars("covariance")
    chip = vb.calibrate(held.assign_attrs(asic_s_err=0.41))
    np.testing.assert_allclose(chip.noise, 8.2 * chip.gain)
    assert np.isfinite(chip.noise_err).all()
    assert chip.attrs["noise_common_err_common_s_percent"] == pytest.approx(5)


def test_measured_width_of_the_noise_stands_beside(chip_and_truth) -> None:
    fits, chip, truth = chip_and_truth
    assert "noise_measured" not in chip
    with_width = vb.calibrate(fits.assign(noise_width=truth.s))
    np.testing.assert_allclose(with_width.noise_measured, truth.s * with_width.gain)


def test_pixel_that_is_not_good_is_unknown(chip_and_truth) -> None:
    fits, _, _ = chip_and_truth
    types = fits.fit_type.copy()
    types[0, 3, 4] = 0
    chip = vb.calibrate(fits.assign(fit_type=types))
    assert np.isnan(chip.gain.values[3, 4])
    assert np.isfinite(chip.gain).sum() == chip.gain.size - 1


def test_fit_is_the_one_that_tells_most(chip_and_truth) -> None:
    fits, _, _ = chip_and_truth
    both = fits.isel(fit=[0, 0]).assign_coords(fit=["free", "A+E0"])
    assert vb.calibrate(both).attrs["fit"] == "free"
    assert vb.calibrate(both.assign_attrs(shape="velo")).attrs["fit"] == "A+E0"
    assert vb.calibrate(both, fit="A+E0").attrs["fit"] == "A+E0"
    with pytest.raises(ValueError, match="fit is 'best'; it must be one of free, A\\+E0"):
        vb.calibrate(both, fit="best")
    held = fits.assign(E0_err=np.nan * fits.E0_err)
    with pytest.raises(ValueError, match="E0 is held fixed in free: it takes a fit"):
        vb.calibrate(held)


def test_missing_baseline_is_named_and_leaves_electrons_unknown(chip_and_truth) -> None:
    fits, _, _ = chip_and_truth
    with pytest.warns(UserWarning, match=r"no baseline: .*E0 and s in DAC are not; give"):
        chip = vb.calibrate(fits.drop_vars(["baseline", "baseline_err"]))
    assert chip.gain.isnull().all()
    assert np.isnan(chip.attrs["gain_common_err"])


def test_baseline_with_holes_costs_those_pixels_alone(chip_and_truth) -> None:
    fits, _, _ = chip_and_truth
    holes = fits.baseline.copy()
    holes[:2, :4], holes[5, 5] = np.nan, 0
    with pytest.warns(UserWarning, match="9 of 32,768 good pixels have no baseline"):
        chip = vb.calibrate(fits, holes)
    assert int(chip.gain.isnull().sum()) == 9


def test_baseline_of_another_chip_is_refused(chip_and_truth) -> None:
    fits, _, _ = chip_and_truth
    other = fits[["baseline"]].assign_attrs(module="Module7", asic="VP0-1")
    with pytest.raises(ValueError, match="baseline is of module Module7, the fits are of module"):
        vb.calibrate(fits, other)
    with pytest.raises(ValueError, match="baseline is of asic VP3-0"):
        vb.explain_spread(fits, fits["baseline"].assign_coords(asic="VP3-0"))
    with pytest.raises(ValueError, match=r"baseline has the shape \(3, 4\), the fits have"):
        vb.calibrate(fits, np.ones((3, 4)))


def test_baseline_can_be_a_number(chip_and_truth) -> None:
    fits, _, _ = chip_and_truth
    chip = vb.calibrate(fits, 1430.0)
    np.testing.assert_allclose(chip.gain, 5895 / 3.65 / (fits.E0.isel(fit=0) - 1430))
    assert chip.attrs["baseline_err"].startswith("not known")


@pytest.mark.parametrize("wrong", [{"pair_energy": 0}, {"pair_energy_err": -1}, {"line": -5}])
def test_energies_must_be_positive(chip_and_truth, wrong) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        vb.calibrate(chip_and_truth[0], **wrong)


def test_thresholds_and_charges_are_each_others_inverse(chip_and_truth) -> None:
    _, chip, _ = chip_and_truth
    charge = vb.to_electrons(1500, chip)
    assert charge.attrs["units"] == "e-"
    np.testing.assert_allclose(vb.to_threshold(charge, chip), 1500)
    one = chip.sel(row=3, column=4)
    assert float(vb.to_electrons(1500, one)) == float(charge[3, 4])
    assert float(vb.to_threshold(1000, chip.median())) == pytest.approx(1504, abs=1)


def test_calibrated_chip_can_be_saved_and_exported(chip_and_truth, tmp_path) -> None:
    _, chip, _ = chip_and_truth
    saved = vb.load_netcdf(vb.save_netcdf(tmp_path / "chip.nc", chip))
    xr.testing.assert_equal(saved, chip)
    assert saved.attrs["gain_common_err"] == chip.attrs["gain_common_err"]
    written = vb.export_csv(tmp_path / "csv", chip=chip)
    names = [f"{u}{name}_ST_1s310ms.csv" for name in ("gain", "noise") for u in ("", "u")]
    assert [path.name for path in written] == names
    np.testing.assert_array_equal(np.loadtxt(written[0], delimiter=","), chip.gain)
    with pytest.raises(ValueError, match=r"chip has no gain: give export_csv what calibrate"):
        vb.export_csv(tmp_path / "csv", chip=chip.drop_vars("gain"))


def test_figures_have_an_axis_in_electrons() -> None:
    flux, fits = make_flux(), make_fits()
    chip = vb.calibrate(fits, 1430.0)
    scan = vb.plot_pixel_scan(flux, fits, make_asic(), pixels=(3, 4), chip=chip)
    (axis,) = scan.axes[0].child_axes
    assert axis.get_xlabel() == "Electrons"
    scan.savefig(BytesIO())
    low, high = scan.axes[0].get_xlim()
    one = chip.sel(row=3, column=4)
    assert axis.get_xlim() == pytest.approx([float(vb.to_electrons(t, one)) for t in (low, high)])
    several = vb.plot_pixel_scan(flux, fits, pixels=[(3, 4), (5, 6)], chip=chip)
    assert "median pixel" in several.axes[0].child_axes[0].get_xlabel()
    assert (
        "Electrons" in vb.plot_parameter(fits, "s", chip=chip).axes[-1].child_axes[0].get_ylabel()
    )
    assert not vb.plot_parameter(fits, "f", chip=chip).axes[-1].child_axes
    assert not vb.plot_pixel_scan(flux, fits, pixels=(3, 4)).axes[0].child_axes
