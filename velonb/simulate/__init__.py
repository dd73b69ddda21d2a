"""A scan folder like the detector's, from known truth for every pixel.

`truth` draws what a chip is like and what goes wrong in its run, `simulation` counts and writes the
files, and `demo` keeps the scan that the notebooks start from.
"""

from velonb.simulate.simulation import demo_scan, find_data, simulate_scan

__all__ = ["demo_scan", "find_data", "simulate_scan"]
