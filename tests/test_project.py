"""The files around the package say the same thing."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import velonb

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
CONDA_NAMES = {"lazy_loader": "lazy-loader", "matplotlib-base": "matplotlib"}


def test_environment_has_the_dependencies_of_the_project() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    lines = [line for line in environment["dependencies"] if isinstance(line, str)]
    conda = {CONDA_NAMES.get(r.name, r.name): r.specifier for r in map(_conda_requirement, lines)}
    python = str(conda.pop("python"))
    del conda["pip"]
    assert conda == {r.name: r.specifier for r in map(Requirement, PROJECT["dependencies"])}
    assert environment["dependencies"][-1] == {"pip": ["-e ."]}
    # Binder reads exact versions of Python only.
    assert re.fullmatch(r"==3\.\d+", python)
    assert PROJECT["requires-python"] == ">=3.11"


def _conda_requirement(line: str) -> Requirement:
    """conda writes an exact version with one equals sign."""
    return Requirement(re.sub(r"(?<![<>=!~])=(?!=)", "==", line))


def test_lowest_versions_are_those_of_every_requirement() -> None:
    printed = run_lowest(ROOT / "pyproject.toml")
    assert printed.returncode == 0, printed.stderr
    lowest = {r.name: str(r.specifier) for r in map(Requirement, printed.stdout.split())}
    extras = itertools.chain(*PROJECT["optional-dependencies"].values())
    named = [*PYPROJECT["build-system"]["requires"], *PROJECT["dependencies"], *extras]
    for requirement in map(Requirement, named):
        assert str(requirement.specifier) == lowest[requirement.name].replace("==", ">=")


def test_lowest_version_of_a_requirement_without_one_is_asked_for(tmp_path: Path) -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    unbound = tmp_path / "pyproject.toml"
    unbound.write_text(re.sub('"numpy>=[^"]+"', '"numpy"', text), "utf-8")
    printed = run_lowest(unbound)
    assert printed.returncode == 1
    assert printed.stdout == ""
    assert "requirement 'numpy'; expected name>=version" in printed.stderr


def run_lowest(pyproject: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "scripts" / "lowest.py", pyproject]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_readme_names_the_commands() -> None:
    first_screen = "\n".join((ROOT / "README.md").read_text("utf-8").splitlines()[:40])
    assert "make run" in first_screen
    assert "make test" in first_screen


def test_readme_links_only_to_files_that_are_there() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)|src=\"([^\":]+)\"", readme)
    links = [markdown or html for markdown, html in links]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_readme_tells_what_each_notebook_is_for() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    notebooks = [path.name for path in (ROOT / "notebooks").glob("*.ipynb")]
    assert [name for name in notebooks if f"notebooks/{name}" not in readme] == []


def test_version_is_the_same_everywhere() -> None:
    version = PROJECT["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert velonb.__version__ == version
    assert citation["version"] == version
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize("module", ["velonb", "velonb.__main__", "velonb.commands"])
def test_import_leaves_the_heavy_libraries_alone(module: str) -> None:
    heavy = {"matplotlib", "ipywidgets", "numba", "lmfit", "papermill", "scipy", "xarray"}
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert heavy.isdisjoint(loaded)


def test_every_public_name_can_be_had() -> None:
    assert [name for name in velonb.__all__ if not hasattr(velonb, name)] == []
