"""Transitions: find out whether an answer was drawn step by step, or uncovered by an edge that passes over the frame.

The *time map* says for each pixel that changes when it passes half way from before to after. In a solution, each place
changes at a time of its own: it pops in, fades in, grows from its middle, or is brushed in from any side. In a
transition, the times of all pixels are those of one edge: they are a smooth function of the order in which the edge
reaches the pixels, within the places and between them (`edges`). A video is a transition if one edge explains all times
as well as whole frames allow. Blocks in random order are no edge, but they uncover many places at once.

No transition is found if each place changes between two frames. Then nothing shows an edge: places pop in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vmevalkit.media import Views
from vmevalkit.tasks.base import Fault
from vmevalkit.tasks.toolkit.compare import Floats, Mask
from vmevalkit.tasks.toolkit.edges import EDGES, SPIRAL, errors_of, explains
from vmevalkit.tasks.toolkit.time_map import CROSSED, Places, TimeMap, time_map, typical

__all__ = ["CROSSED", "Places", "find_transition"]

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
# Single pixels are left out if at least this share of the pixels remains.
_SINGLE = 0.85
# All places together take longer than this, in frames, or nobody sees that they change one after another.
_QUICK = 4.0
# A place changes in parts if nothing changes there for so many frames and so large a share of the video.
_PAUSE, _PAUSE_SHARE = 2.5, 0.05
# Share of the places that change in parts from which on no step explains it.
_PARTED = 0.5


def find_transition(frames: Views, places: Places) -> Fault | None:
    """Return what is wrong if the places do not change step by step; see `time_map`."""
    seen = time_map(frames, places)
    reason = _reason(seen, places)
    return Fault(reason, int(seen.time.min()), worthless=True) if reason else None


def _reason(seen: TimeMap, places: Places) -> str | None:
    """Return the reason code if the places do not change step by step."""
    if len(np.unique(seen.place)) < _FEWEST:
        return None
    if _too_quick(seen):
        return "several_at_once"
    return _reason_of_lines(seen, places.lines) if places.lines else _reason_of_places(seen, places.groups)


def _reason_of_lines(seen: TimeMap, lines: Sequence[int]) -> str | None:
    if not _drawn(seen, lines) and _has_edge(seen, _error(seen)):
        return "transition"
    return "several_at_once" if _scattered(seen, lines) or _together(seen) else None


def _reason_of_places(seen: TimeMap, groups: Sequence[int]) -> str | None:
    parted, error = _in_parts(seen), _error(seen)
    if parted > _PARTED or (parted and explains(seen, SPIRAL, error)):
        return "transition"
    deviation = _deviation(_centered(seen, seen.time))
    if _brushed(seen) and _has_edge(seen, min(error, _NO_BETTER * deviation)):
        return "transition"
    group = np.array(groups or [0] * (seen.place.max() + 1))[seen.place]
    turns = (seen.where(group == number) for number in np.unique(group))
    return "several_at_once" if any(map(_together, turns)) else None


def _too_quick(seen: TimeMap) -> bool:
    return float(np.ptp(seen.time)) < _QUICK


def _together(seen: TimeMap) -> bool:
    """Whether the places do not change one after another."""
    duration = np.ptp(np.percentile(seen.time, (1, 99)))
    # A trembling camera changes single pixels at other times.
    most = typical(seen)
    seen = seen.where(most) if most.mean() > _SINGLE else seen
    counts = np.bincount(seen.place)
    here = counts > 0
    # The standard deviation of a steady change is its duration / sqrt 12; whole frames add 1 / 12 to its square.
    spread = _sums(seen, _centered(seen, seen.time) ** 2)[here] / counts[here]
    durations = np.sqrt(np.maximum(12 * spread - 1, 0))
    # The longest are left out, because lines cross: where they do, a place is drawn on twice.
    sequence = np.sort(durations)[: len(durations) - len(durations) // 10].sum()
    return bool(sequence > _TOGETHER * duration)


def _along_lines(seen: TimeMap, lines: Sequence[int]) -> list[Floats]:
    """Return when the pieces of each line change, in their order along it. Lines that do not change are left out."""
    found = []
    for line in sorted({*lines} - {CROSSED}):
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
    if not found:
        return False
    time = np.concatenate([time if time[0] <= time[-1] else time[::-1] for time in found])
    order = np.linspace(0, 1, len(time), dtype=np.float32)
    return bool(errors_of(seen._replace(time=time), order[None])[0] <= _error(seen))


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
    return any(explains(seen, edge, error) for edge in EDGES)


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
