"""Fits a shape of one term that reads a table and the baseline of its pixel; run as a script.

The shape is a photopeak whose curve is a cubic spline, at a place that depends on the baseline. It
joins before anything is compiled. Printed are the fits of the engine and of scipy.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import minimize
from scipy.special import ndtr

from velonb.curves import shapes as _shapes
from velonb.curves.term import Term

FIRST, STEP, CELLS, STRETCH = -8.0, 0.1, 160, 1.02


def tabulated(t: Any, s: Any, E0: Any, baseline: Any = None, table: Any = None) -> Any:
    per_s = 1 / s
    z = (t - baseline - STRETCH * (E0 - baseline)) * per_s
    cell = np.minimum(np.maximum((z - FIRST) * (1 / STEP), 0.0), CELLS - 1.0)
    k = np.uint32(cell)
    y = np.minimum(np.maximum(z - FIRST - k * STEP, 0.0), STEP)
    a, b, c, d = table[0, k, 0], table[0, k, 1], table[0, k, 2], table[0, k, 3]
    slope, bend = (3 * a * y + 2 * b) * y + c, 6 * a * y + 2 * b
    z_E0 = -STRETCH * per_s
    return (
        Term(
            ((a * y + b) * y + c) * y + d,
            -slope * z * per_s,
            slope * z_E0,
            (bend * z + 2 * slope) * z * per_s * per_s,
            -(bend * z + slope) * per_s * z_E0,
            bend * z_E0 * z_E0,
        ),
    )


_shapes.SHAPES["tabulated"] = tabulated


def main() -> None:
    from velonb.fit.batch import fit_all
    from velonb.fit.problem import Pixels, describe_scan
    from velonb.statistics import likelihood_chi_square

    nodes = FIRST + STEP * np.arange(CELLS + 1)
    table = np.ascontiguousarray(CubicSpline(nodes, ndtr(-nodes)).c.T)[None]
    t, seconds, size = np.linspace(1480.0, 1600.0, 41), 400.0, 30
    rng = np.random.default_rng(5)
    baseline, E0 = rng.normal(1430, 5, size), rng.normal(1545, 6, size)
    truth = tabulated(t[:, None], 12.0, E0, baseline, table)[0].value
    hits = rng.poisson(0.4 * seconds * truth)
    no = np.zeros(size, bool)
    pixels = Pixels(t, np.full(41, seconds), hits, baseline, no, no, np.full(size, 41))
    start = {"f": 0.0, "A": 0.4, "s": 11.0, "E0": 1545.0}
    options: Any = {"table": table, "terms": 1}
    problems = {
        "three": describe_scan(pixels, start, ("A", "s", "E0"), "tabulated", "poisson", **options),
        "two": describe_scan(pixels, start, ("A", "E0"), "tabulated", "poisson", **options),
    }
    outcomes = fit_all(problems, pixels, progress=False)
    fits = {name: outcome.fits for name, outcome in outcomes.items()}

    def by_scipy(pixel: int, s: float | None) -> list[float]:
        def statistic(x: Any) -> float:
            A, E0, width = x[0], x[1], s or x[2]
            if A <= 0 or width < 1.5:
                return np.inf
            curve = tabulated(t, width, E0, baseline[pixel], table)[0].value
            return float(likelihood_chi_square(hits[:, pixel], A * seconds * curve).sum())

        x = [0.4, 1545.0] if s else [0.4, 1545.0, 11.0]
        for _ in range(3):
            options = {"xatol": 1e-8, "fatol": 1e-9, "maxiter": 4000, "maxfev": 4000}
            best = minimize(statistic, x, method="Nelder-Mead", options=options)
            x = best.x
        return [float(best.fun), float(x[0]), float(s or x[2]), float(x[1])]

    print(
        json.dumps(
            {
                name: {
                    "engine": np.column_stack([of["statistic"], of["values"][:, 1:]]).tolist(),
                    "error": of["error"][:, 1:].tolist(),
                    "p_value": of["p_value"].tolist(),
                    "scipy": [by_scipy(pixel, s) for pixel in range(size)],
                }
                for (name, of), s in zip(fits.items(), (None, 11.0), strict=True)
            }
        )
    )


if __name__ == "__main__":
    main()
