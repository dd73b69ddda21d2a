"""The README's table and picture of the benchmarks are made from the numbers of one run."""

from __future__ import annotations

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
ROW = {
    "work": "free + fixed", "velonb": "168 ms", "against": "lmfit loop", "takes": "3.13 min",
    "ratio": "1120 x", "processor": "602 x", "budget": "at least 1000 x", "met": "yes",
}  # fmt: skip


@pytest.fixture
def script(tmp_path: Path, monkeypatch: Any) -> ModuleType:
    specification = spec_from_file_location("script", ROOT / "scripts" / "readme_benchmarks.py")
    assert specification is not None
    assert specification.loader is not None
    module = module_from_spec(specification)
    specification.loader.exec_module(module)
    for name, file in {"NUMBERS": "n.json", "README": "README.md", "PICTURE": "p.png"}.items():
        monkeypatch.setattr(module, name, tmp_path / file)
    return module


def test_table_below_the_heading_is_replaced_and_nothing_else(script: ModuleType) -> None:
    stages = {"read": [1.16, 0.13], "fit the pixels": [49.2, 0.2]}
    numbers = {
        "machine": "a processor\nand its packages",
        "rows": [ROW],
        "pipeline": {"files": "61 thresholds x 20 acquisitions", "plain and velonb (s)": stages},
    }
    script.NUMBERS.write_text(json.dumps(numbers))
    before = "| another | table |\n|---|---|\n| stays | here |\n\n### Performance\n\nWords.\n\n"
    script.README.write_text(f"{before}| work | old |\n|---|---|\n| fit | 1 s |\n\nAfter.\n")
    script.main()
    readme = script.README.read_text()
    assert readme.startswith(before)
    assert readme.endswith("|\n\nAfter.\n")
    assert "old" not in readme
    assert "| free + fixed | 168 ms | lmfit loop | 3.13 min | 1120 x |" in readme
    assert script.PICTURE.read_bytes().startswith(b"\x89PNG")


def test_picture_names_every_stage_and_the_sum(script: ModuleType) -> None:
    figure = script.draw("some files", {"read": [1.0, 0.1], "write": [3.0, 0.3]})
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["read", "write", "all"]
    assert "4 s" in [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("readme", ["no heading\n", "### Performance\n\nno table\n"])
def test_readme_without_a_place_for_the_table_is_refused(script: ModuleType, readme: str) -> None:
    with pytest.raises(ValueError, match=r"README\.md has no (heading|table)"):
        script.with_table(readme, "| a |")
