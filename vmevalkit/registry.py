"""Registries: register by decorator, look up with "did you mean", discover a folder.

Being in the folder is being registered: `discover` imports every public module of a package once, and each
module registers what it defines. Nobody keeps a second list.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Generic, TypeVar

from vmevalkit.errors import UnknownName

T = TypeVar("T")


class Registry(Generic[T]):
    """Names and what they stand for. Filled on first use from the modules of `package`.

    Args:
        kind: what is registered, in the singular; used in messages.
        package: dotted name of the package whose modules register themselves.
        suffix: only modules whose name ends so are imported.
    """

    def __init__(self, kind: str, package: str, suffix: str = "") -> None:
        self.kind = kind
        self._package = package
        self._suffix = suffix
        self._items: dict[str, T] = {}
        self._discovered = False

    def add(self, name: str, item: T) -> T:
        """Register `item`; a second item of the same name is a bug."""
        if name in self._items:
            raise ValueError(f"two {self.kind}s are called '{name}'")
        self._items[name] = item
        return item

    def remove(self, name: str) -> None:
        """Take an item off the shelf: for a person who tries one out, and for tests."""
        del self._items[name]

    def __getitem__(self, name: str) -> T:
        self._discover()
        if name not in self._items:
            raise UnknownName(self.kind, name, self._items)
        return self._items[name]

    def __contains__(self, name: object) -> bool:
        self._discover()
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        self._discover()
        return iter(sorted(self._items))

    def __len__(self) -> int:
        self._discover()
        return len(self._items)

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True
        package = importlib.import_module(self._package)
        for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
            if not module.name.startswith("_") and module.name != "base" and module.name.endswith(self._suffix):
                importlib.import_module(f"{self._package}.{module.name}")
