"""Run the benchmarks and print their tables: python -m benchmarks [NAME ...] [--quick].

A run of all also leaves its numbers in docs/benchmarks.json, from which
scripts/readme_benchmarks.py fills the README.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import platform
import sys
import time
import warnings
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from benchmarks.pipeline import measure
from benchmarks.table import Row, print_rows
from velonb.system.files import written_whole

ALWAYS = ("fits", "reader", "pipeline", "first_use", "memory", "picks")
ON_REQUEST = ("toys", "photons", "pointer")
NUMBERS = Path(__file__).parent.parent / "docs" / "benchmarks.json"


def main() -> int:
    options = parse_arguments()
    warnings.simplefilter("ignore")  # what a loop of plain fits says of pixels it cannot fit
    this_machine = machine()
    print(this_machine, flush=True)
    rows = {}
    for name in options.names or ALWAYS:
        start = time.perf_counter()
        rows[name] = run(name, options.quick)
        print(f"\n(`{name}` took {time.perf_counter() - start:.0f} s)", flush=True)
    if not options.names and not options.quick:
        keep(this_machine, rows)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"Benchmarks, as tables in Markdown: {', '.join(ALWAYS)}; "
        f"on request {', '.join(ON_REQUEST)}.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; the first ones by default")
    parser.add_argument("--quick", action="store_true", help="smaller, to see that they run")
    options = parser.parse_args()
    unknown = set(options.names) - {*ALWAYS, *ON_REQUEST}
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}: see --help")
    return options


def keep(this_machine: str, rows: dict[str, list[Row]]) -> None:
    """Write the numbers of this run, the stages of the pipeline among them."""
    files, plain, ours = measure(quick=False)
    stages = {name: [plain[name].wall, taken.wall] for name, taken in ours.items()}
    numbers = {
        "machine": this_machine,
        "rows": [row._asdict() for of_one in rows.values() for row in of_one],
        "pipeline": {"files": files, "plain and velonb (s)": stages},
    }
    with written_whole(NUMBERS) as temporary:
        temporary.write_text(json.dumps(numbers, indent=1) + "\n", "utf-8")
    print(f"\nNumbers: {NUMBERS}")


def run(name: str, quick: bool) -> list[Row]:
    """Print what a benchmark prints by itself, then the rows that it returns."""
    module = import_module(f"benchmarks.{name}")
    print(f"\n### {(module.__doc__ or name).splitlines()[0]}\n", flush=True)
    takes_quick = "quick" in inspect.signature(module.main).parameters
    rows = module.main(quick=quick) if takes_quick else module.main()
    if rows:
        print_rows(rows)
    return rows or []


def machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "numba", "lmfit"))
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    return (
        f"{processor()}, {os.cpu_count()} cores, {load} at the start; Python "
        f"{platform.python_version()}, {packages}, velonb {version('velonb')}.\n"
        "Times are medians of repeats; a first call before them, which compiles, is not counted."
    )


def processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
