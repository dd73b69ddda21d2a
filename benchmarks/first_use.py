"""First use: import, and calls before anything is compiled."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.table import Row, limited
from benchmarks.toychip import simulated_folder

IMPORT_LIMIT, FIRST_LIMIT = 1.5, 15.0
CALLS = """
import sys, time
import velonb as vb
start = time.perf_counter()
flux = vb.compute_flux(vb.load_scan(sys.argv[1], progress=False))
loaded = time.perf_counter()
fits = vb.fit_pixels(flux, vb.fit_asic(flux), progress=False)
print(loaded - start, time.perf_counter() - loaded)
"""


def main(quick: bool = False) -> list[Row]:
    print(
        "Each in a fresh process. The first call ever finds no compiled code on disk (an empty "
        "NUMBA_CACHE_DIR); later ones find it.\n"
    )
    with (
        simulated_folder(range(1480, 1601, 12), 2, "13s105ms") as folder,
        tempfile.TemporaryDirectory() as cache,
    ):
        first = first_calls(folder, cache)
        later = [first_calls(folder, cache) for _ in range(1 if quick else 3)]
    loading, fitting = (statistics.median(times) for times in zip(*later, strict=True))
    return [
        limited("import velonb", import_time(3 if quick else 9), IMPORT_LIMIT),
        limited("first load_scan ever", first[0], FIRST_LIMIT),
        limited("first fit_pixels ever, free + fixed", first[1], FIRST_LIMIT),
        limited("first load_scan of a session", loading, FIRST_LIMIT),
        limited("first fit_pixels of a session", fitting, FIRST_LIMIT),
    ]


def first_calls(folder: Path, cache: str) -> tuple[float, float]:
    """Times (s) of loading and fitting a small scan in a fresh process, imports included."""
    output = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CALLS, str(folder)],
        env=os.environ | {"NUMBA_CACHE_DIR": cache},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    loading, fitting = map(float, output.split())
    return loading, fitting


def import_time(repeats: int) -> float:
    """Median time of `import velonb` (s), as ``python -X importtime`` tells it."""
    command = [sys.executable, "-X", "importtime", "-c", "import velonb"]
    reports = [
        subprocess.run(command, capture_output=True, text=True, check=True).stderr
        for _ in range(repeats + 1)
    ]
    # The first one warms up the disk. Lines read: import time: self [us] | cumulative | package.
    return statistics.median(
        1e-6 * int(line.split("|")[1])
        for report in reports[1:]
        for line in report.splitlines()
        if line.endswith("| velonb")
    )
