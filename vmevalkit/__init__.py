"""vmevalkit: find out whether image-to-video models can reason.

Every verb of the command line is a function here, with the same words: `make` questions, let models `generate` videos,
`score` them, `report`, `view`; `list`, `check` and `doctor` help. They load when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vmevalkit._version import __version__ as __version__

if TYPE_CHECKING:
    from vmevalkit.catalog import list_names as list
    from vmevalkit.errors import VMEvalError
    from vmevalkit.models.base import ModelWrapper, register_model
    from vmevalkit.reporting import report
    from vmevalkit.runner.check import check
    from vmevalkit.runner.doctor import examine as doctor
    from vmevalkit.runner.inference import generate
    from vmevalkit.runner.make import make
    from vmevalkit.runner.score import score
    from vmevalkit.tasks.base import Task, register_task
    from vmevalkit.web import view

__all__ = [
    "ModelWrapper",
    "Task",
    "VMEvalError",
    "check",
    "doctor",
    "generate",
    "list",
    "make",
    "register_model",
    "register_task",
    "report",
    "score",
    "view",
]

_HOMES = {
    "VMEvalError": "errors:VMEvalError",
    "ModelWrapper": "models.base:ModelWrapper",
    "Task": "tasks.base:Task",
    "check": "runner.check:check",
    "doctor": "runner.doctor:examine",
    "generate": "runner.inference:generate",
    "list": "catalog:list_names",
    "make": "runner.make:make",
    "register_model": "models.base:register_model",
    "register_task": "tasks.base:register_task",
    "report": "reporting:report",
    "score": "runner.score:score",
    "view": "web:view",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name].split(":")
    return getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
