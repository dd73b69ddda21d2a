"""The rooms of the package: which may use which, and what each must tell of itself."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "velonb"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 300


def order() -> list[str]:
    """Rooms from the foundations up, as the page on the architecture tells them."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    return re.findall(r"^\| `(\w+)(?:/|\.py)` \|", page, re.MULTILINE)


def room_of(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(module: Path) -> Iterator[str]:
    """Modules of velonb that a module imports, as dotted names below the package."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "velonb":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("velonb."):
            yield from (f"{node.module}.{alias.name}"[len("velonb.") :] for alias in node.names)


def test_every_room_has_its_place_in_the_order() -> None:
    rooms = {room_of(module) for module in MODULES} - {"__init__"}
    assert sorted(order()) == sorted(rooms)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(module: Path) -> None:
    places = {room: place for place, room in enumerate(order())}
    here = places.get(room_of(module), len(places))
    used = {name.split(".")[0] for name in imports(module)} & places.keys()
    assert [room for room in used if places[room] > here] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_private_names_stay_in_their_module(module: Path) -> None:
    assert [name for name in imports(module) if ".".join(name.split(".")[1:]).startswith("_")] == []
    assert [name for name in imports(module) if "._" in name] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_is_short_enough_to_read(module: Path) -> None:
    assert len(module.read_text("utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("room", [path.parent.name for path in PACKAGE.glob("*/__init__.py")])
def test_room_tells_what_it_is_for_and_gives(room: str) -> None:
    module = importlib.import_module(f"velonb.{room}")
    assert len((module.__doc__ or "").strip().splitlines()) >= 3
    assert all(hasattr(module, name) for name in getattr(module, "__all__", ()))
