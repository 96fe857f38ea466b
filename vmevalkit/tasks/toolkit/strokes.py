"""Strokes: base class of tasks in which a pen draws lines along paths that the puzzle determines.

A task states the lines of the answer. Ink must appear along them and nowhere else, growing from an end, one line after
another. Drawn ink must stay.
"""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from vmevalkit.defaults import DEFAULT_CANVAS
from vmevalkit.media import Views
from vmevalkit.tasks.base import Fault, Painter, Reader, Reading, Task, lerp
from vmevalkit.tasks.toolkit.draw import Point, Sketch, scaled
from vmevalkit.tasks.toolkit.lines import (
    DARK,
    SPECKS,
    Lines,
    LinesPainter,
    LinesReader,
    Stroke,
    drawn_up_to,
    evenly_spaced,
)
from vmevalkit.tasks.toolkit.motion import Scale, jumped
from vmevalkit.tasks.toolkit.sums import added, length_of
from vmevalkit.tasks.toolkit.transition import CROSSED, Places, find_transition
from vmevalkit.tasks.toolkit.vision import downscale_of, to_planes
from vmevalkit.types import Record, Size, Verdict

__all__ = ["STROKE_REASONS", "Lines", "Stroke", "StrokesTask", "swept"]

P = TypeVar("P", bound=Record)

# A line is complete when this share of it is inked.
_COMPLETE = 0.97
# From one readable frame to the next, a line may grow by this share of the length of all lines.
_LEAP = 0.2
# Growth below _REST, as a share of the length of all lines, is rest. A piece longer than _POP that appears between two
# rests within two frames has popped in. At most the share _SUDDEN of all lines may pop in.
_REST, _POP, _SUDDEN = 0.004, 0.06, 0.3
# Two readings of a line that differ by this share or less are equal.
_JITTER = 0.06

# A line may begin when this share of the one before is drawn.
_NEARLY = 0.65
# Models draw lines up to this many times as wide as they should be.
_BOLD = 1.3
# Numbers by which neighbors along a line differ at most. They are two pens apart.
_NEIGHBORS = 3

# In shares of the length of all lines, for `motion`: growth is rest, and growth is never a jump.
_SCALE = Scale(still=_REST, jump=0.1)

_NONE, _ALL = (0.0, 0.0), (1.0, 0.0)


class StrokesTask(Task[P, Lines]):
    """A task whose answer is drawn as lines along known paths.

    Class attributes:
        both_ways: whether a line may also grow from its last end.
    """

    both_ways: ClassVar[bool] = False

    @abstractmethod
    def strokes(self, puzzle: P, canvas: Size) -> list[Stroke]:
        """Return the lines of the answer in the order of the solution."""

    @abstractmethod
    def pen(self, puzzle: P, canvas: Size) -> float:
        """Return the width of the lines in pixels of the canvas."""

    @abstractmethod
    def sheet(self, puzzle: P, canvas: Size, downscale: float = 1) -> Sketch:
        """Draw what never changes and lies below the lines."""

    def draw_above(self, puzzle: P, sketch: Sketch, canvas: Size) -> None:
        """Draw what never changes and lies above the lines. By default nothing."""

    def solution(self, puzzle: P) -> list[Lines]:
        """Return the start and the state after each straight piece of a line, so that every corner is a state."""
        strokes = self.strokes(puzzle, DEFAULT_CANVAS)
        states = [drawn_up_to(len(strokes), 0)]
        for i, stroke in enumerate(strokes):
            total, drawn = stroke.length, 0.0
            for a, b in itertools.pairwise(stroke.points):
                drawn += math.dist(a, b)
                states.append(drawn_up_to(len(strokes), i, min(1.0, drawn / total)))
            states[-1] = drawn_up_to(len(strokes), i + 1)
        return states

    def between(self, puzzle: P, a: Lines, b: Lines, t: float) -> Lines:
        """Return the lines at a share `t` of a step."""
        drawn = tuple((lerp(x[0], y[0], t), lerp(x[1], y[1], t)) for x, y in zip(a.drawn, b.drawn, strict=True))
        return Lines(drawn, b.elsewhere if t > 0.5 else a.elsewhere)

    def cheats(self, puzzle: P) -> dict[str, list[Lines]]:
        """Return states that skip, repeat, erase or add ink, or draw it in the wrong place or direction."""
        path = self.solution(puzzle)
        count = len(path[0].drawn)
        found = {
            "all_at_once": [path[0], path[-1], path[-1]] if count > 1 else [path[0], path[0]],
            "nearly_last_piece_missing": path[:-1],
            "erased_and_drawn_again": [*path[: len(path) // 2 + 1], *path[len(path) // 2 - 1 :: -1], *path[1:]],
            "extra_line": [*path, path[-1]._replace(elsewhere=((0.05, 0.06), (0.95, 0.06)))],
        }
        width, height = DEFAULT_CANVAS
        ahead = tuple((x / width, y / height) for x, y in self.strokes(puzzle, DEFAULT_CANVAS)[0].part(0.4, 0.6))
        found["piece_ahead"] = [
            path[0],
            path[0]._replace(elsewhere=ahead),
            *(s._replace(elsewhere=ahead) for s in path),
        ]
        done = [self.progress(puzzle, state) for state in path]
        if sum(b - a for a, b in itertools.pairwise(done) if b - a > 1.3 * _POP) > 2 * _SUDDEN:
            # Each state is repeated so that the growth to the next one is too short to be seen. Only if the pieces are
            # long: many short ones look like a growing line.
            found["pieces_pop_in"] = [state for state in path for _ in range(1 + 60 // len(path))]
        if not self.both_ways:
            found["from_the_wrong_end"] = [path[0], Lines((*path[-1].drawn[:-1], _NONE)),
                                           Lines((*path[-1].drawn[:-1], (0.0, 1.0)))]  # fmt: skip
        if count > 1:
            found["two_at_once"] = [path[0], Lines((_ALL, _ALL, *path[0].drawn[2:])), path[-1]]
        return found

    def in_words(self, puzzle: P, state: Lines) -> dict[str, str]:
        """Return how much of each line is drawn; see `Task.in_words`."""
        # Readings differ a little from frame to frame, so shares are rounded.
        return {
            self.line_in_words(puzzle, line): f"drawn to {min(100, 5 * round(20 * sum(ends)))} %"
            for line, ends in enumerate(state.drawn)
        }

    def line_in_words(self, puzzle: P, line: int) -> str:
        """Return the name of a line."""
        return f"line {line + 1}"

    def alternatives(self, puzzle: P) -> dict[str, list[Lines]]:
        """Return the solution that draws the lines in reverse order and, if allowed, from their last ends."""
        count = len(self.solution(puzzle)[0].drawn)
        if count < 2 and not self.both_ways:
            return {}
        drawn = [_NONE] * count
        states = [Lines(tuple(drawn))]
        for i in reversed(range(count)):
            drawn[i] = (0.0, 1.0) if self.both_ways else _ALL
            states.append(Lines(tuple(drawn)))
        return {"another_order": states}

    def painter(self, puzzle: P, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Lines]:
        """Return a function that draws lines; see `Task.painter`."""
        return LinesPainter(
            self.sheet(puzzle, canvas, downscale),
            lambda sketch: self.draw_above(puzzle, sketch, canvas),
            self.strokes(puzzle, canvas),
            canvas,
            self.pen(puzzle, canvas) * object_scale,
        )

    def reader(self, puzzle: P, canvas: Size) -> Reader[Lines]:
        """Return a function that reads lines; see `Task.reader`."""
        downscale, strokes = downscale_of(canvas), self.strokes(puzzle, canvas)
        paint = self.painter(puzzle, canvas, downscale)
        start, full = (to_planes(paint(drawn_up_to(len(strokes), n))) for n in (0, len(strokes)))
        bold = to_planes(self.painter(puzzle, canvas, downscale, _BOLD)(drawn_up_to(len(strokes), len(strokes))))
        return LinesReader(strokes, start, full, bold, self.pen(puzzle, canvas), downscale)

    def drawn(self, puzzle: P, state: Lines) -> Sequence[Lines]:
        """Return the lines as read, a little shorter and longer, as accurately as they are read, and with dark ink."""
        incomplete = [0 < sum(ends) < 1 for ends in state.drawn]
        dark = state._replace(shade=DARK)
        if not any(incomplete):
            return state, dark
        return state, dark, *(
            Lines(tuple(
                (min(1.0, max(0.0, a + more * (a > 0))), min(1.0, max(0.0, b + more * (b > 0)))) if grows else (a, b)
                for grows, (a, b) in zip(incomplete, state.drawn, strict=True)
            ))
            for more in (-_JITTER, _JITTER)
        )  # fmt: skip

    def judge(self, puzzle: P, readings: Sequence[Reading[Lines]]) -> Verdict:
        """Score a sequence of readings; see `Task.judge`. Lines that pop in piece by piece fail."""
        verdict = super().judge(puzzle, readings)
        popped = self._popped(puzzle, readings) if verdict.passed else None
        return self.verdict("teleport", 1.0, 0.0, 1.0, popped) if popped else verdict

    def inspect(self, puzzle: P, frames: Views, readings: Sequence[Reading[Lines]], canvas: Size) -> Fault | None:
        """Return a fault if the lines are not drawn along their paths, but uncovered by a transition."""
        downscale, pen = downscale_of(canvas), self.pen(puzzle, canvas)
        # Squares along the lines, as wide as the pen.
        points, lines = [], []
        for number, stroke in enumerate(self.strokes(puzzle, canvas)):
            count = math.ceil(stroke.length / (2 * pen))
            points += evenly_spaced(stroke.points, count).tolist()
            lines += [number] * count
        reach, alone = pen / 2, _stand_alone(np.array(points), np.array(lines), 1.5 * pen)
        squares = [scaled((x - reach, y - reach, x + reach, y + reach), 1 / downscale) for x, y in points]
        lines = np.where(alone, lines, CROSSED).tolist()
        return find_transition(frames, Places(squares, lines, margin=pen / downscale))

    def _popped(self, puzzle: P, readings: Sequence[Reading[Lines]]) -> int | None:
        """Return the frame by which too much has popped in, or None."""
        inks = ((i, self._ink(puzzle, reading.state)) for i, reading in enumerate(readings))
        ink = [(i, share) for i, share in inks if share is not None]
        start, sudden = 0, 0.0
        for k in range(1, len(ink)):
            if ink[k][1] - ink[k - 1][1] > _REST and k < len(ink) - 1:
                continue
            # A rest begins: look at the growth since the previous rest.
            end = k - 1
            grown = ink[end][1] - ink[start][1]
            if grown > _POP and ink[end][0] - ink[start][0] <= 2:
                sudden += grown
            if sudden > _SUDDEN:
                return ink[end][0]
            start = k
        return None

    def _lengths(self, puzzle: P) -> list[float]:
        return [stroke.length for stroke in self.strokes(puzzle, DEFAULT_CANVAS)]

    def illegal(self, puzzle: P, a: Lines, b: Lines) -> str | None:
        """Return the reason code of an illegal change from one state to the next, or None."""
        if b.ahead or _vanishes(a, b):
            return "ahead_of_tip"
        lengths = self._lengths(puzzle)
        total, grown = added(lengths), []
        for i, (old, new) in enumerate(zip(a.drawn, b.drawn, strict=True)):
            incomplete = sum(new) < _COMPLETE
            if any(now < before - _JITTER for before, now in zip(old, new, strict=True)) and incomplete:
                return "erased"
            if not self.both_ways and new[1] > _JITTER and incomplete:
                return "wrong_end"
            if min(new) > 2 * _JITTER and incomplete:
                return "two_agents"
            growth = sum(new) - sum(old)
            if growth * lengths[i] > _LEAP * total and growth > 0.5 * _LEAP:
                return "teleport"
            if growth > _JITTER:
                grown.append(i)
        # The end of one line and the beginning of the next may fall into the same frame.
        consecutive = any((sum(b.drawn[i]) >= _COMPLETE and sum(a.drawn[j]) <= _JITTER) or _follows(b, i, j)
                          for i, j in itertools.permutations(grown, 2))  # fmt: skip
        if len(grown) > 2 or (len(grown) == 2 and not consecutive):
            return "several_at_once"
        begun = [i for i, ends in enumerate(b.drawn) if _JITTER < sum(ends) < _COMPLETE]
        overlap = len(begun) == 2 and any(_follows(b, i, j) for i, j in itertools.permutations(begun, 2))
        return "several_at_once" if len(begun) > 1 and not overlap else None

    def interrupted(self, puzzle: P, readings: Sequence[Reading[Lines]]) -> Fault | None:
        """Return where much more ink appears from one frame to the next than in the other frames."""
        inks = (None if reading.state is None else reading.state.seen for reading in readings)
        return jumped([[None if ink is None else (ink, 0.0) for ink in inks]], _SCALE)

    def _ink(self, puzzle: P, state: Lines | None) -> float | None:
        """Return the drawn share of all lines; None without a state."""
        if state is None:
            return None
        lengths = self._lengths(puzzle)
        ink = added(sum(ends) * length for ends, length in zip(state.drawn, lengths, strict=True))
        return ink / added(lengths)

    def progress(self, puzzle: P, state: Lines) -> float:
        """Return the drawn share of all lines; 1 only for the answer."""
        lengths = self._lengths(puzzle)
        if all(sum(ends) >= _COMPLETE for ends in state.drawn):
            return 1.0
        done = added(min(sum(ends), 1.0) * length for ends, length in zip(state.drawn, lengths, strict=True))
        return min(done / added(lengths), 0.99)

    def same(self, puzzle: P, a: Lines, b: Lines) -> bool:
        """Return whether the lines of two states are equally long within the accuracy of reading."""
        return not a.ahead and not b.ahead and all(abs(x[0] - y[0]) <= _JITTER and abs(x[1] - y[1]) <= _JITTER
                   for x, y in zip(a.drawn, b.drawn, strict=True))  # fmt: skip


def _stand_alone(points: npt.NDArray[np.float64], lines: npt.NDArray[np.intp], reach: float) -> npt.NDArray[np.bool_]:
    """Return which points have no point of another line, or of another part of their line, within `reach`.

    Where lines cross, ink appears twice. If this leaves few points, all are returned.
    """
    order = np.arange(len(points))
    elsewhere = (lines[:, None] != lines) | (np.abs(order[:, None] - order) > _NEIGHBORS)
    crossed = (np.hypot(*(points[:, None] - points).T) < reach) & elsewhere
    alone: npt.NDArray[np.bool_] = ~crossed.any(1)
    return alone if 2 * np.count_nonzero(alone) > len(alone) else np.ones_like(alone)


def _follows(lines: Lines, i: int, j: int) -> bool:
    """Whether a line begins when another one, `i`, is nearly complete."""
    first, second = sum(lines.drawn[i]), sum(lines.drawn[j])
    return first >= _NEARLY and second <= first - _NEARLY / 2


def _vanishes(a: Lines, b: Lines) -> bool:
    """Whether ink that was seen beyond the tips is gone: it was not the blend of two frames."""
    return any(sum(now) < sum(before) - 2 * _JITTER for before, now in zip(a.reach, b.drawn, strict=False))


STROKE_REASONS = {
    "ahead_of_tip": "Ink appears ahead of the tip of a line.",
    "wrong_end": "A line is drawn from the wrong end.",
    "two_agents": "A line grows in more than one place.",
}


def swept(lines: Sequence[Sequence[Point]], both_ways: bool = False) -> bool:
    """Return whether a straight wipe uncovers lines (their corners) as a pen draws them, so that it might pass."""
    lengths = [length_of(line) for line in lines]
    total = added(lengths)
    samples = [
        evenly_spaced(line, max(16, round(120 * length / total))).T for line, length in zip(lines, lengths, strict=True)
    ]
    return any(_looks_drawn([across * x + down * y for x, y in samples], lengths, both_ways)
               for across, down in itertools.product((-1, 0, 1), repeat=2) if across or down)  # fmt: skip


def _looks_drawn(along: Sequence[npt.NDArray[np.float64]], lengths: Sequence[float], both_ways: bool) -> bool:
    """Return whether a wipe looks like drawing.

    Args:
        along: for each line, the distance of its samples along the wipe.
        lengths: of the lines.
    """
    distances = np.concatenate(along)
    wipe = np.linspace(distances.min(), distances.max(), 96)[:, None]
    drawn, clear, wrong_end = [], np.ones(len(wipe), bool), np.zeros(len(wipe), bool)
    for line in along:
        shown, count = line <= wipe, len(line)
        first = np.where(shown.all(1), count, shown.argmin(1))
        last = np.where(shown.all(1), 0, shown[:, ::-1].argmin(1))
        clear &= shown.sum(1) - first - last <= SPECKS
        wrong_end |= (last > 2 * _JITTER * count) & ~shown.all(1)
        drawn.append((first + last) / count)
    shares = np.array(drawn)[:, clear]
    begun = ((shares > 2 * _JITTER) & (shares < 1 - 2 * _JITTER)).sum(0)
    # A clear violation: 1.5 times the leap that the verdict allows, or visible in at least three moments.
    leaps = np.diff(shares, axis=1, prepend=0.0) * np.array(lengths)[:, None]
    violated = leaps.max(initial=0.0) > 1.5 * _LEAP * sum(lengths) or np.count_nonzero(begun > 1) >= 3
    return not (violated or (not both_ways and np.count_nonzero(wrong_end & clear) >= 3))
