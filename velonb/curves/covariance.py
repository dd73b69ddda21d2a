"""Errors and correlations of the parameters of a fit."""

from __future__ import annotations

from typing import Any

import lmfit
import numpy as np
from numpy.typing import NDArray


def inverse(matrix: NDArray[Any]) -> NDArray[Any]:
    """Invert a Hessian; NaN for the parameters in whose direction it does not rise."""
    # The parameters differ by ten orders of magnitude: bring them to one scale first.
    scale = np.sqrt(np.abs(np.diag(matrix)))
    scale[scale == 0] = 1
    scales = np.outer(scale, scale)
    if not np.isfinite(matrix / scales).all():
        return np.full(matrix.shape, np.nan)
    rise, direction = np.linalg.eigh(matrix / scales)
    rises = rise > 1e-12 * np.abs(rise).max()
    covariance = (direction[:, rises] / rise[rises]) @ direction[:, rises].T / scales
    undetermined = (direction[:, ~rises] ** 2).sum(axis=1) > 1e-6
    covariance[undetermined] = covariance[:, undetermined] = np.nan
    return np.asarray(covariance)


def set_covariance(result: lmfit.model.ModelResult, covariance: NDArray[Any]) -> None:
    """Set errors and correlations of the fitted parameters."""
    errors = np.sqrt(np.diag(covariance))
    result.covar, result.errorbars = covariance, bool((errors > 0).all())
    for k, name in enumerate(result.var_names):
        parameter = result.params[name]
        parameter.stderr = float(errors[k]) if errors[k] > 0 else None
        parameter.correl = {
            other: float(covariance[k, i] / (errors[k] * errors[i]))
            for i, other in enumerate(result.var_names)
            if i != k and errors[k] * errors[i] > 0
        }
