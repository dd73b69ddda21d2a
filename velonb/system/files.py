"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from velonb.system.locks import lock

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No space, no quota, or a larger file than allowed; the system does not name the file."""


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path that becomes `path` only if the block succeeds.

    What killed processes left of the same file is removed first.

    Parameters
    ----------
    path : path-like
        The file to write. Folders above it are made where needed.

    Yields
    ------
    pathlib.Path
        An empty file in the same folder, with the same ending, to write to. After the
        block it replaces `path`; after an error it is removed and `path` is what it was.

    Raises
    ------
    OSError
        If the disk is full or the file cannot be written: which file, and what to do.

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
    # The ending stays last: matplotlib and others choose the format by it.
    with _partial(path, path.stem, path.suffix, Path.touch) as temporary:
        yield temporary
        # Without it a file can be empty after a loss of power, under its new name.
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())


@contextmanager
def folder_written_whole(folder: Path, check: Callable[[Path], None]) -> Iterator[Path]:
    """Give a temporary folder that replaces `folder` only if the block succeeds.

    `check` raises if the folder that is there must not be replaced.
    """
    check(folder)
    folder = folder.resolve()
    with _partial(folder, folder.name, "", lambda path: path.mkdir(exist_ok=True)) as temporary:
        yield temporary
        check(folder)
        if folder.exists():
            shutil.rmtree(folder)


@contextmanager
def _partial(path: Path, stem: str, ending: str, make: Callable[[Path], None]) -> Iterator[Path]:
    """Make a partial file or folder beside `path`; after the block it gets that name."""
    temporary = path.with_name(f".{stem}.{uuid.uuid4().hex[:8]}.part{ending}")
    held = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(path.parent, stem, ending)
        held = _make_and_hold(temporary, make)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        named = {str(each) for each in (path, temporary, *path.parents)}
        if error.errno in _FULL or str(error.filename) in named:
            raise cannot_write(path, error) from error
        raise
    finally:
        _remove(temporary)
        if held is not None:
            os.close(held)


def cannot_write(path: Path, error: OSError) -> OSError:
    """The error that says which file or folder could not be written, why, and what to do."""
    remedy = "free some space there, or choose another folder"
    reason = (error.strerror or str(error)).lower()
    explained = OSError(
        f"cannot write {path}: {reason}; "
        + (remedy if error.errno in _FULL else "choose another folder")
    )
    explained.errno = error.errno
    return explained


def _make_and_hold(temporary: Path, make: Callable[[Path], None]) -> int | None:
    """Make a partial file or folder and lock it: who cleans up sees that it is in use."""
    while True:
        make(temporary)
        try:
            return lock(temporary)
        except (BlockingIOError, FileNotFoundError):
            continue  # It was taken for stale in the instant before the lock.
        except OSError:
            return None  # No locks here: nobody cleans up either.


def _remove_stale(folder: Path, stem: str, ending: str) -> None:
    """Remove partial files or folders of one name that no living process holds."""
    name = re.compile(rf"\.{re.escape(stem)}\.[0-9a-f]{{8}}\.part{re.escape(ending)}")
    for partial in [path for path in folder.iterdir() if name.fullmatch(path.name)]:
        with suppress(OSError):
            held = lock(partial)
            _remove(partial)
            os.close(held)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink()
