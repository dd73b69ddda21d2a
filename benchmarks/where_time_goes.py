"""Where the time goes from the folder to the results: draws docs/where_time_goes.png."""

from __future__ import annotations

from pathlib import Path

from benchmarks.pipeline import Stages, measure
from benchmarks.table import duration
from velonb.plots.style import StyledFigure, new_figure, styled
from velonb.system.files import written_whole

PICTURE = Path(__file__).parent.parent / "docs" / "where_time_goes.png"
BAR = 0.36
PLAIN_COLOUR, OUR_COLOUR = "#999999", "#0072B2"


def main(quick: bool = False) -> None:
    with written_whole(PICTURE) as temporary:
        # Without the version of matplotlib, the same picture is the same bytes.
        draw(measure(quick)).savefig(temporary, dpi=110, metadata={"Software": None})
    print(f"Drawn: {PICTURE}")


@styled
def draw(stages: Stages) -> StyledFigure:
    """Bars of both sides for every stage, on a logarithmic scale."""
    figure = new_figure(7.5, 4.2)
    axes = figure.subplots()
    sides = {
        "plain Python: loadtxt, curve_fit, savetxt": (stages.plain, -BAR / 2, PLAIN_COLOUR),
        "velonb": (stages.ours, BAR / 2, OUR_COLOUR),
    }
    names = [*stages.ours, "all"]
    for label, (times, shift, colour) in sides.items():
        seconds = [*(times[name] for name in stages.ours), sum(times.values())]
        places = [position + shift for position in range(len(names))]
        bars = axes.barh(places, seconds, BAR, label=label, color=colour)
        axes.bar_label(bars, [duration(value) for value in seconds], padding=3)
    axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("time (s)")
    axes.set_title(f"From the folder to the results: {stages.files}")
    figure.legend(loc="outside lower center", ncols=len(sides))
    return figure
