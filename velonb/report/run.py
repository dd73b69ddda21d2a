"""The whole analysis of a folder: results as files, the notebooks executed, pages to read."""

from __future__ import annotations

import base64
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError
from nbformat import NotebookNode
from tqdm import tqdm

from velonb import (
    calibrate,
    check_counts,
    compute_flux,
    export_csv,
    fit_asic,
    fit_ladder,
    load_scan,
    mask_noisy,
    save_netcdf,
)
from velonb.interpret import answers
from velonb.report.kernels import NAME, own_kernel
from velonb.report.notebooks import (
    analysis_notebooks,
    clean,
    figures,
    read_notebook,
    title_and_summary,
)
from velonb.report.pages import Entry, index_page, notebook_page
from velonb.results.output import locked, refuse_others, stamp
from velonb.scan.handover import handing_over
from velonb.scan.names import run_of
from velonb.system.files import written_whole

if TYPE_CHECKING:
    import xarray as xr

CELL_TIMEOUT = 600  # s; a cell that takes longer hangs
STEPS = 4  # before the notebooks: load, ASIC, pixels, save

FILES = {
    "scan.nc": "hits, exposure, mask and the audit of every acquisition (netCDF)",
    "flux.nc": "flux and its error, per pixel and of the ASIC (netCDF)",
    "fits.nc": "parameters, errors, p-values and fit types of every pixel (netCDF)",
    "csv/": "flux, fit parameters and fit types as CSV matrices, in a folder for the chip",
    "figures/": "every figure of the pages (PNG)",
    "notebooks/": "the notebooks as they were executed",
}


class NotebookFailed(Exception):
    """A notebook stopped at a cell; the text says which one, and why."""


def run_analysis(
    data: Path, out: Path, *, run: str | None, notebooks: Path, **loading: Any
) -> None:
    """Analyse a folder of acquisitions and write all results.

    Parameters
    ----------
    data : pathlib.Path
        The folder of acquisitions.
    out : pathlib.Path
        Where the results go; made if absent.
    run : str or None
        Which run, where the folder holds several.
    notebooks : pathlib.Path
        Folder of the notebooks to execute: those named with a number, in its order. What
        they load is the scan that was loaded here.
    **loading : Any
        Further options of `load_scan`.

    Raises
    ------
    ValueError, OSError
        If the folder cannot be analysed, or `out` cannot be written, is in use or holds
        the results of another run; nothing is written then.
    NotebookFailed
        If a notebook stops; what was finished before stays.
    """
    paths = analysis_notebooks(notebooks)
    if not paths:
        raise FileNotFoundError(f"{notebooks} holds no notebooks named like 01_load.ipynb")
    to_execute = {path: read_notebook(path) for path in paths}
    # papermill adds a cell with the parameters to each notebook.
    cells = sum(len(notebook.cells) + 1 for notebook in to_execute.values())
    settings = {
        "parameters": {"DATA": str(data)} | ({"RUN": run} if run else {}),
        "kernel_manager_class": own_kernel(handing_over(data, out / "scan.nc")),
    }
    entries: list[Entry] = []
    layout = "{desc:<28} {percentage:3.0f} % |{bar:30}| {elapsed}"
    # A run that stops takes its bar off the screen: what is left there is the reason.
    with locked(out), tqdm(total=STEPS + cells, bar_format=layout, leave=False) as bar:
        title, facts = save_results(data, out, run, bar, **loading)
        for path, notebook in to_execute.items():
            bar.set_description(path.stem)
            entries.append(execute(path, notebook, out, settings, bar))
            _write(out / "index.html", index_page(title, facts, entries, FILES))
        bar.set_description("done")
        bar.leave = True


def save_results(
    data: Path, out: Path, run: str | None, bar: tqdm[Any], **loading: Any
) -> tuple[str, dict[str, str]]:
    """Load, fit and save; the title and the facts for the index page."""
    bar.set_description("loading the acquisitions")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        scan = load_scan(data, run=run, progress=False, **loading)
    for warning in caught:
        bar.write(f"velonb: {warning.message}", file=sys.stderr)
    notes = [str(warning.message) for warning in caught if warning.category is UserWarning]
    scan.attrs["warnings"] = "\n".join(notes)
    chosen = run_of(scan.attrs, "scan")
    refuse_others(out, chosen._asdict())
    flux = mask_noisy(compute_flux(scan))
    bar.update()
    bar.set_description("fitting the ASIC")
    asic = fit_asic(flux)
    bar.update()
    bar.set_description("fitting every pixel")
    fits = fit_ladder(flux, asic, progress=False)
    bar.update()
    bar.set_description("saving the results")
    stamp(out, chosen._asdict(), input_digest=scan.input_digest)
    for name, dataset in {"scan": scan, "flux": flux, "fits": fits}.items():
        save_netcdf(out / f"{name}.nc", dataset)
    export_csv(out / "csv" / chosen.chip, flux=flux, fits=fits)
    bar.update()
    facts = _facts(flux, fits) | _verdict(scan, flux, fits)
    facts |= {"Folder": str(data), "Warnings": "; ".join(notes) or "none"}
    return f"{scan.attrs['module']} {scan.attrs['asic']}: threshold scan", facts


def _facts(flux: xr.Dataset, fits: xr.Dataset) -> dict[str, str]:
    """What was measured and found, for the top of the index page."""
    thresholds = flux.threshold.values
    exposed = flux.exposure.values[flux.exposure.values > 0]
    facts = {
        "Shutter time": flux.shutter,
        "Thresholds": f"{thresholds[0]} to {thresholds[-1]} DAC, {exposed.size} with exposure",
        "Exposure": f"{exposed.min():.4g} to {exposed.max():.4g} s a threshold",
        "Active pixels": f"{flux.active_pixels:,}, without {flux.noisy_pixels} noisy ones",
    }
    meanings = dict(
        zip(fits.fit_type.flag_values, fits.fit_type.flag_meanings.split(), strict=True)
    )
    for fit in fits.fit.values:
        types = fits.fit_type.sel(fit=fit).values
        facts[f"Fit type, {fit} fit"] = ", ".join(
            f"{meaning.replace('_', ' ')} {100 * (types == value).mean():.2f} %"
            for value, meaning in reversed(meanings.items())
        )
    return facts


def _verdict(scan: xr.Dataset, flux: xr.Dataset, fits: xr.Dataset) -> dict[str, str]:
    """Whether the counts can be trusted, and what the fits say of the pixels."""
    chip = calibrate(fits) if "baseline" in fits else None
    return {"Counts": check_counts(scan).attrs["verdict"]} | answers(flux, fits, chip)


def execute(
    path: Path, notebook: NotebookNode, out: Path, settings: dict[str, Any], bar: tqdm[Any]
) -> Entry:
    """Execute one notebook; write it, its figures and its page; the entry for the index."""
    begun: list[int] = []

    def on_cell_start(cell_index: int, **_: Any) -> None:
        begun.append(cell_index)
        bar.update()

    with TemporaryDirectory() as scratch:
        executed = Path(scratch) / path.name
        try:
            papermill.execute_notebook(
                notebook,
                executed,
                **settings,
                kernel_name=NAME,
                language="python",
                progress_bar=False,
                cwd=out,
                execution_timeout=CELL_TIMEOUT,
                on_cell_start=on_cell_start,
                # A kernel that is stopped would else print its own traceback.
                extra_arguments=["--log-level=CRITICAL"],
            )
        except papermill.PapermillExecutionError as error:
            kept = out / "notebooks" / f"{path.stem}.failed.ipynb"
            _write(kept, executed.read_text("utf-8"))
            raise NotebookFailed(
                f"{path.name} stopped at cell [{error.exec_count}]: {error.ename}: {error.evalue}\n"
                f"The notebook up to there: {kept}"
            ) from error
        except (CellTimeoutError, RuntimeError) as error:  # as where its kernel dies
            where = f"stopped at cell number {begun[-1] + 1}" if begun else "did not start"
            raise NotebookFailed(f"{path.name} {where}: {error}") from error
        return _publish(executed, out)


def _publish(executed: Path, out: Path) -> Entry:
    """Write an executed notebook, its figures and its page under the results."""
    notebook = clean(nbformat.read(executed, as_version=4))
    stem = executed.stem
    (out / "notebooks" / f"{stem}.failed.ipynb").unlink(missing_ok=True)
    _write(out / "notebooks" / executed.name, nbformat.writes(notebook))
    for old in (out / "figures").glob(f"{stem}_*.png"):
        old.unlink()
    names = []
    for number, figure in enumerate(figures(notebook), start=1):
        names.append(f"figures/{stem}_{number}.png")
        with written_whole(out / names[-1]) as temporary:
            temporary.write_bytes(base64.b64decode(figure))
    title, summary = title_and_summary(notebook, default=stem)
    _write(out / f"{stem}.html", notebook_page(notebook, title))
    return Entry(f"{stem}.html", title, summary, names[-1] if names else None)


def _write(path: Path, text: str) -> None:
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
