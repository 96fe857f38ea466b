"""Tasks whose pieces move between resting places, one after another.

Each piece has its own color, so that it can be found anywhere. A piece at rest must look as drawn. A moving piece must
be visible, complete, in one place only, and seen between its two resting places. The task says which moves are legal.

Boards are defined in `boards`, and frames are read by `piece_reader`. Their public names are importable from here.
"""

from __future__ import annotations

import functools
import itertools
import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from vmevalkit.media import Frame
from vmevalkit.tasks.base import Fault, Painter, Reader, Reading, Task, lerp
from vmevalkit.tasks.toolkit.compass import cell_in_words
from vmevalkit.tasks.toolkit.draw import Box, Color, Point, Sketch
from vmevalkit.tasks.toolkit.motion import MOTION_REASONS, SMEARED, Scale, first_of, jumped, vanished
from vmevalkit.tasks.toolkit.piece_boards import PIECE_HUES, REST, Board, Layout, Place, Places
from vmevalkit.tasks.toolkit.piece_reader import PieceReader
from vmevalkit.tasks.toolkit.sums import added
from vmevalkit.tasks.toolkit.vision import downscale_of
from vmevalkit.types import Record, Size, Verdict

__all__ = ["PIECE_HUES", "PIECE_REASONS", "REST", "Board", "PiecesTask", "Place", "Places", "Tracker", "hovering"]

P = TypeVar("P", bound=Record)

# A piece farther than this from its resting places is clearly moving. (In a frame blurred over two, a piece that just
# arrived may be seen where it was.)
_AWAY = 0.27
# A piece that moves less than this between two readings stays, in units.
_STILL = 0.02

# In units: moves that count, for `motion`. Pieces move over several units between two frames where plans are long.
_SCALE = Scale(still=0.06, jump=1.0)

# Sentences for the reason codes of every task with pieces.
PIECE_REASONS = {
    **MOTION_REASONS,
    "piece_changed": "A piece no longer looks as it did.",
    "hidden": "A piece is hidden for too long.",
    "two_agents": "A piece is in more than one place.",
}


class PiecesTask(Task[P, Board]):
    """A task whose pieces move. A `Place` is given in the task's own units; neighboring slots are usually 1 apart.

    Class attributes:
        hands: how many pieces may move at the same time.
        clear: a moving piece must be seen farther than this from its resting places. Use half a unit if paths are
            long, so that a piece half uncovered by a wipe does not count as moving.
        unseen: longest share of the video during which a piece may be invisible without a break.
        noun: what a piece is called in explanations.
        hovers: whether a moving piece is slow in the middle of its path (see `hovering`). If paths are long, it is seen
            there in more frames.
        pause: share of the time before and again after a hovering movement in which nothing moves.
    """

    hands: ClassVar[int] = 1
    clear: ClassVar[float] = REST
    unseen: ClassVar[float] = 1.0
    noun: ClassVar[str] = "piece"
    hovers: ClassVar[bool] = False
    pause: ClassVar[float] = 0.0

    @abstractmethod
    def colors(self, puzzle: P) -> Sequence[Color]:
        """Color of each piece. No two are alike, and none is used in the sheet."""

    @abstractmethod
    def moves(self, puzzle: P) -> list[Places]:
        """Resting places of the pieces at the start and after each step of one correct solution."""

    @abstractmethod
    def sheet(self, puzzle: P, canvas: Size, downscale: float = 1) -> tuple[Sketch, Point, float]:
        """Draw what never changes.

        Returns:
            The drawing, the position (x, y) of place (0, 0), and the length of a unit, both in pixels of the canvas.
        """

    @abstractmethod
    def draw_piece(self, puzzle: P, sketch: Sketch, piece: int, center: Point, unit: float) -> None:
        """Draw a piece. `unit` may differ a little from that of the sheet, to draw the piece larger or smaller."""

    @abstractmethod
    def extent(self, puzzle: P, piece: int) -> tuple[float, float]:
        """Half of the height and of the width of a piece, in units."""

    @abstractmethod
    def slot(self, puzzle: P, homes: Places, piece: int, place: Place) -> Place:
        """Resting place nearest to a place, whether or not the rules allow the piece to go there."""

    @abstractmethod
    def against(self, puzzle: P, homes: Places, piece: int, slot: Place, aloft: Sequence[int]) -> str | None:
        """Return the reason code if a piece may not come to rest in a slot, else None.

        Args:
            puzzle: the puzzle.
            homes: where the pieces rested before.
            piece: the piece that comes to rest.
            slot: where it comes to rest.
            aloft: other pieces that were seen moving.
        """

    @abstractmethod
    def closeness(self, puzzle: P, homes: Places) -> float:
        """How close resting places are to the answer, in [0, 1]: 0 at the start, 1 for the answer only."""

    def stand(self, puzzle: P, homes: Places, piece: int, place: Place) -> Place:
        """Resting place nearest to a place, whatever the other pieces do; frames are read with it. Default: `slot`."""
        return self.slot(puzzle, homes, piece, place)

    def astray(self, puzzle: P, homes: Places, piece: int, place: Place) -> str | None:
        """Return the reason code if a moving piece may not be at a place, else None. Default: it may go anywhere."""
        return None

    def detour(self, puzzle: P, piece: int, a: Place, b: Place) -> list[Place]:
        """Corners of the path of a piece between two resting places in rendered videos. Default: a straight line."""
        return []

    def solution(self, puzzle: P) -> list[Board]:
        return [Board(places) for places in self.moves(puzzle)]

    def between(self, puzzle: P, a: Board, b: Board, t: float) -> Board:
        if self.hovers:
            t = hovering(t, self.pause)
        places = []
        for piece, (old, new) in enumerate(zip(a.places, b.places, strict=True)):
            if old is None or new is None or old == new:
                places.append(old)
                continue
            path = [old, *self.detour(puzzle, piece, old, new), new]
            places.append(_along(path, t))
        return Board(tuple(places))

    def without_mover(self, puzzle: P, state: Board, a: Board, b: Board) -> Board:
        places = zip(state.places, a.places, b.places, strict=True)
        return Board(tuple(None if old != new else place for place, old, new in places))

    def painter(self, puzzle: P, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Board]:
        return _BoardPainter(self, puzzle, canvas, downscale, object_scale).paint

    def reader(self, puzzle: P, canvas: Size) -> Reader[Board]:
        downscale = downscale_of(canvas)
        _sheet, origin, unit = self.sheet(puzzle, canvas, downscale)
        start = self.moves(puzzle)[0]
        layout = Layout(
            start=start,
            colors=self.colors(puzzle),
            extents=[self.extent(puzzle, piece) for piece in range(len(start))],
            origin=(origin[0] / downscale, origin[1] / downscale),
            unit=unit / downscale,
            painters=(
                self.painter(puzzle, canvas, downscale, 0.92),
                self.painter(puzzle, canvas, downscale, 1.0),
                self.painter(puzzle, canvas, downscale, 1.08),
            ),
            rest_of=functools.partial(self.stand, puzzle, start),
        )
        return PieceReader(layout).read

    def is_drawable(self, puzzle: P, state: Board) -> bool:
        """Return whether every piece rests and looks as drawn."""
        homes = _homes(self, puzzle)
        return not state.odd and all(
            place is not None and math.dist(place, self.stand(puzzle, homes, piece, place)) <= REST
            for piece, place in enumerate(state.places)
        )

    def drawn(self, puzzle: P, state: Board) -> Sequence[Board]:
        """Return the board as read, and with the pieces that rest at their exact places."""
        homes = _homes(self, puzzle)
        exact = (place and self.stand(puzzle, homes, piece, place) for piece, place in enumerate(state.places))
        return Board(tuple(exact)), state

    def in_words(self, puzzle: P, state: Board) -> dict[str, str]:
        """Return where each piece that can be seen is; see `Task.in_words`."""
        return {
            self.piece_in_words(puzzle, piece): self.place_in_words(puzzle, piece, place)
            for piece, place in enumerate(state.places)
            if place is not None
        }

    def piece_in_words(self, puzzle: P, piece: int) -> str:
        """Return the name of a piece. By default its color and `noun`."""
        color = self.colors(puzzle)[piece]
        return f"the {next((name for name, hue in PIECE_HUES.items() if hue == color), 'other')} {self.noun}"

    def place_in_words(self, puzzle: P, piece: int, place: Place) -> str:
        """Return a place of a piece in words. By default the row and the column."""
        return cell_in_words(place)

    def tracker(self, puzzle: P, frames: int) -> Tracker[P]:
        """Return what follows the pieces through a video of so many frames."""
        return Tracker(self, puzzle, frames)

    def judge(self, puzzle: P, readings: Sequence[Reading[Board]]) -> Verdict:
        tracker = self.tracker(puzzle, len(readings))
        return super().judge(puzzle, [tracker.follow(reading) for reading in readings])

    def illegal(self, puzzle: P, a: Board, b: Board) -> str | None:
        return b.wrong

    def interrupted(self, puzzle: P, readings: Sequence[Reading[Board]]) -> Fault | None:
        boards = [reading.state for reading in readings]
        count = len(self.colors(puzzle))
        tracks = [[self._sighting(puzzle, board, piece) if board else None for board in boards]
                  for piece in range(count)]  # fmt: skip
        return first_of(vanished(tracks, _SCALE), jumped(tracks, _SCALE))

    def _sighting(self, puzzle: P, board: Board, piece: int) -> Place | None:
        """Return where a piece is seen; its resting place if a moving piece hides it there."""
        place = board.places[piece]
        if place is not None or not board.homes:
            return place
        if piece in board.smeared:
            return SMEARED
        (y, x), (down, right) = board.homes[piece], self.extent(puzzle, piece)
        for other, at in enumerate(board.places):
            if at is not None and other != piece and math.dist(at, board.homes[other]) > REST:
                other_down, other_right = self.extent(puzzle, other)
                if abs(at[0] - y) < down + other_down and abs(at[1] - x) < right + other_right:
                    return y, x
        return None

    def progress(self, puzzle: P, state: Board) -> float:
        if not state.homes:
            return 0.0
        near = self.closeness(puzzle, state.homes)
        rests = all(place is not None and math.dist(place, home) <= REST
                    for place, home in zip(state.places, state.homes, strict=True))  # fmt: skip
        return near if rests and not state.odd else min(near, 0.99)

    def same(self, puzzle: P, a: Board, b: Board) -> bool:
        return not a.odd and not b.odd and all(x is not None and y is not None and math.dist(x, y) <= REST
                                               for x, y in zip(a.places, b.places, strict=True))  # fmt: skip


def hovering(t: float, rest: float = 0.0) -> float:
    """Share of a long path that is completed at time `t`: slow in the middle, so that the piece is seen there.

    Args:
        t: time in [0, 1].
        rest: share of the time before and again after the movement in which nothing moves.
    """
    t = min(max((t - rest) / (1 - 2 * rest), 0.0), 1.0)
    return 0.5 + 0.12 * (t - 0.5) + 3.52 * (t - 0.5) ** 3


@functools.lru_cache(maxsize=64)
def _homes(task: PiecesTask[P], puzzle: P) -> Places:
    """Return where the pieces rest at the start. It is asked for in each frame, and a plan may be long."""
    return task.moves(puzzle)[0]


class _BoardPainter(Generic[P]):
    """Draws boards. Only the parts that differ from the last board are drawn again."""

    def __init__(self, task: PiecesTask[P], puzzle: P, canvas: Size, downscale: float, object_scale: float) -> None:
        self._task, self._puzzle, self._scale = task, puzzle, object_scale
        self._sheet, self._origin, self._unit = task.sheet(puzzle, canvas, downscale)
        self._board = Board((None,) * len(task.colors(puzzle)))
        self._frame: Frame = self._sheet.pixels()

    def paint(self, board: Board) -> Frame:
        """Draw a board."""
        frame: Frame = self._frame.copy()
        stale: list[Box] = []
        for piece, (old, new) in enumerate(zip(self._board.places, board.places, strict=True)):
            if old == new:
                continue
            areas = [self._box(piece, place) for place in (old, new) if place is not None]
            stale += [_union(*areas)] if len(areas) == 2 and _overlap(*areas) else areas
        for area in stale:
            part = self._sheet.region(area)
            for piece, place in enumerate(board.places):
                if place is not None and _overlap(area, self._box(piece, place)):
                    self._task.draw_piece(self._puzzle, part, piece, self._center(place), self._unit * self._scale)
            part.onto(frame)
        self._board, self._frame = board, frame.copy()
        return frame

    def _center(self, place: Place) -> Point:
        return self._origin[0] + place[1] * self._unit, self._origin[1] + place[0] * self._unit

    def _box(self, piece: int, place: Place) -> Box:
        """Box around a piece, with a margin of two pixels."""
        (x, y), (down, right) = self._center(place), self._task.extent(self._puzzle, piece)
        down, right = down * self._unit * self._scale + 2, right * self._unit * self._scale + 2
        return x - right, y - down, x + right, y + down


class Tracker(Generic[P]):
    """Follows the pieces through a video: where each last rested, and which rules its moves broke.

    Args:
        frames: number of frames of the video.

    Attributes:
        homes: where each piece last rested.
    """

    def __init__(self, task: PiecesTask[P], puzzle: P, frames: int) -> None:
        self._task, self._puzzle, self._frames = task, puzzle, frames
        self.homes = task.moves(puzzle)[0]
        # Where each moving piece was seen clearly away from its resting places.
        self._paths: dict[int, list[Place]] = {}
        self._last = Board(())
        # Number of readings since each piece was last seen.
        self._missing = [0] * len(self.homes)

    def follow(self, reading: Reading[Board]) -> Reading[Board]:
        """Add `homes` and `wrong` to the board of the next reading."""
        board = reading.state
        if board is None:
            return reading
        wrong = self.check_moves(board) or self._check_looks(board)
        self._last = board
        self._missing = [0 if place else count + 1 for place, count in zip(board.places, self._missing, strict=True)]
        if max(self._missing) > self._task.unseen * self._frames:
            wrong = wrong or "hidden"
        return Reading(board._replace(homes=self.homes, wrong=wrong), reading.scene_intact, reading.note)

    def check_moves(self, board: Board) -> str | None:
        """Update homes and paths; return the reason code of the first violation."""
        wrong, moving = None, 0
        seen_before = {piece for piece, path in self._paths.items() if path}
        for piece, place in enumerate(board.places):
            if place is None:
                self._paths.setdefault(piece, [])
                continue
            home = self.homes[piece]
            if math.dist(place, home) <= REST:
                self._paths.pop(piece, None)
                continue
            slot = self._task.slot(self._puzzle, self.homes, piece, place)
            distance = min(math.dist(place, slot), math.dist(place, home))
            moving += distance > _AWAY
            if math.dist(place, slot) <= REST:
                violation = self._land(piece, slot, seen_before)
            else:
                path = self._paths.setdefault(piece, [])
                if distance > self._task.clear:
                    path.append(place)
                violation = self._task.astray(self._puzzle, self.homes, piece, place)
            wrong = wrong or violation
        if moving > self._task.hands:
            wrong = wrong or "several_at_once"
        return wrong

    def _land(self, piece: int, slot: Place, seen_before: set[int]) -> str | None:
        """Let a piece come to rest in a slot; return the reason code if it may not."""
        path = self._paths.pop(piece, [])
        aloft = [other for other, other_path in self._paths.items() if other_path]
        wrong = None
        if sum(other in seen_before for other in aloft) >= self._task.hands:
            wrong = "several_at_once"
        elif not path:
            # A piece must be seen on its path at least once.
            wrong = "teleport"
        wrong = wrong or self._task.against(self._puzzle, self.homes, piece, slot, aloft)
        self.homes = tuple(slot if other == piece else home for other, home in enumerate(self.homes))
        return wrong

    def _check_looks(self, board: Board) -> str | None:
        """A piece that looks odd in one reading is about to leave; if it stays and looks odd again, it has changed."""
        for piece in set(board.odd).intersection(self._last.odd):
            before, now = self._last.places[piece], board.places[piece]
            if before is not None and now is not None and math.dist(before, now) < _STILL:
                return "piece_changed"
        return None


def _along(path: Sequence[Place], t: float) -> Place:
    """Place at a share `t` of a path of straight parts."""
    lengths = [math.dist(a, b) for a, b in itertools.pairwise(path)]
    left = t * added(lengths)
    for a, b, length in zip(path, path[1:], lengths, strict=False):
        if left <= length and length:
            return lerp(a[0], b[0], left / length), lerp(a[1], b[1], left / length)
        left -= length
    return path[-1]


def _union(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
