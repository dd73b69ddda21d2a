"""What velonb gives, and in which room it lies: read by type checkers, and at run time."""

from .chip import (
    Chip as Chip,
)
from .curves import (
    Clouds as Clouds,
    ThresholdModel as ThresholdModel,
    average_curve as average_curve,
    threshold_curve as threshold_curve,
)
from .explorer import (
    Explorer as Explorer,
    explore as explore,
)
from .fit import (
    average_pixel as average_pixel,
    discoveries as discoveries,
    fit_asic as fit_asic,
    fit_ladder as fit_ladder,
    fit_p_value as fit_p_value,
    fit_pixel as fit_pixel,
    fit_pixels as fit_pixels,
    fit_typical as fit_typical,
    profile_errors as profile_errors,
    profile_pixels as profile_pixels,
    what_pixels_need as what_pixels_need,
)
from .flux import (
    compute_flux as compute_flux,
    mask_noisy as mask_noisy,
    noisy_pixels as noisy_pixels,
)
from .interpret import (
    accept_chip as accept_chip,
    calibrate as calibrate,
    check_common as check_common,
    classify_pixels as classify_pixels,
    compare_runs as compare_runs,
    compare_spreads as compare_spreads,
    correct_common as correct_common,
    equalise as equalise,
    explain_spread as explain_spread,
    find_patterns as find_patterns,
    list_pixels as list_pixels,
    plan_scan as plan_scan,
    population as population,
    profile_along as profile_along,
    read_cuts as read_cuts,
    residual_map as residual_map,
    split_halves as split_halves,
    to_electrons as to_electrons,
    to_threshold as to_threshold,
    trim_change as trim_change,
    verdict as verdict,
)
from .plots import (
    plot_acquisitions as plot_acquisitions,
    plot_asic_fit as plot_asic_fit,
    plot_baseline as plot_baseline,
    plot_budget as plot_budget,
    plot_change as plot_change,
    plot_classes as plot_classes,
    plot_fit_types as plot_fit_types,
    plot_heatmap as plot_heatmap,
    plot_hits as plot_hits,
    plot_map as plot_map,
    plot_needs as plot_needs,
    plot_p_values as plot_p_values,
    plot_parameter as plot_parameter,
    plot_pattern as plot_pattern,
    plot_pixel_scan as plot_pixel_scan,
    plot_pulls as plot_pulls,
    plot_trims as plot_trims,
)
from .preparation import warm as warm
from .results import (
    export_csv as export_csv,
    export_settings as export_settings,
    load_netcdf as load_netcdf,
    save_netcdf as save_netcdf,
)
from .scan import (
    ScanError as ScanError,
    audit as audit,
    check_counts as check_counts,
    load_noise_scan as load_noise_scan,
    load_scan as load_scan,
    load_trim_response as load_trim_response,
    read_acquisition as read_acquisition,
    read_baseline as read_baseline,
)
from .simulate import (
    demo_scan as demo_scan,
    find_data as find_data,
    simulate_scan as simulate_scan,
)
from .statistics import (
    described_share as described_share,
    intrinsic_spread as intrinsic_spread,
    weighted_mean as weighted_mean,
)
from .text import (
    doubts as doubts,
    format_number as format_number,
    round_to_error as round_to_error,
    value_and_error as value_and_error,
)
from .vocabulary import (
    describe_fits as describe_fits,
    good as good,
)

__version__: str
