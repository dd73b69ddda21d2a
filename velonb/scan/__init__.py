"""From a folder to hits: what the detector wrote, read, judged and summed.

`names` knows how files are called and `runs` sorts them into scans; `reader`, with its compiled
`parser`, checks every byte of a file; `chip_files` reads mask and maps, and `baselines` finds the
best baseline in them; `acquisitions` sums the good ones of each threshold; `load` puts it all into
one labelled dataset, which `auditing` tells in a table; `counts` checks that they are Poisson.
`noise_scan` reads scans without a source, `noise_peak` finds their peaks, `trim_response` reads
where the noise of a pixel lies at each trim. `handover` gives the notebooks of a run the scan that
it has loaded.
"""

from velonb.scan.auditing import audit
from velonb.scan.chip_files import read_baseline
from velonb.scan.counts import check_counts
from velonb.scan.load import load_scan
from velonb.scan.noise_scan import load_noise_scan
from velonb.scan.reader import ScanError, read_acquisition
from velonb.scan.trim_response import load_trim_response

__all__ = [
    "ScanError",
    "audit",
    "check_counts",
    "load_noise_scan",
    "load_scan",
    "load_trim_response",
    "read_acquisition",
    "read_baseline",
]
