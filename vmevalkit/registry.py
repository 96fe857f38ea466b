"""Registries: names and what they stand for, filled by the modules of a package.

Being in the folder is being registered: every public module of a package is imported once, and each registers what it
defines. There is no second list. Other people's tasks, models and scorers come from installed packages, as entry points
of the groups `vmevalkit.tasks`, `vmevalkit.models` and `vmevalkit.scorers`, or from files that the variables
`VMEVALKIT_TASKS`, `VMEVALKIT_MODELS` and `VMEVALKIT_SCORERS` name.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import logging
import os
import pkgutil
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, ModuleType
from typing import Generic, TypeVar

from vmevalkit.errors import UnknownName, UsageError, first_line

log = logging.getLogger(__name__)
T = TypeVar("T")

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
"""Names of tasks, models and scorers, which are also names of folders."""


class Registry(Generic[T]):
    """Names and what they stand for. It is filled when it is first used.

    Args:
        kind: what is registered, in the singular; used in messages.
        package: dotted name of the package whose modules register themselves, and of the group of entry points.
        suffix: only modules whose names end with this are imported.
    """

    def __init__(self, kind: str, package: str, suffix: str = "") -> None:
        self.kind = kind
        self.variable = f"VMEVALKIT_{kind.upper()}S"
        self._package = package
        self._suffix = suffix
        self._items: dict[str, T] = {}
        self._files: dict[Path, set[str]] = {}
        self._lock = threading.RLock()
        self._started = self._finished = False

    def add(self, name: str, item: T) -> T:
        """Register an item. A second item with the same name, or a name that no folder can have, is a bug."""
        if not NAME.fullmatch(name):
            raise ValueError(f"a {self.kind} cannot be named '{name}': use letters, digits and . _ -")
        if name in self._items:
            raise ValueError(f"two {self.kind}s are named '{name}'")
        self._items[name] = item
        return item

    def remove(self, name: str) -> None:
        """Remove an item, after trying it out or in a test."""
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
        if self._finished:
            return
        # Other threads wait here until the registry is complete. The thread that fills it may use it meanwhile.
        with self._lock:
            if self._started:
                return
            self._started = True
            try:
                self._import_modules()
                self._import_plugins()
                self._import_files()
            except BaseException:
                self._started = False
                raise
            self._finished = True

    def _import_modules(self) -> None:
        package = importlib.import_module(self._package)
        for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
            if not module.name.startswith("_") and module.name != "base" and module.name.endswith(self._suffix):
                importlib.import_module(f"{self._package}.{module.name}")

    def _import_plugins(self) -> None:
        for entry in importlib.metadata.entry_points(group=self._package):
            try:
                entry.load()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - one broken package must not break every command
                package = entry.dist.name if entry.dist is not None else entry.value
                reason = f"{type(error).__name__}: {first_line(error)}"
                log.warning("the plug-in %s cannot be imported: %s", package, reason)

    def _import_files(self) -> None:
        for file in filter(None, os.environ.get(self.variable, "").split(os.pathsep)):
            if not Path(file).is_file():
                raise UsageError(
                    f"{self.variable} names {file}, which is not a file", f"correct or unset {self.variable}"
                )
            self.add_file(file)

    def add_file(self, path: Path | str) -> list[str]:
        """Import a Python file, and return the names that it registers.

        A file that is imported again replaces what it registered before.
        """
        self._discover()
        path = Path(path).resolve()
        for name in self._files.pop(path, set()):
            self._items.pop(name, None)
        before = set(self._items)
        try:
            import_file(path)
        finally:
            self._files[path] = set(self._items) - before
        return sorted(self._files[path])

    @contextmanager
    def inherited(self) -> Iterator[None]:
        """Processes that start meanwhile import the files that were added to this registry."""
        before = os.environ.get(self.variable)
        files = [*(before or "").split(os.pathsep), *map(str, self._files)]
        os.environ[self.variable] = os.pathsep.join(dict.fromkeys(filter(None, files)))
        try:
            yield
        finally:
            if before is None:
                del os.environ[self.variable]
            else:
                os.environ[self.variable] = before


class _SourceLoader(importlib.machinery.SourceFileLoader):
    """Compiles the file anew. Bytecode on disk may be that of an earlier version of the same second and size."""

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


# Folders of imported files, which are searched for modules last.
_FOLDERS: set[str] = set()


def import_file(path: Path) -> ModuleType:
    """Import a user's Python file. It may import modules from its own folder, as a script may.

    The module has a name of its own, so that it replaces no other one.

    Raises:
        UsageError: the file cannot be imported.
    """
    path = path.resolve()
    name = f"vmevalkit_file_{hashlib.sha256(bytes(path)).hexdigest()[:8]}_{path.stem}"
    loader = _SourceLoader(name, str(path)) if path.suffix == ".py" else None
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python file", "its name must end with .py")
    module = importlib.util.module_from_spec(spec)
    _search(path.parent)
    # As for any import, the module is known by name before it runs, because its classes look themselves up there.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - an import may run any code, and the user can fix it
        del sys.modules[name]
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise UsageError(f"{path}{_line_of(error, path)} cannot be imported: {reason}", f"try: python {path}") from None
    return module


def _search(folder: Path) -> None:
    """Let files import modules from a folder.

    Raises:
        UsageError: a module of the same name was imported from the folder of another file.
    """
    for file in folder.glob("*.py"):
        imported = getattr(sys.modules.get(file.stem), "__file__", None)
        if imported and Path(imported) != file and str(Path(imported).parent) in _FOLDERS:
            raise UsageError(f"{file} and {imported} are modules of the same name", "rename one of them")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
        _FOLDERS.add(str(folder))


def _line_of(error: BaseException, path: Path) -> str:
    """Return the line of a file in which an exception was raised, as ":12"; empty if it is unknown."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f":{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f":{lines[-1]}" if lines else ""
