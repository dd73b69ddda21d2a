"""Figures: every function takes data and returns a matplotlib Figure that shows itself.

`painter` gives every cell of a map its colour and `cells` every cell the same size; `curve_parts`
draws scans and fits. The explorer shows maps and curves with the same pieces. Numbers and words
are in `facts`, colours in `style`.
"""

from velonb.plots.budget import plot_baseline, plot_budget
from velonb.plots.curves import plot_asic_fit, plot_pixel_scan
from velonb.plots.decisions import plot_change, plot_classes, plot_trims
from velonb.plots.distributions import (
    plot_acquisitions,
    plot_p_values,
    plot_pattern,
    plot_pulls,
)
from velonb.plots.maps import (
    plot_fit_types,
    plot_heatmap,
    plot_hits,
    plot_map,
    plot_needs,
    plot_parameter,
)

__all__ = [
    "plot_acquisitions",
    "plot_asic_fit",
    "plot_baseline",
    "plot_budget",
    "plot_change",
    "plot_classes",
    "plot_fit_types",
    "plot_heatmap",
    "plot_hits",
    "plot_map",
    "plot_needs",
    "plot_p_values",
    "plot_parameter",
    "plot_pattern",
    "plot_pixel_scan",
    "plot_pulls",
    "plot_trims",
]
