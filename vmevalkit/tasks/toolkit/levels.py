"""Difficulty levels: five records with named fields, one for each difficulty from 1 to 5."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

L = TypeVar("L")


def levels(one: L, two: L, three: L, four: L, five: L) -> Mapping[int, L]:
    """Number the levels of a task.

    Args:
        one, two, three, four, five: settings of difficulty 1 to 5; usually a `NamedTuple` of the task, whose fields
            say what grows.

    Returns:
        A read-only mapping from difficulty to settings.
    """
    return MappingProxyType(dict(enumerate((one, two, three, four, five), start=1)))
