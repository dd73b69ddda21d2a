"""What single pixels say about the parameters that all of them share."""

from __future__ import annotations

from typing import Any, NamedTuple

import lmfit
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from velonb.curves import PARAMETERS, ThresholdModel, threshold_curve, threshold_gradient
from velonb.fit.pixels import fit_pixels
from velonb.fit.sample import FAINTEST, in_blocks, known_of, values_of
from velonb.vocabulary import BAD

Array = NDArray[Any]

COMMON, OWN = ("f", "s"), ("A", "E0")
"""What all pixels share, and what is each pixel's own."""
COMMON_OF_SENSOR = ("width", "s")
"""The same for the shape `sensor`: the width of the charge clouds stands in the place of f."""
APART = 0.01
"""Relative distance of the widths whose curves give the derivative."""
INFLUENCE = 3.0
"""A pixel that asks for another f and s by more standard deviations than this counts less."""


class Pulls(NamedTuple):
    """What every pixel says about the logarithms of what is common, when its A and E0 follow."""

    slope: Array
    """Of the log-likelihood, shape (pixel, 2)."""
    information: Array
    """Shape (pixel, 2, 2)."""
    fits: xr.Dataset
    """Of the pixels that were found."""

    def step(self) -> tuple[Array, Array]:
        """Step to the common maximum, and its covariance from the scatter of the pixels."""
        inverses = np.linalg.pinv(self.information, hermitian=True)
        asked = np.einsum("pab,pb->pa", inverses, self.slope)
        distance = np.sqrt(np.sum(self.slope * asked, axis=1).clip(1e-12))
        weight = np.minimum(1.0, INFLUENCE / distance)[:, None]
        slope = weight * self.slope
        inverse = np.linalg.inv(np.sum(weight[..., None] * self.information, axis=0))
        return inverse @ slope.sum(axis=0), inverse @ (slope.T @ slope) @ inverse


def pulls_of_pixels(
    sample: xr.Dataset, reference: lmfit.model.ModelResult, threads: int | None
) -> Pulls:
    """Fit A and E0 of every pixel, and see what it asks for of what is common."""
    fits = fit_pixels(sample, reference, free=OWN, threads=threads, progress=False)
    fits = fits.isel(fit=0, row=0)
    fits = fits.isel(column=(fits["fit_type"] >= BAD) & (fits["at_limit"] == 0))
    if fits.sizes["column"] == 0:
        raise ValueError(
            "no pixel of the sample can be fitted with the f and s of the ASIC: look at its fit, "
            "and at the mask"
        )
    done = [_differentiate(*block, reference.model) for block in in_blocks(sample, fits)]
    slope, information = (np.concatenate(parts) for parts in zip(*done, strict=True))
    return Pulls(*_when_own_follow(slope, information), fits)


def _differentiate(
    counts: xr.Dataset, fits: xr.Dataset, model: ThresholdModel
) -> tuple[Array, Array]:
    """Slope and information of the logarithms of all parameters."""
    expected, gradient = _expected_with_gradient(counts, fits, model)
    slope = np.einsum("atp,tp->pa", gradient, counts["hits"].values / expected - 1)
    return slope, np.einsum("atp,btp,tp->pab", gradient, gradient, 1 / expected)


def _expected_with_gradient(
    counts: xr.Dataset, fits: xr.Dataset, model: ThresholdModel
) -> tuple[Array, Array]:
    t, exposure = (counts[name].values[:, None] for name in ("threshold", "exposure"))
    values, known = values_of(fits), known_of(counts, model)
    gradient = threshold_gradient(t, *values, **known) * np.array(values)[:, None]
    # The curve is linear in A.
    curve = np.maximum(gradient[PARAMETERS.index("A")], FAINTEST)
    if model.clouds is not None:
        gradient[0] = _slope_of_width(t, values, known)
    return exposure * curve, exposure * gradient


def _slope_of_width(t: Array, values: list[Array], known: dict[str, Any]) -> Array:
    """Derivative of the curves with respect to the logarithm of the width."""
    clouds = known["clouds"]
    widths = clouds.width * np.exp([-APART, APART])
    narrow, wide = (
        threshold_curve(t, *values, **known | {"clouds": clouds._replace(width=width)})
        for width in widths
    )
    return (wide - narrow) / (2 * APART)


def _when_own_follow(slope: Array, information: Array) -> tuple[Array, Array]:
    """Slope and information of the common parameters along the best A and E0 of each pixel."""
    common, own = (np.array([PARAMETERS.index(name) for name in names]) for names in (COMMON, OWN))
    mixed = information[:, common][..., own]
    follow = mixed @ np.linalg.pinv(information[:, own][..., own], hermitian=True)
    slope_left = slope[:, common] - (follow @ slope[:, own, None])[..., 0]
    left = information[:, common][..., common] - follow @ mixed.swapaxes(1, 2)
    return slope_left, left
