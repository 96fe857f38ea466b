"""What the script of the page knows of every sample, so that it can filter, sort and search all of them."""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from typing import Any

from vmevalkit.reporting.page.samples import sample_id
from vmevalkit.store.experiment import ExperimentData, SampleRecord

SHEET = 50
"""Number of videos in a sheet. Videos that match a filter may be in as many sheets, all of which are loaded."""


def catalog_of(data: ExperimentData) -> dict[str, Any]:
    """Return the columns of the catalog, in the order of the samples.

    Texts that many samples share are stored once: such a column has the different `values`, and the place of each
    sample's text in them, `codes`.
    """
    samples, scores = data.samples, [sample.score for sample in data.samples]
    return {
        "size": SHEET,
        "id": [sample_id(*sample.key) for sample in samples],
        "model": _coded([score.model for score in scores]),
        "task": _coded([score.task for score in scores]),
        "mode": _coded([sample.mode or "none" for sample in samples]),
        "verdict": _coded([sample.verdict for sample in samples]),
        "reason": _coded([score.reason for score in scores]),
        "prompt": _coded([data.prompts[score.task, score.question_id] or "" for score in scores]),
        "said": _coded([_said(sample) for sample in samples]),
        "value": [score.value for score in scores],
        "difficulty": [sample.difficulty for sample in samples],
    }


def _said(sample: SampleRecord) -> str:
    """Return what scorers said about a sample, for the search."""
    others = (f"{other.scorer} {other.reason} {other.explanation}" for other in sample.others)
    return " ".join((sample.score.explanation, *sample.score.notes, *others))


def _coded(texts: Sequence[Hashable]) -> dict[str, Any]:
    places: dict[Hashable, int] = {}
    codes = [places.setdefault(text, len(places)) for text in texts]
    return {"values": list(places), "codes": codes}


def call(function: str, *arguments: Any) -> str:
    """Return a script that calls a function of the page. Characters other than ASCII are escaped."""
    return f"vmevalkit.{function}({', '.join(json.dumps(a, separators=(',', ':')) for a in arguments)});\n"
