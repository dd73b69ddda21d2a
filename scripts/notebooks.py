"""Execute the stored notebooks and clean them, so that doing it twice gives the same bytes.

python scripts/notebooks.py             execute and clean all of notebooks/
python scripts/notebooks.py 01_load     only those whose names begin so
python scripts/notebooks.py --check     only say which are not clean; exit code 1 if any
"""

from __future__ import annotations

import argparse
import copy
import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from velonb.report.kernels import NAME, own_kernel
from velonb.report.notebooks import clean, read_notebook
from velonb.system.files import written_whole

FOLDER = Path(__file__).parent.parent / "notebooks"
CELL_TIMEOUT = 120  # s


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", default=[""], help="beginnings of names")
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the notebooks are")
    options = parser.parse_args()
    paths = [
        path
        for path in sorted(options.folder.glob("*.ipynb"))
        if path.name.startswith(tuple(options.names))
    ]
    if not paths:
        parser.error(f"no notebook in {options.folder} begins with {' or '.join(options.names)}")
    if options.check:
        unclean = [path for path in paths if not is_clean(path)]
        for path in unclean:
            print(f"{path} is not clean: run make notebooks", file=sys.stderr)
        return 1 if unclean else 0
    os.environ.pop("VELONB_DATA", None)  # stored outputs are those of the demo scan
    for path in paths:
        print(path.name, flush=True)
        execute(path)
    return 0


def is_clean(path: Path) -> bool:
    notebook = read_notebook(path)
    return clean(copy.deepcopy(notebook)) == notebook


def execute(path: Path) -> None:
    notebook = read_notebook(path)
    NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name=NAME,
        kernel_manager_class=own_kernel({}),
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    with written_whole(path) as temporary:
        nbformat.write(clean(notebook), temporary)


if __name__ == "__main__":
    sys.exit(main())
