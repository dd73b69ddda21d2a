"""From the folder to the results."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import curve_fit

import velonb as vb
from benchmarks import plain
from benchmarks.fits import random_pixels
from benchmarks.table import Row, Taken, duration, faster, markdown
from benchmarks.toychip import acquisitions_in, simulated_folder

SHUTTER, SHUTTER_TIME = "6s552ms", 6.552
FITTED, READ, WRITTEN = 200, 61, 4
"""Pixels, files and maps that the plain side really works on."""

Times = dict[str, Taken]


class Stages(NamedTuple):
    """What every stage takes on both sides."""

    files: str
    plain: Times
    ours: Times


def main(quick: bool = False) -> list[Row]:
    stages = measure(quick)
    print(
        f"{stages.files}, 65,536 pixels, files to CSV results. The plain side is timed on {READ} "
        f"files, {FITTED} random pixels and {WRITTEN} maps, scaled to all.\n"
    )
    lines = [
        (name, duration(other), duration(ours), f"{other / ours:.3g} x")
        for name, ours, other in (
            (name, ours.wall, stages.plain[name].wall) for name, ours in stages.ours.items()
        )
    ]
    print(markdown(("stage", "plain Python", "velonb", "ratio"), lines) + "\n")
    ours, other = (
        Taken(*map(sum, zip(*side.values(), strict=True))) for side in (stages.ours, stages.plain)
    )
    return [faster(f"folder to results, {stages.files}", ours, "plain Python", other, 50)]


@cache
def measure(quick: bool = False) -> Stages:
    """Run both sides over a simulated folder."""
    thresholds, acquisitions = range(1480, 1601, 6 if quick else 2), 4 if quick else 20
    files = f"{len(thresholds)} thresholds x {acquisitions} acquisitions"
    with (
        simulated_folder(thresholds, acquisitions, SHUTTER) as folder,
        tempfile.TemporaryDirectory() as results,
    ):
        sides = plain_once, velonb_once
        velonb_once(folder, Path(results))
        rounds = [[side(folder, Path(results)) for side in sides] for _ in range(3)]
        return Stages(files, *(medians(runs) for runs in zip(*rounds, strict=True)))


def medians(runs: Iterable[Times]) -> Times:
    runs = list(runs)
    return {
        name: Taken(*(map(statistics.median, zip(*(run[name] for run in runs), strict=True))))
        for name in runs[0]
    }


def timed(times: Times, name: str, function: Callable[[], Any], scale: float = 1.0) -> Any:
    """Call, and note how long it took."""
    wall, processor = time.perf_counter(), time.process_time()
    result = function()
    taken = Taken(time.perf_counter() - wall, time.process_time() - processor)
    times[name] = taken.times(scale)
    return result


def velonb_once(folder: Path, results: Path) -> Times:
    times: Times = {}
    scan = timed(times, "read", lambda: vb.load_scan(folder, progress=False))
    flux = timed(times, "flux", lambda: vb.compute_flux(scan))
    asic = timed(times, "fit the ASIC", lambda: vb.fit_asic(flux))
    fits = timed(times, "fit the pixels", lambda: vb.fit_pixels(flux, asic, progress=False))
    timed(times, "write", lambda: vb.export_csv(results, flux=flux, fits=fits))
    return times


def plain_once(folder: Path, results: Path) -> Times:
    """The same results as a plain script would make them; slow stages on a sample."""
    times: Times = {}
    paths = acquisitions_in(folder)
    sample = paths[:: len(paths) // READ][:READ]
    timed(
        times,
        "read",
        lambda: plain.sum_acquisitions(sample, SHUTTER_TIME),
        len(paths) / len(sample),
    )
    scan = vb.load_scan(folder, progress=False)
    hits, exposure = scan["hits"].values.astype(float), scan["exposure"].values
    flux, error = timed(times, "flux", lambda: plain.flux_and_error(hits, exposure))
    t, total = scan["threshold"].values.astype(float), hits.sum(axis=(1, 2))
    start = timed(times, "fit the ASIC", lambda: fit_asic_plainly(t, total, exposure))
    start[1] /= int((~scan["mask"]).sum())
    pixels = random_pixels(vb.compute_flux(scan), FITTED)
    scale = scan["mask"].size / FITTED
    timed(times, "fit the pixels", lambda: plain.scipy_fits(*pixels, start), scale)
    maps = 2 * len(t) + 8
    timed(
        times,
        "write",
        lambda: plain.write_matrices(results, [*flux[: WRITTEN // 2], *error[: WRITTEN // 2]]),
        maps / WRITTEN,
    )
    return times


def fit_asic_plainly(t: plain.Array, hits: plain.Array, exposure: plain.Array) -> list[float]:
    start = [9e-4, 8.0 * 65536, 12.0, 1551.0]
    values, _ = curve_fit(
        plain.threshold_curve,
        t,
        hits / exposure,
        start,
        np.sqrt(hits) / exposure,
        absolute_sigma=True,
    )
    return [float(value) for value in values]
