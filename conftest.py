"""What all tests share: no screen, Ctrl-C, the demo scan, and how notebooks are compared.

It lies here and not in tests/, so that it holds for the notebooks and the doctests too.
"""

from __future__ import annotations

import os
import signal

import matplotlib
import pytest

# Stored outputs are those of the demo scan, and figures need no screen.
os.environ.pop("VELONB_DATA", None)
matplotlib.use("Agg")
# A shell that runs the tests in the background ignores it for them, and they for what they start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Simulate the demo scan once, before several notebooks ask for it at the same time."""
    in_worker = hasattr(session.config, "workerinput")
    if session.config.option.nbval and not in_worker:
        from velonb.simulate import demo_scan

        demo_scan()


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Compare what notebooks print, not how it is marked up, nor warnings."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("text/html", "stderr", "image/svg+xml")
