"""What the notebooks of a run load: the scan that the run has loaded."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import xarray as xr

import velonb as vb
from velonb.scan.handover import handing_over


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scan")
    vb.simulate_scan(folder, thresholds=[1500, 1550], acquisitions=2, faults=False)
    return folder


@pytest.fixture
def handed(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> xr.Dataset:
    """A scan that says of itself that it was handed over."""
    scan = vb.load_scan(folder, counter_max=64, progress=False)
    scan.attrs["warnings"] = "a first word\nand a second"
    saved = vb.save_netcdf(tmp_path / "scan.nc", scan)
    for name, value in handing_over(folder, saved).items():
        monkeypatch.setenv(name, value)
    return scan


def test_a_scan_that_is_handed_over_is_the_one_loaded(folder: Path, handed: xr.Dataset) -> None:
    with pytest.warns(UserWarning, match="first word|a second") as notes:
        found = vb.load_scan(vb.find_data(), run="VP0-1", progress=False)
    assert [str(note.message) for note in notes] == ["a first word", "and a second"]
    assert all(note.filename == __file__ for note in notes)
    del found.attrs["saved_with"]
    xr.testing.assert_identical(found, handed)
    assert found["hits"].dtype == handed["hits"].dtype
    assert found["mask"].dtype == bool
    assert vb.audit(found).equals(vb.audit(handed))


@pytest.mark.usefixtures("handed")
def test_a_scan_with_options_is_loaded_anew(folder: Path) -> None:
    scan = vb.load_scan(folder, counter_max=64, bad_cut=3, progress=False)
    assert scan.bad_cut == 3
    assert "warnings" not in scan.attrs


@pytest.mark.usefixtures("handed")
def test_a_scan_of_another_folder_is_loaded_anew(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "other")
    for path in (tmp_path / "other").glob("*_THR_1550_*"):
        path.unlink()
    with pytest.warns(UserWarning, match="counts in good acquisitions"):
        scan = vb.load_scan(tmp_path / "other", progress=False)
    assert list(scan.threshold.values) == [1500]


@pytest.mark.usefixtures("handed")
def test_another_run_than_the_one_handed_over_is_not_taken_for_it(folder: Path) -> None:
    with pytest.raises(vb.ScanError, match="'Module7' is not in"):
        vb.load_scan(folder, run="Module7", progress=False)
