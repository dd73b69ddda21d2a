"""From flux to parameters: the ASIC, one pixel, every pixel.

`asic` and `pixel` fit one curve with lmfit, to be read and checked. `pixels` fits the whole chip
with the compiled minimiser of `engine` (`free` names the fits, `problem` describes them, `batch`
runs them in threads, `maps` labels the outcome). `typical` finds from the `pulls` of single pixels
what all have in common, and `ladder` frees one parameter after the other to say what each pixel
needs; `profile` gives errors where the likelihood is skew.
"""

from velonb.fit.asic import average_pixel, fit_asic
from velonb.fit.ladder import discoveries, fit_ladder, what_pixels_need
from velonb.fit.pixel import fit_p_value, fit_pixel
from velonb.fit.pixels import fit_pixels
from velonb.fit.profile import profile_errors, profile_pixels
from velonb.fit.typical import fit_typical

__all__ = [
    "average_pixel",
    "discoveries",
    "fit_asic",
    "fit_ladder",
    "fit_p_value",
    "fit_pixel",
    "fit_pixels",
    "fit_typical",
    "profile_errors",
    "profile_pixels",
    "what_pixels_need",
]
