"""Locks on files and folders that die with the process."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import ModuleType

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


def lock(path: Path) -> int:
    """Lock a file or a folder until its descriptor is closed or the process ends.

    Parameters
    ----------
    path : pathlib.Path
        A file or folder that exists.

    Returns
    -------
    int
        The descriptor, to be closed.

    Raises
    ------
    BlockingIOError
        If another process holds it.
    FileNotFoundError
        If it does not exist, or was removed while it was being locked.
    OSError
        If the system or the file system knows no such locks.
    """
    if fcntl is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), str(path))
    # Network file systems lock only what is open for writing; folders cannot be.
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(descriptor), path.stat()):
            raise FileNotFoundError(path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
