"""What is compiled ahead is what a user needs, for every shape and statistic."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from toys import draw_flux

import velonb as vb
from velonb.preparation import STATISTICS

FIT = """
import sys
from numba.core import event
compiled = []
class Listener(event.Listener):
    def on_start(self, e): compiled.append(str(e.data["dispatcher"]))
    def on_end(self, e): pass
event.register("numba:compile", Listener())
import velonb as vb
flux = vb.load_netcdf(sys.argv[1])
asic = vb.fit_asic(flux, shape=sys.argv[2], baseline=1430.0)
vb.fit_pixels(flux, asic, statistic=sys.argv[3], progress=False)
print(compiled)
"""


@pytest.mark.slow
def test_warm_leaves_nothing_to_compile_for_the_first_fit(tmp_path: Path) -> None:
    # In a process of its own: other tests add shapes to this one.
    subprocess.run([sys.executable, "-m", "velonb", "warm"], capture_output=True, check=True)
    flux = draw_flux((4, 4)).drop_vars("baseline", errors="ignore")
    vb.save_netcdf(tmp_path / "flux.nc", flux)
    for shape in ("velo", "consistent", "fe55"):
        command = [sys.executable, "-c", FIT, str(tmp_path / "flux.nc"), shape, STATISTICS[0]]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert told.splitlines()[-1] == "[]"
