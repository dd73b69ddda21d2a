"""The compiled reader against numpy.loadtxt, and what it says of damaged files."""

import os
import re
import socket
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from velonb import ScanError, read_acquisition
from velonb.scan.reader import Reader, read_csv_matrix

INT32_MAX = 2**31 - 1
BLANKS = st.text(" \t\v\f", max_size=2)
LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
BYTES = st.sampled_from(b" ,\n\r-+059.e#'\"\t\0\x1c") | st.integers(0, 127)

quick = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def random_counts(seed: int, largest: int) -> np.ndarray:
    counts = np.random.default_rng(seed).integers(0, largest, (256, 256), endpoint=True)
    return counts.astype(np.int32)


def as_fields(counts: np.ndarray) -> list[list[str]]:
    return [[str(count) for count in row] for row in counts.tolist()]


def as_text(fields: list[list[str]], line_end: str = "\n") -> str:
    return "".join(",".join(row) + line_end for row in fields)


def reference(path: Path) -> np.ndarray | None:
    """The counts as numpy.loadtxt reads them; None where it, sign or end says no."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            counts = np.loadtxt(path, dtype=np.int32, delimiter=",", comments=None, ndmin=2)
        except (ValueError, UserWarning):
            return None
    data = path.read_bytes()
    whole = counts.size > 0 and data.endswith((b"\n", b"\r"))
    return counts if whole and b"-" not in data else None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "acquisition.csv"


@quick
@given(
    seed=st.integers(0, 2**32),
    largest=st.sampled_from([1, 9, 10, 63, 99, 100, 12345, INT32_MAX]),
    line_end=LINE_ENDS,
    odd=st.lists(
        st.tuples(st.integers(0, 255), st.integers(0, 255), BLANKS, st.sampled_from("+0"), BLANKS),
        max_size=5,
    ),
    empty_lines=st.lists(st.integers(0, 256), max_size=3),
)
def test_read_acquisition_of_any_valid_layout_agrees_with_loadtxt(
    path, seed, largest, line_end, odd, empty_lines
):
    counts = random_counts(seed, largest)
    fields = as_fields(counts)
    for row, column, before, sign, after in odd:
        number = str(counts[row, column])
        fields[row][column] = before + sign + number + after
    lines = [",".join(row) for row in fields]
    for line in empty_lines:
        lines.insert(line, "")
    path.write_bytes((line_end.join(lines) + line_end).encode())
    expected = reference(path)
    np.testing.assert_array_equal(expected, counts)
    found = read_acquisition(path)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.int32


edits = st.lists(
    st.tuples(st.sampled_from(["replace", "insert", "delete", "truncate"]), st.floats(0, 1), BYTES),
    min_size=1,
    max_size=3,
)


@quick
@given(seed=st.integers(0, 2**32), largest=st.sampled_from([9, 63, 12345]), edits=edits)
@example(seed=0, largest=9, edits=[("truncate", 1 - 1e-6, 0)])
@example(seed=0, largest=9, edits=[("truncate", 0.0, 0)])
@example(seed=0, largest=9, edits=[("replace", 0.0, ord("-"))])
def test_read_acquisition_of_damaged_file_accepts_and_rejects_like_loadtxt(
    path, seed, largest, edits
):
    data = bytearray(as_text(as_fields(random_counts(seed, largest))).encode())
    for edit, where, byte in edits:
        position = int(where * len(data))
        if edit == "replace":
            data[position : position + 1] = bytes([byte])
        elif edit == "insert":
            data.insert(position, byte)
        elif edit == "delete":
            del data[position : position + 1]
        else:
            del data[position:]
    path.write_bytes(data)
    expected = reference(path)
    if expected is None:
        with pytest.raises(ScanError, match=r"acquisition.csv"):
            read_acquisition(path)
    else:
        np.testing.assert_array_equal(read_acquisition(path), expected)


@pytest.mark.parametrize("byte", range(128))
@pytest.mark.parametrize("largest", [9, 99])
def test_read_acquisition_with_any_byte_in_a_number_accepts_and_rejects_like_loadtxt(
    path, byte, largest
):
    data = bytearray(as_text(as_fields(random_counts(1, largest))).encode())
    data[40_000] = byte
    path.write_bytes(data)
    expected = reference(path)
    if expected is None:
        with pytest.raises(ScanError):
            read_acquisition(path)
    else:
        np.testing.assert_array_equal(read_acquisition(path), expected)


@pytest.mark.parametrize("byte", [0x80, 0x85, 0xA0, 0xB2, 0xFF])
def test_read_acquisition_with_byte_beyond_ascii_is_rejected(path, byte):
    data = bytearray(as_text(as_fields(random_counts(1, 9))).encode())
    data[0] = byte
    path.write_bytes(data)
    with pytest.raises(ScanError, match=r"line 1, value 1: .* is not a whole number"):
        read_acquisition(path)


def with_field(text: str):
    def damage(fields: list[list[str]]) -> str:
        fields[2][4] = text
        return as_text(fields)

    return damage


def drop_value(fields: list[list[str]]) -> str:
    del fields[2][4]
    return as_text(fields)


def add_value(fields: list[list[str]]) -> str:
    fields[2].append("7")
    return as_text(fields)


def truncated_after_comma(fields: list[list[str]]) -> str:
    return as_text(fields[:255]) + "1,2,"


def truncated_in_line(fields: list[list[str]]) -> str:
    return as_text(fields[:255]) + "1,2,3"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (with_field("x1"), r"line 3, value 5: 'x1' is not a whole number"),
        (with_field("3.0"), r"line 3, value 5: '3.0' is not a whole number"),
        (with_field("3 4"), r"line 3, value 5: '3 4' is not a whole number"),
        (with_field("nan"), r"line 3, value 5: 'nan' is not a whole number"),
        (with_field(""), r"line 3, value 5: '' is not a whole number"),
        (with_field("-3"), r"line 3, value 5: '-3' is negative"),
        (with_field("-0"), r"line 3, value 5: '-0' is negative"),
        (with_field("2147483648"), r"line 3, value 5: 2147483648 is above 2147483647"),
        (with_field("9" * 30), r"line 3, value 5: 9+ is above 2147483647"),
        (lambda fields: as_text([row[:64] for row in fields[:16]]), r"has 16 lines of 64 counts: "),
        (drop_value, r"line 3 has 255 values: expected 256 lines of 256"),
        (add_value, r"line 3 has 257 values: expected 256 lines of 256"),
        (lambda fields: as_text(fields[:200]), r"has 200 lines: expected 256 lines"),
        (lambda fields: as_text([*fields, fields[0]]), r"line 257: the file goes on after 256"),
        (truncated_in_line, r"line 256 is truncated: it stops at value 3 of 256"),
        (truncated_after_comma, r"line 256 is truncated: it stops at value 3 of 256"),
        (lambda fields: as_text(fields)[:-1], r"line 256 is truncated: it does not end"),
        (lambda fields: as_text(fields)[:-2] + "1", r"line 256 is truncated: it does not end"),
        (lambda fields: as_text(fields)[:-1] + " ", r"line 256 is truncated: it does not end"),
        (lambda fields: "", r"acquisition.csv is empty: expected 256 lines"),
        (lambda fields: " \n\n", r"acquisition.csv is empty: expected 256 lines"),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_reader_of_bad_file_names_line_value_and_remedy(path, damage, message, line_end):
    text = damage(as_fields(random_counts(3, 20)))
    path.write_bytes(text.replace("\n", line_end).encode())
    remedy = r'; copy the file again, remove it, or load with on_error="skip" \(velonb run: '
    with pytest.raises(ScanError, match=f"{message}.*{remedy}--on-error skip"):
        Reader(256, 256).read(path)


def test_reader_of_one_file_after_the_other_keeps_nothing_of_the_one_before(path):
    reader = Reader(256, 256)
    for seed, largest in ((1, INT32_MAX), (2, 9), (3, 99)):
        counts = random_counts(seed, largest)
        path.write_text(as_text(as_fields(counts)))
        np.testing.assert_array_equal(reader.read(path), counts)
    path.write_text("1,2")
    with pytest.raises(ScanError, match=r"line 1 is truncated: it stops at value 2"):
        reader.read(path)


@pytest.mark.parametrize("largest", [9, 63, 12345])
def test_checksum_follows_every_byte_its_place_and_the_size(path, largest):
    reader = Reader(256, 256)
    text = as_text(as_fields(random_counts(5, largest))).encode()
    changed = bytearray(text)
    changed[4321] ^= 1
    words = bytearray(text)
    words[800:808], words[1600:1608] = words[1600:1608], words[800:808]
    sums = set()
    for data in (text, text, changed, words, text + b"\n", text + b"\n\n"):
        path.write_bytes(data)
        with suppress(ScanError):
            reader.read(path)
        sums.add(reader.checksum)
    assert len(sums) == 5


def test_checksum_of_file_that_cannot_be_opened_is_not_that_of_the_one_before(path):
    reader = Reader(256, 256)
    path.write_text(as_text(as_fields(random_counts(6, 9))))
    reader.read(path)
    assert reader.checksum
    path.unlink()
    with pytest.raises(FileNotFoundError):
        reader.read(path)
    assert reader.checksum == 0


def make_folder(path: Path) -> None:
    path.mkdir()


def make_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket may not be long
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    os.chdir(here)


def link_to_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


SPECIAL = pytest.mark.parametrize(
    ("make", "kind"),
    [
        (make_folder, "a folder"),
        (os.mkfifo, "a FIFO"),
        (make_socket, "a socket"),
        (link_to_device, "a device"),
    ],
)


@SPECIAL
@pytest.mark.parametrize("read", [read_acquisition, read_csv_matrix])
def test_reading_what_is_no_file_says_so_and_does_not_wait(path, make, kind, read):
    make(path)
    with pytest.raises(ScanError, match=rf"acquisition.csv is {kind}, not a file: (copy|give)"):
        read(path)


def test_scan_error_of_name_that_is_not_utf_8_can_be_printed(tmp_path):
    path = tmp_path / os.fsdecode(b"acquisition_\xe9.csv")
    path.write_text("1,b\n")
    with pytest.raises(ScanError, match=re.escape(r"acquisition_\udce9.csv, line 1")) as raised:
        read_acquisition(path)
    assert str(raised.value).encode("utf-8")


def test_read_acquisition_of_missing_file_raises(path):
    with pytest.raises(FileNotFoundError, match=r"acquisition.csv"):
        read_acquisition(path)


def test_read_csv_matrix_gives_the_numbers_of_the_file(path):
    matrix = np.random.default_rng(2).normal(size=(256, 256))
    np.savetxt(path, matrix, delimiter=",")
    np.testing.assert_array_equal(read_csv_matrix(path), matrix)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"has 0 numbers"),
        ("1,2\n3,4\n", r"has 2 x 2 numbers: expected 256 lines of 256"),
        ("1,2\n3\n", r"line 2: .*number of columns changed.*expected 256 lines of 256"),
        ("1,b\n", r"line 1: could not convert string 'b'.*expected 256 lines of 256"),
    ],
)
def test_read_csv_matrix_of_bad_file_raises(path, text, message):
    path.write_text(text)
    with pytest.raises(ScanError, match=message):
        read_csv_matrix(path, (256, 256))


@pytest.mark.parametrize("size", [(16, 64), (512, 256), (9, 7), (1, 1), (4, 300)])
@pytest.mark.parametrize("largest", [9, 63, 12345])
def test_read_acquisition_finds_the_size_of_the_chip(path, size, largest):
    counts = np.random.default_rng(4).integers(0, largest, size, endpoint=True)
    path.write_text(as_text(as_fields(counts)))
    np.testing.assert_array_equal(read_acquisition(path), counts)
    np.testing.assert_array_equal(Reader(*size).read(path), counts)


@pytest.mark.parametrize(("change", "line"), [(drop_value, 3), (with_field("b"), 3)])
def test_read_acquisition_of_damaged_file_of_another_size_expects_that_size(path, change, line):
    path.write_text(change(as_fields(np.ones((16, 64), dtype=int))))
    with pytest.raises(ScanError, match=f"acquisition.csv, line {line}"):
        read_acquisition(path)


def test_reader_of_wide_chips_stays_within_its_memory(tmp_path: Path) -> None:
    """A file of many columns that ends in its first lines: the parser may not run past the end."""
    chip = np.random.default_rng(5).integers(0, 64, (4, 2048))
    path = tmp_path / "wide.csv"
    np.savetxt(path, chip, fmt="%d", delimiter=",")
    assert (Reader(4, 2048).read(path) == chip).all()
    path.write_text("1\n" * 4)
    with pytest.raises(ScanError, match="has 4 lines of 1 counts"):
        Reader(4, 2048).read(path)
