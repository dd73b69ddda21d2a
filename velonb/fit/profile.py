"""Asymmetric errors from the profile likelihood."""

from __future__ import annotations

from collections.abc import Sequence

import lmfit
import numpy as np
from scipy.optimize import brentq

MOST_EVALUATIONS = 500
"""Of the statistic, in a fit with one parameter held; some tens are usual."""


def profile_errors(
    result: lmfit.model.ModelResult, parameters: Sequence[str] | None = None
) -> dict[str, tuple[float, float]]:
    """Asymmetric errors: where the statistic, minimised over the others, has risen by one.

    Parameters
    ----------
    result : lmfit.model.ModelResult
        What `fit_pixel` or `fit_asic` returns.
    parameters : sequence of str, optional
        Which of the free parameters; all of them by default.

    Returns
    -------
    dict
        For each parameter the distances (below, above) of the ends of its 68.3 % interval, both
        positive; infinite where the statistic does not rise by one inside the physical region.

    Raises
    ------
    ValueError
        If a parameter is not free in the fit.

    Examples
    --------
    >>> import velonb as vb
    >>> vb.profile_errors(vb.fit_pixel(flux, 100, 100), ["E0"])  # doctest: +SKIP
    {'E0': (3.1, 4.6)}
    """
    names = list(result.var_names if parameters is None else parameters)
    unknown = [name for name in names if name not in result.var_names]
    if unknown:
        raise ValueError(
            f"parameters {unknown} are not free in this fit; free are {result.var_names}"
        )
    return {name: (_distance(result, name, -1), _distance(result, name, +1)) for name in names}


def _distance(result: lmfit.model.ModelResult, name: str, side: int) -> float:
    best = result.params[name]
    # Just inside: on an edge itself, such as A = 0, the curve may have no likelihood.
    edge = (1 - 1e-9) * abs((best.min if side < 0 else best.max) - best.value)

    def excess(distance: float) -> float:
        return _statistic_at(result, name, best.value + side * distance) - result.chisqr - 1

    size = abs(best.value) or abs(best.init_value) or 1.0
    reach = min(best.stderr or 0.1 * size, edge)
    while excess(reach) < 0:
        if reach >= edge or reach > 1e4 * size:
            return np.inf
        reach = min(1.5 * reach, edge)
    return float(brentq(excess, 0.0, reach, xtol=1e-4 * reach))


def _statistic_at(result: lmfit.model.ModelResult, name: str, value: float) -> float:
    held = result.params.copy()
    held[name].set(value=value, vary=False)
    if len(result.var_names) > 1:
        # A fit that has crept into an edge for long has no more to gain there.
        options = {"weights": result.weights, "max_nfev": MOST_EVALUATIONS}
        refit = result.model.fit(result.data, held, **options, **result.userkws)
        return float(refit.chisqr)
    residual = result.model._residual(held, result.data, result.weights, **result.userkws)
    return float(np.sum(residual**2))
