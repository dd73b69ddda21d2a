"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path that becomes `path` only if the block succeeds.

    Parameters
    ----------
    path : path-like
        The file to write. Folders above it are made where needed.

    Yields
    ------
    pathlib.Path
        A name in the same folder, with the same ending, to write to. After the
        block it replaces `path`; after an error it is removed and `path` is
        what it was.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with written_whole(Path(folder) / "map.csv") as temporary:
    ...         _ = temporary.write_text("1,2")
    ...     (Path(folder) / "map.csv").read_text()
    '1,2'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The ending stays last: matplotlib and others choose the format by it.
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.part{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
