"""Which parameters are free in a fit, and what the fit is called."""

from __future__ import annotations

from collections.abc import Sequence

from velonb.curves import PARAMETERS


def named_fits(
    free: Sequence[str] | Sequence[Sequence[str]] | None = None,
    parameters: tuple[str, ...] = PARAMETERS,
) -> dict[str, tuple[str, ...]]:
    """Name the fits by what is free in them, of the parameters that a shape has.

    Examples
    --------
    >>> named_fits()
    {'free': ('f', 'A', 's', 'E0'), 'fixed': ('A',)}
    >>> named_fits([("A",), ("A", "E0")])
    {'fixed': ('A',), 'A+E0': ('A', 'E0')}
    """
    if free is None:
        free = [parameters, ("A",)]
    elif all(isinstance(name, str) for name in free):
        free = [free]  # type: ignore[list-item]
    names = [checked_free(subset, parameters) for subset in free]
    special = {frozenset(parameters): "free", frozenset({"A"}): "fixed"}
    return {special.get(frozenset(subset), "+".join(subset)): subset for subset in names}


def checked_free(names: Sequence[str], parameters: tuple[str, ...]) -> tuple[str, ...]:
    """Names of what is free in a fit, after checking that the shape has them."""
    names = (names,) if isinstance(names, str) else tuple(names)
    if not names or set(names) - set(parameters) or len(set(names)) < len(names):
        raise ValueError(f"free is {names}; it must be some of {', '.join(parameters)}, each once")
    return names
