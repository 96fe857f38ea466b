"""Make question sets. The same seed gives the same bytes, in any process, in any spec, with any number of workers."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vmevalkit import defaults, store
from vmevalkit.defaults import DEFAULT_CANVAS, DEFAULT_COUNT, DEFAULT_SEED
from vmevalkit.deprecation import with_old_arguments
from vmevalkit.errors import QuestionError, UsageError
from vmevalkit.progress import track
from vmevalkit.runner.executors.local import process_pool
from vmevalkit.runner.question_writer import QuestionSpec, is_complete, metadata_of, prompt_of, write_question
from vmevalkit.suites import Suite, check_versions, content_digest, content_of, files_digest, load_suite
from vmevalkit.tasks.base import TASKS, random_generator
from vmevalkit.types import MODES, SEEDS, Difficulty, Mode, QuestionMetadata, Record, Size

log = logging.getLogger(__name__)

ALL_DIFFICULTIES: tuple[Difficulty, ...] = (1, 2, 3, 4, 5)
# A task counts as exhausted when this many puzzles in a row have been seen before.
_MAX_REPEATS = 300


class Batch(Record):
    """Questions of one task and difficulty, whose puzzles must differ."""

    task: str
    seed: int
    difficulty: Difficulty
    numbers: tuple[int, ...]


class Selection(Record):
    """Which questions a set has.

    Attributes:
        tasks: their names.
        count: number of puzzles for each task.
        seed: of the puzzles.
        difficulties: in turn.
        modes: each asks about the same puzzles.
        size: of the canvas.
        phrasings: number of prompts for each puzzle and mode; None for one, chosen at random.
    """

    tasks: tuple[str, ...]
    count: int
    seed: int
    difficulties: tuple[Difficulty, ...]
    modes: tuple[Mode, ...]
    size: Size
    phrasings: int | None


@with_old_arguments
def make(
    task: str | Sequence[str] | None = None,
    *,
    suite: str | None = None,
    count: int = DEFAULT_COUNT,
    seed: int = DEFAULT_SEED,
    difficulty: int | None = None,
    mode: Mode | Sequence[Mode] = "solve",
    phrasings: int | None = None,
    size: Size = DEFAULT_CANVAS,
    questions: Path | str = defaults.QUESTIONS,
    videos: bool = True,
    workers: int = 1,
) -> list[Path]:
    """Make questions.

    Questions that exist and are complete are kept, so that a larger `count` adds to a set.

    Args:
        task: names of tasks; None for all.
        suite: name of a frozen question set, which decides everything but `questions`, `videos` and `workers`.
        count: number of questions for each task, mode and phrasing.
        seed: selects the puzzles.
        difficulty: from 1 to 5; None for all in turn.
        mode: `solve`, `guided` or `hold`. With several modes, each asks about the same puzzles.
        phrasings: ask about each puzzle in so many wordings; None for one, chosen at random.
        size: width and height of the canvas in pixels, both even.
        questions: folder of the question set.
        videos: also write ground-truth videos. Without them, a question takes a tenth of the time.
        workers: number of processes.

    Returns:
        The folders of the questions.

    Raises:
        UnknownName, UsageError: the request is not possible; nothing has been written.
    """
    modes = (mode,) if isinstance(mode, str) else tuple(dict.fromkeys(mode))
    _check(count, seed, difficulty, modes, phrasings, size)
    selection = Selection(
        tasks=(task,) if isinstance(task, str) else tuple(task or ()), count=count, seed=seed,
        difficulties=ALL_DIFFICULTIES if difficulty is None else (difficulty,), modes=modes, size=size,
        phrasings=phrasings,
    )  # fmt: skip
    if suite is not None:
        return _make_suite(load_suite(suite), selection, Path(questions), videos, workers)
    selection = selection.model_copy(update={"tasks": selection.tasks or tuple(TASKS)})
    root = Path(questions)
    specs = choose_questions(selection, root, videos, workers)
    _write_all(specs, root, workers)
    return [store.question_folder(root, spec.folder_task, spec.id) for spec in specs]


def _make_suite(suite: Suite, given: Selection, root: Path, videos: bool, workers: int) -> list[Path]:
    """Make the questions of a suite, and no others."""
    plain = Selection(
        tasks=(), count=DEFAULT_COUNT, seed=DEFAULT_SEED, difficulties=ALL_DIFFICULTIES, modes=("solve",),
        size=DEFAULT_CANVAS, phrasings=None,
    )  # fmt: skip
    changed = [name for name in Selection.model_fields if getattr(given, name) != getattr(plain, name)]
    if changed:
        raise UsageError(f"suite {suite.name} decides about {', '.join(changed)}", "leave these options out")
    check_versions(suite)
    specs = choose_questions(selection_of(suite), root, videos, workers)
    digest = content_digest(content_of(metadata_of(spec, 0, {}), prompt_of(spec)) for spec in specs)
    if digest != suite.digest:
        raise UsageError(
            f"this version of vmevalkit makes other questions than suite {suite.name} has (digest {digest})",
            "use the release of vmevalkit that has the suite",
        )
    own = {store.question_folder(root, spec.folder_task, spec.id) for spec in specs}
    others = [path.parent for path in store.iter_metadata_files(root) if path.parent not in own]
    if others:
        raise UsageError(
            f"{root} holds questions that are not in suite {suite.name}, such as {others[0].name}",
            "choose another --questions folder",
        )
    _write_all(specs, root, workers, suite)
    made = [store.read_record(store.question_folder(root, spec.folder_task, spec.id) / "question_metadata.json",
                              QuestionMetadata) for spec in specs]  # fmt: skip
    if videos and files_digest(made) != suite.files_digest:
        log.warning(
            "the images and videos of %s differ in bytes from those with which the suite was frozen; other versions of "
            "the libraries draw and encode differently. Puzzles and prompts are the same",
            root,
        )
    return sorted(own)


def selection_of(suite: Suite) -> Selection:
    """Return which questions a suite has."""
    return Selection(
        tasks=tuple(suite.tasks), count=suite.count, seed=suite.seed, difficulties=suite.difficulties,
        modes=suite.modes, size=suite.size, phrasings=suite.phrasings,
    )  # fmt: skip


def choose_questions(selection: Selection, root: Path, videos: bool = True, workers: int = 1) -> list[QuestionSpec]:
    """Choose puzzles, and return the questions about them, sorted by task and id. Nothing is written.

    Raises:
        UnknownName: there is no such task.
        UsageError: a task has fewer puzzles or phrasings.
    """
    for name in selection.tasks:
        TASKS[name]
    batches = [
        Batch(task=name, seed=selection.seed, difficulty=level, numbers=tuple(numbers))
        for name in selection.tasks
        for level, numbers in _numbers_by_level(selection.count, selection.difficulties)
    ]
    wordings = [None] if selection.phrasings is None else list(range(selection.phrasings))
    variants = [(mode, phrasing) for mode in selection.modes for phrasing in wordings]
    with process_pool(min(workers, len(batches))) as parallel_map:
        specs = [
            QuestionSpec(
                root=root, task=batch.task, folder_task=batch.task,
                id=f"{batch.task}_{number * len(variants) + offset:04d}", seed=selection.seed,
                difficulty=batch.difficulty, mode=mode, canvas=selection.size, puzzle=puzzle, phrasing=phrasing,
                video=videos,
            )
            for batch, puzzles in zip(batches, parallel_map(choose_puzzles, batches), strict=True)
            for number, puzzle in zip(batch.numbers, puzzles, strict=True)
            for offset, (mode, phrasing) in enumerate(variants)
        ]  # fmt: skip
    specs.sort(key=lambda spec: (spec.task, spec.id))
    for name in selection.tasks:  # a task may have fewer phrasings
        prompt_of(next(spec for spec in reversed(specs) if spec.task == name))
    return specs


def _write_all(specs: Sequence[QuestionSpec], root: Path, workers: int, suite: Suite | None = None) -> None:
    with (
        process_pool(min(workers, len(specs))) as parallel_map,
        store.locked(root / ".lock", f"making questions in {root}"),
    ):
        todo = [spec for spec in specs if not is_complete(spec)]
        if todo:
            store.remove_temporary(root)
        for _ in track(parallel_map(write_question, todo), len(todo), "making questions"):
            pass
        write_manifest(root, suite)


def _check(
    count: int, seed: int, difficulty: int | None, modes: Sequence[str], phrasings: int | None, size: Size
) -> None:
    for mode in modes:
        if mode not in MODES:
            raise UsageError(f"mode = {mode!r}: must be one of {', '.join(MODES)}")
    if not modes:
        raise UsageError(f"no mode: name one or more of {', '.join(MODES)}")
    if difficulty is not None and difficulty not in ALL_DIFFICULTIES:
        raise UsageError(f"difficulty = {difficulty}: must be from 1 to 5")
    if seed not in SEEDS:
        raise UsageError(f"seed = {seed}: seeds have at most 18 digits")
    if count < 1:
        raise UsageError(f"count = {count}: must be at least 1")
    if phrasings is not None and phrasings < 1:
        raise UsageError(f"phrasings = {phrasings}: must be at least 1")
    if min(size) < 64 or max(size) > 2048 or size[0] % 2 or size[1] % 2:
        raise UsageError(f"size = {size[0]}x{size[1]}: both sides must be even, from 64 to 2048 pixels")


def _numbers_by_level(count: int, difficulties: Sequence[Difficulty]) -> list[tuple[Difficulty, range]]:
    """Return the numbers of the puzzles of each difficulty."""
    turns = range(min(count, len(difficulties)))
    return [(difficulties[turn], range(turn, count, len(difficulties))) for turn in turns]


def choose_puzzles(batch: Batch) -> list[dict[str, Any]]:
    """Generate different puzzles for the questions of a batch. Each depends only on those before it.

    Raises:
        UsageError: the task has fewer different puzzles, or generates no puzzles.
    """
    task = TASKS[batch.task]
    seen: set[str] = set()
    puzzles = []
    for number in batch.numbers:
        for attempt in range(_MAX_REPEATS):
            rng = random_generator("puzzle", batch.task, task.version, batch.seed, batch.difficulty, number, attempt)
            puzzle = task.generate(rng, batch.difficulty)
            if not isinstance(puzzle, task.puzzle_type):
                kinds = f"{type(puzzle).__name__}, not {task.puzzle_type.__name__}"
                raise UsageError(f"generate of task {batch.task} returned {kinds}", "correct the task")
            key = puzzle.model_dump_json()
            if key not in seen:
                break
        else:
            raise UsageError(
                f"{batch.task} has only {len(seen)} different questions at difficulty {batch.difficulty} for this seed",
                f"reduce the count: --count {len(seen)}",
            )
        seen.add(key)
        puzzles.append(json.loads(key))
    return puzzles


def write_manifest(root: Path, suite: Suite | None = None) -> None:
    """Write manifest.json, the list of the questions in a set that the kit made.

    Args:
        root: folder of the question set.
        suite: which the set is.
    """
    entries = []
    for path in store.iter_metadata_files(root):
        try:
            metadata = store.read_record(path, QuestionMetadata)
        except QuestionError as error:
            log.warning("%s; the question is not in %s", error, store.MANIFEST)
            continue
        entries.append(
            {
                "folder": path.parent.relative_to(root).as_posix(),
                **metadata.model_dump(include={"task", "difficulty", "mode", "seed", "plan_length"}, mode="json"),
                "sha256": store.sha256(path),
            }
        )
    of_suite = {} if suite is None else {"suite": suite.name, "suite_digest": suite.digest}
    store.write_text(root / store.MANIFEST, store.dumps({**of_suite, "questions": entries}))


def make_tests(root: Path | str, seed: int = DEFAULT_SEED) -> list[Path]:
    """Make the two committed questions, a maze and a sudoku, with which an installation is tested."""
    folders = []
    for question_id, name in (("tests_0001", "maze"), ("tests_0002", "sudoku")):
        puzzle = choose_puzzles(Batch(task=name, seed=seed, difficulty=1, numbers=(0,)))[0]
        spec = QuestionSpec(root=Path(root), task=name, folder_task="tests", id=question_id, seed=seed, difficulty=1,
                      mode="solve", canvas=DEFAULT_CANVAS, puzzle=puzzle)  # fmt: skip
        folders.append(write_question(spec))
    return folders
