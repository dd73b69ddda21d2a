"""Free fits of every pixel as one would write them with other libraries, where they are installed.

Each takes thresholds, exposures (s), hits (threshold, pixel) and the start values of a pixel, and
returns a call that fits all pixels and gives their E0, or raises ImportError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks import plain
from benchmarks.plain import Array

NEWTON_STEPS = 25

Start = Mapping[str, float]
Fit = Callable[[], Array]


def jax_newton(t: Array, exposure: Array, hits: Array, start: Start) -> Fit:
    """Newton's method by automatic differentiation, damped, all pixels at once: `jax.vmap`."""
    import jax
    import jax.numpy as jnp
    from jax.scipy.special import erfc

    jax.config.update("jax_enable_x64", True)
    scale = jnp.array(list(start.values()))

    def statistic(x: Any, n: Any) -> Any:
        f, A, s, E0 = x * scale
        z = (t - E0) / s
        sharing = f * A / 2 * (s / np.sqrt(np.pi) * jnp.exp(-(z**2)) + (E0 - t) * erfc(z))
        peak = (1 - f) * A / (2 * np.sqrt(2 * np.pi) * s) * erfc(z / np.sqrt(2))
        mu = jnp.maximum((sharing + peak) * exposure, 1e-100)
        return jnp.sum(mu - n * jnp.log(mu))

    def step(state: Any, _: Any, n: Any) -> Any:
        x, lowest, damping = state
        slope, bend = jax.grad(statistic)(x, n), jax.hessian(statistic)(x, n)
        matrix = bend + damping * jnp.diag(jnp.abs(jnp.diag(bend)))
        trial = x - jnp.linalg.solve(matrix, slope)
        there = statistic(trial, n)
        better = there < lowest
        state = (
            jnp.where(better, trial, x),
            jnp.where(better, there, lowest),
            jnp.where(better, damping / 10, jnp.maximum(damping, 1e-3) * 10),
        )
        return state, None

    def one(n: Any) -> Any:
        x = jnp.ones(4)
        begin = (x, statistic(x, n), jnp.array(1e-3))
        (x, _, _), _ = jax.lax.scan(lambda state, i: step(state, i, n), begin, length=NEWTON_STEPS)
        return x[3] * scale[3]

    fitted, pixels = jax.jit(jax.vmap(one)), jnp.asarray(hits.T, dtype=float)
    return lambda: np.asarray(fitted(pixels))


def iminuit_loop(t: Array, exposure: Array, hits: Array, start: Start) -> Fit:
    """A loop over pixels of Minuit's MIGRAD on the likelihood."""
    from iminuit import Minuit

    def one(n: Array) -> float:
        def statistic(f: float, A: float, s: float, E0: float) -> float:
            mu = np.maximum(plain.threshold_curve(t, f, A, s, E0) * exposure, 1e-100)
            return float(np.sum(mu - n * np.log(mu)))

        minuit = Minuit(statistic, **start)
        minuit.errordef = Minuit.LIKELIHOOD
        minuit.limits = [(0, 1), (0, None), (1, None), (t[0], t[-1])]
        return float(minuit.migrad().values["E0"])

    return lambda: np.array([one(n) for n in hits.T])


def hyperspy_multifit(t: Array, exposure: Array, hits: Array, start: Start) -> Fit:
    """A component of one's own and `multifit`, with the likelihood of Poisson counts."""
    import hyperspy.api as hs
    from hyperspy.component import Component

    class Curve(Component):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            super().__init__(tuple(start))

        def function(self, x: Array) -> Array:
            values = (getattr(self, name).value for name in start)
            return np.asarray(np.maximum(plain.threshold_curve(x, *values) * exposure, 1e-100))

    signal = hs.signals.Signal1D(np.ascontiguousarray(hits.T, dtype=float))
    axis = signal.axes_manager.signal_axes[0]
    axis.offset, axis.scale = float(t[0]), float(t[1] - t[0])
    hs.preferences.General.show_progressbar = False
    hs.set_log_level("CRITICAL")

    def fit() -> Array:
        model, curve = signal.create_model(), Curve()
        model.append(curve)
        for name, value in start.items():
            parameter = getattr(curve, name)
            parameter.value = value
            parameter.assign_current_value_to_all()
        model.multifit(loss_function="ML-poisson", optimizer="Nelder-Mead", show_progressbar=False)
        return np.asarray(curve.E0.map["values"])

    return fit


RIVALS: dict[str, tuple[Callable[..., Fit], int]] = {
    "jax.vmap Newton": (jax_newton, 4096),
    "iminuit loop": (iminuit_loop, 100),
    "hyperspy multifit": (hyperspy_multifit, 20),
}
"""With the number of pixels that each is timed on."""
