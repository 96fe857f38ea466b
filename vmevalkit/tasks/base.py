"""Tasks: a generator of puzzles, a painter, a ground-truth video and a verifier, all based on states.

A state is a small immutable value that describes a moment of the puzzle completely: where the agent is, which cells are
filled. A solution is a list of states. A video is drawn from a list of states and the moments between them. A verifier
reads a state from each frame and scores the sequence. So the same few methods make a question, its ground truth, every
cheat video that the contract tries, and the verdict.
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
from vmevalkit.errors import UsageError
from vmevalkit.media import Frame, Frames, Planes, Views
from vmevalkit.registry import Registry
from vmevalkit.tasks._criteria import criteria_of as criteria_of
from vmevalkit.tasks._reading import Fault as Fault
from vmevalkit.tasks._reading import Reading as Reading
from vmevalkit.tasks._reasons import PASSING
from vmevalkit.tasks._reasons import REASONS as REASONS
from vmevalkit.tasks._verification import START_WITHIN, Verification
from vmevalkit.tasks.toolkit.vision import downscale_of, to_planes
from vmevalkit.types import INTRUSIONS, Mode, Record, Size, Tolerance, Verdict

P = TypeVar("P", bound=Record)
S = TypeVar("S")

# What a task tests. A task may have several tags.
Tag = Literal["planning", "logic", "physics", "geometry", "counting", "memory", "perception", "navigation"]

FRAMES = 49
FPS = 8.0
# A ground-truth video shows the start for 6 % of its frames and holds the answer for at least 10 %.
_HEAD, _TAIL = 0.06, 0.10
# One step takes at most a quarter of the video, so that short plans are not slow.
_SLOWEST_STEP = 0.25
# Share of frames in which the scene must be intact. One frame in twenty may be damaged by a short glitch.
_INTACT = 0.95

Painter = Callable[[S], Frame]
Reader = Callable[[Planes], Reading[S]]


class Task(ABC, Generic[P, S]):
    """A task. Subclasses are pure: every method depends only on its arguments.

    Class attributes:
        name: of the task, and of its module.
        version: raised when puzzles or verdicts change. It helps to choose the puzzles of a question set, so a new
            wording of the prompts does not raise it: the digest of a question tells the wordings apart.
        strict: whether every prompt says that nothing else happens, so that a visitor, a caption or an overlay is a
            mistake. Either all phrasings of a task say so, or none does.
        puzzle_type: the record that describes one puzzle.
        tags: what the task tests.
        reasons: sentences for the task's own reason codes.
        rubric: what a person or a model that judges by eye must look for, by criterion (see `types.CRITERIA`). A
            criterion that is left out is described by `summary` and `reasons`.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    strict: ClassVar[bool] = False
    puzzle_type: type[P]
    tags: ClassVar[tuple[Tag, ...]] = ()
    reasons: ClassVar[dict[str, str]] = {}
    rubric: ClassVar[dict[str, str]] = {}

    @property
    def summary(self) -> str:
        """First line of the module's docstring, without the name of the task."""
        text = (sys.modules[type(self).__module__].__doc__ or "").strip().split("\n")[0]
        return text.partition(": ")[2] or text

    @property
    def levels(self) -> Mapping[int, Any]:
        """Settings of each difficulty, with named fields: `LEVELS` of the task's module; empty if it has none."""
        return getattr(sys.modules[type(self).__module__], "LEVELS", {})

    def example(self, difficulty: int, seed: int = 0) -> P:
        """Return a puzzle that depends only on difficulty and seed, for galleries and the contract."""
        return self.generate(random_generator("contract", self.name, difficulty, seed), difficulty)

    # Making questions.

    @abstractmethod
    def generate(self, rng: random.Random, difficulty: int) -> P:
        """Generate one puzzle of a difficulty from 1 to 5. All randomness comes from `rng`."""

    @abstractmethod
    def solution(self, puzzle: P) -> list[S]:
        """Return the states of one solution: the start, then the state after each step."""

    @abstractmethod
    def steps(self, puzzle: P) -> list[str]:
        """Return the plan in words, one short imperative for each step of `solution`."""

    @abstractmethod
    def phrasings(self, puzzle: P) -> Sequence[str]:
        """Return several prompts. Each names the scene, the goal and the rules, in plain words."""

    @abstractmethod
    def painter(self, puzzle: P, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[S]:
        """Return a function that draws any state, legal or not. It is called for each frame.

        Args:
            puzzle: the puzzle.
            canvas: width and height for which the drawing is laid out.
            downscale: how many times smaller the frames are (see `Sketch`); verifiers see small ones.
            object_scale: size of what moves or appears, relative to the question's. Verdicts must tolerate a little.
        """

    @abstractmethod
    def between(self, puzzle: P, a: S, b: S, t: float) -> S:
        """Return the moment at share `t` (0 < t < 1) of the step from one state to the next."""

    @abstractmethod
    def cheats(self, puzzle: P) -> dict[str, list[S]]:
        """Return lists of states that must fail, by name: illegal ways, and ends that are `nearly_...` correct."""

    def alternatives(self, puzzle: P) -> dict[str, list[S]]:
        """Return other correct lists of states, by name. Their videos must pass."""
        return {}

    def without_mover(self, puzzle: P, state: S, a: S, b: S) -> S | None:
        """Return a state in which what moves from `a` to `b` is not drawn. Only cheats and glitches need it.

        Returns:
            None if nothing moves from place to place in this task.
        """
        return None

    def in_words(self, puzzle: P, state: S) -> dict[str, str]:
        """Return a state in words, for explanations: where or how each thing that can change is, by its name.

        A text follows "is": `{"the blue disc": "in row 2, column 3"}`. A thing that cannot be seen is left out. By
        default nothing is said.
        """
        return {}

    # Scoring videos.

    @abstractmethod
    def reader(self, puzzle: P, canvas: Size) -> Reader[S]:
        """Return a function that reads the planes of a frame at the size of the view (see `toolkit.vision`)."""

    @abstractmethod
    def illegal(self, puzzle: P, a: S, b: S) -> str | None:
        """Return the reason code if going from one read state to the next breaks the rules; None if it does not."""

    def interrupted(self, puzzle: P, readings: Sequence[Reading[S]]) -> Fault | None:
        """Return where the way of what moves is not continuous, which no two frames show. By default it always is."""
        return None

    @abstractmethod
    def progress(self, puzzle: P, state: S) -> float:
        """Return how near a state is to the answer: 0 at the start, 1 exactly for an answer."""

    @abstractmethod
    def same(self, puzzle: P, a: S, b: S) -> bool:
        """Whether two read states look the same."""

    def judge(self, puzzle: P, readings: Sequence[Reading[S]]) -> Verdict:
        """Score a sequence of readings in mode solve or guided."""
        count = len(readings)
        preservation = _preservation(readings)
        first = next((i for i, r in enumerate(readings) if r.state is not None and r.scene_intact), None)
        if first is None or first > max(2, count * START_WITHIN):
            return self.verdict("wrong_start", 0, 0, min(preservation, 0.99), _first_lost(readings))
        state = readings[first].state
        assert state is not None
        if not self.same(puzzle, state, self.solution(puzzle)[0]):
            return self.verdict("wrong_start", 0, 0, preservation, first)
        credit, changed, violation = self._trace(puzzle, readings, first)
        last = readings[-1].state
        outcome = self.progress(puzzle, last) if last is not None else 0.0
        if violation:
            return self.verdict(violation, outcome, min(credit, 0.99), preservation, changed)
        if preservation < 1.0:
            lost = _first_lost(readings)
            # A video that begins with something else has lost nothing yet.
            note = "scene_lost" if lost is None else "wrong_start" if lost == 0 else readings[lost].note
            return self.verdict(note, outcome, 1.0, preservation, lost)
        if last is None:
            return self.verdict(readings[-1].note, 0.0, 1.0, preservation, _since(readings))
        if outcome == 1.0:
            return self._solved(puzzle, readings)
        if changed is None:
            return self.verdict("no_change", outcome, 1.0, preservation, count - 1)
        if credit == 1.0:
            return self.verdict("undone", min(outcome, 0.99), 1.0, preservation, count - 1)
        return self.verdict("unfinished", outcome, 1.0, preservation, count - 1)

    def _trace(self, puzzle: P, readings: Sequence[Reading[S]], first: int) -> tuple[float, int | None, str | None]:
        """Follow the states from the frame `first` on, until a rule is broken.

        Returns:
            The best progress; the frame that breaks a rule, or else the first frame that differs from the start (None
            if no frame does); and the reason code if a rule is broken.
        """
        start, state = self.solution(puzzle)[0], readings[first].state
        assert state is not None
        credit, changed = 0.0, None
        fault = self.interrupted(puzzle, readings)
        for i in range(first + 1, len(readings)):
            if fault and i >= fault.frame:
                return credit, i, fault.reason
            seen = readings[i].state
            if seen is None:
                continue
            violation = self.illegal(puzzle, state, seen)
            if violation:
                return credit, i, violation
            if changed is None and not self.same(puzzle, start, seen):
                changed = i
            state = seen
            credit = max(credit, self.progress(puzzle, seen))
        return credit, changed, None

    def _solved(self, puzzle: P, readings: Sequence[Reading[S]]) -> Verdict:
        """Score a video that ends with the answer: at least two frames must show it."""
        count = len(readings)
        before = readings[-2].state if count > 1 else None
        if before is None or self.progress(puzzle, before) < 1.0:
            return self.verdict("not_held", 0.99, 1.0, 1.0, count - 1)
        reached = next(i for i, r in enumerate(readings)
                       if r.state is not None and self.progress(puzzle, r.state) == 1.0)  # fmt: skip
        return self.verdict("solved", 1.0, 1.0, 1.0, reached)

    def judge_hold(self, puzzle: P, readings: Sequence[Reading[S]]) -> Verdict:
        """Score a sequence of readings in mode hold: nothing may move."""
        start = self.solution(puzzle)[0]
        still = [r.scene_intact and r.state is not None and self.same(puzzle, r.state, start) for r in readings]
        share = sum(still) / len(still)
        intact = _preservation(readings)
        if share >= _INTACT and still[-1]:
            return self.verdict("held_still", 1.0, 1.0, 1.0, None)
        reason = "scene_lost" if intact < 1.0 else "moved"
        return self.verdict(reason, 1.0 if still[-1] else 0.0, min(share, 0.99), intact, still.index(False))

    def verdict(
        self, reason: str, outcome: float, process: float, preservation: float, evidence: int | None
    ) -> Verdict:
        """Return a verdict. A video passes if its reason is a passing one."""
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

    # The same for every task.

    def prompt(self, puzzle: P, mode: Mode, rng: random.Random, phrasing: int | None = None) -> str:
        """Return the prompt of a question. If no phrasing is given by its number, `rng` chooses one.

        Raises:
            UsageError: the task has no such phrasing.
        """
        phrasings = _HOLD if mode == "hold" else self.phrasings(puzzle)
        if phrasing is not None and phrasing >= len(phrasings):
            raise UsageError(
                f"{self.name} has {len(phrasings)} phrasings in mode {mode}; {phrasing + 1} were requested"
            )
        # Drawn in every mode, so that the prompts of questions that exist do not change.
        drawn = rng.choice(list(self.phrasings(puzzle)))
        if mode == "hold":
            return rng.choice(_HOLD) if phrasing is None else _HOLD[phrasing]
        text = drawn if phrasing is None else phrasings[phrasing]
        return f"{text} The steps: {self.plan_text(puzzle)}." if mode == "guided" else text

    def plan_text(self, puzzle: P) -> str:
        """Return the whole plan as one phrase, for mode guided."""
        return ", then ".join(self.steps(puzzle))

    def render(
        self,
        puzzle: P,
        states: Sequence[S],
        canvas: Size = DEFAULT_CANVAS,
        frames: int = FRAMES,
        object_scale: float = 1,
    ) -> Iterator[Frame]:
        """Draw a list of states as a video: show the start, take each step at an even pace, and hold the last state."""
        draw = self.painter(puzzle, canvas, object_scale=object_scale)
        states = self.paced(puzzle, states)
        drawn: dict[float, Frame] = {}
        for position in positions(len(states) - 1, frames):
            if position not in drawn:
                drawn = {position: draw(self.moment(puzzle, states, position))}
            yield drawn[position]

    def paced(self, puzzle: P, states: Sequence[S]) -> Sequence[S]:
        """Return the states with those between which videos of them move at an even pace. By default, the same."""
        return states

    def moment(self, puzzle: P, states: Sequence[S], position: float) -> S:
        """Return what a list of states shows at a position (see `positions`)."""
        index = int(position)
        t = position - index
        return states[index] if t == 0 else self.between(puzzle, states[index], states[index + 1], t)

    def verify(
        self,
        puzzle: P,
        frames: Views,
        mode: Mode = "solve",
        canvas: Size = DEFAULT_CANVAS,
        read: Reader[S] | None = None,
        fps: float = FPS,
    ) -> Verdict:
        """Score a video. The same puzzle and frames always give the same verdict.

        Args:
            puzzle: the puzzle.
            frames: uint8 (count, 3, height, width), planes of the canvas at the size of `view_size(canvas)`.
            mode: how the question was asked.
            canvas: width and height of the question.
            read: a reader of this puzzle and canvas, if many of its videos are scored.
            fps: frame rate of the video.
        """
        return Verification(self, puzzle, mode, canvas, read).verdict(frames, fps)

    def inspect(self, puzzle: P, frames: Views, readings: Sequence[Reading[S]], canvas: Size) -> Fault | None:
        """Return what is wrong with the video as a whole; see `verify` for the arguments. By default nothing is."""
        return None

    def tolerated(self, puzzle: P, readings: Sequence[Reading[S]], canvas: Size) -> Sequence[Tolerance]:
        """Return what `judge` does not count in a sequence of readings, although it is no step. By default nothing."""
        return ()

    def is_drawable(self, puzzle: P, state: S) -> bool:
        """Whether a read state says all that the frame shows. By default every one does."""
        return True

    def drawn(self, puzzle: P, state: S) -> Sequence[S]:
        """Return the states to draw, to be compared with the frame from which `state` was read. By default that one."""
        return (state,)

    def drawing(self, puzzle: P, state: S, canvas: Size) -> Planes:
        """Return a state drawn at the size of the view, for readers."""
        return to_planes(self.painter(puzzle, canvas, downscale_of(canvas))(state))


def _preservation(readings: Sequence[Reading[S]]) -> float:
    share = sum(r.scene_intact for r in readings) / len(readings)
    # The last frame counts by itself: a scene that ends damaged was not preserved.
    if share >= _INTACT and readings[-1].scene_intact:
        return 1.0
    return min(share, 0.99)


def _first_lost(readings: Sequence[Reading[S]]) -> int | None:
    return next((i for i, r in enumerate(readings) if not r.scene_intact), None)


def _since(readings: Sequence[Reading[S]]) -> int:
    """Return the first frame of the unreadable part at the end."""
    index = len(readings)
    while index and readings[index - 1].state is None:
        index -= 1
    return index


_HOLD = (
    "Keep everything exactly as it is. Nothing moves, nothing appears and nothing disappears. The camera is fixed.",
    "A still shot: the picture does not change at all from beginning to end, and the camera does not move.",
    "Nothing happens in this video. Every object stays in its place, and the camera stays fixed.",
)


def strictly(verdict: Verdict) -> Verdict:
    """Return the verdict if visitors, captions and overlays are mistakes: a video with one of them does not pass."""
    intrusion = next((t for t in verdict.tolerated if t.code in INTRUSIONS), None)
    if intrusion is None or not verdict.passed:
        return verdict
    return verdict.model_copy(
        update={
            "passed": False,
            "preservation": 0.99,
            "reason": intrusion.code,
            "explanation": REASONS[intrusion.code],
            "evidence_frame": intrusion.first,
            "evidence_box": intrusion.box,
        }
    )


TASKS: Registry[Task] = Registry("task", "vmevalkit.tasks")  # type: ignore[type-arg]

T = TypeVar("T", bound="type[Task]")  # type: ignore[type-arg]


def register_task(task: T) -> T:
    """Add a task to the registry. A class decorator."""
    TASKS.add(task.name, task())
    return task


def random_generator(*parts: object) -> random.Random:
    """Return the random generator that belongs to some words and numbers. It is the same in every process."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return random.Random(int.from_bytes(digest, "big"))


def positions(steps: int, frames: int) -> list[float]:
    """Return what each frame of a video shows: 0 is the first state, 1.5 is half of the second step."""
    head, tail = max(1, round(frames * _HEAD)), max(2, round(frames * _TAIL))
    moving = max(1, min(frames - head - tail, round(steps * frames * _SLOWEST_STEP)))
    # Rounded, so that the end of a step is exactly its state, whatever the frame count.
    return [round(min(max(0, i - head + 1) / moving, 1.0) * steps, 6) for i in range(frames)]


def lerp(a: float, b: float, t: float) -> float:
    """Return the number at share `t` of the way from `a` to `b`."""
    return a + (b - a) * t


def as_frames(frames: Iterator[Frame]) -> Frames:
    """Return a video as one array, uint8 (count, height, width, 3)."""
    return np.stack(list(frames))
