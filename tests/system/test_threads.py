"""How many threads work at the same time."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from velonb.system.threads import thread_count

IN_PROCESS = "from velonb.system.threads import thread_count; print(thread_count())"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_thread_count_of_process_with_one_processor_is_one() -> None:
    one = min(os.sched_getaffinity(0))
    held = f"import os; os.sched_setaffinity(0, {{{one}}}); {IN_PROCESS}"
    run = subprocess.run([sys.executable, "-c", held], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "1"


def test_thread_count_where_python_knows_the_processors_is_what_it_says(monkeypatch) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: 7, raising=False)
    assert thread_count() == 7


def test_thread_count_without_affinity_is_that_of_the_machine(monkeypatch) -> None:
    for name in ("process_cpu_count", "sched_getaffinity"):
        monkeypatch.delattr(os, name, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert thread_count() == 1


def test_thread_count_as_asked_for_is_kept() -> None:
    assert thread_count(97) == 97


def test_thread_count_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="threads is 0; it must be at least 1"):
        thread_count(0)
