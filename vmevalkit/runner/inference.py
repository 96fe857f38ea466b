"""Fixed names of the runner: `_load_model_wrapper`, and the verb `generate`."""

from __future__ import annotations

from vmevalkit.runner.generate import Summary, generate
from vmevalkit.runner.jobs import Job
from vmevalkit.runner.model_run import ModelRun
from vmevalkit.runner.model_run import load_model_wrapper as _load_model_wrapper
from vmevalkit.runner.planning import GenerateOptions, Plan, plan

__all__ = ["GenerateOptions", "Job", "ModelRun", "Plan", "Summary", "_load_model_wrapper", "generate", "plan"]
