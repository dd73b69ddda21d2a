"""Compiled functions kept on disk, so that the next process need not compile them again.

numba's own cache looks at the file of a function alone, fails where nothing can be written and
stops at a damaged index. Here a file holds one function for one set of argument types, and its
name a digest of all that the code was made from and for: the sources, numba, Python, the
processor. So a file is the right one or not there, and processes that write at the same time
write the same.
"""

from __future__ import annotations

import ast
import atexit
import hashlib
import os
import pickle
import shutil
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numba
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps
from platformdirs import user_cache_path

from velonb.system.files import written_whole

PACKAGE = Path(__file__).parents[1]
VERSIONS = f"numba {numba.__version__}, python {sys.version}"

_settings: Any = numba.config
_told: list[str] = []


def keep_compiled(function: Any) -> Any:
    """Keep what `numba.njit` makes of a function, with all that it calls, on disk."""
    if hasattr(function, "py_func"):  # not where numba is told not to compile
        function._cache = KeptCode(function.py_func)
    return function


class KeptCode(NullCache):
    """Where numba looks for a compiled function, and leaves it."""

    def __init__(self, function: Any) -> None:
        self._function = f"{function.__module__}.{function.__qualname__}"
        # Now, not at the first call: the sources may change while this process runs.
        self._sources = _digest_of_sources(Path(function.__code__.co_filename))

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """The compiled function, or None."""
        target_context.refresh()
        name = self._file_name(signature, target_context.codegen())
        for folder in _folders():
            code = _read(folder / name)
            if code is not None:
                return CompileResult._rebuild(target_context, *pickle.loads(code))
        return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a function that was compiled just now."""
        if compiled.library.has_dynamic_globals:  # addresses that hold in this process alone
            return
        name = self._file_name(signature, compiled.codegen)
        _keep(name, dumps(compiled._reduce()))

    def _file_name(self, signature: Any, codegen: Any) -> str:
        made_for = repr((signature, codegen.magic_tuple(), VERSIONS))
        return f"{self._function}-{self._sources}-{_short_digest(made_for.encode())}.nbc"


def _folders() -> list[Path]:
    """Where compiled code is looked for, and kept in the first one that can be written."""
    installation = f"velonb-{_short_digest(bytes(PACKAGE))}"
    if _settings.CACHE_DIR:
        return [Path(_settings.CACHE_DIR) / installation]
    of_user = user_cache_path("velonb")  # "~/..." for a user without a home
    return [PACKAGE / "__pycache__"] + [of_user / installation] * of_user.is_absolute()


def _read(path: Path) -> bytes | None:
    """The code in a file; None if there is none, or a damaged one."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, code = content[:32], content[32:]
    return code if hashlib.sha256(code).digest() == digest else None


def _keep(name: str, code: bytes) -> None:
    """Write code to the first folder that takes it, to a temporary one, or not at all."""
    reason = _write(_folders(), name, code)
    if reason is None:
        return
    temporary = _temporary_folders()
    lost = _write(temporary, name, code) if temporary else reason
    how = "not kept" if lost else "in a temporary folder until this process ends"
    _tell_once(
        f"compiled code cannot be kept ({reason}): it is {how}, so the next one compiles "
        "again; give a folder that can be written in the environment variable NUMBA_CACHE_DIR"
    )


def _write(folders: list[Path], name: str, code: bytes) -> OSError | None:
    """Write code to the first folder that takes it; why the last one did not, if none does."""
    reason = None
    for folder in folders:
        try:
            with written_whole(folder / name) as temporary:
                temporary.write_bytes(hashlib.sha256(code).digest() + code)
            _remove_older(folder, name)
        except OSError as error:
            reason = error
        else:
            return None
    return reason


def _remove_older(folder: Path, name: str) -> None:
    """Remove what was made of the same function when its sources were others."""
    function, sources, _ = name.rsplit("-", 2)
    for path in folder.glob(f"{function}-*.nbc"):
        if not path.name.startswith(f"{function}-{sources}-"):
            path.unlink(missing_ok=True)


@cache
def _temporary_folders() -> list[Path]:
    """A folder for this process and for those that it starts; none where that is full as well."""
    try:
        folder = mkdtemp(prefix="velonb-")
    except OSError:
        return []
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = _settings.CACHE_DIR = folder
    return _folders()


def _tell_once(message: str) -> None:
    if not _told:
        _told.append(message)
        warnings.warn(message, RuntimeWarning, stacklevel=2)


@cache
def _digest_of_sources(module: Path) -> str:
    """Digest of a module and of all modules of velonb that it imports, directly or not."""
    sources, to_read = set(), {module}
    while to_read:
        sources |= to_read
        to_read = {found for path in to_read for found in _imported_by(path)} - sources
    return _short_digest(b"".join(path.read_bytes() for path in sorted(sources)))


@cache
def _imported_by(module: Path) -> tuple[Path, ...]:
    """Modules of velonb that a module names in its imports."""
    imports = [
        node
        for node in ast.walk(ast.parse(module.read_bytes()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE.name
    ]
    return tuple(path for node in imports for path in _files_of(node))


def _files_of(node: ast.ImportFrom) -> Iterator[Path]:
    """Files behind ``from module import names``, where a name may be a module itself."""
    module = PACKAGE.parent.joinpath(*str(node.module).split("."))
    for place in (module / alias.name for alias in node.names):
        candidates = (place.with_suffix(".py"), place / "__init__.py")
        own = (module.with_suffix(".py"), module / "__init__.py")
        yield next(path for path in (*candidates, *own) if path.is_file())


def _short_digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
