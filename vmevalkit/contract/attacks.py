"""Videos that must fail: cheap ways to show the right end, damaged scenes, and illegal or unfinished solutions.

Their names are repeated in tests/test_contract.py, so that none gets lost. `make audit` counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from vmevalkit.contract.movers import motion_attacks
from vmevalkit.contract.variations import shifted
from vmevalkit.contract.videos import ContractVideo, Scene
from vmevalkit.media import Frame, Frames
from vmevalkit.tasks.base import FRAMES
from vmevalkit.tasks.toolkit.vision import view_size

# Videos that must be worth next to nothing, not only fail.
WORTHLESS = frozenset({"still", "still_with_noise", "black", "white", "noise", "crossfade"})

# Directions in which the answer is uncovered: across, down.
_WIPES = {
    "wipe_right": (1, 0),
    "wipe_left": (-1, 0),
    "wipe_down": (0, 1),
    "wipe_up": (0, -1),
    "wipe_aslant": (1, 1),
    "wipe_back_aslant": (-1, 1),
}


def attacks(scene: Scene) -> Iterator[ContractVideo]:
    """Yield every video that must fail."""
    yield from _empty(scene)
    if scene.solving:
        yield from _shortcuts(scene)
        yield from _damaged(scene)
        yield from motion_attacks(scene)
        for name, states in scene.task.cheats(scene.puzzle).items():
            yield ContractVideo(name, scene.shot(states), False, own=True)


def _empty(scene: Scene) -> Iterator[ContractVideo]:
    """Videos of every mode that show nothing, show another scene, or do the opposite of what the mode asks for."""
    first, last, shape = scene.first, scene.last, scene.first.shape
    if scene.solving:
        yield ContractVideo("still", scene.still, False)
    else:
        # In mode hold nothing may move, so the solution itself is an illegal video.
        yield ContractVideo("ground_truth", scene.truth, False)
    yield ContractVideo("still_with_noise", lambda n: _noisy(scene.still(n)), False)
    yield ContractVideo("black", lambda n: np.zeros((n, *shape), np.uint8), False)
    yield ContractVideo("white", lambda n: np.full((n, *shape), 255, np.uint8), False)
    yield ContractVideo("noise", lambda n: np.random.default_rng(0).integers(0, 256, (n, *shape), np.uint8), False)
    yield ContractVideo("crossfade", lambda n: crossfade(first, last, n), False)
    yield ContractVideo("cut_half_way", lambda n: _cut(first, last, n, n // 2), False)
    yield ContractVideo("another_question", scene.shot(scene.task.solution(scene.other), scene.other), False)
    moved = round(0.09 * scene.canvas[0])
    yield ContractVideo("redrawn_elsewhere", lambda n: _redrawn(scene.truth(n), lambda f: shifted(f, moved)), False)
    shown = scene.truth if scene.solving else scene.still
    yield ContractVideo("extra_object", lambda n: _with_object(shown(n)), False)


def _shortcuts(scene: Scene) -> Iterator[ContractVideo]:
    """Videos that show the right end without the steps that lead to it."""
    first, last, truth = scene.first, scene.last, scene.truth
    for name, (across, down) in _WIPES.items():
        yield ContractVideo(name, lambda n, x=across, y=down: _wipe(first, last, n, x, y), False)  # type: ignore[misc]
    yield ContractVideo("dissolve", lambda n: _dissolve(first, last, n), False)
    yield ContractVideo("cut_at_once", lambda n: _cut(first, last, n, 2), False)
    yield ContractVideo("cut_late", lambda n: _cut(first, last, n, n - 3), False)
    yield ContractVideo("cut_at_the_end", lambda n: _cut(first, last, n, n - 1), False)
    yield ContractVideo("flash_of_answer", lambda n: _flash(first, last, n), False)
    yield ContractVideo("flashing", lambda n: _flashing(truth(n), first), False)


def _damaged(scene: Scene) -> Iterator[ContractVideo]:
    """Ground-truth videos with the wrong direction, a changed scene, or an end that is not the answer."""
    first, truth, states = scene.first, scene.truth, scene.states
    yield ContractVideo("reversed", lambda n: truth(n)[::-1], False)
    if np.mean(first != first[:, ::-1]) > 0.005:
        yield ContractVideo("mirrored", lambda n: truth(n)[:, :, ::-1], False)
    yield ContractVideo("zoomed_out", lambda n: _redrawn(truth(n), _zoomed_out), False)
    # Where objects appear for good, or fill the place they go to, a copy that follows them is hidden.
    if _largest_change(_trailing(truth(FRAMES)), truth(FRAMES)) > 0.3 * _largest_change(truth(FRAMES), first[None]):
        yield ContractVideo("two_at_once", lambda n: _trailing(truth(n)), False)
    yield ContractVideo("ghosts", lambda n: _ghosts(truth(n)), False)
    yield ContractVideo("stopped_halfway", lambda n: _stopped(truth(n)), False)
    yield ContractVideo("solved_then_undone", scene.shot([*states, *states[-2::-1]]), False)
    yield ContractVideo("solved_then_destroyed", lambda n: _destroyed(truth(n)), False)


def _noisy(frames: Frames) -> Frames:
    """Add noise. Its grains are at least as large as the pixels of a view, which is smaller than a large canvas."""
    count, height, width, planes = frames.shape
    across, down = (min(sides) for sides in zip(view_size((width, height)), (width, height), strict=True))
    noise = np.random.default_rng(0).normal(0, 25, (count, down, across, planes))
    rows, columns = np.arange(height) * down // height, np.arange(width) * across // width
    return np.clip(frames + noise[:, rows[:, None], columns], 0, 255).astype(np.uint8)


def crossfade(first: Frame, last: Frame, count: int) -> Frames:
    """Fade from the first to the last frame, evenly over the whole video."""
    weights = np.linspace(0.0, 1.0, count, dtype=np.float32)
    return np.stack([(first * (1 - w) + last * w).round().astype(np.uint8) for w in weights])


def _cut(first: Frame, last: Frame, count: int, at: int) -> Frames:
    return np.stack([first if i < at else last for i in range(count)])


def _wipe(first: Frame, last: Frame, count: int, across: int, down: int) -> Frames:
    """Uncover the answer along a straight line that sweeps over the frame."""
    height, width = first.shape[:2]
    ys, xs = np.mgrid[:height, :width]
    along = across * xs + down * ys
    along = along.astype(np.float32)
    along = (along - along.min()) / (along.max() - along.min())
    ends = np.clip((np.arange(count) - 2) / (count * 0.85), -0.01, 1.01)
    return np.stack([np.where((along <= end)[..., None], last, first) for end in ends])


def _dissolve(first: Frame, last: Frame, count: int) -> Frames:
    """Replace the start by the answer in blocks, in random order."""
    height, width = first.shape[:2]
    side = max(8, width // 24)
    rows, columns = -(-height // side), -(-width // side)
    blocks = np.random.default_rng(0).permutation(rows * columns).reshape(rows, columns) / (rows * columns)
    when = np.kron(blocks, np.ones((side, side)))[:height, :width]
    ends = np.clip((np.arange(count) - 2) / (count * 0.85), 0.0, 1.0)
    return np.stack([np.where((when < end)[..., None], last, first) for end in ends])


def _flash(first: Frame, last: Frame, count: int) -> Frames:
    """Show the answer in one frame only."""
    return np.stack([last if i == count // 2 else first for i in range(count)])


def _flashing(truth: Frames, first: Frame) -> Frames:
    count = len(truth)
    return np.stack([first if i % 2 and i < count - 4 else frame for i, frame in enumerate(truth)])


def _redrawn(truth: Frames, change: Callable[[Frame], Frame]) -> Frames:
    """Change every frame after the first third."""
    return np.stack([change(frame) if i >= len(truth) // 3 else frame for i, frame in enumerate(truth)])


def _zoomed_out(frame: Frame) -> Frame:
    height, width = frame.shape[:2]
    small = Image.fromarray(frame).resize((round(width * 0.86), round(height * 0.86)), Image.Resampling.BILINEAR)
    background = Image.new("RGB", (width, height), tuple(frame[4, 4].tolist()))
    background.paste(small, (round(width * 0.07), round(height * 0.07)))
    return np.asarray(background)


def _with_object(truth: Frames) -> Frames:
    """From the middle on, show an object that does not belong to the scene, where the puzzle is plain.

    It lies between the things that are drawn: beside all of them, it would be a caption.
    """
    height, width = truth.shape[1:3]
    side = round(0.06 * width)
    seen = truth[:: max(1, len(truth) // 12)].astype(np.int16)
    busy = (seen.max(0) - seen.min(0)).max(2) + (np.abs(np.diff(seen[-1], axis=0, prepend=seen[-1][:1])).max(2))
    busy = busy + np.abs(np.diff(seen[-1], axis=1, prepend=seen[-1][:, :1])).max(2)
    spots = [(y, x) for y in range(8, height - side - 8, side // 2) for x in range(8, width - side - 8, side // 2)]
    used = (seen != seen[0, 4, 4]).any((0, 3))
    rows, columns = np.flatnonzero(used.any(1)), np.flatnonzero(used.any(0))
    half = side // 2
    within = [(y, x) for y, x in spots if rows[0] <= y + half <= rows[-1] and columns[0] <= x + half <= columns[-1]]
    between = [(y, x) for y, x in within if rows[0] < y < rows[-1] - side and columns[0] < x < columns[-1] - side]
    middle = (height / 2, width / 2)
    y, x = min(between or within, key=lambda at: (int(busy[at[0] : at[0] + side, at[1] : at[1] + side].sum()),
                                      abs(at[0] - middle[0]) + abs(at[1] - middle[1])))  # fmt: skip
    frames: Frames = truth.copy()
    ground = truth[-1, y : y + side, x : x + side].mean((0, 1))
    color = max(((200, 30, 110), (30, 170, 90), (250, 220, 60)), key=lambda c: float(np.abs(ground - c).sum()))
    frames[len(truth) // 2 :, y : y + side, x : x + side] = color
    return frames


def _trailing(truth: Frames) -> Frames:
    """Let a copy of what moves follow it, and merge with it before the end."""
    lag, until = max(2, len(truth) // 6), round(len(truth) * 0.88)
    frames: Frames = truth.copy()
    for frame, before in zip(frames[lag:until], truth, strict=False):
        there = (frame != truth[0]).any(2, keepdims=True)
        np.copyto(frame, before, where=~there)
    return frames


def _largest_change(a: Frames, b: Frames) -> float:
    """Return the largest share of a frame that clearly differs. Every fourth pixel is compared."""
    a, b = a[:, ::2, ::2], b[:, ::2, ::2]
    off = np.maximum(a, b) - np.minimum(a, b) > 60
    return float(off.mean((1, 2, 3)).max())


def _ghosts(truth: Frames) -> Frames:
    """Let all places and looks of the video shine through, half-transparent, until shortly before the end."""
    first = truth[0].astype(np.float32)
    haze = first
    for frame in truth[:: max(1, len(truth) // 16)]:
        there = (frame != truth[0]).any(2, keepdims=True)
        haze = np.where(there, 0.55 * haze + 0.45 * frame, haze)
    until = round(len(truth) * 0.88)
    frames = [
        np.where((frame != truth[0]).any(2, keepdims=True), frame, haze.round().astype(np.uint8)) for frame in truth
    ]
    return np.stack([frame if 2 < i < until else truth[i] for i, frame in enumerate(frames)])


def _stopped(truth: Frames) -> Frames:
    """Stop the video in the middle of its motion."""
    moving = [i for i in range(1, len(truth)) if not np.array_equal(truth[i], truth[i - 1])]
    stop = moving[len(moving) // 2]
    return np.concatenate([truth[:stop], np.repeat(truth[stop][None], len(truth) - stop, axis=0)])


def _destroyed(truth: Frames) -> Frames:
    """Reach the answer, then turn the frame into its negative."""
    frames: Frames = truth.copy()
    frames[-2:] = 255 - truth[-2:]
    return frames
