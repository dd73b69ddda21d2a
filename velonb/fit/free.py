"""Which parameters are free in a fit, and what the fit is called."""

from __future__ import annotations

from collections.abc import Sequence

from velonb.curves import PARAMETERS


def named_fits(
    free: Sequence[str] | Sequence[Sequence[str]] | None = None,
) -> dict[str, tuple[str, ...]]:
    """Name the fits by what is free in them.

    Examples
    --------
    >>> named_fits()
    {'free': ('f', 'A', 's', 'E0'), 'fixed': ('A',)}
    >>> named_fits([("A",), ("A", "E0")])
    {'fixed': ('A',), 'A+E0': ('A', 'E0')}
    """
    if free is None:
        free = [PARAMETERS, ("A",)]
    elif all(isinstance(name, str) for name in free):
        free = [free]  # type: ignore[list-item]
    names = [checked_free(subset) for subset in free]
    special = {frozenset(PARAMETERS): "free", frozenset({"A"}): "fixed"}
    return {special.get(frozenset(subset), "+".join(subset)): subset for subset in names}


def checked_free(names: Sequence[str]) -> tuple[str, ...]:
    """Names of what is free in a fit, after checking that they are parameters."""
    names = (names,) if isinstance(names, str) else tuple(names)
    if not names or set(names) - set(PARAMETERS) or len(set(names)) < len(names):
        raise ValueError(f"free is {names}; it must be some of f, A, s, E0, each once")
    return names
