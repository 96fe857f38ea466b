"""Export: an experiment in the layout of another tool."""

from __future__ import annotations

from pathlib import Path

from vmevalkit import defaults, store
from vmevalkit.errors import UsageError
from vmevalkit.interop.base import FORMATS, Exported, Exporter
from vmevalkit.reporting.paths import ExperimentPaths


def export(
    format: str,
    target: Path | str,
    *,
    questions: Path | str = defaults.QUESTIONS,
    outputs: Path | str = defaults.OUTPUTS,
    scores: Path | str = defaults.SCORES,
) -> Exported:
    """Write an experiment in the format of another tool. Nothing of the experiment is changed.

    Args:
        format: name of the format; `vmevalkit list formats` shows all.
        target: folder that gets the files. Files of the same names are replaced, others are left as they are.
        questions, outputs, scores: folders of the question set, the experiment's videos and its scores.

    Raises:
        UnknownName: there is no such format.
        UsageError: the format can only be imported, or the experiment has nothing that it can hold.
    """
    writer = FORMATS[format]
    if not isinstance(writer, Exporter):
        exportable = [other for other in FORMATS if isinstance(FORMATS[other], Exporter)]
        raise UsageError(f"format {format} can only be imported", f"formats to export: {', '.join(exportable)}")
    experiment = ExperimentPaths(Path(questions), Path(outputs), Path(scores))
    target = Path(target)
    if target.is_file():
        raise UsageError(f"{target} is a file", "name a folder")
    real = target.resolve()
    for folder in (experiment.questions, experiment.outputs, experiment.scores):
        if real == folder.resolve() or folder.resolve() in real.parents:
            raise UsageError(f"{target} lies in {folder} of the experiment", "name a folder outside of it")
    store.iter_questions(experiment.questions)
    return writer.export(experiment, target)
