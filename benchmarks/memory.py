"""Memory: the largest scan."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

from benchmarks.table import Row, limited
from benchmarks.toychip import acquisitions_in, simulated_folder

LIMIT = 600.0  # MB
WRITTEN = 2
"""Acquisitions that are really written; the others are links to them."""
ANALYSIS = """
import sys
import velonb as vb
from benchmarks.memory import peak
flux = vb.compute_flux(vb.load_scan(sys.argv[1], progress=False))
loaded = peak()
fits = vb.fit_pixels(flux, vb.fit_asic(flux), progress=False)
print(loaded, peak())
"""


def main(quick: bool = False) -> list[Row]:
    thresholds, acquisitions = (21, 10) if quick else (121, 100)
    step = 120 // (thresholds - 1)
    with simulated_folder(range(1480, 1601, step), WRITTEN, "1s310ms") as folder:
        multiply(folder, acquisitions)
        print(
            f"{thresholds} thresholds x {acquisitions} acquisitions, "
            f"{len(acquisitions_in(folder)):,} files (links to {WRITTEN} acquisitions of every "
            "threshold), in a fresh process.\n"
        )
        loaded, fitted = peaks(folder)
    work = f"{thresholds} x {acquisitions}"
    return [
        limited(f"peak memory of load_scan and compute_flux, {work}", loaded, LIMIT, "MB"),
        limited(f"the same with fit_asic and fit_pixels, {work}", fitted, LIMIT, "MB"),
    ]


def multiply(folder: Path, acquisitions: int) -> None:
    """Make a folder of that many acquisitions without filling the disk."""
    for path in acquisitions_in(folder):
        stem, _, number = path.stem.rpartition("_")
        for other in range(int(number) + WRITTEN, acquisitions, WRITTEN):
            os.link(path, folder / f"{stem}_{other}.csv")


def peaks(folder: Path) -> tuple[float, float]:
    """Largest resident memory (MB) after loading and after fitting."""
    command = [sys.executable, "-W", "ignore", "-c", ANALYSIS, str(folder)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    loaded, fitted = map(float, output.split())
    return loaded, fitted


def peak() -> float:
    """Largest resident memory of this process so far (MB)."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not from getrusage: on Linux that begins with the memory of the process that started it.
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) * 1.024e-3 for line in lines if "VmHWM" in line)
    unit = 1e-6 if sys.platform == "darwin" else 1e-3
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
