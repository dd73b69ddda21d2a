"""Photons in the simulated chip, against photons that are followed electron by electron."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import velonb as vb
from velonb.simulate import sensor as photons, truth as _truth
from velonb.simulate.sensor import LINES, PAIR_ENERGY, Sensor, collected_charge, counts_above

CHIP = "Module0_VP0-1"
THRESHOLDS = [1480, 1500, 1520, 1540, 1551, 1565, 1600]
OPTIONS = {"physics": "sensor", "acquisitions": 4, "faults": False, "progress": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("sensor") / "scan"


@pytest.fixture(scope="module")
def truth(folder: Path) -> xr.Dataset:
    return vb.simulate_scan(folder, thresholds=THRESHOLDS, **OPTIONS)


def followed_electrons(sensor: Sensor, photons: int, size: int, seed: int) -> np.ndarray:
    """Charge of every pixel of a small chip, whose edges meet, for every photon."""
    random = np.random.default_rng(seed)
    charge = np.zeros((photons, size, size), dtype=int)
    energies, intensities, depths = np.array(LINES).T
    for photon in range(photons):
        line = random.choice(len(LINES), p=intensities / intensities.sum())
        depth = np.inf
        while depth > sensor.thickness:
            depth = random.exponential(depths[line])
        pairs = energies[line] / PAIR_ENERGY
        electrons = round(random.normal(pairs, np.sqrt(0.115 * pairs)))
        width = sensor.diffusion * np.sqrt(1 - depth / sensor.thickness)
        place = random.uniform(0, size * sensor.pitch, 2)
        arrived = place + width * random.standard_normal((electrons, 2))
        row, column = np.floor(arrived / sensor.pitch).astype(int).T % size
        np.add.at(charge[photon], (row, column), 1)
    return charge


@pytest.mark.parametrize(("diffusion", "noise"), [(2.0, 60), (6.0, 95), (9.0, 160)])
def test_counts_are_those_of_photons_followed_electron_by_electron(diffusion, noise) -> None:
    sensor, photons, size = Sensor(diffusion=diffusion), 8000, 4
    charge = followed_electrons(sensor, photons, size, seed=round(diffusion))
    seen = charge + noise * np.random.default_rng(5).standard_normal(charge.shape)
    seen[charge == 0] = 0
    table = counts_above(collected_charge(sensor), np.arange(0, 2400, 4), np.arange(40.0, 200, 8))
    for threshold in (600, 900, 1200, 1400, 1550, 1650, 1750):
        expected = float(table.ev(threshold, noise))
        above = (seen > threshold).sum(axis=(1, 2))
        # One photon may count in two pixels: the scatter is that of the photons.
        error = above.std() / np.sqrt(photons)
        assert above.mean() == pytest.approx(expected, abs=4 * error)
        assert error < 0.03 * expected + 0.003


def test_all_charge_is_collected_once() -> None:
    electrons = collected_charge(Sensor(diffusion=7.0))
    collected = electrons @ np.arange(electrons.size)
    pairs = np.array([line.energy for line in LINES]) / PAIR_ENERGY
    intensities = np.array([line.intensity for line in LINES])
    # Each electron ends in a pixel, and all pixels are alike.
    assert collected == pytest.approx(pairs @ intensities / intensities.sum(), rel=2e-4)


def test_without_diffusion_every_photon_counts_in_one_pixel() -> None:
    electrons = collected_charge(Sensor(diffusion=0.0))
    assert electrons.sum() == pytest.approx(1, rel=1e-6)
    assert electrons[:1500].sum() == 0


def test_truth_is_a_chip_with_a_gain(truth: xr.Dataset) -> None:
    assert float(truth.gain.std() / truth.gain.mean()) == pytest.approx(0.01, rel=0.02)
    whole = truth.baseline + 5895 / 3.65 / truth.gain
    np.testing.assert_allclose(truth.E0, whole)
    np.testing.assert_allclose(truth.s, truth.noise_electrons / truth.gain)
    assert float(truth.E0.std()) == pytest.approx(np.hypot(5.8, 1.2), rel=0.02)
    assert "f" not in truth
    assert truth.gain.attrs["units"] == "e-/DAC"
    assert truth.attrs["diffusion"] == 7.0
    assert truth.attrs["rate"] == pytest.approx(float(truth.A.mean()), rel=0.01)
    assert not {"E0_spread", "shape"} & set(truth.attrs)


def test_spreads_are_those_asked_for(tmp_path: Path) -> None:
    options = {"gain_spread": 0.05, "noise_spread": 0.0, "baseline_spread": 0.0, "noise": 90.0}
    truth = vb.simulate_scan(tmp_path, thresholds=[1500], **OPTIONS, **options)
    assert float(np.log(truth.gain).std()) == pytest.approx(0.05, rel=0.02)
    assert float(truth.noise_electrons.std()) == pytest.approx(0, abs=1e-9)
    assert float(truth.baseline.std()) == pytest.approx(0, abs=1e-9)


def test_counts_of_the_scan_are_poisson_about_the_photons(truth: xr.Dataset) -> None:
    sensor = Sensor()
    flux = photons.photon_flux(truth, sensor)
    living = (truth.kind == _truth.LIVING).values
    for threshold in THRESHOLDS:
        expected = 4 * 13.105 * flux(threshold)[living]
        hits = truth.true_hits.sel(threshold=threshold).values[living]
        assert abs(hits.sum() - expected.sum()) < 4 * np.sqrt(expected.sum()) + 4
        seen = expected > 0.1
        if threshold > 1480 and seen.any():  # in some acquisitions at 1480 the counter is full
            spread = np.mean((hits[seen] - expected[seen]) ** 2 / expected[seen])
            allowed = 4 * np.sqrt(np.mean(2 + 1 / expected[seen]) / seen.sum())
            assert abs(spread - 1) < allowed


def test_flux_table_is_the_sum_over_charges(truth: xr.Dataset) -> None:
    from scipy.stats import norm

    electrons = collected_charge(Sensor())
    flux = photons.photon_flux(truth, Sensor())
    for pixel in ((0, 0), (100, 7), (255, 255)):
        one = truth.isel(row=pixel[0], column=pixel[1])
        for threshold in THRESHOLDS:
            at = float((threshold - one.baseline) * one.gain)
            above = norm.sf((at - np.arange(electrons.size)) / float(one.noise_electrons))
            expected = float(one.A) * (electrons @ above)
            assert flux(threshold)[pixel] == pytest.approx(expected, abs=2e-6)


def test_folder_holds_the_baseline_as_the_detector_predicts_it(folder, truth) -> None:
    line = (folder / f"{CHIP}_TrimBest_Noise_Predict.csv").read_text().splitlines()[0]
    assert len(line) == 256 * 6 - 2
    assert line[4:6] == ", "
    maps = vb.read_baseline(folder, module="Module0", asic="VP0-1")
    masked = (truth.kind == _truth.MASKED).values
    assert (maps.baseline.values[masked] == 0).all()
    error = (maps.baseline - truth.baseline).values[~masked]
    assert error.mean() == pytest.approx(0, abs=0.02)
    # Whole numbers: rounding adds its share to the error of 1 DAC.
    assert error.std() == pytest.approx(np.sqrt(1 + 1 / 12), rel=0.02)
    width = maps.noise_width.values / truth.s.values
    assert width.mean() == pytest.approx(1, abs=0.01)


def test_folder_holds_the_trims(folder: Path, truth: xr.Dataset) -> None:
    trim = np.loadtxt(folder / f"{CHIP}_Matrix_Trim.csv", delimiter=",", dtype=int)
    np.testing.assert_array_equal(trim, truth.trim)
    assert set(np.unique(trim)) <= set(range(16))
    assert trim.std() == pytest.approx(2.2, rel=0.05)


def test_folder_with_trims_can_be_replaced(folder: Path, truth: xr.Dataset) -> None:
    again = vb.simulate_scan(folder, thresholds=THRESHOLDS, **OPTIONS)
    xr.testing.assert_identical(again, truth)


def test_special_pixels_and_faults_are_those_of_every_simulation(tmp_path: Path) -> None:
    truth = vb.simulate_scan(tmp_path, thresholds=THRESHOLDS, **OPTIONS | {"faults": True})
    hits, kind = truth.true_hits.max("threshold").values, truth.kind.values
    assert hits[np.isin(kind, [_truth.MASKED, _truth.DEAD])].max() == 0
    assert hits[kind == _truth.NOISY].min() > 20
    assert int((truth.acquisition_status == 2).sum()) == 1
    assert int(((truth.acquisition_status == 0).sum("acquisition") == 0).sum()) == 1


def test_bright_source_fills_the_counter(tmp_path: Path) -> None:
    truth = vb.simulate_scan(tmp_path, thresholds=[1480], rate=20.0, **OPTIONS)
    assert int(truth.true_hits.max()) == 4 * 63
