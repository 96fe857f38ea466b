"""What every puzzle family is: a generator, a painter, a video and a verifier, all speaking of states.

A state is a small immutable value that says everything about a moment of the puzzle: where the agent is, which cells
are filled. The solution is a list of states; a video is a list of states drawn with what lies between them; verifying
is reading states from frames and judging the sequence. So the same few methods make a question, its ground truth, every
cheat that the contract test tries, and the verdict.
"""

from __future__ import annotations

import hashlib
import random
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, Literal, TypeVar

import numpy as np

from vmevalkit.defaults import DEFAULT_CANVAS
from vmevalkit.media import Frame, Frames, Planes, Views
from vmevalkit.registry import Registry
from vmevalkit.tasks.toolkit.vision import downscale_of, is_grainy, looks_like, shows, to_planes
from vmevalkit.types import Mode, Record, Size, Verdict

P = TypeVar("P", bound=Record)
S = TypeVar("S")

# What a task tests. A task may have several tags.
Tag = Literal["planning", "logic", "physics", "geometry", "counting", "memory", "perception", "navigation"]

FRAMES = 49
FPS = 8.0
# A video shows the start for 6 % of its frames and holds the answer for at least 10 %.
_HEAD, _TAIL = 0.06, 0.10
# One step takes at most a quarter of the video, so that short plans do not crawl.
_SLOWEST_STEP = 0.25
# Frames in which the scene may be damaged before the video fails: one in twenty, for a model's short glitch.
_KEPT = 0.95
# The start must be readable within the first sixth of the video, and the end within the last two frames.
_START_WITHIN = 1 / 6


class Reading(Generic[S]):
    """What one frame shows: a state or None (in between, unreadable), and whether the rest of the scene is intact."""

    __slots__ = ("note", "scene_intact", "state")

    def __init__(self, state: S | None, scene_intact: bool = True, note: str = "unreadable") -> None:
        self.state = state
        self.scene_intact = scene_intact
        self.note = note


Painter = Callable[[S], Frame]
Reader = Callable[[Planes], Reading[S]]


class Task(ABC, Generic[P, S]):
    """A puzzle family. Subclasses are pure: every method depends on its arguments alone.

    Class attributes:
        name: of the family; the module's name.
        version: raised when questions or verdicts change.
        puzzle_type: the record that describes one puzzle.
        tags: what the task tests.
        reasons: sentences for the family's own reason codes.
        rubric: for who judges by eye, what is right by criterion (see `CRITERIA`). What is left out is made from
            `summary` and `reasons`.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    puzzle_type: type[P]
    tags: ClassVar[tuple[Tag, ...]] = ()
    reasons: ClassVar[dict[str, str]] = {}
    rubric: ClassVar[dict[str, str]] = {}

    @property
    def summary(self) -> str:
        """First sentence of the family's module docstring, without its name."""
        text = (sys.modules[type(self).__module__].__doc__ or "").strip().split("\n")[0]
        return text.partition(": ")[2] or text

    @property
    def levels(self) -> Mapping[int, Any]:
        """Settings of each difficulty, with named fields: `LEVELS` of the task's module; empty if it has none."""
        return getattr(sys.modules[type(self).__module__], "LEVELS", {})

    # ------------------------------------------------------------------------------------------- making questions

    @abstractmethod
    def generate(self, rng: random.Random, difficulty: int) -> P:
        """One puzzle of a difficulty from 1 to 5. All randomness comes from `rng`."""

    @abstractmethod
    def solution(self, puzzle: P) -> list[S]:
        """The states of one right solution: the start, then the state after each step."""

    @abstractmethod
    def steps(self, puzzle: P) -> list[str]:
        """The plan in words, one short imperative per step of `solution`."""

    @abstractmethod
    def phrasings(self, puzzle: P) -> Sequence[str]:
        """Ways to ask for the solution. Each names the scene, the goal and the rules, in plain words."""

    @abstractmethod
    def painter(self, puzzle: P, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[S]:
        """A function that draws any state, legal or not. Called for each frame: keep what stays.

        Args:
            canvas: the size that the drawing is laid out for.
            shrink: how many times smaller the pictures are (see `Sketch`); verifiers look at small ones.
            swell: size of what moves or appears, relative to the question's; verdicts must not depend on a little.
        """

    @abstractmethod
    def between(self, puzzle: P, a: S, b: S, t: float) -> S:
        """The moving state a share `t` (0 < t < 1) of the way from one state to the next."""

    @abstractmethod
    def cheats(self, puzzle: P) -> dict[str, list[S]]:
        """State lists that must fail, by name: right ends by an illegal step, and `nearly_...` right ends."""

    def alternatives(self, puzzle: P) -> dict[str, list[S]]:
        """Other state lists that are right, by name. Their videos must pass."""
        return {}

    # ----------------------------------------------------------------------------------------------------- judging

    @abstractmethod
    def reader(self, puzzle: P, canvas: Size) -> Reader[S]:
        """A function that reads a frame's planes at the view's size (see `_vision`)."""

    @abstractmethod
    def illegal(self, puzzle: P, a: S, b: S) -> str | None:
        """Why going from one read state to the next breaks the rules (a reason code), or None."""

    @abstractmethod
    def progress(self, puzzle: P, state: S) -> float:
        """How near a state is to the answer: 0 at the start, 1 exactly when it is the answer."""

    @abstractmethod
    def same(self, puzzle: P, a: S, b: S) -> bool:
        """Whether two read states are the same for the eye."""

    def judge(self, puzzle: P, readings: Sequence[Reading[S]]) -> Verdict:
        """Decide about the sequence of readings in mode solve or guided."""
        count = len(readings)
        preservation = _preservation(readings)
        first = next((i for i, r in enumerate(readings) if r.state is not None and r.scene_intact), None)
        if first is None or first > max(2, count * _START_WITHIN):
            return self._verdict("scene_lost", 0, 0, min(preservation, 0.99), _first_lost(readings))
        state = readings[first].state
        assert state is not None
        start = self.solution(puzzle)[0]
        if not self.same(puzzle, state, start):
            return self._verdict("wrong_start", 0, 0, preservation, first)
        credit, violation = 0.0, None
        changed = None
        for i in range(first + 1, count):
            seen = readings[i].state
            if seen is None:
                continue
            violation = self.illegal(puzzle, state, seen)
            if violation:
                break
            if changed is None and not self.same(puzzle, start, seen):
                changed = i
            state = seen
            credit = max(credit, self.progress(puzzle, seen))
        evidence = i if violation else changed
        last = readings[-1].state
        outcome = self.progress(puzzle, last) if last is not None else 0.0
        process = min(credit, 0.99) if violation else 1.0
        if violation:
            return self._verdict(violation, outcome, process, preservation, evidence)
        if preservation < 1.0:
            lost = _first_lost(readings)
            note = readings[lost].note if lost is not None else "scene_lost"
            return self._verdict(note, outcome, process, preservation, lost)
        if last is None:
            return self._verdict(readings[-1].note, 0.0, process, preservation, _since(readings))
        if outcome == 1.0:
            before = readings[-2].state if count > 1 else None
            if before is None or self.progress(puzzle, before) < 1.0:
                return self._verdict("not_held", 0.99, process, preservation, count - 1)
            reached = next(i for i, r in enumerate(readings)
                           if r.state is not None and self.progress(puzzle, r.state) == 1.0)  # fmt: skip
            return self._verdict("solved", 1.0, 1.0, 1.0, reached)
        if changed is None:
            return self._verdict("no_change", outcome, process, preservation, count - 1)
        if credit == 1.0:
            return self._verdict("undone", min(outcome, 0.99), process, preservation, count - 1)
        return self._verdict("unfinished", outcome, process, preservation, count - 1)

    def judge_hold(self, puzzle: P, readings: Sequence[Reading[S]]) -> Verdict:
        """Decide in mode hold: nothing may move."""
        start = self.solution(puzzle)[0]
        still = [r.scene_intact and r.state is not None and self.same(puzzle, r.state, start) for r in readings]
        share = sum(still) / len(still)
        intact = _preservation(readings)
        if share >= _KEPT and still[-1]:
            return self._verdict("held_still", 1.0, 1.0, 1.0, None)
        reason = "scene_lost" if intact < 1.0 else "moved"
        return self._verdict(reason, 1.0 if still[-1] else 0.0, min(share, 0.99), intact, still.index(False))

    def _verdict(
        self, reason: str, outcome: float, process: float, preservation: float, evidence: int | None
    ) -> Verdict:
        passed = reason in PASSING
        return Verdict(
            passed=passed,
            outcome=outcome,
            process=process if passed or outcome * process * preservation < 1.0 else 0.99,
            preservation=preservation,
            reason=reason,
            explanation={**REASONS, **self.reasons}[reason],
            evidence_frame=evidence,
        )

    # ------------------------------------------------------------------------------------- the same for every family

    def prompt(self, puzzle: P, mode: Mode, rng: random.Random) -> str:
        """The question in words; the phrasing is chosen by `rng`."""
        asked = rng.choice(list(self.phrasings(puzzle)))
        if mode == "guided":
            return f"{asked} The steps: {self.plan_text(puzzle)}."
        if mode == "hold":
            return rng.choice(_HOLD)
        return asked

    def plan_text(self, puzzle: P) -> str:
        """The whole plan as one phrase, for mode guided."""
        return ", then ".join(self.steps(puzzle))

    def render(
        self,
        puzzle: P,
        states: Sequence[S],
        canvas: Size = DEFAULT_CANVAS,
        frames: int = FRAMES,
        object_scale: float = 1,
    ) -> Iterator[Frame]:
        """Draw a list of states as a video: start shown, each step at an even pace, the last state held."""
        draw = self.painter(puzzle, canvas, object_scale=object_scale)
        head, tail = max(1, round(frames * _HEAD)), max(2, round(frames * _TAIL))
        steps = len(states) - 1
        moving = max(1, min(frames - head - tail, round(steps * frames * _SLOWEST_STEP)))
        drawn: dict[float, Frame] = {}
        for i in range(frames):
            position = min(max(0, i - head + 1) / moving, 1.0) * steps
            # Rounded, so that a step's end is exactly its state whatever the frame count.
            position = round(position, 6)
            if position not in drawn:
                index = int(position)
                t = position - index
                state = states[index] if t == 0 else self.between(puzzle, states[index], states[index + 1], t)
                drawn = {position: draw(state)}
            yield drawn[position]

    def verify(
        self,
        puzzle: P,
        frames: Views,
        mode: Mode = "solve",
        canvas: Size = DEFAULT_CANVAS,
        read: Reader[S] | None = None,
    ) -> Verdict:
        """Decide about a video. Pure: the same puzzle and frames give the same verdict.

        Args:
            frames: uint8 (count, 3, height, width), planes of the canvas at the size of `_vision.view_size(canvas)`.
            read: a reader of this puzzle and canvas, where many videos of it are judged.
        """
        read = read or self.reader(puzzle, canvas)
        start = self.solution(puzzle)[0]
        # Whether what is read may be the start, only too blurred to be read right: in mode hold always.
        resting = True
        readings: list[Reading[S]] = []
        seen: Planes | None = None
        for frame in frames:
            # Videos hold still for long; what looks the same has the same reading. The one that was read is compared
            # with, so that a slow change is not missed.
            if seen is not None and looks_like(frame, seen):
                readings.append(readings[-1])
            else:
                seen = frame
                reading = Reading[S](None, False, "scene_lost") if is_grainy(frame) else read(frame)
                at_start = reading.state is not None and self.same(puzzle, reading.state, start)
                unsure = resting and reading.scene_intact and not at_start
                if unsure and shows(frame, self.drawing(puzzle, start, canvas)):
                    reading = Reading(start)
                else:
                    resting = mode == "hold"
                readings.append(reading)
            if mode != "hold" and self._is_hopeless(puzzle, readings, len(frames)):
                break
        return self.judge_hold(puzzle, readings) if mode == "hold" else self.judge(puzzle, readings)

    def _is_hopeless(self, puzzle: P, readings: Sequence[Reading[S]], count: int) -> bool:
        """Whether a video's beginning decides already: it shows no state in time, or another one than the start."""
        last = readings[-1]
        if any(r.state is not None and r.scene_intact for r in readings[:-1]):
            return False
        if last.state is not None and last.scene_intact:
            return not self.same(puzzle, last.state, self.solution(puzzle)[0])
        return len(readings) > max(2, count * _START_WITHIN)

    def drawing(self, puzzle: P, state: S, canvas: Size) -> Planes:
        """A state drawn at the size of the view, for readers."""
        return to_planes(self.painter(puzzle, canvas, downscale_of(canvas))(state))


def _preservation(readings: Sequence[Reading[S]]) -> float:
    share = sum(r.scene_intact for r in readings) / len(readings)
    # The last frames count by themselves: a scene that ends broken was not preserved.
    if share >= _KEPT and readings[-1].scene_intact:
        return 1.0
    return min(share, 0.99)


def _first_lost(readings: Sequence[Reading[S]]) -> int | None:
    return next((i for i, r in enumerate(readings) if not r.scene_intact), None)


def _since(readings: Sequence[Reading[S]]) -> int:
    """First frame of the unreadable stretch at the end."""
    index = len(readings)
    while index and readings[index - 1].state is None:
        index -= 1
    return index


PASSING = frozenset({"solved", "held_still"})

REASONS: dict[str, str] = {
    "solved": "The puzzle is solved by legal, visible steps and the rest of the scene stays.",
    "held_still": "Nothing moves, as asked.",
    "moved": "Something moves, although everything should stay still.",
    "scene_lost": "The picture does not show the puzzle's scene any more.",
    "wrong_start": "The film does not start from the puzzle's first frame.",
    "no_change": "Nothing happens.",
    "unfinished": "The film ends before the puzzle is solved.",
    "undone": "The puzzle was solved, but the film does not end solved.",
    "not_held": "The answer appears only in the last frame; it must be held.",
    "unreadable": "The film ends in a picture that is not a clear state of the puzzle.",
    "extra_object": "Something appears that does not belong to the scene.",
    "teleport": "Something jumps from one place to another without being seen on the way.",
    "several_at_once": "Several things change at the same time; they must change one after another.",
    "erased": "Something that was right is taken back.",
}

_MISTAKES = {reason: REASONS[reason] for reason in ("teleport", "several_at_once", "erased")}

_HOLD = (
    "Keep everything exactly as it is. Nothing moves, nothing appears and nothing disappears. The camera is fixed.",
    "A still shot: the picture does not change at all from beginning to end, and the camera does not move.",
    "Nothing happens in this video. Every object stays in its place, and the camera stays fixed.",
)

CRITERIA = ("outcome", "process", "preservation")


def criteria_of(task: Task | None, mode: Mode) -> dict[str, str]:  # type: ignore[type-arg]
    """What a video must meet, in words for a person or a model that judges by eye, by criterion.

    Args:
        task: None for a question that was brought along; then the prompt alone says what is right.
    """
    if mode == "hold":
        return {
            "outcome": "The film ends with the same picture that it began with.",
            "process": "Nothing moves, appears or disappears at any time.",
            "preservation": "The whole scene is the same in every frame, and the camera stays where it is.",
        }
    general = {
        "outcome": "What the words ask for is reached, and is held when the film ends.",
        "process": "The change happens by steps that can be seen, and that the words allow.",
        "preservation": "Everything that need not change stays: nothing else appears, disappears or changes, and the "
        "camera is fixed.",
    }
    if task is None:
        return general
    mistakes = " ".join({**_MISTAKES, **task.reasons}.values())
    own = {
        "outcome": f"The puzzle is to {task.summary} It is solved, and the answer is held when the film ends.",
        "process": f"Each step is legal and can be seen. These are mistakes: {mistakes}",
    }
    return {**general, **own, **task.rubric}


TASKS: Registry[Task] = Registry("task", "vmevalkit.tasks")  # type: ignore[type-arg]

T = TypeVar("T", bound="type[Task]")  # type: ignore[type-arg]


def register_task(family: T) -> T:
    """Class decorator: put a puzzle family on the shelf."""
    TASKS.add(family.name, family())
    return family


def stream(*parts: object) -> random.Random:
    """The random stream that belongs to some words and numbers: the same in every process, unlike any other's."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return random.Random(int.from_bytes(digest, "big"))


def lerp(a: float, b: float, t: float) -> float:
    """A number between two others."""
    return a + (b - a) * t


def as_frames(frames: Iterator[Frame]) -> Frames:
    """A video as one array."""
    return np.stack(list(frames))
