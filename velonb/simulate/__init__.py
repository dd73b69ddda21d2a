"""A scan folder like the detector's, from known truth for every pixel.

`truth` draws what a chip is like and what goes wrong in its run; `sensor` has photons where the
others have curves. `simulation` puts a scan together, `writing` counts and writes the files, and
`demo` keeps the scan that the notebooks start from.
"""

from velonb.simulate.demo import demo_scan, find_data
from velonb.simulate.simulation import simulate_scan

__all__ = ["demo_scan", "find_data", "simulate_scan"]
