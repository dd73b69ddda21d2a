"""The explorer in a real browser: headless Chromium drives JupyterLab.

The tests go through one session from top to bottom; what was seen is kept under test-output/.
"""

from __future__ import annotations

import base64
import os
import re
import signal
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
import pytest
from lab import CHROMIUM, FLAGS, run_all, served
from PIL import Image

from velonb.explorer.map_view import ROOM, SIZE
from velonb.report.pages import notebook_page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]

SEEN = Path(__file__).parents[2] / "test-output"
CELLS = [
    f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r}); import datasets",
    "import velonb as vb\n"
    "explorer = vb.explore(datasets.make_flux(), datasets.make_fits(), datasets.make_asic())\n"
    "explorer",
    "print('selection', explorer.selection, int(explorer.shown.sum()))",
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the notebook."""
    with served(tmp_path_factory.mktemp("lab"), CELLS) as address:
        yield address


@pytest.fixture(scope="module")
def page(address: str) -> Iterator[Any]:
    """The notebook in the browser, run from top to bottom."""
    SEEN.mkdir(exist_ok=True)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1640, "height": 1150})
        page.js_errors = []
        page.on("pageerror", lambda error: page.js_errors.append(str(error)))
        run_all(page, address, len(CELLS))
        page.locator("canvas.velonb-map").wait_for()
        page.get_by_text("Drag along the histogram").wait_for()
        page.get_by_text("selection [").wait_for()
        yield page
        browser.close()


def curve(page: Any) -> Any:
    """The picture of the curve, the only one that is on the screen."""
    return page.locator("img.widget-image:visible")


def table(page: Any) -> str:
    return str(page.locator(".widget-html table").inner_text())


def moved(page: Any, action: Any) -> None:
    """Do something and wait until the picture of the curve is another one."""
    before = curve(page).get_attribute("src")
    action()
    page.wait_for_function(
        "before => [...document.querySelectorAll('img.widget-image')]"
        ".filter(image => image.offsetParent).every(image => image.src !== before)",
        arg=before,
    )


LEFT, TOP = ROOM[0], SIZE[1] - ROOM[1] - ROOM[3]


def on_map(row: int, column: int, size: int = 2) -> dict[str, float]:
    """Where a pixel of the chip lies on the canvas, by its place and its size there."""
    return {"x": LEFT + (column + 0.5) * size, "y": TOP + (row + 0.5) * size}


def shrunk(page: Any, place: dict[str, float]) -> dict[str, float]:
    """The same place on the canvas as large as it is in the page."""
    scale = page.locator("canvas.velonb-map").bounding_box()["width"] / SIZE[0]
    return {axis: scale * length for axis, length in place.items()}


def click(page: Any, place: dict[str, float], **options: Any) -> None:
    page.locator("canvas.velonb-map").click(position=shrunk(page, place), **options)


def drag(page: Any, start: dict[str, float], end: dict[str, float], steps: int = 20) -> None:
    canvas = page.locator("canvas.velonb-map")
    start, end = shrunk(page, start), shrunk(page, end)
    canvas.hover(position=start)
    page.mouse.down()
    for step in range(1, steps + 1):
        way = step / steps
        canvas.hover(position={a: (1 - way) * start[a] + way * end[a] for a in "xy"})
    page.mouse.up()


def printed(page: Any) -> str:
    """What the last cell prints when it is run again."""
    prompt = page.locator(".jp-CodeCell").last.locator(".jp-InputPrompt")
    before = prompt.inner_text()
    page.locator(".jp-CodeCell").last.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    sync_api.expect(prompt).not_to_have_text(before)
    sync_api.expect(prompt).to_have_text(re.compile(r"\[\d+\]:"))
    return str(page.locator(".jp-CodeCell").last.locator(".jp-OutputArea-output").inner_text())


def see(page: Any, name: str) -> None:
    page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea").screenshot(
        path=SEEN / f"explorer-{name}.png"
    )


def test_explorer_shows_itself_once_and_without_an_error(page: Any) -> None:
    sync_api.expect(page.locator("canvas.velonb-map")).to_have_count(1)
    sync_api.expect(curve(page)).to_have_count(1)
    see(page, "first-view")
    assert page.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0


@pytest.mark.parametrize(
    ("width", "height", "side_bar"), [(1366, 768, True), (1680, 1050, True), (1920, 1080, False)]
)
def test_map_curve_and_sliders_are_in_view_together(
    page: Any, width: int, height: int, side_bar: bool
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    if page.locator("#jp-left-stack").is_visible() != side_bar:
        page.keyboard.press("Control+b")
    page.wait_for_timeout(500)
    page.locator(".jp-CodeCell .jp-OutputArea").nth(1).evaluate("part => part.scrollIntoView()")
    window = page.locator(".jp-WindowedPanel-outer").bounding_box()
    page.screenshot(path=SEEN / f"explorer-{width}.png")
    for part in (
        page.locator("canvas.velonb-map"),
        curve(page),
        *(page.locator(".widget-slider", has_text=name) for name in ("Row", "Column")),
    ):
        box = part.bounding_box()
        assert box["width"] > 250
        assert window["x"] <= box["x"]
        assert box["x"] + box["width"] <= window["x"] + window["width"]
        assert window["y"] <= box["y"]
        assert box["y"] + box["height"] <= window["y"] + window["height"]


def test_slider_moved_by_keyboard_moves_curve_and_table(page: Any) -> None:
    row = int(table(page).split("row ")[1].split(",")[0])
    handle = page.locator(".widget-slider", has_text="Row").locator(".noUi-handle")
    handle.focus()
    moved(page, lambda: page.keyboard.press("ArrowRight"))
    sync_api.expect(page.locator(".widget-html table")).to_contain_text(f"row {row + 1}, column")


def test_number_typed_beside_a_slider_moves_curve_and_table(page: Any) -> None:
    number = page.locator(".widget-slider", has_text="Column").locator(".widget-readout")
    number.click()
    page.keyboard.press("Control+A")
    page.keyboard.type("77")
    moved(page, lambda: page.keyboard.press("Enter"))
    sync_api.expect(page.locator(".widget-html table")).to_contain_text("column 77")


def test_click_on_the_map_moves_curve_table_and_selection(page: Any) -> None:
    moved(page, lambda: click(page, on_map(100, 30)))
    sync_api.expect(page.locator(".widget-html table")).to_contain_text("row 100, column 30")
    see(page, "after-a-click")
    assert "selection [(100, 30)]" in printed(page)


def test_arrow_keys_on_the_map_step_by_one_pixel(page: Any) -> None:
    click(page, on_map(60, 200))
    moved(page, lambda: page.keyboard.press("ArrowDown"))
    moved(page, lambda: page.keyboard.press("Shift+ArrowLeft"))
    sync_api.expect(page.locator(".widget-html table")).to_contain_text("row 61, column 190")
    assert "selection [(61, 190)]" in printed(page)


def test_drag_over_the_map_ends_at_the_pixel_under_the_hand(page: Any) -> None:
    drag(page, on_map(20, 20), on_map(140, 90))
    sync_api.expect(page.locator(".widget-html table")).to_contain_text("row 140, column 90")


def test_pinned_pixels_stay_in_table_and_selection(page: Any) -> None:
    for row, column in ((48, 60), (180, 210)):
        place = on_map(row, column)
        moved(page, lambda place=place: click(page, place))
        moved(page, lambda: page.get_by_role("button", name="Pin", exact=True).click())
    moved(page, lambda: click(page, on_map(100, 150)))
    see(page, "with-pins")
    assert "selection [(48, 60), (180, 210), (100, 150)]" in printed(page)
    for words in ("row 48, column 60", "row 180, column 210", "row 100, column 150"):
        assert words in table(page)


def test_range_dragged_on_the_histogram_leaves_only_its_pixels(page: Any) -> None:
    before = int(printed(page).split()[-1])
    middle, height = LEFT + ROOM[2] + 50, ROOM[3]
    drag(page, {"x": middle, "y": TOP + 0.3 * height}, {"x": middle, "y": TOP + 0.1 * height})
    page.get_by_text(" to ", exact=False).first.wait_for()
    page.locator("canvas.velonb-map").hover(position=shrunk(page, on_map(90, 140)))
    page.wait_for_timeout(300)
    see(page, "with-a-brushed-range")
    assert 0 < int(printed(page).split()[-1]) < before / 2


@pytest.mark.parametrize("place", ["map", "button", "table", "slider"])
def test_keys_reach_the_explorer_and_never_the_cells(page: Any, place: str) -> None:
    whole = page.locator(".velonb-explorer")
    {
        "map": lambda: click(page, on_map(90, 90)),
        "button": lambda: whole.get_by_role("button", name="Random").click(),
        "table": lambda: whole.locator("table").click(),
        "slider": lambda: (
            whole.locator(".widget-slider", has_text="Row").locator(".noUi-handle").click()
        ),
    }[place]()
    page.wait_for_timeout(300)
    cells = page.locator(".jp-CodeCell").count()
    for key in ("x", "d", "d", "b", "m"):
        page.keyboard.press(key)
    page.wait_for_timeout(300)
    assert page.locator(".jp-Cell").count() == page.locator(".jp-CodeCell").count() == cells
    moved(page, lambda: page.keyboard.press("r"))
    page.keyboard.press("?")
    whole.get_by_text("next bad pixel").wait_for()


def test_map_is_named_for_who_cannot_see_it(page: Any) -> None:
    click(page, on_map(44, 55))
    label = re.compile(r"Map of E0; row 44, column 55: ([\d.]+|no value)")
    sync_api.expect(page.locator("canvas.velonb-map")).to_have_attribute("aria-label", label)


def test_right_click_chooses_nothing(page: Any) -> None:
    click(page, on_map(44, 55))
    sync_api.expect(page.locator(".widget-html table")).to_contain_text("row 44, column 55")
    click(page, on_map(99, 99), button="right")
    page.keyboard.press("Escape")
    page.wait_for_timeout(500)
    sync_api.expect(page.locator(".widget-html table")).to_contain_text("row 44, column 55")
    page.locator("canvas.velonb-map").hover(position=shrunk(page, on_map(250, 20)))
    page.mouse.move(0, 0)


@pytest.mark.parametrize("place", [(0, 0), (255, 255), (2, 250)])
def test_lens_at_the_edge_shows_nothing_but_the_map(page: Any, place: tuple[int, int]) -> None:
    page.locator("canvas.velonb-map").hover(position=shrunk(page, on_map(*place)))
    page.wait_for_timeout(200)
    see(page, f"lens-{place[0]}-{place[1]}")
    assert page.js_errors == []


def run_last(page: Any, source: str) -> None:
    """Put code into the last cell and run it."""
    page.locator(".jp-CodeCell").last.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(source)
    page.keyboard.press("Control+Enter")


COUNT = "import ipywidgets; print('widgets', len(ipywidgets.widget._instances))"


def test_cell_that_runs_again_leaves_one_explorer(page: Any) -> None:
    def widgets() -> int:
        run_last(page, COUNT)
        page.wait_for_timeout(1000)
        words = page.locator(".jp-CodeCell").last.locator(".jp-OutputArea-output").inner_text()
        return int(words.split()[-1])

    before = widgets()
    for _ in range(2):
        prompt = page.locator(".jp-CodeCell").nth(1).locator(".jp-InputPrompt")
        number = prompt.inner_text()
        page.locator(".jp-CodeCell").nth(1).locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        sync_api.expect(prompt).not_to_have_text(number)
        sync_api.expect(prompt).to_have_text(re.compile(r"\[\d+\]:"))
        page.get_by_text("Drag along the histogram").wait_for()
    assert widgets() <= before + 10
    sync_api.expect(page.locator("canvas.velonb-map")).to_have_count(1)
    assert page.js_errors == []


def test_kernel_that_does_not_answer_is_said_until_it_does(page: Any) -> None:
    run_last(page, "import os; print('process', os.getpid())")
    process = page.get_by_text(re.compile(r"^process \d+\s*$"))
    number = int(process.inner_text().split()[1])
    os.kill(number, signal.SIGSTOP)
    click(page, on_map(30, 30))
    alert = page.get_by_role("alert").get_by_text("The kernel does not answer")
    alert.wait_for()
    see(page, "kernel-silent")
    os.kill(number, signal.SIGCONT)
    sync_api.expect(alert).to_have_count(0)


SMALL_CHIP = """
explorer.close()
place = {"row": slice(32, 48), "column": slice(100, 164)}
flux, fits = (data.assign_coords(row=range(256), column=range(256)).isel(place)
              for data in (datasets.make_flux(), datasets.make_fits()))
explorer = vb.explore(flux, fits, datasets.make_asic())
"""


def test_click_selects_the_pixel_of_a_chip_that_is_not_square_nor_starts_at_0(page: Any) -> None:
    run_last(page, SMALL_CHIP)
    # The pixel that the small chip begins with: before it, the page still has the full chip.
    sync_api.expect(page.locator(".widget-html table")).to_contain_text("row 40, column 133")
    page.get_by_text("Drag along the histogram").wait_for()
    for row, column in ((0, 0), (15, 63), (4, 30)):
        place = on_map(row, column, size=8)
        moved(page, lambda place=place: click(page, place))
        words = f"row {32 + row}, column {100 + column}"
        sync_api.expect(page.locator(".widget-html table")).to_contain_text(words)
    see_last(page, "small-chip")


def see_last(page: Any, name: str) -> None:
    page.locator(".jp-CodeCell").last.locator(".jp-OutputArea").screenshot(
        path=SEEN / f"explorer-{name}.png"
    )


def test_page_of_a_notebook_shows_figures_pixel_by_pixel(page: Any) -> None:
    file = BytesIO()
    Image.new("RGB", (1304, 40)).save(file, "png")
    picture = {"image/png": base64.b64encode(file.getvalue()).decode()}
    output = nbformat.v4.new_output("display_data", picture)
    cell = nbformat.v4.new_code_cell("figure", outputs=[output], execution_count=1)
    one = page.context.browser.new_page(viewport={"width": 900, "height": 700})
    one.set_content(notebook_page(nbformat.v4.new_notebook(cells=[cell]), "Title"))
    size = one.locator("img").evaluate("image => [image.width, image.naturalWidth]")
    one.close()
    assert size == [1304, 1304]
