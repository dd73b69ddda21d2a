"""How every figure of the package looks, and how it shows itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

import matplotlib as mpl
from IPython.display import publish_display_data
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

SHEET = mpl.rc_params_from_file(
    str(Path(__file__).parents[1] / "velonb.mplstyle"), use_default_template=False
)

# Okabe-Ito colours: distinct for every common colour vision.
DATA = "black"
FIT_COLOURS = {"free": "#0072B2", "fixed": "#D55E00"}
OTHER_FIT_COLOURS = ("#009E73", "#CC79A7", "#56B4E9")
PIXEL_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "black")
AVERAGE = "#767676"
BAND = "#d9d9d9"

# Colours of classes fall in lightness too, so they survive a grey print.
FIT_TYPE_COLOURS = {"cut": "#e4e4e4", "not_found": "black", "bad": "#D55E00", "good": "#56B4E9"}
ACQUISITION_COLOURS = {
    "good": "#56B4E9",
    "bad": "#D55E00",
    "missing": "#e4e4e4",
    "unreadable": "black",
}
NEED_COLOURS = {
    "undetermined": "#e4e4e4",
    "A": "#440154",
    "A+E0": "#31688E",
    "A+E0+s": "#35B779",
    "free": "#FDE725",
    "more": "#D55E00",
}
# Light and no colour of viridis, whatever the colour vision; low values of viridis are dark.
NO_VALUE_COLOURS = {"masked": "#ffffff", "cut": "#cccccc", "not found": "#ff7fd0"}

P = ParamSpec("P")
T = TypeVar("T")


def styled(function: Callable[P, T]) -> Callable[P, T]:
    """Run `function` under the style sheet; the user's own settings stay as they are."""

    @wraps(function)
    def under_the_sheet(*args: P.args, **kwargs: P.kwargs) -> T:
        with mpl.rc_context(SHEET):
            return function(*args, **kwargs)

    return under_the_sheet


class StyledFigure(Figure):
    """A figure that keeps to the style sheet and shows itself in a notebook.

    pyplot does not know it, so it is shown once, by being the value of a cell, with any backend or
    none, and is freed like every other object.
    """

    # Ticks are made when the figure is drawn: without the sheet they would be the user's.
    draw = styled(Figure.draw)
    savefig = styled(Figure.savefig)

    def _repr_png_(self) -> bytes:
        """Return a PNG of 256 colours: a third of the size, so notebooks stay light."""
        full, small = BytesIO(), BytesIO()
        self.savefig(full, format="png", dpi=self.dpi)
        with Image.open(full) as picture:
            # Of Pillow's methods the one that keeps colours that few pixels have.
            few = picture.convert("RGB").quantize(
                256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
            )
        few.save(small, format="png", optimize=True)
        return small.getvalue()

    def _ipython_display_(self) -> None:
        # Else the formatter that `%matplotlib` registers for every figure would come first.
        data = {"image/png": self._repr_png_(), "text/plain": repr(self)}
        publish_display_data(data)  # type: ignore[no-untyped-call]


def new_figure(
    width: float, height: float, *, layout: Literal["constrained", "compressed"] = "constrained"
) -> StyledFigure:
    """Return an empty figure of a size (inch); maps, of fixed shape, want it compressed."""
    return StyledFigure(figsize=(width, height), layout=layout)


def say(ax: Axes, text: str) -> None:
    """Write why axes are empty into their middle."""
    ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes)


def fit_colour(name: str, position: int) -> str:
    """Return the colour of a fit: always the same for free and fixed."""
    return FIT_COLOURS.get(name, OTHER_FIT_COLOURS[position % len(OTHER_FIT_COLOURS)])


def readable(name: str) -> str:
    """Return the name of a variable as a reader expects it."""
    name = "p-value" if name == "p_value" else name
    return f"error of {name.removesuffix('_err')}" if name.endswith("_err") else name


def axis_label(name: str, units: Any) -> str:
    """Return a name with its unit, as axes carry it."""
    name = readable(name)
    return name if units in (None, "", "1") else f"{name} ({units})"
