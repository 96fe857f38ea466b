"""Things that come and go: cursors and hands that do the steps, sparkles and confetti; and twins that do more."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from vmevalkit.contract import brushes
from vmevalkit.contract.brushes import each, pasted
from vmevalkit.contract.motion import Kind, Motion, Spot, box_of
from vmevalkit.contract.videos import ContractVideo, Scene
from vmevalkit.media import Frame, Frames
from vmevalkit.tasks.base import FRAMES

# A cursor or hand comes and goes in this share of the video, before the first and after the last step.
_COMING = 1 / 12
_AT_ONCE = ("all_at_once", "two_at_once")
# Under a hand, nobody sees that what moves touches a wall.
_SUBTLE = ("along_inside_a_wall", "cuts_a_corner")

Brush = Callable[[Frame, Spot], Frame]


def transients(scene: Scene) -> Iterator[ContractVideo]:
    """Yield objects that come and go and must pass, and twins that must fail."""
    first, last = scene.first, scene.last
    for twin, states in {"": scene.states, **_wrong_ways(scene)}.items():
        yield ContractVideo(f"cursor{twin}", partial(_visited, scene, _cursor, states), not twin)
        yield ContractVideo(f"hand{twin}", partial(_visited, scene, brushes.with_hand, states), not twin)
    yield ContractVideo("cursor_elsewhere", partial(_elsewhere, scene), False)
    moving = scene.motion(FRAMES).kind not in ("fills", "clears")
    if moving or len(scene.states) > 2:
        yield ContractVideo("hand_between", lambda n: _behind_hand(first, last, scene.motion(FRAMES).target, n), False)
        yield ContractVideo("confetti_between", lambda n: _behind_confetti(first, last, n), False)
    yield ContractVideo("sparkles", partial(_sparkling, scene, stay=False), True)
    yield ContractVideo("sparkles_stay", partial(_sparkling, scene, stay=True), False)
    yield ContractVideo("confetti", partial(_celebrated, scene), True)
    yield ContractVideo("copy_passes", partial(_with_passing_copy, scene), False)


def _cursor(frame: Frame, tip: Spot) -> Frame:
    return brushes.with_cursor(frame, tip, frame.shape[0] / 18)


def _wrong_ways(scene: Scene) -> dict[str, Sequence[Any]]:
    """Return illegal lists of states of a task: an illegal way, an end that is nearly right, and all at once."""
    cheats = scene.task.cheats(scene.puzzle)
    found: dict[str, Sequence[Any]] = {}
    for name, states in cheats.items():
        # A puzzle of one step has ways without any.
        if name in _SUBTLE or len(states) < 2:
            continue
        what = "_nearly_right" if name.startswith("nearly") else "_several_steps" if name in _AT_ONCE else "_wrong_step"
        found.setdefault(what, states)
    return found


def _visited(scene: Scene, brush: Brush, states: Sequence[Any], count: int) -> Frames:
    """Let a cursor or hand come to what acts, do the steps, and leave."""
    extra = max(2, round(count * _COMING))
    motion = scene.motion_of(states, count - 2 * extra)
    shown = np.concatenate([np.repeat(motion.frames[:1], extra, axis=0), motion.frames,
                            np.repeat(motion.frames[-1:], extra, axis=0)])  # fmt: skip
    height, width = scene.first.shape[:2]
    away = (0.9 * width, 1.1 * height)
    tips = [_touching(scene.motion(FRAMES).kind, motion, i) for i in range(motion.count)]
    start, end = motion.during(0).start, motion.ended
    # It is not there in the first two frames, as the policy demands.
    coming = _line(away, tips[start], extra + start - 2)
    leaving = _line(tips[end], away, extra)
    path = [None, None, *coming, *tips[start : end + 1], *leaving]
    return each(shown, lambda f, i: brush(f, tip) if i < len(path) and (tip := path[i]) is not None else f)


def _touching(kind: Kind, motion: Motion, i: int) -> Spot:
    """Return where a cursor or hand touches what acts: in its middle, but below the middle of what moves."""
    x, y = motion.spots[i]
    if kind == "grows":
        return motion.tips[i]
    if kind in ("travels", "turns"):
        mask = motion.acting[i]
        reach = 0.3 * (box_of(mask)[3] - box_of(mask)[1]) if mask.any() else 0.0
        return x + 0.3 * min(reach, 12), y + reach
    return x, y


def _line(a: Spot, b: Spot, count: int) -> list[Spot]:
    return [(a[0] + (b[0] - a[0]) * k / count, a[1] + (b[1] - a[1]) * k / count) for k in range(1, count + 1)]


def _elsewhere(scene: Scene, count: int) -> Frames:
    """Let the answer appear at once while the cursor is far from where it appears."""
    height, width = scene.first.shape[:2]
    corners = [(0.1 * width, 0.15 * height), (0.9 * width, 0.85 * height)]
    far = max(corners, key=lambda corner: math.dist(corner, scene.motion(FRAMES).target))
    path = _line((0.5 * width, 1.1 * height), far, count // 3)

    def change(frame: Frame, i: int) -> Frame:
        return _cursor(frame, path[min(i - 2, len(path) - 1)]) if 2 <= i < 0.85 * count else frame

    frames = np.stack([scene.first if i < count // 2 else scene.last for i in range(count)])
    return each(frames, change)


def _behind_hand(first: Frame, last: Frame, spot: Spot, count: int) -> Frames:
    """Let the answer appear while a hand lies over the place of the last step."""
    height = first.shape[0]
    over = (spot[0], max(0.0, spot[1] - 0.1 * height))
    coming = _line((spot[0], 1.1 * height), over, count // 5)
    path = [*coming, *[over] * 4, *coming[::-1]]

    def change(frame: Frame, i: int) -> Frame:
        k = i - 3
        return brushes.with_hand(frame, path[k]) if 0 <= k < len(path) else frame

    frames = np.stack([first if i < 3 + len(coming) + 2 else last for i in range(count)])
    return each(frames, change)


def _behind_confetti(first: Frame, last: Frame, count: int) -> Frames:
    start, end = round(0.35 * count), round(0.65 * count)
    frames = np.stack([first if i < count // 2 else last for i in range(count)])
    return each(frames, lambda f, i: brushes.with_confetti(f, (i - start) / (end - start), 120)
                if start <= i < end else f)  # fmt: skip


def _sparkling(scene: Scene, count: int, stay: bool) -> Frames:
    """Let stars sparkle around the place of the last step, after it; they go away before the end, or stay."""
    frames = scene.held(count, count // 6)
    start, spot, width = scene.motion(count - count // 6).ended, scene.motion(FRAMES).target, scene.canvas[0]
    end = count if stay else count - max(3, count // 16)
    # Stars that stay are larger, so that one over a thing of the same color is seen beside it.
    size = 0.05 * width if stay else 0.025 * width

    def change(frame: Frame, i: int) -> Frame:
        number = min(i, start + 2) if stay else i
        return brushes.with_sparkles(frame, spot, 0.06 * width, size, number) if start < i < end else frame

    return each(frames, change)


def _celebrated(scene: Scene, count: int) -> Frames:
    """Let confetti fall over everything after the last step, and go away before the end."""
    frames = scene.held(count, count // 5)
    start, end = scene.motion(count - count // 5).ended + 2, count - max(3, count // 16)
    return each(frames, lambda f, i: brushes.with_confetti(f, (i - start) / (end - start)) if start <= i < end else f)


def _with_passing_copy(scene: Scene, count: int) -> Frames:
    """Let a copy of the first object that acts pass through the scene, from corner to corner, before the last step."""
    motion = scene.motion(count)
    step = motion.steps[0]
    mask, source = step.place, step.before if step.kind == "clears" else step.after
    left, top, _, _ = box_of(mask)
    width, height = scene.canvas

    def change(frame: Frame, i: int) -> Frame:
        share = (i - 3) / (0.7 * count)
        right, down = round((1.2 * share - 0.1) * width - left), round(0.9 * share * height - top)
        return pasted(frame, source, mask, right, down) if 0 <= share < 1 else frame

    return each(motion.frames, change)
