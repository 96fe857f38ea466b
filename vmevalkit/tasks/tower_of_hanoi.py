"""Tower of Hanoi: carry discs from peg to peg, one at a time, until all are stacked on the peg above the star.

          |           |           |
         (=)          |           |       A video passes if top discs are lifted off their pegs, carried over the pegs
       (=====)        |           |       and lowered, one after another and never onto a smaller disc, until all are
      (=======)       |         (===)     on the peg above the star and stay there. Every legal sequence passes. A video
     ===================================  fails if a disc is taken from below another, jumps, or passes through a peg.
                      *

The discs may start in any legal arrangement. The plan length is the smallest number of moves. Few arrangements are that
many moves from the goal, whatever the number of discs: 66 at difficulty 1 (for the three pegs together), and 96, 60,
120 and 150 at difficulties 2 to 5. With the colors of the discs there are more than 10,000 questions at every
difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.draw import INK, UMBER, Color, Point, Sketch
from vmevalkit.tasks.toolkit.follow import distances
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.pieces import PIECE_HUES, PIECE_REASONS, Board, PiecesTask, Place, Places
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty: ranges of the number of discs and of the plan length."""

    min_discs: int
    max_discs: int
    min_moves: int
    max_moves: int


LEVELS = levels(
    Level(min_discs=2, max_discs=4, min_moves=2, max_moves=4),
    Level(min_discs=3, max_discs=4, min_moves=5, max_moves=7),
    Level(min_discs=4, max_discs=5, min_moves=8, max_moves=10),
    Level(min_discs=4, max_discs=5, min_moves=11, max_moves=13),
    Level(min_discs=4, max_discs=5, min_moves=14, max_moves=16),
)
# In units (the height of a disc): half the height of a disc without the gap, width of the smallest disc, how much wider
# each next disc is, and free width between the largest discs.
_HALF, _SMALLEST, _WIDER, _FREE = 0.45, 1.4, 0.6, 0.4
# How far a peg rises above the full stack, and how far above the peg discs are carried.
_SPARE, _ABOVE = 0.3, 0.15
_BASE, _STAR = 0.45, 0.55
_HUES = {name: color for name, color in PIECE_HUES.items() if name != "black"}
_PEG_NAMES = ("left", "middle", "right")
Pegs = tuple[int, ...]


class Puzzle(Record):
    """The peg (from 0) and the hue of each disc, smallest first, and the goal peg."""

    pegs: tuple[int, ...]
    hues: tuple[str, ...]
    goal: int


@register_task
class TowerOfHanoi(PiecesTask[Puzzle]):
    """Each disc is a piece. A place is (minus the height, distance from the left peg), in heights of a disc."""

    name = "tower_of_hanoi"
    tags = ("planning", "logic")
    puzzle_type = Puzzle
    clear = 1.2
    unseen = 0.15
    hovers = True
    noun = "disc"
    reasons = {
        **PIECE_REASONS,
        "onto_smaller": "A disc comes to rest on a smaller one.",
        "from_below": "A disc is taken from below another one.",
        "through_peg": "A disc moves sideways through a peg instead of being lifted off it.",
    }
    rubric = {
        "outcome": "All discs are stacked on the peg above the star.",
        "process": (
            "Only top discs are lifted, carried over the pegs and lowered, one after another, and never onto a "
            "smaller one. Every legal sequence of moves is correct."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            discs, goal = rng.randint(level.min_discs, level.max_discs), rng.randrange(3)
            far = _distances(discs, goal)
            pegs = rng.choice([pegs for pegs, moves in far.items() if level.min_moves <= moves <= level.max_moves])
            # The search and the formula must agree on the plan length.
            if far[pegs] == _count_moves(pegs, goal):
                return Puzzle(pegs=pegs, hues=tuple(rng.sample(list(_HUES), discs)), goal=goal)

    def moves(self, puzzle: Puzzle) -> list[Places]:
        return [_places(pegs) for pegs in _plan(puzzle.pegs, puzzle.goal)]

    def steps(self, puzzle: Puzzle) -> list[str]:
        return [f"{hue} disc to the {peg} peg" for hue, peg in self._carried(puzzle)]

    def plan_text(self, puzzle: Puzzle) -> str:
        return "carry " + ", ".join(f"{hue} {peg}" for hue, peg in self._carried(puzzle))

    def _carried(self, puzzle: Puzzle) -> Iterator[tuple[str, str]]:
        """Hue of the disc and name of the peg, for each move."""
        plan = _plan(puzzle.pegs, puzzle.goal)
        for a, b in itertools.pairwise(plan):
            disc = next(i for i in range(len(a)) if a[i] != b[i])
            yield puzzle.hues[disc], _PEG_NAMES[b[disc]]

    def place_in_words(self, puzzle: Puzzle, piece: int, place: Place) -> str:
        discs = len(puzzle.pegs)
        where = "on" if -place[0] < discs - 0.5 else "above"
        return f"{where} the {_PEG_NAMES[_peg(discs, place)]} peg"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        peg = _PEG_NAMES[puzzle.goal]
        return (
            "Discs of different widths on three pegs. One after another, the top disc of a peg is lifted off, carried "
            f"over the pegs and lowered onto another peg, until all discs are stacked on the {peg} peg, above the "
            "star. A disc never lies on a smaller one, and only one disc moves at a time. The camera is fixed.",
            f"Solve the Tower of Hanoi: bring all discs to the {peg} peg, which has a star below it. Move one top disc "
            "at a time, straight up off its peg, across, and straight down, and never put a wider disc on a narrower "
            "one. Static camera.",
            f"Three pegs hold some discs. They rise, travel above the pegs and sink onto another peg, one disc at a "
            f"time and always the uppermost, never onto a smaller disc. At the end the whole tower stands on the {peg} "
            "peg over the star. The camera does not move.",
        )

    def colors(self, puzzle: Puzzle) -> Sequence[Color]:
        return [_HUES[hue] for hue in puzzle.hues]

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, Point, float]:
        discs = len(puzzle.pegs)
        apart = _peg_distance(discs)
        above, below = _carry_height(discs) + 0.5, 0.5 + _BASE + 0.2 + 2 * _STAR
        unit = min(canvas[0] * 0.88 / (3 * apart), canvas[1] * 0.88 / (above + below))
        x = canvas[0] / 2 - apart * unit
        y = (canvas[1] + (above - below) * unit) / 2
        floor, top, thick = y + 0.5 * unit, y - (discs - 0.5 + _SPARE) * unit, 0.18 * unit
        sketch = Sketch(canvas, downscale=downscale)
        for peg in range(3):
            at = x + peg * apart * unit
            sketch.rectangle((at - thick, top, at + thick, floor + thick), UMBER, radius=thick)
        edge = (1.5 * apart - 0.1) * unit
        middle = canvas[0] / 2
        sketch.rectangle((middle - edge, floor, middle + edge, floor + _BASE * unit), UMBER, radius=0.2 * unit)
        star = (x + puzzle.goal * apart * unit, floor + (_BASE + 0.2 + _STAR) * unit)
        sketch.polygon(_star(star, _STAR * unit * 1.1), INK)
        return sketch, (x, y), unit

    def draw_piece(self, puzzle: Puzzle, sketch: Sketch, piece: int, center: Point, unit: float) -> None:
        (x, y), high, wide = center, _HALF * unit, _width(piece) / 2 * unit
        sketch.rectangle((x - wide, y - high, x + wide, y + high), self.colors(puzzle)[piece], radius=0.3 * unit)

    def extent(self, puzzle: Puzzle, piece: int) -> tuple[float, float]:
        return _HALF, _width(piece) / 2

    def detour(self, puzzle: Puzzle, piece: int, a: Place, b: Place) -> list[Place]:
        if a[1] == b[1]:
            return []
        return [(-_carry_height(len(puzzle.pegs)), a[1]), (-_carry_height(len(puzzle.pegs)), b[1])]

    def stand(self, puzzle: Puzzle, homes: Places, piece: int, place: Place) -> Place:
        discs = len(puzzle.pegs)
        return -float(min(max(round(-place[0]), 0), discs - 1)), _peg(discs, place) * _peg_distance(discs)

    def slot(self, puzzle: Puzzle, homes: Places, piece: int, place: Place) -> Place:
        discs = len(homes)
        peg = _peg(discs, place)
        if peg == _peg(discs, homes[piece]):
            return homes[piece]
        others = sum(_peg(discs, home) == peg for home in homes)
        return -float(others), peg * _peg_distance(discs)

    def astray(self, puzzle: Puzzle, homes: Places, piece: int, place: Place) -> str | None:
        discs = len(homes)
        # Allow a small distance: in blurred frames, the disc above may have only just landed.
        if math.dist(place, homes[piece]) > 0.5 and self._smaller(homes, piece, _peg(discs, homes[piece])):
            return "from_below"
        peg, apart = _peg(discs, place), _peg_distance(discs)
        if -place[0] > discs - 0.8:
            return None
        if abs(place[1] - peg * apart) > 0.3 * apart:
            return "through_peg"
        return self.against(puzzle, homes, piece, place, ()) if peg != _peg(discs, homes[piece]) else None

    def against(self, puzzle: Puzzle, homes: Places, piece: int, slot: Place, aloft: Sequence[int]) -> str | None:
        return "onto_smaller" if self._smaller(homes, piece, _peg(len(homes), slot)) else None

    def _smaller(self, homes: Places, piece: int, peg: int) -> bool:
        """Whether a smaller disc rests on a peg."""
        return any(_peg(len(homes), home) == peg for home in homes[:piece])

    def closeness(self, puzzle: Puzzle, homes: Places) -> float:
        far = _distances(len(homes), puzzle.goal)
        here = tuple(_peg(len(homes), home) for home in homes)
        return max(0.0, 1 - far[here] / far[puzzle.pegs])

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        plan = _plan(puzzle.pegs, puzzle.goal)
        other = next(pegs for pegs in _neighbors(puzzle.pegs) if pegs != plan[1])
        return {"another_way": [Board(_places(pegs)) for pegs in (plan[0], *_plan(other, puzzle.goal))]}

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        path = self.solution(puzzle)
        discs, moves = len(puzzle.pegs), self.moves(puzzle)
        first, last = moves[0], moves[-1]
        wrong = next(peg for peg in range(3) if peg != puzzle.goal and set(puzzle.pegs) != {peg})
        *_, last_moved = (i for i in range(discs) if last[i] != moves[-2][i])
        hanging = [(-_carry_height(discs), home[1]) if i == last_moved else home for i, home in enumerate(last)]
        swapped = [last[1], last[0], *last[2:]]
        low = [(place[0], place[1] + 0.5 * _peg_distance(discs) * (1 if place[1] == 0 else -1)) if i == 0 else place
               for i, place in enumerate(first)]  # fmt: skip
        return {
            "all_at_once": [path[0], path[-1]],
            "two_at_once_at_first": [path[0], *path[2:]],
            "two_at_once_at_last": [*path[:-2], path[-1]],
            "onto_smaller": self._with_illegal_move(path, above=True),
            "from_below": self._with_illegal_move(path, above=False),
            "through_a_peg": [path[0], *[Board(tuple(low))] * 2, *path],
            "nearly_wrong_peg": [Board(_places(pegs)) for pegs in _plan(puzzle.pegs, wrong)],
            "nearly_one_move_missing": path[:-1],
            "nearly_not_lowered": [*path[:-1], Board(tuple(hanging))],
            "nearly_two_swapped": [*path[:-1], Board(tuple(swapped))],
        }

    def _with_illegal_move(self, path: list[Board], above: bool) -> list[Board]:
        """Insert an illegal move and its reverse: onto a smaller disc if `above`, else from below one."""
        for at, board in enumerate(path):
            homes = [place for place in board.places if place is not None]
            discs = len(homes)
            pegs = [_peg(discs, home) for home in homes]
            for disc, home in enumerate(pegs):
                top = home not in pegs[:disc]
                for peg in range(3):
                    if peg != home and top == above and (peg in pegs[:disc]) == above:
                        moved = list(homes)
                        moved[disc] = (-float(pegs.count(peg)), peg * _peg_distance(discs))
                        # Repeat the board so that the disc is seen at rest.
                        return [*path[: at + 1], *[Board(tuple(moved))] * 2, *path[at:]]
        return path[:1]


def _width(disc: int) -> float:
    return _SMALLEST + _WIDER * disc


def _peg_distance(discs: int) -> float:
    """Distance from one peg to the next."""
    return _width(discs - 1) + _FREE


def _carry_height(discs: int) -> float:
    """The height at which discs are carried."""
    return discs + _SPARE + _ABOVE


def _peg(discs: int, place: Place) -> int:
    """Index of the peg nearest to a place."""
    return min(max(round(place[1] / _peg_distance(discs)), 0), 2)


def _places(pegs: Pegs) -> Places:
    """Resting places of the discs: each lies on the larger discs of its peg."""
    return tuple((-float(pegs[i + 1 :].count(peg)), peg * _peg_distance(len(pegs))) for i, peg in enumerate(pegs))


def _neighbors(pegs: Pegs) -> list[Pegs]:
    """Arrangements one legal move away."""
    found = []
    for disc, home in enumerate(pegs):
        if home not in pegs[:disc]:
            free = (peg for peg in range(3) if peg != home and peg not in pegs[:disc])
            found += [(*pegs[:disc], peg, *pegs[disc + 1 :]) for peg in free]
    return found


@lru_cache(maxsize=32)
def _distances(discs: int, goal: int) -> dict[Pegs, int]:
    """Smallest number of moves from each arrangement to all discs on the goal peg."""
    return distances((goal,) * discs, _neighbors)


def _count_moves(pegs: Pegs, goal: int) -> int:
    """Count the moves without a search: before a disc can move to its peg, all smaller ones must be on the third."""
    moves = 0
    for disc in reversed(range(len(pegs))):
        if pegs[disc] != goal:
            moves += 2**disc
            goal = 3 - goal - pegs[disc]
    return moves


def _plan(pegs: Pegs, goal: int) -> list[Pegs]:
    """Arrangements of one shortest solution."""
    far, found = _distances(len(pegs), goal), [pegs]
    while far[found[-1]]:
        found.append(min(_neighbors(found[-1]), key=far.__getitem__))
    return found


def _star(center: Point, radius: float) -> list[Point]:
    angles = [math.radians(36 * i - 90) for i in range(10)]
    radii = [radius if i % 2 == 0 else 0.45 * radius for i in range(10)]
    return [(center[0] + r * math.cos(a), center[1] + r * math.sin(a)) for a, r in zip(angles, radii, strict=True)]
