"""What all pixels share: seen in their sum, not in their p-values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from toys import TYPICAL, asic_of_truth, draw_flux, flux_of, thresholds

from velonb import check_common, correct_common, fit_pixels, threshold_curve
from velonb.interpret.common import ALARM

SIZE, EXPOSURE = (96, 96), 131.0
RUNGS = [("f", "A", "s", "E0"), ("A", "E0")]


def draw(seed: int, factor: Any = 1.0, shift: Any = 0.0) -> xr.Dataset:
    """A chip whose E0 differ, under light and at thresholds that jump."""
    t, random = thresholds(), np.random.default_rng(seed)
    E0 = TYPICAL["E0"] + 6 * np.random.default_rng(1).standard_normal(SIZE)
    at = (t + shift)[:, None, None]
    curve = np.maximum(threshold_curve(at, **TYPICAL | {"E0": E0}), 0)
    expected = EXPOSURE * curve * np.broadcast_to(factor, t.shape)[:, None, None]
    return flux_of(random.poisson(expected), np.full(t.size, EXPOSURE))


def fit(flux: xr.Dataset) -> xr.Dataset:
    return fit_pixels(flux, asic_of_truth(flux), free=RUNGS, progress=False)


def jumps(size: float) -> np.ndarray:
    return size * np.random.default_rng(9).standard_normal(41)


@pytest.fixture(scope="module")
def jumping() -> xr.Dataset:
    return draw(2, factor=1 + jumps(0.02))


@pytest.mark.parametrize("rung", ["free", "A+E0"])
def test_check_common_of_good_scans_is_silent(rung: str) -> None:
    tables = []
    for seed in range(8):
        flux = draw(seed)
        tables.append(check_common(flux, fit(flux), fit=rung, seed=seed))
    pulls = np.array([table["significance"] for table in tables])
    # 328 of them: one beyond 5 in a million chips; their width is known to 8 percent.
    assert np.abs(pulls).max() < ALARM
    assert np.sqrt((pulls**2).mean()) == pytest.approx(1, abs=0.25)
    assert not any(table.attrs["common"] for table in tables)
    assert tables[0].attrs["verdict"].startswith("no common misfit")


@pytest.mark.parametrize("rung", ["free", "A+E0"])
@pytest.mark.parametrize(
    ("factor", "shift"), [(1 + jumps(0.02), 0.0), (1.0, jumps(0.5))], ids=["light", "threshold"]
)
def test_check_common_sees_jumps_that_p_values_do_not(rung: str, factor: Any, shift: Any) -> None:
    flux = draw(2, factor, shift)
    fits = fit(flux)
    table = check_common(flux, fits, fit=rung)
    assert float((fits.p_value.sel(fit=rung) < 0.05).mean()) < 0.08
    assert table.attrs["largest"] > 3 * ALARM
    assert table.attrs["common"]
    assert "correct_common takes them out" in table.attrs["verdict"]


def test_check_common_of_another_shape_asks_for_another_shape() -> None:
    flux = draw_flux(SIZE, shape="consistent", exposure=1310.0)
    table = check_common(flux, fit(flux), fit="A+E0")
    assert table.attrs["common"]
    assert "try another shape" in table.attrs["verdict"]


def test_correct_common_takes_the_jumps_out(jumping: xr.Dataset) -> None:
    table = check_common(jumping, fit(jumping), fit="free")
    corrected = correct_common(jumping, table)
    again = check_common(corrected, fit(corrected), fit="free")
    assert again.attrs["largest"] < ALARM
    # What bends as the curves do is taken by the fits, and cannot be told from them.
    left = np.log(corrected.common_factor.values) - np.log(1 + jumps(0.02))
    bends = np.polynomial.polynomial.Polynomial.fit(thresholds(), left, 5)(thresholds())
    assert np.std((left - bends)[:25]) < 0.004


def test_one_noisy_pixel_does_not_alarm() -> None:
    flux = draw(3)
    hits = flux["hits"].values.copy()
    hits[:, 4, 7] += 5000
    flux = flux_of(hits, flux["exposure"].values)
    assert not check_common(flux, fit(flux), fit="A+E0").attrs["common"]


def test_check_common_without_such_a_fit_is_refused(jumping: xr.Dataset) -> None:
    fits = fit(jumping)
    with pytest.raises(ValueError, match="A\\+s"):
        check_common(jumping, fits, fit="A+s")
    with pytest.raises(ValueError, match="statistic of the fits is 'chi2'; sums of hits"):
        check_common(jumping, fits.assign_attrs(statistic="chi2"), fit="free")
    with pytest.raises(ValueError, match="fit 'free' describes no pixel; look at fit_type"):
        check_common(jumping, fits.assign(p_value=0 * fits.p_value), fit="free")


def test_correct_common_with_the_table_of_another_scan_is_refused(jumping: xr.Dataset) -> None:
    table = check_common(jumping, fit(jumping), fit="A+E0")
    with pytest.raises(ValueError, match=r"table has 40 thresholds from 1480.* flux has 41 from"):
        correct_common(jumping, table.iloc[:-1])
