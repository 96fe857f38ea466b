"""Registries: register by decorator, look up with "did you mean", discover a folder.

Being in the folder is being registered: every public module of a package is imported once, and each module registers
what it defines. Nobody keeps a second list. What people add lives elsewhere: in a package that names its module as an
entry point of the group `vmevalkit.tasks`, or in a file that the variable VMEVALKIT_TASKS names.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

from vmevalkit.errors import UnknownName, UsageError

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
        for entry in importlib.metadata.entry_points(group=self._package):
            entry.load()
        variable = f"VMEVALKIT_{self.kind.upper()}S"
        for file in filter(None, os.environ.get(variable, "").split(os.pathsep)):
            if not Path(file).is_file():
                raise UsageError(f"{variable} names {file}, which is not a file", f"mend or unset {variable}")
            self.add_file(file)

    def add_file(self, path: Path | str) -> list[str]:
        """Import a Python file that lies anywhere; the names that it registers."""
        self._discover()
        path = Path(path).resolve()
        before = set(self._items)
        name = f"{self._package}.{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise UsageError(f"{path} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        # Known by name before it runs, as for any import: its classes look themselves up there.
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return sorted(set(self._items) - before)
