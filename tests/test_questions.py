"""Question sets: the same bytes for the same seed, in any process and order; nothing is overwritten."""

from __future__ import annotations

import builtins
import functools
import json
import math
import operator
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import vmevalkit
from vmevalkit import media, store
from vmevalkit.errors import UnknownName, UsageError
from vmevalkit.tasks.base import FRAMES, TASKS, positions
from vmevalkit.types import Mode, QuestionMetadata


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_one_seed_gives_the_same_bytes_in_any_process_order_and_number_of_workers(tmp_path: Path) -> None:
    code = (
        "import sys, vmevalkit as v; "
        "v.make(sys.argv[4:], count=1, size=(360, 240), questions=sys.argv[1], workers=int(sys.argv[2]))"
    )
    names = list(TASKS)
    for number, (workers, hash_seed, order) in enumerate(((1, "1", names), (2, "2", names[::-1]))):
        folder = tmp_path / str(number)
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        script = folder.with_suffix(".py")
        script.write_text(f"if __name__ == '__main__':\n    {code}\n")
        subprocess.run(
            [sys.executable, str(script), str(folder), str(workers), "-", *order], env=environment, check=True
        )
    first, second = contents(tmp_path / "0"), contents(tmp_path / "1")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    assert len(first) == len(names) * 5 + 1


def one_by_one(numbers: Iterable[Any], start: Any = 0) -> Any:
    """Add as `sum` does before Python 3.12."""
    return functools.reduce(operator.add, numbers, start)


def with_corrected_rounding(numbers: Iterable[Any], start: Any = 0) -> Any:
    """Add as `sum` does since Python 3.12."""
    found = list(numbers)
    return math.fsum((start, *found)) if any(type(number) is float for number in found) else one_by_one(found, start)


@pytest.mark.parametrize("name", TASKS)
def test_a_question_does_not_depend_on_how_python_rounds_sums(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    task, shown = TASKS[name], []
    for add in (one_by_one, with_corrected_rounding):
        with monkeypatch.context() as patch:
            patch.setattr(builtins, "sum", add)
            puzzle = task.example(3, 1)
            states = task.paced(puzzle, task.solution(puzzle))
            moments = [task.moment(puzzle, states, at) for at in positions(len(states) - 1, FRAMES)]
            shown.append((puzzle, task.steps(puzzle), repr(moments)))
    assert shown[0] == shown[1]


def test_a_question_is_whole_and_its_metadata_true(tmp_path: Path) -> None:
    (folder,) = vmevalkit.make("maze", count=1, questions=tmp_path)
    metadata = store.read_record(folder / "question_metadata.json", QuestionMetadata)
    assert (metadata.task, metadata.id, metadata.mode, metadata.difficulty) == ("maze", "maze_0000", "solve", 1)
    assert metadata.sha256 == {name: store.sha256(folder / name) for name in metadata.sha256}
    assert sorted(metadata.sha256) == ["final_frame.png", "first_frame.png", "ground_truth.mp4", "prompt.txt"]
    assert media.load_image(folder / "first_frame.png").size == metadata.canvas == (720, 480)
    info = media.probe(folder / "ground_truth.mp4")
    assert (info.size, info.frames, info.fps, info.codec) == ((720, 480), 49, 8.0, "h264")
    assert (folder / "first_frame.png").read_bytes() != (folder / "final_frame.png").read_bytes()
    task = TASKS["maze"]
    assert metadata.plan_length == len(task.steps(task.puzzle_type.model_validate(metadata.puzzle)))
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert [q["folder"] for q in manifest["questions"]] == ["maze_task/maze_0000"]


def test_modes_ask_about_the_same_puzzle(tmp_path: Path) -> None:
    found = {}
    for mode in ("solve", "guided", "hold"):
        (folder,) = vmevalkit.make("maze", count=1, mode=mode, questions=tmp_path / mode)
        found[mode] = store.read_record(folder / "question_metadata.json", QuestionMetadata)
        prompt = (folder / "prompt.txt").read_text()
        assert ("The steps:" in prompt) == (mode == "guided")
    assert found["solve"].puzzle == found["guided"].puzzle == found["hold"].puzzle
    assert found["hold"].plan_length == 0
    hold = tmp_path / "hold" / "maze_task" / "maze_0000"
    assert (hold / "first_frame.png").read_bytes() == (hold / "final_frame.png").read_bytes()


def test_a_set_of_several_modes_can_be_compared_question_by_question(tmp_path: Path) -> None:
    """It grows like any other, and its modes ask about the same puzzles."""
    modes: tuple[Mode, ...] = ("solve", "guided", "hold")
    few = vmevalkit.make("maze", count=2, mode=modes, questions=tmp_path, videos=False)
    more = vmevalkit.make("maze", count=3, mode=modes, questions=tmp_path, videos=False)
    assert more[:6] == few
    made = [store.read_record(folder / "question_metadata.json", QuestionMetadata) for folder in more]
    assert [m.id for m in made] == [f"maze_{i:04d}" for i in range(9)]
    assert [m.mode for m in made] == list(modes) * 3
    assert [m.difficulty for m in made] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert made[0].puzzle == made[1].puzzle == made[2].puzzle != made[3].puzzle
    assert (
        made[3].puzzle
        == store.read_record(
            vmevalkit.make("maze", count=2, questions=tmp_path / "one", videos=False)[1] / "question_metadata.json",
            QuestionMetadata,
        ).puzzle
    )


def test_a_larger_count_adds_and_a_damaged_question_is_repaired(tmp_path: Path) -> None:
    first, second = vmevalkit.make("maze", count=2, questions=tmp_path)
    before = contents(first)
    (second / "ground_truth.mp4").write_bytes(b"cut off")
    os.utime(first / "prompt.txt", (1, 1))
    folders = vmevalkit.make("maze", count=3, questions=tmp_path)
    assert len(folders) == 3
    assert contents(first) == before
    assert (first / "prompt.txt").stat().st_mtime == 1, "a complete question is not written again"
    assert media.probe(second / "ground_truth.mp4").frames == 49


def test_another_question_is_never_overwritten(tmp_path: Path) -> None:
    vmevalkit.make("maze", count=1, questions=tmp_path)
    before = contents(tmp_path)
    with pytest.raises(UsageError, match=r"holds another question \(.*seed.*differ\).*--questions"):
        vmevalkit.make("maze", count=1, seed=7, questions=tmp_path)
    assert contents(tmp_path) == before


def test_a_user_supplied_question_is_never_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "maze_task" / "maze_0000"
    folder.mkdir(parents=True)
    Image.new("RGB", (50, 50)).save(folder / "first_frame.png")
    (folder / "prompt.txt").write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(UsageError, match="user-supplied"):
        vmevalkit.make("maze", count=1, questions=tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"count": 0}, "count = 0"),
        ({"difficulty": 6}, "difficulty = 6"),
        ({"mode": "solv"}, "one of solve, guided, hold"),
        ({"mode": ()}, "one or more of solve, guided, hold"),
        ({"size": (721, 480)}, "even"),
        ({"task": "mase"}, "did you mean maze"),
    ],
)
def test_invalid_arguments_touch_nothing(tmp_path: Path, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises((UsageError, UnknownName), match=message):
        vmevalkit.make(**{"task": "maze", "questions": tmp_path / "new", **wrong})
    assert not (tmp_path / "new").exists()


def test_the_committed_questions_are_what_the_kit_makes(tmp_path: Path) -> None:
    from vmevalkit.runner.make import make_tests

    committed = Path(__file__).parents[1] / "data" / "questions" / "tests_task"
    for folder in make_tests(tmp_path):
        for name in ("first_frame.png", "final_frame.png"):
            ours, theirs = media.load_image(folder / name), media.load_image(committed / folder.name / name)
            assert ours.tobytes() == theirs.tobytes()
        assert (folder / "prompt.txt").read_bytes() == (committed / folder.name / "prompt.txt").read_bytes()
