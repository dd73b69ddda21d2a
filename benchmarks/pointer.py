"""From the press on the map to the painted curve, in JupyterLab in headless Chromium."""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.table import Row, limited

TESTS = Path(__file__).parents[1] / "tests"
BUDGET = 150.0  # ms
CELL = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
import datasets
import velonb as vb
explorer = vb.explore(datasets.make_flux(), datasets.make_fits(), datasets.make_asic())
"""
WATCH = """() => {
  window.taken = [];
  let start = null;
  const map = document.querySelector("canvas.velonb-map");
  map.addEventListener("pointerdown", () => { start = performance.now(); }, true);
  const curve = [...document.querySelectorAll("img.widget-image")].find((one) => one.offsetParent);
  // After the next frame the picture is on the screen.
  const painted = (begin) =>
    requestAnimationFrame(() => setTimeout(() => window.taken.push(performance.now() - begin)));
  curve.addEventListener("load", () => {
    if (start !== null) painted(start);
    start = null;
  });
}"""


def main(*, quick: bool = False) -> list[Row]:
    """Median over random pixels of a full chip, at two sizes of the window."""
    sys.path.insert(0, str(TESTS))
    from lab import CHROMIUM, FLAGS, run_all, served
    from playwright.sync_api import sync_playwright

    times = 10 if quick else 60
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder), [CELL]) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        run_all(page, address, 1)
        page.get_by_text("Drag along the histogram").wait_for()
        page.wait_for_timeout(1000)
        page.evaluate(WATCH)
        rows = [latency(page, *size, times) for size in ((1366, 768), (1920, 1080))]
        browser.close()
    return rows


def latency(page: Any, width: int, height: int, times: int) -> Row:
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_timeout(500)
    taken = press(page, times)
    return limited(
        f"pointer to picture, {width} x {height}", statistics.median(taken), BUDGET, "ms"
    )


def press(page: Any, times: int) -> list[float]:
    """Press on the middle of the map, here and there; the time (ms) of each."""
    anywhere = random.Random(1)
    canvas = page.locator("canvas.velonb-map")
    size = canvas.bounding_box()["width"]
    page.evaluate("window.taken.length = 0")
    for number in range(1, times + 1):
        place = {axis: size * anywhere.uniform(0.15, 0.65) for axis in "xy"}
        canvas.click(position=place)
        page.wait_for_function("number => window.taken.length >= number", arg=number)
    return list(page.evaluate("window.taken"))


if __name__ == "__main__":
    print(*main(), sep="\n")
