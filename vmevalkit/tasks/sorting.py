"""Sorting: bring the discs of a row into the order of their sizes by swaps, one swap after another.

                  _                _
     o   O  ( )  (_)  .           / \\             A video passes when two discs at a time exchange their places, until
    ---------------------   ->   .  o  O  (_) ( )  the sizes grow towards the thick end of the wedge, and stay there.
       ___________                ___________      Any swaps will do. Three discs that move at a time, a disc that jumps
       ===========>               ===========>     or comes to rest on another, or a pair that touches does not pass.

The plan length is the least number of swaps: discs less the cycles in which they are out of place. There are far more
than 10,000 questions at every difficulty. Sizes are at least 13 % apart.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.draw import GRAY, Color, Point, Sketch
from vmevalkit.tasks.toolkit.pieces import PIECE_HUES, PIECE_REASONS, REST, Board, PiecesTask, Place, Places, hovering
from vmevalkit.types import Record, Size

# Difficulty: fewest and most discs, fewest and most swaps, how many times wider a disc is than the next smaller one.
_LEVELS = {
    1: (4, 5, 2, 3, 1.28), 2: (5, 6, 3, 4, 1.22), 3: (6, 6, 4, 5, 1.19), 4: (7, 7, 5, 6, 1.16), 5: (8, 8, 6, 7, 1.13),
}  # fmt: skip
# In units, which are the distance of the discs: radius of the largest disc, how far above or below the row discs pass.
_LARGEST, _HIGH = 0.45, 0.95
# Share of the sum of two radii below which discs overlap.
_APART = 0.8
Order = tuple[int, ...]


class Puzzle(Record):
    """The place in the row (from 0) and the hue of each disc, the smallest first.

    Each is `ratio` times as wide as the one before it. `falling`: the largest disc belongs on the left.
    """

    order: tuple[int, ...]
    hues: tuple[str, ...]
    ratio: float
    falling: bool


@register_task
class Sorting(PiecesTask[Puzzle]):
    """Each disc is a piece. A place is (below the row, from the left)."""

    name = "sorting"
    puzzle_type = Puzzle
    hands = 2
    clear = 0.5
    unseen = 0.15
    reasons = {
        **PIECE_REASONS,
        "onto_another": "A disc comes to rest where another one is.",
        "not_exchanged": "Discs move on without exchanging their places in pairs.",
        "along_the_row": "A disc moves along the row instead of above or below it.",
        "overlap": "Two discs run into each other.",
    }
    rubric = {
        "outcome": "The sizes of the discs grow towards the thick end of the wedge.",
        "process": "Two discs at a time exchange their places. Any swaps will do.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        few, many, least, most, ratio = _LEVELS[difficulty]
        while True:
            order = list(range(rng.randint(few, many)))
            rng.shuffle(order)
            hues = tuple(rng.sample(list(PIECE_HUES), len(order)))
            puzzle = Puzzle(order=tuple(order), hues=hues, ratio=ratio, falling=rng.random() < 0.5)
            # Planned and calculated: two ways to know the plan length.
            swaps = len(self._plan(puzzle)) - 1
            if least <= swaps <= most and swaps == _calculated(puzzle.order, _sorted(puzzle)):
                return puzzle

    def moves(self, puzzle: Puzzle) -> list[Places]:
        return [_places(order) for order in self._plan(puzzle)]

    def _plan(self, puzzle: Puzzle) -> list[Order]:
        return _swaps(puzzle.order, _sorted(puzzle))

    def steps(self, puzzle: Puzzle) -> list[str]:
        return [f"swap the {a} and the {b} disc" for a, b in self._swapped(puzzle)]

    def plan_text(self, puzzle: Puzzle) -> str:
        return "swap " + ", then ".join(f"{a} and {b}" for a, b in self._swapped(puzzle))

    def _swapped(self, puzzle: Puzzle) -> list[tuple[str, str]]:
        """Hues of the discs of each swap."""
        plan, found = self._plan(puzzle), []
        for old, new in itertools.pairwise(plan):
            a, b = (hue for hue, was, now in zip(puzzle.hues, old, new, strict=True) if was != now)
            found.append((a, b))
        return found

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        small, large = ("right", "left") if puzzle.falling else ("left", "right")
        return (
            "Discs of different sizes in a row. Two discs at a time exchange their places, one passing above the row "
            f"and the other below, one swap after another, until the sizes grow from the {small} to the {large}, as "
            "the wedge shows. Discs never touch, and keep their size and colour. The camera is fixed.",
            f"Sort the discs by size with swaps: the smallest to the far {small}, the largest to the far {large}. Each "
            "swap moves just two discs, which trade places in a smooth curve above and below the others. All others "
            "rest meanwhile. Static camera.",
            f"The coloured discs put themselves in order from the smallest on the {small} to the largest on the "
            f"{large}. Again and again two of them leave the row, one upwards and one downwards, and settle in each "
            "other's place, without touching any disc. Nothing else changes, and the camera does not move.",
        )

    def colors(self, puzzle: Puzzle) -> Sequence[Color]:
        return [PIECE_HUES[hue] for hue in puzzle.hues]

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, Point, float]:
        discs, reach = len(puzzle.order), _HIGH + _LARGEST + 0.05
        wedge, thickness = reach + 0.1, 0.06 * discs
        unit = min(canvas[0] * 0.88 / discs, canvas[1] * 0.88 / (reach + wedge + thickness))
        x, y = (canvas[0] - (discs - 1) * unit) / 2, (canvas[1] - (wedge + thickness - reach) * unit) / 2
        left, right = x - 0.45 * unit, x + (discs - 0.55) * unit
        sketch = Sketch(canvas, downscale=downscale)
        sketch.rectangle((left, y - 0.08 * unit, right, y + 0.08 * unit), GRAY, radius=0.08 * unit)
        thin, thick = (right, left) if puzzle.falling else (left, right)
        below, half = y + (wedge + thickness / 2) * unit, thickness / 2 * unit
        sketch.polygon([(thin, below), (thick, below - half), (thick, below + half)], GRAY)
        return sketch, (x, y), unit

    def draw_piece(self, puzzle: Puzzle, sketch: Sketch, piece: int, center: Point, unit: float) -> None:
        sketch.circle(center, _radius(puzzle, piece) * unit, self.colors(puzzle)[piece])

    def extent(self, puzzle: Puzzle, piece: int) -> tuple[float, float]:
        radius = _radius(puzzle, piece)
        return radius, radius

    def between(self, puzzle: Puzzle, a: Board, b: Board, t: float) -> Board:
        # With a rest, because the same disc may be moved twice running.
        return super().between(puzzle, a, b, hovering(t, 0.15))

    def detour(self, puzzle: Puzzle, piece: int, a: Place, b: Place) -> list[Place]:
        if a[1] == b[1]:
            return []
        # A rounded way: above the row to the right, below it to the left.
        side, found = math.copysign(_HIGH, a[1] - b[1]), []
        for i in range(1, 16):
            along, up = math.cos(math.pi * i / 16), math.sin(math.pi * i / 16)
            share = 0.5 - 0.5 * math.copysign(abs(along) ** 0.5, along)
            found.append((side * up**0.5, a[1] + (b[1] - a[1]) * share))
        return found

    def slot(self, puzzle: Puzzle, homes: Places, piece: int, place: Place) -> Place:
        return 0.0, float(min(max(round(place[1]), 0), len(homes) - 1))

    def astray(self, puzzle: Puzzle, homes: Places, piece: int, place: Place) -> str | None:
        between = abs(place[1] - round(place[1])) > 0.3
        return "along_the_row" if between and abs(place[0]) < REST else None

    def against(self, puzzle: Puzzle, homes: Places, piece: int, slot: Place, aloft: Sequence[int]) -> str | None:
        # Where two have the same home, the first of a pair has taken the other's place; that one has to take its.
        if homes.count(homes[piece]) > 1:
            return "not_exchanged" if slot in homes else None
        if slot not in homes or len(set(homes)) < len(homes):
            return "not_exchanged"
        return None if homes.index(slot) in aloft else "onto_another"

    def illegal(self, puzzle: Puzzle, a: Board, b: Board) -> str | None:
        if b.wrong:
            return b.wrong
        seen = [(place, _radius(puzzle, piece)) for piece, place in enumerate(b.places) if place is not None]
        for i, (place, radius) in enumerate(seen):
            if any(math.dist(place, other) < _APART * (radius + wide) for other, wide in seen[:i]):
                return "overlap"
        return None

    def closeness(self, puzzle: Puzzle, homes: Places) -> float:
        order, goal = tuple(round(home[1]) for home in homes), _sorted(puzzle)
        # Half-way through a swap, two discs have the same home.
        if len(set(order)) < len(order):
            return 0.0
        return max(0.0, 1 - _calculated(order, goal) / _calculated(puzzle.order, goal))

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        turned = _swaps(_turned(puzzle.order), _turned(_sorted(puzzle)))
        return {"from_the_other_end": [Board(_places(_turned(order))) for order in turned]}

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        path, goal = self.solution(puzzle), _sorted(puzzle)
        neighbors = [*goal[1:2], *goal[:1], *goal[2:]]
        before, after = self._plan(puzzle)[:2]
        a, b = (i for i in range(len(goal)) if before[i] != after[i])
        third = next(i for i in range(len(goal)) if i not in (a, b))
        home = [place for place in path[0].places if place is not None]

        def board(**places: Place) -> Board:
            """The start, but for some discs."""
            changed = {"a": a, "b": b, "c": third}
            return Board(tuple({changed[key]: at for key, at in places.items()}.get(i, h) for i, h in enumerate(home)))

        up, down = (-_HIGH, home[a][1]), (_HIGH, home[b][1])
        aside = (-_HIGH, home[third][1])
        turn = board(a=home[b], b=home[third], c=home[a])
        rest = _swaps(tuple(round(place[1]) for place in turn.places if place), goal)
        middle = (0.0, (home[a][1] + home[b][1]) / 2)
        return {
            "all_at_once": [path[0], path[-1]],
            "two_swaps_at_once": [*path[:-3], path[-3], path[-1]],
            "three_take_turns": [
                path[0], board(a=up, b=down), board(a=home[b], b=down), board(a=home[b], b=down, c=aside),
                board(a=home[b], b=home[third], c=aside), turn, *(Board(_places(order)) for order in rest[1:]),
            ],
            "onto_another": [path[0], *[board(a=home[b])] * 2, *path[1:]],
            "through_each_other": [path[0], *[board(a=middle, b=middle)] * 2, *path[1:]],
            "along_the_row": [path[0], *[board(a=(0.0, home[a][1] + (0.4 if home[a][1] == 0 else -0.4)))] * 2, *path],
            "nearly_other_way_round": [Board(_places(o)) for o in _swaps(puzzle.order, goal[::-1])],
            "nearly_two_wrong": [Board(_places(o)) for o in _swaps(puzzle.order, tuple(neighbors))],
            "nearly_one_swap_missing": path[:-1],
            "nearly_one_hanging": [*path[:-1], Board(((_HIGH, float(goal[0])), *path[-1].places[1:]))],
        }  # fmt: skip


def _radius(puzzle: Puzzle, disc: int) -> float:
    return float(_LARGEST * puzzle.ratio ** (disc + 1 - len(puzzle.order)))


def _sorted(puzzle: Puzzle) -> Order:
    """The place of each disc at the end."""
    places = tuple(range(len(puzzle.order)))
    return places[::-1] if puzzle.falling else places


def _places(order: Order) -> Places:
    return tuple((0.0, float(at)) for at in order)


def _turned(order: Order) -> Order:
    """The same seen from the other end of the row."""
    return tuple(len(order) - 1 - at for at in order)


def _swaps(order: Order, goal: Order) -> list[Order]:
    """The orders of a shortest solution: each swap brings the disc to the leftmost wrong place that belongs there."""
    found = [order]
    while found[-1] != goal:
        now = list(found[-1])
        at = min(goal[disc] for disc in range(len(now)) if now[disc] != goal[disc])
        disc, other = goal.index(at), now.index(at)
        now[disc], now[other] = now[other], now[disc]
        found.append(tuple(now))
    return found


def _calculated(order: Order, goal: Order) -> int:
    """The least number of swaps: discs less cycles."""
    seen, cycles = set[int](), 0
    for disc in range(len(order)):
        cycles += disc not in seen
        while disc not in seen:
            seen.add(disc)
            disc = order.index(goal[disc])
    return len(order) - cycles
