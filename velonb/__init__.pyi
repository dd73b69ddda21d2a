"""What velonb gives, and in which room it lies: read by type checkers, and at run time."""

from .curves import (
    ThresholdModel as ThresholdModel,
)
from .curves import (
    threshold_curve as threshold_curve,
)
from .explorer import (
    Explorer as Explorer,
)
from .explorer import (
    explore as explore,
)
from .fit import (
    average_pixel as average_pixel,
)
from .fit import (
    discoveries as discoveries,
)
from .fit import (
    fit_asic as fit_asic,
)
from .fit import (
    fit_ladder as fit_ladder,
)
from .fit import (
    fit_p_value as fit_p_value,
)
from .fit import (
    fit_pixel as fit_pixel,
)
from .fit import (
    fit_pixels as fit_pixels,
)
from .fit import (
    profile_errors as profile_errors,
)
from .fit import (
    profile_pixels as profile_pixels,
)
from .fit import (
    what_pixels_need as what_pixels_need,
)
from .flux import (
    compute_flux as compute_flux,
)
from .flux import (
    mask_noisy as mask_noisy,
)
from .flux import (
    noisy_pixels as noisy_pixels,
)
from .interpret import (
    average_curve as average_curve,
)
from .interpret import (
    compare_spreads as compare_spreads,
)
from .interpret import (
    find_patterns as find_patterns,
)
from .interpret import (
    profile_along as profile_along,
)
from .plots import (
    plot_acquisitions as plot_acquisitions,
)
from .plots import (
    plot_asic_fit as plot_asic_fit,
)
from .plots import (
    plot_fit_types as plot_fit_types,
)
from .plots import (
    plot_heatmap as plot_heatmap,
)
from .plots import (
    plot_hits as plot_hits,
)
from .plots import (
    plot_map as plot_map,
)
from .plots import (
    plot_needs as plot_needs,
)
from .plots import (
    plot_p_values as plot_p_values,
)
from .plots import (
    plot_parameter as plot_parameter,
)
from .plots import (
    plot_pattern as plot_pattern,
)
from .plots import (
    plot_pixel_scan as plot_pixel_scan,
)
from .plots import (
    plot_pulls as plot_pulls,
)
from .results import (
    export_csv as export_csv,
)
from .results import (
    load_netcdf as load_netcdf,
)
from .results import (
    save_netcdf as save_netcdf,
)
from .scan import (
    ScanError as ScanError,
)
from .scan import (
    audit as audit,
)
from .scan import (
    load_scan as load_scan,
)
from .scan import (
    read_acquisition as read_acquisition,
)
from .scan import (
    read_baseline as read_baseline,
)
from .simulate import (
    demo_scan as demo_scan,
)
from .simulate import (
    find_data as find_data,
)
from .simulate import (
    simulate_scan as simulate_scan,
)
from .statistics import (
    intrinsic_spread as intrinsic_spread,
)
from .statistics import (
    weighted_mean as weighted_mean,
)
from .text import (
    doubts as doubts,
)
from .text import (
    format_number as format_number,
)
from .text import (
    round_to_error as round_to_error,
)
from .text import (
    value_and_error as value_and_error,
)
from .vocabulary import (
    describe_fits as describe_fits,
)
from .vocabulary import (
    good as good,
)

__version__: str
