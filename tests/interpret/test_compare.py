"""Two runs of one chip: no change, a common one, single pixels, and runs that do not compare."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import xarray as xr
from toys import TYPICAL, draw_flux

import velonb as vb
from velonb.fit import fit_asic, fit_pixels, fit_typical
from velonb.interpret.expected import expected_of_E0, follow_common

SIZE = (256, 256)
SMALL = (64, 64)


def truth_of(size=SIZE, **others) -> dict[str, np.ndarray]:
    """Pixels that differ in E0 and A, in light that falls off to one side."""
    random = np.random.default_rng(1)
    light = np.linspace(0.8, 1.3, size[1]) * np.exp(0.05 * random.normal(size=size))
    return TYPICAL | {"E0": random.normal(1551, 6, size), "A": 8 * light} | others


def run(seed: int, truth: Mapping, size=SIZE, **options) -> xr.Dataset:
    return draw_flux(size, seed=seed, truth=truth, **options)


def compare(first: xr.Dataset, second: xr.Dataset, **options) -> xr.Dataset:
    return vb.compare_runs(first, second, progress=False, **options)


@pytest.fixture(scope="module")
def before() -> xr.Dataset:
    return run(11, truth_of())


def known(change: xr.Dataset, name: str) -> np.ndarray:
    return change[name].values[np.isfinite(change["delta"].values)]


@pytest.mark.parametrize(
    ("seconds", "dimmed"),
    [pytest.param(131.0, 1.0, id="alike"), pytest.param(524.0, 0.7, id="longer-and-darker")],
)
def test_z_is_a_unit_normal_and_nothing_is_found_without_a_change(before, seconds, dimmed) -> None:
    truth = truth_of()
    after = run(12, truth | {"A": dimmed * truth["A"][:, ::-1]}, exposure=seconds)
    change = compare(before, after)
    z = known(change, "z")
    # The mean of 65,536 has an error of 0.004, their width one of 0.003.
    assert z.mean() == pytest.approx(0, abs=0.01)
    assert z.std() == pytest.approx(1, abs=0.02)
    assert not change["changed"].any()
    assert not change["changed_alone"].any()
    assert change.attrs["changed_pixels"] == 0
    assert change.attrs["common_shift"] == pytest.approx(0, abs=0.02)
    assert change.attrs["intrinsic_change"] < 0.25


def test_common_shift_is_found_with_its_errors(before) -> None:
    truth = truth_of()
    change = compare(before, run(13, truth | {"E0": truth["E0"] + 0.3}))
    assert change.attrs["common_shift"] == pytest.approx(0.30, abs=0.01)
    assert change.attrs["common_shift_err"] == pytest.approx(
        known(change, "delta").std() / 256, rel=0.05
    )
    assert 0 < change.attrs["common_shift_anchor_err"] < 0.05
    assert not change["changed_alone"].any()


def test_errors_do_not_go_with_the_change(before) -> None:
    change = compare(before, run(14, truth_of()))
    delta, error = known(change, "delta"), known(change, "delta_err")
    assert np.corrcoef(delta, error)[0, 1] == pytest.approx(0, abs=0.016)
    # Where the light is strong E0 is known better.
    column = np.nanmedian(change["delta_err"].values, axis=0)
    assert column[:20].mean() > 1.15 * column[-20:].mean()


def test_changed_pixels_are_found_and_few_others() -> None:
    truth, moved = truth_of(SMALL), np.zeros(SMALL, bool)
    moved[::8, ::8] = True
    second = truth | {"E0": truth["E0"] + 2.0 + np.where(moved, 12.0, 0)}
    change = compare(run(15, truth, SMALL), run(16, second, SMALL))
    alone, compared = change["changed_alone"].values, np.isfinite(change["delta"].values)
    assert alone[moved & compared].mean() > 0.95
    assert (alone & ~moved).sum() <= 0.15 * alone.sum()
    assert change.attrs["common_shift"] == pytest.approx(2.0, abs=0.12)
    assert change.attrs["intrinsic_change"] == pytest.approx(12 / 8, rel=0.15)
    assert change.attrs["changed_pixels"] == int(change["changed"].sum()) > moved.sum()


def test_nine_of_ten_pixels_that_change_detectably_are_found() -> None:
    truth, moved = truth_of(SMALL), np.random.default_rng(2).random(SMALL) < 0.005
    first = run(17, truth, SMALL)
    detectable = compare(first, run(18, truth, SMALL)).attrs["detectable"]
    found = []
    for seed in range(4):
        second = truth | {"E0": truth["E0"] + np.where(moved, detectable, 0)}
        change = compare(first, run(20 + seed, second, SMALL))
        found += change["changed"].values[moved].tolist()
    # Few pixels change, so the threshold is a little lower than for one alone.
    assert 0.8 < np.mean(found) <= 1


def test_bias_and_error_are_those_of_fits_of_toys() -> None:
    truth, size = TYPICAL | {"A": 3.0}, (256, 256)
    flux = run(3, truth, size)
    asic = fit_asic(flux)
    for name in ("f", "s"):
        asic.params[name].set(value=TYPICAL[name])
    fits = fit_pixels(flux, asic, free=("A", "E0"), progress=False).isel(fit=0)
    ((error, bias),) = expected_of_E0([flux], [fits], [asic], ("A", "E0"), np.ones(size, bool))
    away = fits["E0"].values - TYPICAL["E0"]
    assert away.std() == pytest.approx(np.median(error), rel=0.03)
    # The error of the mean is 0.007.
    assert away.mean() == pytest.approx(bias.mean(), abs=0.02)
    assert bias.mean() < -0.04


@pytest.mark.parametrize(("name", "step"), [("f", 2e-5), ("s", 0.2)])
def test_E0_follows_the_anchor_as_told(name: str, step: float) -> None:
    flux = run(4, TYPICAL, SMALL, exposure=1310.0)
    asic = fit_typical(flux, fit_asic(flux), progress=False)
    slope = follow_common(flux, asic, ("A", "E0"), (name,))[0]
    means = []
    for sign in (-1, 1):
        asic.params[name].set(value=asic.params[name].value + sign * step)
        fits = fit_pixels(flux, asic, free=("A", "E0"), progress=False)
        means.append(float(fits["E0"].mean()))
        asic.params[name].set(value=asic.params[name].value - sign * step)
    assert (means[1] - means[0]) / (2 * step) == pytest.approx(slope, rel=0.05)


def test_other_noise_in_one_run_is_told() -> None:
    truth = truth_of(SMALL)
    with pytest.warns(UserWarning, match="s of the typical pixel differs between the runs by"):
        change = compare(run(5, truth, SMALL), run(6, truth | {"s": 14.0}, SMALL))
    assert change.attrs["s_difference"] > 10


def test_thresholds_may_differ_but_another_range_is_told() -> None:
    truth = truth_of(SMALL)
    first, second = run(7, truth, SMALL), run(8, truth, SMALL, number=31)
    z = known(compare(first, second), "z")
    assert z.mean() == pytest.approx(0, abs=0.06)
    assert z.std() == pytest.approx(1, abs=0.05)
    with pytest.warns(UserWarning, match="different ranges, 1480 to 1600 and 1492 to 1600 DAC"):
        compare(first, second.isel(threshold=slice(3, None)))


def test_pixels_that_cannot_be_compared_have_a_status_and_no_change() -> None:
    truth, mask = truth_of(SMALL), np.zeros(SMALL, bool)
    mask[0, 0] = True
    first, second = run(9, truth, SMALL, mask=mask), run(10, truth, SMALL)
    second["hits"][:, 0, 1] = 0
    second["hits"][::2, 0, 2] += 30
    change = compare(first, second)
    status = change["status"]
    assert status.attrs["flag_meanings"] == "compared masked not_fitted not_described"
    assert status.values[0, :3].tolist() == [1, 2, 3]
    assert np.isnan(change["delta"].values[0, :3]).all()
    assert np.isnan(change["delta_err"].values[0, :3]).all()
    assert not change["changed"].values[0, :3].any()
    assert change.attrs["pixels"] == int((status == 0).sum()) > 4050


def test_runs_of_different_chips_are_refused() -> None:
    first, second = run(1, TYPICAL, (8, 8)), run(2, TYPICAL, (8, 8))
    first.attrs["asic"], second.attrs["asic"] = "VP0-1", "VP0-2"
    with pytest.raises(ValueError, match="asic of flux_1 is VP0-1, of flux_2 VP0-2"):
        compare(first, second)
    with pytest.raises(ValueError, match=r"flux_1 has \(8, 8\) rows and columns, flux_2 \(8, 9\)"):
        compare(run(1, TYPICAL, (8, 8)), run(2, TYPICAL, (8, 9)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"q": 1.0}, "q is 1.0; a false discovery rate"),
        ({"free": ("A",)}, r"free is \('A',\) and common is \('f', 's'\)"),
        ({"free": ("A", "E0", "s")}, "each once, with A and E0 free"),
        ({"free": ("E0",), "common": ("f", "A", "s")}, "each once, with A and E0 free"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, message) -> None:
    flux = run(1, TYPICAL, (8, 8))
    with pytest.raises(ValueError, match=message):
        compare(flux, flux, **options)


def test_noise_can_be_free_and_f_alone_common() -> None:
    truth = truth_of(SMALL)
    runs = run(21, truth, SMALL), run(22, truth, SMALL)
    change = compare(*runs, free=("A", "E0", "s"), common=("f",))
    z = known(change, "z")
    assert z.mean() == pytest.approx(0, abs=0.06)
    assert z.std() == pytest.approx(1, abs=0.08)
    assert np.nanmedian(change["delta_err"]) > 1.02 * np.nanmedian(compare(*runs)["delta_err"])


def test_change_is_drawn_with_its_numbers() -> None:
    truth = truth_of(SMALL)
    change = compare(run(23, truth, SMALL), run(24, truth, SMALL))
    figure = vb.plot_change(change)
    titles = [ax.get_title() for ax in figure.axes]
    assert any(title.startswith("Common shift") and "anchor" in title for title in titles)
    assert any(f"0 of {change.attrs['pixels']:,} changed" in title for title in titles)
    empty = change.assign(z=change["z"] * np.nan, delta=change["delta"] * np.nan)
    assert "no pixel compared" in [
        t.get_text() for ax in vb.plot_change(empty).axes for t in ax.texts
    ]
