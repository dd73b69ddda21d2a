"""The S-curve fit of the library aare, where it is installed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from benchmarks.plain import Array

FROM = 10.0  # DAC below the first threshold: there its start values, made for other scans, work
COUNTS = 1000.0  # it expects counts rather than hits/s


def aare_fits(t: Array, flux: Array, error: Array) -> Callable[[], Array] | None:
    """A call that fits every pixel (threshold, pixel) and returns E0; None without aare.

    Its curve is its own: an edge between two straight lines, six parameters, for a falling curve.
    """
    try:
        from aare import fit_scurve2  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return None
    # A threshold without hits gets the error of one hit: there is no other way to keep it.
    error = np.where(flux > 0, error, error[flux > 0].min())
    size, origin = (1, flux.shape[1], t.size), t[0] - FROM
    y, sigma = (np.ascontiguousarray(COUNTS * a.T).reshape(size) for a in (flux, error))

    def fit() -> Array:
        with silence():
            result = fit_scurve2(t - origin, y, sigma, n_threads=os.cpu_count())
        return np.asarray(result["par"][0, :, 2] + origin)

    return fit


@contextmanager
def silence() -> Iterator[None]:
    """Keep off the screen what a library in C prints."""
    kept = {number: os.dup(number) for number in (1, 2)}
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number in kept:
            os.dup2(nowhere, number)
        yield
    finally:
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)
