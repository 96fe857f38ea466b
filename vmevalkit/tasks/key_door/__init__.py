"""Key and door: fetch each key, open the door of its color, and go to the orange square.

    +---+---+---+
    | o     | K |      o  the disc          A video passes if the disc visibly moves through open passages to a key,
    +   +---+   +      K  a key             which vanishes when touched, to the door of its color, which vanishes when
    |           |      D  its door          the disc reaches it, and so on, until it rests on the square. Detours are
    +---+   +---+      x  the goal          allowed. A video fails if the disc passes a closed door, if a door opens
    | x   D     |                           without its key, or if a key or a door vanishes untouched.
    +---+---+---+

The bow of a key has the shape of the keyhole of its door. The plan length is the number of steps from cell to cell plus
the number of doors opened. There are far more than 10,000 puzzles at every difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence

from vmevalkit.media import Frame, Planes
from vmevalkit.tasks.base import Fault, Painter, Reader, Reading, Task, lerp, register_task
from vmevalkit.tasks.key_door.drawing import draw_door, draw_key
from vmevalkit.tasks.key_door.puzzle import (
    LEVELS,
    Level,
    Lock,
    Moment,
    Paths,
    Puzzle,
    Shown,
    center_of,
    generate_puzzle,
    plan_of,
    steps_to_goal,
    without,
)
from vmevalkit.tasks.key_door.reading import followed
from vmevalkit.tasks.toolkit.compass import cell_in_words
from vmevalkit.tasks.toolkit.draw import BLUE, HUES, Sketch
from vmevalkit.tasks.toolkit.grid import (
    BESIDE,
    CUT,
    INSIDE,
    NOWHERE,
    RADIUS,
    ROUNDED,
    WORDS,
    Bend,
    around,
    cell_of,
    corner,
)
from vmevalkit.tasks.toolkit.things import ThingReader, shaded
from vmevalkit.tasks.toolkit.vision import Lens, downscale_of, to_planes
from vmevalkit.tasks.toolkit.walk import AGENT_REASONS, agent_reader, walked
from vmevalkit.types import Size, Verdict

# A disc that moves by less than this waits, in cells.
_WAITS = 0.1

__all__ = ["LEVELS", "KeyDoor", "Level", "Lock", "Moment", "Puzzle"]


@register_task
class KeyDoor(Task[Puzzle, Moment]):
    """A disc opens doors. The state is its place and which keys and doors are present."""

    name = "key_door"
    tags = ("navigation", "planning")
    puzzle_type = Puzzle
    reasons = {
        **AGENT_REASONS,
        "wall_crossed": "The blue disc moves through a wall.",
        "door_closed": "The blue disc moves through a closed door.",
        "no_key": "A door opens before its key is fetched.",
        "untouched": "A key or a door vanishes although the disc has not reached it.",
        "came_back": "A key or a door that had vanished appears again.",
    }
    rubric = {
        "outcome": "The disc rests on the orange square.",
        "process": (
            "The disc moves through open passages and touches a key before it passes the door of its color. "
            "Keys and doors vanish only when it reaches them. Detours are allowed."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        return generate_puzzle(rng, difficulty)

    def solution(self, puzzle: Puzzle) -> list[Moment]:
        return [Moment(center_of(cell), shown) for cell, shown in plan_of(puzzle)]

    def steps(self, puzzle: Puzzle) -> list[str]:
        found = []
        for (a, _), (b, shown) in itertools.pairwise(plan_of(puzzle)):
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

    def in_words(self, puzzle: Puzzle, state: Moment) -> dict[str, str]:
        names = [f"the {lock.colour} {what}" for what in ("key", "door") for lock in puzzle.locks]
        clear = ((name, shown) for name, shown in zip(names, state.shown, strict=True) if shown in (0, 1))
        return {
            "the blue disc": cell_in_words(state.place),
            **{name: "there" if shown else "gone" for name, shown in clear},
        }

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        if len(puzzle.locks) == 1:
            color = puzzle.locks[0].colour
            return (
                f"A maze seen from above with a {color} key and a {color} door. The blue disc first goes to the "
                "key, which vanishes as soon as the disc reaches it, then to the door, which vanishes when the disc "
                "stands before it, and then on to the orange square, where it stops. It never crosses a wall or a "
                "closed door. The walls stay. The camera is fixed.",
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
        sheet, axes = puzzle.sheet(canvas, downscale)
        things, cell = puzzle.things(), axes.unit
        empty = sheet.pixels()
        last: tuple[Shown, Frame] = ((0.0,) * len(things), empty)

        def draw_thing(sketch: Sketch, thing: int, size: float) -> None:
            kind, i = divmod(thing, len(puzzle.locks))
            (draw_door if kind else draw_key)(
                sketch, puzzle.locks[i], axes.point(center_of(things[thing])), cell * size
            )

        def draw(moment: Moment) -> Frame:
            nonlocal last
            background: Frame = last[1].copy()
            for thing, at in enumerate(things):
                if last[0][thing] != moment.shown[thing]:
                    x, y = axes.point(center_of(at))
                    half = cell * 0.45
                    part = sheet.region((x - half, y - half, x + half, y + half))
                    if moment.shown[thing]:
                        draw_thing(part, thing, moment.shown[thing])
                    part.onto(background)
            last = (moment.shown, background)
            frame: Frame = background.copy()
            x, y = axes.point(moment.place)
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
        # A door shrinks while the disc waits in front of it. A key stays until the disc has arrived. Places that were
        # read from frames differ a little where the disc waits.
        moves = math.dist(a.place, b.place) > _WAITS
        shown = tuple(old if moves else lerp(old, new, t)
                      for old, new in zip(a.shown, b.shown, strict=True))  # fmt: skip
        return Moment(place, shown)

    def without_mover(self, puzzle: Puzzle, state: Moment, a: Moment, b: Moment) -> Moment:
        return state._replace(place=NOWHERE)

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
        found |= _bent(path, {
            "along_inside_a_wall": puzzle.along_wall([m.place for m in path], INSIDE),
            "cuts_a_corner": corner([m.place for m in path], CUT),
        })  # fmt: skip
        direct = Paths(puzzle)[puzzle.start][puzzle.goal]
        doors = [lock.door for lock in puzzle.locks]
        opened = path[0].shown
        straight: list[Moment] = []
        for cell in direct:
            if cell in doors:
                opened = without(opened, count + doors.index(cell))
                straight.append(Moment(straight[-1].place, opened))
            straight.append(Moment(center_of(cell), opened))
        found["without_the_key"] = straight
        for i, moment in enumerate(path[:-1]):
            here = cell_of(moment.place)
            for near in around(here):
                inside = 0 <= min(near) and max(near) < puzzle.cells
                if inside and not puzzle.open(here, near) and near not in puzzle.things():
                    return {
                        **found,
                        "through_a_wall": [*path[: i + 1], moment._replace(place=center_of(near)), *path[i:]],
                    }
        return found

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Moment]]:
        path = self.solution(puzzle)
        ahead = cell_of(path[1].place)
        aside = [n for n in puzzle.around(puzzle.start) if n != ahead and n not in puzzle.things()]
        found = _bent(path, {
            "along_a_wall": puzzle.along_wall([m.place for m in path], BESIDE),
            "rounds_a_corner": corner([m.place for m in path], ROUNDED),
        })  # fmt: skip
        if aside and len(path) <= 18:
            found["dead_end_first"] = [path[0], path[0]._replace(place=center_of(aside[0])), *path]
        return found

    def reader(self, puzzle: Puzzle, canvas: Size) -> Reader[Moment]:
        downscale = downscale_of(canvas)
        axes = puzzle.sheet(canvas, downscale)[1].downscaled(downscale)
        left, top, cell = axes
        first = self.solution(puzzle)[0]
        paint = self.painter(puzzle, canvas, downscale)
        lens = Lens(to_planes(paint(first)))
        boxes = [(left + c * cell, top + r * cell, cell) for r, c in puzzle.things()]
        everything, nothing = (to_planes(paint(Moment(NOWHERE, (size,) * len(boxes)))) for size in (1.0, 0.0))
        things = ThingReader(everything, nothing, boxes)
        between = shaded(nothing, boxes, [HUES[lock.colour] for lock in puzzle.locks] * 2, (0.1, 0.9))
        start = to_planes(paint(Moment(first.place, (0.0,) * len(boxes))))
        find = agent_reader(start, nothing, BLUE, RADIUS * cell, 0.4 * cell, between)

        def read(frame: Planes) -> Reading[Moment]:
            planes = lens.planes(frame)
            shown = things.read(planes)
            found = find(planes)
            if found.state is None:
                return Reading(None, found.scene_intact, found.note)
            return Reading(Moment(axes.place(*found.state), shown), found.scene_intact)

        return read

    def is_drawable(self, puzzle: Puzzle, state: Moment) -> bool:
        return all(size in (0.0, 1.0) for size in state.shown)

    def judge(self, puzzle: Puzzle, readings: Sequence[Reading[Moment]]) -> Verdict:
        return super().judge(puzzle, list(followed(puzzle, readings)))

    def illegal(self, puzzle: Puzzle, a: Moment, b: Moment) -> str | None:
        return b.wrong or puzzle.crossed(a.place, b.place)

    def interrupted(self, puzzle: Puzzle, readings: Sequence[Reading[Moment]]) -> Fault | None:
        return walked([reading.state and reading.state.place for reading in readings])

    def progress(self, puzzle: Puzzle, state: Moment) -> float:
        if math.dist(state.place, puzzle.goal) < 0.35 and not any(state.shown):
            return 1.0
        left = steps_to_goal(puzzle)
        here = left.get((cell_of(state.place), state.shown))
        if here is None:
            return 0.0
        return min(0.99, max(0.0, 1 - here / left[puzzle.start, (1.0,) * len(state.shown)]))

    def same(self, puzzle: Puzzle, a: Moment, b: Moment) -> bool:
        return a.shown == b.shown and math.dist(a.place, b.place) < 0.35


def _bent(path: list[Moment], bends: dict[str, Bend | None]) -> dict[str, list[Moment]]:
    """Return the ways with a bend, by name."""
    found = {}
    for name, bend in bends.items():
        if bend:
            # A key in a corner is gone behind it.
            moments = zip((path[bend.start], path[bend.end - 1]), bend.places, strict=True)
            aside = [moment._replace(place=place) for moment, place in moments]
            found[name] = [*path[: bend.start + 1], *aside, *path[bend.end :]]
    return found
