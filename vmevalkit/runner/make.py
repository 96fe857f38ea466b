"""Make question sets: one seed gives the same bytes in any process, in any order, with any number of workers."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vmevalkit import defaults, media, store
from vmevalkit.defaults import DEFAULT_CANVAS, DEFAULT_SEED
from vmevalkit.errors import QuestionError, UsageError
from vmevalkit.progress import track
from vmevalkit.runner.executors.local import crew
from vmevalkit.tasks.base import FPS, TASKS, stream
from vmevalkit.types import MODES, Difficulty, Mode, QuestionMetadata, Record, Size

log = logging.getLogger(__name__)

# A puzzle that is there already is drawn again this often before the family counts as exhausted.
_TRIES = 300


class Order(Record):
    """One question to be made."""

    root: Path
    task: str
    folder_task: str
    id: str
    seed: int
    difficulty: Difficulty
    mode: Mode
    canvas: Size
    puzzle: dict[str, Any]
    video: bool = True


def make(
    task: str | Sequence[str] | None = None,
    *,
    count: int = 10,
    seed: int = DEFAULT_SEED,
    difficulty: int | None = None,
    mode: Mode | Sequence[Mode] = "solve",
    size: Size = DEFAULT_CANVAS,
    questions: Path | str = defaults.QUESTIONS,
    videos: bool = True,
    workers: int = 1,
) -> list[Path]:
    """Make questions of each task, difficulties in turn from 1 to 5 unless one is given.

    What is there already and whole is kept; a larger `count` adds to it.

    Args:
        task: names of families; None for every one.
        count: questions a task; of each mode, where there are several.
        mode: `solve`, `guided` or `hold`; of several, each asks about the same puzzles, one after the other.
        size: width and height of the canvas; both even, so that the video can be written.
        videos: write the video of the right answer, too; without it a question takes a tenth of the time.
        workers: processes side by side.

    Returns:
        The questions' folders.

    Raises:
        UnknownName, UsageError: nothing has been written.
    """
    names = [task] if isinstance(task, str) else list(task or TASKS)
    for name in names:
        TASKS[name]
    modes: list[Mode] = list(dict.fromkeys([mode] if isinstance(mode, str) else mode))
    _check(count, difficulty, modes, size)
    root = Path(questions)
    jobs = [(name, seed, level, indices) for name in names for level, indices in _levels(count, difficulty)]
    with crew(min(workers, count * len(names))) as share:
        chosen = share(_choose_for, jobs)
        orders = sorted(
            (
                Order(root=root, task=name, folder_task=name, id=f"{name}_{index * len(modes) + turn:04d}", seed=seed,
                      difficulty=level, mode=asked, canvas=size, puzzle=puzzle, video=videos)
                for (name, _, level, indices), puzzles in zip(jobs, chosen, strict=True)
                for index, puzzle in zip(indices, puzzles, strict=True)
                for turn, asked in enumerate(modes)
            ),
            key=lambda order: (order.task, order.id),
        )  # fmt: skip
        todo = [order for order in orders if not _is_there(order)]
        for _ in track(share(write_question, todo), len(todo), "making questions"):
            pass
    write_manifest(root)
    return [store.question_folder(root, order.folder_task, order.id) for order in orders]


def _check(count: int, difficulty: int | None, modes: Sequence[str], size: Size) -> None:
    for mode in modes:
        if mode not in MODES:
            raise UsageError(f"mode = {mode!r}: one of {', '.join(MODES)}")
    if not modes:
        raise UsageError(f"mode = none: one or more of {', '.join(MODES)}")
    if difficulty is not None and difficulty not in range(1, 6):
        raise UsageError(f"difficulty = {difficulty}: from 1 to 5")
    if count < 1:
        raise UsageError(f"count = {count}: at least 1")
    if min(size) < 64 or max(size) > 2048 or size[0] % 2 or size[1] % 2:
        raise UsageError(f"size = {size[0]}x{size[1]}: both sides even, from 64 to 2048 pixels")


def _levels(count: int, difficulty: int | None) -> list[tuple[int, list[int]]]:
    """Which question numbers have which difficulty."""
    if difficulty is not None:
        return [(difficulty, list(range(count)))]
    return [(level, list(range(level - 1, count, 5))) for level in range(1, 6) if level <= count]


def _choose_for(job: tuple[str, int, int, list[int]]) -> list[dict[str, Any]]:
    return _choose(*job)


def _choose(name: str, seed: int, difficulty: int, indices: list[int]) -> list[dict[str, Any]]:
    """Different puzzles for question numbers of one difficulty. Each depends on those before it and on nothing else."""
    family = TASKS[name]
    seen: set[str] = set()
    puzzles = []
    for index in indices:
        for attempt in range(_TRIES):
            rng = stream("puzzle", name, family.version, seed, difficulty, index, attempt)
            puzzle = family.generate(rng, difficulty)
            key = puzzle.model_dump_json()
            if key not in seen:
                break
        else:
            raise UsageError(
                f"{name} has no more than {len(seen)} different questions at difficulty {difficulty} for this seed",
                f"ask for fewer: --count {len(seen)}",
            )
        seen.add(key)
        puzzles.append(json.loads(key))
    return puzzles


def _is_there(order: Order) -> bool:
    """Whether the same question is there and whole.

    Raises:
        UsageError: another question lies in its place.
    """
    folder = store.question_folder(order.root, order.folder_task, order.id)
    path = folder / "question_metadata.json"
    if not path.is_file():
        if (folder / "first_frame.png").is_file() and not _is_ours(order, folder):
            raise UsageError(f"{folder} holds a question that was brought along", "choose another --questions folder")
        return False
    try:
        old = store.read_record(path, QuestionMetadata)
    except QuestionError as error:
        raise UsageError(str(error), "choose another --questions folder, or move that question away") from None
    family = TASKS[order.task]
    new = _metadata(order, family.version, _plan_length(order), old.sha256)
    if old != new:
        fields = [f for f in QuestionMetadata.model_fields if getattr(old, f) != getattr(new, f)]
        raise UsageError(
            f"{folder} holds another question (other {', '.join(fields)})", "choose another --questions folder"
        )
    if order.video and "ground_truth.mp4" not in old.sha256:
        return False
    return all((folder / name).is_file() and store.sha256(folder / name) == digest
               for name, digest in old.sha256.items())  # fmt: skip


def _is_ours(order: Order, folder: Path) -> bool:
    """Whether a question without metadata is one of ours that was interrupted: it has the picture we would write."""
    family = TASKS[order.task]
    puzzle = family.puzzle_type.model_validate(order.puzzle)
    picture = media.png(family.painter(puzzle, order.canvas)(family.solution(puzzle)[0]))
    return (folder / "first_frame.png").read_bytes() == picture


def _plan_length(order: Order) -> int:
    family = TASKS[order.task]
    return 0 if order.mode == "hold" else len(family.steps(family.puzzle_type.model_validate(order.puzzle)))


def _metadata(order: Order, version: int, plan_length: int, digests: dict[str, str]) -> QuestionMetadata:
    return QuestionMetadata(
        task=order.task,
        id=order.id,
        task_version=version,
        seed=order.seed,
        difficulty=order.difficulty,
        mode=order.mode,
        plan_length=plan_length,
        puzzle=order.puzzle,
        canvas=order.canvas,
        sha256=digests,
    )


def write_question(order: Order) -> Path:
    """Draw a question and write its files; the metadata, written last, says that it is whole."""
    family = TASKS[order.task]
    puzzle = family.puzzle_type.model_validate(order.puzzle)
    folder = store.question_folder(order.root, order.folder_task, order.id)
    states = family.solution(puzzle)
    if order.mode == "hold":
        states = states[:1]
    draw = family.painter(puzzle, order.canvas)
    rng = stream("prompt", order.task, family.version, order.seed, order.id, order.mode)
    store.write_bytes(folder / "first_frame.png", media.png(draw(states[0])))
    store.write_bytes(folder / "final_frame.png", media.png(draw(states[-1])))
    store.write_text(folder / "prompt.txt", family.prompt(puzzle, order.mode, rng) + "\n")
    names = ["final_frame.png", "first_frame.png", "prompt.txt"]
    if order.video:
        video = family.render(puzzle, states, order.canvas)
        media.write_video(folder / "ground_truth.mp4", video, FPS, media.DRAWN)
        names.append("ground_truth.mp4")
    digests = {name: store.sha256(folder / name) for name in sorted(names)}
    store.write_record(
        folder / "question_metadata.json", _metadata(order, family.version, _plan_length(order), digests)
    )
    return folder


def write_manifest(root: Path) -> None:
    """manifest.json: every question of the set that the kit made, in order."""
    entries = []
    for path in sorted(root.glob("*_task/*/question_metadata.json")):
        metadata = store.read_record(path, QuestionMetadata)
        entries.append(
            {
                "folder": path.parent.relative_to(root).as_posix(),
                **metadata.model_dump(include={"task", "difficulty", "mode", "seed", "plan_length"}, mode="json"),
                "sha256": store.sha256(path),
            }
        )
    store.write_text(root / store.MANIFEST, store.dumps({"questions": entries}))


def make_tests(root: Path | str, seed: int = DEFAULT_SEED) -> list[Path]:
    """The two committed questions `tests_0001` (a maze) and `tests_0002` (a sudoku), for trying an installation."""
    folders = []
    for question_id, name in (("tests_0001", "maze"), ("tests_0002", "sudoku")):
        puzzle = _choose(name, seed, 1, [0])[0]
        order = Order(root=Path(root), task=name, folder_task="tests", id=question_id, seed=seed, difficulty=1,
                      mode="solve", canvas=DEFAULT_CANVAS, puzzle=puzzle)  # fmt: skip
        folders.append(write_question(order))
    return folders
