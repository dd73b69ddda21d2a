"""exp, log and the normal tails of the compiled fit, against scipy over their whole range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit
from scipy.special import erfc, erfcx

from velonb import functions as _functions

LIMIT = 1e-13


@njit
def compiled_exp(x: Any, result: Any) -> None:
    for i in range(x.size):
        result[i] = _functions.exp(x[i])


@njit
def compiled_log(x: Any, result: Any) -> None:
    for i in range(x.size):
        result[i] = _functions.log(x[i])


@njit
def compiled_tails(z: Any, gauss: Any, narrow: Any, wide: Any) -> None:
    for i in range(z.size):
        narrow[i], wide[i] = _functions.tails(z[i], gauss[i])


def applied(function: Any, x: np.ndarray) -> np.ndarray:
    result = np.empty_like(x)
    function(x, result)
    return result


def tails(z: np.ndarray, gauss: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    narrow, wide = np.empty_like(z), np.empty_like(z)
    compiled_tails(z, gauss, narrow, wide)
    return narrow, wide


def test_compiled_exp_is_that_of_numpy() -> None:
    x = -np.concatenate([np.linspace(0, 707.9, 400_001), np.logspace(-15, 2, 50_000)])
    np.testing.assert_allclose(applied(compiled_exp, x), np.exp(x), rtol=LIMIT)
    assert applied(compiled_exp, np.zeros(1))[0] == 1


def test_compiled_exp_stays_tiny_where_float64_ends() -> None:
    assert (applied(compiled_exp, np.array([-750.0, -1e5, -1e300])) < 1e-300).all()


def test_compiled_log_is_that_of_numpy() -> None:
    near_1 = np.logspace(-15, -0.1, 50_000)
    x = np.concatenate([np.logspace(-299, 300, 400_001), 1 + near_1, 1 - near_1])
    np.testing.assert_allclose(applied(compiled_log, x), np.log(x), rtol=LIMIT)
    assert applied(compiled_log, np.ones(1))[0] == 0


def test_compiled_log_of_0_is_finite_and_that_of_arrays() -> None:
    assert applied(compiled_log, np.zeros(1))[0] == pytest.approx(_functions.log(0.0), rel=LIMIT)
    assert np.isfinite(_functions.log(0.0))


def test_compiled_tails_are_those_of_scipy_for_the_same_gauss() -> None:
    # Given gauss, so that its own rounding, which grows with z^2, does not count.
    z = np.linspace(0, 38, 400_001)
    gauss = np.exp(-0.5 * z * z)
    for scale, tail, reference in zip(
        (1.0, np.sqrt(0.5)), tails(z, gauss), (gauss * gauss, gauss), strict=True
    ):
        seen = reference > 1e-290
        expected = 0.5 * erfcx(scale * z) * reference
        np.testing.assert_allclose(tail[seen], expected[seen], rtol=LIMIT)


def test_compiled_tails_of_the_compiled_exp_are_those_of_scipy() -> None:
    z = np.linspace(-40, 10, 400_001)
    for scale, tail in zip(
        (1.0, np.sqrt(0.5)), tails(z, applied(compiled_exp, -0.5 * z * z)), strict=True
    ):
        np.testing.assert_allclose(tail, 0.5 * erfc(scale * z), rtol=LIMIT)


def test_tails_of_arrays_are_those_of_scipy() -> None:
    z = np.linspace(-40, 40, 1001)
    narrow, wide = _functions.tails(z, np.exp(-0.5 * z * z))
    np.testing.assert_array_equal(narrow, 0.5 * erfc(z))
    np.testing.assert_allclose(wide, 0.5 * erfc(z / np.sqrt(2)), rtol=1e-12)
