"""The pure functions of the explorer: selection, maps, text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from datasets import BAD, CUT, MASKED, NOT_FOUND, make_fits, make_flux
from hypothesis import given, strategies as st

from velonb.explorer.curve_view import round_up
from velonb.explorer.maps import BinnedMap, binned_map, fit_names, map_titles, shown_pixels
from velonb.explorer.selection import MAX_HISTORY, MAX_PINS, Selection, next_pixel, random_pixel
from velonb.explorer.text import code_lines, error_html, file_stem, pixel_rows, pixel_table
from velonb.plots.painter import REASONS, fitted_map

SHAPE = (256, 256)
CHIP = xr.Dataset(coords={"row": range(256), "column": range(256)})
ALL_TYPES = {-2, -1, 0, 1}
pixels = st.tuples(st.integers(0, 255), st.integers(0, 255))


def masks(size: int = 6) -> st.SearchStrategy[np.ndarray]:
    flags = st.lists(st.booleans(), min_size=size**2, max_size=size**2)
    return flags.map(lambda values: np.array(values).reshape(size, size))


def look_up(name: str) -> BinnedMap:
    return binned_map(make_flux(), make_fits(), name, threshold=1480)


def painted(shown: BinnedMap, visible: bool | np.ndarray = True, limits: Any = ()) -> np.ndarray:
    scale = shown.cells.scale()
    scale.set_clim(*limits)
    return shown.cells.paint(scale, np.broadcast_to(visible, SHAPE))


def test_selection_starts_with_one_pixel() -> None:
    assert Selection(CHIP, (3, 4)).pixels == [(3, 4)]


@pytest.mark.parametrize(
    ("row", "column", "error", "words"),
    [
        (256, 0, IndexError, "row is 256; it must be 0 to 255"),
        (0, -1, IndexError, "column is -1; it must be 0 to 255"),
        (1.5, 0, TypeError, r"row is 1\.5; it must be a whole number"),
        (0, True, TypeError, "column is True; it must be a whole number"),
    ],
)
def test_pixel_that_is_not_on_the_chip_is_refused(
    row: int, column: int, error: type[Exception], words: str
) -> None:
    selection = Selection(CHIP, (3, 4))
    with pytest.raises(error, match=words):
        selection.move_to(row, column)
    assert selection.current == (3, 4)


def test_numpy_integers_are_coordinates() -> None:
    selection = Selection(CHIP, (0, 0))
    selection.move_to(np.int64(7), np.int32(9))
    assert selection.pixels == [(7, 9)]
    assert all(type(value) is int for value in selection.current)


@given(st.lists(pixels, max_size=12))
def test_history_walked_back_and_forth_ends_where_it_began(visited: list[tuple[int, int]]) -> None:
    selection = Selection(CHIP, (0, 0))
    for pixel in visited:
        selection.move_to(*pixel)
    last = selection.current
    steps = 0
    while selection.can_go[0]:
        selection.back()
        steps += 1
    assert selection.current == (0, 0)
    for _ in range(steps):
        selection.forward()
    assert selection.current == last
    assert not selection.can_go[1]


def test_new_pixel_after_going_back_replaces_what_was_ahead() -> None:
    selection = Selection(CHIP, (0, 0))
    selection.move_to(1, 1)
    selection.back()
    selection.move_to(2, 2)
    selection.forward()
    assert selection.current == (2, 2)
    selection.back()
    assert selection.current == (0, 0)


def test_run_of_gliding_steps_is_one_entry_of_the_history() -> None:
    selection = Selection(CHIP, (0, 0))
    selection.move_to(50, 50)
    for row in range(51, 90):
        selection.move_to(row, 50, gliding=True)
    assert selection.current == (89, 50)
    selection.back()
    assert selection.current == (50, 50)


def test_gliding_after_going_back_keeps_the_pixel_it_left() -> None:
    selection = Selection(CHIP, (0, 0))
    selection.move_to(1, 0, gliding=True)
    selection.back()
    selection.move_to(2, 0, gliding=True)
    selection.back()
    assert selection.current == (0, 0)


def test_history_forgets_the_oldest_pixels() -> None:
    selection = Selection(CHIP, (0, 0))
    for step in range(2 * MAX_HISTORY):
        selection.move_to(step % 256, step // 256)
    last = selection.current
    for _ in range(2 * MAX_HISTORY):
        selection.back()
    assert selection.current == ((MAX_HISTORY % 256), MAX_HISTORY // 256)
    assert last == ((2 * MAX_HISTORY - 1) % 256, (2 * MAX_HISTORY - 1) // 256)


def test_pins_come_before_the_current_pixel_and_never_twice() -> None:
    selection = Selection(CHIP, (1, 1))
    selection.toggle_pin()
    selection.move_to(2, 2)
    selection.toggle_pin()
    selection.move_to(1, 1)
    assert selection.pixels == [(1, 1), (2, 2)]
    selection.toggle_pin()
    assert selection.pixels == [(2, 2), (1, 1)]
    selection.unpin_all()
    assert selection.pixels == [(1, 1)]


def test_more_pins_than_colours_are_refused() -> None:
    selection = Selection(CHIP, (0, 0))
    for row in range(MAX_PINS):
        selection.move_to(row, 0)
        selection.toggle_pin()
    selection.move_to(100, 0)
    with pytest.raises(ValueError, match="unpin one first"):
        selection.toggle_pin()
    assert len(selection.pins) == MAX_PINS


@given(masks(), st.tuples(st.integers(0, 5), st.integers(0, 5)))
def test_next_pixel_is_the_one_a_plain_search_finds(
    candidates: np.ndarray, after: tuple[int, int]
) -> None:
    order = [(i // 6, i % 6) for i in range(36)]
    start = order.index(after) + 1
    found = next((p for p in order[start:] + order[:start] if candidates[p]), None)
    assert next_pixel(candidates, after) == found


@given(masks(), st.integers(0, 99))
def test_random_pixel_is_a_candidate(candidates: np.ndarray, seed: int) -> None:
    pixel = random_pixel(candidates, np.random.default_rng(seed))
    assert pixel is None if not candidates.any() else candidates[pixel]


def test_random_pixel_reaches_every_candidate() -> None:
    candidates = np.eye(4, dtype=bool)
    random = np.random.default_rng(1)
    assert {random_pixel(candidates, random) for _ in range(200)} == {(i, i) for i in range(4)}


def test_every_map_of_the_menu_can_be_looked_up() -> None:
    titles = map_titles(make_flux(), make_fits())
    assert list(titles)[:4] == ["E0", "f", "s", "A"]
    assert {"error of E0", "p-value", "chi-square", "fit type", "what the pixel needs"} <= set(
        titles
    )
    for name in titles.values():
        shown = look_up(name)
        assert shown.cells.values.shape == SHAPE
        assert np.isfinite(shown.cells.known).all()


def test_needs_is_offered_only_where_it_is_known() -> None:
    fits = make_fits().drop_vars("needs")
    assert "what the pixel needs" not in map_titles(make_flux(), fits)


def test_hits_are_those_of_the_threshold() -> None:
    shown = look_up("hits")
    np.testing.assert_array_equal(shown.cells.values, make_flux()["hits"].sel(threshold=1480))
    assert "1480" in shown.title


def test_pixels_without_a_value_have_their_reason() -> None:
    reasons = look_up("E0").cells.reasons
    names = [REASONS[reasons[pixel]] for pixel in (MASKED, CUT, NOT_FOUND, BAD)]
    assert names == ["masked", "dead", "not found", "value"]


def test_pixel_without_a_statistic_is_told_from_one_not_found() -> None:
    fits = make_fits().copy(deep=True)
    fits["E0"].values[:, *BAD] = np.nan
    shown = binned_map(make_flux(), fits, "E0")
    assert REASONS[shown.cells.reasons[BAD]] == "undefined"
    assert REASONS[shown.cells.reasons[NOT_FOUND]] == "not found"
    assert (painted(shown)[BAD] != painted(shown)[NOT_FOUND]).any()


def test_colours_tell_masked_dead_unfitted_and_hidden_from_low_values() -> None:
    shown = look_up("E0")
    visible = np.ones(SHAPE, bool)
    visible[BAD] = False
    colours = painted(shown, visible, limits=(1540.0, 1560.0))
    special = {tuple(colours[pixel]) for pixel in (MASKED, CUT, NOT_FOUND, BAD)}
    assert len(special) == 4
    scale = {tuple(colour) for colour in colours[shown.known & visible]}
    assert len(scale) > 200
    assert not special & scale


def test_values_beyond_the_limits_have_the_colours_of_the_ends() -> None:
    shown = look_up("E0")
    colours = painted(shown, limits=(1550.0, 1551.0))
    low = shown.known & (shown.cells.values.values < 1550)
    assert len({tuple(colour) for colour in colours[low]}) == 1


def test_classes_have_the_colours_of_their_legend() -> None:
    shown = look_up("fit_type")
    colours, types = painted(shown), shown.cells.values.values
    assert {tuple(colour) for colour in colours[types == 1]} == {(0x56, 0xB4, 0xE9)}
    assert {tuple(colour) for colour in colours[types == 0]} == {(0xD5, 0x5E, 0x00)}


@pytest.mark.parametrize("name", ["E0", "p_value", "hits", "fit_type", "needs", "chi2"])
def test_every_pixel_with_a_value_is_in_one_bin(name: str) -> None:
    shown = look_up(name)
    inside = shown.bins[shown.known]
    assert inside.min() >= 0
    assert inside.max() < shown.edges.size - 1
    middle = shown.edges.size // 2
    low, high = shown.edges[middle], shown.edges[middle + 1]
    values = shown.cells.values.values[shown.known & (shown.bins == middle)]
    last = middle == shown.edges.size - 2
    assert ((values >= low) & ((values < high) | last)).all()


def test_brushed_part_of_the_axis_takes_the_bins_that_it_touches() -> None:
    ten = BinnedMap("E0", "E0", look_up("E0").cells, np.arange(11.0))
    assert ten.bins_between(0.25, 0.5) == (2, 5)
    assert ten.bins_between(0.4, 0.401) == (0, 10)


def test_range_of_bins_shows_only_its_values() -> None:
    shown, values = look_up("E0"), make_fits()["E0"].sel(fit="free").values
    types = make_fits()["fit_type"].sel(fit="free").values
    bins = shown.bins_between(0.5, 0.7)
    visible = shown_pixels(shown, types, switched_on=ALL_TYPES, bins=bins)
    low, high = shown.edges[bins[0]], shown.edges[bins[1]]
    np.testing.assert_array_equal(visible, (values >= low) & (values < high))
    assert 0 < visible.sum() < 30_000


def test_switched_off_fit_types_are_not_shown() -> None:
    types = make_fits()["fit_type"].sel(fit="free").values
    visible = shown_pixels(look_up("E0"), types, switched_on={0})
    np.testing.assert_array_equal(visible, types == 0)


def test_hidden_pixels_do_not_hide_behind_another_reason() -> None:
    colours = painted(look_up("E0"), visible=False)
    assert len({tuple(colour) for colour in colours.reshape(-1, 3)}) == 1


def test_shares_of_classes_name_the_best_first_and_add_up_to_the_chip() -> None:
    shares = fitted_map(make_fits(), "fit_type").shares()
    words = [text.replace(",", "").split() for text in shares.values()]
    assert list(shares) == [1, 0, -1, -2]
    assert [" ".join(each[:-3]) for each in words] == ["good", "bad", "not found", "cut"]
    assert sum(int(each[-3]) for each in words) == 256**2
    assert sum(float(each[-2][1:]) for each in words) == pytest.approx(100, abs=0.2)


@given(st.floats(1e-6, 1e6))
def test_rounded_limit_holds_the_value_and_wastes_little(value: float) -> None:
    assert value <= round_up(value) * (1 + 1e-9)
    assert round_up(value) <= 1.7 * value


def test_table_rounds_values_to_their_errors() -> None:
    size = {"fit": 1, "row": 1, "column": 1}
    numbers = {"E0": 1551.2387, "E0_err": 0.3142, "s": 12.0, "s_err": np.nan, "f": 9.1234e-4}
    numbers |= {"f_err": 3.9e-5, "A": np.nan, "A_err": np.nan, "chi2": 33.21, "dof": 36.0}
    numbers |= {"p_value": 0.6021, "fit_type": 1}
    data = {name: (tuple(size), np.full((1, 1, 1), value)) for name, value in numbers.items()}
    fits = xr.Dataset(data, coords={"fit": ["free"]})
    fits["E0"].attrs["units"] = "DAC"
    fits["fit_type"].attrs.update(make_fits()["fit_type"].attrs)
    (row,) = pixel_rows(fits, (0, 0))
    assert row["E0 (DAC)"] == "1551.24 ± 0.31"
    assert row["f"] == "0.00091 ± 0.00004"
    assert row["s"] == "12 held"
    assert row["A"] == "–"
    assert (row["type"], row["p-value"], row["chi-square / dof"]) == ("good", "0.6", "33.2 / 36")


def test_table_names_every_pixel_once() -> None:
    table = pixel_table(make_fits(), (1, 2), [(3, 4), (1, 2)])
    assert table.count("row 1, column 2") == table.count("row 3, column 4") == 1


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("s", 'vb.plot_heatmap(fits, "s", fit="fixed", percentiles=(2.5, 99))'),
        ("hits", "vb.plot_hits(flux, 1480)"),
        ("needs", "vb.plot_needs(fits)"),
        ("fit_type", 'vb.plot_fit_types(fits, fit=["fixed"])'),
    ],
)
def test_code_lines_draw_the_present_view(name: str, line: str) -> None:
    lines = code_lines([(1, 2), (3, 4)], name, "fixed", threshold=1480, percentiles=(2.5, 99.0))
    curves, shown = lines.splitlines()
    assert curves == "vb.plot_pixel_scan(flux, fits, asic, pixels=[(1, 2), (3, 4)])"
    assert shown == line


def test_code_line_names_fits_that_are_not_the_usual_two() -> None:
    lines = code_lines([(1, 2)], "needs", "free", fits=["free", "A+E0"])
    assert lines.startswith("vb.plot_pixel_scan(flux, fits, asic, pixels=[(1, 2)], fit=['free', ")


def test_free_fit_comes_first_in_the_menu() -> None:
    fits = make_fits().assign_coords(fit=["A+E0", "free"])
    assert fit_names(fits) == ["free", "A+E0"]


def test_file_name_tells_chip_and_pixel() -> None:
    attrs = {"module": "Module0", "asic": "VP0-1", "other": 3}
    assert file_stem(attrs, [(5, 6), (1, 2)]) == "Module0_VP0-1_row1_column2_and1more"


def test_error_is_shown_as_text_not_as_markup() -> None:
    assert "ValueError: 1 &lt; 2" in error_html(ValueError("1 < 2"))
