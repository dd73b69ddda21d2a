"""What every pixel is, by cuts that the user can change, and whether a chip passes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from toys import TYPICAL, asic_of_truth, draw_flux, flux_of

import velonb as vb
from velonb.interpret.cuts import CLASSES

SIZE = (48, 48)
PLACES = {
    (0, 0): "masked",
    (2, 2): "dead",
    (4, 4): "no_response",
    (5, 40): "no_response",
    (6, 6): "trim_out_of_range",
    (8, 8): "off_target",
    (10, 10): "off_target",
    (12, 12): "noisy",
    (14, 14): "not_described",
    (16, 16): "unlike_neighbours",
    (18, 18): "unlike_neighbours",
    (20, 20): "changed",
}
REASONS = {(0, 0): 6, (4, 4): 2, (5, 40): 3, (6, 6): 4, (8, 8): 5}


@pytest.fixture(scope="module")
def chip() -> tuple[xr.Dataset, xr.Dataset]:
    """A chip with a pixel of every kind, whose E0 and light vary slowly over it."""
    rows, columns = np.mgrid[:48, :48]
    E0 = 1551 + np.random.default_rng(1).normal(0, 3, SIZE) + 0.2 * (rows - 24)
    A = 8 * (1 + 0.01 * columns)
    E0[10, 10] += 40
    E0[16, 16] = 1551 + 0.2 * (16 - 24) - 25
    A[18, 18] *= 0.5
    flux = draw_flux(SIZE, truth=TYPICAL | {"E0": E0, "A": A})
    hits, random = flux["hits"].values.copy(), np.random.default_rng(2)
    hits[:, 2, 2] = 0
    hits[:, 12, 12] += random.poisson(300, 41)
    hits[:20:2, 14, 14] += 60
    reason = np.zeros(SIZE, np.int8)
    for place, code in REASONS.items():
        reason[place] = code
    flux = flux_of(hits, flux["exposure"].values, reason > 0)
    flux["mask_reason"] = ("row", "column"), reason
    flux.attrs |= {"module": "Module0", "asic": "VP0-1"}
    fits = vb.fit_pixels(flux, asic_of_truth(flux), free=[("A", "E0"), ("A",)], progress=False)
    return flux, fits


@pytest.fixture(scope="module")
def changes() -> xr.Dataset:
    changed = np.zeros(SIZE, bool)
    changed[20, 20] = changed[2, 2] = True
    return xr.Dataset({"changed_alone": (("row", "column"), changed)})


@pytest.fixture(scope="module")
def classes(chip, changes) -> xr.Dataset:
    return vb.classify_pixels(*chip, changes=changes)


def class_at(classes: xr.Dataset, place: tuple[int, int]) -> str:
    return CLASSES[int(classes["pixel_class"].values[place])]


@pytest.mark.parametrize("place", PLACES)
def test_pixel_of_every_kind_is_recognised(classes, place) -> None:
    assert class_at(classes, place) == PLACES[place]


def test_all_other_pixels_are_good_and_codes_carry_flags(classes) -> None:
    codes = classes["pixel_class"]
    assert int((codes > 0).sum()) == len(PLACES)
    assert codes.dtype == np.int8
    assert codes.attrs["flag_meanings"].split() == list(CLASSES)
    assert codes.attrs["flag_values"].tolist() == list(range(len(CLASSES)))
    assert classes.attrs["asic"] == "VP0-1"


def test_list_and_mask_are_those_of_the_classes(classes, tmp_path) -> None:
    listed = vb.list_pixels(classes)
    assert (
        dict(
            zip(
                zip(listed["row"], listed["column"], strict=True),
                listed["pixel_class"],
                strict=True,
            )
        )
        == PLACES
    )
    assert vb.list_pixels(classes, "noisy").values.tolist() == [[12, 12, "noisy"]]
    mask = classes["mask_reason"].values
    expected = REASONS | {(2, 2): 1, (10, 10): 5, (12, 12): 6}
    assert {
        tuple(place): mask[tuple(place)] for place in np.argwhere(mask > 0).tolist()
    } == expected
    (path,) = vb.export_settings(tmp_path, module="Module0", asic="VP0-1", mask=mask)
    np.testing.assert_array_equal(np.loadtxt(path, delimiter=",", dtype=int), mask)
    with pytest.raises(ValueError, match="class is 'odd'; it must be one of good, masked"):
        vb.list_pixels(classes, "odd")


def test_noisy_pixels_that_were_masked_for_it_are_still_noisy(chip) -> None:
    flux, fits = chip
    classes = vb.classify_pixels(vb.mask_noisy(flux), fits)
    assert class_at(classes, (12, 12)) == "noisy"
    assert class_at(classes, (0, 0)) == "masked"


def test_chip_without_reasons_of_its_mask_is_classified(chip) -> None:
    flux, fits = chip
    classes = vb.classify_pixels(flux.drop_vars("mask_reason"), fits)
    assert all(class_at(classes, place) == "masked" for place in REASONS)
    assert class_at(classes, (2, 2)) == "dead"
    assert class_at(classes, (20, 20)) == "good"


def test_counts_are_held_against_the_limits(classes) -> None:
    table = vb.accept_chip(classes)
    assert table.loc["not_good", "pixels"] == len(PLACES)
    assert table.loc["good", "pixels"] == 48 * 48 - len(PLACES)
    assert table["pixels"].drop("not_good").sum() == 48 * 48
    assert table["accepted"].all()
    assert (table["reason"] == "").all()
    strict = vb.accept_chip(classes, cuts={"largest_share": {"noisy": 0.01}})
    assert strict.index[~strict["accepted"]].tolist() == ["noisy"]
    assert (
        strict.loc["noisy", "reason"] == "0.0434 % of the pixels are noisy, at most 0.01 % may be"
    )
    assert strict.loc["dead", "limit"] == table.loc["dead", "limit"]


def test_cuts_of_the_user_change_the_classes(chip, tmp_path) -> None:
    path = tmp_path / "cuts.json"
    path.write_text(json.dumps({"off_target": 20.0, "mask": ["dead"]}))
    cuts = vb.read_cuts(path)
    assert cuts["unlike_neighbours"] == vb.read_cuts()["unlike_neighbours"]
    classes = vb.classify_pixels(*chip, cuts=cuts)
    assert class_at(classes, (16, 16)) == "off_target"
    assert classes["mask_reason"].values[12, 12] == 0
    assert classes["mask_reason"].values[2, 2] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"off_traget": 3}',
            "'off_traget' is not a cut; allowed are noisy_fraction, least_p_value",
        ),
        ('{"off_target": "far"}', "off_target is 'far'; it must be a number of at least 0"),
        ('{"off_target": -1}', "off_target is -1; it must be a number of at least 0"),
        ('{"neighbourhood": 1.5}', "neighbourhood is 1.5; it must be a whole number of at least 1"),
        ('{"noisy_fraction": true}', "noisy_fraction is True"),
        ('{"mask": ["good"]}', "'good' is not a class of mask; allowed are masked, dead"),
        ('{"mask": "dead"}', "mask is 'dead'; it must be a list of classes"),
        (
            '{"largest_share": {"odd": 1}}',
            "'odd' is not a class of largest_share; allowed are not_good",
        ),
        ('{"largest_share": {"dead": "1 %"}}', "largest_share of dead is '1 %'"),
        ('{"largest_share": 1}', "largest_share is 1; it must give a % for classes"),
        ('{\n"off_target": 3,\n}', "line 3, character 1"),
        ("[1]", "holds list; it must be names with their values"),
    ],
)
def test_file_of_cuts_with_what_is_not_allowed_is_refused(text, message, tmp_path) -> None:
    path = tmp_path / "cuts.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        vb.read_cuts(path)
    assert "cuts.json" in str(error.value)


def test_missing_file_of_cuts_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"file of cuts .*none.json does not exist"):
        vb.read_cuts(tmp_path / "none.json")


def test_identical_pixels_are_good() -> None:
    flux = draw_flux((128, 128), seed=5)
    fits = vb.fit_pixels(flux, asic_of_truth(flux), free=("A", "E0"), progress=False)
    classes = vb.classify_pixels(flux, fits)
    # Of 16,384 p-values 0.2 lie below the cut of 1e-5; none is 6 standard deviations away.
    assert (classes["pixel_class"] != 0).sum() <= 3
    assert not (classes["pixel_class"] == CLASSES.index("unlike_neighbours")).any()
    for name in ("unlike_E0", "unlike_A"):
        assert float(classes[name].std()) == pytest.approx(1, abs=0.05)


def test_chip_on_which_nothing_fits_is_classified_too(chip) -> None:
    flux, fits = chip
    nothing = fits.assign(p_value=fits["p_value"] * np.nan)
    classes = vb.classify_pixels(flux, nothing)
    assert class_at(classes, (30, 30)) == "not_described"
    assert class_at(classes, (2, 2)) == "dead"
    table = vb.accept_chip(classes)
    assert not table.loc[["not_good", "not_described"], "accepted"].any()


def test_data_of_other_makers_are_refused(chip, changes) -> None:
    flux, fits = chip
    with pytest.raises(ValueError, match="changes has no 'changed_alone'"):
        vb.classify_pixels(flux, fits, changes=changes.rename(changed_alone="other"))
    with pytest.raises(ValueError, match=r"fits has \(47, 48\) rows and columns, flux \(48, 48\)"):
        vb.classify_pixels(flux, fits.isel(row=slice(47)))
    with pytest.raises(ValueError, match="fit is 'free'; it must be one of"):
        vb.classify_pixels(flux, fits, fit="free")


def test_classes_are_drawn_with_their_counts(classes) -> None:
    (ax,) = vb.plot_classes(classes).axes
    assert ax.get_title() == "99.48 % of the pixels are good"
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "no response 2 (0.1 %)" in words
