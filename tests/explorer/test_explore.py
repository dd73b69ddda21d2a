"""The explorer without a browser: values are set, buttons pressed, artists looked at."""

from __future__ import annotations

import asyncio
import gc
import html
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from datasets import BAD, CUT, MASKED, NOT_FOUND, make_asic, make_fits, make_flux
from matplotlib.figure import Figure

import velonb as vb
from velonb.explorer.view import Coalesced
from velonb.plots.facts import curve_of, points_of
from velonb.plots.style import CLASS_COLOURS, REASON_COLOURS

SIZE = 64
FLUX, FITS = make_flux(SIZE), make_fits(SIZE)


@pytest.fixture
def explorer(tmp_path: Path) -> Iterator[vb.Explorer]:
    explorer = vb.explore(FLUX, FITS, make_asic(SIZE), folder=tmp_path)
    yield explorer
    explorer.close()


def view(explorer: vb.Explorer):
    return explorer._view


def marked(explorer: vb.Explorer) -> tuple[int, int]:
    """Where the mark on the map is."""
    columns, rows = view(explorer).map.mark.get_data()
    return int(rows[0]), int(columns[0])


def assert_everything_shows(explorer: vb.Explorer, row: int, column: int) -> None:
    """Selection, sliders, boxes, mark, curve, table and code are at one pixel."""
    controls, curve = explorer.controls, view(explorer).curve
    assert explorer.selection[-1] == (row, column)
    assert (controls.row.value, controls.column.value) == (row, column)
    assert marked(explorer) == (row, column)
    assert controls.clickable.marks["current"] == [row, column]
    points = points_of(FLUX, row, column)
    with_hits = points["hits"].values > 0
    np.testing.assert_allclose(
        curve.current.points.counted.get_ydata(), points["flux"].values[with_hits]
    )
    for fit in ("free", "fixed"):
        line = curve.current.curves[fit]
        expected = curve_of(FITS, row, column, line.get_xdata(), fit=fit)
        np.testing.assert_allclose(line.get_ydata(), expected)
    assert f"row {row}, column {column}" in controls.table.value
    assert f"({row}, {column})" in controls.code.value
    assert controls.message.value == ""


def test_select_moves_everything(explorer: vb.Explorer) -> None:
    explorer.select(20, 30)
    assert_everything_shows(explorer, 20, 30)
    assert explorer.selection == [(20, 30)]


def test_figure_is_a_matplotlib_figure_that_pyplot_does_not_hold(explorer: vb.Explorer) -> None:
    assert isinstance(explorer.figure, Figure)
    assert plt.get_fignums() == []


def test_row_and_column_can_be_set(explorer: vb.Explorer) -> None:
    explorer.controls.row.value = 17
    explorer.controls.column.value = 53
    assert_everything_shows(explorer, 17, 53)


def test_pick_on_the_map_moves_everything(explorer: vb.Explorer) -> None:
    explorer.controls.clickable.picked = [60, 50, False, 1]
    assert_everything_shows(explorer, 60, 50)
    explorer.controls.clickable.picked = [61, 55, True, 2]
    assert_everything_shows(explorer, 61, 55)


def test_back_and_forward_walk_through_the_history(explorer: vb.Explorer) -> None:
    explorer.select(1, 2)
    explorer.select(3, 4)
    explorer.controls.back.click()
    assert_everything_shows(explorer, 1, 2)
    assert not explorer.controls.forward.disabled
    explorer.controls.forward.click()
    assert_everything_shows(explorer, 3, 4)
    assert explorer.controls.forward.disabled


def test_next_bad_goes_to_the_bad_pixel_that_follows(explorer: vb.Explorer) -> None:
    explorer.select(BAD[0], BAD[1] - 1)
    types = FITS["fit_type"].sel(fit="free").values
    assert types[BAD] == 0
    explorer.controls.next_bad.click()
    assert explorer.selection == [BAD]
    explorer.controls.next_bad.click()
    assert types[explorer.selection[0]] == 0
    assert explorer.selection != [BAD]


def test_next_bad_says_so_where_none_is_shown(explorer: vb.Explorer) -> None:
    explorer.controls.types[0].value = False
    explorer.select(3, 4)
    explorer.controls.next_bad.click()
    assert "no bad pixel" in explorer.controls.message.value
    assert explorer.selection == [(3, 4)]


def test_random_stays_among_the_pixels_shown(explorer: vb.Explorer) -> None:
    explorer.controls.range.value = (10, 12)
    assert 0 < explorer.shown.sum() < 1_000
    for _ in range(20):
        explorer.controls.random.click()
        assert explorer.shown[explorer.selection[0]]


def test_pinned_pixels_stay_on_figure_legend_and_table(explorer: vb.Explorer) -> None:
    explorer.select(10, 11)
    explorer.controls.pin.click()
    assert explorer.controls.pin.description == "Unpin"
    explorer.select(20, 21)
    explorer.controls.pin.click()
    explorer.select(30, 31)
    assert explorer.selection == [(10, 11), (20, 21), (30, 31)]
    curve = view(explorer).curve
    expected = curve_of(FITS, 10, 11, curve.pins[0].curves["free"].get_xdata())
    np.testing.assert_allclose(curve.pins[0].curves["free"].get_ydata(), expected)
    words = [text.get_text() for text in curve.axes.get_legend().get_texts()]
    assert {"row 10, column 11", "row 20, column 21"} <= set(words)
    assert "row 10, column 11" in explorer.controls.table.value
    explorer.controls.unpin_all.click()
    assert explorer.selection == [(30, 31)]
    assert not any(artist.get_visible() for slot in curve.pins for artist in slot.artists)
    assert len(curve.axes.get_legend().get_texts()) == len(words) - 2


def test_pin_that_replaces_another_shows_its_own_curve(explorer: vb.Explorer) -> None:
    explorer.select(10, 11)
    explorer.controls.pin.click()
    before = explorer.controls.curve_picture.value
    explorer.controls.pin.click()
    explorer.select(20, 21)
    explorer.controls.pin.click()
    explorer.select(10, 11)
    slot = view(explorer).curve.pins[0]
    expected = curve_of(FITS, 20, 21, slot.curves["free"].get_xdata())
    np.testing.assert_allclose(slot.curves["free"].get_ydata(), expected)
    assert explorer.controls.curve_picture.value != before


def test_too_many_pins_are_explained_not_raised(explorer: vb.Explorer) -> None:
    for row in range(7):
        explorer.select(row, 0)
        explorer.controls.pin.click()
    assert "unpin one first" in explorer.controls.message.value
    explorer.select(50, 50)
    explorer.controls.back.click()
    assert explorer.controls.message.value == ""


def test_legend_tells_fit_type_and_p_value(explorer: vb.Explorer) -> None:
    explorer.select(*BAD)
    words = [text.get_text() for text in view(explorer).curve.axes.get_legend().get_texts()]
    assert "free fit: bad, p = 0.001" in words


@pytest.mark.parametrize(
    ("pixel", "words"), [(MASKED, "masked pixel"), (CUT, "dead pixel"), (NOT_FOUND, "")]
)
def test_pixel_without_a_fit_is_explained(
    explorer: vb.Explorer, pixel: tuple[int, int], words: str
) -> None:
    explorer.select(*pixel)
    curve = view(explorer).curve
    assert words in curve.note.get_text()
    assert np.isnan(curve.current.curves["free"].get_ydata()).all()
    assert explorer.controls.message.value == ""


def test_every_map_of_the_menu_can_be_shown(explorer: vb.Explorer) -> None:
    seen = set()
    for title, name in explorer.controls.map.options:
        explorer.controls.map.value = name
        assert explorer.controls.message.value == ""
        label = view(explorer).map.title.get_text()
        assert label.lower().startswith(title.split()[0].lower())
        seen.add(label)
    assert len(seen) == len(explorer.controls.map.options)


def test_threshold_slider_belongs_to_the_map_of_hits(explorer: vb.Explorer) -> None:
    controls = explorer.controls
    assert controls.threshold.layout.display == "none"
    controls.map.value = "hits"
    assert controls.threshold.layout.display is None
    assert FLUX["exposure"].values.min() == 0
    assert len(controls.threshold.options) == FLUX.sizes["threshold"] - 1
    before = controls.clickable.picture
    controls.threshold.value = 1501
    assert "1501" in view(explorer).map.title.get_text()
    assert controls.clickable.picture != before


def test_code_shown_runs_as_it_stands(explorer: vb.Explorer) -> None:
    names = {"vb": vb, "flux": FLUX, "fits": FITS, "asic": make_asic(SIZE)}
    for _, name in explorer.controls.map.options:
        explorer.controls.map.value = name
        code = html.unescape(
            re.findall("<pre.*?>(.*)</pre>", explorer.controls.code.value, re.S)[0]
        )
        for line in code.splitlines():
            assert isinstance(eval(line, names), Figure)


def test_other_fits_are_shown_too() -> None:
    fits = FITS.assign_coords(fit=["A+E0", "free"])
    explorer = vb.explore(FLUX, fits, make_asic(SIZE))
    assert explorer.controls.fit.value == "free"
    explorer.controls.fit.value = "A+E0"
    words = [text.get_text() for text in view(explorer).curve.axes.get_legend().get_texts()]
    assert any(word.startswith("A+E0 fit: good") for word in words)
    assert explorer.controls.message.value == ""
    explorer.close()


def test_fit_menu_changes_map_switches_and_counts(explorer: vb.Explorer) -> None:
    free = explorer.controls.types[1].description
    explorer.controls.fit.value = "fixed"
    assert explorer.controls.types[1].description != free
    assert "fixed fit" in view(explorer).map.title.get_text()
    assert 'fit="fixed"' in explorer.controls.code.value


def test_switches_carry_counts_and_percentages(explorer: vb.Explorer) -> None:
    good = int((FITS["fit_type"].sel(fit="free") == 1).sum())
    words = f"good {good:,} ({100 * good / SIZE**2:.1f} %)"
    assert explorer.controls.types[1].description == words


def test_switches_show_and_hide_fit_types(explorer: vb.Explorer) -> None:
    types = FITS["fit_type"].sel(fit="free").values
    explorer.controls.types[1].value = False
    np.testing.assert_array_equal(explorer.shown, types != 1)
    explorer.controls.show_all.click()
    assert explorer.shown.all()
    assert explorer.controls.types[1].value


def test_brushed_range_shows_only_its_pixels(explorer: vb.Explorer) -> None:
    explorer.controls.clickable.brushed = [0.5, 0.7, 1]
    values = FITS["E0"].sel(fit="free").values
    bins = explorer.controls.range.value
    edges = explorer._map.edges
    inside = (values >= edges[bins[0]]) & (values < edges[bins[1]])
    np.testing.assert_array_equal(explorer.shown, inside)
    assert " to " in explorer.controls.range_text.value
    assert explorer.controls.clickable.marks["range"] == pytest.approx([0.5, 0.7])
    assert view(explorer).map.range.get_visible()
    explorer.controls.clickable.brushed = [0.3, 0.3, 2]
    assert explorer.shown.all()
    assert explorer.controls.range_text.value == "all"


def test_brush_on_a_coded_map_takes_whole_classes(explorer: vb.Explorer) -> None:
    explorer.controls.map.value = "needs"
    number = explorer.controls.range.max
    explorer.controls.clickable.brushed = [2.2 / number, 2.8 / number, 1]
    needs = FITS["needs"].values
    known = explorer._map.known
    np.testing.assert_array_equal(explorer.shown, (needs == 1) & known)


def test_histogram_marks_the_value_of_the_pixel(explorer: vb.Explorer) -> None:
    explorer.select(20, 30)
    value = float(FITS["E0"].sel(fit="free")[20, 30])
    assert view(explorer).map.level.get_ydata() == pytest.approx([value, value])
    assert 0 <= explorer.controls.clickable.marks["level"] <= 1
    explorer.select(*MASKED)
    assert not view(explorer).map.level.get_visible()
    assert explorer.controls.clickable.marks["level"] is None


def test_percentiles_set_the_colour_limits(explorer: vb.Explorer) -> None:
    before = view(explorer).map.axes.images[0].get_array().copy()
    explorer.controls.percentiles.value = (25, 75)
    assert (view(explorer).map.axes.images[0].get_array() != before).any()
    assert "percentiles=(25, 75)" in explorer.controls.code.value


def test_handles_of_the_colours_that_meet_show_a_map(explorer: vb.Explorer) -> None:
    for meeting in (0.0, 50.0, 100.0):
        explorer.controls.percentiles.value = (meeting, meeting)
        assert explorer.controls.message.value == ""
        assert "percentiles=(" in explorer.controls.code.value


def test_switches_have_the_colours_that_their_pixels_have_on_the_map(
    explorer: vb.Explorer,
) -> None:
    swatch = explorer.controls._swatches[-1]
    assert REASON_COLOURS["not found"] in swatch.value
    explorer.controls.map.value = "fit_type"
    assert CLASS_COLOURS["not found"] in swatch.value


@pytest.mark.parametrize(("key", "end"), [("[", (1, 2)), ("n", None), ("r", None)])
def test_keys_are_buttons(explorer: vb.Explorer, key: str, end: tuple[int, int] | None) -> None:
    explorer.select(1, 2)
    explorer.select(3, 4)
    explorer.controls.clickable.pressed = [key, 1]
    assert explorer.selection != [(3, 4)]
    assert end is None or explorer.selection == [end]
    explorer.controls.clickable.pressed = ["[" if end is None else "]", 2]
    assert explorer.selection == [(3, 4)]


def test_key_pins_and_key_tells_the_keys(explorer: vb.Explorer) -> None:
    explorer.select(3, 4)
    explorer.controls.clickable.pressed = ["p", 1]
    explorer.select(5, 6)
    assert explorer.selection == [(3, 4), (5, 6)]
    explorer.controls.clickable.pressed = ["?", 2]
    assert "next bad pixel" in explorer.controls.message.value


def test_pick_is_answered_with_its_number(explorer: vb.Explorer) -> None:
    explorer.controls.clickable.picked = [3, 4, False, 17]
    assert explorer.controls.clickable.answered == 17


class Shell:
    """As much of a notebook's kernel as tells which cell runs."""

    execution_count = 1

    def get_parent(self) -> dict[str, dict[str, str]]:
        return {"metadata": {"cellId": "the cell"}}


def test_cell_that_runs_again_closes_what_it_had_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = Shell()
    monkeypatch.setattr("velonb.explorer.get_ipython", lambda: shell)
    gc.collect()
    before = len(widgets.widget._instances)
    two = [vb.explore(FLUX, FITS, make_asic(SIZE)) for _ in range(2)]
    assert len(widgets.widget._instances) > before + 100
    shell.execution_count = 2
    again = vb.explore(FLUX, FITS, make_asic(SIZE))
    gc.collect()
    # One open explorer, the two before hold neither widgets nor figures.
    alone = len(widgets.widget._instances) - before
    assert not any(hasattr(explorer, "_view") for explorer in two)
    again.close()
    one = vb.explore(FLUX, FITS, make_asic(SIZE))
    assert len(widgets.widget._instances) - before == alone
    one.close()


def test_pick_leaves_the_map_picture_alone(explorer: vb.Explorer) -> None:
    explorer.controls.clickable.ready = True
    sent: list[str] = []
    explorer.controls.clickable.observe(lambda change: sent.append(change["name"]))
    explorer.select(1, 2)
    assert sent == ["marks"]


def test_static_picture_carries_the_marks_until_clicks_are_to_be_had(explorer: vb.Explorer) -> None:
    controls = explorer.controls
    assert "not to be had" in controls.help.value
    before = controls.map_picture.value
    explorer.select(1, 2)
    assert controls.map_picture.value != before
    controls.clickable.ready = True
    assert "Click" in controls.help.value
    assert controls.map_picture.layout.display == "none"
    before = controls.map_picture.value
    explorer.select(50, 2)
    assert controls.map_picture.value == before


def test_sharp_screens_get_more_pixels(explorer: vb.Explorer) -> None:
    small = len(explorer.controls.curve_picture.value)
    explorer.controls.clickable.pixel_ratio = 2.0
    assert len(explorer.controls.curve_picture.value) > 1.5 * small


def test_error_in_a_callback_is_shown(
    explorer: vb.Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("the disk <is> full")

    monkeypatch.setattr(explorer, "save_view", broken)
    explorer.controls.save_view.click()
    assert "RuntimeError: the disk &lt;is&gt; full" in explorer.controls.message.value


def test_error_while_drawing_is_shown(
    explorer: vb.Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view(explorer)._curve_picture, "png", lambda artists: 1 / 0)
    explorer.controls.row.value = 9
    assert "ZeroDivisionError" in explorer.controls.message.value


def test_select_refuses_a_pixel_that_is_not_on_the_chip(explorer: vb.Explorer) -> None:
    with pytest.raises(IndexError, match="column is 64; it must be 0 to 63"):
        explorer.select(0, 64)


def test_save_view_button_writes_the_figure(explorer: vb.Explorer, tmp_path: Path) -> None:
    explorer.select(7, 8)
    explorer.controls.save_view.click()
    (file,) = tmp_path.glob("*.png")
    assert "row7_column8" in file.name
    assert str(file) in explorer.controls.message.value
    assert plt.imread(file).shape[1] == 2 * explorer.figure.bbox.width


def test_saved_view_has_the_mark_that_the_screen_draws_itself(
    explorer: vb.Explorer, tmp_path: Path
) -> None:
    explorer.select(7, 8)
    one = plt.imread(explorer.save_view(tmp_path / "one.png"))
    view(explorer).map.mark.set_visible(False)
    two = plt.imread(explorer.save_view(tmp_path / "two.png"))
    assert (one != two).any()


def test_save_pixels_button_writes_scans_and_parameters(
    explorer: vb.Explorer, tmp_path: Path
) -> None:
    explorer.select(*NOT_FOUND)
    explorer.controls.pin.click()
    explorer.select(7, 8)
    explorer.controls.save_pixels.click()
    scans, parameters = sorted(tmp_path.glob("*.csv"))
    table = pd.read_csv(scans)
    flux, exposed = FLUX, FLUX["exposure"].values > 0
    here = table[(table["row"] == 7) & (table["column"] == 8)]
    np.testing.assert_array_equal(here["hits"], flux["hits"].values[exposed, 7, 8])
    np.testing.assert_allclose(here["flux"], flux["flux"].values[exposed, 7, 8])
    np.testing.assert_allclose(
        here["fixed_fit"], curve_of(FITS, 7, 8, here["threshold"], fit="fixed")
    )
    assert table[table["row"] == NOT_FOUND[0]]["free_fit"].isna().all()
    numbers = pd.read_csv(parameters)
    assert list(numbers["fit"]) == ["free", "fixed"] * 2
    assert numbers["E0"][2] == pytest.approx(float(FITS["E0"].sel(fit="free")[7, 8]))


def test_failed_save_leaves_no_file(
    explorer: vb.Explorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("velonb.explorer.saving.curve_of", lambda *args, **options: 1 / 0)
    explorer.controls.save_pixels.click()
    assert "ZeroDivisionError" in explorer.controls.message.value
    assert list(tmp_path.iterdir()) == []


def test_thousand_picks_leave_figures_artists_widgets_and_memory_as_they_were(
    explorer: vb.Explorer,
) -> None:
    explorer.controls.clickable.ready = True

    async def pick(times: int) -> None:
        """Pick faster than pictures are drawn, as a hand does that drags.

        The same ten pixels again and again: matplotlib remembers the sizes of 4096 texts.
        """
        for number in range(times):
            place = number % 10
            explorer.controls.clickable.picked = [7 * place % SIZE, 11 * place % SIZE, True, number]
            if number % 20 == 19:
                await asyncio.sleep(0.02)

    def held() -> tuple[int, int, int]:
        gc.collect()
        figures = sum(isinstance(each, Figure) for each in gc.get_objects())
        return figures, len(explorer.figure.findobj()), len(widgets.widget._instances)

    asyncio.run(pick(100))
    before, blocks = held(), sys.getallocatedblocks()
    asyncio.run(pick(1000))
    assert held() == before
    assert plt.get_fignums() == []
    # One object left behind by each pick would be a thousand.
    assert sys.getallocatedblocks() - blocks < 900


def test_stream_of_slider_moves_is_drawn_once_at_its_end(explorer: vb.Explorer) -> None:
    pictures: list[bytes] = []
    explorer.controls.curve_picture.observe(lambda change: pictures.append(change["new"]), "value")

    async def stream() -> None:
        for row in range(10, 60):
            explorer.controls.row.value = row
        assert marked(explorer)[0] == 59
        assert pictures == []
        await asyncio.sleep(0.2)

    asyncio.run(stream())
    assert len(pictures) == 1
    assert_everything_shows(explorer, 59, explorer.selection[0][1])


def test_coalesced_action_runs_again_after_a_burst() -> None:
    runs: list[int] = []
    action = Coalesced(lambda: runs.append(1), delay=0.001)

    async def bursts() -> None:
        for _ in range(3):
            action.request()
            action.request()
            await asyncio.sleep(0.05)

    asyncio.run(bursts())
    assert len(runs) == 3
    action.request()
    assert len(runs) == 4


def test_no_output_widget_is_used(explorer: vb.Explorer) -> None:
    kinds = set()

    def walk(widget: widgets.Widget) -> None:
        kinds.add(type(widget))
        for child in getattr(widget, "children", ()):
            walk(child)

    walk(explorer)
    assert widgets.Output not in kinds


def test_closing_frees_the_widgets() -> None:
    before = set(widgets.widget._instances)
    vb.explore(FLUX, FITS, make_asic(SIZE)).close()
    assert set(widgets.widget._instances) <= before


def test_plain_session_is_told_what_still_works(capsys: pytest.CaptureFixture[str]) -> None:
    explorer = vb.explore(FLUX, FITS, make_asic(SIZE))
    assert "plain Python session" in capsys.readouterr().out
    explorer.close()


def test_explore_stays_the_function_after_its_package_is_imported() -> None:
    import velonb.explorer

    assert callable(vb.explore)
    assert vb.explore is velonb.explorer.explore


def test_pixels_of_a_part_of_a_chip_keep_their_rows_and_columns(tmp_path: Path) -> None:
    place = {"row": slice(16, 32), "column": slice(8, 40)}
    flux, fits = (
        data.assign_coords(row=range(SIZE), column=range(SIZE)).isel(place) for data in (FLUX, FITS)
    )
    explorer = vb.explore(flux, fits, make_asic(SIZE), folder=tmp_path)
    assert (explorer.controls.row.min, explorer.controls.row.max) == (16, 31)
    explorer.controls.clickable.picked = [2, 3, False, 1]
    assert explorer.selection == [(18, 11)]
    assert marked(explorer) == (2, 3)
    assert (explorer.controls.row.value, explorer.controls.column.value) == (18, 11)
    drawn = view(explorer).curve.current.curves["free"]
    np.testing.assert_allclose(drawn.get_ydata(), curve_of(FITS, 18, 11, drawn.get_xdata()))
    scans, parameters = (pd.read_csv(path) for path in explorer.save_pixels())
    np.testing.assert_array_equal(scans["hits"], points_of(FLUX, 18, 11)["hits"])
    assert parameters["E0"][0] == pytest.approx(float(FITS["E0"].sel(fit="free")[18, 11]))
    explorer.controls.next_bad.click()
    assert FITS["fit_type"].sel(fit="free").values[explorer.selection[0]] == 0
    with pytest.raises(IndexError, match="row is 32; it must be 16 to 31"):
        explorer.select(32, 11)
    explorer.close()


def test_wrong_data_is_refused_with_its_source() -> None:
    flux, fits = FLUX, FITS
    with pytest.raises(ValueError, match="flux has no hits: give explore what compute_flux"):
        vb.explore(flux.drop_vars("hits"), fits, make_asic(SIZE))
    with pytest.raises(ValueError, match="fits has no p_value: give explore what fit_pixels"):
        vb.explore(flux, fits.drop_vars("p_value"), make_asic(SIZE))
    with pytest.raises(ValueError, match=r"flux has 64 \(0 to 63\) rows, fits 32 .*: give both"):
        vb.explore(flux, fits.isel(row=slice(32)), make_asic(SIZE))
    every_second = [
        data.isel(row=slice(None, None, 2)).assign_coords(row=range(0, SIZE, 2))
        for data in (flux, fits)
    ]
    with pytest.raises(ValueError, match=r"rows are 32 \(0 to 62\) with gaps"):
        vb.explore(*every_second, make_asic(SIZE))
