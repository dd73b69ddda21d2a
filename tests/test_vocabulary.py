"""The words of the data: which pixels are good, where a pixel is, what codes mean."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import velonb as vb
from velonb.vocabulary import BAD, CUT, GOOD, NOT_FOUND, attributes_of, classes_of, locate

DIMS = ("fit", "row", "column")


def make_fits(**coords: range) -> xr.Dataset:
    """Two fits of 1 x 5 pixels: one of each fit type, and a good one on the edge."""
    types = np.array([GOOD, BAD, NOT_FOUND, CUT, GOOD], np.int8)
    fits = xr.Dataset(coords={"fit": ["free", "A+E0"], **coords})
    fits["fit_type"] = DIMS, np.stack([types, np.full(5, GOOD)])[:, np.newaxis]
    fits["at_limit"] = DIMS, np.int8([[[0, 0, 0, 0, 1]], [[1, 0, 0, 0, 0]]])
    return fits


def test_good_pixels_are_described_and_not_on_the_edge() -> None:
    assert vb.good(make_fits()).values.tolist() == [[True, False, False, False, False]]
    assert vb.good(make_fits(), "A+E0").values.tolist() == [[False, True, True, True, True]]


def test_good_of_several_fits_keeps_them_apart() -> None:
    both = vb.good(make_fits(), ["A+E0", "free"])
    assert both.dims == DIMS
    assert list(both["fit"]) == ["A+E0", "free"]
    assert not both.all("fit").any()


def test_good_has_rows_before_columns_whatever_the_order_of_the_fits() -> None:
    turned = make_fits().transpose("column", "fit", "row")
    xr.testing.assert_equal(vb.good(turned), vb.good(make_fits()))


def test_good_of_fits_without_edges_is_the_fit_type() -> None:
    assert vb.good(make_fits().drop_vars("at_limit")).values.sum() == 2


@pytest.mark.parametrize("fit", ["fixed", ["free", "fixed"]])
def test_good_of_a_fit_that_was_not_made_is_refused(fit: str | list[str]) -> None:
    with pytest.raises(ValueError, match=r"fit is 'fixed'; it must be one of free, A\+E0"):
        vb.good(make_fits(), fit)


def test_pixels_are_found_by_their_coordinates() -> None:
    fits = make_fits(row=range(7, 8), column=range(10, 15))
    assert locate(fits, 7, 12) == (0, 2)
    assert locate(fits["fit_type"], np.int64(7), np.int32(14)) == (0, 4)
    assert locate(make_fits(), 0, 3) == (0, 3)


@pytest.mark.parametrize(
    ("row", "column", "error", "words"),
    [
        (0, 12, IndexError, "row is 0; it must be 7 to 7"),
        (7, 15, IndexError, "column is 15; it must be 10 to 14"),
        (7, -1, IndexError, "column is -1; it must be 10 to 14"),
        (7.5, 12, TypeError, r"row is 7\.5; it must be a whole number"),
        (7, True, TypeError, "column is True; it must be a whole number"),
    ],
)
def test_pixel_off_the_chip_is_refused(
    row: int, column: int, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        locate(make_fits(row=range(7, 8), column=range(10, 15)), row, column)


def test_flags_name_every_code() -> None:
    codes = xr.DataArray(0, attrs=attributes_of("fit_type"))
    assert classes_of(codes) == {CUT: "cut", NOT_FOUND: "not found", BAD: "bad", GOOD: "good"}


def test_errors_have_the_unit_of_their_parameter() -> None:
    assert attributes_of("f_err") == {"units": "1/DAC", "long_name": "error of f"}


def test_classes_of_variable_without_flags_is_refused() -> None:
    codes = xr.DataArray([0, 1], name="kind", attrs={"flag_values": [0, 1], "flag_meanings": "a"})
    with pytest.raises(ValueError, match=r"kind has flag_values \[0, 1\] and flag_meanings"):
        classes_of(codes)
