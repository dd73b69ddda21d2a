"""Files: reading acquisitions, writing maps."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import xarray as xr

import velonb as vb
from benchmarks import plain
from benchmarks.table import Row, faster, median_times
from benchmarks.toychip import acquisitions_in, simulated_folder
from velonb.results.csv import format_matrix
from velonb.scan.reader import Reader

SHUTTER, SHUTTER_TIME = "6s552ms", 6.552


def main(quick: bool = False) -> list[Row]:
    thresholds = range(1480, 1601, 30 if quick else 3)
    with simulated_folder(thresholds, 10, SHUTTER) as folder:
        paths = acquisitions_in(folder)
        print(
            f"{len(paths)} acquisitions of {SHUTTER_TIME:g} s, {len(thresholds)} thresholds; files "
            "lie in the memory of the operating system for both sides.\n"
        )
        flux = vb.compute_flux(vb.load_scan(folder, progress=False))
        return [read_one_by_one(paths), load(folder, paths), write_map(), export(flux)]


def read_one_by_one(paths: list[Path]) -> Row:
    reader = Reader(256, 256)
    ours, other = median_times(
        [
            lambda: [reader.read(path).sum() for path in paths],
            lambda: [np.loadtxt(path, delimiter=",", dtype=np.int32).sum() for path in paths],
        ],
        5,
    )
    share = 1 / len(paths)
    ours, other = ours.times(share), other.times(share)
    return faster("read one file, 1 thread", ours, "numpy.loadtxt", other, 8)


def load(folder: Path, paths: list[Path]) -> Row:
    ours, other = median_times(
        [
            lambda: vb.load_scan(folder, progress=False),
            lambda: plain.sum_acquisitions(paths, SHUTTER_TIME),
        ],
        5,
    )
    return faster("load_scan", ours, "numpy.loadtxt loop that sums", other, 16)


def write_map() -> Row:
    values = 1551 + 6 * np.random.default_rng(0).standard_normal((256, 256))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.csv"
        ours, other = median_times(
            [
                lambda: path.write_bytes(format_matrix(values)),
                lambda: np.savetxt(path, values, delimiter=","),
            ],
            9,
        )
    return faster(
        "write a map of 65,536 distinct values, 1 thread", ours, "numpy.savetxt", other, 5
    )


def export(flux: xr.Dataset) -> Row:
    matrices = [*flux["flux"].values, *flux["flux_err"].values]
    with tempfile.TemporaryDirectory() as folder:
        ours, other = median_times(
            [
                lambda: vb.export_csv(folder, flux=flux),
                lambda: plain.write_matrices(Path(folder), matrices),
            ],
            5,
        )
    return faster(f"export_csv, {len(matrices)} maps of flux", ours, "numpy.savetxt loop", other, 5)
