"""The threshold curves, their gradients and the lmfit model over them.

A pixel counts the hits above a threshold t, so its flux against t is the integral of the spectrum:
a photopeak at E0, blurred by the noise s, on a continuum from charges shared between pixels. The
shapes of the two terms are in `shapes`.
"""

from __future__ import annotations

from typing import Any

import lmfit
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls

from velonb.curves.covariance import inverse, set_covariance
from velonb.curves.sensor import Clouds
from velonb.curves.shapes import shape_function
from velonb.curves.term import SQRT_2PI
from velonb.statistics import likelihood_residual, likelihood_residual_slope

PARAMETERS = ("f", "A", "s", "E0")


def threshold_curve(
    t: ArrayLike,
    f: ArrayLike,
    A: ArrayLike,
    s: ArrayLike,
    E0: ArrayLike,
    *,
    shape: str = "velo",
    baseline: ArrayLike | None = None,
    clouds: Clouds | None = None,
) -> NDArray[np.float64]:
    """Flux above a threshold.

    Parameters
    ----------
    t : array_like
        Threshold (DAC). All arguments broadcast against each other.
    f : array_like
        Height of the charge-sharing continuum relative to A (1/DAC).
    A : array_like
        Amplitude (DAC hits/s).
    s : array_like
        Noise, the blur of the photopeak (DAC).
    E0 : array_like
        Position of the photopeak (DAC).
    shape : {"velo", "consistent", "fe55", "sensor"}
        The form of the curve.
    baseline : array_like, optional
        Noise baseline (DAC); needed by ``"fe55"`` and ``"sensor"``.
    clouds : Clouds, optional
        Width of the clouds of charge, pitch and thickness (um); needed by ``"sensor"`` only, for
        which A is the rate of photons absorbed in a pixel (hits/s) and f takes no part.

    Returns
    -------
    ndarray of float64
        Flux (hits/s), of the broadcast shape of the arguments.

    Raises
    ------
    ValueError
        If the shape is unknown or its baseline is missing.

    Examples
    --------
    >>> threshold_curve([1480, 1551], f=9e-4, A=8, s=12, E0=1551).round(3)
    array([0.777, 0.157])
    """
    t, f, A, s, E0 = (np.asarray(x, dtype=float) for x in (t, f, A, s, E0))
    terms = shape_function(shape, baseline, clouds)(t, s, E0)
    if len(terms) == 1:
        return np.asarray(A * terms[0].value)
    sharing, peak = terms
    curve: NDArray[np.float64] = f * A * sharing.value + (1 - f) * A / (SQRT_2PI * s) * peak.value
    return curve


def threshold_gradient(
    t: ArrayLike,
    f: ArrayLike,
    A: ArrayLike,
    s: ArrayLike,
    E0: ArrayLike,
    *,
    shape: str = "velo",
    baseline: ArrayLike | None = None,
    clouds: Clouds | None = None,
) -> NDArray[np.float64]:
    """Derivatives of `threshold_curve` with respect to f, A, s and E0.

    Parameters
    ----------
    t, f, A, s, E0, shape, baseline, clouds
        As for `threshold_curve`.

    Returns
    -------
    ndarray of float64, shape (4, ...)
        The derivatives in the order f, A, s, E0.

    Examples
    --------
    >>> threshold_gradient(1551.0, f=9e-4, A=8, s=12, E0=1551).round(4).tolist()
    [26.9481, 0.0197, -0.009, 0.0124]
    """
    t, f, A, s, E0 = (np.asarray(x, dtype=float) for x in (t, f, A, s, E0))
    terms = shape_function(shape, baseline, clouds)(t, s, E0)
    if len(terms) == 1:
        (term,) = terms
        return np.stack(np.broadcast_arrays(0 * term.value, term.value, A * term.s, A * term.E0))
    sharing, peak = terms
    plateau = 1 / (SQRT_2PI * s)
    C, P = f * A, (1 - f) * A * plateau
    return np.stack(
        np.broadcast_arrays(
            A * sharing.value - A * plateau * peak.value,
            f * sharing.value + (1 - f) * plateau * peak.value,
            C * sharing.s + P * peak.s - P / s * peak.value,
            C * sharing.E0 + P * peak.E0,
        )
    )


class ThresholdModel(lmfit.Model):
    """The threshold curve as an lmfit model with gradients and start values.

    Parameters
    ----------
    shape : {"velo", "consistent", "fe55", "sensor"}
        The form of the curve.
    statistic : {"poisson", "chi2"}
        ``"poisson"`` minimises the likelihood chi-square of Baker & Cousins, NIM 221 (1984) 437;
        `weights` of `fit` is then the exposure (s). ``"chi2"`` minimises Neyman's chi-square;
        `weights` is then 1 / error (s/hits).
    baseline : float, optional
        Noise baseline (DAC); needed by ``"fe55"`` and ``"sensor"``.
    clouds : Clouds, optional
        Needed by ``"sensor"`` only.

    Raises
    ------
    ValueError
        If an argument has an unknown value, or the baseline is missing.

    Examples
    --------
    >>> t = np.arange(1480.0, 1600.0, 3.0)
    >>> model = ThresholdModel()
    >>> flux = model.eval(t=t, f=9e-4, A=8, s=12, E0=1551)
    >>> result = model.fit(flux, model.guess(flux, t=t), t=t, weights=1e4)
    >>> round(result.params["E0"].value, 2)
    1551.0
    """

    def __init__(
        self,
        shape: str = "velo",
        *,
        statistic: str = "poisson",
        baseline: float | None = None,
        clouds: Clouds | None = None,
        **options: Any,
    ) -> None:
        self._shape = shape_function(shape, baseline, clouds)
        if statistic not in ("poisson", "chi2"):
            raise ValueError(f"statistic is {statistic!r}; it must be poisson or chi2")
        self.shape, self.statistic, self.baseline, self.clouds = shape, statistic, baseline, clouds
        # A method and not a local function, so that results of fits can be pickled.
        name = f"threshold curve {shape}"
        super().__init__(self._curve, independent_vars=["t"], name=name, **options)
        if statistic == "poisson":
            self.set_param_hint("f", min=0.0, max=1.0)
            self.set_param_hint("A", min=0.0)
            self.set_param_hint("s", min=0.0)

    def _curve(self, t: Any, f: float, A: float, s: float, E0: float) -> NDArray[np.float64]:
        return threshold_curve(t, f, A, s, E0, **self.known)

    @property
    def known(self) -> dict[str, Any]:
        """What `threshold_curve` needs beside the parameters."""
        return {"shape": self.shape, "baseline": self.baseline, "clouds": self.clouds}

    def guess(self, data: ArrayLike, t: ArrayLike, **kwargs: Any) -> lmfit.Parameters:
        """Start values from the flux alone.

        The curve is linear in two of its parameters, so for each s and E0 of a coarse grid the best
        two are a linear problem; the best point of the grid is the guess.

        Parameters
        ----------
        data : array_like, shape (threshold,)
            Flux (hits/s).
        t : array_like, shape (threshold,)
            Threshold (DAC).
        **kwargs
            Values that replace the guessed ones, as in lmfit.

        Returns
        -------
        lmfit.Parameters
            Start values of f, A, s and E0.

        Raises
        ------
        ValueError
            If fewer than four points are finite or no flux is positive.
        """
        t, flux = np.asarray(t, dtype=float), np.asarray(data, dtype=float)
        usable = np.isfinite(flux) & np.isfinite(t)
        if usable.sum() < 4 or not (flux[usable] > 0).any():
            raise ValueError(
                f"data has {usable.sum()} finite values, largest {np.max(flux, initial=0):.4g}; "
                "a guess needs at least 4 thresholds with a flux, one of them above 0"
            )
        values = self._best_of_grid(t[usable], flux[usable])
        parameters = self.make_params(**dict(zip(PARAMETERS, values, strict=True)))
        return lmfit.models.update_param_vals(parameters, self.prefix, **kwargs)

    def _best_of_grid(self, t: NDArray[Any], flux: NDArray[Any]) -> tuple[float, ...]:
        span = np.ptp(t)
        weight = 1 / np.sqrt(np.maximum(flux, 1e-3 * flux.max()))
        trials = []
        for E0 in np.linspace(t.min() + 0.1 * span, t.max() - 0.1 * span, 25):
            for s in span * np.array([0.03, 0.05, 0.08, 0.12, 0.2]):
                design = np.stack([term.value for term in self._shape(t, s, E0)], axis=1)
                heights, distance = nnls(design * weight[:, None], flux * weight)
                trials.append((distance, *heights, s, E0))
        _, *heights, s, E0 = min(trials)
        if len(heights) == 1:
            return 0.0, heights[0], s, E0
        C, P = heights
        A = C + SQRT_2PI * s * P
        return min(max(C / A, 1e-6), 1 - 1e-6), A, s, E0

    def fit(self, data: Any, params: Any = None, **kwargs: Any) -> lmfit.model.ModelResult:
        """Fit as `lmfit.Model.fit` does, with the exact gradient and absolute errors.

        See the class for the meaning of `weights`. The errors of a likelihood fit come from the
        curvature of the likelihood at its minimum.
        """
        kwargs.setdefault("scale_covar", False)
        if kwargs.get("method", "leastsq") == "leastsq":
            gradient = {"Dfun": self._jacobian, "col_deriv": True}
            kwargs["fit_kws"] = gradient | (kwargs.get("fit_kws") or {})
        result = super().fit(data, params, **kwargs)
        if self.statistic == "poisson":
            self._set_errors_of_likelihood(result)
        return result

    def _set_errors_of_likelihood(self, result: lmfit.model.ModelResult) -> None:
        values = np.array([result.params[name].value for name in result.var_names])

        def slope(x: NDArray[Any]) -> NDArray[Any]:
            trial = result.params.copy()
            for name, value in zip(result.var_names, x, strict=True):
                trial[name].set(value=value, min=-np.inf, max=np.inf)
            arguments = (trial, result.data, result.weights)
            residual = self._residual(*arguments, **result.userkws)
            return np.asarray(self._jacobian(*arguments, **result.userkws) @ residual)

        shifts = np.diag(1e-5 * np.maximum(np.abs(values), 1e-6))
        hessian = [(slope(values + d) - slope(values - d)) / (2 * d.sum()) for d in shifts]
        set_covariance(result, inverse(0.5 * (np.array(hessian) + np.transpose(hessian))))

    def _residual(self, params: Any, data: Any, weights: Any, **kwargs: Any) -> NDArray[Any]:
        curve = self.eval(params, **kwargs)
        if self.statistic == "chi2":
            return np.asarray((data - curve) * weights)
        return likelihood_residual(data * weights, curve * weights)

    def _jacobian(self, params: Any, data: Any, weights: Any, **kwargs: Any) -> NDArray[Any]:
        values = {name: params[self.prefix + name].value for name in PARAMETERS}
        gradient = threshold_gradient(kwargs["t"], **values, **self.known)
        slope = -weights * np.ones_like(kwargs["t"])
        if self.statistic == "poisson":
            curve = self.eval(params, **kwargs)
            slope = weights * likelihood_residual_slope(data * weights, curve * weights)
        varies = [params[self.prefix + name].vary for name in PARAMETERS]
        return np.asarray(slope * gradient)[varies]
