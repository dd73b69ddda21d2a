"""From the pick of a pixel to the redrawn picture, on a full chip, in the kernel."""

from __future__ import annotations

import contextlib
import io
import statistics
import time
from pathlib import Path

import numpy as np

import velonb as vb
from benchmarks.table import Row, limited

BUDGET = 50.0  # ms
PICKS = 1000


def main(*, quick: bool = False) -> list[Row]:
    """Median latency of a pick in each way to look at the chip; memory after many picks."""
    flux = vb.compute_flux(vb.load_scan(vb.demo_scan(), progress=False))
    asic = vb.fit_asic(flux)
    fits = vb.fit_pixels(flux, asic, progress=False)
    with contextlib.redirect_stdout(io.StringIO()):
        explorer = vb.explore(flux, fits, asic)
    times = 20 if quick else 100
    rows = [latency("still map, sliders", explorer, times)]
    explorer.controls.clickable.ready = True
    rows.append(latency("clickable map", explorer, times))
    explorer.controls.clickable.pixel_ratio = 2.0
    rows.append(latency("clickable map, screen of double density", explorer, times))
    explorer.controls.clickable.pixel_ratio = 1.0
    for _ in range(4):
        explorer.controls.random.click()
        explorer.controls.pin.click()
    rows.append(latency("clickable map, 4 pinned pixels", explorer, times))
    explorer.controls.unpin_all.click()
    pick(explorer, times)
    start = resident()
    pick(explorer, 2 * times if quick else PICKS)
    grown = max(resident() - start, 0.0)
    rows.append(limited("memory gained by 1,000 picks", grown, 5.0, "MB"))
    explorer.close()
    return rows


def latency(view: str, explorer: vb.Explorer, times: int) -> Row:
    pick(explorer, 10)
    return limited(f"a pick: {view}", statistics.median(pick(explorer, times)), BUDGET, "ms")


def pick(explorer: vb.Explorer, times: int) -> list[float]:
    """Pick random pixels; the time (ms) of each until its picture is ready to be sent."""
    rng = np.random.default_rng(1)
    taken = []
    for number, (row, column) in enumerate(rng.integers(0, 256, (times, 2))):
        start = time.perf_counter()
        explorer.controls.clickable.picked = [int(row), int(column), False, number]
        taken.append(1000 * (time.perf_counter() - start))
    return taken


def resident() -> float:
    """Memory of this process (MB); 0 where the system does not tell."""
    status = Path("/proc/self/statm")
    pages = int(status.read_text().split()[1]) if status.exists() else 0
    return pages * 4096 / 1e6
