"""The small CogVideoX that comes with the kit: its files, what it can do, and videos of it with their verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import vmevalkit
from vmevalkit import media, store
from vmevalkit.models.base import MODELS
from vmevalkit.models.diffusers import checkpoint as _weights
from vmevalkit.tasks.base import TASKS
from vmevalkit.types import Geometry

ROOT = Path(__file__).parents[1]
NAME = "cogvideox-tiny-i2v"
WEIGHTS = ROOT / "weights" / NAME
VIDEOS = ROOT / "tests" / "videos"


def test_its_files_are_those_of_the_manifest() -> None:
    lines = (WEIGHTS / _weights.MANIFEST).read_text().splitlines()
    listed = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    there = {path.relative_to(WEIGHTS).as_posix() for path in WEIGHTS.rglob("*") if path.is_file()}
    assert there - {_weights.MANIFEST} == set(listed)
    assert all(store.sha256(WEIGHTS / name) == digest for name, digest in listed.items())
    assert sum(path.stat().st_size for path in WEIGHTS.rglob("*.safetensors")) <= 40_000_000


def test_it_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _weights.find(MODELS[NAME], None).folder == WEIGHTS


def test_it_solves_a_maze_and_holds_still_when_asked(tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    for mode in ("solve", "hold"):
        folders: dict[str, Any] = {"questions": tmp_path / mode / "questions", "outputs": tmp_path / mode / "outputs"}
        vmevalkit.make("maze", count=1, difficulty=1, mode=mode, size=(96, 96), seed=3, questions=folders["questions"])
        vmevalkit.generate(NAME, baselines=False, **folders)
        (score,) = vmevalkit.score(scores=tmp_path / mode / "scores", **folders)
        assert score.passed, score.explanation


@pytest.mark.parametrize("case", json.loads((VIDEOS / "videos.json").read_text()), ids=lambda case: case["video"])
def test_verdicts_that_a_person_agrees_with(case: dict[str, object]) -> None:
    task = TASKS[str(case["task"])]
    whole = Geometry.place((96, 96), (96, 96))
    frames, *_ = media.read_canvas(VIDEOS / f"{case['video']}.mp4", lambda size, first: whole, (96, 96))
    puzzle = task.puzzle_type.model_validate(case["puzzle"])
    assert task.verify(puzzle, frames, case["mode"], (96, 96)).reason == case["reason"]  # type: ignore[arg-type]
