"""Figures: what they say, what they count, and that they leave nothing behind."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from datasets import (
    BAD,
    CUT,
    LOST_THRESHOLD,
    MASKED,
    NOT_FOUND,
    make_asic,
    make_fits,
    make_flux,
    make_scan,
    make_truth,
)
from hypothesis import given, strategies as st
from IPython.core.interactiveshell import InteractiveShell
from matplotlib import pyplot
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from PIL import Image
from scipy.stats import norm, poisson

import velonb.plots as vp
from velonb import classify_pixels, compare_runs, equalise, explain_spread
from velonb.curves.model import threshold_curve
from velonb.plots.cells import CellAxes, draw_colour_bar
from velonb.plots.curve_parts import DENSE, Points
from velonb.plots.facts import (
    average_points,
    curve_of,
    describe_pixel,
    points_of,
    poisson_interval,
    pulls_of,
    value_text,
)
from velonb.plots.painter import REASONS, CellMap, cell_map, colour_limits
from velonb.plots.style import CLASS_COLOURS, REASON_COLOURS, new_figure
from velonb.statistics import likelihood_chi_square, weighted_mean
from velonb.vocabulary import NEEDS, ONE_SIGMA

SIZE = 64


@pytest.fixture(scope="module")
def flux() -> xr.Dataset:
    return make_flux(SIZE)


@pytest.fixture(scope="module")
def fits() -> xr.Dataset:
    return make_fits(SIZE)


@pytest.fixture(scope="module")
def asic() -> Any:
    return make_asic(SIZE)


def good_pixels(fits: xr.Dataset, number: int = 3) -> list[tuple[int, int]]:
    where = np.argwhere((fits["fit_type"].values == 1).all(0))
    return [(int(row), int(column)) for row, column in where[:number]]


def cells_of(values: Any, mask: Any = None) -> CellMap:
    return cell_map(xr.DataArray(np.array(values), dims=("row", "column")), mask=mask)


def rgb(colour: str) -> list[int]:
    return np.rint(255 * np.array(to_rgba(colour)[:3])).astype(int).tolist()


def legend_texts(owner: Any) -> list[str]:
    legends = owner.legends if isinstance(owner, Figure) else [owner.get_legend()]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


# The numbers and texts of one pixel


@given(hits=st.integers(1, 5000))
def test_poisson_interval_of_hits_leaves_half_the_rest_on_each_side(hits: int) -> None:
    low, high = poisson_interval(hits)
    tail = (1 - ONE_SIGMA) / 2
    assert poisson.sf(hits - 1, low) == pytest.approx(tail, rel=1e-6)
    assert poisson.cdf(hits, high) == pytest.approx(tail, rel=1e-6)


def test_poisson_interval_of_no_hits_starts_at_zero() -> None:
    low, high = poisson_interval(0)
    assert low == 0
    assert poisson.cdf(0, high) == pytest.approx((1 - ONE_SIGMA) / 2)


def test_points_of_pixel_leaves_out_the_threshold_without_exposure(flux: xr.Dataset) -> None:
    points = points_of(flux, 3, 4)
    assert LOST_THRESHOLD in flux["threshold"]
    assert LOST_THRESHOLD not in points["threshold"]
    expected = flux["flux"].sel(threshold=points["threshold"])[:, 3, 4]
    np.testing.assert_allclose(points["flux"], expected)
    assert (points["low"] <= points["flux"]).all()
    assert (points["high"] > points["flux"]).all()


def test_average_points_are_the_mean_of_active_pixels(flux: xr.Dataset) -> None:
    points = average_points(flux)
    mean = flux["flux"].sel(threshold=points["threshold"]).mean(("row", "column"))
    np.testing.assert_allclose(points["flux"], mean)


def test_curve_of_pixel_is_the_model_at_its_parameters(fits: xr.Dataset) -> None:
    row, column = good_pixels(fits)[0]
    t = np.array([1490.0, 1550.0])
    pixel = fits.sel(fit="free").isel(row=row, column=column)
    expected = threshold_curve(t, *(float(pixel[name]) for name in ("f", "A", "s", "E0")))
    np.testing.assert_allclose(curve_of(fits, row, column, t), expected)


@pytest.mark.parametrize("form", ["map", "attribute"])
def test_curve_of_pixel_with_two_lines_uses_the_baseline(fits: xr.Dataset, form: str) -> None:
    row, column = good_pixels(fits)[0]
    baseline = np.full((SIZE, SIZE), 1400.0)
    both = fits.assign_attrs(shape="fe55", baseline=1420.0)
    if form == "map":
        both = both.assign(baseline=(("row", "column"), baseline))
    t = np.array([1550.0, 1570.0])
    values = [float(fits[n].sel(fit="free")[row, column]) for n in ("f", "A", "s", "E0")]
    expected = threshold_curve(
        t, *values, shape="fe55", baseline=1400.0 if form == "map" else 1420.0
    )
    np.testing.assert_allclose(curve_of(both, row, column, t), expected)


def test_curve_of_pixel_without_fit_is_nan(fits: xr.Dataset) -> None:
    assert np.isnan(curve_of(fits, *NOT_FOUND, [1500.0, 1550.0])).all()


@pytest.mark.parametrize(
    ("row", "column", "message"),
    [(SIZE, 0, "row is 64; it must be 0 to 63"), (0, -1, "column is -1; it must be 0 to 63")],
)
def test_pixel_off_the_chip_is_refused(
    flux: xr.Dataset, fits: xr.Dataset, row: int, column: int, message: str
) -> None:
    with pytest.raises(IndexError, match=message):
        points_of(flux, row, column)
    with pytest.raises(IndexError, match=message):
        curve_of(fits, row, column, [1500.0])
    with pytest.raises(IndexError, match=message):
        vp.plot_pixel_scan(flux, pixels=(row, column))


def test_pulls_of_poisson_fit_add_up_to_its_statistic(fits: xr.Dataset, flux: xr.Dataset) -> None:
    pixel = good_pixels(fits)[0]
    points = points_of(flux, *pixel)
    expected = curve_of(fits, *pixel, points["threshold"].values)
    pulls = pulls_of(points, expected)
    total = likelihood_chi_square(points["hits"], expected * points["exposure"].values).sum()
    assert (pulls**2).sum() == pytest.approx(total)
    assert ((pulls > 0) == (points["flux"].values > expected)).all()


def test_pulls_of_chi2_fit_have_none_without_hits(fits: xr.Dataset, flux: xr.Dataset) -> None:
    pixel = good_pixels(fits)[0]
    points = points_of(flux, *pixel)
    hits = points["hits"].values
    pulls = pulls_of(points, 2 * points["flux"].values, statistic="chi2")
    assert np.isnan(pulls[hits == 0]).all()
    np.testing.assert_allclose(pulls[hits > 0], -np.sqrt(hits[hits > 0]))


def test_describe_pixel_gives_verdict_and_rounded_values(fits: xr.Dataset) -> None:
    row, column = good_pixels(fits)[0]
    pixel = fits.sel(fit="free").isel(row=row, column=column)
    lines = describe_pixel(fits, row, column)
    assert lines[0] == f"free fit: good, p = {float(pixel['p_value']):.2g}"
    assert [line.split(" = ")[0] for line in lines[1:]] == ["E0", "s", "f", "A"]
    assert lines[1].endswith(" DAC")
    assert "±" in lines[1]
    assert len(describe_pixel(fits, row, column, brief=True)) == 2


def test_describe_pixel_leaves_out_what_was_held_fixed(fits: xr.Dataset) -> None:
    lines = describe_pixel(fits, *good_pixels(fits)[0], fit="fixed")
    assert [line.split(" = ")[0] for line in lines[1:]] == ["A"]


@pytest.mark.parametrize(
    ("pixel", "verdict"),
    [(MASKED, "cut"), (CUT, "cut"), (NOT_FOUND, "not found"), (BAD, "bad, p = 0.001")],
)
def test_describe_pixel_of_each_fit_type(
    fits: xr.Dataset, pixel: tuple[int, int], verdict: str
) -> None:
    assert describe_pixel(fits, *pixel)[0] == f"free fit: {verdict}"


def test_describe_pixel_tells_limit_and_weakness(fits: xr.Dataset) -> None:
    flagged = fits.assign({name: xr.ones_like(fits["fit_type"]) for name in ("at_limit", "weak")})
    text = describe_pixel(flagged, *good_pixels(fits)[0])[0]
    assert text.endswith("at the limit; weak: f")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("E0", 1551.2387, 0.3142, "DAC"), "E0 = 1551.24 ± 0.31 DAC"),
        (("f", 9e-4, 4e-4, "1/DAC"), "f = 0.0009 ± 0.0004 /DAC"),
        (("p-value", 0.5279, None, "1"), "p-value = 0.5279"),
        (("E0", 1551.24, None, "DAC"), "E0 = 1551.2 DAC"),
        (("E0", 1551.24, np.nan, "DAC"), "E0 = 1551.2 ± unknown DAC"),
        (("E0", np.nan, np.nan, "DAC"), "E0 = unknown"),
        (("chi2", 36.123, 0.0, ""), "chi2 = 36.12"),
    ],
)
def test_value_text_rounds_and_adds_the_unit(arguments: Any, text: str) -> None:
    assert value_text(*arguments) == text


# Curves


def test_plot_pixel_scan_of_one_pixel_shows_both_fits(
    flux: xr.Dataset, fits: xr.Dataset, asic: Any
) -> None:
    pixel = good_pixels(fits)[0]
    figure = vp.plot_pixel_scan(flux, fits, asic, pixels=pixel)
    ax, below = figure.axes
    assert ax.get_title() == "Pixel at row {}, column {}".format(*pixel)
    assert ax.get_ylabel() == "Flux (hits/s)"
    assert below.get_xlabel() == "Threshold (DAC)"
    texts = legend_texts(figure)
    assert texts[0] == "average pixel"
    assert texts[1].startswith("ASIC fit / active pixels\nE0 = ")
    assert texts[2] == "hits / exposure"
    assert texts[3] == "\n".join(describe_pixel(fits, *pixel))
    assert texts[4] == "\n".join(describe_pixel(fits, *pixel, fit="fixed"))
    assert len(texts) == 5


def test_plot_pixel_scan_draws_no_hits_open_and_with_their_interval(
    flux: xr.Dataset, fits: xr.Dataset
) -> None:
    row, column = good_pixels(fits)[0]
    ax = vp.plot_pixel_scan(flux, fits, pixels=(row, column), average=False).axes[0]
    points = points_of(flux, row, column)
    zero = points["hits"].values == 0
    counted, zeros = ax.lines[:2]
    assert zero.any()
    np.testing.assert_array_equal(zeros.get_xdata(), points["threshold"][zero])
    assert zeros.get_markerfacecolor() == "white"
    np.testing.assert_array_equal(counted.get_ydata(), points["flux"][~zero])
    tops = np.array([segment[1, 1] for segment in ax.collections[0].get_segments()])
    np.testing.assert_allclose(tops, points["high"])
    np.testing.assert_allclose(tops[zero] * points["exposure"][zero], 1.841, rtol=1e-3)


def test_plot_pixel_scan_scales_the_asic_to_the_average_pixel(flux: xr.Dataset, asic: Any) -> None:
    ax = vp.plot_pixel_scan(flux, asic=asic, pixels=(2, 2)).axes[0]
    curve = next(line for line in ax.lines if len(line.get_xdata()) == DENSE)
    expected = asic.eval(t=np.array([1480.0])) / flux.attrs["active_pixels"]
    assert curve.get_ydata()[0] == pytest.approx(expected[0])
    assert curve.get_ydata()[0] == pytest.approx(float(average_points(flux)["flux"][0]), rel=0.05)


def test_plot_pixel_scan_pulls_are_those_of_each_fit(flux: xr.Dataset, fits: xr.Dataset) -> None:
    pixel = good_pixels(fits)[0]
    below = vp.plot_pixel_scan(flux, fits, pixels=pixel).axes[1]
    points = points_of(flux, *pixel)
    drawn = [line.get_ydata() for line in below.lines if line.get_marker() == "o"]
    for name, pulls in zip(("free", "fixed"), drawn, strict=True):
        curve = curve_of(fits, *pixel, points["threshold"].values, fit=name)
        np.testing.assert_allclose(pulls, pulls_of(points, curve))
    low, high = below.get_ylim()
    assert -low == high > np.abs(drawn).max()


def test_plot_pixel_scan_of_several_pixels_has_one_entry_each(
    flux: xr.Dataset, fits: xr.Dataset, asic: Any
) -> None:
    pixels = good_pixels(fits)
    figure = vp.plot_pixel_scan(flux, fits, asic, pixels=pixels)
    texts = legend_texts(figure)
    assert figure.axes[0].get_title() == "3 pixels"
    assert [text.split("\n")[0] for text in texts[2:5]] == [
        f"row {row}, column {column}" for row, column in pixels
    ]
    assert texts[5:] == ["free fit", "fixed fit"]
    assert len([line for line in figure.axes[1].lines if line.get_marker() == "o"]) == 3


@pytest.mark.parametrize("pixel", [MASKED, CUT, NOT_FOUND])
def test_plot_pixel_scan_of_pixel_without_fit_draws_its_points(
    flux: xr.Dataset, fits: xr.Dataset, pixel: tuple[int, int]
) -> None:
    figure = vp.plot_pixel_scan(flux, fits, pixels=pixel)
    figure.draw_without_rendering()
    assert legend_texts(figure)[-1] == describe_pixel(fits, *pixel, fit="fixed")[0]


def test_plot_pixel_scan_without_fits_has_no_pulls(flux: xr.Dataset) -> None:
    (ax,) = vp.plot_pixel_scan(flux, pixels=(2, 2)).axes
    assert ax.get_xlabel() == "Threshold (DAC)"


def test_plot_pixel_scan_finds_pixels_by_the_coordinates_of_the_chip(
    flux: xr.Dataset, fits: xr.Dataset
) -> None:
    shifted = [data.assign_coords(row=range(32, 32 + SIZE)) for data in (flux, fits)]
    here, there = (
        vp.plot_pixel_scan(*data, pixels=(row, 3), average=False)
        for data, row in (((flux, fits), 2), (shifted, 34))
    )
    for mine, others in zip(here.axes[0].lines, there.axes[0].lines, strict=True):
        np.testing.assert_array_equal(mine.get_ydata(), others.get_ydata())
    with pytest.raises(IndexError, match="row is 2; it must be 32 to 95"):
        vp.plot_pixel_scan(*shifted, pixels=(2, 3))


@pytest.mark.parametrize("pixels", [[], 5, [(1, 2, 3)]])
def test_plot_pixel_scan_refuses_what_is_no_pixel(flux: xr.Dataset, pixels: Any) -> None:
    with pytest.raises(ValueError, match=r"pixels is .*; it must be \(row, column\) or a list"):
        vp.plot_pixel_scan(flux, pixels=pixels)


def test_plot_pixel_scan_refuses_unknown_fit(flux: xr.Dataset, fits: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="fit is 'A\\+E0'; it must be one of free, fixed"):
        vp.plot_pixel_scan(flux, fits, pixels=(2, 2), fit=["A+E0"])


def test_plot_asic_fit_terms_add_up_to_the_fit(flux: xr.Dataset, asic: Any) -> None:
    figure = vp.plot_asic_fit(flux, asic)
    total, peak, sharing = (line.get_ydata() for line in figure.axes[0].lines[-3:])
    np.testing.assert_allclose(peak + sharing, total)
    p = {name: parameter.value for name, parameter in asic.params.items()}
    plateau = (1 - p["f"]) * p["A"] / (np.sqrt(2 * np.pi) * p["s"])
    assert peak[0] == pytest.approx(plateau, rel=1e-6)
    text = legend_texts(figure)[1]
    assert f"chi2 / dof = {asic.chisqr:,.0f} / {asic.nfree}" in text
    assert text.splitlines()[1].endswith("DAC")


def test_plot_asic_fit_pulls_add_up_to_chi2(flux: xr.Dataset, asic: Any) -> None:
    below = vp.plot_asic_fit(flux, asic).axes[1]
    (pulls,) = (line.get_ydata() for line in below.lines if line.get_marker() == "o")
    assert (pulls**2).sum() == pytest.approx(asic.chisqr, rel=1e-6)


def test_moved_points_show_the_other_scan(flux: xr.Dataset) -> None:
    artists = Points(new_figure(3, 3).subplots())
    for pixel in ((1, 1), (2, 2)):
        artists.move(points_of(flux, *pixel))
    shown = np.concatenate([artists.counted.get_ydata(), artists.zeros.get_ydata()])
    np.testing.assert_allclose(np.sort(shown), np.sort(points_of(flux, 2, 2)["flux"]))


# Maps


@given(st.lists(st.floats(-1e6, 1e6), max_size=30))
def test_colour_limits_are_apart_and_within_the_values(values: list[float]) -> None:
    low, high = colour_limits([*values, np.nan])
    assert low < high
    if values and np.ptp(np.percentile(values, (1, 99))) > 0:
        assert min(values) <= low
        assert high <= max(values)


def test_colour_limits_ignore_an_outlier() -> None:
    values = np.linspace(0, 1, 10_000)
    values[0] = 1e9
    low, high = colour_limits(values)
    assert 0 <= low < high <= 1


def test_colour_limits_of_counts_nearly_all_zero_span_the_others() -> None:
    values = np.zeros(10_000)
    values[:20] = 1
    values[0] = 5000
    assert colour_limits(values) == (0, 1)


def test_colour_limits_of_a_constant_lie_around_it() -> None:
    assert colour_limits([1551.0, 1551.0]) == pytest.approx((1543.245, 1558.755))


@pytest.mark.parametrize("percentiles", [(50, 50), (99, 1), (-1, 50), (0, 101)])
def test_colour_limits_refuse_percentiles_out_of_order(percentiles: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="it must be 0 <= low < high <= 100"):
        colour_limits([1.0, 2.0], percentiles)


@pytest.mark.parametrize(
    ("values", "extend"),
    [([1, 2], "neither"), ([0, 2], "min"), ([1, 3], "max"), ([0, 3, np.nan], "both")],
)
def test_colour_bar_tells_where_values_are_beyond(values: list[float], extend: str) -> None:
    figure = new_figure(3, 3)
    ax, cells = CellAxes.on(figure, 1, 1, 1), cells_of([values])
    scale = cells.scale()
    scale.set_clim(1, 2)
    draw_colour_bar(ax, cells, scale)
    assert figure.axes[1]._colorbar.extend == extend


def test_reasons_tell_masked_cut_dead_and_not_found_apart(fits: xr.Dataset) -> None:
    chosen = fits.sel(fit="free")
    dead = np.zeros((SIZE, SIZE), bool)
    dead[0, 0] = True
    known = {"mask": fits["mask"], "fit_type": chosen["fit_type"]}
    reasons = cell_map(chosen["E0"], **known, dead=dead).reasons
    names = [REASONS[reasons[pixel]] for pixel in (MASKED, CUT, NOT_FOUND, BAD, (0, 0))]
    assert names == ["masked", "cut", "not found", "value", "dead"]
    has_value = cell_map(chosen["E0"], **known).reasons == 0
    np.testing.assert_array_equal(has_value, np.isfinite(chosen["E0"]))


def test_painted_map_shows_why_a_pixel_has_no_value() -> None:
    cells = cells_of([[1.0, np.nan], [3.0, 4.0]], mask=[[0, 0], [1, 0]])
    colours = cells.paint(cells.scale(), np.array([[True, True], [True, False]])).tolist()
    assert colours[0][1] == rgb(REASON_COLOURS["not found"])
    assert colours[1][0] == rgb(REASON_COLOURS["masked"])
    assert colours[1][1] == rgb(REASON_COLOURS["not shown"])
    assert [patch.get_label() for patch in cells.handles()] == ["masked 1", "not found 1"]


def test_plot_heatmap_title_is_the_weighted_mean_of_good_pixels(fits: xr.Dataset) -> None:
    figure = vp.plot_heatmap(fits, "E0")
    chosen = fits.sel(fit="free")
    good = chosen["fit_type"].values == 1
    mean = weighted_mean(chosen["E0"].values[good], chosen["E0_err"].values[good])
    assert figure.axes[0].get_title().splitlines() == [
        value_text("E0", *mean, "DAC"),
        f"weighted mean, free fit, {good.sum():,} good pixels",
    ]


def test_plot_heatmap_counts_pixels_without_value(fits: xr.Dataset) -> None:
    figure = vp.plot_heatmap(fits, "s")
    ax, bar = figure.axes
    fit_type, mask = fits["fit_type"].sel(fit="free").values, fits["mask"].values
    assert legend_texts(ax) == [
        f"masked {mask.sum()}",
        f"cut {((fit_type == -2) & ~mask).sum()}",
        f"not found {(fit_type == -1).sum()}",
    ]
    assert (ax.get_xlabel(), ax.get_ylabel(), bar.get_ylabel()) == ("Column", "Row", "s (DAC)")
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_plot_heatmap_limits_are_the_percentiles(fits: xr.Dataset) -> None:
    chosen = fits.sel(fit="free")
    good = chosen["E0"].values[chosen["fit_type"].values == 1]
    bar = vp.plot_heatmap(fits, "E0", percentiles=(10, 80)).axes[1]
    np.testing.assert_allclose(bar.get_ylim(), np.percentile(good, (10, 80)))
    assert bar._colorbar.extend == "both"


@pytest.mark.parametrize("plot", [vp.plot_heatmap, vp.plot_parameter])
def test_colours_are_not_ruled_by_pixels_at_the_limit(fits: xr.Dataset, plot: Any) -> None:
    edge = np.random.default_rng(0).random(fits["f"].shape) < 0.05
    f = fits["f"].where(~edge | fits["f"].isnull(), 1.0).assign_attrs(fits["f"].attrs)
    at_limit = xr.DataArray(edge.astype(np.int8), dims=f.dims)
    high = plot(fits.assign(f=f, at_limit=at_limit), "f").axes[1].get_ylim()[1]
    assert high == pytest.approx(plot(fits, "f").axes[1].get_ylim()[1], rel=0.1)


@pytest.mark.parametrize(
    ("parameter", "fit", "title"),
    [
        ("E0", "fixed", r"^E0 = 15\d\d\.\d DAC, held fixed\nfixed fit"),
        ("p_value", "free", r"^median p-value = 0\.\d+\nfree fit"),
        ("E0_err", "free", r"^median error of E0 = \d\.\d+ DAC\nfree fit"),
    ],
)
def test_plot_heatmap_title_of_what_has_no_error(
    fits: xr.Dataset, parameter: str, fit: str, title: str
) -> None:
    assert re.search(title, vp.plot_heatmap(fits, parameter, fit=fit).axes[0].get_title())


def test_plot_heatmap_without_good_pixel_is_drawn(fits: xr.Dataset) -> None:
    none = fits.assign(fit_type=fits["fit_type"].copy(data=np.full((2, SIZE, SIZE), np.int8(-1))))
    none["E0"] = none["E0"] * np.nan
    figure = vp.plot_heatmap(none, "E0")
    figure.draw_without_rendering()
    assert figure.axes[0].get_title().startswith("E0: no value")


@pytest.mark.parametrize(
    ("plot", "allowed"),
    [
        (vp.plot_heatmap, "f, f_err, A"),
        (vp.plot_parameter, "f, f_err, A"),
        (vp.plot_pattern, "f, A"),
    ],
)
def test_plots_of_unknown_parameter_list_the_allowed(
    fits: xr.Dataset, plot: Any, allowed: str
) -> None:
    with pytest.raises(ValueError, match=f"parameter is 'E1'; it must be one of {allowed}, "):
        plot(fits, "E1")


@pytest.mark.parametrize("plot", [vp.plot_heatmap, vp.plot_parameter, vp.plot_pattern])
def test_plots_of_unknown_fit_list_the_allowed(fits: xr.Dataset, plot: Any) -> None:
    with pytest.raises(ValueError, match="fit is 'loose'; it must be one of free, fixed"):
        plot(fits, "E0", fit="loose")


def test_plot_map_of_array_takes_name_and_unit() -> None:
    figure = vp.plot_map(np.arange(16.0).reshape(4, 4), name="E0", units="DAC", mask=np.eye(4) > 0)
    ax, bar = figure.axes
    assert bar.get_ylabel() == "E0 (DAC)"
    assert legend_texts(ax) == ["masked 4"]
    assert figure.axes[0].get_title() == "median E0 = 7.5 DAC"


def test_plot_map_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"values has the shape \(3,\); a map has"):
        vp.plot_map(np.zeros(3))
    with pytest.raises(ValueError, match=r"mask has the shape \(2, 2\), the map \(3, 3\)"):
        vp.plot_map(np.zeros((3, 3)), mask=np.zeros((2, 2), bool))


def test_plot_hits_of_scan_tells_the_mean_of_active_pixels() -> None:
    scan = make_scan(SIZE)
    figure = vp.plot_hits(scan, 1501)
    hits = scan["hits"].sel(threshold=1501).values[~scan["mask"].values]
    assert figure.axes[0].get_title() == f"Threshold 1501 DAC, 131.1 s: mean {hits.mean():.4g} hits"
    assert legend_texts(figure.axes[0]) == [f"masked {int(scan['mask'].sum())}"]


def test_plot_hits_of_array_tells_the_sum() -> None:
    counts = np.full((8, 8), 3)
    assert vp.plot_hits(counts).axes[0].get_title() == "192 hits, 3 per pixel"


@pytest.mark.parametrize("threshold", [1500, None])
def test_plot_hits_refuses_unknown_threshold(threshold: int | None) -> None:
    with pytest.raises(ValueError, match=rf"threshold is {threshold}; the scan has 1480, 1483"):
        vp.plot_hits(make_scan(SIZE), threshold)


def test_plot_parameter_histogram_holds_good_pixels_on_the_scale_of_the_map(
    fits: xr.Dataset,
) -> None:
    figure = vp.plot_parameter(fits, "E0", percentiles=(0, 100))
    ax, beside = figure.axes
    bars = beside.collections[0]
    corners = np.array([path.vertices for path in bars.get_paths()])
    assert corners[:, 1, 0].sum() == int((fits["fit_type"].sel(fit="free") == 1).sum())
    values = fits["E0"].sel(fit="free").values
    row, column = np.argwhere(values == np.nanquantile(values, 0.9, method="nearest"))[0]
    (bar,) = np.flatnonzero(
        (corners[:, 0, 1] <= values[row, column]) & (values[row, column] < corners[:, 2, 1])
    )
    painted = ax.images[0].get_array()[row, column] / 255
    np.testing.assert_allclose(bars.get_facecolor()[bar, :3], painted, atol=0.03)
    assert beside.get_ylabel() == "E0 (DAC)"
    assert "median error = 3" in beside.get_title(loc="right")


# Classes


def test_plot_fit_types_counts_every_pixel(fits: xr.Dataset) -> None:
    figure = vp.plot_fit_types(fits)
    assert [ax.get_title() for ax in figure.axes] == ["free fit", "fixed fit"]
    for ax, name in zip(figure.axes, ("free", "fixed"), strict=True):
        codes = fits["fit_type"].sel(fit=name).values
        expected = [
            f"{text} {(codes == code).sum():,} ({100 * (codes == code).mean():.1f} %)"
            for code, text in ((1, "good"), (0, "bad"), (-1, "not found"), (-2, "cut"))
        ]
        assert legend_texts(ax) == expected


def test_plot_fit_types_gives_each_type_its_colour(fits: xr.Dataset) -> None:
    colours = vp.plot_fit_types(fits).axes[0].images[0].get_array()
    kinds = {MASKED: "cut", NOT_FOUND: "not found", BAD: "bad", good_pixels(fits)[0]: "good"}
    for pixel, name in kinds.items():
        assert colours[pixel].tolist() == rgb(CLASS_COLOURS[name])


@pytest.mark.parametrize(
    "classes", [("good", "bad", "not found", "cut"), ("good", "bad", "missing", "unreadable")]
)
def test_class_colours_survive_a_grey_print(classes: tuple[str, ...]) -> None:
    colours = [to_rgba(CLASS_COLOURS[name])[:3] for name in classes]
    grey = sorted(np.dot(colour, (0.2126, 0.7152, 0.0722)) for colour in colours)
    assert np.diff(grey).min() > 0.15


def test_plot_needs_counts_the_rungs(fits: xr.Dataset) -> None:
    texts = legend_texts(vp.plot_needs(fits).axes[0])
    assert [text.split(" ")[0] for text in texts] == list(NEEDS)[::-1]
    share = 100 * float((fits["needs"] == 1).mean())
    assert texts[3] == f"A+E0 {int((fits['needs'] == 1).sum()):,} ({share:.1f} %)"


def test_plot_needs_without_the_ladder_says_so(fits: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="fits has no variable 'needs'"):
        vp.plot_needs(fits.drop_vars("needs"))


def test_plot_acquisitions_counts_each_status() -> None:
    scan = make_scan(SIZE)
    figure = vp.plot_acquisitions(scan)
    status = scan["acquisition_status"].values
    assert legend_texts(figure) == [
        f"{name} {(status == code).sum():,} ({100 * (status == code).mean():.1f} %)"
        for code, name in enumerate(("good", "bad", "missing", "unreadable"))
    ]
    assert figure.axes[0].get_title() == "41 thresholds, 1 without a good acquisition"


def test_plot_acquisitions_draws_the_flux_of_those_that_were_read() -> None:
    scan = make_scan(SIZE)
    below = vp.plot_acquisitions(scan).axes[1]
    points = sum(len(line.get_xdata()) for line in below.lines if line.get_marker() == "o")
    assert points == int(np.isfinite(scan["last_columns_flux"]).sum())
    assert below.lines[-1].get_ydata()[0] == scan.attrs["bad_cut"]


# Distributions


def test_plot_p_values_holds_every_p_value_against_uniform(fits: xr.Dataset) -> None:
    figure = vp.plot_p_values(fits, bins=10)
    for ax, name in zip(figure.axes, ("free", "fixed"), strict=True):
        p = fits["p_value"].sel(fit=name).values
        p = p[np.isfinite(p)]
        heights = [bar.get_height() for bar in ax.patches[:10]]
        np.testing.assert_array_equal(heights, np.histogram(p, 10, (0, 1))[0])
        assert ax.lines[0].get_ydata()[0] == p.size / 10
        assert ax.get_title() == f"{name} fit: {100 * (p < 0.05).mean():.1f} % below 0.05"


def test_plot_pulls_tells_median_and_width() -> None:
    pulls = norm.ppf(np.linspace(0, 1, 10_001)[1:-1], 0.5, 2)
    figure = vp.plot_pulls({"E0": pulls, "s": [np.nan]}, title="Toys")
    assert figure.axes[0].get_title() == "median 0.50, width 2.00"
    assert figure.axes[0].get_xlabel() == "Pull of E0"
    assert figure.axes[1].get_title() == "no pull"
    assert figure.get_suptitle() == "Toys"


def test_plot_pulls_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="pulls is empty"):
        vp.plot_pulls({})


def test_plot_pattern_finds_the_step_of_every_16th_row(fits: xr.Dataset) -> None:
    figure = vp.plot_pattern(fits, "E0")
    by_row, row_phase, by_column, _ = figure.axes
    phase = row_phase.containers[0].lines[0].get_ydata()
    every_16th = fits.sel(fit="free").isel(row=slice(None, None, 16))
    good = every_16th["fit_type"].values == 1
    value, error = every_16th["E0"].values[good], every_16th["E0_err"].values[good]
    assert phase[0] == pytest.approx(weighted_mean(value, error)[0])
    assert phase.argmax() == 0
    assert len(by_row.containers[0].lines[0].get_ydata()) == SIZE
    assert by_row.get_ylabel() == "Mean E0 (DAC)"
    assert by_column.get_xlabel() == "Column"


def test_plot_pattern_without_a_good_pixel_says_so(fits: xr.Dataset) -> None:
    figure = vp.plot_pattern(fits.assign(fit_type=xr.zeros_like(fits["fit_type"])), "E0")
    assert [ax.texts[0].get_text() for ax in figure.axes] == ["no good pixel"] * 4
    assert figure.get_suptitle().startswith("E0: no value")


def test_plot_acquisitions_without_a_pixel_in_the_last_columns_says_so() -> None:
    scan = make_scan(SIZE)
    unknown = scan.assign(last_columns_flux=scan["last_columns_flux"] * np.nan)
    figure = vp.plot_acquisitions(unknown)
    assert [text.get_text() for text in figure.axes[1].texts] == [
        "no active pixel in the last columns"
    ]


def test_plot_pattern_needs_an_error(fits: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="parameter is 'chi2'; it must be one of f, A, s, E0"):
        vp.plot_pattern(fits, "chi2")
    with pytest.raises(ValueError, match="E0 has no error in fit 'fixed'"):
        vp.plot_pattern(fits, "E0", fit="fixed")


# How figures show themselves


@pytest.fixture
def every_figure(flux: xr.Dataset, fits: xr.Dataset, asic: Any) -> dict[str, Figure]:
    truth = make_truth(SIZE)
    trim = xr.DataArray([0.0, 15.0], {"trim": [0, 15]}, "trim")
    response = (truth["E0"] - 240 + 14 * trim).transpose("trim", "row", "column")
    return {
        "pixel_scan": vp.plot_pixel_scan(flux, fits, asic, pixels=good_pixels(fits)),
        "heatmap": vp.plot_heatmap(fits, "E0"),
        "map": vp.plot_map(truth["E0"]),
        "hits": vp.plot_hits(flux, 1501),
        "parameter": vp.plot_parameter(fits, "f"),
        "fit_types": vp.plot_fit_types(fits),
        "needs": vp.plot_needs(fits),
        "acquisitions": vp.plot_acquisitions(make_scan(SIZE)),
        "asic_fit": vp.plot_asic_fit(flux, asic),
        "p_values": vp.plot_p_values(fits),
        "pulls": vp.plot_pulls({"E0": np.zeros(5)}),
        "pattern": vp.plot_pattern(fits, "A"),
        "baseline": vp.plot_baseline(fits, truth["E0"].values - 120),
        "budget": vp.plot_budget(explain_spread(fits, truth["E0"].values - 120)),
        "change": vp.plot_change(compare_runs(flux, flux, progress=False)),
        "classes": vp.plot_classes(classify_pixels(flux, fits.assign(at_limit=0 * fits["needs"]))),
        "trims": vp.plot_trims(equalise(response)),
    }


def test_every_plot_is_tested_for_leaks(every_figure: dict[str, Figure]) -> None:
    assert {f"plot_{name}" for name in every_figure} == set(vp.__all__)


def test_figures_leave_nothing_behind(every_figure: dict[str, Figure]) -> None:
    before = dict(mpl.rcParams)
    for figure in every_figure.values():
        figure._repr_png_()
    assert dict(mpl.rcParams) == before
    assert pyplot.get_fignums() == []


def test_figure_looks_the_same_whatever_the_user_set(fits: xr.Dataset) -> None:
    expected = vp.plot_heatmap(fits, "E0")._repr_png_()
    figure = vp.plot_heatmap(fits, "E0")
    with mpl.rc_context({"font.size": 20, "xtick.labelsize": 20, "axes.facecolor": "red"}):
        assert figure._repr_png_() == expected
        assert vp.plot_heatmap(fits, "E0")._repr_png_() == expected


def test_figure_shows_itself_once_even_if_pyplot_would(
    fits: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = vp.plot_heatmap(fits, "E0")
    shell = InteractiveShell.instance()
    shell.display_formatter.formatters["image/png"].for_type(Figure, lambda _: b"of pyplot")
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr(shell.display_pub, "publish", lambda data, **_: shown.append(data))
    try:
        rest, _ = shell.display_formatter.format(figure)
    finally:
        InteractiveShell.clear_instance()
    assert rest == {}
    fresh = vp.plot_heatmap(fits, "E0")
    assert [data["image/png"] for data in shown] == [fresh._repr_png_()]


def test_figure_of_a_full_chip_stays_light_and_keeps_rare_colours() -> None:
    fits = make_fits(256)
    png = vp.plot_heatmap(fits, "E0")._repr_png_()
    assert len(png) < 100_000
    with Image.open(BytesIO(png)) as picture:
        assert picture.size[0] <= 750
        colours = np.array([c for _, c in picture.convert("RGB").getcolors(70_000)])
    wanted = 255 * np.array(to_rgba(REASON_COLOURS["not found"])[:3])
    assert np.abs(colours - wanted).max(axis=1).min() < 12


def test_saved_figure_has_more_pixels_than_the_notebook(fits: xr.Dataset, tmp_path: Any) -> None:
    figure = vp.plot_heatmap(fits, "E0")
    figure.savefig(tmp_path / "map.png")
    with Image.open(tmp_path / "map.png") as picture:
        assert picture.size[0] == int(288 * figure.get_figwidth())
