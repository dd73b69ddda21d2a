"""How every figure of the package looks, and how it shows itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

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
FIT_STYLES = ("-", "--", ":", "-.")
PIXEL_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "black")
PIN_COLOURS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7b3294", "#8c510a")
MARK = "#e3001b"
AVERAGE = "#767676"
BAND = "#d9d9d9"

# Colours of classes fall in lightness too, so they survive a grey print.
CLASS_COLOURS = {
    "good": "#56B4E9",
    "bad": "#D55E00",
    **dict.fromkeys(("not found", "unreadable"), "black"),
    **dict.fromkeys(("cut", "missing", "undetermined"), "#e4e4e4"),
    **{"A": "#440154", "A+E0": "#31688E", "A+E0+s": "#35B779", "free": "#FDE725"},
    "more": "#D55E00",
    **{"masked": "white", "dead": "black", "no response": "#7b3294", "noisy": "#D55E00"},
    **{"trim out of range": "#8c510a", "off target": "#E69F00", "not described": "#767676"},
    **{"unlike neighbours": "#0072B2", "changed": "#CC79A7"},
}
# Light and no colour of viridis, whatever the colour vision; low values of viridis are dark.
REASON_COLOURS = {
    "masked": "#ffffff",
    "cut": "#cccccc",
    "not found": "#ff7fd0",
    "dead": "#ffab4d",
    "undefined": "#c9b3ff",
    "not shown": "#e9edf3",
}

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
            few_colours(picture.convert("RGB"), 256).save(small, format="png", optimize=True)
        return small.getvalue()

    def _ipython_display_(self) -> None:
        # Else the formatter that `%matplotlib` registers for every figure would come first.
        data = {"image/png": self._repr_png_(), "text/plain": repr(self)}
        publish_display_data(data)  # type: ignore[no-untyped-call]


def few_colours(picture: Image.Image, number: int) -> Image.Image:
    """Return a picture of so many colours: smaller, and no loss that the eye sees."""
    # Of Pillow's methods the one that keeps colours that few pixels have.
    few = picture.quantize(number, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    # White is mixed with its shades: on a white page that would show.
    few.putpalette([255 if level > 250 else level for level in few.getpalette() or []])
    return few


def new_figure(width: float, height: float, layout: Any = "constrained") -> StyledFigure:
    """Return an empty figure of a size (inch); without a layout, axes are where they are put."""
    return StyledFigure(figsize=(width, height), layout=layout)


def say(ax: Axes, text: str) -> None:
    """Write why axes are empty into their middle."""
    ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes)


def fit_colour(name: str, position: int) -> str:
    """Return the colour of a fit: always the same for free and fixed."""
    return FIT_COLOURS.get(name, OTHER_FIT_COLOURS[position % len(OTHER_FIT_COLOURS)])
