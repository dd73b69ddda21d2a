"""From a folder to hits: what the detector wrote, read, judged and summed.

`names` knows how files are called and `runs` sorts them into scans; `reader`, with its compiled
`parser`, checks every byte of a file; `chip_files` reads mask and baseline; `acquisitions` sums the
good ones of each threshold; `load` puts it all into one labelled dataset, which `auditing` tells in
a table. `handover` gives the notebooks of a run the scan that the run has loaded.
"""

from velonb.scan.auditing import audit
from velonb.scan.chip_files import read_baseline
from velonb.scan.load import load_scan
from velonb.scan.reader import ScanError, read_acquisition

__all__ = ["ScanError", "audit", "load_scan", "read_acquisition", "read_baseline"]
