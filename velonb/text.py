"""Numbers as text: rounded to their errors, and unknown where they are."""

from __future__ import annotations

import math

import lmfit
from uncertainties import ufloat


def value_and_error(parameter: lmfit.Parameter) -> tuple[float, float]:
    """Value and error of an lmfit parameter, as two numbers.

    Parameters
    ----------
    parameter : lmfit.Parameter
        Of the result of a fit.

    Returns
    -------
    value, error : float
        The error is NaN where the fit knows none: lmfit has None there.

    Examples
    --------
    >>> import lmfit
    >>> value_and_error(lmfit.Parameter("E0", value=1551.0))
    (1551.0, nan)
    """
    error = math.nan if parameter.stderr is None else float(parameter.stderr)
    return float(parameter.value), error


def format_number(value: float, form: str = ".4g") -> str:
    """Write a number in a format, or that it is unknown.

    Examples
    --------
    >>> format_number(1551.2387, ".1f"), format_number(float("nan"), ".1f")
    ('1551.2', 'unknown')
    """
    value = float(value)
    return format(value, form) if math.isfinite(value) else "unknown"


def round_to_error(value: float, error: float | None) -> str:
    """Write a value and its error with the digits that the error allows (rounding of the PDG).

    Parameters
    ----------
    value : float
    error : float or None
        In the unit of the value; NaN or None where it is not known.

    Returns
    -------
    str
        Such as ``"1551.24 ± 0.31"``; the value alone where the error is zero.

    Examples
    --------
    >>> round_to_error(1551.2387, 0.3142)
    '1551.24 ± 0.31'
    >>> round_to_error(9.1234e-4, 3.9e-5)
    '0.00091 ± 0.00004'
    >>> round_to_error(12.0, None)
    '12 ± unknown'
    """
    value = float(value)
    if not math.isfinite(value):
        return "unknown"
    if error is None or not math.isfinite(error):
        return f"{value:.5g} ± unknown"
    if error <= 0:
        return f"{value:.5g}"
    return f"{ufloat(value, float(error)):P}".replace("±", " ± ")


def doubts(result: lmfit.minimizer.MinimizerResult | lmfit.model.ModelResult) -> list[str]:
    """Say what a fit leaves open: parameters on the edge of their region, errors not known.

    Parameters
    ----------
    result : lmfit.model.ModelResult or lmfit.minimizer.MinimizerResult
        What `fit_asic` or `fit_pixel` returns, or ``lmfit.minimize``.

    Returns
    -------
    list of str
        Sentences; none for a fit that has found what it looked for.

    Examples
    --------
    >>> import velonb as vb
    >>> vb.doubts(vb.fit_asic(flux))  # doctest: +SKIP
    ['On the edge of what is allowed, so not found in this scan: E0.']
    """
    free = [result.params[name] for name in result.var_names]
    on_edge = [parameter.name for parameter in free if _on_edge(parameter)]
    unknown = [parameter.name for parameter in free if parameter.stderr is None]
    sentences = {
        "On the edge of what is allowed, so not found in this scan": on_edge,
        "Error unknown, since this scan does not determine it": unknown,
    }
    return [f"{text}: {', '.join(names)}." for text, names in sentences.items() if names]


def _on_edge(parameter: lmfit.Parameter) -> bool:
    span = parameter.max - parameter.min
    near = 1e-6 * span if math.isfinite(span) else 1e-12
    return min(parameter.value - parameter.min, parameter.max - parameter.value) < near
