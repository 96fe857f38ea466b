"""Motion: whether what moves is seen on its way, and does not jump. It looks at a video as a whole.

A step goes from one resting place or cell to the next. What moves must be seen as itself in at least half of the frames
of each step. A gap of a quarter of a second is tolerated, also over a junction, because the places before and after it
are seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import NamedTuple

from vmevalkit.tasks.base import Fault

Place = tuple[float, float]

# Longest gap that is tolerated: two frames (a quarter of a second at 8 frames a second), or this share of the video.
_FRAMES, _SHARE = 2, 0.03
# Share of the video in which something at rest may be gone in all, in gaps that are short: compression and glitches.
_FLICKER = 0.1
# A move is a jump if it is so many times as fast as the fast moves of the video (their 75th percentile). Ground-truth
# videos move up to 1.8 times as fast (`hovering`), and jerky ones up to 3 times. A cut of the shortest step of a walk
# whose steps have different lengths, and take the same time, is 4.1 times as fast.
_JUMP, _FAST = 4.0, 0.75
# A move between two rests of so many frames is a jump if it is too long for one frame. Frames shown twice or three
# times, as in videos whose frame rate was raised, rest for two frames at most.
_REST = 3
# An object may be smeared over two places for so many times the longest gap.
_SMEARED = 3
# The place of an object that is seen half-transparent in two places, as in a blend of two frames.
SMEARED: Place = (math.inf, math.inf)

MOTION_REASONS = {"vanished_on_the_way": "What moves or rests is not visible for a part of the video."}


class Scale(NamedTuple):
    """Lengths of a task, in its own units.

    Attributes:
        still: a shorter move between two readings is none.
        jump: a shorter move is never a jump.
    """

    still: float
    jump: float


class _Move(NamedTuple):
    """What happens between two frames in which an object is seen.

    Attributes:
        frame: the last of them.
        frames: number of frames from the first to the last.
        absent: number of frames between them in which it is not seen, not even smeared.
        length: distance of the two places.
        stays: whether they are the same.
    """

    frame: int
    frames: int
    absent: int
    length: float
    stays: bool


def tolerated_gap(frames: int) -> int:
    """Return the number of frames for which something may be invisible without a break."""
    return max(_FRAMES, round(_SHARE * frames))


def vanished(
    tracks: Sequence[Sequence[Place | None]],
    scale: Scale,
    step_of: Callable[[Place], Hashable] = lambda place: None,
) -> Fault | None:
    """Return where something is not seen for too long on its way or at rest.

    Args:
        tracks: for each object, where it is seen in each frame; None if it is not seen as itself.
        scale: lengths of the task.
        step_of: what differs between two steps, such as the cell of a place. A rest also ends a step.
    """
    found, lacking = [], list[tuple[int, int]]()
    for places in tracks:
        moves = list(_moves(places, scale))
        found += [_long_gap(moves, len(places)), _flicker(moves, len(places))]
        lacking += _lacking(moves, [step_of(place) for place in places if place is not None and place != SMEARED])
    # Gaps may exceed half of the frames of some steps, but only by one short gap in all.
    total = 0
    for frame, count in sorted(lacking):
        total += count
        if total > tolerated_gap(len(tracks[0])):
            found.append(Fault("vanished_on_the_way", frame))
            break
    return first_of(*found)


def _long_gap(moves: Sequence[_Move], frames: int) -> Fault | None:
    gaps = (move for move in moves if move.absent > tolerated_gap(frames))
    return next((Fault("vanished_on_the_way", move.frame - move.frames + 1) for move in gaps), None)


def _flicker(moves: Sequence[_Move], frames: int) -> Fault | None:
    """Return where something at rest has been gone for too many frames in all."""
    gone = 0
    for move in moves:
        gone += move.absent * move.stays
        if gone > max(tolerated_gap(frames), _FLICKER * frames):
            return Fault("vanished_on_the_way", move.frame)
    return None


def _lacking(moves: Sequence[_Move], steps: Sequence[Hashable]) -> Iterator[tuple[int, int]]:
    """Yield the ends of steps of which less than half of the frames are seen, with the number of frames that lack.

    Args:
        moves: of one object.
        steps: the step of each place between the moves; one more than moves.
    """
    absent = seen = 0
    for k, move in enumerate(moves):
        if not move.stays:
            absent += move.absent
            # Where it comes to rest, it is no longer on its way.
            seen += k + 1 < len(moves) and not moves[k + 1].stays
        if move.stays or steps[k + 1] != steps[k]:
            if absent > seen:
                yield move.frame, absent - seen
            absent = seen = 0


def jumped(tracks: Sequence[Sequence[Place | None]], scale: Scale) -> Fault | None:
    """Return where something moves much faster than things move in this video.

    Args:
        tracks: for each object, the places as in `vanished`.
        scale: lengths of the task.
    """
    moves = [move for places in tracks for move in _moves(places, scale)]
    speeds = sorted(move.length / move.frames for move in moves if not move.stays)
    fast = speeds[int(_FAST * (len(speeds) - 1))] if speeds else 0.0
    jumps = (move for move in moves if move.length > max(scale.jump, _JUMP * fast * move.frames))
    return first_of(*(Fault("teleport", move.frame) for move in jumps))


def popped(places: Sequence[Place | None], scale: Scale) -> Fault | None:
    """Return where something is seen at rest in one place, and then at rest in another one."""
    moves = list(_moves(places, scale))
    for k, move in enumerate(moves):
        around = (*moves[max(0, k - _REST) : k], *moves[k + 1 : k + 1 + _REST])
        if move.length > scale.jump and all(other.stays for other in around):
            return Fault("teleport", move.frame)
    return None


def _moves(places: Sequence[Place | None], scale: Scale) -> Iterator[_Move]:
    last: tuple[int, Place] | None = None
    smeared, most = 0, _SMEARED * tolerated_gap(len(places))
    for i, place in enumerate(places):
        if place == SMEARED:
            smeared += 1
        elif place is not None:
            if last is not None:
                length = math.dist(last[1], place)
                yield _Move(i, i - last[0], i - last[0] - 1 - min(smeared, most), length, length <= scale.still)
            last, smeared = (i, place), 0


def first_of(*faults: Fault | None) -> Fault | None:
    """Return the fault that is seen first; None if there is none."""
    return min((fault for fault in faults if fault), key=lambda fault: fault.frame, default=None)
