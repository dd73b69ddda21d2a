"""The compiled minimiser behind `fit_pixels`.

Every pixel is fitted by Newton's method with the exact second derivatives of the statistic. The
curve is linear in C = f A and P = (1 - f) A / (sqrt(2 pi) s), so a fit with f and A free moves in
(C, P, s, E0); one that holds f or A moves in (f, A, s, E0). Steps that would leave the physical
region end on its edge; steps that do not lower the statistic are damped and tried again.
`velonb.fit_pixel` is the readable path to the same minimum.

Data flows one way: `data` (the arrays) -> `curve` (statistic, slope, curvature) -> `algebra` ->
`newton` (one pixel) -> `goodness` (what to expect of its statistic) -> `block` (many pixels).
"""

from __future__ import annotations

from pathlib import Path


def _forget_stale_cache() -> None:
    # Compiled code is cached by the date of its own file, but holds code of the others as well.
    folder = Path(__file__).parent
    sources = [folder.parent / "_shapes.py", folder.parent / "statistics.py", *folder.glob("*.py")]
    newest = max(source.stat().st_mtime for source in sources)
    for cached in folder.glob("__pycache__/*.nb[ic]"):
        if cached.stat().st_mtime < newest:
            cached.unlink(missing_ok=True)


_forget_stale_cache()
