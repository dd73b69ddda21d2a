"""Where results come from: versions and a digest of the input files."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray


@cache
def package_versions() -> str:
    """Versions of velonb and of what its numbers depend on."""
    packages = ("velonb", "numpy", "scipy", "numba", "xarray")
    return ", ".join(
        [f"{package} {version(package)}" for package in packages]
        + [f"python {platform.python_version()}"]
    )


def digest(checksums: Mapping[str, int], mask: NDArray[np.bool_]) -> str:
    """SHA-256 of the names of files with the checksums of their contents, and of the mask."""
    lines = sorted(os.fsencode(f"{name} {checksum}\n") for name, checksum in checksums.items())
    return hashlib.sha256(b"".join([*lines, np.packbits(mask).tobytes()])).hexdigest()
