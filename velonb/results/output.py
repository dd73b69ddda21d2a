"""One output folder, one chip: whose results it holds, and who is writing them."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from velonb.system.files import cannot_write, written_whole
from velonb.system.locks import lock

STAMP_NAME = ".velonb.json"
LOCK_NAME = ".velonb.lock"


def refuse_others(folder: Path, whose: Mapping[str, str]) -> dict[str, str]:
    """Refuse a folder that holds the results of another chip or run.

    Parameters
    ----------
    folder : pathlib.Path
        The folder; need not exist.
    whose : mapping of str to str
        What must be the same for all results in the folder: ``module`` and ``asic``, and
        ``shutter`` where one run only may be there.

    Returns
    -------
    dict of str to str
        The stamp that is there.

    Raises
    ------
    FileExistsError
        If the folder holds the results of another chip or run.
    ValueError
        If the stamp cannot be read.
    """
    there = _read(folder / STAMP_NAME)
    if any(there.get(key, value) != value for key, value in whose.items()):
        raise FileExistsError(
            f"{folder} holds the results of {_told(there)}, these are of {_told(whose)}: "
            f"write them to another folder, or remove {folder} first"
        )
    return there


def stamp(folder: Path, whose: Mapping[str, str], **more: str) -> None:
    """Mark a folder as holding the results of a chip or run, where `refuse_others` allows it.

    `more` is written down too, such as the digest of the input.
    """
    there = refuse_others(folder, whose)
    new = there | dict(whose) | more
    if new != there:
        with written_whole(folder / STAMP_NAME) as temporary:
            temporary.write_text(json.dumps(new, indent=1) + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_bytes()))
    except (ValueError, TypeError):
        raise ValueError(
            f"{path} is damaged; it tells whose results the folder holds: "
            "remove it if they may be replaced"
        ) from None


def _told(whose: Mapping[str, str]) -> str:
    told = f"{whose.get('module')} {whose.get('asic')}"
    return f"{told} with shutter {whose['shutter']}" if "shutter" in whose else told


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Try a folder for writing, and hold it against other runs until the block ends.

    The lock dies with the process. Folders that were made and stayed empty are removed.

    Raises
    ------
    OSError
        If nothing can be written to the folder, or another process holds it.
    """
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    path = folder / LOCK_NAME
    try:
        with _held(folder, path):
            try:
                path.write_text(f"{os.getpid()} {socket.gethostname()}\n", encoding="utf-8")
            except OSError as error:
                raise cannot_write(folder, error) from error
            yield
    finally:
        with suppress(OSError):
            for each in made:
                each.rmdir()


@contextmanager
def _held(folder: Path, path: Path) -> Iterator[None]:
    """Hold the lock file; it is removed before it is let go."""
    held = None
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError as error:
            raise cannot_write(folder, error) from error
        try:
            held = lock(path)
        except FileNotFoundError:
            continue  # The run that held it has just ended.
        except BlockingIOError:
            raise _in_use(folder, path) from None
        except OSError:
            if _is_running(path):
                raise _in_use(folder, path) from None
        break
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        if held is not None:
            os.close(held)


def _in_use(folder: Path, path: Path) -> BlockingIOError:
    process, _, host = path.read_text("utf-8").strip().partition(" ")
    return BlockingIOError(
        f"{folder} is being written by another run (process {process} on {host}): wait for it, "
        f"or write to another folder; if it runs no more, remove {path}"
    )


def _is_running(path: Path) -> bool:
    """Whether the process named in a lock file may be alive, for systems without locks."""
    process, _, host = path.read_text("utf-8").strip().partition(" ")
    if not process.isdigit() or os.name != "posix":
        return False
    if host != socket.gethostname():
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return int(process) != os.getpid()
