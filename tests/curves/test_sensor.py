"""The shape `sensor`: its table against plain sums over positions and depths."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit
from numba.extending import register_jitable
from scipy.special import ndtr

from velonb.curves import sensor as shape
from velonb.curves.sensor import (
    ELECTRONS,
    FANO,
    LEAST,
    LEAST_SHARE,
    LINES,
    Clouds,
    sensor,
    sensor_table,
)
from velonb.simulate.sensor import Sensor, collected_charge

BASELINE, E0 = 1430.0, 1550.0
U = np.array([0.35, 0.4117, 0.6, 0.8, 0.9113, 0.95, 0.9812, 1.0123, 1.05, 1.0721, 1.1307, 1.3])


def counts(u: np.ndarray, v: float, table: np.ndarray) -> np.ndarray:
    length = E0 - BASELINE
    return sensor(BASELINE + u * length, v * length, E0, BASELINE, table)[0].value


def slow_counts(u: np.ndarray, v: float, width: float, pitch: float = 55.0) -> np.ndarray:
    """Sum over both lines, over depths and positions, of the tail of a normal distribution."""
    node, weight = np.polynomial.legendre.leggauss(12)
    depth, thickness, half = 100 * (node + 1), 200.0, 0.5 * pitch
    total = np.zeros(u.size)
    for energy, intensity, length in LINES:
        per_depth = np.exp(-depth / length) / length * 100 * weight / (1 - np.exp(-200 / length))
        for z, at_depth in zip(depth, per_depth, strict=True):
            sigma = width * np.sqrt(1 - z / thickness)
            reach = half + 6 * sigma
            x = (np.arange(400) + 0.5) / 400 * reach
            along = ndtr((half - x) / sigma) - ndtr((-half - x) / sigma)
            share = np.outer(along, along)
            share = share[share > LEAST_SHARE]
            blur = np.sqrt(v**2 + energy * (FANO * share**2 + share * (1 - share)) / ELECTRONS)
            above = [ndtr((energy * share - one) / blur).sum() for one in u]
            total += intensity * at_depth * np.array(above) * (reach / 400 / half) ** 2
    return total / sum(line[1] for line in LINES)


@pytest.mark.parametrize(
    ("width", "v", "error"), [(9.0, 0.037, 2e-6), (5.0, 0.06, 2e-6), (7.0, 0.1, 2e-5)]
)
def test_table_is_the_sum_over_positions_and_depths(width, v, error) -> None:
    expected = slow_counts(U, v, width)
    np.testing.assert_allclose(
        counts(U, v, sensor_table(Clouds(width))), expected, rtol=0, atol=error
    )


@pytest.mark.parametrize("diffusion", [2.0, 5.0, 9.0])
@pytest.mark.parametrize("noise", [60, 110, 160])
def test_table_is_what_photons_give(diffusion: float, noise: float) -> None:
    electrons = collected_charge(Sensor(diffusion=diffusion))
    charge = np.arange(electrons.size)
    u = np.linspace(0.45, 1.5, 40)
    expected = [electrons @ ndtr((charge - one * ELECTRONS) / noise) for one in u]
    got = counts(u, noise / ELECTRONS, sensor_table(Clouds(diffusion)))
    np.testing.assert_allclose(got, expected, rtol=0, atol=3e-5)


def test_hardly_any_diffusion_leaves_two_lines() -> None:
    u, v = np.linspace(0.4, 1.4, 50), 0.05
    blurs = [np.sqrt(v**2 + FANO * energy / ELECTRONS) for energy, _, _ in LINES]
    lines = [
        intensity * ndtr((energy - u) / blur)
        for (energy, intensity, _), blur in zip(LINES, blurs, strict=True)
    ]
    expected = sum(lines) / 1.117
    np.testing.assert_allclose(counts(u, v, sensor_table(Clouds(0.01))), expected, atol=1e-3)


def test_only_the_ratio_of_width_and_pitch_counts() -> None:
    one, other = sensor_table(Clouds(5.0)), sensor_table(Clouds(5.0 * 35 / 55, pitch=35.0))
    np.testing.assert_allclose(one, other, atol=1e-9)


def test_wider_clouds_share_more() -> None:
    narrow, wide = (counts(np.array([0.4, 0.9]), 0.06, sensor_table(Clouds(w))) for w in (3.0, 6.0))
    assert wide[0] > narrow[0]
    assert wide[1] < narrow[1]


@pytest.mark.parametrize("width", [2.0, 7.0])
def test_derivatives_are_those_of_the_value(width: float) -> None:
    table = sensor_table(Clouds(width))
    t = np.arange(1483.0, 1600, 7.3)[:, None]
    s, E0 = np.array([5.3, 8.1, 11.7]), np.array([1544.0, 1551.3, 1560.0])

    def at(ds: float = 0.0, dE0: float = 0.0):
        return sensor(t, s + ds, E0 + dE0, BASELINE, table)[0]

    # Steps within one cell of the table, where it is one polynomial, but for a few.
    here, h = at(), 1e-5
    for name, up, down in (("s", at(ds=h), at(ds=-h)), ("E0", at(dE0=h), at(dE0=-h))):
        slope = (up.value - down.value) / (2 * h)
        above = here.value > 2 * LEAST
        np.testing.assert_allclose(getattr(here, name)[above], slope[above], atol=1e-8)
        bend = (getattr(up, name) - getattr(down, name)) / (2 * h)
        np.testing.assert_allclose(getattr(here, name + name), bend, atol=2e-7)
        other = "E0" if name == "s" else "s"
        mixed = (getattr(up, other) - getattr(down, other)) / (2 * h)
        np.testing.assert_allclose(here.sE0, mixed, atol=2e-7)


def test_value_is_positive_everywhere_and_ends_smoothly() -> None:
    table = sensor_table(Clouds(5.0))
    t = np.linspace(1300.0, 2500.0, 1201)
    for s in (0.5, 3.0, 8.0, 30.0):
        value = sensor(t, s, E0, BASELINE, table)[0].value
        assert np.isfinite(value).all()
        assert value.min() == value[-1] == LEAST
        assert (np.diff(value) < 1e-5).all()
    for value in sensor(t, 8.0, BASELINE - 5.0, BASELINE, table)[0]:
        assert np.isfinite(value).all()


def test_compiled_curve_is_that_of_arrays() -> None:
    register_jitable(shape.weights)
    compiled = njit(error_model="numpy")(sensor)
    table = sensor_table(Clouds(6.0))
    t = np.linspace(1400.0, 1700.0, 31)
    (arrays,) = sensor(t, 8.0, 1551.0, BASELINE, table)
    for i, one in enumerate(t):
        (alone,) = compiled(one, 8.0, 1551.0, BASELINE, table)
        np.testing.assert_allclose(alone, [term[i] for term in arrays], rtol=1e-9, atol=1e-14)


def test_table_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        sensor_table(Clouds(6.0))[0, 0, 0] = 1.0


@pytest.mark.parametrize("name", ["width", "pitch", "thickness"])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_length_that_is_not_positive_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} is {value}; it must be a number of um above 0"):
        sensor_table(Clouds(5.0)._replace(**{name: value}))
