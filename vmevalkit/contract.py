"""The contract that every task keeps: the right film passes, cheap films fail, and no transform changes a verdict.

`vmevalkit check task NAME` runs it for a person who adds a family; the test suite runs it over the registry. Films are
made from the task's own states, so a new family is attacked without writing an attack.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from vmevalkit import store, video
from vmevalkit.defaults import DEFAULT_CANVAS
from vmevalkit.errors import UsageError
from vmevalkit.runner.questions import make
from vmevalkit.tasks._vision import to_view, view_size
from vmevalkit.tasks.base import FPS, FRAMES, TASKS, Task, as_frames, stream
from vmevalkit.types import MODES, GenerationResult, Geometry, Mode, Record, Size, Verdict
from vmevalkit.video import Frame, Frames

# Films that must be worth next to nothing, not only fail.
WORTHLESS = frozenset({"still", "black", "noise", "crossfade"})
_NEAR_NOTHING = 0.02


class Breach(Record):
    """A film whose verdict is not what the contract demands."""

    task: str
    difficulty: int
    mode: Mode
    seed: int
    film: str
    transform: str
    expected: str
    verdict: Verdict | None = None

    def __str__(self) -> str:
        said = f"{self.verdict.reason}, value {self.verdict.value:.3f}" if self.verdict else "no verdict"
        return (
            f"{self.task} difficulty {self.difficulty} mode {self.mode} seed {self.seed}: film '{self.film}' "
            f"({self.transform}) should {self.expected}, but: {said}"
        )


@dataclass(frozen=True)
class Film:
    """A film to be judged: its name, how to draw it with a frame count, and whether it must pass."""

    name: str
    draw: Callable[[int], Frames]
    passes: bool


@dataclass(frozen=True)
class Transform:
    """What happens to a film between the model and the scorer, always through a real file."""

    name: str
    picture: Callable[[Frame], Frame] = lambda frame: frame
    frames: int = FRAMES
    fps: float = FPS
    crf: int = 18


# ----------------------------------------------------------------------------------------------------------- films


def films(task: Task[Any, Any], puzzle: Any, other: Any, mode: Mode, canvas: Size = DEFAULT_CANVAS) -> Iterator[Film]:
    """Every film of the contract for one puzzle. `other` is another puzzle of the family."""
    states = task.solution(puzzle)

    def shot(scene: Any, of: Sequence[Any]) -> Callable[[int], Frames]:
        return lambda count: as_frames(task.film(scene, of, canvas, count))

    # Drawn once for the several films that are made of it.
    truth = lru_cache(maxsize=1)(shot(puzzle, states))
    solving = mode != "hold"
    first = task.painter(puzzle, canvas)(states[0])
    last = task.painter(puzzle, canvas)(states[-1])
    yield Film("ground_truth", truth, solving)
    yield Film("still", lambda n: np.repeat(first[None], n, axis=0), not solving)
    yield Film("black", lambda n: np.zeros((n, *first.shape), np.uint8), False)
    yield Film("noise", lambda n: np.random.default_rng(0).integers(0, 256, (n, *first.shape), dtype=np.uint8), False)
    yield Film("crossfade", lambda n: _crossfade(first, last, n), False)
    yield Film("jumpcut", lambda n: np.stack([first if i < n // 2 else last for i in range(n)]), False)
    yield Film("reversed", lambda n: truth(n)[::-1], False)
    yield Film("another_question", shot(other, task.solution(other)), False)
    yield Film("stopped_halfway", lambda n: _stopped(truth(n)), False)
    if len(states) > 2:
        yield Film("last_step_missing", shot(puzzle, states[:-1]), False)
    yield Film("solved_then_undone", shot(puzzle, [*states, *states[-2::-1]]), False)
    if solving:
        for name, cheat in task.cheats(puzzle).items():
            yield Film(name, shot(puzzle, cheat), False)
        for name, other_way in task.alternatives(puzzle).items():
            yield Film(name, shot(puzzle, other_way), True)


def _crossfade(first: Frame, last: Frame, count: int) -> Frames:
    weights = np.linspace(0.0, 1.0, count, dtype=np.float32)
    return np.stack([(first * (1 - w) + last * w).round().astype(np.uint8) for w in weights])


def _stopped(truth: Frames) -> Frames:
    """The film stops in the middle of what happens."""
    moving = [i for i in range(1, len(truth)) if not np.array_equal(truth[i], truth[i - 1])]
    stop = moving[len(moving) // 2]
    return np.concatenate([truth[:stop], np.repeat(truth[stop][None], len(truth) - stop, axis=0)])


# ------------------------------------------------------------------------------------------------------ transforms


def _placed(size: Size, fit: Any) -> Callable[[Frame], Frame]:
    return lambda frame: np.asarray(video.place(Image.fromarray(frame), size, fit)[0])


def _pillow(change: Callable[[Image.Image], Image.Image]) -> Callable[[Frame], Frame]:
    return lambda frame: np.asarray(change(Image.fromarray(frame)))


def _brightness(factor: float) -> Callable[[Frame], Frame]:
    return _pillow(lambda image: ImageEnhance.Brightness(image).enhance(factor))


def _contrast(factor: float) -> Callable[[Frame], Frame]:
    return _pillow(lambda image: ImageEnhance.Contrast(image).enhance(factor))


def _shift(pixels: int) -> Callable[[Frame], Frame]:
    def shift(frame: Frame) -> Frame:
        padded = np.pad(frame, ((pixels, 0), (pixels, 0), (0, 0)), mode="edge")
        return padded[: frame.shape[0], : frame.shape[1]]

    return shift


TRANSFORMS: tuple[Transform, ...] = (
    Transform("crf 18"),
    Transform("crf 28", crf=28),
    Transform("crf 35", crf=35),
    Transform("letterbox 720x480", _placed((720, 480), "letterbox")),
    Transform("letterbox 1360x768", _placed((1360, 768), "letterbox")),
    Transform("letterbox 832x480", _placed((832, 480), "letterbox")),
    Transform("letterbox 1024x576", _placed((1024, 576), "letterbox")),
    Transform("stretch 720x480", _placed((720, 480), "stretch")),
    Transform("stretch 640x512", _placed((640, 512), "stretch")),
    Transform("16 fps", frames=97, fps=16),
    Transform("24 fps", frames=145, fps=24),
    Transform("81 frames", frames=81),
    Transform("161 frames", frames=161, fps=16),
    Transform("blur 1.5", _pillow(lambda image: image.filter(ImageFilter.GaussianBlur(1.5)))),
    Transform("brightness +10 %", _brightness(1.1)),
    Transform("brightness -10 %", _brightness(0.9)),
    Transform("contrast +10 %", _contrast(1.1)),
    Transform("contrast -10 %", _contrast(0.9)),
    Transform("shift 2 px", _shift(2)),
)


def through_file(film: Film, transform: Transform, first: Frame, canvas: Size, folder: Path) -> tuple[Frames, Geometry]:
    """Draw, transform, write as mp4, find the canvas again, and read back."""
    path = folder / "film.mp4"
    frames = film.draw(transform.frames)
    video.write_video(path, (transform.picture(f) for f in frames), transform.fps, crf=transform.crf)
    paper = Image.fromarray(first)
    return video.read_canvas(path, lambda shown: video.register(shown, paper), view_size(canvas))


# -------------------------------------------------------------------------------------------------------- checking


def puzzle_of(task: Task[Any, Any], difficulty: int, seed: int) -> Any:
    """The contract's own puzzle for a difficulty and seed."""
    return task.generate(stream("contract", task.name, difficulty, seed), difficulty)


def check_films(
    task: Task[Any, Any], difficulty: int, mode: Mode, seed: int, canvas: Size = DEFAULT_CANVAS
) -> list[Breach]:
    """Judge every film of one question, drawn directly."""
    puzzle, other = puzzle_of(task, difficulty, seed), _another(task, difficulty, seed)
    how = f"drawn at {canvas[0]}x{canvas[1]}"
    breaches = []
    for film in films(task, puzzle, other, mode, canvas):
        verdict = task.verify(puzzle, views(film.draw(FRAMES)), mode, canvas)
        breaches += _judged(task, difficulty, mode, seed, film, how, verdict)
    if difficulty <= 2 and mode != "hold":
        # At the lower difficulties the solution must also fit a short film.
        short = next(films(task, puzzle, other, mode, canvas))
        verdict = task.verify(puzzle, views(short.draw(17)), mode, canvas)
        breaches += _judged(task, difficulty, mode, seed, short, f"17 frames {how}", verdict)
    return breaches


def check_transform(
    task: Task[Any, Any], difficulty: int, mode: Mode, seed: int, transform: Transform, names: Sequence[str]
) -> list[Breach]:
    """Judge some films of one question after a transform, through a real file."""
    puzzle, other = puzzle_of(task, difficulty, seed), _another(task, difficulty, seed)
    first = task.painter(puzzle, DEFAULT_CANVAS)(task.solution(puzzle)[0])
    breaches = []
    with tempfile.TemporaryDirectory() as folder:
        for film in films(task, puzzle, other, mode):
            if film.name in names:
                frames, _ = through_file(film, transform, first, DEFAULT_CANVAS, Path(folder))
                verdict = task.verify(puzzle, frames, mode)
                breaches += _judged(task, difficulty, mode, seed, film, transform.name, verdict)
    return breaches


def check_task(name: str, seeds: int = 3, progress: Callable[[str], None] = lambda line: None) -> list[Breach]:
    """The whole contract for one task: every difficulty and mode, every film, every transform at least once."""
    task = TASKS[name]
    breaches: list[Breach] = []
    for difficulty in range(1, 6):
        for mode in MODES:
            progress(f"{name}: difficulty {difficulty}, mode {mode}")
            for seed in range(seeds):
                breaches += check_films(task, difficulty, mode, seed)
        for number, transform in enumerate(TRANSFORMS):
            progress(f"{name}: difficulty {difficulty}, {transform.name}")
            breaches += check_transform(task, difficulty, "solve", number, transform, ("ground_truth", "crossfade"))
    return breaches


def views(frames: Frames) -> Frames:
    """A film at the size at which verifiers look at it."""
    small: list[Frame] = []
    for i, frame in enumerate(frames):
        # Films hold still for long; the same picture need not be made small again.
        small.append(small[-1] if i and np.array_equal(frame, frames[i - 1]) else to_view(frame))
    return np.stack(small)


def _another(task: Task[Any, Any], difficulty: int, seed: int) -> Any:
    return puzzle_of(task, difficulty, seed + 1000)


def _judged(
    task: Task[Any, Any], difficulty: int, mode: Mode, seed: int, film: Film, how: str, verdict: Verdict
) -> list[Breach]:
    worthless = film.name in WORTHLESS and not film.passes
    fine = verdict.passed == film.passes and not (worthless and verdict.value > _NEAR_NOTHING)
    if fine:
        return []
    expected = "pass" if film.passes else f"fail with value <= {_NEAR_NOTHING}" if worthless else "fail"
    return [Breach(task=task.name, difficulty=difficulty, mode=mode, seed=seed, film=film.name, transform=how,
                   expected=expected, verdict=verdict)]  # fmt: skip


# ---------------------------------------------------------------------------------------------- models and scorers


def check(kind: str, name: str, *, seeds: int = 2, progress: Callable[[str], None] = lambda line: None) -> list[str]:
    """Run the contract on one task, model or scorer and say what breaks it, a line each.

    Raises:
        UnknownName, UsageError: there is no such thing, or it cannot run on this machine.
    """
    if kind == "task":
        return [str(breach) for breach in check_task(name, seeds, progress)]
    if kind == "model":
        return check_model(name)
    if kind == "scorer":
        return check_scorer(name)
    raise UsageError(f"check {kind}: one of task, model, scorer")


def check_model(name: str) -> list[str]:
    """A model answers a question with a film that decodes, twice the same, and never raises for bad input."""
    from vmevalkit.runner.inference import Contender

    problems = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        question = make(["maze"], count=1, questions=root / "questions")[0]
        contender = Contender(name, root / "outputs")
        model = contender.load()
        first, prompt = question / "first_frame.png", (question / "prompt.txt").read_text()
        digests = []
        for attempt in ("a.mp4", "b.mp4"):
            result = GenerationResult.model_validate(model.generate(first, prompt, output_filename=attempt))
            if not result.success:
                return [f"it does not answer: {result.error}"]
            provenance = result.provenance
            info = video.probe(root / "outputs" / attempt)
            if provenance is None or (info.frames, info.size) != (provenance.frames, provenance.size):
                problems.append(f"its provenance does not describe its film: {provenance} but {info}")
            if info.codec != "h264" or info.pixel_format != "yuv420p":
                problems.append(f"its film is {info.codec} {info.pixel_format}, which browsers may not play")
            digests.append(store.sha256(root / "outputs" / attempt))
        if digests[0] != digests[1]:
            problems.append("the same seed gives two different films")
        bad = root / "bad.png"
        bad.write_text("not a picture")
        for case, image, text, options in (
            ("a broken image", bad, prompt, {}),
            ("an empty prompt", first, " ", {}),
            ("an unknown option", first, prompt, {"no_such_option": 1}),
        ):
            if model.generate(image, text, output_filename="c.mp4", **options)["success"]:
                problems.append(f"it accepts {case}")
        if (root / "outputs" / "c.mp4").exists():
            problems.append("a failed request left a film behind")
        if hasattr(model, "close"):
            model.close()
    return problems


def check_scorer(name: str) -> list[str]:
    """A scorer passes replay, fails still, and calls a missing film missing and a broken one broken."""
    from vmevalkit.runner.inference import generate
    from vmevalkit.runner.scoring import score

    problems = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        questions, outputs = root / "questions", root / "outputs"
        make(["maze"], count=2, questions=questions)
        generate(["replay", "still"], questions=questions, outputs=outputs, baselines=False)
        (outputs / "replay/maze_task/maze_0001/video/video.mp4").write_bytes(b"")
        (outputs / "still/maze_task/maze_0001/video/video.mp4").unlink()
        found = {
            (s.model, s.question_id): s
            for s in score(name, questions=questions, outputs=outputs, scores=root / "scores")
        }
        for model, question, expected in (
            ("replay", "maze_0000", "scored passed"),
            ("still", "maze_0000", "scored failed"),
            ("replay", "maze_0001", "broken"),
            ("still", "maze_0001", "missing"),
        ):
            s = found[model, question]
            said = s.status + ({True: " passed", False: " failed", None: ""}[s.passed])
            if said != expected:
                problems.append(f"{model} on {question} should be '{expected}', but is '{said}' ({s.explanation})")
    return problems
