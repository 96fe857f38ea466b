"""Make the generated pages anew: `make docs`. With --check, only say whether they are up to date."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from vmevalkit import contract
from vmevalkit.models.base import MODELS, ModelCard
from vmevalkit.tasks.base import TASKS

DOCS = Path(__file__).parent
MADE = "<!-- Made by `make docs`; do not edit. -->\n"


def models_page() -> str:
    """docs/models.md, from the cards in vmevalkit/models/."""
    parts = [
        "# Models\n",
        MADE,
        "Sizes are width x height. Memory is the peak on the GPU by memory plan, in GiB; measured values are in\n"
        "[measurements.md](measurements.md), the others are estimates. Without weights nothing runs: a model says\n"
        "what to download.\n",
        "| model | film | length | weights | licence | when to use |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in MODELS:
        card = MODELS[name]
        size = f"{card.size[0]}x{card.size[1]}" if card.size else "the question's size"
        rate = f"{card.frames} frames at {card.fps:g} fps" if card.frames and card.fps else ""
        length = f"{card.video_seconds:.4g} s" if card.video_seconds else ""
        weights = f"{card.download_gb:g} GB" if card.download_gb else "none"
        parts.append(f"| `{name}` | {size}, {rate} | {length} | {weights} | {card.licence} | {card.when} |")
    for name in MODELS:
        if not MODELS[name].baseline:
            parts.append(_model_section(MODELS[name]))
    return "\n".join(parts) + "\n"


def _model_section(card: ModelCard) -> str:
    lines = [f"\n## {card.name}\n", card.description + "\n"]
    if card.revision:
        lines.append(f"- weights: `{card.model}` at revision `{card.revision}`")
    if card.environment:
        lines.append(f"- environment of its own: `bash setup/install_model.sh {card.environment}`")
    if card.seconds_a_video:
        lines.append(f"- one film on one H200: about {card.seconds_a_video:g} s")
    if card.memory_gib:
        plans = ", ".join(f"{plan} {gib:g}" for plan, gib in card.memory_gib.items())
        lines.append(f"- GPU memory by plan (GiB): {plans}")
    return "\n".join(lines)


def tasks_page() -> str:
    """docs/tasks.md, from the files in vmevalkit/tasks/."""
    parts = ["# Tasks\n", MADE]
    for name in TASKS:
        text = (sys.modules[type(TASKS[name]).__module__].__doc__ or "").strip()
        parts.append(f"## {name}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def write_overview() -> None:
    """docs/overview.png: five moments of a solution film of each task, one row a task."""
    rows = []
    for name in TASKS:
        puzzle = contract.puzzle_of(TASKS[name], 3, 1)
        frames = list(TASKS[name].film(puzzle, TASKS[name].solution(puzzle)))
        moments = [frames[i] for i in np.linspace(0, len(frames) - 6, 5).round().astype(int)]
        # The puzzles are drawn in the middle; the empty sides say nothing.
        rows.append(np.concatenate([frame[:, 110:610] for frame in moments], axis=1))
    picture = Image.fromarray(np.concatenate(rows))
    picture.reduce(2).quantize(64).save(DOCS / "overview.png", optimize=True)


PAGES = {"models.md": models_page, "tasks.md": tasks_page}


def main(arguments: list[str]) -> int:
    stale = [name for name, page in PAGES.items() if not _is_current(name, page())]
    if "--check" in arguments:
        for name in stale:
            print(f"docs/{name} is not up to date: make docs")
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"wrote docs/{name}")
    write_overview()
    return 0


def _is_current(name: str, text: str) -> bool:
    path = DOCS / name
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
