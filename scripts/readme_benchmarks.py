"""Fill the table of the README and draw its picture from docs/benchmarks.json, one run's numbers.

``make bench`` writes that file; then ``python scripts/readme_benchmarks.py``.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.table import duration, markdown  # noqa: E402
from velonb.plots.style import StyledFigure, new_figure, styled  # noqa: E402
from velonb.system.files import written_whole  # noqa: E402

NUMBERS, README = ROOT / "docs" / "benchmarks.json", ROOT / "README.md"
PICTURE = ROOT / "docs" / "where_time_goes.png"
HEADING = "### Performance"
HEADER = ("work", "velonb", "against", "takes", "ratio", "budget")
BAR = 0.36
PLAIN_COLOUR, OUR_COLOUR = "#999999", "#0072B2"


def main() -> None:
    numbers = json.loads(NUMBERS.read_text("utf-8"))
    readme = README.read_text("utf-8")
    with written_whole(README) as temporary:
        temporary.write_text(with_table(readme, table(numbers["rows"])), "utf-8")
    pipeline = numbers["pipeline"]
    with written_whole(PICTURE) as temporary:
        # Without the version of matplotlib, the same picture is the same bytes.
        figure = draw(pipeline["files"], pipeline["plain and velonb (s)"])
        figure.savefig(temporary, dpi=144, metadata={"Software": None})
    print(f"{README}, {PICTURE}: numbers of {numbers['machine'].splitlines()[0]}")


def table(rows: list[dict[str, Any]]) -> str:
    return markdown(HEADER, [[row[name] for name in HEADER] for row in rows])


def with_table(readme: str, table: str) -> str:
    """The README with another table below the heading of the benchmarks."""
    before, heading, after = readme.partition(f"{HEADING}\n")
    if not heading:
        raise ValueError(f"README.md has no heading {HEADING!r} to put the table below")
    lines = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
    filled, found = lines.subn(lambda _: table + "\n", after, count=1)
    if not found:
        raise ValueError(f"README.md has no table below {HEADING!r} that could be replaced")
    return before + heading + filled


@styled
def draw(files: str, stages: dict[str, list[float]]) -> StyledFigure:
    """Bars of both sides for every stage, on a logarithmic scale."""
    figure = new_figure(7.5, 4.2)
    axes = figure.subplots()
    sides = {
        "plain Python: loadtxt, curve_fit, savetxt": (-BAR / 2, PLAIN_COLOUR),
        "velonb": (BAR / 2, OUR_COLOUR),
    }
    times = stages | {"all": [sum(side) for side in zip(*stages.values(), strict=True)]}
    for k, (label, (shift, colour)) in enumerate(sides.items()):
        seconds = [both[k] for both in times.values()]
        places = [position + shift for position in range(len(times))]
        bars = axes.barh(places, seconds, BAR, label=label, color=colour)
        axes.bar_label(bars, [duration(value) for value in seconds], padding=3)
    axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.set_yticks(range(len(times)), times)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("time (s)")
    axes.set_title(f"From the folder to the results: {files}")
    figure.legend(loc="outside lower center", ncols=len(sides))
    return figure


if __name__ == "__main__":
    main()
