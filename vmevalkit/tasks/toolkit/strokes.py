"""Lines that are drawn: what families share in which a pen follows a way that the puzzle determines.

A family gives the ways of the answer. Ink must appear along them and nowhere else, growing from an end, one line after
another; what was drawn stays.
"""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Frame, Planes
from vmevalkit.tasks.base import Painter, Reader, Reading, Task, lerp
from vmevalkit.tasks.toolkit.draw import Box, Color, Point, Sketch
from vmevalkit.tasks.toolkit.vision import Floats, Scene, differing, downscale_of, to_planes
from vmevalkit.types import Record, Size, Verdict

P = TypeVar("P", bound=Record)

# Pixels of the view between two places at which a way is looked at.
_APART = 2.5
# Opacity up to which there is no ink, and from which on there is.
_BARE, _INKED = 0.3, 0.65
# Share of a line, or of all lines, that may be in between at its tips: it grows fast, and frames are blended. Places
# elsewhere: specks.
_SOFT, _SOFT_OF_ALL, _SPECKS = 0.12, 0.05, 2
# A line is whole when this share of it is inked; it grows by at most so much of all lines' length from one seen moment
# to the next.
_WHOLE, _LEAP = 0.97, 0.2
# What grows by less than this share of all lines' length between two frames rests. What appears between two rests in
# one or two frames has popped in, if it is as long as a piece; so much of the whole may do so.
_REST, _POP, _SUDDEN = 0.004, 0.06, 0.3
# Ink may become less by this share of a line: what the eye cannot tell.
_WAVER = 0.06


class Stroke(NamedTuple):
    """A line of the answer: its way in pixels of the canvas, and its color."""

    points: tuple[Point, ...]
    color: Color

    @property
    def length(self) -> float:
        return sum(math.dist(a, b) for a, b in zip(self.points, self.points[1:], strict=False))

    def part(self, start: float, end: float) -> list[Point]:
        """The way from one share of its length to another."""
        total, gone = self.length, 0.0
        found: list[Point] = []
        for a, b in zip(self.points, self.points[1:], strict=False):
            step = math.dist(a, b) / total
            low, high = max(start, gone), min(end, gone + step)
            if step and low <= high:
                for at in (low, high):
                    t = (at - gone) / step
                    point = (lerp(a[0], b[0], t), lerp(a[1], b[1], t))
                    if not found or point != found[-1]:
                        found.append(point)
            gone += step
        return found


class Lines(NamedTuple):
    """A moment: which share of each line is drawn, from its first end and from its last.

    `elsewhere` is a line that the answer does not have, as points in shares of the canvas: only cheats draw one.
    """

    drawn: tuple[tuple[float, float], ...]
    elsewhere: tuple[Point, ...] = ()


class StrokesTask(Task[P, Lines]):
    """A family whose answer is drawn as lines along known ways."""

    # Whether a line may be begun at its last end as well.
    both_ways = False

    @abstractmethod
    def strokes(self, puzzle: P, canvas: Size) -> list[Stroke]:
        """The lines of the answer in the order of the video."""

    @abstractmethod
    def pen(self, puzzle: P, canvas: Size) -> float:
        """Width of the lines in pixels of the canvas."""

    @abstractmethod
    def sheet(self, puzzle: P, canvas: Size, downscale: float = 1) -> Sketch:
        """What stays, below the lines."""

    def draw_above(self, puzzle: P, sketch: Sketch, canvas: Size) -> None:
        """Draw what stays above the lines."""

    # ---------------------------------------------------------------------------------------------------- the states

    def whole(self, count: int, drawn: int, share: float = 0.0) -> Lines:
        """Lines of which the first ones are drawn, and the next one in part."""
        return Lines(tuple((1.0 if i < drawn else share if i == drawn else 0.0, 0.0) for i in range(count)))

    def solution(self, puzzle: P) -> list[Lines]:
        # One state a straight piece of a line, so that corners are states.
        strokes = self.strokes(puzzle, (720, 480))
        states = [self.whole(len(strokes), 0)]
        for i, stroke in enumerate(strokes):
            total, gone = stroke.length, 0.0
            for a, b in zip(stroke.points, stroke.points[1:], strict=False):
                gone += math.dist(a, b)
                states.append(self.whole(len(strokes), i, min(1.0, gone / total)))
            states[-1] = self.whole(len(strokes), i + 1)
        return states

    def between(self, puzzle: P, a: Lines, b: Lines, t: float) -> Lines:
        drawn = tuple((lerp(x[0], y[0], t), lerp(x[1], y[1], t)) for x, y in zip(a.drawn, b.drawn, strict=True))
        return Lines(drawn, b.elsewhere if t > 0.5 else a.elsewhere)

    def cheats(self, puzzle: P) -> dict[str, list[Lines]]:
        path = self.solution(puzzle)
        count = len(path[0].drawn)
        none, full = (0.0, 0.0), (1.0, 0.0)
        found = {
            "all_at_once": [path[0], path[-1], path[-1]] if count > 1 else [path[0], path[0]],
            "nearly_last_piece_missing": path[:-1],
            "erased_and_drawn_again": [*path[: len(path) // 2 + 1], *path[len(path) // 2 - 1 :: -1], *path[1:]],
            "extra_line": [*path, path[-1]._replace(elsewhere=((0.05, 0.06), (0.95, 0.06)))],
        }
        done = [self.progress(puzzle, state) for state in path]
        if sum(b - a for a, b in itertools.pairwise(done) if b - a > 1.3 * _POP) > 2 * _SUDDEN:
            # So short that nothing is seen of the way to the next one; more pieces than that are as good as a line.
            found["pieces_pop_in"] = [state for state in path for _ in range(1 + 60 // len(path))]
        if not self.both_ways:
            found["from_the_wrong_end"] = [path[0], Lines((*path[-1].drawn[:-1], none)),
                                           Lines((*path[-1].drawn[:-1], (0.0, 1.0)))]  # fmt: skip
        if count > 1:
            found["two_at_once"] = [path[0], Lines((full, full, *path[0].drawn[2:])), path[-1]]
        return found

    def alternatives(self, puzzle: P) -> dict[str, list[Lines]]:
        count = len(self.solution(puzzle)[0].drawn)
        if count < 2 and not self.both_ways:
            return {}
        states, drawn = [Lines(((0.0, 0.0),) * count)], [(0.0, 0.0)] * count
        for i in range(count - 1, -1, -1):
            drawn[i] = (0.0, 1.0) if self.both_ways else (1.0, 0.0)
            states.append(Lines(tuple(drawn)))
        return {"another_order": states}

    # --------------------------------------------------------------------------------------------------- the drawing

    def painter(self, puzzle: P, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Lines]:
        sheet, strokes = self.sheet(puzzle, canvas, downscale), self.strokes(puzzle, canvas)
        pen = self.pen(puzzle, canvas) * object_scale
        blank = self.sheet(puzzle, canvas, downscale)
        self.draw_above(puzzle, blank, canvas)
        last: tuple[Lines, Frame] = (self.whole(len(strokes), 0), blank.pixels())

        def ink(lines: Lines) -> list[tuple[list[Point], Color]]:
            found = []
            for stroke, (first, back) in zip(strokes, lines.drawn, strict=True):
                for start, end in ((0.0, first), (1.0 - back, 1.0)):
                    if end > start:
                        found.append((stroke.part(start, end), stroke.color))
            if lines.elsewhere:
                found.append(([(x * canvas[0], y * canvas[1]) for x, y in lines.elsewhere], strokes[0].color))
            return found

        def draw(lines: Lines) -> Frame:
            nonlocal last
            frame: Frame = last[1].copy()
            for area in _changed(last[0], lines, strokes, canvas, pen):
                part = sheet.region(area)
                for points, color in ink(lines):
                    part.line(points, pen, color)
                self.draw_above(puzzle, part, canvas)
                part.onto(frame)
            last = (lines, frame.copy())
            return frame

        return draw

    # --------------------------------------------------------------------------------------------------- the reading

    def reader(self, puzzle: P, canvas: Size) -> Reader[Lines]:
        downscale = downscale_of(canvas)
        strokes = self.strokes(puzzle, canvas)
        paint = self.painter(puzzle, canvas, downscale)
        start, full = (to_planes(paint(self.whole(len(strokes), n))) for n in (0, len(strokes)))
        # Lines and colors are compared where no ink goes, nor its soft edge.
        wide = differing(start, full)
        scene = Scene(start, [full], wide)
        pen = self.pen(puzzle, canvas)
        ways = [_Way(stroke, strokes, pen, start, full, downscale) for stroke in strokes]

        def read(frame: Planes) -> Reading[Lines]:
            planes, wrong = scene.look(frame)
            if wrong == "scene_lost":
                return Reading(None, False, wrong)
            drawn = []
            for way in ways:
                ends = way.read(planes)
                if ends is None:
                    return Reading(None, not wrong, wrong or "unreadable")
                drawn.append(ends)
            return Reading(Lines(tuple(drawn)), not wrong, wrong or "unreadable")

        return read

    def judge(self, puzzle: P, readings: Sequence[Reading[Lines]]) -> Verdict:
        verdict = super().judge(puzzle, readings)
        popped = self._popped(puzzle, readings) if verdict.passed else None
        return self._verdict("teleport", 1.0, 0.0, 1.0, popped) if popped else verdict

    def _popped(self, puzzle: P, readings: Sequence[Reading[Lines]]) -> int | None:
        """The frame until which too much has appeared piece by piece, each at once and between two rests."""
        lengths = [stroke.length for stroke in self.strokes(puzzle, (720, 480))]
        ink = [(i, sum(sum(ends) * length for ends, length in zip(r.state.drawn, lengths, strict=True)) / sum(lengths))
               for i, r in enumerate(readings) if r.state is not None]  # fmt: skip
        start, sudden = 0, 0.0
        for k in range(1, len(ink)):
            # From one rest to the next.
            if ink[k][1] - ink[k - 1][1] > _REST and k < len(ink) - 1:
                continue
            end = k - 1
            grown = ink[end][1] - ink[start][1]
            if grown > _POP and ink[end][0] - ink[start][0] <= 2:
                sudden += grown
            if sudden > _SUDDEN:
                return ink[end][0]
            start = k
        return None

    def illegal(self, puzzle: P, a: Lines, b: Lines) -> str | None:
        lengths = [stroke.length for stroke in self.strokes(puzzle, (720, 480))]
        total, grown = sum(lengths), []
        for i, (old, new) in enumerate(zip(a.drawn, b.drawn, strict=True)):
            if any(now < before - _WAVER for before, now in zip(old, new, strict=True)) and sum(new) < _WHOLE:
                return "erased"
            if not self.both_ways and new[1] > _WAVER and sum(new) < _WHOLE:
                return "wrong_end"
            if min(new) > 2 * _WAVER and sum(new) < _WHOLE:
                return "two_agents"
            more = sum(new) - sum(old)
            if more * lengths[i] > _LEAP * total and more > 0.5 * _LEAP:
                return "teleport"
            if more > _WAVER:
                grown.append(i)
        # One line's end and the next one's beginning may be seen together.
        handed_on = any(sum(b.drawn[i]) >= _WHOLE and sum(a.drawn[j]) <= _WAVER
                        for i, j in itertools.permutations(grown, 2))  # fmt: skip
        if len(grown) > 2 or (len(grown) == 2 and not handed_on):
            return "several_at_once"
        begun = [i for i, ends in enumerate(b.drawn) if _WAVER < sum(ends) < _WHOLE]
        return "several_at_once" if len(begun) > 1 else None

    def progress(self, puzzle: P, state: Lines) -> float:
        lengths = [stroke.length for stroke in self.strokes(puzzle, (720, 480))]
        if all(sum(ends) >= _WHOLE for ends in state.drawn):
            return 1.0
        done = sum(min(sum(ends), 1.0) * length for ends, length in zip(state.drawn, lengths, strict=True))
        return min(done / sum(lengths), 0.99)

    def same(self, puzzle: P, a: Lines, b: Lines) -> bool:
        return all(abs(x[0] - y[0]) <= _WAVER and abs(x[1] - y[1]) <= _WAVER
                   for x, y in zip(a.drawn, b.drawn, strict=True))  # fmt: skip


STROKE_REASONS = {
    "wrong_end": "A line is drawn from the wrong end.",
    "two_agents": "A line grows in more than one place.",
}


class _Way:
    """Reads how much of one line is drawn."""

    def __init__(
        self, stroke: Stroke, strokes: Sequence[Stroke], pen: float, start: Planes, full: Planes, downscale: float
    ) -> None:
        points, shares = _stations(stroke, downscale)
        height, width = start.shape[1:]
        columns = np.clip((points[:, 0] / downscale).astype(np.intp), 1, width - 2)
        rows = np.clip((points[:, 1] / downscale).astype(np.intp), 1, height - 2)
        around = np.array([dy * width + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
        at = (rows * width + columns)[:, None] + around
        bare, inked = (self._mean(planes, at) for planes in (start, full))
        power = ((inked - bare) ** 2).sum(0)
        # What lies above the line hides it, and comes near when the camera drifts. Where lines cross, ink may be
        # another part's.
        seen = power > 0.6 * np.median(power)
        seen[1:] &= seen[:-1].copy()
        seen[:-1] &= seen[1:].copy()
        for other in strokes:
            theirs, where = _stations(other, downscale)
            near = np.hypot(*(points[:, None] - theirs[None]).T).T < 1.5 * pen
            if other is stroke:
                near &= np.abs(shares[:, None] - where[None]) * stroke.length > 4 * pen
            seen &= ~near.any(1)
        self._at, self._shares = at[seen], shares[seen]
        self._bare, self._change = bare[:, seen], (inked - bare)[:, seen] / power[seen]
        everything = sum(len(_stations(other, downscale)[1]) for other in strokes)
        self._soft = max(_SOFT * np.count_nonzero(seen), _SOFT_OF_ALL * everything, 4)

    def _mean(self, planes: Planes, at: npt.NDArray[np.intp]) -> Floats:
        mean: Floats = planes.reshape(3, -1).take(at, 1).mean(2, dtype=np.float32)
        return mean

    def read(self, planes: Planes) -> tuple[float, float] | None:
        """The shares drawn from the first and from the last end, or None if the ink is not in one piece at an end."""
        opacity = ((self._mean(planes, self._at) - self._bare) * self._change).sum(0)
        inked, bare = opacity > _INKED, opacity < _BARE
        count = len(opacity)
        if inked.all():
            return 1.0, 0.0
        first = int(np.argmin(inked))
        last = int(np.argmin(inked[::-1]))
        # Beyond the tips, a stretch may be in between; then there is no ink.
        rest = bare[first : count - last]
        soft = (int(np.argmax(rest)), int(np.argmax(rest[::-1]))) if rest.any() else (len(rest), 0)
        clear = rest[soft[0] : len(rest) - soft[1]]
        if sum(soft) > self._soft or np.count_nonzero(~clear) > _SPECKS:
            return None
        return (float(self._shares[first - 1]) if first else 0.0,
                1 - float(self._shares[count - last]) if last else 0.0)  # fmt: skip


@lru_cache(maxsize=32)
def _stations(stroke: Stroke, downscale: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Places along a line, shape (count, 2), and their shares of its length."""
    count = max(8, math.ceil(stroke.length / downscale / _APART))
    return _spaced(stroke.points, count), (np.arange(count) + 0.5) / count


def _spaced(points: Sequence[Point], count: int) -> npt.NDArray[np.float64]:
    """Places at equal distances along a line, shape (count, 2), each in the middle of its piece."""
    ends = np.cumsum([0.0, *(math.dist(a, b) for a, b in itertools.pairwise(points))])
    at = (np.arange(count) + 0.5) * ends[-1] / count
    return np.stack([np.interp(at, ends, [point[axis] for point in points]) for axis in (0, 1)], axis=1)


def _changed(a: Lines, b: Lines, strokes: Sequence[Stroke], canvas: Size, pen: float) -> list[Box]:
    """Boxes around what differs between two moments."""
    found = []
    for stroke, old, new in zip(strokes, a.drawn, b.drawn, strict=True):
        spans = [tuple(sorted((old[0], new[0]))), tuple(sorted((1 - old[1], 1 - new[1])))]
        for start, end in spans:
            if start != end:
                # Bend by bend, so that a long line's box is not the whole picture.
                points = stroke.part(start, end)
                for p, q in zip(points, points[1:] or points, strict=False):
                    found.append((min(p[0], q[0]) - pen, min(p[1], q[1]) - pen,
                                  max(p[0], q[0]) + pen, max(p[1], q[1]) + pen))  # fmt: skip
    if a.elsewhere != b.elsewhere:
        found.append((0.0, 0.0, float(canvas[0]), float(canvas[1])))
    return found


def swept(lines: Sequence[Sequence[Point]], both_ways: bool = False) -> bool:
    """Whether a straight wipe would uncover lines (their corners) as a pen draws them: then a wipe looks like work."""
    lengths = [sum(math.dist(a, b) for a, b in itertools.pairwise(line)) for line in lines]
    total = sum(lengths)
    places = [
        _spaced(line, max(16, round(120 * length / total))).T for line, length in zip(lines, lengths, strict=True)
    ]
    return any(_looks_drawn([across * x + down * y for x, y in places], lengths, both_ways)
               for across, down in itertools.product((-1, 0, 1), repeat=2) if across or down)  # fmt: skip


def _looks_drawn(along: Sequence[npt.NDArray[np.float64]], lengths: Sequence[float], both_ways: bool) -> bool:
    """Whether lines look drawn that are uncovered in the order of these numbers of their places."""
    every = np.concatenate(along)
    moments = np.linspace(every.min(), every.max(), 96)[:, None]
    drawn, clear, wrong = [], np.ones(len(moments), bool), np.zeros(len(moments), bool)
    for line in along:
        shown, count = line <= moments, len(line)
        first = np.where(shown.all(1), count, shown.argmin(1))
        last = np.where(shown.all(1), 0, shown[:, ::-1].argmin(1))
        clear &= shown.sum(1) - first - last <= _SPECKS
        wrong |= (last > 2 * _WAVER * count) & ~shown.all(1)
        drawn.append((first + last) / count)
    shares = np.array(drawn)[:, clear]
    begun = ((shares > 2 * _WAVER) & (shares < 1 - 2 * _WAVER)).sum(0)
    # Half as much again as the verdict allows, for at least three moments in which it can be seen.
    leaps = np.diff(shares, axis=1, prepend=0.0) * np.array(lengths)[:, None]
    breaks = leaps.max(initial=0.0) > 1.5 * _LEAP * sum(lengths) or np.count_nonzero(begun > 1) >= 3
    return not (breaks or (not both_ways and np.count_nonzero(wrong & clear) >= 3))
