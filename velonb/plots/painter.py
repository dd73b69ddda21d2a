"""The one painter of maps: a colour for every cell, from its value or from why it has none.

A cell is a pixel of the chip, or an acquisition at a threshold.
"""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize, to_rgba_array
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray

from velonb.plots.facts import axis_label
from velonb.plots.style import CLASS_COLOURS, REASON_COLOURS
from velonb.vocabulary import BAD, CUT, SIGMA_PERCENTILES, classes_of, good

REASONS = ("value", *REASON_COLOURS)
"""Why a cell has no colour of the scale; the codes of `reasons` are positions here."""
_PALETTE = np.rint(255 * to_rgba_array(["none", *REASON_COLOURS.values()])[:, :3]).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class CellMap:
    """A number or a class for each cell, why there is none, and how to paint it."""

    values: xr.DataArray
    """In two dimensions, with name, units and, of classes, flags."""
    reasons: NDArray[np.int8]
    """0 where the cell has a value, else a position in `REASONS`."""
    good: NDArray[np.bool_] | None = None
    """The cells that the scale of colours should show well; all by default."""

    @property
    def label(self) -> str:
        """Name and unit."""
        return axis_label(str(self.values.name), self.values.attrs.get("units"))

    @property
    def known(self) -> NDArray[np.float64]:
        """The values of all cells that have one, in one dimension."""
        return np.asarray(self.values.values[self.reasons == 0], dtype=float)

    @property
    def classes(self) -> dict[int, str]:
        """Name of each class, by rising code; empty where values are numbers."""
        coded = "flag_values" in self.values.attrs
        return dict(sorted(classes_of(self.values).items())) if coded else {}

    def limits(self, percentiles: tuple[float, float]) -> tuple[float, float]:
        """Return limits of colour between percentiles of the bulk of good cells.

        A fit that ended on the edge of the physical region says nothing about the spread of the
        chip, nor does the long tail of f towards that edge: the bulk are good cells at most four
        68 % half widths from the median; all cells where none is good.
        """
        if self.good is None or not (self.good & (self.reasons == 0)).any():
            return colour_limits(self.known, percentiles)
        kept = self.values.values[self.good & (self.reasons == 0)].astype(float)
        low, median, high = np.percentile(kept, SIGMA_PERCENTILES)
        core = (kept >= median - 4 * (median - low)) & (kept <= median + 4 * (high - median))
        return colour_limits(kept[core], percentiles)

    def scale(
        self, percentiles: tuple[float, float] = (1.0, 99.0), cmap: str = "viridis"
    ) -> ScalarMappable:
        """Return what turns values into colours, between `limits`; colour bars are made of it."""
        if not self.classes:
            return ScalarMappable(Normalize(*self.limits(percentiles)), mpl.colormaps[cmap])
        edges = np.array([*self.classes, max(self.classes) + 1]) - 0.5
        colours = ListedColormap([CLASS_COLOURS[name] for name in self.classes.values()])
        return ScalarMappable(BoundaryNorm(edges, colours.N), colours)

    def paint(
        self, scale: ScalarMappable, visible: NDArray[np.bool_] | None = None
    ) -> NDArray[np.uint8]:
        """Return the colours of all cells, (row, column, 3); those not visible fade to one."""
        colours = scale.to_rgba(self.values.values, bytes=True)[..., :3]
        reasons = self.reasons
        if visible is not None:
            reasons = np.where(visible, reasons, REASONS.index("not shown"))
        return np.where(reasons[..., np.newaxis] == 0, colours, _PALETTE[reasons])

    def shares(self) -> dict[int, str]:
        """Return each class with its count and its share of all cells, the last code first."""
        counts = {code: int((self.known == code).sum()) for code in reversed(self.classes)}
        return {
            code: f"{self.classes[code]} {count:,} ({100 * count / self.values.size:.1f} %)"
            for code, count in counts.items()
        }

    def handles(self) -> list[Patch]:
        """Return a legend: classes with counts and shares, and the reasons that occur."""
        shares = self.shares()
        handles = [patch(CLASS_COLOURS[self.classes[code]], shares[code]) for code in shares]
        for code, (name, colour) in enumerate(REASON_COLOURS.items(), start=1):
            if count := int((self.reasons == code).sum()):
                handles.append(patch(colour, f"{name} {count:,}"))
        return handles


def patch(colour: str, label: str) -> Patch:
    """Return the entry of a colour in a legend."""
    return Patch(fc=colour, ec="black", lw=0.5, label=label)


def cell_map(
    values: xr.DataArray,
    *,
    fit_type: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    dead: ArrayLike | None = None,
    good: ArrayLike | None = None,
) -> CellMap:
    """Return a map of values, of which masked and dead pixels have none."""
    missing = ~np.isfinite(values.values.astype(float))
    reasons = np.where(missing, np.int8(REASONS.index("not found")), np.int8(0))
    if fit_type is not None:
        reasons[missing & (np.asarray(fit_type) == CUT)] = REASONS.index("cut")
        # Neyman's chi-square has no value where a threshold between others has no hits.
        reasons[missing & (np.asarray(fit_type) == BAD)] = REASONS.index("undefined")
    for name, marks in (("masked", mask), ("dead", dead)):
        if marks is not None:
            reasons[np.asarray(marks, dtype=bool)] = REASONS.index(name)
    return CellMap(values, reasons, None if good is None else np.asarray(good))


def colour_limits(
    values: ArrayLike, percentiles: tuple[float, float] = (1.0, 99.0)
) -> tuple[float, float]:
    """Return limits of colour that a few outlying values cannot rule.

    They are always apart, and (0, 1) where no value is finite.
    """
    low, high = percentiles
    if not 0 <= low < high <= 100:
        raise ValueError(f"percentiles is {percentiles}; it must be 0 <= low < high <= 100")
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return 0.0, 1.0
    # Of counts that are nearly all the same the percentiles coincide: go further out.
    for closer in (1, 0.1, 0):
        bottom, top = np.percentile(finite, (low * closer, 100 - (100 - high) * closer))
        if bottom < top:
            return float(bottom), float(top)
    margin = 0.005 * abs(float(bottom)) or 0.5
    return float(bottom) - margin, float(bottom) + margin


def fitted_map(
    fits: xr.Dataset, name: str, fit: str = "free", **marks: ArrayLike | None
) -> CellMap:
    """Return the map of a variable of the fits; `mask` and `dead` mark pixels without a value."""
    trusted = good(fits, fit).values
    chosen = fits.sel(fit=fit).transpose(..., "row", "column")
    return cell_map(chosen[name], fit_type=chosen["fit_type"].values, good=trusted, **marks)


def hits_map(scan: xr.Dataset, threshold: int | None, dead: ArrayLike | None = None) -> CellMap:
    """Return the map of the hits at a threshold (DAC)."""
    thresholds = scan["threshold"].values
    if threshold not in thresholds:
        raise ValueError(
            f"threshold is {threshold}; the scan has {', '.join(map(str, thresholds))} (DAC)"
        )
    hits = scan["hits"].sel(threshold=threshold).transpose("row", "column")
    hits = hits.rename("Hits").assign_attrs(units="1")
    return cell_map(hits, mask=scan["mask"].values, dead=dead)
