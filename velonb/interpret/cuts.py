"""The cuts that decide what a pixel and a chip are: one JSON file, which the user can change."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CLASSES = (
    "good",
    "masked",
    "dead",
    "no_response",
    "trim_out_of_range",
    "off_target",
    "noisy",
    "not_described",
    "unlike_neighbours",
    "changed",
)
"""What a pixel can be: the first that holds, from the second on, else good."""
NOT_GOOD = "not_good"
"""All pixels of the other classes together."""

_DEFAULT = Path(__file__).with_name("cuts.json")
_LOWEST = {
    "noisy_fraction": 0.0,
    "least_p_value": 0.0,
    "off_target": 0.0,
    "unlike_neighbours": 0.0,
    "neighbourhood": 1,
}


def read_cuts(path: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Read the cuts for `classify_pixels` and `accept_chip`.

    Parameters
    ----------
    path : path-like, optional
        A JSON file with the cuts that are to differ from those that velonb comes with.

    Returns
    -------
    dict
        `noisy_fraction` (see `noisy_pixels`); `least_p_value`, below which a curve does not
        describe a pixel; `off_target`, largest distance of E0 from the median (DAC);
        `unlike_neighbours`, largest distance from the median of the neighbours (standard deviations
        over the chip); `neighbourhood`, how far neighbours are away at most (pixels); `mask`, the
        classes that are masked; and `largest_share` of a class, or of all that are not good
        (``not_good``), with which a chip is accepted (%).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not JSON, or a name or value in it is not allowed.

    Examples
    --------
    >>> read_cuts()["off_target"]
    30.0
    """
    return complete_cuts({} if path is None else _read(Path(path)), str(path))


def complete_cuts(cuts: Mapping[str, Any], source: str = "cuts") -> dict[str, Any]:
    """Check some cuts, and take the others from those that velonb comes with."""
    default = _read(_DEFAULT)
    _refuse_unknown(cuts, default, source, "a cut")
    for name, lowest in _LOWEST.items():
        _check_number(cuts.get(name, lowest), lowest, f"{source}: {name}")
    mask = cuts.get("mask", [])
    if not isinstance(mask, list):
        raise ValueError(f"{source}: mask is {mask!r}; it must be a list of classes")
    _refuse_unknown(mask, CLASSES[1:], source, "a class of mask")
    shares = cuts.get("largest_share", {})
    if not isinstance(shares, Mapping):
        raise ValueError(f"{source}: largest_share is {shares!r}; it must give a % for classes")
    _refuse_unknown(shares, (NOT_GOOD, *CLASSES[1:]), source, "a class of largest_share")
    for name, share in shares.items():
        _check_number(share, 0.0, f"{source}: largest_share of {name}")
    merged = {"largest_share": default["largest_share"] | dict(shares)}
    return default | dict(cuts) | merged


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"file of cuts {path} does not exist")
    try:
        cuts = json.loads(path.read_text("utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}, line {error.lineno}, character {error.colno}: {error.msg}; a file of cuts is "
            f"JSON, such as {_DEFAULT}"
        ) from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not text; a file of cuts is JSON in UTF-8") from None
    if not isinstance(cuts, dict):
        raise ValueError(f"{path} holds {type(cuts).__name__}; it must be names with their values")
    return cuts


def _refuse_unknown(names: Any, allowed: Any, source: str, what: str) -> None:
    for name in names:
        if name not in allowed:
            raise ValueError(f"{source}: {name!r} is not {what}; allowed are {', '.join(allowed)}")


def _check_number(value: Any, lowest: float, what: str) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not value >= lowest or (isinstance(lowest, int) and value != int(value)):
        kind = "whole number" if isinstance(lowest, int) else "number"
        raise ValueError(f"{what} is {value!r}; it must be a {kind} of at least {lowest:g}")
