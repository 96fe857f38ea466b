"""Pipe rotation: turn tiles by a quarter until the pipe leads from the source to the drain without a leak.

    > - | .      > - + .      A video passes if each tile of the only possible pipe that lies wrong turns by a quarter,
      | + +  ->    | + +      one tile after another and in any order, until water could flow from the source (blue
      + | + )      | + + )    ring) to the drain (orange ring), and if that is held. Pieces of pipe are straight, bends
                              and tees. The other tiles must stay, and no tile may turn the wrong way.

Each wrong tile lies a quarter turn off, in either direction. Exactly one set of tiles can carry the water without a
leak. The plan length is the number of tiles to turn. There are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice, pairwise
from typing import Literal, NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, inset_cell, middle_of, swept
from vmevalkit.tasks.toolkit.compass import cell_in_words
from vmevalkit.tasks.toolkit.draw import BLUE, GRAY, INK, ORANGE, WHITE, Box, Sketch
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record, Size

Piece = Literal["straight", "bend", "tee"]


class Level(NamedTuple):
    """Settings of one difficulty: size of the grid, range of the tiles to turn, and of those that carry the water."""

    columns: int
    rows: int
    fewest: int
    most: int
    shortest: int
    longest: int


LEVELS = levels(
    Level(columns=4, rows=3, fewest=4, most=5, shortest=5, longest=8),
    Level(columns=5, rows=3, fewest=5, most=7, shortest=7, longest=11),
    Level(columns=5, rows=4, fewest=8, most=10, shortest=10, longest=15),
    Level(columns=6, rows=4, fewest=11, most=13, shortest=13, longest=19),
    Level(columns=7, rows=4, fewest=14, most=17, shortest=16, longest=24),
)
# Directions are numbers of quarter turns clockwise from the right: right, down, left, up.
_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
_WORDS = ("right", "bottom", "left", "top")
# The directions in which a piece that is not turned is open, and its number of different positions.
_OPEN: dict[Piece, tuple[int, ...]] = {"straight": (0, 2), "bend": (0, 1), "tee": (0, 1, 2)}
_POSITIONS: dict[Piece, int] = {"straight": 2, "bend": 4, "tee": 4}
_PIECES: tuple[Piece, ...] = ("straight", "bend", "tee")
# First look of each piece; the next ones are turned by quarters. Then a look that covers all that a turning piece may
# cover. The others, only drawn, are moments of a turn, in steps of 90 / _ANGLES degrees.
_FIRST: dict[Piece, int] = {"straight": 1, "bend": 3, "tee": 7}
_COVER, _TURNING, _ANGLES = 11, 12, 30
# A tile turns for this share of its step.
_TURNED_AFTER = 0.6
# Width of a pipe, and margin between tiles, as shares of a tile.
_PIPE, _INSET = 0.36, 0.04


class Puzzle(Record):
    """A grid of tiles, row by row.

    Attributes:
        pieces: the piece on each tile.
        turns: quarter turns clockwise of each piece.
        source, drain: (tile, direction from it) of the two ends of the pipe, outside the grid.
    """

    columns: int
    rows: int
    pieces: tuple[Piece, ...]
    turns: tuple[int, ...]
    source: tuple[int, int]
    drain: tuple[int, int]


@register_task
class PipeRotation(CellsTask[Puzzle]):
    """The places are the tiles, and a look is the position of a piece."""

    name = "pipe_rotation"
    tags = ("planning", "geometry")
    puzzle_type = Puzzle
    reasons = {**CELL_REASONS, "wrong_place": "A tile turns that should not, or turns the wrong way."}
    rubric = {
        "outcome": "The pipe leads from the source to the drain without an open end.",
        "process": "Tiles turn by a quarter, one after another, in any order, and none turns that need not.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            puzzle = _random_puzzle(rng, level)
            if puzzle is None:
                continue
            answers = list(islice(_answers(puzzle), 2))
            if len(answers) != 1:
                continue
            wrong = rng.sample(sorted(answers[0]), min(len(answers[0]), rng.randint(level.fewest, level.most)))
            if len(wrong) < level.fewest or swept([divmod(tile, level.columns) for tile in wrong]):
                continue
            turns = list(puzzle.turns)
            for tile, turn in answers[0].items():
                off = rng.choice((1, 3)) if tile in wrong else 0
                turns[tile] = (turn + off) % _POSITIONS[puzzle.pieces[tile]]
            return puzzle.model_copy(update={"turns": tuple(turns)})

    def start(self, puzzle: Puzzle) -> Looks:
        return tuple(_look(piece, turn) for piece, turn in zip(puzzle.pieces, puzzle.turns, strict=True))

    def goal(self, puzzle: Puzzle) -> Looks:
        return _goal(puzzle)

    def looks(self, puzzle: Puzzle) -> int:
        return _COVER + 1

    def choices(self, puzzle: Puzzle) -> Sequence[Sequence[int]]:
        return [(*range(_FIRST[piece], _FIRST[piece] + _POSITIONS[piece]), 0, _COVER) for piece in puzzle.pieces]

    def between(self, puzzle: Puzzle, a: Board, b: Board, t: float) -> Board:
        """Return the board at a share `t` of a step: tiles turn the short way."""
        looks, coming = list(a.looks), []
        for tile, (old, new) in enumerate(zip(a.looks, b.looks, strict=True)):
            if old == new:
                continue
            if not 0 < old < _COVER or not 0 < new < _COVER:
                return super().between(puzzle, a, b, t)
            piece = puzzle.pieces[tile]
            count = _POSITIONS[piece]
            by = (new - old) % count
            by = by - count if 2 * by > count else by
            turn = old - _FIRST[piece] + by * min(1.0, t / _TURNED_AFTER)
            moment = round(turn * _ANGLES) % (4 * _ANGLES) + _PIECES.index(piece) * 4 * _ANGLES
            looks[tile] = 0
            coming.append((tile, _TURNING + moment, 1.0))
        return Board(tuple(looks), tuple(coming))

    def steps(self, puzzle: Puzzle) -> list[str]:
        return [f"turn the tile in row {row}, column {column} {way}" for row, column, way in self._turned(puzzle)]

    def plan_text(self, puzzle: Puzzle) -> str:
        found = {"clockwise": list[str](), "counterclockwise": list[str](), "by a quarter": list[str]()}
        for row, column, way in self._turned(puzzle):
            found[way].append(f"{row} {column}")
        parts = [f"{way}: {', '.join(tiles)}" for way, tiles in found.items() if tiles]
        return f"turn (row column) {'; '.join(parts)}"

    def _turned(self, puzzle: Puzzle) -> list[tuple[int, int, str]]:
        """Return row and column, from 1, and the direction of each turn."""
        start, goal, found = self.start(puzzle), self.goal(puzzle), []
        for tile in self.order(puzzle):
            row, column = divmod(tile, puzzle.columns)
            way = "clockwise" if (goal[tile] - start[tile]) % 4 == 1 else "counterclockwise"
            found.append((row + 1, column + 1, "by a quarter" if puzzle.pieces[tile] == "straight" else way))
        return found

    def in_words(self, puzzle: Puzzle, state: Board) -> dict[str, str]:
        changing, found = state.changing(), {}
        for tile, look in enumerate(state.looks):
            row, column = divmod(tile, puzzle.columns)
            words = "without a pipe"
            if 0 < look < _COVER:
                ways = _open_ways(puzzle.pieces[tile], look - _FIRST[puzzle.pieces[tile]])
                words = f"open to the {' and '.join(_WORDS[way] for way in sorted(ways))}"
            found[f"the tile {cell_in_words((row, column))}"] = "turning" if tile in changing else words
        return found

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "Square tiles with pieces of dark pipe: straight pieces, bends and tees. One tile after another turns in "
            "place by a quarter, until one closed pipe leads from the blue source to the orange drain and no end of it "
            "is open. Only tiles of this pipe turn, each by one quarter turn the short way; the other tiles stay as "
            "they are. Source and drain stay. The camera is fixed.",
            "Connect the blue ring to the orange ring: tiles of the pipe that lie wrong rotate by a quarter turn, left "
            "or right, one at a time, until water could flow through without a leak. There is only one such pipe. "
            "Tiles that lie right, and tiles beside the pipe, do not turn. The rings stay. Static camera.",
            "A plumbing puzzle. The pipe from the blue source to the orange drain is closed by turning tiles in place, "
            "one by one, each by a quarter turn in the right direction. A tee would leak if one of its ends is open. "
            "Tiles that are not needed keep their position, source and drain stay, and the camera does not move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, order, goal = super().cheats(puzzle), self.order(puzzle), self.goal(puzzle)
        bends = [tile for tile in order if puzzle.pieces[tile] == "bend"]
        # The other quarter turn ends opposite to the right position.
        other = {tile: _look("bend", goal[tile] - _FIRST["bend"] + 2) for tile in bends}
        if other:
            wrong = tuple(other.get(tile, look) for tile, look in enumerate(goal))
            found["bends_turn_the_wrong_way"] = self.filled(puzzle, order, wrong)
            last = list(other)[-1]
            wrong = tuple(other[tile] if tile == last else look for tile, look in enumerate(goal))
            found["nearly_one_bend_the_wrong_way"] = self.filled(puzzle, order, wrong)
        return found

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        # Half a tile on each side, for the source and the drain.
        cell = min(canvas[0] * 0.96 / (puzzle.columns + 1.3), canvas[1] * 0.96 / (puzzle.rows + 1.3))
        left, top = (canvas[0] - cell * puzzle.columns) / 2, (canvas[1] - cell * puzzle.rows) / 2
        sketch, edge = Sketch(canvas, downscale=downscale), _INSET * cell
        sketch.rectangle((left - edge, top - edge, canvas[0] - left + edge, canvas[1] - top + edge), GRAY, radius=edge)
        for (tile, way), color in ((puzzle.source, BLUE), (puzzle.drain, ORANGE)):
            row, column = divmod(tile, puzzle.columns)
            x, y = left + (column + 0.5) * cell, top + (row + 0.5) * cell
            across, down = _STEPS[way]
            near, far = ((x + share * cell * across, y + share * cell * down) for share in (0.52, 0.8))
            sketch.line([near, far], _PIPE * cell, color)
            sketch.circle(far, 0.27 * cell, color)
            sketch.circle(far, 0.12 * cell, WHITE)
        boxes = []
        for tile in range(puzzle.columns * puzzle.rows):
            box = inset_cell((left, top), cell, *divmod(tile, puzzle.columns), _INSET)
            sketch.rectangle(box, WHITE)
            boxes.append(box)
        return sketch, boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        x, y, half = middle_of(box)
        if look == _COVER:
            sketch.circle((x, y), half * size, INK)
            return
        piece, angle, length = _drawn(look)
        wide = _PIPE / (1 - 2 * _INSET) * half * size
        for way in _OPEN[piece]:
            turn = math.radians(90 * (way + angle))
            across, down = math.cos(turn), math.sin(turn)
            # Arms begin behind the middle, so that they join in a corner.
            ends = [(x + far * across, y + far * down) for far in (-wide, length * half * size)]
            sides = ((ends[0], 1), (ends[1], 1), (ends[1], -1), (ends[0], -1))
            sketch.polygon([(px - sign * wide * down, py + sign * wide * across) for (px, py), sign in sides], INK)


def _look(piece: Piece, turn: int) -> int:
    """Return the look of a piece after some quarter turns clockwise."""
    return _FIRST[piece] + turn % _POSITIONS[piece]


def _drawn(look: int) -> tuple[Piece, float, float]:
    """Return the piece of a look, its angle in quarter turns, and the length of its arms as a share of half a tile."""
    if look > _COVER:
        number, angle = divmod(look - _TURNING, 4 * _ANGLES)
        # A little shorter, so that the arms stay in the tile.
        return _PIECES[number], angle / _ANGLES, 0.93
    piece = next(piece for piece in reversed(_PIECES) if _FIRST[piece] <= look)
    return piece, float(look - _FIRST[piece]), 1.0


def _open_ways(piece: Piece, turn: int) -> set[int]:
    """Return the directions in which a piece is open."""
    return {(way + turn) % 4 for way in _OPEN[piece]}


def _beside(puzzle: Puzzle, tile: int, way: int) -> int | None:
    """Return the next tile in a direction; None if it is outside the grid."""
    row, column = divmod(tile, puzzle.columns)
    column, row = column + _STEPS[way][0], row + _STEPS[way][1]
    inside = 0 <= column < puzzle.columns and 0 <= row < puzzle.rows
    return row * puzzle.columns + column if inside else None


def _answers(puzzle: Puzzle) -> Iterator[dict[int, int]]:
    """Yield every closed pipe from the source to the drain: the quarter turns of its tiles."""
    ends, drain = (puzzle.source, puzzle.drain), puzzle.drain

    def closed(found: dict[int, int], demands: list[tuple[int, int]]) -> Iterator[dict[int, int]]:
        """Yield the pipes that have the tiles found so far; a demand (tile, way) is that a tile is open that way."""
        while demands and demands[-1][0] in found:
            tile, way = demands[-1]
            if way not in _open_ways(puzzle.pieces[tile], found[tile]):
                return
            demands = demands[:-1]
        if not demands:
            if drain[0] in found and drain[1] in _open_ways(puzzle.pieces[drain[0]], found[drain[0]]):
                yield found
            return
        (tile, way), rest = demands[-1], demands[:-1]
        for turn in range(_POSITIONS[puzzle.pieces[tile]]):
            ways = _open_ways(puzzle.pieces[tile], turn)
            if way not in ways:
                continue
            others = [(_beside(puzzle, tile, other), (other + 2) % 4) for other in ways if (tile, other) not in ends]
            inside = [(beside, back) for beside, back in others if beside is not None]
            if len(inside) == len(others):
                yield from closed({**found, tile: turn}, [*rest, *inside])

    yield from closed({}, [puzzle.source])


@lru_cache(maxsize=64)
def _goal(puzzle: Puzzle) -> Looks:
    answer = next(_answers(puzzle))
    turns = (answer.get(tile, turn) for tile, turn in enumerate(puzzle.turns))
    return tuple(_look(piece, turn) for piece, turn in zip(puzzle.pieces, turns, strict=True))


def _random_puzzle(rng: random.Random, level: Level) -> Puzzle | None:
    """Return tiles with a pipe along a random path, in any position; None if the path does not end at the border."""
    count = level.columns * level.rows
    pieces: list[Piece] = rng.choices(("straight", "bend", "tee"), (3, 3, 2), k=count)
    puzzle = Puzzle(
        columns=level.columns, rows=level.rows, pieces=tuple(pieces), turns=(0,) * count, source=(0, 0), drain=(0, 0)
    )
    border = [(tile, way) for tile in range(count) for way in range(4) if _beside(puzzle, tile, way) is None]
    source = rng.choice(border)
    path, length = [source[0]], rng.randint(level.shortest, level.longest)
    while len(path) < length:
        beside = (_beside(puzzle, path[-1], way) for way in range(4))
        free = [tile for tile in beside if tile is not None and tile not in path]
        if not free:
            return None
        path.append(rng.choice(free))
    outside = [end for end in border if end[0] == path[-1]]
    if not outside:
        return None
    drain = rng.choice(outside)
    ways = [next(way for way in range(4) if _beside(puzzle, a, way) == b) for a, b in pairwise(path)]
    for tile, before, after in zip(path, [(source[1] + 2) % 4, *ways], [*ways, drain[1]], strict=True):
        pieces[tile] = "straight" if before == after else "bend"
    turns = tuple(rng.randrange(_POSITIONS[piece]) for piece in pieces)
    return puzzle.model_copy(update={"pieces": tuple(pieces), "turns": turns, "source": source, "drain": drain})
