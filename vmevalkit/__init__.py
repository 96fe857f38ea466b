"""vmevalkit: measure whether image-to-video models can reason.

Every verb of the command line is a function here, with the same words: `make` questions, `generate` videos, `score`
them, `report` and `view`; `catalog`, `check` and `doctor` help. Everything loads when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vmevalkit._version import __version__ as __version__
from vmevalkit.deprecation import replacement

if TYPE_CHECKING:
    from vmevalkit.errors import UsageError, VMEvalError
    from vmevalkit.interop import export, import_
    from vmevalkit.listing import catalog
    from vmevalkit.models.base import ModelCard, Request, Service, Video, register_model
    from vmevalkit.models.wrapper import ModelWrapper
    from vmevalkit.reporting import report
    from vmevalkit.reporting.loaded import Experiment, load
    from vmevalkit.runner.check import check
    from vmevalkit.runner.doctor import examine as doctor
    from vmevalkit.runner.inference import generate
    from vmevalkit.runner.make import make
    from vmevalkit.runner.merge import merge
    from vmevalkit.runner.score import iter_score, score
    from vmevalkit.runner.single import score_video
    from vmevalkit.runner.sync import pull, push
    from vmevalkit.scorers.base import Measurement, Scorer, Unscorable, register_scorer
    from vmevalkit.store import Sample
    from vmevalkit.tasks.base import Painter, Reader, Reading, Task, register_task
    from vmevalkit.types import (
        GenerationResult,
        Geometry,
        Provenance,
        Question,
        QuestionMetadata,
        Record,
        Score,
        Size,
        Source,
        Verdict,
    )
    from vmevalkit.web import view

# Where each public name is defined.
_HOMES = {
    "Experiment": "reporting.loaded",
    "GenerationResult": "types",
    "Geometry": "types",
    "Measurement": "scorers.base",
    "ModelCard": "models.base",
    "ModelWrapper": "models.wrapper",
    "Painter": "tasks.base",
    "Provenance": "types",
    "Question": "types",
    "QuestionMetadata": "types",
    "Reader": "tasks.base",
    "Reading": "tasks.base",
    "Record": "types",
    "Request": "models.base",
    "Sample": "store",
    "Score": "types",
    "Scorer": "scorers.base",
    "Service": "models.base",
    "Size": "types",
    "Source": "types",
    "Task": "tasks.base",
    "Unscorable": "scorers.base",
    "UsageError": "errors",
    "VMEvalError": "errors",
    "Verdict": "types",
    "Video": "models.base",
    "catalog": "listing",
    "check": "runner.check",
    "doctor": "runner.doctor:examine",
    "export": "interop",
    "generate": "runner.inference",
    "import_": "interop",
    "iter_score": "runner.score",
    "load": "reporting.loaded",
    "make": "runner.make",
    "merge": "runner.merge",
    "pull": "runner.sync",
    "push": "runner.sync",
    "register_model": "models.base",
    "register_scorer": "scorers.base",
    "register_task": "tasks.base",
    "report": "reporting",
    "score": "runner.score",
    "score_video": "runner.single",
    "view": "web",
}

__all__ = [
    "Experiment", "GenerationResult", "Geometry", "Measurement", "ModelCard", "ModelWrapper", "Painter",
    "Provenance", "Question", "QuestionMetadata", "Reader", "Reading", "Record", "Request", "Sample", "Score",
    "Scorer", "Service", "Size", "Source", "Task", "Unscorable", "UsageError", "VMEvalError", "Verdict",
    "Video", "catalog", "check", "doctor", "export", "generate", "import_", "iter_score", "load", "make",
    "merge", "pull", "push", "register_model", "register_scorer", "register_task", "report", "score",
    "score_video", "view",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        return replacement(__name__, name)
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(importlib.import_module(f"{__name__}.{module}"), attribute or name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
