"""Ctrl-C and the request to end (TERM), which velonb takes alike."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130
"""Exit code of a command that was interrupted."""


def set_handler(handler: signal._HANDLER) -> dict[signal.Signals, signal._HANDLER]:
    """Call a function at either signal from now on; what was called before."""
    signals = (signal.SIGINT, signal.SIGTERM)
    # What the shell tells a background job to ignore stays ignored.
    heeded = [number for number in signals if signal.getsignal(number) != signal.SIG_IGN]
    return {number: signal.signal(number, handler) for number in heeded}


@contextmanager
def on_interrupt(handler: signal._HANDLER) -> Iterator[None]:
    """Call a function at either signal while the block runs."""
    before = set_handler(handler)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def end_at_once(*_: object) -> None:
    """End the process: right where nothing has begun, for imports cut short print tracebacks."""
    os.write(2, b"\nvelonb: interrupted\n")
    os._exit(INTERRUPTED)


def interrupt(*_: object) -> None:
    """Unwind what is going on; asked a second time, end at once."""
    set_handler(end_at_once)
    raise KeyboardInterrupt
