"""Videos that hide, replace or skip what moves or is drawn, and the honest videos that are nearest to them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from vmevalkit.contract.videos import ContractVideo, Scene
from vmevalkit.media import Frames
from vmevalkit.tasks.base import as_frames, positions
from vmevalkit.tasks.toolkit.pieces import PiecesTask
from vmevalkit.tasks.toolkit.strokes import StrokesTask

# Color of a card that replaces what moves.
_CARD = 128
# A difference of two frames from this on shows where something is, in 255ths.
_THERE = 12
# Ways of at most so many states take four frames for a step.
_SLOW = 11
# Shows a moving object in some frames, given the number of each frame in which it is on its way, and their count.
Rhythm = Callable[[int, int], bool]


def motion_attacks(scene: Scene) -> Iterator[ContractVideo]:
    """Yield videos that must fail because what moves is not seen as itself on its way."""
    if _moves(scene):
        for name, rhythm in _INTERRUPTED.items():
            yield ContractVideo(name, lambda n, shown=rhythm: _interrupted(scene, n, shown), False)  # type: ignore[misc]
        yield ContractVideo("mover_half_transparent", lambda n: _faded(scene, n, 0.5), False)
        yield ContractVideo("mover_is_a_card", lambda n: _replaced(scene, n), False)
    if isinstance(scene.task, PiecesTask):
        if len(scene.states[0].places) > 1:
            yield ContractVideo("other_piece_gone", lambda n: _bystander(scene, n, 0.15, 0.85), False)
    elif _moves(scene):
        yield ContractVideo("middle_cut_out", lambda n: _without(scene.truth(n), 0.4), False)
        if len(scene.states) <= _SLOW:
            # At a faster pace, a video shows hardly more than the states anyway.
            yield ContractVideo("stop_motion", lambda n: _held(scene, n), False)
    if isinstance(scene.task, StrokesTask):
        yield ContractVideo("middle_cut_out", lambda n: _without(scene.truth(n), 0.4), False)
        yield ContractVideo("dashes_flash", lambda n: _dashed(scene.truth(n)), False)


def motion_variations(scene: Scene) -> Iterator[ContractVideo]:
    """Yield videos that must pass: what moves is lost for a moment, or is a little pale."""
    if _moves(scene):
        # Where a step takes only two frames, one of them is most of it.
        for name, rhythm in _FLICKERING.items() if len(scene.states) <= _SLOW else ():
            yield ContractVideo(name, lambda n, shown=rhythm: _interrupted(scene, n, shown), True)  # type: ignore[misc]
        yield ContractVideo("mover_pale", lambda n: _faded(scene, n, 0.85), True)
    if isinstance(scene.task, PiecesTask) and len(scene.states[0].places) > 1:
        yield ContractVideo("other_piece_gone_briefly", lambda n: _bystander(scene, n, 0.5, 0.5 + 1.9 / n), True)
    if _moves(scene) or isinstance(scene.task, StrokesTask):
        yield ContractVideo("one_frame_dropped", lambda n: _without(scene.truth(n), 1 / n), True)


_INTERRUPTED: dict[str, Rhythm] = {
    "mover_hops": lambda k, count: k % 4 == 0,
    "mover_blinks": lambda k, count: k % 5 < 2,
    "mover_seen_in_one_frame_of_three": lambda k, count: k % 3 == 0,
    "mover_vanishes": lambda k, count: not count / 3 <= k < max(2 * count / 3, count / 3 + 4),
}
_FLICKERING: dict[str, Rhythm] = {
    "mover_flickers": lambda k, count: k % 3 != 1,
    "mover_gone_for_two_frames": lambda k, count: k not in (count // 2, count // 2 + 1),
}


def _moves(scene: Scene) -> bool:
    """Whether something moves from place to place in this task."""
    a, b = scene.states[:2]
    return scene.task.without_mover(scene.puzzle, a, a, b) is not None


def _with_and_without(scene: Scene, count: int) -> tuple[Frames, Frames, list[int]]:
    """Return the ground truth with what moves, without it, and the numbers of the frames in which it is on its way."""
    draw = scene.task.painter(scene.puzzle, scene.canvas)
    shown, hidden = [], []
    for state, a, b in _moments(scene, count):
        shown.append(draw(state))
        hidden.append(draw(scene.task.without_mover(scene.puzzle, state, a, b)))
    done = positions(len(scene.states) - 1, count)
    way = [i for i, position in enumerate(done) if 0 < position < done[-1]]
    return as_frames(iter(shown)), as_frames(iter(hidden)), way


def _moments(scene: Scene, count: int) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the state of each frame of the ground truth, and the states before and after it in the solution."""
    states = scene.states
    for position in positions(len(states) - 1, count):
        index = min(int(position), len(states) - 2)
        a, b = states[index : index + 2]
        t = position - index
        yield (a if t == 0 else b if t == 1 else scene.task.between(scene.puzzle, a, b, t)), a, b


def _interrupted(scene: Scene, count: int, rhythm: Rhythm) -> Frames:
    frames, hidden, way = _with_and_without(scene, count)
    for k, i in enumerate(way):
        if not rhythm(k, len(way)):
            frames[i] = hidden[i]
    return frames


def _faded(scene: Scene, count: int, opacity: float) -> Frames:
    frames, hidden, way = _with_and_without(scene, count)
    frames[way] = (opacity * frames[way] + (1 - opacity) * hidden[way]).round().astype(np.uint8)
    return frames


def _replaced(scene: Scene, count: int) -> Frames:
    """Replace what moves by a gray square of the same area."""
    frames, hidden, way = _with_and_without(scene, count)
    for i in way:
        ys, xs = (np.abs(frames[i].astype(np.int16) - hidden[i]).max(2) > _THERE).nonzero()
        half = max(1.0, len(ys) ** 0.5 / 2)
        y, x = ys.mean(), xs.mean()
        frames[i] = hidden[i]
        frames[i, max(0, round(y - half)) : round(y + half), max(0, round(x - half)) : round(x + half)] = _CARD
    return frames


def _bystander(scene: Scene, count: int, start: float, end: float) -> Frames:
    """Leave out a piece that rests, from one share of the video to another: the piece with the fewest moves."""
    states = scene.states
    draw = scene.task.painter(scene.puzzle, scene.canvas)
    moves = [sum(a.places[i] != b.places[i] for a, b in itertools.pairwise(states))
             for i in range(len(states[0].places))]  # fmt: skip
    piece = moves.index(min(moves))
    frames = []
    for i, (state, a, b) in enumerate(_moments(scene, count)):
        if start * count <= i < end * count and a.places[piece] == b.places[piece]:
            state = state._replace(places=tuple(None if k == piece else at for k, at in enumerate(state.places)))
        frames.append(draw(state))
    return as_frames(iter(frames))


def _changing(frames: Frames) -> list[int]:
    """Return the numbers of the frames that differ from the one before."""
    return [i for i in range(1, len(frames)) if not np.array_equal(frames[i], frames[i - 1])]


def _without(frames: Frames, share: float) -> Frames:
    """Cut out the middle of what happens; the last frame is held instead."""
    changing = _changing(frames)
    gone = max(1, round(share * len(changing)))
    start = changing[(len(changing) - gone) // 2]
    return np.concatenate([frames[:start], frames[start + gone :], np.repeat(frames[-1:], gone, axis=0)])


def _held(scene: Scene, count: int) -> Frames:
    """Show each state at rest, and nothing between."""
    draw = scene.task.painter(scene.puzzle, scene.canvas)
    drawn = [draw(state) for state in scene.states]
    return np.stack([drawn[int(position)] for position in positions(len(drawn) - 1, count)])


def _dashed(truth: Frames) -> Frames:
    """Let dashes of the answer appear for two frames, three times."""
    frames: Frames = truth.copy()
    height, width = truth.shape[1:3]
    side = max(6, width // 24)
    ys, xs = np.mgrid[:height, :width] // side
    dashes = (ys + xs) % 2 == 0
    for share in (0.2, 0.4, 0.6):
        at = round(share * len(truth))
        for i in (at, at + 1):
            frames[i] = np.where(dashes[..., None], np.where(truth[i] == truth[0], truth[-1], truth[i]), truth[i])
    return frames
