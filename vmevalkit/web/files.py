"""Checks of files: whether they changed, and whether they lie in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def file_state(path: Path) -> tuple[int, int] | None:
    """Return time and size of a file; None if it does not exist.

    Compare states for equality only. A file that was copied or restored may be older than the one that it replaces.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def signature(files: Mapping[str, Path]) -> str:
    """Return a text that differs when any of the named files has changed."""
    return " ".join(f"{name}:{file_state(path)}" for name, path in sorted(files.items()))


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path lies in a folder, after following links."""
    return path.resolve().is_relative_to(folder.resolve())
