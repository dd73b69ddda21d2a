"""velonb: from a threshold scan of a VeloPix chip to calibrated pixels."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from velonb._reader import ScanError, read_acquisition
    from velonb.explorer import Explorer, explore
    from velonb.export import export_csv, load_netcdf, save_netcdf
    from velonb.fit import average_pixel, fit_asic, fit_p_value, fit_pixel, fit_pixels
    from velonb.flux import compute_flux, mask_noisy, noisy_pixels
    from velonb.heterogeneity import average_curve, compare_spreads, find_patterns, profile_along
    from velonb.ladder import discoveries, fit_ladder, what_pixels_need
    from velonb.models import ThresholdModel, threshold_curve
    from velonb.plots import (
        plot_acquisitions,
        plot_asic_fit,
        plot_fit_types,
        plot_heatmap,
        plot_hits,
        plot_map,
        plot_needs,
        plot_p_values,
        plot_parameter,
        plot_pattern,
        plot_pixel_scan,
        plot_pulls,
    )
    from velonb.profile import profile_errors
    from velonb.scan import audit, load_scan, read_baseline
    from velonb.simulate import demo_scan, find_data, simulate_scan
    from velonb.statistics import intrinsic_spread, round_to_error, weighted_mean
    from velonb.vocabulary import good

__version__ = version("velonb")

# Names are looked up on first use: `import velonb` stays fast, however much
# the rooms behind it import.
_ROOM_OF = {
    "Explorer": "explorer",
    "ScanError": "_reader",
    "ThresholdModel": "models",
    "audit": "scan",
    "average_curve": "heterogeneity",
    "average_pixel": "fit",
    "compare_spreads": "heterogeneity",
    "compute_flux": "flux",
    "demo_scan": "simulate",
    "discoveries": "ladder",
    "explore": "explorer",
    "export_csv": "export",
    "find_data": "simulate",
    "find_patterns": "heterogeneity",
    "fit_asic": "fit",
    "fit_ladder": "ladder",
    "fit_p_value": "fit",
    "fit_pixel": "fit",
    "fit_pixels": "fit",
    "good": "vocabulary",
    "intrinsic_spread": "statistics",
    "load_netcdf": "export",
    "load_scan": "scan",
    "mask_noisy": "flux",
    "noisy_pixels": "flux",
    "plot_acquisitions": "plots",
    "plot_asic_fit": "plots",
    "plot_fit_types": "plots",
    "plot_heatmap": "plots",
    "plot_hits": "plots",
    "plot_map": "plots",
    "plot_needs": "plots",
    "plot_p_values": "plots",
    "plot_parameter": "plots",
    "plot_pattern": "plots",
    "plot_pixel_scan": "plots",
    "plot_pulls": "plots",
    "profile_along": "heterogeneity",
    "profile_errors": "profile",
    "read_acquisition": "_reader",
    "read_baseline": "scan",
    "round_to_error": "statistics",
    "save_netcdf": "export",
    "simulate_scan": "simulate",
    "threshold_curve": "models",
    "weighted_mean": "statistics",
    "what_pixels_need": "ladder",
}

__all__ = [
    "Explorer",
    "ScanError",
    "ThresholdModel",
    "audit",
    "average_curve",
    "average_pixel",
    "compare_spreads",
    "compute_flux",
    "demo_scan",
    "discoveries",
    "explore",
    "export_csv",
    "find_data",
    "find_patterns",
    "fit_asic",
    "fit_ladder",
    "fit_p_value",
    "fit_pixel",
    "fit_pixels",
    "good",
    "intrinsic_spread",
    "load_netcdf",
    "load_scan",
    "mask_noisy",
    "noisy_pixels",
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
    "profile_along",
    "profile_errors",
    "read_acquisition",
    "read_baseline",
    "round_to_error",
    "save_netcdf",
    "simulate_scan",
    "threshold_curve",
    "weighted_mean",
    "what_pixels_need",
]


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'velonb' has no attribute {name!r}")
    return getattr(import_module(f"velonb.{_ROOM_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
