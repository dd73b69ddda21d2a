"""Draw the pictures of README.md from the demo scan, into docs/."""

from __future__ import annotations

from pathlib import Path

import velonb as vb
from velonb.plots.style import StyledFigure
from velonb.system.files import written_whole

DOCS = Path(__file__).parent.parent / "docs"
PIXEL = (120, 100)


def main() -> None:
    scan = vb.load_scan(vb.demo_scan(), progress=False)
    flux = vb.mask_noisy(vb.compute_flux(scan))
    asic = vb.fit_asic(flux)
    fits = vb.fit_pixels(flux, asic, progress=False)
    narrow = vb.fit_pixels(flux, asic, free=("A", "E0"), progress=False)
    save(vb.plot_pixel_scan(flux, fits, asic, pixels=PIXEL), "pixel.png")
    save(vb.plot_heatmap(narrow, "E0", fit="A+E0"), "map.png")
    save(vb.plot_fit_types(fits), "fit_types.png")


def save(figure: StyledFigure, name: str) -> None:
    """Save a figure as a notebook shows it: of few colours, and the same bytes every time."""
    with written_whole(DOCS / name) as temporary:
        temporary.write_bytes(figure._repr_png_())
    print(DOCS / name)


if __name__ == "__main__":
    main()
