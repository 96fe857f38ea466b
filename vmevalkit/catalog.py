"""What is on the shelves: models, tasks, scorers."""

from __future__ import annotations

from typing import Any, Literal

from vmevalkit.errors import UnknownName

Shelf = Literal["models", "tasks", "scorers"]


def list_names(shelf: Shelf) -> list[dict[str, Any]]:
    """Every model, task or scorer with what is worth knowing about it.

    Raises:
        UnknownName: there is no such shelf.
    """
    if shelf == "models":
        from vmevalkit.models.base import MODELS

        return [
            {"name": name, "family": MODELS[name].family, "description": MODELS[name].description} for name in MODELS
        ]
    if shelf == "tasks":
        from vmevalkit.tasks.base import TASKS

        return [{"name": name, "version": TASKS[name].version, "description": TASKS[name].summary} for name in TASKS]
    if shelf == "scorers":
        from vmevalkit.scorers.base import SCORERS

        return [{"name": name, "description": SCORERS[name].about} for name in SCORERS]
    raise UnknownName("shelf", shelf, ("models", "tasks", "scorers"))
