"""The contract that every task keeps: the right video passes, cheap videos fail, and no transform changes a verdict.

`vmevalkit check task NAME` runs it for a person who adds a family; the test suite runs it over the registry. Videos are
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

from vmevalkit import defaults, media, store
from vmevalkit.defaults import DEFAULT_CANVAS
from vmevalkit.errors import UsageError
from vmevalkit.media import Frame, Frames, Planes, Views
from vmevalkit.runner.make import make
from vmevalkit.tasks.base import FPS, FRAMES, TASKS, Task, as_frames, stream
from vmevalkit.tasks.toolkit.vision import to_view, view_size
from vmevalkit.types import GenerationResult, Geometry, Mode, Record, Size, Verdict

# Videos that must be worth next to nothing, not only fail.
WORTHLESS = frozenset({"still", "still_with_noise", "black", "white", "noise", "crossfade"})
_NEAR_NOTHING = 0.02
# From a question's seed to that of the other question, whose video must not pass.
_ANOTHER = 1000
# The canvas of most drawn videos: that of the verifiers' view, because videos are drawn for their verdicts alone.
SMALL: Size = (360, 240)


class Trial(Record):
    """A video, how it went to the verifier, what the contract expects of it, and what the verifier said."""

    task: str
    difficulty: int
    mode: Mode
    seed: int
    video: str
    how: str
    passes: bool
    own: bool
    verdict: Verdict

    @property
    def worthless(self) -> bool:
        """Whether the video must get next to nothing. A noisy still does hold still, after a fashion."""
        return self.video in WORTHLESS and not self.passes and self.mode != "hold"

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is what the contract demands."""
        if self.worthless and self.verdict.value > _NEAR_NOTHING:
            return False
        return self.verdict.passed == self.passes

    def __str__(self) -> str:
        should = "pass" if self.passes else "fail"
        if self.worthless:
            should = f"fail with value <= {_NEAR_NOTHING}"
        return (
            f"{self.task} difficulty {self.difficulty} mode {self.mode} seed {self.seed}: video '{self.video}' "
            f"({self.how}) should {should}, but: {self.verdict.reason}, value {self.verdict.value:.3f}"
        )


@dataclass(frozen=True)
class Video:
    """A video to be judged: its name, how to draw it with a frame count, and whether it must pass.

    `own` videos are the family's, not the same for all.
    """

    name: str
    draw: Callable[[int], Frames]
    passes: bool
    own: bool = False


@dataclass(frozen=True)
class Transform:
    """What happens to a video between the model and the scorer, always through a real file."""

    name: str
    picture: Callable[[Frame], Frame] = lambda frame: frame
    frames: int = FRAMES
    fps: float = FPS
    crf: int = 18


# ----------------------------------------------------------------------------------------------------------- videos


def videos(task: Task[Any, Any], puzzle: Any, other: Any, mode: Mode, canvas: Size = SMALL) -> Iterator[Video]:
    """Every video of the contract for one puzzle. `other` is another puzzle of the family."""
    states = task.solution(puzzle)

    def shot(of: Sequence[Any], scene: Any = puzzle, object_scale: float = 1) -> Callable[[int], Frames]:
        return lambda count: as_frames(task.render(scene, of, canvas, count, object_scale))

    # Drawn once for the many videos that are made of it.
    truth = lru_cache(maxsize=2)(shot(states))
    solving = mode != "hold"
    draw = task.painter(puzzle, canvas)
    first, last = draw(states[0]), draw(states[-1])
    still = lru_cache(maxsize=1)(lambda n: np.repeat(first[None], n, axis=0))

    yield Video("ground_truth", truth, solving)
    yield Video("still", still, not solving)
    yield from _smears("" if solving else "still_", truth if solving else still)
    yield Video("still_with_noise", lambda n: _noisy(still(n)), False)
    yield Video("black", lambda n: np.zeros((n, *first.shape), np.uint8), False)
    yield Video("white", lambda n: np.full((n, *first.shape), 255, np.uint8), False)
    yield Video("noise", lambda n: np.random.default_rng(0).integers(0, 256, (n, *first.shape), dtype=np.uint8), False)
    yield Video("crossfade", lambda n: crossfade(first, last, n), False)
    yield Video("cut_half_way", lambda n: _cut(first, last, n, n // 2), False)
    yield Video("another_question", shot(task.solution(other), other), False)
    yield Video("redrawn_elsewhere", lambda n: _elsewhere(truth(n), _shift(round(0.09 * canvas[0]))), False)
    yield Video("extra_object", lambda n: _with_object(truth(n) if solving else still(n)), False)
    if not solving:
        return
    for name, (across, down) in {
        "wipe_right": (1, 0), "wipe_left": (-1, 0), "wipe_down": (0, 1), "wipe_up": (0, -1),
        "wipe_aslant": (1, 1), "wipe_back_aslant": (-1, 1),
    }.items():  # fmt: skip
        yield Video(name, lambda n, x=across, y=down: _wipe(first, last, n, x, y), False)  # type: ignore[misc]
    yield Video("dissolve", lambda n: _dissolve(first, last, n), False)
    yield Video("cut_at_once", lambda n: _cut(first, last, n, 2), False)
    yield Video("cut_late", lambda n: _cut(first, last, n, n - 3), False)
    yield Video("cut_at_the_end", lambda n: _cut(first, last, n, n - 1), False)
    yield Video("flash_of_answer", lambda n: np.stack([last if i == n // 2 else first for i in range(n)]), False)
    yield Video("flashing", lambda n: _flashing(truth(n), first), False)
    yield Video("reversed", lambda n: truth(n)[::-1], False)
    if np.mean(first != first[:, ::-1]) > 0.005:
        yield Video("mirrored", lambda n: truth(n)[:, :, ::-1], False)
    yield Video("zoomed_out", lambda n: _elsewhere(truth(n), _zoomed_out), False)
    # Where things appear for good, or fill where they go, what follows them is hidden by them.
    if _differs(_trailing(truth(FRAMES)), truth(FRAMES)) > 0.3 * _differs(truth(FRAMES), first[None]):
        yield Video("two_at_once", lambda n: _trailing(truth(n)), False)
    yield Video("ghosts", lambda n: _ghosts(truth(n)), False)
    yield Video("stopped_halfway", lambda n: _stopped(truth(n)), False)
    yield Video("solved_then_undone", shot([*states, *states[-2::-1]]), False)
    yield Video("solved_then_destroyed", lambda n: _destroyed(truth(n)), False)
    for name, cheat in task.cheats(puzzle).items():
        yield Video(name, shot(cheat), False, own=True)
    # Twice as many frames, so that each step can still be seen where the pace is quicker.
    yield Video("slower", lambda n: truth(2 * n), True)
    yield Video("faster", lambda n: _paced(truth(2 * n), lambda t: 1.5 * t), True)
    yield Video("other_pace", lambda n: _paced(truth(2 * n), lambda t: t * t * (3 - 2 * t)), True)
    yield Video("with_pauses", lambda n: _paused(truth(n)), True)
    yield Video("larger", shot(states, object_scale=1.08), True)
    yield Video("smaller", shot(states, object_scale=0.92), True)
    for name, other_way in task.alternatives(puzzle).items():
        yield Video(name, shot(other_way), True, own=True)


def _smears(prefix: str, draw: Callable[[int], Frames]) -> Iterator[Video]:
    """What a good video model may do to a right video."""
    yield Video(f"{prefix}blended", lambda n: _blended(draw(2 * n)), True)
    yield Video(f"{prefix}blurred", lambda n: _each(draw(n), lambda f, t: _blur(f.shape[1] / 400)(f)), True)
    yield Video(f"{prefix}color_drift", lambda n: _each(draw(n), _tinted), True)
    yield Video(f"{prefix}camera_drift", lambda n: _each(draw(n), _drifted), True)


def _each(frames: Frames, change: Callable[[Frame, float], Frame]) -> Frames:
    """Every frame changed; `change` is told the share of the video that has passed."""
    return np.stack([change(frame, i / max(1, len(frames) - 1)) for i, frame in enumerate(frames)])


def _tinted(frame: Frame, t: float) -> Frame:
    gains = 1 + t * np.array([0.05, -0.02, -0.05], np.float32)
    return np.clip(frame * gains + 0.5, 0, 255).astype(np.uint8)


def _drifted(frame: Frame, t: float) -> Frame:
    """The camera drifts by 1 % of the width."""
    image = Image.fromarray(frame)
    far = 0.01 * image.width * t
    # The picture is moved in one that goes on beyond its edge, so that no black comes in.
    wide = Image.fromarray(np.pad(frame, ((8, 8), (8, 8), (0, 0)), mode="edge"))
    box = (8 - far, 8 - far / 2, 8 - far + image.width, 8 - far / 2 + image.height)
    return np.asarray(wide.resize(image.size, Image.Resampling.BILINEAR, box=box))


def _blended(frames: Frames) -> Frames:
    pairs = frames.astype(np.uint16)
    mixed: Frames = ((pairs[:-1] + pairs[1:] + 1) // 2).astype(np.uint8)
    return mixed


def _paced(frames: Frames, pace: Callable[[float], float]) -> Frames:
    count = len(frames)
    return frames[[min(count - 1, round(min(1.0, pace(i / (count - 1))) * (count - 1))) for i in range(count)]]


def _paused(frames: Frames) -> Frames:
    count = len(frames)
    stops = {round(count * share) for share in (0.3, 0.55, 0.8)}
    return frames[[i for i in range(count) for _ in range(1 + 5 * (i in stops))]]


def _noisy(frames: Frames) -> Frames:
    noise = np.random.default_rng(0).normal(0, 25, frames.shape)
    return np.clip(frames + noise, 0, 255).astype(np.uint8)


def crossfade(first: Frame, last: Frame, count: int) -> Frames:
    """The start turns into the answer evenly, over the whole video."""
    weights = np.linspace(0.0, 1.0, count, dtype=np.float32)
    return np.stack([(first * (1 - w) + last * w).round().astype(np.uint8) for w in weights])


def _cut(first: Frame, last: Frame, count: int, at: int) -> Frames:
    return np.stack([first if i < at else last for i in range(count)])


def _wipe(first: Frame, last: Frame, count: int, across: int, down: int) -> Frames:
    """The answer is uncovered along a straight line that sweeps over the picture."""
    height, width = first.shape[:2]
    ys, xs = np.mgrid[:height, :width]
    along = across * xs + down * ys
    along = along.astype(np.float32)
    along = (along - along.min()) / (along.max() - along.min())
    ends = np.clip((np.arange(count) - 2) / (count * 0.85), -0.01, 1.01)
    return np.stack([np.where((along <= end)[..., None], last, first) for end in ends])


def _dissolve(first: Frame, last: Frame, count: int) -> Frames:
    """The answer replaces the start in blocks, in random order."""
    height, width = first.shape[:2]
    side = max(8, width // 24)
    rows, columns = -(-height // side), -(-width // side)
    when = np.random.default_rng(0).permutation(rows * columns).reshape(rows, columns) / (rows * columns)
    when = np.kron(when, np.ones((side, side)))[:height, :width]
    ends = np.clip((np.arange(count) - 2) / (count * 0.85), 0.0, 1.0)
    return np.stack([np.where((when < end)[..., None], last, first) for end in ends])


def _flashing(truth: Frames, first: Frame) -> Frames:
    count = len(truth)
    return np.stack([first if i % 2 and i < count - 4 else frame for i, frame in enumerate(truth)])


def _elsewhere(truth: Frames, change: Callable[[Frame], Frame]) -> Frames:
    """After a third, the scene is redrawn otherwise."""
    return np.stack([change(frame) if i >= len(truth) // 3 else frame for i, frame in enumerate(truth)])


def _zoomed_out(frame: Frame) -> Frame:
    height, width = frame.shape[:2]
    small = Image.fromarray(frame).resize((round(width * 0.86), round(height * 0.86)), Image.Resampling.BILINEAR)
    paper = Image.new("RGB", (width, height), tuple(frame[4, 4].tolist()))
    paper.paste(small, (round(width * 0.07), round(height * 0.07)))
    return np.asarray(paper)


def _with_object(truth: Frames) -> Frames:
    """From the middle on there is a thing that does not belong there, where the picture is plain."""
    height, width = truth.shape[1:3]
    side = round(0.06 * width)
    seen = truth[:: max(1, len(truth) // 12)].astype(np.int16)
    busy = (seen.max(0) - seen.min(0)).max(2) + (np.abs(np.diff(seen[-1], axis=0, prepend=seen[-1][:1])).max(2))
    busy = busy + np.abs(np.diff(seen[-1], axis=1, prepend=seen[-1][:, :1])).max(2)
    spots = [(y, x) for y in range(8, height - side - 8, side // 2) for x in range(8, width - side - 8, side // 2)]
    middle = (height / 2, width / 2)
    y, x = min(spots, key=lambda at: (int(busy[at[0] : at[0] + side, at[1] : at[1] + side].sum()),
                                      abs(at[0] - middle[0]) + abs(at[1] - middle[1])))  # fmt: skip
    frames: Frames = truth.copy()
    ground = truth[-1, y : y + side, x : x + side].mean((0, 1))
    color = max(((200, 30, 110), (30, 170, 90), (250, 220, 60)), key=lambda c: float(np.abs(ground - c).sum()))
    frames[len(truth) // 2 :, y : y + side, x : x + side] = color
    return frames


def _trailing(truth: Frames) -> Frames:
    """A copy of what moves follows it, and merges with it before the end."""
    lag, until = max(2, len(truth) // 6), round(len(truth) * 0.88)
    first = truth[0]
    return np.stack([
        np.where((frame != first).any(2, keepdims=True), frame, truth[i - lag]) if lag <= i < until else frame
        for i, frame in enumerate(truth)
    ])  # fmt: skip


def _differs(a: Frames, b: Frames) -> float:
    """The largest share of a frame that clearly differs."""
    return float((np.abs(a.astype(np.int16) - b) > 60).mean((1, 2, 3)).max())


def _ghosts(truth: Frames) -> Frames:
    """All places and looks of the video shine through it, half-transparent, until shortly before the end."""
    first = truth[0].astype(np.float32)
    haze = first
    for frame in truth[:: max(1, len(truth) // 16)]:
        there = (frame != truth[0]).any(2, keepdims=True)
        haze = np.where(there, 0.55 * haze + 0.45 * frame, haze)
    until = round(len(truth) * 0.88)
    frames = [
        np.where((frame != truth[0]).any(2, keepdims=True), frame, haze.round().astype(np.uint8)) for frame in truth
    ]
    return np.stack([frame if 2 < i < until else truth[i] for i, frame in enumerate(frames)])


def _stopped(truth: Frames) -> Frames:
    """The video stops in the middle of what happens."""
    moving = [i for i in range(1, len(truth)) if not np.array_equal(truth[i], truth[i - 1])]
    stop = moving[len(moving) // 2]
    return np.concatenate([truth[:stop], np.repeat(truth[stop][None], len(truth) - stop, axis=0)])


def _destroyed(truth: Frames) -> Frames:
    """The answer is reached, then the picture turns into its negative."""
    frames: Frames = truth.copy()
    frames[-2:] = 255 - truth[-2:]
    return frames


# ------------------------------------------------------------------------------------------------------ transforms


def _placed(size: Size, fit: Any) -> Callable[[Frame], Frame]:
    return lambda frame: np.asarray(media.place(Image.fromarray(frame), size, fit)[0])


def _pillow(change: Callable[[Image.Image], Image.Image]) -> Callable[[Frame], Frame]:
    return lambda frame: np.asarray(change(Image.fromarray(frame)))


def _blur(radius: float) -> Callable[[Frame], Frame]:
    return _pillow(lambda image: image.filter(ImageFilter.GaussianBlur(radius)))


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
    Transform("blur 1.5", _blur(1.5)),
    Transform("brightness +10 %", _brightness(1.1)),
    Transform("brightness -10 %", _brightness(0.9)),
    Transform("contrast +10 %", _contrast(1.1)),
    Transform("contrast -10 %", _contrast(0.9)),
    Transform("shift 2 px", _shift(2)),
)


def through_file(
    video: Video, transform: Transform, first: Frame, canvas: Size, folder: Path
) -> tuple[Views, Geometry]:
    """Draw, transform, write as mp4, find the canvas again, and read back."""
    path = folder / "video.mp4"
    frames = video.draw(transform.frames)
    media.write_video(
        path, (transform.picture(f) for f in frames), transform.fps, {**media.USUAL, "crf": str(transform.crf)}
    )
    paper = Image.fromarray(first)
    return media.read_canvas(path, lambda _, first: media.register(first(), paper), view_size(canvas))


# -------------------------------------------------------------------------------------------------------- checking


def puzzle_of(task: Task[Any, Any], difficulty: int, seed: int) -> Any:
    """The contract's own puzzle for a difficulty and seed."""
    return task.generate(stream("contract", task.name, difficulty, seed), difficulty)


def try_videos(
    task: Task[Any, Any],
    difficulty: int,
    mode: Mode,
    seed: int,
    canvas: Size = SMALL,
    frames: int = FRAMES,
    names: Sequence[str] = (),
) -> Iterator[Trial]:
    """Judge every video of one question, drawn directly, or those that are named."""
    puzzle, other = puzzle_of(task, difficulty, seed), _another(task, difficulty, seed)
    read = task.reader(puzzle, canvas)
    for video in videos(task, puzzle, other, mode, canvas):
        if names and video.name not in names:
            continue
        verdict = task.verify(puzzle, views(video.draw(frames)), mode, canvas, read)
        how = f"drawn at {canvas[0]}x{canvas[1]}"
        yield Trial(task=task.name, difficulty=difficulty, mode=mode, seed=seed, video=video.name, how=how,
                    passes=video.passes, own=video.own, verdict=verdict)  # fmt: skip


def try_transform(
    task: Task[Any, Any], difficulty: int, mode: Mode, seed: int, transform: Transform, names: Sequence[str]
) -> Iterator[Trial]:
    """Judge some videos of one question after a transform, through a real file."""
    puzzle, other = puzzle_of(task, difficulty, seed), _another(task, difficulty, seed)
    first = task.painter(puzzle, DEFAULT_CANVAS)(task.solution(puzzle)[0])
    with tempfile.TemporaryDirectory() as folder:
        for video in videos(task, puzzle, other, mode, DEFAULT_CANVAS):
            if video.name in names:
                frames, _ = through_file(video, transform, first, DEFAULT_CANVAS, Path(folder))
                verdict = task.verify(puzzle, frames, mode)
                yield Trial(task=task.name, difficulty=difficulty, mode=mode, seed=seed, video=video.name,
                            how=transform.name, passes=video.passes, own=video.own, verdict=verdict)  # fmt: skip


def try_task(name: str, seeds: int = 3, progress: Callable[[str], None] = lambda line: None) -> Iterator[Trial]:
    """The whole contract for one task: every difficulty and mode, every video, every transform."""
    task = TASKS[name]
    for difficulty in range(1, 6):
        progress(f"{name}: difficulty {difficulty}")
        for seed in range(seeds):
            # guided differs from solve in the prompt alone; one seed meets the videos at full size.
            yield from try_videos(task, difficulty, "solve", seed, DEFAULT_CANVAS if seed == 0 else SMALL)
            yield from try_videos(task, difficulty, "hold", seed)
        if difficulty <= 2:
            yield from (
                trial.model_copy(update={"how": "17 frames"})
                for trial in try_videos(task, difficulty, "solve", 0, frames=17)
                if trial.video in ("ground_truth", "still", "crossfade", "reversed", "cut_half_way")
            )
        for number, transform in enumerate(TRANSFORMS):
            yield from try_transform(task, difficulty, "solve", number, transform, ("ground_truth", "crossfade"))


def views(frames: Frames) -> Views:
    """A video at the size at which verifiers look at it."""
    small: list[Planes] = []
    for i, frame in enumerate(frames):
        # Videos hold still for long; the same picture need not be made small again.
        small.append(small[-1] if i and np.array_equal(frame, frames[i - 1]) else to_view(frame))
    return np.stack(small)


def _another(task: Task[Any, Any], difficulty: int, seed: int) -> Any:
    return puzzle_of(task, difficulty, seed + _ANOTHER)


# ---------------------------------------------------------------------------------------------- models and scorers


def check(
    kind: str,
    name: str,
    *,
    seeds: int = 2,
    pictures: Path | str = defaults.CHECKS,
    progress: Callable[[str], None] = lambda line: None,
) -> list[str]:
    """Run the contract on one task, model or scorer and say what breaks it, a line each.

    Args:
        name: of what is registered, or a Python file that defines a task.
        pictures: folder for the frames of a task's videos that break the contract.

    Raises:
        UnknownName, UsageError: there is no such thing, or it cannot run on this machine.
    """
    if kind == "task":
        return check_task(name, seeds, Path(pictures), progress)
    if kind == "model":
        return check_model(name)
    if kind == "scorer":
        return check_scorer(name)
    raise UsageError(f"check {kind}: one of task, model, scorer")


def check_task(name: str, seeds: int, pictures: Path, progress: Callable[[str], None]) -> list[str]:
    """Every video and transform; the frames of videos that break the contract are drawn into a folder."""
    names = [name]
    if name.endswith(".py"):
        if not Path(name).is_file():
            raise UsageError(f"{name} is not a file")
        names = TASKS.add_file(name)
        if not names:
            raise UsageError(f"{name} registers no task", "decorate its class with @register_task")
    problems = []
    for task in names:
        for trial in try_task(task, seeds, progress):
            if not trial.as_expected:
                path = pictures / task / f"{trial.video}_{trial.mode}_{trial.difficulty}_{trial.seed}.png"
                store.write_bytes(path, media.png(strip(trial)))
                problems.append(f"{trial}; frames: {path}")
    return problems


def strip(trial: Trial) -> Frame:
    """Twelve frames of a trial's video in two rows: evenly taken, and those around the verdict's evidence."""
    task = TASKS[trial.task]
    puzzle, other = (puzzle_of(task, trial.difficulty, seed) for seed in (trial.seed, trial.seed + _ANOTHER))
    video = next(f for f in videos(task, puzzle, other, trial.mode) if f.name == trial.video)
    frames = video.draw(FRAMES)
    last = len(frames) - 1
    evidence = min(trial.verdict.evidence_frame or 0, last)
    even = np.linspace(0, last, 6).round().astype(int).tolist()
    near = [min(max(0, evidence + k), last) for k in range(-3, 3)]
    rows = [np.concatenate([frames[i] for i in row], axis=1) for row in (even, near)]
    picture: Frame = np.concatenate(rows)
    return picture


def check_model(name: str) -> list[str]:
    """A model answers a question with a video that decodes, twice the same, and never raises for bad input."""
    from vmevalkit.runner.inference import ModelRun

    problems = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        question = make(["maze"], count=1, questions=root / "questions")[0]
        model_run = ModelRun(name, root / "outputs")
        model = model_run.load()
        first, prompt = question / "first_frame.png", (question / "prompt.txt").read_text()
        digests = []
        for attempt in ("a.mp4", "b.mp4"):
            result = GenerationResult.model_validate(model.generate(first, prompt, output_filename=attempt))
            if not result.success:
                return [f"it does not answer: {result.error}"]
            provenance = result.provenance
            info = media.probe(root / "outputs" / attempt)
            if provenance is None or (info.frames, info.size) != (provenance.frames, provenance.size):
                problems.append(f"its provenance does not describe its video: {provenance} but {info}")
            if info.codec != "h264" or info.pixel_format != "yuv420p":
                problems.append(f"its video is {info.codec} {info.pixel_format}, which browsers may not play")
            digests.append(store.sha256(root / "outputs" / attempt))
        if digests[0] != digests[1]:
            problems.append("the same seed gives two different videos")
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
            problems.append("a failed request left a video behind")
        if hasattr(model, "close"):
            model.close()
    return problems


def check_scorer(name: str) -> list[str]:
    """A scorer passes replay, fails still, and calls a missing video missing and a broken one broken."""
    from vmevalkit.runner.inference import generate
    from vmevalkit.runner.score import score
    from vmevalkit.scorers.base import SCORERS

    problems = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        questions, outputs = root / "questions", root / "outputs"
        make(["maze"], count=2, questions=questions)
        generate(["replay", "still"], questions=questions, outputs=outputs, baselines=False)
        for model in ("replay", "still"):
            for question in ("maze_0000", "maze_0001"):
                sample = store.Sample(outputs=outputs, model=model, task="maze", question_id=question)
                SCORERS[name].rehearse(sample, model == "replay")
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
