"""Rules as a graph: plans are searched in it, and what is seen in a video is explained by its steps.

A node is a small hashable value that describes a moment between two steps: a cell, or the cells of several objects, and
what was done so far. A task says which nodes are one legal step away. So the same rules give the shortest plan, the
distance from the answer, and the first frame that no legal step explains.
"""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np

from vmevalkit.tasks.base import Fault, Reading
from vmevalkit.tasks.toolkit.grid import Place
from vmevalkit.tasks.toolkit.sums import added, length_of
from vmevalkit.tasks.toolkit.vision import Floats
from vmevalkit.tasks.toolkit.walk import Moment, Walk, walked

N = TypeVar("N", bound=Hashable)
P = TypeVar("P", bound=Any)

# A step is compared with a frame at so many moments.
_SAMPLES = 25
# Between two frames, an object may go so many times as far as the straight line (around corners), and so much farther.
_ROUND, _SLACK = 1.6, 0.8
# Share of a step up to which it may be given up where the rules do not allow to go back.
_BEGUN = 0.3


def steps_left(first: N, after: Callable[[N], Iterable[N]], finished: Callable[[N], bool]) -> dict[N, int]:
    """Return the number of steps to the nearest finished node, for every node that can be reached and finished."""
    before: dict[N, list[N]] = {first: []}
    queue = deque([first])
    while queue:
        node = queue.popleft()
        for new in after(node):
            if new not in before:
                before[new] = []
                queue.append(new)
            before[new].append(node)
    left = {node: 0 for node in before if finished(node)}
    queue = deque(left)
    while queue:
        node = queue.popleft()
        for old in before[node]:
            if old not in left:
                left[old] = left[node] + 1
                queue.append(old)
    return left


def distances(first: N, after: Callable[[N], Iterable[N]]) -> dict[N, int]:
    """Return the number of steps from a node to every node that can be reached, the nearest first."""
    found, queue = {first: 0}, deque([first])
    while queue:
        node = queue.popleft()
        for new in after(node):
            if new not in found:
                found[new] = found[node] + 1
                queue.append(new)
    return found


def plan_of(first: N, after: Callable[[N], Iterable[N]], left: dict[N, int]) -> list[N]:
    """Return the nodes of a shortest plan, given the result of `steps_left`. `first` must be in it."""
    plan = [first]
    while left[plan[-1]]:
        plan.append(next(node for node in after(plan[-1]) if left.get(node, math.inf) < left[plan[-1]]))
    return plan


def shortest_path(first: N, last: N, after: Callable[[N], Iterable[N]]) -> list[N]:
    """Return the nodes of a shortest way from one to another; empty if there is none."""
    left = steps_left(first, after, lambda node: node == last)
    return plan_of(first, after, left) if first in left else []


def along(path: Sequence[Place], t: float) -> Place:
    """Return the place at share `t` of the length of a path of straight parts."""
    lengths = [math.dist(a, b) for a, b in itertools.pairwise(path)]
    left = t * added(lengths)
    for (a, b), length in zip(itertools.pairwise(path), lengths, strict=True):
        if left <= length and length:
            return a[0] + (b[0] - a[0]) * left / length, a[1] + (b[1] - a[1]) * left / length
        left -= length
    return path[-1]


class _Step(NamedTuple):
    """A possible step that is under way: how far it is done, and how far it was done at most."""

    done: float
    most: float


class Follower(Generic[N]):
    """Explains the places of objects in frame after frame by legal steps.

    Args:
        first: the node at the start.
        after: returns the nodes one step away.
        paths: returns the path of each object in a step from one node to another.
        off: largest distance of an object from its path.
    """

    def __init__(
        self,
        first: N,
        after: Callable[[N], Sequence[N]],
        paths: Callable[[N, N], Sequence[Sequence[Place]]],
        off: float,
    ) -> None:
        self._after, self._paths, self._off = after, paths, off
        self._known: dict[tuple[N, N], _Step] = {(first, first): _Step(1.0, 1.0)}
        self._sampled: dict[tuple[N, N], tuple[Floats, float]] = {}
        self._last: tuple[Place | None, ...] = ()
        self.node = first

    def see(self, places: Sequence[Place | None]) -> bool:
        """Explain the places of all objects in the next frame (None if one is not seen).

        Returns:
            Whether legal steps lead to them. If so, `node` is the node that was reached last.
        """
        far = max((math.dist(a, b) for a, b in zip(self._last, places, strict=False) if a and b), default=0.0)
        limit = _ROUND * far + _SLACK + (0.0 if self._last and None not in self._last else 1.0)
        found: dict[tuple[N, N], _Step] = {}
        best = math.inf
        for edge, start, most in self._reachable(limit):
            done, error = self._fit(edge, places)
            length = self._samples(edge)[1]
            if error > self._off or abs(start + done * length) > limit:
                continue
            if done < most - _BEGUN and edge[0] not in self._after(edge[1]):
                continue
            if edge not in found:
                found[edge] = _Step(done, max(most, done))
            if error < best:
                best, self.node = error, edge[1] if done > 0.5 else edge[0]
        if found:
            self._known = found
            self._last = tuple(places)
        return bool(found)

    def _reachable(self, limit: float) -> Iterator[tuple[tuple[N, N], float, float]]:
        """Yield the steps that may be under way, with the length of the way to their begin and the share done so far.

        The length is negative for a step that was under way before.
        """
        for (a, b), step in self._known.items():
            length = self._samples((a, b))[1]
            yield (a, b), -step.done * length, step.most
            ahead = [(b, (1 - step.done) * length)]
            if step.most <= _BEGUN or a in self._after(b):
                ahead.append((a, step.done * length))
            while ahead:
                node, start = ahead.pop()
                for new in self._after(node) if start <= limit else ():
                    yield (node, new), start, 0.0
                    ahead.append((new, start + self._samples((node, new))[1]))

    def _fit(self, edge: tuple[N, N], places: Sequence[Place | None]) -> tuple[float, float]:
        """Return the share of a step that explains some places best, and the largest distance that is left."""
        samples, _ = self._samples(edge)
        seen = [i for i, place in enumerate(places) if place is not None]
        if not seen:
            return 1.0, 0.0
        off = samples[:, seen] - np.array([places[i] for i in seen])
        errors = (off * off).sum(2).max(1)
        k = int(errors.argmin())
        return k / (len(samples) - 1), math.sqrt(errors[k])

    def _samples(self, edge: tuple[N, N]) -> tuple[Floats, float]:
        """Return where the objects are during a step (moment, object, axis), and the length of the longest path."""
        if edge not in self._sampled:
            paths = self._paths(*edge)
            moments = [[along(path, i / (_SAMPLES - 1)) for path in paths] for i in range(_SAMPLES)]
            lengths = map(length_of, paths)
            self._sampled[edge] = np.array(moments, np.float32), max(lengths)
        return self._sampled[edge]


class RuledWalk(Walk[P]):
    """A task in which one object goes from node to node along paths, as rules allow.

    Class attributes:
        off: the object may be so far from its path.
    """

    off: ClassVar[float]
    leap = 1.6
    there = 0.35

    @abstractmethod
    def first(self, puzzle: P) -> Any:
        """Return the node at the start."""

    @abstractmethod
    def after(self, puzzle: P, node: Any) -> Sequence[Any]:
        """Return the nodes that are one legal step away."""

    @abstractmethod
    def finished(self, puzzle: P, node: Any) -> bool:
        """Whether a node is the answer."""

    @abstractmethod
    def place_of(self, puzzle: P, node: Any) -> Place:
        """Return where the object is at a node."""

    @abstractmethod
    def misstep(self, puzzle: P, node: Any, place: Place) -> str:
        """Return the reason code for a place that no legal step explains; `node` was the last one reached."""

    def path(self, puzzle: P, a: Place, b: Place) -> list[Place]:
        """Return the path of the object from one place of a node to another. By default a straight line."""
        return [a, b]

    def step_of(self, puzzle: P, place: Place) -> Hashable:
        """Return what differs between the places of two steps."""
        places = {self.place_of(puzzle, node) for node in nodes_of(self, puzzle)}
        return min(places, key=lambda other: math.dist(other, place))

    def plan(self, puzzle: P) -> list[Any]:
        """Return the nodes of a shortest solution."""
        return plan_of(self.first(puzzle), lambda node: self.after(puzzle, node), nodes_of(self, puzzle))

    def solution(self, puzzle: P) -> list[Moment]:
        return [Moment(self.place_of(puzzle, node)) for node in self.plan(puzzle)]

    def between(self, puzzle: P, a: Moment, b: Moment, t: float) -> Moment:
        return a._replace(place=along(self.path(puzzle, a.place, b.place), t))

    def followed(self, puzzle: P, readings: Sequence[Reading[Moment]]) -> Iterator[Reading[Moment]]:
        """Yield the readings with the node that was reached, and with `wrong` set if no legal step explains a place."""
        follower = Follower(
            self.first(puzzle),
            lambda node: self.after(puzzle, node),
            lambda a, b: [self.path(puzzle, self.place_of(puzzle, a), self.place_of(puzzle, b))],
            self.off,
        )
        for reading in readings:
            if reading.state is None:
                yield reading
                continue
            place = reading.state.place
            wrong = None if follower.see([place]) else self.misstep(puzzle, follower.node, place)
            moment = reading.state._replace(wrong=wrong, node=follower.node)
            yield Reading(moment, reading.scene_intact, reading.note)

    def interrupted(self, puzzle: P, readings: Sequence[Reading[Moment]]) -> Fault | None:
        places = [reading.state and reading.state.place for reading in readings]
        return walked(places, self.scale, lambda place: self.step_of(puzzle, place))

    def progress(self, puzzle: P, state: Moment) -> float:
        left = nodes_of(self, puzzle)
        if state.node not in left:
            return 0.0
        if not left[state.node] and math.dist(state.place, self.place_of(puzzle, state.node)) < self.there:
            return 1.0
        return min(0.99, max(0.0, 1 - left[state.node] / left[self.first(puzzle)]))


@lru_cache(maxsize=64)
def nodes_of(task: RuledWalk[Any], puzzle: Any) -> dict[Any, int]:
    """Return the number of steps to the answer from every node of a puzzle."""
    first = task.first(puzzle)
    return steps_left(first, lambda node: task.after(puzzle, node), lambda node: task.finished(puzzle, node))
