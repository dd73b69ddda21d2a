"""Numbers as text."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace

import lmfit
import pytest
from hypothesis import given, strategies as st

from velonb import doubts, format_number, round_to_error, value_and_error


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1551.2387, 0.3142, "1551.24 ± 0.31"),
        (1551.2387, 0.4142, "1551.2 ± 0.4"),
        (1551.2387, 0.97, "1551.2 ± 1.0"),
        (9.1234e-4, 3.9e-5, "0.00091 ± 0.00004"),
        (0.0, 0.25, "0.00 ± 0.25"),
        (-3.14159, 0.02, "-3.142 ± 0.020"),
        (12.0, 0.0, "12"),
        (12.0, math.nan, "12 ± unknown"),
        (12.0, math.inf, "12 ± unknown"),
        (12.0, None, "12 ± unknown"),
        (math.nan, None, "unknown"),
        (math.nan, 1.0, "unknown"),
        (math.inf, 1.0, "unknown"),
    ],
)
def test_round_to_error_writes_the_digits_the_error_allows(
    value: float, error: float, text: str
) -> None:
    assert round_to_error(value, error) == text


SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
WRITTEN = re.compile(r"\(?(-?[\d.]+) ± ([\d.]+)\)?(?:×10([⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+))?")


@given(
    value=st.floats(-1e7, 1e7, allow_subnormal=False),
    magnitude=st.floats(-7, 3),
)
def test_round_to_error_stays_within_rounding_of_value_and_error(
    value: float, magnitude: float
) -> None:
    error = 10**magnitude
    match = WRITTEN.fullmatch(round_to_error(value, error))
    assert match
    written, written_error, power = match.groups()
    scale = 10.0 ** int(power.translate(SUPERSCRIPTS)) if power else 1.0
    decimals = [len(number.partition(".")[2]) for number in (written, written_error)]
    assert decimals[0] == decimals[1]
    half = 0.5000001 * scale * 10.0 ** -decimals[0]
    assert abs(float(written) * scale - value) <= half + 1e-15 * abs(value)
    assert abs(float(written_error) * scale - error) <= half
    # One or two digits of the error: rounding takes less than a fifth of it away.
    assert half < 0.2 * error


def test_value_and_error_of_a_parameter_without_error_is_nan() -> None:
    parameter = lmfit.Parameter("E0", value=1551.0)
    value, error = value_and_error(parameter)
    assert value == 1551.0
    assert math.isnan(error)
    parameter.stderr = 0.5
    assert value_and_error(parameter) == (1551.0, 0.5)


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [(12.345, ".1f", "12.3"), (math.nan, ".1f", "unknown"), (-math.inf, "+.2f", "unknown")],
)
def test_format_number_writes_what_is_not_finite_as_unknown(
    value: float, form: str, text: str
) -> None:
    assert format_number(value, form) == text


def fitted(**values: tuple[float, float | None]) -> SimpleNamespace:
    params = lmfit.Parameters()
    for name, (value, error) in values.items():
        low, high = (0, 1) if name == "f" else (0, math.inf)
        params.add(name, value=value, min=low, max=high)
        params[name].stderr = error
    return SimpleNamespace(params=params, var_names=list(params))


def test_doubts_of_a_fit_with_errors_inside_its_region_are_none() -> None:
    assert doubts(fitted(f=(9e-4, 1e-4), A=(8.0, 0.5))) == []


def test_doubts_name_what_is_on_the_edge_and_what_has_no_error() -> None:
    assert doubts(fitted(f=(0.99999999, 0.1), A=(0.0, None), s=(12.0, None))) == [
        "On the edge of what is allowed, so not found in this scan: f, A.",
        "Error unknown, since this scan does not determine it: A, s.",
    ]
