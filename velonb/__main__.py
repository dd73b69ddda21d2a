"""The program `velonb`: the command line, quiet when it is interrupted from its first moment on."""

from __future__ import annotations

import sys
import warnings

from velonb.system.signals import end_at_once, set_handler


def main() -> int:
    """Run the command line with the arguments of the process; its exit code."""
    set_handler(end_at_once)
    warnings.formatwarning = _one_line
    from velonb import commands  # only now: what is imported takes a while

    return commands.main()


def _one_line(message: Warning | str, *_: object, **__: object) -> str:
    return f"velonb: {message}\n"


if __name__ == "__main__":
    sys.exit(main())
