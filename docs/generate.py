"""Generate the pages and images of docs/: `make docs`. With --check, only say whether the pages are up to date."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vmevalkit import contract, media
from vmevalkit.models.base import MODELS, ModelCard
from vmevalkit.tasks._reasons import PASSING
from vmevalkit.tasks.base import TASKS

DOCS = Path(__file__).parent
# Videos of tests/videos that small-model.webp shows.
SHOWN = (
    "shape_search_solved", "nonogram_solved", "map_coloring_solved", "key_door_solved", "counting_solved",
    "counting_unfinished", "sudoku_wrong_digit", "tic_tac_toe_vanished_on_the_way",
)  # fmt: skip
MADE = "<!-- Made by `make docs`; do not edit. -->\n"


def models_page() -> str:
    """Return docs/models.md, made from the cards in vmevalkit/models/."""
    parts = [
        "# Models\n",
        MADE,
        "Sizes are width x height. Memory is the peak on the GPU by memory plan, in GiB; measured values are in\n"
        "[measurements.md](measurements.md), the others are estimates. `vmevalkit doctor` says which weights are\n"
        "missing, and how to download them.\n",
        "| model | video | length | download | license | when to use |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in MODELS:
        card = MODELS[name]
        size = f"{card.size[0]}x{card.size[1]}" if card.size else "the question's size"
        rate = f"{card.frames} frames at {card.fps:g} fps" if card.frames and card.fps else ""
        length = f"{card.video_seconds:.4g} s" if card.video_seconds else ""
        by_script = "by its script in setup/" if card.family == "command" else "none"
        download = f"{card.download_gb:g} GB" if card.download_gb else by_script
        video = ", ".join(filter(None, (size, rate)))
        parts.append(f"| `{name}` | {video} | {length} | {download} | {card.license} | {card.when} |")
    for name in MODELS:
        if not MODELS[name].baseline:
            parts.append(_model_section(MODELS[name]))
    return "\n".join(parts) + "\n"


def _model_section(card: ModelCard) -> str:
    lines = [f"\n## {card.name}\n", card.description + "\n"]
    if card.revision:
        lines.append(f"- weights: `{card.model}` at revision `{card.revision}`")
    elif card.on_hub:
        lines.append(f"- weights: `{card.model}`, the newest revision at the time of the download; every result has it")
    if card.environment:
        lines.append(f"- separate environment: `vmevalkit install {card.environment}`")
    if card.seconds_a_video:
        lines.append(f"- one video on one H200: about {card.seconds_a_video:g} s")
    if card.memory_gib:
        plans = ", ".join(f"{plan} {gib:g}" for plan, gib in card.memory_gib.items())
        lines.append(f"- GPU memory by plan (GiB): {plans}")
    return "\n".join(lines)


def tasks_page() -> str:
    """Return docs/tasks.md, made from the docstrings of the modules in vmevalkit/tasks/."""
    parts = ["# Tasks\n", MADE]
    for name in TASKS:
        text = (sys.modules[type(TASKS[name]).__module__].__doc__ or "").strip()
        parts.append(f"## {name}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def gallery_page() -> str:
    """Return docs/gallery.md: an animated image and a strip of frames for each task."""
    parts = ["# Gallery\n", MADE, "Each video is the ground truth of a question of difficulty 3.\n"]
    for name in TASKS:
        puzzle = _example(name)
        prompt = TASKS[name].phrasings(puzzle)[0]
        parts.append(f"## {name}\n\n{TASKS[name].summary}\n\n![The video of {name}](gallery/{name}.webp)\n")
        parts.append(f"> {prompt}\n\n![Five moments of {name}](gallery/{name}.png)\n")
    return "\n".join(parts)


def _example(name: str) -> Any:
    return contract.puzzle_of(TASKS[name], 3, 1)


def write_images() -> None:
    """Write the images of the gallery, and docs/overview.png, with a frame from the middle of a video of every task."""
    folder = DOCS / "gallery"
    folder.mkdir(exist_ok=True)
    tiles = []
    for name in TASKS:
        puzzle = _example(name)
        frames = list(TASKS[name].render(puzzle, TASKS[name].solution(puzzle)))
        small = [Image.fromarray(frame).reduce(2) for frame in frames]
        small[0].save(
            folder / f"{name}.webp", save_all=True, append_images=small[1:], duration=125, loop=0, lossless=True,
            method=4,
        )  # fmt: skip
        moments = [small[i] for i in np.linspace(0, len(frames) - 6, 5).round().astype(int)]
        strip = Image.fromarray(np.concatenate([np.asarray(moment.reduce(2)) for moment in moments], axis=1))
        strip.quantize(64).save(folder / f"{name}.png", optimize=True)
        tiles.append(np.asarray(small[len(small) * 5 // 8]))
    blank = np.full_like(tiles[0], tiles[0][0, 0])
    rows = [tiles[i : i + 6] + [blank] * (6 - len(tiles[i : i + 6])) for i in range(0, len(tiles), 6)]
    sheet = Image.fromarray(np.concatenate([np.concatenate(row, axis=1) for row in rows]))
    sheet.reduce(2).quantize(128).save(DOCS / "overview.png", optimize=True)


def write_small_model() -> None:
    """Write docs/small-model.webp: an animation of videos of the small model of this repository with their verdicts."""
    folder = DOCS.parent / "tests" / "videos"
    cases = {case["video"]: case for case in json.loads((folder / "videos.json").read_text())}
    videos = [media.read_frames(folder / f"{name}.mp4") for name in SHOWN]
    sheets = []
    for number in range(len(videos[0])):
        cells = [_labeled(cases[name], video[number]) for name, video in zip(SHOWN, videos, strict=True)]
        half = len(cells) // 2
        sheets.append(Image.fromarray(np.vstack([np.hstack(cells[:half]), np.hstack(cells[half:])])))
    durations = [125] * (len(sheets) - 1) + [2500]
    sheets[0].save(
        DOCS / "small-model.webp",
        save_all=True,
        append_images=sheets[1:],
        duration=durations,
        loop=0,
        quality=85,
        method=6,
    )


def _labeled(case: dict[str, Any], frame: media.Frame) -> media.Frame:
    """A frame at twice its size, above the task and the verdict."""
    image = Image.fromarray(frame).resize((192, 192), Image.Resampling.LANCZOS)
    cell = Image.new("RGB", (212, 244), "white")
    cell.paste(image, (10, 4))
    passed = case["reason"] in PASSING
    draw = ImageDraw.Draw(cell)
    draw.text((10, 200), case["task"].replace("_", " "), "#222222", ImageFont.load_default(16))
    verdict = "passed" if passed else f"failed: {case['reason'].replace('_', ' ')}"
    draw.text((10, 219), verdict, "#00693e" if passed else "#a02000", ImageFont.load_default(15))
    return np.asarray(cell)


PAGES = {"models.md": models_page, "tasks.md": tasks_page, "gallery.md": gallery_page}


def main(arguments: list[str]) -> int:
    """Write what is stale, or with --check, list it."""
    stale = [name for name, page in PAGES.items() if not _is_current(name, page())]
    if "--check" in arguments:
        for name in stale:
            print(f"docs/{name} is not up to date; run `make docs`")
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"wrote docs/{name}")
    write_images()
    write_small_model()
    return 0


def _is_current(name: str, text: str) -> bool:
    path = DOCS / name
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
