"""Sorting: bring the discs of a row into the order of their sizes by swaps, one swap after another.

                  _                _
     o   O  ( )  (_)  .           / \\             A video passes if two discs at a time exchange their places until
    ---------------------   ->   .  o  O  (_) ( )  the sizes grow towards the thick end of the wedge, and stay so.
       ___________                ___________      Any sequence of swaps passes. A video fails if three discs move at
       ===========>               ===========>     a time, or if a disc jumps, rests on another, or touches its partner.

The plan length is the smallest number of swaps: the number of discs minus the number of cycles of the permutation.
There are far more than 10,000 questions at every difficulty. Sizes differ by at least 13 %.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.draw import GRAY, Color, Point, Sketch
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.pieces import PIECE_HUES, PIECE_REASONS, REST, Board, PiecesTask, Place, Places
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty: ranges of the number of discs and of swaps, and the ratio of neighboring sizes."""

    min_discs: int
    max_discs: int
    min_swaps: int
    max_swaps: int
    ratio: float


LEVELS = levels(
    Level(min_discs=4, max_discs=5, min_swaps=2, max_swaps=3, ratio=1.28),
    Level(min_discs=5, max_discs=6, min_swaps=3, max_swaps=4, ratio=1.22),
    Level(min_discs=6, max_discs=6, min_swaps=4, max_swaps=5, ratio=1.19),
    Level(min_discs=7, max_discs=7, min_swaps=5, max_swaps=6, ratio=1.16),
    Level(min_discs=8, max_discs=8, min_swaps=6, max_swaps=7, ratio=1.13),
)
# In units (the distance between neighboring discs): radius of the largest disc, and how far above or below the row
# discs pass each other.
_LARGEST, _HIGH = 0.45, 0.95
# Two discs overlap if they are closer than this share of the sum of their radii.
_APART = 0.8
Order = tuple[int, ...]


class Puzzle(Record):
    """Position in the row (from 0) and hue of each disc, smallest first.

    Attributes:
        ratio: how many times wider each disc is than the one before it.
        falling: whether the largest disc belongs on the left.
    """

    order: tuple[int, ...]
    hues: tuple[str, ...]
    ratio: float
    falling: bool


@register_task
class Sorting(PiecesTask[Puzzle]):
    """Each disc is a piece. A place is (below the row, from the left)."""

    name = "sorting"
    tags = ("planning", "perception")
    puzzle_type = Puzzle
    hands = 2
    clear = 0.5
    unseen = 0.15
    hovers = True
    # Between swaps, because the same disc may move twice in a row.
    pause = 0.15
    noun = "disc"
    reasons = {
        **PIECE_REASONS,
        "onto_another": "A disc comes to rest on another disc.",
        "not_exchanged": "Discs change their places without exchanging them in pairs.",
        "along_the_row": "A disc moves along the row instead of above or below it.",
        "overlap": "Two discs run into each other.",
    }
    rubric = {
        "outcome": "The sizes of the discs grow towards the thick end of the wedge.",
        "process": "Two discs at a time exchange their places. Any sequence of swaps is correct.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            order = list(range(rng.randint(level.min_discs, level.max_discs)))
            rng.shuffle(order)
            hues = tuple(rng.sample(list(PIECE_HUES), len(order)))
            puzzle = Puzzle(order=tuple(order), hues=hues, ratio=level.ratio, falling=rng.random() < 0.5)
            # The plan and the formula must agree on the plan length.
            swaps = len(self._plan(puzzle)) - 1
            if level.min_swaps <= swaps <= level.max_swaps and swaps == _count_swaps(puzzle.order, _sorted(puzzle)):
                return puzzle

    def moves(self, puzzle: Puzzle) -> list[Places]:
        return [_places(order) for order in self._plan(puzzle)]

    def _plan(self, puzzle: Puzzle) -> list[Order]:
        return _shortest_plan(puzzle.order, _sorted(puzzle))

    def steps(self, puzzle: Puzzle) -> list[str]:
        return [f"swap the {a} and the {b} disc" for a, b in self._swapped(puzzle)]

    def plan_text(self, puzzle: Puzzle) -> str:
        return "swap " + ", then ".join(f"{a} and {b}" for a, b in self._swapped(puzzle))

    def _swapped(self, puzzle: Puzzle) -> list[tuple[str, str]]:
        """Hues of the two discs of each swap."""
        plan, found = self._plan(puzzle), []
        for old, new in itertools.pairwise(plan):
            a, b = (hue for hue, was, now in zip(puzzle.hues, old, new, strict=True) if was != now)
            found.append((a, b))
        return found

    def place_in_words(self, puzzle: Puzzle, piece: int, place: Place) -> str:
        where = "at" if abs(place[0]) < REST else "above" if place[0] < 0 else "below"
        return f"{where} place {round(place[1]) + 1} of the row"

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
            "other's place, without touching any disc. The wedge stays, and the camera does not move.",
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

    def detour(self, puzzle: Puzzle, piece: int, a: Place, b: Place) -> list[Place]:
        if a[1] == b[1]:
            return []
        # A curve above the row for a disc that moves right, and below it for one that moves left.
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
        # If two discs have the same home, the first disc of a pair has taken its partner's place, and the partner must
        # now take the place that the first disc left.
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
        # In the middle of a swap, two discs have the same home.
        if len(set(order)) < len(order):
            return 0.0
        return max(0.0, 1 - _count_swaps(order, goal) / _count_swaps(puzzle.order, goal))

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        turned = _shortest_plan(_reversed(puzzle.order), _reversed(_sorted(puzzle)))
        return {"from_the_other_end": [Board(_places(_reversed(order))) for order in turned]}

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        path, goal = self.solution(puzzle), _sorted(puzzle)
        neighbors = [*goal[1:2], *goal[:1], *goal[2:]]
        before, after = self._plan(puzzle)[:2]
        a, b = (i for i in range(len(goal)) if before[i] != after[i])
        third = next(i for i in range(len(goal)) if i not in (a, b))
        home = [place for place in path[0].places if place is not None]

        def board(**places: Place) -> Board:
            """Start with some discs elsewhere."""
            changed = {"a": a, "b": b, "c": third}
            return Board(tuple({changed[key]: at for key, at in places.items()}.get(i, h) for i, h in enumerate(home)))

        up, down = (-_HIGH, home[a][1]), (_HIGH, home[b][1])
        aside = (-_HIGH, home[third][1])
        turn = board(a=home[b], b=home[third], c=home[a])
        rest = _shortest_plan(tuple(round(place[1]) for place in turn.places if place), goal)
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
            "nearly_other_way_round": [Board(_places(o)) for o in _shortest_plan(puzzle.order, goal[::-1])],
            "nearly_two_wrong": [Board(_places(o)) for o in _shortest_plan(puzzle.order, tuple(neighbors))],
            "nearly_one_swap_missing": path[:-1],
            "nearly_one_hanging": [*path[:-1], Board(((_HIGH, float(goal[0])), *path[-1].places[1:]))],
        }  # fmt: skip


def _radius(puzzle: Puzzle, disc: int) -> float:
    return float(_LARGEST * puzzle.ratio ** (disc + 1 - len(puzzle.order)))


def _sorted(puzzle: Puzzle) -> Order:
    """Position of each disc at the end."""
    places = tuple(range(len(puzzle.order)))
    return places[::-1] if puzzle.falling else places


def _places(order: Order) -> Places:
    return tuple((0.0, float(at)) for at in order)


def _reversed(order: Order) -> Order:
    """Same order seen from the other end of the row."""
    return tuple(len(order) - 1 - at for at in order)


def _shortest_plan(order: Order, goal: Order) -> list[Order]:
    """Orders of one shortest solution: each swap fills the leftmost wrong position with the disc that belongs there."""
    found = [order]
    while found[-1] != goal:
        now = list(found[-1])
        at = min(goal[disc] for disc in range(len(now)) if now[disc] != goal[disc])
        disc, other = goal.index(at), now.index(at)
        now[disc], now[other] = now[other], now[disc]
        found.append(tuple(now))
    return found


def _count_swaps(order: Order, goal: Order) -> int:
    """Smallest number of swaps: discs minus cycles."""
    seen, cycles = set[int](), 0
    for disc in range(len(order)):
        cycles += disc not in seen
        while disc not in seen:
            seen.add(disc)
            disc = order.index(goal[disc])
    return len(order) - cycles
