"""The codes of the fit types."""

from __future__ import annotations

CUT, NOT_FOUND, BAD, GOOD = -2, -1, 0, 1
