"""A picture of the map that answers to the mouse and the arrow keys in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets


class ClickableMap(anywidget.AnyWidget):
    """Shows the map and its histogram as one picture and reports what the hand does there.

    Marks are drawn by the browser, over the picture: moving them costs a few bytes. Lengths are
    in pixels of the picture at its natural size, pixels of the chip are counted from 0.
    """

    _esm = Path(__file__).with_name("clickable.js")

    picture = traitlets.Bytes(help="PNG").tag(sync=True)
    numbers = traitlets.Bytes(help="The map's values, float32, row by row").tag(sync=True)
    geometry = traitlets.Dict(help="size, map, histogram, shape, first, ...").tag(sync=True)
    marks = traitlets.Dict(help="current, pins, level, range").tag(sync=True)

    ready = traitlets.Bool(False, help="The browser has it on the screen").tag(sync=True)
    pixel_ratio = traitlets.Float(1.0, help="Of the browser's screen").tag(sync=True)
    picked: Any = traitlets.List(help="row, column, whether gliding, serial number").tag(sync=True)
    brushed: Any = traitlets.List(help="low and high end (0 to 1), serial number").tag(sync=True)
