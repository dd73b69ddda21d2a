"""Words that every message can use: how an option is called, and names of any bytes."""

from __future__ import annotations


def option(name: str, value: str = "") -> str:
    """Name an option of `load_scan` as it is written in Python and on the command line.

    Examples
    --------
    >>> option("on_error", "skip")
    'on_error="skip" (velonb run: --on-error skip)'
    >>> option("mask")
    'mask= (velonb run: --mask)'
    """
    python = f'{name}="{value}"' if value else f"{name}="
    command = f"--{name.replace('_', '-')} {value}".rstrip()
    return f"{python} (velonb run: {command})"


def printable(text: object) -> str:
    r"""Give a text that can be printed and saved: bytes of a name that are not UTF-8 are escaped.

    Examples
    --------
    >>> printable("Modul\udce9_VP0-1")
    'Modul\\udce9_VP0-1'
    """
    return str(text).encode("utf-8", "backslashreplace").decode()
