"""The runs in a folder: names that are acquisitions, nearly so, or mistyped."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from velonb import ScanError
from velonb.scan.names import Run, acquisition_name, parse_acquisition_name
from velonb.scan.runs import find_run

RUN = Run("Module0", "VP0-1", "1s310ms")
SCAN = range(1480, 1601, 12)


def write_names(folder: Path, thresholds, acquisitions: int = 3, run: Run = RUN) -> Path:
    """Empty files: only their names are looked at here."""
    folder.mkdir(exist_ok=True)
    for threshold in thresholds:
        for number in range(acquisitions):
            (folder / acquisition_name(run, threshold, number)).touch()
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_names(tmp_path / "scan", SCAN)


def thresholds_in(folder: Path) -> list[int]:
    return list(find_run(folder, None)[1])


@pytest.mark.parametrize("mistyped", [160, 1116, 1816, 5116, 15160])
def test_find_run_with_one_mistyped_name_names_threshold_file_and_remedy(folder, mistyped):
    wrong = acquisition_name(RUN, mistyped, 1)
    (folder / acquisition_name(RUN, 1516, 1)).rename(folder / wrong)
    message = (
        rf"scan/{wrong}: threshold {mistyped} lies far from all the others, 1480 to 1600: "
        r"rename the file .*, or move it to another folder"
    )
    with pytest.raises(ScanError, match=message):
        find_run(folder, None)


@pytest.mark.parametrize("mistyped", [160, 5160, 15160])
def test_find_run_with_whole_threshold_mistyped_names_it(folder, mistyped):
    for number in range(3):
        old, new = (acquisition_name(RUN, threshold, number) for threshold in (1516, mistyped))
        (folder / old).rename(folder / new)
    with pytest.raises(ScanError, match=f"_{mistyped}_0.csv and 2 more: threshold {mistyped} lies"):
        find_run(folder, None)


@pytest.mark.parametrize(
    "thresholds",
    [
        [1500],
        [1480, 1600],
        [1480, 1500, 1520, 1600],
        [1550, 1551, 1552, 1700],
        range(1480, 1601),
        [*SCAN, 1700],
        [1200, *SCAN],
        [1400, *SCAN, 1700, 2000],
        [1100, 1300, *SCAN, 1800],
        [0, 100, 200, 300, 400, 500, 1500],
        range(0, 65536, 5000),
        [*range(1480, 1500, 4), *range(1580, 1600, 4)],
    ],
)
def test_find_run_with_honest_thresholds_takes_them_all(tmp_path, thresholds):
    assert thresholds_in(write_names(tmp_path / "scan", thresholds)) == list(thresholds)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.integers(0, 3000),
    steps=st.lists(st.integers(1, 20), max_size=60),
    jump=st.integers(1, 100),
)
def test_find_run_while_data_are_taken_takes_what_is_there(tmp_path, first, steps, jump):
    """From either end, with one acquisition at the threshold that is being taken."""
    thresholds = np.cumsum([first, *steps]).tolist()
    thresholds.append(thresholds[-1] + min(jump, 5 * (thresholds[-1] - first) or jump))
    for order in (thresholds, thresholds[::-1]):
        folder = tmp_path / "growing"
        shutil.rmtree(folder, ignore_errors=True)
        write_names(folder, order[:-1])
        write_names(folder, order[-1:], 1)
        assert thresholds_in(folder) == sorted(order)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (acquisition_name(RUN, 65536, 0), "threshold 65536 is above 65535"),
        (acquisition_name(RUN, 10**20, 0), "threshold 1" + "0" * 20 + " is above 65535"),
        (acquisition_name(RUN, 1516, 2**31), "acquisition 2147483648 is above 2147483647"),
    ],
)
def test_find_run_with_number_beyond_all_bounds_says_so(folder, name, message):
    (folder / name).touch()
    with pytest.raises(ScanError, match=f"scan/{name}: {message}: rename the file"):
        find_run(folder, None)


def test_find_run_does_not_mind_the_numbers_of_another_run(folder):
    write_names(folder, [151600], run=RUN._replace(asic="VP2-2"))
    assert find_run(folder, "VP0-1")[0] == RUN


LOOK_ALIKES = [
    "Module0_VP0-1_ECS_data_ST_1s310ms_THR_-1516_1.csv",
    "Module0_VP0-1_ECS_data_ST_1s310ms_THR_1516.5_1.csv",
    "Module0_VP0-1_ECS_data_ST_1s310ms_THR_1516_1.CSV",
    "Module0_VP0-1_ECS_data_ST_1s310ms_THR_1516_1 (1).csv",
    "Module0_VP0-1_ECS_data_ST_1s310ms_THR_1516.csv",
    "Module0_VP0-1_ECS_data_ST_1s310ms_THR_\u0661\u0665\u0661\u0666_1.csv",
    "Module0_ECS_data_ST_1s310ms_THR_1516_1.csv",
]


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_find_run_with_look_alike_leaves_it_out_and_names_it(folder, name):
    (folder / name).touch()
    message = (
        f"1 files in .*, named like .*_THR_1500_0.csv and left out; the first: {re.escape(name)}"
    )
    with pytest.warns(UserWarning, match=message):
        assert thresholds_in(folder) == list(SCAN)


def test_find_run_with_several_look_alikes_counts_them_in_one_warning(folder):
    for name in LOOK_ALIKES:
        (folder / name).touch()
    with pytest.warns(UserWarning, match=rf"^{len(LOOK_ALIKES)} files in .*scan ") as caught:
        find_run(folder, None)
    assert len(caught) == 1
    assert min(LOOK_ALIKES) in str(caught[0].message)


def test_find_run_with_look_alikes_alone_names_the_first(tmp_path):
    for name in LOOK_ALIKES[:2]:
        (tmp_path / name).touch()
    with pytest.raises(
        ScanError, match=r"holds no acquisitions.*2 are nearly named so: Module0.*THR_-1516_1"
    ):
        find_run(tmp_path, None)


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "Module0_VP0-1_ECS_data_ST_1s310ms_THR_1500_0.csv.bak",
        "._Module0_VP0-1_ECS_data_ST_1s310ms_THR_1500_0.csv",
        "._Module0_VP0-1_ECS_data_ST_1s310ms_THR_1500_0.CSV",
        "Fluxperpixel_Module0_VP0-1_ECS_data_ST_1s310ms_THR_1500.csv",
        "UncertaintyFluxperASIC_Module0_VP0-1_ECS_data_ST_1s310ms_THR_1480-1600-step3.csv",
        "Module0_VP0-1_Matrix_Mask.csv",
    ],
)
def test_find_run_ignores_what_is_no_acquisition_without_a_word(folder, name):
    (folder / name).touch()
    assert thresholds_in(folder) == list(SCAN)


@given(st.integers(0, 65535), st.integers(0, 2**31 - 1))
def test_parse_acquisition_name_gives_back_what_makes_the_name(threshold, acquisition):
    name = acquisition_name(RUN, threshold, acquisition)
    assert parse_acquisition_name(name) == (RUN, threshold, acquisition)


def test_find_run_of_names_that_are_not_utf_8_can_be_listed_chosen_and_printed(folder):
    strange = RUN._replace(module=os.fsdecode(b"Modul\xe9"))
    write_names(folder, [1500], run=strange)
    with pytest.raises(ScanError, match=r"holds several runs, choose one with run= ") as raised:
        find_run(folder, None)
    assert str(raised.value).encode("utf-8")
    shown = r"Modul\udce9_VP0-1_ST_1s310ms"
    assert shown in str(raised.value)
    assert find_run(folder, shown)[0] == find_run(folder, str(strange))[0] == strange


def test_find_run_in_folder_that_is_not_utf_8_can_be_printed(tmp_path):
    folder = tmp_path / os.fsdecode(b"scan\xe9")
    with pytest.raises(FileNotFoundError, match=r"scan\\udce9 does not exist") as raised:
        find_run(folder, None)
    assert str(raised.value).encode("utf-8")
    folder.mkdir()
    (folder / LOOK_ALIKES[0]).touch()
    write_names(folder, SCAN)
    with pytest.warns(UserWarning, match=r"scan\\udce9 ") as caught:
        find_run(folder, None)
    assert str(caught[0].message).encode("utf-8")
