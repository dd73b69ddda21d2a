"""velonb: from a threshold scan of a VeloPix chip to calibrated pixels."""

import lazy_loader

# Names are looked up on first use: `import velonb` stays fast, however much the rooms behind it
# import. Which name lies in which room is told once, in __init__.pyi.
_look_up, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("velonb")
    return _look_up(name)
