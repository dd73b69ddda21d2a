"""What the compiler makes of the engine: vectors where there are, the same results everywhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import float64, typeof
from toys import asic_of_truth, draw_flux

from velonb import fit_pixels
from velonb.curves.shapes import SHAPES
from velonb.fit.engine import curve
from velonb.fit.engine.data import NO_TABLE, SCAN, WORK, kind_of
from velonb.minimised import STATISTICS

PACKED = r"^\s+(v?f?n?m?(mul|fmadd)\w*pd\s|f(mul|mla)\s+v\d+\.2d)"
SINGLE = r"^\s+(v?f?n?m?(mul|fmadd)\w*sd\s|f(mul|madd)\s+d\d+)"
"""Multiplications of several numbers, and of one, on x86 and ARM."""


def products(code: str) -> tuple[int, int]:
    packed, single = (len(re.findall(kind, code, re.MULTILINE)) for kind in (PACKED, SINGLE))
    return packed, single


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("statistic", STATISTICS)
def test_loop_over_thresholds_is_vectorised(shape: str, statistic: str) -> None:
    kind, numbers = typeof(kind_of(shape, statistic, NO_TABLE)), [float64] * 4
    scan, work, hits = (typeof(np.zeros(8, dtype)) for dtype in (SCAN, WORK, float))
    signature: Any = (kind, scan.dtype, float64, hits, *numbers, work.dtype)
    curve._sum_exact.compile(signature)
    code = next(text for types, text in curve._sum_exact.inspect_asm().items() if types[0] == kind)
    packed, single = products(code)
    # The loop is there once for vectors and once for what is left over, which is never run.
    assert packed > 40
    assert packed > 0.8 * single


def test_loop_that_cannot_be_vectorised_is_seen_as_such() -> None:
    scalar = "  vmulsd %xmm0, %xmm1\n" * 90 + "  vfmadd213pd %ymm0, %ymm1, %ymm2\n" * 10
    assert products(scalar) == (10, 90)
    assert products("  fmla v0.2d, v1.2d, v2.2d\n  fmadd d0, d1, d2, d3\n") == (1, 1)


def run_in_new_process(cache: Path, *arguments: str, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache)} | environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    ).stdout


FIT_TOYS = """
import sys
sys.path[:0] = sys.argv[2:]
from test_engine_code import fitted_toys
import numpy as np
np.savez(sys.argv[1], **fitted_toys())
"""


def fitted_toys() -> dict[str, np.ndarray]:
    flux = draw_flux((20, 20), exposure=60.0, number=45, seed=31)
    maps = fit_pixels(flux, asic_of_truth(flux), progress=False)
    return {str(name): values.values for name, values in maps.data_vars.items()}


@pytest.mark.slow
def test_narrower_vectors_give_the_same_fits(tmp_path: Path) -> None:
    result = tmp_path / "fits.npz"
    generic = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    here = Path(__file__).parent
    folders = [str(here), str(here.parent)]
    run_in_new_process(tmp_path, "-c", FIT_TOYS, str(result), *folders, **generic)
    found = np.load(result)
    for name, values in fitted_toys().items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6, atol=1e-9, err_msg=name)


@pytest.mark.slow
def test_shape_of_one_term_with_a_table_reaches_the_minimum_of_scipy(tmp_path: Path) -> None:
    script = Path(__file__).parents[1] / "tabulated.py"
    for fit in json.loads(run_in_new_process(tmp_path, str(script))).values():
        engine, scipy, error = (np.array(fit[name]) for name in ("engine", "scipy", "error"))
        np.testing.assert_allclose(engine[:, 0], scipy[:, 0], atol=1e-4)
        assert (np.abs(engine[:, 1:] - scipy[:, 1:]) <= 0.01 * error + 1e-12).all()
        assert np.isfinite(fit["p_value"]).all()
        assert 0.1 < np.mean(fit["p_value"]) < 0.9
