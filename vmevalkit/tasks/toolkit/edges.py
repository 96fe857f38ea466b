"""Edges that uncover a frame: in which order they reach its pixels, and whether one explains when pixels change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vmevalkit.tasks.toolkit.compare import Floats
from vmevalkit.tasks.toolkit.time_map import TimeMap

# Rounds in which the parameters of an edge are refined; the error, in multiples of the largest that is allowed, from
# which on that is no use; and the number of pixels that is enough in the first round.
_ROUNDS, _HOPELESS, _ENOUGH = 6, 6.0, 40


class Edge(NamedTuple):
    """A kind of edge.

    Attributes:
        order: returns when the edge reaches pixels, 0 to 1, shape (ways, pixels), for ways of shape (ways, parameters).
        ways: parameters that are tried first.
        steps: by how much each parameter is refined; 0 if it is not.
    """

    order: Callable[[TimeMap, Floats], Floats]
    ways: Floats
    steps: tuple[float, ...]


def explains(seen: TimeMap, edge: Edge, error: float) -> bool:
    """Whether an edge of a kind explains the times up to an error in frames."""
    ways, steps = edge.ways, np.array(edge.steps, np.float32)
    moves = np.stack(np.meshgrid(*[(-1, 0, 1) if step else (0,) for step in edge.steps]), -1).reshape(-1, len(steps))
    # Few pixels are enough to find the way to begin with.
    looked = seen.where(slice(None, None, max(1, len(seen.time) // _ENOUGH)))
    for _ in range(_ROUNDS):
        errors = errors_of(looked, edge.order(looked, ways))
        best = int(errors.argmin())
        if errors[best] <= error and looked is seen:
            return True
        # Coarse parameters err more, but not by that much.
        if errors[best] > _HOPELESS * error:
            return False
        ways, steps = (ways[best] + moves * steps).astype(np.float32), (steps / 2).astype(np.float32)
        looked = seen
    return False


def errors_of(seen: TimeMap, order: Floats) -> Floats:
    """Return how well each order explains the times: the standard deviation that is left, in frames, shape (ways,).

    The time is a smooth function of the order: even, or faster or slower at its beginning or end.
    """
    order = np.clip(order, 0, 1)
    terms = np.stack([np.ones_like(order), order, np.sqrt(order) - order, 1 - np.sqrt(1 - order) - order], axis=1)
    # A little of the squares of the coefficients is added, so that equations always have a solution.
    squares = np.matmul(terms, terms.transpose(0, 2, 1)) + np.diag([0, 1e-3, 1e-3, 1e-3]).astype(np.float32)
    weights = np.linalg.solve(squares, np.matmul(terms, seen.time[:, None]))
    left = seen.time - np.matmul(weights.transpose(0, 2, 1), terms)[:, 0]
    # Clipped, so that a few pixels that changed for another reason do not matter.
    errors: Floats = np.sqrt((np.minimum(np.abs(left), 3.0) ** 2).mean(1))
    return errors


def _along(seen: TimeMap, angles: Floats) -> Floats:
    """Return how far pixels are along directions in degrees, as shares of the frame, shape (ways, pixels)."""
    across = np.cos(np.radians(angles)) * np.float32(seen.aspect)
    down = np.sin(np.radians(angles))
    low = np.minimum(across, 0) + np.minimum(down, 0)
    along: Floats = (across * seen.x + down * seen.y - low) / (np.abs(across) + np.abs(down))
    return along


def _straight(seen: TimeMap, ways: Floats) -> Floats:
    return _along(seen, ways)


def _parallel(seen: TimeMap, ways: Floats) -> Floats:
    order: Floats = _along(seen, ways[:, :1]) * ways[:, 1:] % 1.0
    return order


def _round(seen: TimeMap, ways: Floats) -> Floats:
    left, top = ways[:, :1], ways[:, 1:]
    aspect = np.float32(seen.aspect)
    farthest = np.hypot(np.maximum(left, 1 - left) * aspect, np.maximum(top, 1 - top))
    order: Floats = np.hypot((seen.x - left) * aspect, seen.y - top) / farthest
    return order


def _square(seen: TimeMap, ways: Floats) -> Floats:
    left, top = ways[:, :1], ways[:, 1:]
    farthest: Floats = np.maximum(ways, 1 - ways).max(1, keepdims=True)
    order: npt.NDArray[Any] = np.maximum(np.abs(seen.x - left), np.abs(seen.y - top)) / farthest
    return order


def _rhombic(seen: TimeMap, ways: Floats) -> Floats:
    left, top = ways[:, :1], ways[:, 1:]
    farthest: Floats = np.maximum(ways, 1 - ways).sum(1, keepdims=True)
    order: npt.NDArray[Any] = (np.abs(seen.x - left) + np.abs(seen.y - top)) / farthest
    return order


def _turning(seen: TimeMap, ways: Floats) -> Floats:
    left, top, begin = ways[:, :1], ways[:, 1:2], ways[:, 2:]
    turned = np.arctan2(seen.y - top, (seen.x - left) * np.float32(seen.aspect)) / np.float32(2 * np.pi)
    order: Floats = (turned - begin) % np.float32(1.0)
    return order


def _winding(seen: TimeMap, ways: Floats) -> Floats:
    begin, turns = ways[:, 2:3], ways[:, 3:]
    # The sign of the number of turns is the direction.
    angle = _turning(seen, np.concatenate([ways[:, :2], np.zeros_like(begin)], axis=1))
    turned = (np.sign(turns) * angle - begin) % np.float32(1.0)
    rings = _round(seen, ways[:, :2]) * np.abs(turns)
    order: Floats = (np.floor(rings - turned + 1) + turned) / (np.abs(turns) + 1)
    return order


def _product(*values: npt.ArrayLike) -> Floats:
    """Return all combinations of values, shape (ways, parameters)."""
    return np.stack(np.meshgrid(*values), -1).reshape(-1, len(values)).astype(np.float32)


_CENTERS = (np.linspace(0, 1, 9), np.linspace(0, 1, 7))
EDGES = (
    Edge(_straight, _product(np.arange(0, 180, 7.5)), (2.0,)),
    Edge(_round, _product(*_CENTERS), (0.05, 0.07)),
    Edge(_square, _product(*_CENTERS), (0.05, 0.07)),
    Edge(_rhombic, _product(*_CENTERS), (0.05, 0.07)),
    Edge(_turning, _product(*_CENTERS, np.arange(0, 1, 0.125)), (0.05, 0.07, 0.06)),
    Edge(_parallel, _product(np.arange(0, 360, 15), np.arange(2, 13)), (5.0, 0.0)),
)
# It is tried only where places change in parts, because there are so many.
SPIRAL = Edge(
    _winding,
    _product(*_CENTERS, np.arange(0, 1, 0.125), (-6, -5, -4, -3, -2, 2, 3, 4, 5, 6)),
    (0.06, 0.08, 0.06, 0.0),
)
