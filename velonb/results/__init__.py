"""Results as files: CSV under the established names, netCDF with provenance.

`csv` writes what earlier analyses expect, `settings` the trims and the mask that a detector reads,
netCDF keeps everything with its units and its origin, and `output` sees to it that a folder of
results is one chip's, and one run's at a time.
"""

from velonb.results.csv import export_csv
from velonb.results.settings import export_settings
from velonb.system.netcdf import load_netcdf, save_netcdf

__all__ = ["export_csv", "export_settings", "load_netcdf", "save_netcdf"]
