"""Key and door: fetch each key, open the door of its color with it, and go to the orange square.

    +---+---+---+
    | o     | K |      o  the disc          A video passes when the disc is seen to walk through open passages to a key,
    +   +---+   +      K  a key             which vanishes when touched, to the door of its color, which vanishes when
    |           |      D  its door          the disc reaches it, and so on until it rests on the square. Detours are
    +---+   +---+      x  the goal          allowed. Passing a closed door, a door that opens without its key, and keys
    | x   D     |                           and doors that vanish untouched are not.
    +---+---+---+

A key's bow has the shape of its door's keyhole. The plan length is the number of cells walked and doors opened. There
are far more than 10,000 puzzles at every difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from vmevalkit.media import Frame, Planes
from vmevalkit.tasks.base import Painter, Reader, Reading, Task, lerp, register_task
from vmevalkit.tasks.toolkit.draw import BLUE, HUES, WHITE, Color, Point, Sketch
from vmevalkit.tasks.toolkit.grid import RADIUS, WORDS, Cell, Place, Walls, around, carve, cell_of
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.vision import Floats, Lens, downscale_of, most, to_planes, tone
from vmevalkit.tasks.toolkit.walk import AGENT_REASONS, agent_reader
from vmevalkit.types import Record, Size, Verdict

Shown = tuple[float, ...]


class Level(NamedTuple):
    """Smallest and largest grid, in cells a side; number of keys; shortest and longest plan."""

    smallest: int
    largest: int
    locks: int
    shortest: int
    longest: int


LEVELS = levels(
    Level(smallest=3, largest=4, locks=1, shortest=5, longest=6),
    Level(smallest=4, largest=4, locks=1, shortest=7, longest=7),
    Level(smallest=4, largest=5, locks=1, shortest=8, longest=11),
    Level(smallest=5, largest=6, locks=2, shortest=12, longest=15),
    Level(smallest=5, largest=6, locks=2, shortest=16, longest=20),
)
_COLORS = ("green", "purple", "brown")
_SHAPES = ("round", "square", "diamond")
_DOOR = 0.41
# So near must the disc's center come to that of a key to take it, and of a door to open it, in cells.
_TOUCH, _REACH = 0.85, 1.35
_NOWHERE = (-5.0, -5.0)
# Share of a thing up to which it is gone, and from which on it is there; of the rest of it if the disc hides less than
# half.
_GONE, _THERE, _HIDDEN = 0.2, 0.6, 0.5


class Lock(Record):
    """A key, its door, and what tells both from others. The door fills a cell."""

    colour: str
    shape: str
    key: Cell
    door: Cell


class Puzzle(Walls):
    """A maze with keys, and doors that they open."""

    locks: tuple[Lock, ...] = ()

    def things(self) -> list[Cell]:
        """Where the keys are, then the doors."""
        return [lock.key for lock in self.locks] + [lock.door for lock in self.locks]


class Moment(NamedTuple):
    """Where the disc is, in cells, and how much of each key and door is there: 0 nothing, 1 all.

    A reader says 0.5 for what it cannot tell, say below the disc. In a moment that is judged such a thing is as it was
    last seen, and `wrong` is what was against the rules on the way to this moment.
    """

    place: Place
    shown: Shown
    wrong: str | None = None


@register_task
class KeyDoor(Task[Puzzle, Moment]):
    """The disc's place and what is there make the state."""

    name = "key_door"
    tags = ("navigation", "planning")
    puzzle_type = Puzzle
    reasons = {
        **AGENT_REASONS,
        "wall_crossed": "The blue disc goes through a wall.",
        "door_closed": "The blue disc goes through a closed door.",
        "no_key": "A door opens although its key has not been fetched before.",
        "untouched": "A key or a door vanishes although the disc has not reached it.",
        "came_back": "A key or a door that was gone is there again.",
    }
    rubric = {
        "outcome": "The disc rests on the orange square.",
        "process": (
            "The disc walks through open passages, touches a key before it passes the door of its colour, and "
            "keys and doors vanish only when it reaches them. Detours are allowed."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        small, large, locks, shortest, longest = LEVELS[difficulty]
        while True:
            maze = carve(rng, rng.randint(small, large), Puzzle)
            ways = _Ways(maze)
            for _ in range(30):
                length = rng.randint(shortest, longest)
                puzzle = _locked(rng, maze, ways, locks, length)
                # A search that knows nothing of how the puzzle was made must find no shorter way and need every key.
                if puzzle and len(_plan(puzzle)) == length + 1 and not any(_plan(puzzle)[-1][1]):
                    return puzzle

    def solution(self, puzzle: Puzzle) -> list[Moment]:
        return [Moment(_center(cell), shown) for cell, shown in _plan(puzzle)]

    def steps(self, puzzle: Puzzle) -> list[str]:
        found = []
        for (a, _), (b, shown) in itertools.pairwise(_plan(puzzle)):
            if a == b:
                door = next(lock for i, lock in enumerate(puzzle.locks) if lock.door in puzzle.around(a)
                            and not shown[len(puzzle.locks) + i])  # fmt: skip
                found.append(f"open the {door.colour} door")
            else:
                found.append(WORDS[b[0] - a[0], b[1] - a[1]])
        return found

    def plan_text(self, puzzle: Puzzle) -> str:
        runs = [(word, len(list(group))) for word, group in itertools.groupby(self.steps(puzzle))]
        return ", ".join(word if " " in word else f"{count} {word}" for word, count in runs)

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        if len(puzzle.locks) == 1:
            color = puzzle.locks[0].colour
            return (
                f"A maze seen from above with a {color} key and a {color} door. The blue disc first goes to the "
                "key, which vanishes as soon as the disc reaches it, then to the door, which vanishes when the disc "
                "stands before it, and then on to the orange square, where it stops. It never crosses a wall or a "
                "closed door. Nothing else changes. The camera is fixed.",
                f"The blue disc must reach the orange square, but a {color} door blocks the way. It walks through "
                f"the white corridors to the {color} key and takes it, so the key is gone; arrived at the door, the "
                "door disappears, and the disc goes on to the square. No walls are crossed. Static camera.",
                f"Fetch the {color} key with the blue disc, open the {color} door with it, and rest on the orange "
                "square. The disc moves smoothly along the corridors. The key disappears when touched, and the door "
                "when the disc with the key comes next to it. The walls stay and the camera does not move.",
            )
        return (
            "A maze seen from above with coloured keys and doors. The blue disc takes a key by going to it; the key "
            "then vanishes. A door vanishes when the disc stands before it and has taken the key of the same colour. "
            "The disc opens both doors and stops on the orange square. It never crosses a wall or a closed door. "
            "Nothing else changes. The camera is fixed.",
            "Two coloured doors block the way to the orange square. The blue disc walks through the corridors, fetches "
            "each key, which disappears when touched, and opens the door of the same colour, which disappears when "
            "the disc comes next to it. Then the disc rests on the square. No walls are crossed. Static camera.",
            "Bring the blue disc to the orange square. Every closed door needs the key of its own colour: go to the "
            "key first, it vanishes, then to the door, it vanishes. The disc moves smoothly, never through walls or "
            "closed doors. The walls stay as they are and the camera does not move.",
        )

    def painter(self, puzzle: Puzzle, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Moment]:
        sheet, (left, top, cell) = puzzle.sheet(canvas, downscale)
        things = puzzle.things()
        empty = sheet.pixels()
        last: tuple[Shown, Frame] = ((0.0,) * len(things), empty)

        def middle(place: Place) -> Point:
            return left + (place[1] + 0.5) * cell, top + (place[0] + 0.5) * cell

        def draw_thing(sketch: Sketch, thing: int, size: float) -> None:
            kind, i = divmod(thing, len(puzzle.locks))
            (_draw_door if kind else _draw_key)(sketch, puzzle.locks[i], middle(_center(things[thing])), cell * size)

        def draw(moment: Moment) -> Frame:
            nonlocal last
            background: Frame = last[1].copy()
            for thing, at in enumerate(things):
                if last[0][thing] != moment.shown[thing]:
                    x, y = middle(_center(at))
                    half = cell * 0.45
                    part = sheet.region((x - half, y - half, x + half, y + half))
                    if moment.shown[thing]:
                        draw_thing(part, thing, moment.shown[thing])
                    part.onto(background)
            last = (moment.shown, background)
            frame: Frame = background.copy()
            x, y = middle(moment.place)
            radius = RADIUS * cell * object_scale
            part = sheet.region((x - radius - 1, y - radius - 1, x + radius + 1, y + radius + 1))
            for thing, at in enumerate(things):
                if moment.shown[thing] and math.dist(at, moment.place) < 2:
                    draw_thing(part, thing, moment.shown[thing])
            part.circle((x, y), radius, BLUE)
            part.onto(frame)
            return frame

        return draw

    def between(self, puzzle: Puzzle, a: Moment, b: Moment, t: float) -> Moment:
        place = lerp(a.place[0], b.place[0], t), lerp(a.place[1], b.place[1], t)
        # A door shrinks while the disc waits before it; a key is there until the disc is.
        shown = tuple(old if a.place != b.place else lerp(old, new, t)
                      for old, new in zip(a.shown, b.shown, strict=True))  # fmt: skip
        return Moment(place, shown)

    # ----------------------------------------------------------------------------------------------------- the cheats

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Moment]]:
        path = self.solution(puzzle)
        count = len(puzzle.locks)
        found = {
            "nearly_there": path[:-1],
            "through_the_closed_door": [m._replace(shown=(*m.shown[:count], *path[0].shown[count:])) for m in path],
            "everything_open": [path[0], *(Moment(m.place, path[-1].shown) for m in path)],
            "keys_stay": [m._replace(shown=(*path[0].shown[:count], *m.shown[count:])) for m in path],
            "doors_open_from_afar": [
                m._replace(shown=(*m.shown[:count], *(float(x and i > 1) for x in m.shown[count:])))
                for i, m in enumerate(path)
            ],
            "key_comes_back": [*path, path[-1]._replace(shown=(1.0, *path[-1].shown[1:]))],
        }
        direct = _Ways(puzzle)[puzzle.start][puzzle.goal]
        doors = [lock.door for lock in puzzle.locks]
        opened = path[0].shown
        straight: list[Moment] = []
        for cell in direct:
            if cell in doors:
                opened = _without(opened, count + doors.index(cell))
                straight.append(Moment(straight[-1].place, opened))
            straight.append(Moment(_center(cell), opened))
        found["without_the_key"] = straight
        for i, moment in enumerate(path[:-1]):
            here = cell_of(moment.place)
            for near in around(here):
                inside = 0 <= min(near) and max(near) < puzzle.cells
                if inside and not puzzle.open(here, near) and near not in puzzle.things():
                    return {
                        **found,
                        "through_a_wall": [*path[: i + 1], moment._replace(place=_center(near)), *path[i:]],
                    }
        return found

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Moment]]:
        path = self.solution(puzzle)
        ahead = cell_of(path[1].place)
        aside = [n for n in puzzle.around(puzzle.start) if n != ahead and n not in puzzle.things()]
        if not aside or len(path) > 18:
            return {}
        return {"dead_end_first": [path[0], path[0]._replace(place=_center(aside[0])), *path]}

    # ---------------------------------------------------------------------------------------------------- the reading

    def reader(self, puzzle: Puzzle, canvas: Size) -> Reader[Moment]:
        downscale = downscale_of(canvas)
        left, top, cell = (length / downscale for length in puzzle.sheet(canvas, downscale)[1])
        first = self.solution(puzzle)[0]
        paint = self.painter(puzzle, canvas, downscale)
        lens = Lens(to_planes(paint(first)))
        boxes = [(left + c * cell, top + r * cell, cell) for r, c in puzzle.things()]
        everything, nothing = (to_planes(paint(Moment(_NOWHERE, (size,) * len(boxes)))) for size in (1.0, 0.0))
        things = _Things(everything, nothing, boxes)

        # A thing's cell may show anything between its color and none: whether the thing is there is read separately.
        between = nothing.copy()
        for i, (x, y, side) in enumerate(boxes):
            rows, columns = (slice(round(at + 0.1 * side), round(at + 0.9 * side)) for at in (y, x))
            color = tone(HUES[puzzle.locks[i % len(puzzle.locks)].colour])
            between[:, rows, columns] = np.array(color, np.uint8)[:, None, None]
        start = to_planes(paint(Moment(first.place, (0.0,) * len(boxes))))
        find = agent_reader(start, nothing, BLUE, RADIUS * cell, 0.4 * cell, between)

        def read(frame: Planes) -> Reading[Moment]:
            planes = lens.planes(frame)
            shown = things.read(planes)
            found = find(planes)
            if found.state is None:
                return Reading(None, found.scene_intact, found.note)
            x, y = found.state
            return Reading(Moment(((y - top) / cell - 0.5, (x - left) / cell - 0.5), shown), found.scene_intact)

        return read

    # ---------------------------------------------------------------------------------------------------- the judging

    def judge(self, puzzle: Puzzle, readings: Sequence[Reading[Moment]]) -> Verdict:
        return super().judge(puzzle, list(_followed(puzzle, readings)))

    def illegal(self, puzzle: Puzzle, a: Moment, b: Moment) -> str | None:
        return b.wrong or puzzle.crossed(a.place, b.place)

    def progress(self, puzzle: Puzzle, state: Moment) -> float:
        if math.dist(state.place, puzzle.goal) < 0.35 and not any(state.shown):
            return 1.0
        left = _distances(puzzle)
        here = left.get((cell_of(state.place), state.shown))
        if here is None:
            return 0.0
        return min(0.99, max(0.0, 1 - here / left[puzzle.start, (1.0,) * len(state.shown)]))

    def same(self, puzzle: Puzzle, a: Moment, b: Moment) -> bool:
        return a.shown == b.shown and math.dist(a.place, b.place) < 0.35


class _Things:
    """Reads which keys and doors are there, also when the disc hides a part of one."""

    def __init__(self, there: Planes, gone: Planes, boxes: Sequence[tuple[float, float, float]]) -> None:
        differs = np.abs(there.astype(np.int16) - gone).max(0) > 40
        ys, xs = np.ogrid[: there.shape[1], : there.shape[2]]
        spots = [np.flatnonzero(differs & (ys >= y) & (ys < y + side) & (xs >= x) & (xs < x + side))
                 for x, y, side in boxes]  # fmt: skip
        self._at = np.concatenate(spots)
        self._first = np.cumsum([0, *(len(spot) for spot in spots[:-1])])
        self._gone: Floats = self._values(gone)
        self._change: Floats = self._values(there) - self._gone
        self._power: Floats = (self._change**2).sum(0)
        self._whole = np.add.reduceat(self._power, self._first)

    def _values(self, planes: Planes) -> Floats:
        values: Floats = planes.reshape(3, -1).take(self._at, 1).astype(np.float32)
        return values

    def read(self, planes: Planes) -> Shown:
        """For each thing 1 if it is there, 0 if it is gone, 0.5 if it is hidden or in between."""
        off = self._values(planes) - self._gone
        opacity = (off * self._change).sum(0) / self._power
        # Where it is neither its color nor paper's, the disc is.
        seen = np.where(most(np.abs(off - opacity * self._change)) < 40, self._power, 0)
        shown = np.add.reduceat(seen, self._first)
        share = np.add.reduceat(seen * np.clip(opacity, 0, 1), self._first) / np.maximum(shown, 1)
        clear = np.where(share > _THERE, 1.0, np.where(share < _GONE, 0.0, 0.5))
        return tuple(np.where(shown < _HIDDEN * self._whole, 0.5, clear).tolist())


def _followed(puzzle: Puzzle, readings: Sequence[Reading[Moment]]) -> Iterator[Reading[Moment]]:
    """Readings with what is remembered: which things are there, and what was against the rules."""
    things, count = puzzle.things(), len(puzzle.locks)
    known: list[float] = [1.0] * len(things)
    # How near the disc has come to each thing since that was last seen.
    nearest = [math.inf] * len(things)
    # Doors that could not be seen clearly while the disc went through.
    passed: set[int] = set()
    for reading in readings:
        if reading.state is None:
            yield reading
            continue
        place, shown, _ = reading.state
        wrong = None
        before = tuple(known)
        for thing, at in enumerate(things):
            # Through a wall nothing can be reached.
            far = math.dist(place, at) if cell_of(place) in (at, *puzzle.around(at)) else math.inf
            nearest[thing] = min(nearest[thing], far)
            inside = thing >= count and cell_of(place) == at
            if shown[thing] == 0.5:
                passed |= {thing} if inside else set()
            elif shown[thing] > known[thing]:
                wrong = wrong or "came_back"
            elif shown[thing] == 1.0:
                nearest[thing] = far
                if inside or thing in passed:
                    wrong = wrong or "door_closed"
            elif known[thing]:
                if nearest[thing] > (_REACH if thing >= count else _TOUCH):
                    wrong = wrong or "untouched"
                if thing >= count and before[thing - count]:
                    wrong = wrong or "no_key"
                known[thing] = 0.0
        yield Reading(Moment(place, tuple(known), wrong), reading.scene_intact, reading.note)


def _center(cell: Cell) -> Place:
    return float(cell[0]), float(cell[1])


def _without(shown: Shown, thing: int) -> Shown:
    return (*shown[:thing], 0.0, *shown[thing + 1 :])


# ------------------------------------------------------------------------------------------------------- the search

Node = tuple[Cell, Shown]


def _after(puzzle: Puzzle, node: Node) -> Iterator[Node]:
    """Moments one step later."""
    cell, shown = node
    things, count = puzzle.things(), len(puzzle.locks)
    for near in puzzle.around(cell):
        thing = things.index(near) if near in things else -1
        if thing < 0 or not shown[thing]:
            yield near, shown
        elif thing < count:
            yield near, _without(shown, thing)
        elif not shown[thing - count]:
            yield cell, _without(shown, thing)


@lru_cache(maxsize=64)
def _distances(puzzle: Puzzle) -> dict[Node, int]:
    """Steps to the goal from every moment that can be reached."""
    first = (puzzle.start, (1.0,) * (2 * len(puzzle.locks)))
    before: dict[Node, list[Node]] = {first: []}
    queue = deque([first])
    while queue:
        node = queue.popleft()
        for new in _after(puzzle, node):
            if new not in before:
                before[new] = []
                queue.append(new)
            before[new].append(node)
    left = {node: 0 for node in before if node[0] == puzzle.goal}
    queue = deque(left)
    while queue:
        node = queue.popleft()
        for old in before[node]:
            if old not in left:
                left[old] = left[node] + 1
                queue.append(old)
    return left


def _plan(puzzle: Puzzle) -> list[Node]:
    """A shortest way to the goal."""
    left = _distances(puzzle)
    plan = [(puzzle.start, (1.0,) * (2 * len(puzzle.locks)))]
    while plan[-1] in left and left[plan[-1]]:
        plan.append(min(_after(puzzle, plan[-1]), key=lambda node: left.get(node, math.inf)))
    return plan


class _Ways(dict[Cell, dict[Cell, list[Cell]]]):
    """The way through a maze from one cell to another, doors or not: `ways[start][end]`."""

    def __init__(self, maze: Puzzle) -> None:
        super().__init__()
        self.near = {(r, c): maze.around((r, c)) for r in range(maze.cells) for c in range(maze.cells)}

    def __missing__(self, start: Cell) -> dict[Cell, list[Cell]]:
        ways = self[start] = {start: [start]}
        queue = [start]
        for cell in queue:
            for near in self.near[cell]:
                if near not in ways:
                    ways[near] = [*ways[cell], near]
                    queue.append(near)
        return ways


# ------------------------------------------------------------------------------------------------------- the making


def _locked(rng: random.Random, maze: Puzzle, ways: _Ways, locks: int, length: int) -> Puzzle | None:
    """A maze with keys to be fetched one after another and a door behind each, with a plan length; None if it fails."""
    # The cells walked, cut into legs: to each key, and to the goal.
    cuts = sorted(rng.sample(range(1, length - locks - 1), locks))
    legs: list[list[Cell]] = []
    here = rng.choice(list(ways.near))
    for far in (b - a for a, b in itertools.pairwise((0, *cuts, length - locks))):
        new = [way for end, way in ways[here].items() if len(way) == far + 1 and not any(end in leg for leg in legs)]
        if not new:
            return None
        legs.append(rng.choice(new))
        here = legs[-1][-1]
    start, goal, keys = legs[0][0], here, [leg[-1] for leg in legs[:-1]]
    # A key that lies on the direct way would need no thought.
    if any(key in ways[start][goal] for key in keys):
        return None
    doors: list[Cell] = []
    for i in range(1, locks + 1):
        # After a key comes its door, where no way has led before, and not beside another thing.
        taken = {cell for leg in legs[:i] for cell in leg} | {b for a in (*doors, *keys) for b in (a, *ways.near[a])}
        fit = [cell for cell in legs[i][1:-1] if cell not in taken]
        if not fit:
            return None
        doors.append(rng.choice(fit))
    looks = zip(rng.sample(_COLORS, locks), rng.sample(_SHAPES, locks), keys, doors, strict=True)
    made = tuple(Lock(colour=color, shape=shape, key=key, door=door) for color, shape, key, door in looks)
    return maze.model_copy(update={"start": start, "goal": goal, "locks": made})


# ------------------------------------------------------------------------------------------------------ the drawing


def _draw_shape(sketch: Sketch, shape: str, center: Point, radius: float, color: Color) -> None:
    x, y = center
    if shape == "round":
        sketch.circle(center, radius, color)
    elif shape == "square":
        half = radius * 0.9
        sketch.rectangle((x - half, y - half, x + half, y + half), color, radius=half * 0.2)
    else:
        far = radius * 1.2
        sketch.polygon([(x, y - far), (x + far, y), (x, y + far), (x - far, y)], color)


def _draw_key(sketch: Sketch, lock: Lock, center: Point, cell: float) -> None:
    """A key on its side: bow, shaft and two teeth."""
    x, y = center
    color, pen = HUES[lock.colour], 0.12 * cell
    sketch.line([(x, y), (x + 0.32 * cell, y)], pen, color)
    for at in (0.14, 0.32):
        sketch.line([(x + at * cell, y), (x + at * cell, y + 0.15 * cell)], pen, color)
    bow = (x - 0.15 * cell, y)
    _draw_shape(sketch, lock.shape, bow, 0.23 * cell, color)
    _draw_shape(sketch, lock.shape, bow, 0.09 * cell, WHITE)


def _draw_door(sketch: Sketch, lock: Lock, center: Point, cell: float) -> None:
    """A colored door that fills its cell, with a white keyhole in the shape of the key's bow."""
    x, y, half = *center, _DOOR * cell
    sketch.rectangle((x - half, y - half, x + half, y + half), HUES[lock.colour], radius=half * 0.15)
    sketch.line([(x, y), (x, y + 0.24 * cell)], 0.13 * cell, WHITE)
    _draw_shape(sketch, lock.shape, (x, y - 0.08 * cell), 0.17 * cell, WHITE)
