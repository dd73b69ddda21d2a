"""Figures: every function takes data and returns a matplotlib Figure that shows itself.

The pieces they are made of, which the explorer moves instead of drawing anew, are in `curve_parts`
and `map_parts`; the numbers and texts of one pixel are in `pixel`.
"""

from velonb.plots.class_maps import plot_acquisitions, plot_fit_types, plot_needs
from velonb.plots.curves import plot_asic_fit, plot_pixel_scan
from velonb.plots.distributions import plot_p_values, plot_pattern, plot_pulls
from velonb.plots.maps import plot_heatmap, plot_hits, plot_map, plot_parameter

__all__ = [
    "plot_acquisitions",
    "plot_asic_fit",
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
]
