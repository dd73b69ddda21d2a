"""Maps that do not lie: every cell is read back from the picture, whatever it was drawn for."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import xarray as xr
from datasets import make_asic, make_fits, make_flux, make_scan
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

import velonb as vb
from velonb.plots.cells import CellAxes, CellImage
from velonb.vocabulary import NEEDS

CHIPS = [(256, 256), (16, 64), (512, 256), (9, 7)]
ACQUISITIONS = (20, 41)


def checkerboard(row: np.ndarray, column: np.ndarray) -> np.ndarray:
    return (row + column) % 2


def lines(row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Every third row or column, the first and the last."""
    return ((row % 3 == 0) | (column % 3 == 0) | (row == row.max())) * 1


PATTERNS = [checkerboard, lines]


def make_chip(shape: tuple[int, int], pattern: Callable[..., np.ndarray]) -> xr.Dataset:
    """Hits, fits and verdicts that are 0 or 1 after a pattern, as what is drawn needs them."""
    bits = pattern(*np.indices(shape))
    both, dims = np.stack([bits, 1 - bits]), ("fit", "row", "column")
    flags = {"flag_values": np.int8([0, 1]), "flag_meanings": "bad good"}
    needs = {"flag_values": np.int8(range(-1, 5)), "flag_meanings": " ".join(NEEDS)}
    counts = np.indices(ACQUISITIONS)
    return xr.Dataset(
        {
            "E0": (dims, both.astype(float)),
            "E0_err": (dims, np.ones(both.shape)),
            "fit_type": (dims, both.astype(np.int8), flags),
            "needs": (("row", "column"), bits.astype(np.int8), needs),
            "hits": (("threshold", "row", "column"), both),
            "mask": (("row", "column"), np.zeros(shape, bool)),
            "exposure": ("threshold", [1.0, 1.0]),
            "acquisition_status": (("acquisition", "step"), pattern(*counts), flags),
            "last_columns_flux": (("acquisition", "step"), np.ones(ACQUISITIONS)),
        },
        coords={"fit": ["free", "fixed"], "threshold": [1500, 1501]},
    )


def plot_audit(chip: xr.Dataset) -> Figure:
    names = ["acquisition_status", "last_columns_flux"]
    audit = chip[names].rename(step="threshold").assign_coords(threshold=range(ACQUISITIONS[1]))
    return vb.plot_acquisitions(audit.assign(exposure=("threshold", np.ones(ACQUISITIONS[1]))))


PLOTS: dict[str, Callable[[xr.Dataset], Figure]] = {
    "heatmap": lambda chip: vb.plot_heatmap(chip, "E0"),
    "map": lambda chip: vb.plot_map(chip["E0"][1]),
    "hits": lambda chip: vb.plot_hits(chip, 1501),
    "parameter": lambda chip: vb.plot_parameter(chip, "E0"),
    "fit_types": lambda chip: vb.plot_fit_types(chip),
    "four fit_types": lambda chip: vb.plot_fit_types(chip, fit=("free", "fixed", "free", "fixed")),
    "needs": lambda chip: vb.plot_needs(chip),
    "acquisitions": plot_audit,
}


class Drawn:
    """Where the images of maps were drawn last: left, bottom and shape of each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.places: dict[CellAxes, tuple[int, int, tuple[int, ...]]] = {}
        make_image = CellImage.make_image

        def recording(image: CellImage, *args: Any) -> Any:
            made, left, bottom, transform = make_image(image, *args)
            self.places[image.axes] = round(left), round(bottom), made.shape[:2]
            return made, left, bottom, transform

        monkeypatch.setattr(CellImage, "make_image", recording)

    def part(self, picture: np.ndarray, ax: CellAxes) -> np.ndarray:
        """What a picture (height, width, 3) shows of a map."""
        left, bottom, (height, width) = self.places[ax]
        top = picture.shape[0] - bottom - height
        return picture[top : top + height, left : left + width]

    def assert_every_cell_is_there(self, picture: np.ndarray, ax: CellAxes, *, tolerance=0) -> None:
        """All cells of a map are in a picture, equally large, and nothing lies over them."""
        colours, part = colours_of(ax), self.part(picture, ax).astype(int)
        assert ax.block == (1, 1)
        (high, rest), (broad, more) = (
            divmod(side, cells) for side, cells in zip(part.shape, colours.shape[:2], strict=False)
        )
        assert (rest, more) == (0, 0)
        assert high == broad or not ax._square
        cells = colours.repeat(high, axis=0).repeat(broad, axis=1)
        assert np.abs(part - cells).max() <= tolerance


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    return Drawn(monkeypatch)


def colours_of(ax: CellAxes) -> np.ndarray:
    return np.asarray(ax.images[0].get_array()).astype(int)


def saved(figure: Figure, **options: Any) -> np.ndarray:
    file = BytesIO()
    figure.savefig(file, format="png", **options)
    return read(file.getvalue())


def read(png: bytes) -> np.ndarray:
    with Image.open(BytesIO(png)) as picture:
        return np.asarray(picture.convert("RGB"))


def shown_inline(figure: Figure) -> np.ndarray:
    """As `%matplotlib inline` prints a figure."""
    file = BytesIO()
    FigureCanvasAgg(figure).print_figure(file, bbox_inches="tight", facecolor="white")
    return read(file.getvalue())


def maps_of(figure: Figure) -> list[CellAxes]:
    return [ax for ax in figure.axes if isinstance(ax, CellAxes)]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("shape", CHIPS)
@pytest.mark.parametrize("plot", PLOTS)
def test_every_pixel_is_read_back(
    drawn: Drawn, plot: str, shape: tuple[int, int], pattern: Any
) -> None:
    figure = PLOTS[plot](make_chip(shape, pattern))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba())[..., :3]
    assert maps_of(figure)
    for ax in maps_of(figure):
        assert len(np.unique(colours_of(ax).reshape(-1, 3), axis=0)) == 2
        drawn.assert_every_cell_is_there(picture, ax)


@pytest.mark.parametrize("plot", ["heatmap", "parameter", "fit_types", "acquisitions"])
@pytest.mark.parametrize(
    "draw",
    [
        shown_inline,
        saved,
        *(lambda f, dpi=dpi: saved(f, dpi=dpi) for dpi in (72, 97, 100, 144, 200, 300)),
        lambda f: saved(f, dpi=110, bbox_inches="tight"),
        lambda f: saved(f, dpi=151, bbox_inches="tight", pad_inches=0.013),
    ],
)
def test_saved_and_shown_pictures_keep_every_pixel(drawn: Drawn, plot: str, draw: Any) -> None:
    figure = PLOTS[plot](make_chip((128, 128), lines))
    picture = draw(figure)
    for ax in maps_of(figure):
        drawn.assert_every_cell_is_there(picture, ax)


@pytest.mark.parametrize("size", [(5.0, 4.0), (3.3, 2.9), (7.123, 6.457)])
def test_resized_figure_keeps_every_pixel(drawn: Drawn, size: tuple[float, float]) -> None:
    figure = PLOTS["heatmap"](make_chip((128, 128), lines))
    figure.set_size_inches(size)
    drawn.assert_every_cell_is_there(saved(figure, dpi=144), maps_of(figure)[0])


def test_notebook_picture_of_few_colours_keeps_every_pixel(drawn: Drawn) -> None:
    figure = PLOTS["heatmap"](make_chip((256, 256), checkerboard))
    picture = read(figure._repr_png_())
    drawn.assert_every_cell_is_there(picture, maps_of(figure)[0], tolerance=12)


@pytest.mark.parametrize("plot", sorted(set(PLOTS) - {"acquisitions"}))
def test_full_chip_is_large_enough_to_see_a_pixel(plot: str) -> None:
    figure = PLOTS[plot](make_chip((256, 256), checkerboard))
    figure.draw_without_rendering()
    least = 256 if "fit_types" in plot else 512
    assert {round(ax.bbox.width) for ax in maps_of(figure)} == {least}


@pytest.mark.parametrize("bbox", [None, "tight"])
def test_map_without_room_is_averaged_in_blocks_and_says_so(drawn: Drawn, bbox: str | None) -> None:
    figure = PLOTS["map"](make_chip((515, 257), checkerboard))
    figure.set_size_inches(1.9, 2.1)
    (ax,) = maps_of(figure)
    figure.draw_without_rendering()
    rows, columns = ax.block
    assert rows == columns > 1
    assert ax.note.get_text() == f"averages of {rows} × {columns} pixels"
    ax.note.set_visible(False)
    part = drawn.part(saved(figure, dpi=144, bbox_inches=bbox), ax)
    assert part.shape[:2] == (-(-515 // rows), -(-257 // columns))
    high, wide = 515 // rows, 257 // columns
    whole = colours_of(ax)[: high * rows, : wide * columns]
    means = whole.reshape(high, rows, wide, columns, 3).mean((1, 3))
    assert np.abs(part[:high, :wide] - means).max() <= 0.5


def test_zoomed_map_keeps_every_pixel(drawn: Drawn) -> None:
    figure = PLOTS["map"](make_chip((64, 64), lines))
    (ax,) = maps_of(figure)
    ax.set(xlim=(9.5, 29.5), ylim=(40.5, 20.5))
    part = drawn.part(saved(figure, dpi=144), ax)
    cells = colours_of(ax)[21:41, 10:30].repeat(25, axis=0).repeat(25, axis=1)
    np.testing.assert_array_equal(part, cells)


def test_vector_files_hold_the_cells_themselves(tmp_path: Any) -> None:
    figure = PLOTS["map"](make_chip((16, 64), checkerboard))
    figure.savefig(tmp_path / "map.svg")
    assert 'width="64" height="16"' in (tmp_path / "map.svg").read_text().replace("\n", " ")


@pytest.mark.parametrize("ratio", [1.0, 1.25, 1.5, 2.0])
def test_explorer_shows_every_pixel_on_any_screen_where_it_says(ratio: float) -> None:
    place = {"row": slice(32, 48), "column": slice(100, 164)}
    flux, fits = (
        data.assign_coords(row=range(256), column=range(256)).isel(place)
        for data in (make_flux(), make_fits())
    )
    explorer = vb.explore(flux, fits, make_asic())
    clickable = explorer.controls.clickable
    clickable.ready = True
    clickable.pixel_ratio = ratio
    left, top, width, height = (round(ratio * side) for side in clickable.geometry["map"])
    assert clickable.geometry["first"] == [32, 100]
    size, rest = divmod(width, 64)
    assert (height, rest) == (16 * size, 0)
    cells = colours_of(explorer._view.map.axes).repeat(size, axis=0).repeat(size, axis=1)
    picture = read(clickable.picture)[top : top + height, left : left + width]
    np.testing.assert_array_equal(picture, cells)
    explorer.close()


def test_ticks_are_the_coordinates_of_the_chip() -> None:
    chip = make_chip((16, 64), lines).assign_coords(row=range(32, 48), column=range(100, 164))
    ax = vb.plot_heatmap(chip, "E0").axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["32", "36", "40", "44", "47"]
    assert [text.get_text() for text in ax.get_xticklabels()][::4] == ["100", "163"]


def test_audit_of_many_acquisitions_shows_each(drawn: Drawn) -> None:
    figure = vb.plot_acquisitions(make_scan(64, acquisitions=100))
    drawn.assert_every_cell_is_there(saved(figure), maps_of(figure)[0])
