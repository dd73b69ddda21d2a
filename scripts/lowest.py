"""Print the oldest version that a pyproject.toml allows of all that it names, for pip to install.

python scripts/lowest.py pyproject.toml > lowest.txt
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

# matplotlib brings it along, and before 3.10.7 makes calls that pyparsing 3.3 warns about.
BROUGHT_ALONG = ["pyparsing<3.3"]


def requirements(pyproject: dict[str, Any]) -> list[str]:
    """What building, using and testing the package takes."""
    project = pyproject["project"]
    groups = [pyproject["build-system"]["requires"], project["dependencies"]]
    groups += project["optional-dependencies"].values()
    return [requirement for group in groups for requirement in group]


def pin(requirement: str) -> str:
    """`name>=version` as `name==version`."""
    match = re.fullmatch(r"([\w.-]+)>=([\w.]+)", requirement)
    if match is None:
        sys.exit(f"pyproject.toml has the requirement {requirement!r}; expected name>=version")
    return "{}=={}".format(*match.groups())


if __name__ == "__main__":
    named = requirements(tomllib.loads(Path(sys.argv[1]).read_text("utf-8")))
    print(*map(pin, named), *BROUGHT_ALONG, sep="\n")
