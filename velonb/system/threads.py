"""How many threads work at the same time."""

from __future__ import annotations

import os


def thread_count(threads: int | None = None) -> int:
    """Threads as asked for; by default one for every processor that this process may use.

    A batch system or ``taskset`` may give a process fewer processors than the machine has.

    Raises
    ------
    ValueError
        If less than one is asked for.

    Examples
    --------
    >>> thread_count(3)
    3
    """
    if threads is not None:
        if threads < 1:
            raise ValueError(
                f"threads is {threads}; it must be at least 1, or None for all processors"
            )
        return threads
    if hasattr(os, "process_cpu_count"):  # Python 3.13
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
