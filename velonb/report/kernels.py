"""Kernels of the Python that runs velonb, whatever else Jupyter knows as `python3`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ipykernel.kernelspec import make_ipkernel_cmd, write_kernel_spec
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

NAME = "python3"


def own_kernel(environment: dict[str, str]) -> type[AsyncKernelManager]:
    """Manager of a kernel of this Python, for one notebook, with more in its environment."""

    class OwnKernel(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(argv=make_ipkernel_cmd(), language="python", env=environment)

    return OwnKernel


@contextmanager
def own_kernels() -> Iterator[dict[str, str]]:
    """Environment of a Jupyter server whose `python3` is this Python."""
    with TemporaryDirectory(prefix="velonb-") as folder:
        write_kernel_spec(Path(folder) / "kernels" / NAME)
        # Nothing comes before this variable, where Jupyter looks.
        paths = [folder, *filter(None, [os.environ.get("JUPYTER_PATH")])]
        yield os.environ | {"JUPYTER_PATH": os.pathsep.join(paths)}
