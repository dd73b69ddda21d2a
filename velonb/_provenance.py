"""Where results come from: versions and a digest of the input files."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path


@cache
def package_versions() -> str:
    """Versions of velonb and of what its numbers depend on."""
    packages = ("velonb", "numpy", "scipy", "numba", "xarray")
    return ", ".join(
        [f"{package} {version(package)}" for package in packages]
        + [f"python {platform.python_version()}"]
    )


def digest(paths: Iterable[Path]) -> str:
    """SHA-256 of the names and sizes of files, in any order."""
    lines = sorted(f"{path.name} {path.stat().st_size}\n" for path in paths)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
