"""What commands of the campaign share: the command line, and everything that registers itself."""

from __future__ import annotations

import vmevalkit.cli
import vmevalkit.reporting
import vmevalkit.runner.generate
import vmevalkit.runner.make
import vmevalkit.runner.score  # noqa: F401
from vmevalkit.models.base import MODELS
from vmevalkit.scorers.base import SCORERS
from vmevalkit.tasks.base import TASKS

for registry in (MODELS, SCORERS, TASKS):
    len(registry)
