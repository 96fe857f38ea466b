"""Old public names, which work for one release with a warning: those of release 0.1.0, until 0.3."""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

REMOVED = "0.3"
"""The release without the old names."""

NAMES = {
    "vmevalkit": {"KitError": "vmevalkit.VMEvalError", "list": "vmevalkit.catalog", "video": "vmevalkit.media"},
    "vmevalkit.errors": {"KitError": "vmevalkit.errors.VMEvalError"},
    "vmevalkit.models.base": {"Film": "vmevalkit.Video", "ModelWrapper": "vmevalkit.ModelWrapper"},
}
"""By module, old names and the new ones."""

ARGUMENTS = {"make": {"films": "videos"}, "check": {"pictures": "images"}}
"""By function, old names of keyword arguments and the new ones."""

OPTIONS = {"--films": "--videos", "--no-films": "--no-videos", "--pictures": "--images"}
"""Old options of the command line and the new ones."""


def replacement(module: str, name: str) -> Any:
    """Return what an old name of a module means now, and warn. For `__getattr__` of the module.

    Raises:
        AttributeError: the name is not an old one.
    """
    if name not in NAMES[module]:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    new = NAMES[module][name]
    _warn(f"{module}.{name}", new, stacklevel=4)
    home, _, attribute = new.rpartition(".")
    try:
        return importlib.import_module(new)
    except ImportError:
        return getattr(importlib.import_module(home), attribute)


def with_old_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function take its keyword arguments by their old names, too."""
    names = ARGUMENTS[function.__name__]

    @functools.wraps(function)
    def renamed(*args: P.args, **kwargs: P.kwargs) -> R:
        for old in names.keys() & kwargs.keys():
            _warn(f"{function.__name__}({old}=...)", f"{names[old]}=...", stacklevel=3)
            kwargs[names[old]] = kwargs.pop(old)
        return function(*args, **kwargs)

    return renamed


def _warn(old: str, new: str, stacklevel: int) -> None:
    warnings.warn(sentence(old, new), DeprecationWarning, stacklevel=stacklevel)


def sentence(old: str, new: str) -> str:
    """Return the warning."""
    return f"{old} is now {new}; the old name works until {REMOVED}"
