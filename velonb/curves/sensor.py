"""The shape `sensor`: what a pixel of a segmented sensor counts under Fe-55.

Photons of both lines enter through the back, and convert uniformly over the pixels at an
exponential depth. The electrons of one arrive as a Gaussian cloud; the width w of one that crossed
the whole sensor is common to the chip. The pixel collects the share g inside its edges, and the
noise s blurs it. Counted from the baseline b, in units of the whole charge of K-alpha,
u = (t - b) / (E0 - b)::

    F(t) = A S(u, s / (E0 - b); w)
    S(u, v; w) = sum over lines of r * mean over positions and depths of Phi((e g - u) / sigma)
    sigma^2 = v^2 + e (fano g^2 + g (1 - g)) / N

A is the rate of photons absorbed in the area of a pixel (hits/s), e the energy of a line over that
of K-alpha, N the number of electrons of K-alpha: it fluctuates by Fano's factor, and each of them
arrives inside or outside on its own.

S is tabulated once for each w, as coefficients of cubic B-splines.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import spline_filter
from scipy.signal import fftconvolve
from scipy.special import ndtr

from velonb.curves.term import (
    BETA_TO_ALPHA_ENERGY,
    BETA_TO_ALPHA_INTENSITY,
    SQRT_2PI,
    Term,
    Terms,
)

Array = NDArray[Any]


class Clouds(NamedTuple):
    """Clouds of charge in a sensor: lengths in um, common to a chip.

    Examples
    --------
    >>> Clouds(width=7.0, pitch=35.0)
    Clouds(width=7.0, pitch=35.0, thickness=200.0)
    """

    width: float
    """Standard deviation of a cloud that crossed the whole sensor."""
    pitch: float = 55.0
    """Side of a pixel."""
    thickness: float = 200.0
    """Of the sensor."""


def clouds_of(attributes: Mapping[Any, Any]) -> Clouds | None:
    """The clouds of a fit, told by the attributes of its data; None without a width."""
    if "width" not in attributes:
        return None
    return Clouds(
        **{name: float(attributes[name]) for name in Clouds._fields if name in attributes}
    )


FANO = 0.115
"""Variance of the number of electrons over its mean, in silicon."""
PAIR_ENERGY = 3.65
"""Energy for an electron-hole pair in silicon (eV)."""
ELECTRONS = 5895.0 / PAIR_ENERGY
"""Whole charge of K-alpha."""
LINES = (1.0, 1.0, 28.0), (BETA_TO_ALPHA_ENERGY, BETA_TO_ALPHA_INTENSITY, 37.0)
"""Energy and intensity relative to those of K-alpha, and the length (um) in which silicon absorbs:
the photoelectric part of the tables of Hubbell & Seltzer, NISTIR 5632."""

LEAST_SHARE = 0.01
"""A pixel that collects less is not hit: otherwise photons far away would count with the noise."""

CELLS_U, CELLS_V = 640, 80
PER_U, PER_V = 200.0, 160.0
"""Cells of the table, and how many of them make 1: u from 0 to 3.2, v from 0 to 0.5."""
LARGEST_U, LARGEST_V = CELLS_U / PER_U, CELLS_V / PER_V
LEAST = 1e-7
"""Counts per photon that the curve is not below: beyond all charges, the table is about zero."""
_PADDING = 12  # the spline of mirrored values is wrong near an edge, by 0.27 to that power
_FINER = 2
_STEP = 1 / (PER_U * _FINER)  # the charge is binned finer than u
_SHARES = 4000
_NODES = 300
_DEPTHS = 7
_CLOUD = 6.0
"""Widths from the centre of a cloud to where it ends."""


def sensor(t: Any, s: Any, E0: Any, baseline: Any = None, table: Any = None) -> Terms:
    """Counts per photon with their derivatives, from the table of a width.

    Beyond the table, its edge is taken.
    """
    per_charge = 1 / np.maximum(E0 - baseline, 1.0)
    u, v = (t - baseline) * per_charge, s * per_charge
    x = np.minimum(np.maximum(u * PER_U, 0.0), CELLS_U - 1e-9)
    y = np.minimum(np.maximum(v * PER_V, 0.0), CELLS_V - 1e-9)
    i, j = np.uint32(x), np.uint32(y)
    p, dp, ddp = weights(x - i)
    q, dq, ddq = weights(y - j)
    S = S_u = S_uu = S_v = S_uv = S_vv = 0.0 * (x + y)
    for k in range(4):
        a, b = table[0, i + k, j], table[0, i + k, j + 1]
        c, d = table[0, i + k, j + 2], table[0, i + k, j + 3]
        row = a * q[0] + b * q[1] + c * q[2] + d * q[3]
        row_v = a * dq[0] + b * dq[1] + c * dq[2] + d * dq[3]
        row_vv = a * ddq[0] + b * ddq[1] + c * ddq[2] + d * ddq[3]
        S, S_u, S_uu = S + p[k] * row, S_u + dp[k] * row, S_uu + ddp[k] * row
        S_v, S_uv, S_vv = S_v + p[k] * row_v, S_uv + dp[k] * row_v, S_vv + p[k] * row_vv
    # In units of 1, not of cells; then from u and v to s and E0.
    S_u, S_uu, S_uv = S_u * PER_U, S_uu * (PER_U * PER_U), S_uv * (PER_U * PER_V)
    S_v, S_vv = S_v * PER_V, S_vv * (PER_V * PER_V)
    slope, square = u * S_u + v * S_v, per_charge * per_charge
    bend_s = u * S_uv + v * S_vv
    bend = u * (u * S_uu + v * S_uv) + v * bend_s
    term = Term(
        np.maximum(S, LEAST),
        S_v * per_charge,
        -slope * per_charge,
        S_vv * square,
        -(bend_s + S_v) * square,
        (bend + 2 * slope) * square,
    )
    return (term,)


def weights(a: Any) -> Any:
    """Cubic B-splines of four neighbours at a, 0 to 1, with first and second derivatives."""
    b = 1 - a
    aa, bb = a * a, b * b
    value = (bb * b / 6, 2 / 3 - aa * (1 - 0.5 * a), 2 / 3 - bb * (1 - 0.5 * b), aa * a / 6)
    first = (-0.5 * bb, a * (1.5 * a - 2), b * (2 - 1.5 * b), 0.5 * aa)
    return value, first, (b, 3 * a - 2, 3 * b - 2, a)


@lru_cache(maxsize=32)
def sensor_table(clouds: Clouds) -> Array:
    """Tabulate S for clouds of charge in a sensor.

    Three dimensions, as the compiled fit takes tables: the first has one entry.

    For noise of 0.035 of the charge of K-alpha (60 electrons) and more the table is right to 2e-6,
    for a third of that to 3e-5.

    Raises
    ------
    ValueError
        If one of them is not a positive number.
    """
    for name, value in clouds._asdict().items():
        if not 0 < value < np.inf:
            raise ValueError(f"{name} is {value}; it must be a number of um above 0")
    charge = collected_charge(clouds)
    u = (np.arange(CELLS_U + 1 + 2 * _PADDING) - _PADDING) / PER_U
    v = np.abs(np.arange(CELLS_V + 1 + 2 * _PADDING) - _PADDING) / PER_V
    distance = u[0] + (np.arange(u.size * _FINER + charge.size - 1) - charge.size + 1) * _STEP
    blurred = [fftconvolve(charge, ndtr(-distance / max(noise, 1e-6)), mode="valid") for noise in v]
    finer = np.stack(blurred, axis=1)
    coefficients = spline_filter(finer[: u.size * _FINER : _FINER], order=3, mode="mirror")
    first = _PADDING - 1
    used = coefficients[first : first + CELLS_U + 3, first : first + CELLS_V + 3]
    table = used.copy()[None]
    table.setflags(write=False)
    return table


def collected_charge(clouds: Clouds) -> Array:
    """Photons that leave a charge in a pixel, per photon absorbed in its area, without noise.

    The charge is binned in steps of `_STEP` from 0 on.
    """
    width, pitch, thickness = clouds
    node, weight = np.polynomial.legendre.leggauss(_DEPTHS)
    depth = 0.5 * thickness * (node + 1)
    # The square of the width grows with the way from there to the front.
    widths = width * np.sqrt(1 - depth / thickness)
    shares = np.stack([_shares(one, pitch) for one in widths], axis=1)
    share = np.arange(_SHARES + 1) / _SHARES
    bins = np.arange(round(1.25 / _STEP)) * _STEP
    total = np.zeros(bins.size)
    for energy, intensity, length in LINES:
        photons = shares @ (weight * np.exp(-depth / length) * 0.5 * thickness / length)
        variance = energy * (FANO * share**2 + share * (1 - share)) / ELECTRONS
        sigma = np.sqrt(np.maximum(variance, _STEP * _STEP))
        z = (bins[:, None] - energy * share) / sigma
        total += (
            intensity / -np.expm1(-thickness / length) * (np.exp(-0.5 * z * z) @ (photons / sigma))
        )
    return total * _STEP / (SQRT_2PI * (1 + BETA_TO_ALPHA_INTENSITY))


def _shares(width: float, pitch: float) -> Array:
    """Photons of which a pixel collects 0, 1 / _SHARES ... 1, per photon absorbed in its area."""
    half, reach = 0.5 * pitch, _CLOUD * width
    inner = max(half - reach, 0.0)
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    x = inner + 0.5 * (node + 1) * (half + reach - inner)
    along = np.append(ndtr((half - x) / width) - ndtr((-half - x) / width), 1.0)
    weight = np.append(0.5 * weight * (half + reach - inner), inner) / half
    # A share lies between two bins, and goes to both.
    place = (_SHARES * along[:, None] * along).ravel()
    below = place.astype(int)
    photons = np.where(place > _SHARES * LEAST_SHARE, (weight[:, None] * weight).ravel(), 0.0)
    upper = photons * (place - below)
    total = np.bincount(below, photons - upper, _SHARES + 2)
    total[1:] += np.bincount(below, upper, _SHARES + 1)[: _SHARES + 1]
    return total[:-1]
