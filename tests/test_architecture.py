"""The rooms of the package: which may use which, and what each must tell of itself."""

from __future__ import annotations

import ast
import importlib
import re
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


def public_names() -> dict[str, str]:
    """The room of every name that velonb gives."""
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text("utf-8"))
    parts = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in parts for alias in node.names}


PUBLIC = public_names()


def room_of(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(module: Path) -> list[str]:
    """What a module imports of velonb, as dotted names below the package."""
    names = []
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name their module in full"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name.removeprefix("velonb.") for name in names if name.startswith("velonb.")]


def room_of_name(name: str) -> str:
    """The room that an imported name lies in, also where the package itself gives it."""
    return PUBLIC.get(name, name.split(".")[0])


def test_every_room_has_its_place_in_the_order() -> None:
    rooms = {room_of(module) for module in MODULES} - {"__init__"}
    assert sorted(order()) == sorted(rooms)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(module: Path) -> None:
    places = {room: place for place, room in enumerate(order())}
    here = places.get(room_of(module), len(places))
    assert [name for name in imports(module) if places[room_of_name(name)] > here] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_private_names_stay_in_their_module(module: Path) -> None:
    assert [name for name in imports(module) if re.search(r"(^|\.)_(?!_)", name)] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_is_short_enough_to_read(module: Path) -> None:
    assert len(module.read_text("utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("room", [path.parent.name for path in PACKAGE.glob("*/__init__.py")])
def test_room_tells_what_it_is_for_and_gives(room: str) -> None:
    module = importlib.import_module(f"velonb.{room}")
    assert len((module.__doc__ or "").strip().splitlines()) >= 3
    given = getattr(module, "__all__", [])
    assert [name for name in given if not hasattr(module, name)] == []
    assert {name for name, place in PUBLIC.items() if place == room} <= set(given)
