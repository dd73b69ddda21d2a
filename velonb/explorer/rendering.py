"""From artists to pictures in the browser, no oftener than the hand can see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import SubFigure
from PIL import Image

from velonb.plots.style import SHEET, few_colours


class Picture:
    """One part of a figure as a PNG; the parts of a figure are drawn apart from each other.

    Parameters
    ----------
    part : matplotlib.figure.SubFigure
        What to draw; it fills its background.
    colours : int, optional
        Reduce the picture to so many colours: half the time and half the bytes, and no loss that
        the eye sees where there are lines and text on white.
    """

    def __init__(self, part: SubFigure, *, colours: int | None = None) -> None:
        self.part = part
        self._colours = colours
        self._canvas: Any = part.get_figure(root=True).canvas
        self._drawn: Any = None

    def draw(self) -> None:
        """Draw the artists anew, without the animated ones."""
        with mpl.rc_context(SHEET):
            self.part.draw(self._canvas.get_renderer())
        self._drawn = self._canvas.copy_from_bbox(self.part.bbox)

    def png(self, on_top: Iterable[Artist] = ()) -> bytes:
        """Return what was drawn last, with some animated artists on top."""
        self._canvas.restore_region(self._drawn)
        renderer = self._canvas.get_renderer()
        for artist in on_top:
            artist.draw(renderer)
        pixels = np.asarray(renderer.buffer_rgba())
        left, bottom, right, top = np.rint(self.part.bbox.extents).astype(int)
        height = pixels.shape[0]
        file = BytesIO()
        crop = np.ascontiguousarray(pixels[height - top : height - bottom, left:right, :3])
        image = Image.fromarray(crop)
        if self._colours is not None:
            image = few_colours(image, self._colours)
        # The fastest compression: a picture goes stale with the next move of the hand.
        image.save(file, "png", compress_level=1)
        return file.getvalue()


class Coalesced:
    """Runs an action once for a burst of requests, soon after the first of them.

    Messages that arrive meanwhile are handled before the action runs, so it sees the newest state
    and never falls behind. Without a running event loop it runs at once.

    Parameters
    ----------
    action : callable
        What to do; it takes no arguments.
    delay : float
        How long a burst is collected (s).
    """

    def __init__(self, action: Callable[[], None], *, delay: float = 0.015) -> None:
        self._action = action
        self._delay = delay
        self._pending = False

    def request(self) -> None:
        """Have the action run, now or soon."""
        if self._pending:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._action()
            return
        self._pending = True
        loop.call_later(self._delay, self._run)

    def _run(self) -> None:
        self._pending = False
        self._action()
