"""Generation of maps."""

from __future__ import annotations

import itertools
import random
from typing import NamedTuple

from vmevalkit.tasks.subway.puzzle import Line, Net, Puzzle, Stop
from vmevalkit.tasks.toolkit.compass import STEPS, line_between
from vmevalkit.tasks.toolkit.levels import levels


class Level(NamedTuple):
    """Settings of one difficulty: size of the lattice of stations, number of lines, range of the stations of a line,
    range of the steps of the path, and least number of stations that a change at a crossing would save.
    """

    columns: int
    rows: int
    lines: int
    min_stations: int
    max_stations: int
    min_steps: int
    max_steps: int
    min_saved: int


LEVELS = levels(
    Level(columns=6, rows=4, lines=2, min_stations=4, max_stations=6, min_steps=3, max_steps=4, min_saved=0),
    Level(columns=7, rows=4, lines=3, min_stations=4, max_stations=6, min_steps=5, max_steps=6, min_saved=0),
    Level(columns=8, rows=5, lines=4, min_stations=5, max_stations=8, min_steps=7, max_steps=8, min_saved=1),
    Level(columns=9, rows=6, lines=5, min_stations=5, max_stations=9, min_steps=9, max_steps=10, min_saved=1),
    Level(columns=9, rows=6, lines=5, min_stations=6, max_stations=11, min_steps=11, max_steps=14, min_saved=1),
)
_COLORS = ("green", "purple", "sky blue", "yellow", "red")


def generate_puzzle(rng: random.Random, difficulty: int) -> Puzzle:
    """Generate a puzzle of a difficulty from 1 to 5."""
    level = LEVELS[difficulty]
    while True:
        puzzle = _draft_map(rng, level)
        if not puzzle:
            continue
        for start in rng.sample(sorted(Net(puzzle).near), 4):
            far = Net(puzzle, start).left
            goals = [stop for stop, steps in sorted(far.items()) if level.min_steps <= steps <= level.max_steps
                     and not any({start, stop} <= {*line.stops} for line in puzzle.lines)]  # fmt: skip
            # A change where lines only cross must look attractive.
            tempting = Net(puzzle, start, crossings=True).left if goals else {}
            goals = [stop for stop in goals if tempting[stop] <= far[stop] - level.min_saved]
            if goals:
                return puzzle.model_copy(update={"start": start, "goal": rng.choice(goals)})


def _draft_map(rng: random.Random, level: Level) -> Puzzle | None:
    """Return a map of lines, each of which shares one or two stations with others; None if that fails."""
    draft = _Draft(rng, level.columns, level.rows)
    for _ in range(level.lines):
        for _ in range(8):
            stops = draft.line(rng.randint(level.min_stations, level.max_stations), level.min_stations)
            if stops:
                draft.add(stops)
                break
        else:
            return None
    left, top = (min(stop[i] for stop in draft.stops) for i in (0, 1))
    right, bottom = (max(stop[i] for stop in draft.stops) for i in (0, 1))
    if right - left < 3 or bottom - top < 2:
        return None
    lines = tuple(
        Line(colour=color, stops=tuple((x - left, y - top) for x, y in stops))
        for color, stops in zip(rng.sample(_COLORS, level.lines), draft.lines, strict=True)
    )
    return Puzzle(columns=right - left + 1, rows=bottom - top + 1, lines=lines, start=(0, 0), goal=(0, 0))


class _Draft:
    """A map under construction. Lines are added one after another; they may only share a station or cross."""

    def __init__(self, rng: random.Random, columns: int, rows: int) -> None:
        self._rng, self._columns, self._rows = rng, columns, rows
        self.lines: list[list[Stop]] = []
        # Number of lines that stop at each place; places passed without a stop; steps of the lattice in use.
        self.stops: dict[Stop, int] = {}
        self._passed: set[Stop] = set()
        self._steps: set[frozenset[Stop]] = set()

    def add(self, stops: list[Stop]) -> None:
        """Add a line to the map."""
        self.lines.append(stops)
        for stop in stops:
            self.stops[stop] = self.stops.get(stop, 0) + 1
        for a, b in itertools.pairwise(stops):
            way = line_between(a, b)
            self._passed |= {*way[1:-1]}
            self._steps |= {frozenset(step) for step in itertools.pairwise(way)}

    def line(self, length: int, fewest: int) -> list[Stop]:
        """Return a new line through a station, or a random place if there is none; empty if it is too short."""
        rng = self._rng
        alone = [stop for stop, lines in self.stops.items() if lines == 1]
        if self.lines and not alone:
            return []
        seed = rng.choice(alone) if self.lines else (rng.randrange(self._columns), rng.randrange(self._rows))
        heading = rng.randrange(8)
        stops, own = [seed], {seed}
        for turned in (0, 4):
            # First ahead from the seed, then backwards from it.
            way = (heading + turned) % 8
            stops = stops[::-1]
            while len(stops) < (length if turned else (length + 1) // 2 + 1):
                option = self._next(stops, own, way)
                if option is None:
                    break
                stop, way = option
                own |= {*line_between(stops[-1], stop)}
                stops.append(stop)
        shared = sum(stop in self.stops for stop in stops)
        return stops if len(stops) >= fewest and shared <= 2 else []

    def _next(self, stops: list[Stop], own: set[Stop], way: int) -> tuple[Stop, int] | None:
        """Return the next station and the direction to it; None if there is none. Bends are at most 45 degrees."""
        here = stops[-1]
        for turn in self._rng.sample((0, 0, 0, 0, 0, 1, -1), 7):
            new = (way + turn) % 8
            dx, dy = STEPS[new]
            ahead, beyond = (here[0] + dx, here[1] + dy), (here[0] + 2 * dx, here[1] + 2 * dy)
            # Skip a place that another line passes without a stop, and sometimes a free place, for a later line.
            skip = ahead in self._passed or (ahead not in self.stops and self._rng.random() < 0.12)
            if skip and dx and dy:
                # Too long for one diagonal edge.
                continue
            stop = beyond if skip else ahead
            if self._fits(line_between(here, stop), own) and not (stop in self.stops and here in self.stops):
                return stop, new
        return None

    def _fits(self, way: list[Stop], own: set[Stop]) -> bool:
        """Whether the line may continue through some places."""
        if any(stop in own or not (0 <= stop[0] < self._columns and 0 <= stop[1] < self._rows) for stop in way[1:]):
            return False
        if way[-1] in self._passed or self.stops.get(way[-1], 0) > 1:
            return False
        for a, b in itertools.pairwise(way):
            # Two lines may not share a step, and a line may not cross itself.
            if frozenset((a, b)) in self._steps or {(a[0], b[1]), (b[0], a[1])} <= own:
                return False
        return True
