"""Simulated chips of other sizes, with other counters and pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import velonb as vb
from velonb import Chip
from velonb.simulate import truth as _truth

SIZES = [(16, 64), (512, 256)]
CHIP = "Module0_VP0-1"


def simulate(folder: Path, chip: Chip, **options) -> xr.Dataset:
    usual = {"thresholds": [1480, 1500, 1551], "acquisitions": 2, "progress": False}
    return vb.simulate_scan(folder, chip=chip, **usual | options)


@pytest.mark.parametrize("physics", ["curve", "sensor"])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.filterwarnings("ignore:no good acquisition", "ignore:.*are at 63")
def test_simulated_chip_of_other_size_reads_back_with_its_faults(size, physics, tmp_path):
    truth = simulate(tmp_path, Chip(*size), physics=physics, acquisitions=4)
    scan = vb.load_scan(tmp_path, progress=False)
    assert scan.mask.shape == truth.E0.shape == size
    np.testing.assert_array_equal(scan.hits, truth.true_hits.where(truth.kind != _truth.MASKED, 0))
    np.testing.assert_array_equal(scan.acquisition_status, truth.acquisition_status)
    np.testing.assert_array_equal(scan.mask, truth.kind == _truth.MASKED)
    assert scan.baseline.shape == size
    assert ("trim" in scan) == (physics == "sensor")


@pytest.mark.parametrize(
    ("size", "numbers"), [((256, 256), (184, 60, 40)), ((16, 64), (3, 1, 1)), ((2, 3), (0, 0, 0))]
)
def test_special_pixels_are_the_same_share_of_every_chip(size, numbers, tmp_path):
    truth = simulate(tmp_path, Chip(*size), thresholds=[1551], faults=False)
    kinds = (_truth.MASKED, _truth.DEAD, _truth.NOISY)
    assert tuple(int((truth.kind == kind).sum()) for kind in kinds) == numbers
    assert tuple(truth.attrs[name] for name in ("masked", "dead", "noisy")) == numbers


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_spot_and_slopes_reach_over_the_whole_chip(size, tmp_path):
    options = {"thresholds": [1551], "acquisitions": 1, "faults": False, "A_spread": 0.0}
    truth = simulate(tmp_path, Chip(*size), **options)
    lightest = np.argwhere(truth.A.values == truth.A.values.max())[0] / size
    np.testing.assert_allclose(lightest, (0.55, 0.45), atol=1 / 16)
    ends = truth.A.isel(row=[0, -1], column=[0, -1]) / truth.A.max()
    assert ends.max() < 0.8
    halves = [truth.E0[: size[0] // 2 - 1].mean(), truth.E0[size[0] // 2 : -1].mean()]
    assert halves[1] - halves[0] == pytest.approx(3, abs=1)


def test_simulated_chip_has_its_own_counter_and_blocks(tmp_path):
    chip = Chip(rows=12, columns=20, pitch=35.0, counter_max=1000, block_columns=4)
    truth = simulate(tmp_path, chip, A=200.0, shutter="60s0ms", acquisitions=4)
    assert truth.true_hits.max() == 1000 * int((truth.acquisition_status[0] == 0).sum())
    assert truth.attrs.items() >= {"pitch": 35.0, "counter_max": 1000, "block_columns": 4}.items()
    with pytest.warns(UserWarning, match="are at 1000"):
        scan = vb.load_scan(tmp_path, chip=chip, bad_cut=1e6, progress=False)
    for threshold, number in np.argwhere((truth.acquisition_status == 1).values):
        name = scan.attrs["pattern"].format(
            threshold=int(truth.threshold[threshold]), acquisition=number
        )
        counts = np.loadtxt(tmp_path / name, delimiter=",")
        assert counts[:, -4:].mean() - counts[:, -8:-4].mean() > 150 or counts.mean() > 900
    with pytest.raises(vb.ScanError, match="the counter holds 63 at most"):
        vb.load_scan(tmp_path, progress=False)


def test_narrow_pixels_share_more_charge(tmp_path):
    options = {"physics": "sensor", "faults": False, "thresholds": [1530], "acquisitions": 10}
    wide, narrow = (
        simulate(tmp_path / str(pitch), Chip(32, 32, pitch=pitch), **options)
        for pitch in (55.0, 35.0)
    )
    xr.testing.assert_equal(wide.E0, narrow.E0)
    assert narrow.attrs["pitch"] == 35.0
    # Close below the line only photons count that leave nearly all of their charge in one pixel.
    assert narrow.true_hits.sum() < 0.9 * wide.true_hits.sum()


def test_pitch_is_that_of_the_chip_alone(tmp_path):
    with pytest.raises(ValueError, match=r"pitch is not an option of physics='sensor'; .* rate"):
        simulate(tmp_path, Chip(16, 64), physics="sensor", pitch=35.0)


@pytest.mark.parametrize("options", [{"masked": 1024}, {"dead": -1}])
def test_special_pixels_that_the_chip_does_not_have_are_refused(options, tmp_path):
    with pytest.raises(ValueError, match=r"none may be below 0, .* less than the 1024 pixels"):
        simulate(tmp_path, Chip(16, 64), **options)
