"""How long to scan: errors against known numbers and against fits of toys."""

from __future__ import annotations

import numpy as np
import pytest
from toys import TYPICAL, draw_flux

import velonb as vb


@pytest.mark.parametrize(
    ("seconds", "thresholds", "free", "E0_alone"),
    [
        (131, range(1480, 1601, 3), 3.6, 1.1),
        (262, range(1480, 1601, 2), 2.1, 0.63),
        (131, range(1500, 1601, 5), 6.3, 1.5),
    ],
)
def test_errors_are_those_that_are_known(seconds, thresholds, free, E0_alone) -> None:
    plan = vb.plan_scan(TYPICAL, thresholds=thresholds, exposure=seconds).set_index("fit")
    assert plan.loc["free", "E0_err"] == pytest.approx(free, rel=0.015)
    assert plan.loc["A+E0", "E0_err"] == pytest.approx(E0_alone, rel=0.015)
    assert (plan["thresholds"] == len(thresholds)).all()
    assert plan.loc["A+E0", ["f_err", "s_err"]].isna().all()


def test_planned_exposure_gives_the_wanted_error_in_fits() -> None:
    plan = vb.plan_scan(TYPICAL, thresholds=range(1480, 1601, 3), E0_err=0.8, free=("A", "E0"))
    seconds = plan["exposure_for_E0"].item()
    assert plan["scan_time"].item() == pytest.approx(41 * seconds)
    flux = draw_flux((64, 64), exposure=seconds)
    typical = vb.fit_typical(flux, vb.fit_asic(flux), progress=False)
    fits = vb.fit_pixels(flux, typical, free=("A", "E0"), progress=False)
    # The scatter of 4,096 is known to 1.1 %.
    assert float(fits["E0"].std()) == pytest.approx(0.8, rel=0.05)


def test_gain_and_shift_follow_from_E0() -> None:
    options = {"thresholds": range(1480, 1601, 3), "exposure": 131.0, "free": ("A", "E0")}
    row = vb.plan_scan(TYPICAL, **options, baseline=1430.0, gain_err=0.5, shift=6.0, sigmas=4).iloc[
        0
    ]
    assert row["gain_err"] == pytest.approx(100 * row["E0_err"] / 121)
    assert row["exposure_for_gain"] == pytest.approx(131 * (row["E0_err"] / (0.005 * 121)) ** 2)
    at_that = vb.plan_scan(TYPICAL, **options | {"exposure": row["exposure_for_shift"]}).iloc[0]
    assert 6.0 / (2**0.5 * at_that["E0_err"]) == pytest.approx(4.0)
    assert row["scan_time"] == 41 * max(row["exposure_for_gain"], row["exposure_for_shift"])
    too_bad = vb.plan_scan(TYPICAL, **options, baseline=1430.0, baseline_err=1.0, gain_err=0.5)
    assert np.isinf(too_bad["exposure_for_gain"].item())


def test_a_fit_serves_as_the_typical_pixel() -> None:
    flux = draw_flux((48, 48))
    typical = vb.fit_typical(flux, vb.fit_asic(flux), progress=False)
    scans = [range(1480, 1601, 3), range(1480, 1601, 6)]
    plan = vb.plan_scan(typical, thresholds=scans, active_pixels=flux.attrs["active_pixels"])
    known = vb.plan_scan(TYPICAL, thresholds=scans)
    assert plan["fit"].tolist() == ["A+E0", "free"] * 2
    np.testing.assert_allclose(plan["E0_err"], known["E0_err"], rtol=0.05)


def test_scan_that_misses_the_photopeak_knows_nothing() -> None:
    plan = vb.plan_scan(TYPICAL, thresholds=[1480, 1490, 1500], E0_err=1.0).set_index("fit")
    assert np.isinf(plan.loc["free", "exposure_for_E0"])
    assert plan.loc["A+E0", "E0_err"] > 50


def test_two_lines_are_planned_with_their_baseline() -> None:
    plan = vb.plan_scan(TYPICAL, thresholds=range(1480, 1601, 3), shape="fe55", baseline=1430.0)
    assert np.isfinite(plan["gain_err"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"thresholds": [1500]}, r"thresholds are \[1500.0\]; a scan has at least two"),
        ({"gain_err": 1.0}, "gain_err needs the baseline"),
        ({"E0_err": 0.0}, "E0_err is 0.0; it must be above 0"),
        ({"exposure": -1.0}, "exposure is -1.0; it must be above 0"),
    ],
)
def test_plan_that_means_nothing_is_refused(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        vb.plan_scan(TYPICAL, **{"thresholds": range(1480, 1601, 3)} | options)


def test_typical_pixel_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="typical lacks A, s; it must have f, A, s and E0"):
        vb.plan_scan({"f": 1e-3, "E0": 1551.0}, thresholds=range(1480, 1601, 3))
    flux = draw_flux((8, 8))
    with pytest.raises(
        ValueError, match="active_pixels is None; the A of a fit is that of the ASIC"
    ):
        vb.plan_scan(vb.fit_asic(flux), thresholds=range(1480, 1601, 3))
