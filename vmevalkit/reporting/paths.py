"""The folders of an experiment and its report, and commands that work on them."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from vmevalkit import defaults


@dataclass(frozen=True)
class ExperimentPaths:
    """The folders of the question set, the videos, the scores and the report."""

    questions: Path
    outputs: Path
    scores: Path
    report: Path = defaults.REPORT

    def command(self, *words: str) -> str:
        """Return a command line that works on these folders. Options with default values are left out."""
        options = [("--questions", self.questions, defaults.QUESTIONS), ("--outputs", self.outputs, defaults.OUTPUTS)]
        if words[0] == "score":
            options.append(("--scores", self.scores, defaults.SCORES))
        parts = ["vmevalkit", *words]
        for option, path, default in options:
            if path != default:
                parts += [option, str(path)]
        return shlex.join(parts)


def relative(path: Path, start: Path) -> str:
    """Return a path as seen from a folder, with forward slashes. Neither needs to exist."""
    # Browsers resolve links in a page by their text, not on disk. So symbolic links are not followed here.
    return Path(os.path.relpath(path, start)).as_posix()
