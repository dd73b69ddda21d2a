"""What the detector writes: the names of its files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from velonb.words import printable

LARGEST_THRESHOLD = 2**16 - 1
LARGEST_ACQUISITION = 2**31 - 1

EXAMPLE_NAME = "Module0_VP0-1_ECS_data_ST_1s310ms_THR_1500_0.csv"

# A dot in front hides a file; macOS puts "._" before the name of a companion of every file.
_ACQUISITION_NAME = re.compile(
    r"(?!\.)(?P<module>.+)_(?P<asic>[^_]+)_ECS_data_ST_(?P<shutter>[^_]*)"
    r"_THR_(?P<threshold>[0-9]+)_(?P<acquisition>[0-9]+)\.csv"
)
# Files of results carry the prefix of the acquisitions inside their names.
_SIMILAR_NAME = re.compile(
    r"(?!\.|Fluxper|UncertaintyFluxper).*_ECS_data_.*_THR_.*\.csv", re.IGNORECASE
)
_SHUTTER = re.compile(r"([0-9]+)s([0-9]{1,3})ms")


class Run(NamedTuple):
    """One scan of one chip: what its acquisitions have in common in their names."""

    module: str
    asic: str
    shutter: str

    @property
    def chip(self) -> str:
        """Prefix of the files that belong to the chip, such as its mask."""
        return f"{self.module}_{self.asic}"

    @property
    def prefix(self) -> str:
        """Prefix of the acquisitions, and of the flux files made from them."""
        return f"{self.chip}_ECS_data_ST_{self.shutter}"

    def __str__(self) -> str:
        return printable(f"{self.chip}_ST_{self.shutter}")


def acquisition_name(run: Run, threshold: int, acquisition: int) -> str:
    """File name of one acquisition."""
    return f"{run.prefix}_THR_{threshold}_{acquisition}.csv"


def parse_acquisition_name(name: str) -> tuple[Run, int, int] | None:
    """Run, threshold and acquisition number in a file name; None for other files."""
    match = _ACQUISITION_NAME.fullmatch(name)
    if match is None:
        return None
    run = Run(match["module"], match["asic"], match["shutter"])
    return run, int(match["threshold"]), int(match["acquisition"])


def looks_like_acquisition(name: str) -> bool:
    """Tell whether a name is nearly that of an acquisition: another sign, ending or number."""
    return _SIMILAR_NAME.fullmatch(name) is not None


def mask_name(chip: str) -> str:
    """File name of the mask, > 0 where a pixel is masked."""
    return f"{chip}_Matrix_Mask.csv"


def baseline_name(chip: str) -> str:
    """File name of the noise baseline (DAC)."""
    return f"{chip}_TrimBest_Noise_Predict.csv"


def noise_width_name(chip: str) -> str:
    """File name of the noise width (DAC)."""
    return f"{chip}_Trim0_Noise_Width.csv"


TRIMS = 16
"""Settings of a trim: 0 to 15, the last of which is F in the names of files."""


def noise_mean_name(chip: str, trim: int) -> str:
    """File name of the mean of the noise at a trim (DAC), such as ``..._TrimF_Noise_Mean.csv``."""
    return f"{chip}_Trim{trim:X}_Noise_Mean.csv"


def trim_name(chip: str) -> str:
    """File name of the trims, 0 to 15."""
    return f"{chip}_Matrix_Trim.csv"


def shutter_seconds(shutter: str) -> float:
    """Shutter time (s) of its text, such as 2.621 for ``"2s621ms"``.

    Raises
    ------
    ValueError
        If the text is not ``{seconds}s{milliseconds}ms`` or the time is zero.

    Examples
    --------
    >>> shutter_seconds("2s621ms")
    2.621
    """
    match = _SHUTTER.fullmatch(shutter)
    seconds = 0.0 if match is None else (1000 * int(match[1]) + int(match[2])) / 1000
    if seconds == 0:
        raise ValueError(
            f"shutter time {shutter!r} does not parse: it must be "
            "{seconds}s{milliseconds}ms and longer than zero, such as 1s310ms"
        )
    return seconds


def checked_name(what: str, name: object) -> str:
    """Check a name that becomes a part of file names; it must not lead out of their folder.

    Raises
    ------
    ValueError
        If it is not text, or has what separates folders, drives or lines.

    Examples
    --------
    >>> checked_name("asic", "VP0-1")
    'VP0-1'
    """
    if not isinstance(name, str) or not name.isprintable() or not name or set(name) & set("/\\:"):
        raise ValueError(
            f"{what} is {name!r}; it must be a part of file names: a letter or more, "
            "none of / \\ : and no control characters"
        )
    return name


def run_of(attrs: Mapping[Any, Any], what: str) -> Run:
    """The run a dataset belongs to, by its attributes.

    Raises
    ------
    ValueError
        If an attribute is missing or cannot be a part of file names.
    """
    missing = [name for name in Run._fields if name not in attrs]
    if missing:
        raise ValueError(
            f"{what} lacks the attribute{'s' * (len(missing) > 1)} {', '.join(missing)}, which "
            f"name its files: give what velonb made, or set them with {what}.assign_attrs"
        )
    return Run(*(checked_name(name, attrs[name]) for name in Run._fields))
