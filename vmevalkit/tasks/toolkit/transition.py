"""Transitions: find out whether an answer was drawn step by step, or uncovered by an edge that passes over the frame.

The *time map* says for each pixel that changes when it passes half way from before to after. In a solution, each place
changes at a time of its own: it pops in, fades in, grows from its middle, or is brushed in from any side. In a
transition, the times of all pixels are those of one edge: they are a smooth function of the order in which the edge
reaches the pixels, within the places and between them. Straight, round, square, rhombic and turning edges are fitted,
and sets of parallel ones. A video is a transition if one of them explains all times as well as whole frames allow.

Edges that are not fitted (spirals, blocks) uncover many places at once, or one place in parts with long pauses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Views
from vmevalkit.tasks.base import Fault
from vmevalkit.tasks.toolkit.compare import Mask
from vmevalkit.tasks.toolkit.draw import Box
from vmevalkit.tasks.toolkit.lens import Lens

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.intp]

# A pixel changes if it differs by this much, in 255ths, between the first and the last frame.
_CLEAR = 40
# The camera drifts if so large a share of the pixels around the places changes.
_DRIFT = 0.005
# At most this many pixels are looked at, shared out among the places, but at least _FEW of each.
_MOST, _FEW = 120, 5
# Whole frames alone cause an error of 0.29 frames (1 / sqrt 12). An edge explains the times if it errs by at most
# _ERROR frames and this share of their standard deviation. Measured on 292 transitions: 0.01 to 0.33 frames with a
# deviation of 1 to 13; on 587 legal videos: at least 0.47, with a deviation of 5.6.
_ERROR, _ERROR_SHARE = 0.32, 0.01
# Standard deviation of the times within the places, in frames, if places pop or fade in. Coding adds some to 0.
_AT_ONCE = 0.12
# An edge errs by at most this share of that deviation, or else "at once" is as good an explanation.
_NO_BETTER = 1.2
# Part of the deviation that a straight edge does not explain, from which on the places grow from their middle.
_CURVED = 0.92
# If the places are fewer than this, no edge is to be seen. All puzzles change at least three.
_FEWEST = 3
# Sum of the times that the places take, as a share of the time that all of them take together, from which on they do
# not change one after another. It is 1.43 if each begins when 70 % of the one before are done.
_TOGETHER = 1.5
# Sum of the differences in time between the pieces of lines and the next ones, as a share of the time that all lines
# take, from which on they do not grow. Ground truth: 1.0, or 1.3 with many crossings. Spirals: mostly more than 2.
_UP_AND_DOWN = 1.4
# All places together take longer than this, in frames, or nobody sees that they change one after another.
_QUICK = 4.0
# A place changes in parts if nothing changes there for so many frames and so large a share of the video.
_PAUSE, _PAUSE_SHARE = 2.5, 0.05
# Share of the places that change in parts from which on no step explains it.
_PARTED = 0.5
# Rounds in which the parameters of an edge are refined; the error, in multiples of the largest that is allowed, from
# which on that is no use; and the number of pixels that is enough in the first round.
_ROUNDS, _HOPELESS, _ENOUGH = 6, 6.0, 40


class Places(NamedTuple):
    """Where an answer changes the frame.

    Attributes:
        boxes: of the places, in pixels of the view.
        lines: if the places are pieces of lines, in their order, the number of the line of each.
        margin: how far around the boxes the answer may change the frame, in pixels of the view.
    """

    boxes: Sequence[Box]
    lines: Sequence[int] = ()
    margin: float = 2.0


class TimeMap(NamedTuple):
    """When pixels change.

    Attributes:
        x, y: of each pixel, as shares of the width and of the height, shape (count,).
        place: number of the place of each pixel.
        time: when it passes half way from before to after, in frames.
        aspect: width of the frame divided by its height.
        frames: number of frames of the video.
    """

    x: Floats
    y: Floats
    place: Integers
    time: Floats
    aspect: float
    frames: int

    def where(self, pixels: Mask | slice) -> TimeMap:
        """Return the map of some of the pixels."""
        x, y, place, time = self.x[pixels], self.y[pixels], self.place[pixels], self.time[pixels]
        return TimeMap(x, y, place, time, self.aspect, self.frames)


def time_map(frames: Views, places: Places) -> TimeMap:
    """Return when the pixels of some places change. `frames` is uint8 (count, 3, height, width)."""
    height, width = frames.shape[2:]
    drifts = _drifts(frames, places)
    if drifts:
        lens = Lens(frames[0])
        frames = np.stack([lens.planes(frame) for frame in frames])
    differs = np.abs(frames[-1].astype(np.int16) - frames[0]).max(0) > _CLEAR
    if drifts:
        # The lens corrects whole pixels. At edges, the rest changes pixels, too, at times of its own.
        inside = differs.copy()
        inside[1:-1, 1:-1] &= differs[:-2, 1:-1] & differs[2:, 1:-1] & differs[1:-1, :-2] & differs[1:-1, 2:]
        differs = inside
    most = max(_FEW, _MOST // max(1, len(places.boxes)))
    found = []
    for number, (left, top, right, bottom) in enumerate(places.boxes):
        x, y = max(0, int(left)), max(0, int(top))
        rows, columns = np.nonzero(differs[y : int(np.ceil(bottom)) + 1, x : int(np.ceil(right)) + 1])
        # Multiples of the golden ratio are spread evenly, and fall into step with no row or column.
        pick = (np.arange(min(len(rows), most)) * 0.618034 % 1 * len(rows)).astype(np.intp)
        found.append(np.stack([rows[pick] + y, columns[pick] + x, np.full(len(pick), number)]))
    ys, xs, place = np.concatenate(found, axis=1)
    seen = TimeMap(
        ((xs + 0.5) / width).astype(np.float32),
        ((ys + 0.5) / height).astype(np.float32),
        place,
        _half_way(frames[:, :, ys, xs].astype(np.float32)),
        width / height,
        len(frames),
    )
    return seen.where(_typical(seen)) if drifts else seen


def _typical(seen: TimeMap) -> Mask:
    """Return a mask of the pixels that change when most of their place does: within 4.5 times the median difference."""
    typical = np.zeros(len(seen.time), bool)
    for place in np.unique(seen.place):
        here = seen.place == place
        off = np.abs(seen.time[here] - np.median(seen.time[here]))
        typical[here] = off <= 4.5 * np.median(off) + 1
    return typical


def _drifts(frames: Views, places: Places) -> bool:
    """Whether the camera drifts: then much changes around the places."""
    luma, rest = frames[:, 0], np.ones(frames.shape[2:], bool)
    boxes = np.array(places.boxes) + places.margin * np.array((-1, -1, 1, 1))
    for left, top, right, bottom in np.maximum(boxes, 0).astype(np.intp).tolist():
        rest[top : bottom + 1, left : right + 1] = False
    moved = np.abs(luma[-1].astype(np.int16) - luma[0])[rest] > _CLEAR
    return bool(np.count_nonzero(moved) > _DRIFT * moved.size)


def _half_way(values: Floats) -> Floats:
    """Return when each pixel last passes half way from its first to its last value, in frames, shape (pixels,).

    Args:
        values: shape (frames, planes, pixels).
    """
    change = values[-1] - values[0]
    share = ((values - values[0]) * change).sum(1) / np.maximum((change * change).sum(0), 1.0)
    before = len(share) - 1 - (share < 0.5)[::-1].argmax(0)
    before = np.minimum(before, len(share) - 2)
    pixel = np.arange(share.shape[1])
    low, high = share[before, pixel], share[before + 1, pixel]
    passed: Floats = (before + np.clip((0.5 - low) / np.maximum(high - low, 1e-3), 0, 1)).astype(np.float32)
    return passed


def find_transition(frames: Views, places: Places) -> Fault | None:
    """Return what is wrong if the places do not change step by step; see `time_map`."""
    seen = time_map(frames, places)
    reason = _reason(seen, places.lines)
    return Fault(reason, int(seen.time.min()), worthless=True) if reason else None


def _reason(seen: TimeMap, lines: Sequence[int]) -> str | None:
    """Return the reason code if the places do not change step by step."""
    if len(np.unique(seen.place)) < _FEWEST:
        return None
    if _too_quick(seen):
        return "several_at_once"
    parted, error = _in_parts(seen), _error(seen)
    if parted > _PARTED or (parted and _fits(seen, _SPIRAL, error)):
        return "transition"
    # A pen, or places that pop in, fade in or grow from their middle, explain the times better than any edge.
    explained = _drawn(seen, lines) if lines else not _brushed(seen)
    limit = error if lines else min(error, _NO_BETTER * _deviation(_centered(seen, seen.time)))
    if not explained and _has_edge(seen, limit):
        return "transition"
    return "several_at_once" if _together(seen) or _scattered(seen, lines) else None


def _too_quick(seen: TimeMap) -> bool:
    return float(np.ptp(seen.time)) < _QUICK


def _together(seen: TimeMap) -> bool:
    """Whether the places do not change one after another."""
    counts = np.bincount(seen.place)
    here = counts > 0
    # The standard deviation of a steady change is its duration / sqrt 12; whole frames add 1 / 12 to its square.
    spread = _sums(seen, _centered(seen, seen.time) ** 2)[here] / counts[here]
    durations = np.sqrt(np.maximum(12 * spread - 1, 0))
    # The longest are left out, because lines cross: where they do, a place is drawn on twice.
    sequence = np.sort(durations)[: len(durations) - len(durations) // 10].sum()
    return bool(sequence > _TOGETHER * np.ptp(np.percentile(seen.time, (1, 99))))


def _along_lines(seen: TimeMap, lines: Sequence[int]) -> list[Floats]:
    """Return when the pieces of each line change, in their order along it. Lines that do not change are left out."""
    found = []
    for line in sorted(set(lines)):
        here = (seen.time[seen.place == place] for place, number in enumerate(lines) if number == line)
        time = np.array([np.median(times) for times in here if len(times)], np.float32)
        if len(time) > 2:
            # Single pieces do not count: where lines cross or meet, a piece is drawn before its line comes there.
            found.append(np.median([time[:-2], time[1:-1], time[2:]], axis=0).astype(np.float32))
    return found


def _scattered(seen: TimeMap, lines: Sequence[int]) -> bool:
    """Whether lines do not grow from piece to piece: then the time rises and falls along them."""
    length = sum(float(np.abs(np.diff(time)).sum()) for time in _along_lines(seen, lines))
    return length > _UP_AND_DOWN * float(np.ptp(seen.time))


def _drawn(seen: TimeMap, lines: Sequence[int]) -> bool:
    """Whether a pen explains the times: it draws lines one after another, each from an end, at a smooth pace."""
    found = sorted(_along_lines(seen, lines), key=lambda time: float(time.mean()))
    time = np.concatenate([time if time[0] <= time[-1] else time[::-1] for time in found])
    order = np.linspace(0, 1, len(time), dtype=np.float32)
    return bool(_errors(seen._replace(time=time), order[None])[0] <= _error(seen))


def _in_parts(seen: TimeMap) -> float:
    """Return the share of the places that change in two parts with a pause in between, split by a straight line."""
    pause = max(_PAUSE, _PAUSE_SHARE * seen.frames)
    places = np.unique(seen.place)
    return sum(_is_parted(seen, seen.place == place, pause) for place in places) / len(places)


def _is_parted(seen: TimeMap, here: Mask, pause: float) -> bool:
    times = np.sort(seen.time[here])
    gaps = np.diff(times)
    if not len(gaps) or gaps.max() < pause:
        return False
    late = seen.time[here] > times[gaps.argmax()]
    if min(np.count_nonzero(late), np.count_nonzero(~late)) < 0.15 * len(late):
        return False
    # Least squares with the target -1 or 1 find a line between the two parts, if there is one.
    points = np.stack([np.ones(len(late)), seen.x[here], seen.y[here]], axis=1)
    line = np.linalg.lstsq(points, np.where(late, 1.0, -1.0), rcond=None)[0]
    return bool(np.count_nonzero((points @ line > 0) != late) <= 0.1 * len(late))


def _brushed(seen: TimeMap) -> bool:
    """Whether the places are uncovered from one of their sides."""
    within = _centered(seen, seen.time)
    deviation = _deviation(within)
    return deviation > _AT_ONCE and _curved(seen, within) < max(_error(seen), _CURVED * deviation)


def _has_edge(seen: TimeMap, error: float) -> bool:
    """Whether one edge explains the times of all pixels up to an error in frames."""
    return any(_fits(seen, edge, error) for edge in _EDGES)


def _error(seen: TimeMap) -> float:
    """Return how much an edge that explains the times may err, in frames."""
    return _ERROR + _ERROR_SHARE * float(seen.time.std())


def _deviation(values: Floats) -> float:
    """Return the standard deviation of values with the mean 0."""
    return float(np.sqrt((values**2).mean()))


def _sums(seen: TimeMap, values: Floats) -> Floats:
    """Return the sum of values over the pixels of each place."""
    return np.bincount(seen.place, values).astype(np.float32)


def _centered(seen: TimeMap, values: Floats) -> Floats:
    """Return values minus their mean over the place."""
    means = _sums(seen, values) / np.maximum(_sums(seen, np.ones_like(values)), 1)
    centered: Floats = (values - means[seen.place]).astype(np.float32)
    return centered


def _curved(seen: TimeMap, within: Floats) -> float:
    """Return the standard deviation, within the places, of what no straight edge with a pace of its own explains.

    As an edge has two parameters more than a mean, a few pixels fit better by chance. The result makes up for that.
    """
    x, y = _centered(seen, seen.x), _centered(seen, seen.y)
    xx, xy, yy, xt, yt = (_sums(seen, a * b) for a, b in ((x, x), (x, y), (y, y), (x, within), (y, within)))
    # Where all pixels lie in one line, nothing may be divided by zero.
    xx += np.float32(1e-7)
    yy += np.float32(1e-7)
    scale = xx * yy - xy * xy
    across, down = (yy * xt - xy * yt) / scale, (xx * yt - xy * xt) / scale
    left: Floats = (within - across[seen.place] * x - down[seen.place] * y).astype(np.float32)
    places = len(np.unique(seen.place))
    freedom = (len(left) - places) / max(len(left) - 3 * places, 1)
    return _deviation(left) * float(np.sqrt(freedom))


class _Edge(NamedTuple):
    """A kind of edge.

    Attributes:
        order: returns when the edge reaches pixels, 0 to 1, shape (ways, pixels), for ways of shape (ways, parameters).
        ways: parameters that are tried first.
        steps: by how much each parameter is refined; 0 if it is not.
    """

    order: Callable[[TimeMap, Floats], Floats]
    ways: Floats
    steps: tuple[float, ...]


def _fits(seen: TimeMap, edge: _Edge, error: float) -> bool:
    """Whether an edge of a kind explains the times up to an error in frames."""
    ways, steps = edge.ways, np.array(edge.steps, np.float32)
    moves = np.stack(np.meshgrid(*[(-1, 0, 1) if step else (0,) for step in edge.steps]), -1).reshape(-1, len(steps))
    # Few pixels are enough to find the way to begin with.
    looked = seen.where(slice(None, None, max(1, len(seen.time) // _ENOUGH)))
    for _ in range(_ROUNDS):
        errors = _errors(looked, edge.order(looked, ways))
        best = int(errors.argmin())
        if errors[best] <= error and looked is seen:
            return True
        # Coarse parameters err more, but not by that much.
        if errors[best] > _HOPELESS * error:
            return False
        ways, steps = (ways[best] + moves * steps).astype(np.float32), (steps / 2).astype(np.float32)
        looked = seen
    return False


def _errors(seen: TimeMap, order: Floats) -> Floats:
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
    farthest = np.maximum(ways, 1 - ways).max(1, keepdims=True)
    order: Floats = np.maximum(np.abs(seen.x - left), np.abs(seen.y - top)) / farthest
    return order


def _rhombic(seen: TimeMap, ways: Floats) -> Floats:
    left, top = ways[:, :1], ways[:, 1:]
    farthest = np.maximum(ways, 1 - ways).sum(1, keepdims=True)
    order: Floats = (np.abs(seen.x - left) + np.abs(seen.y - top)) / farthest
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
_EDGES = (
    _Edge(_straight, _product(np.arange(0, 180, 7.5)), (2.0,)),
    _Edge(_round, _product(*_CENTERS), (0.05, 0.07)),
    _Edge(_square, _product(*_CENTERS), (0.05, 0.07)),
    _Edge(_rhombic, _product(*_CENTERS), (0.05, 0.07)),
    _Edge(_turning, _product(*_CENTERS, np.arange(0, 1, 0.125)), (0.05, 0.07, 0.06)),
    _Edge(_parallel, _product(np.arange(0, 360, 15), np.arange(2, 13)), (5.0, 0.0)),
)
# It is tried only where places change in parts, because there are so many.
_SPIRAL = _Edge(
    _winding,
    _product(*_CENTERS, np.arange(0, 1, 0.125), (-6, -5, -4, -3, -2, 2, 3, 4, 5, 6)),
    (0.06, 0.08, 0.06, 0.0),
)
