"""What models do to the object that acts, to stress it: glows, lit squares, trails, thick lines; and evil twins."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from vmevalkit.contract import brushes
from vmevalkit.contract.brushes import Shares, each, mixed, soft
from vmevalkit.contract.motion import Mask, Motion, Step, box_of, changed, widened
from vmevalkit.contract.videos import ContractVideo, Scene
from vmevalkit.media import Frame, Frames
from vmevalkit.tasks.base import FRAMES

_GLOW = (255, 214, 64)
# Lit squares and highlighted cells are this much of the color of the glow.
_LIT = 0.4
# Places that fill one after another; fewer would look like one or two steps.
_WAVES = 4
# Steps of a plan of which lit squares show too much in advance. The square of the next step may be lit.
_FAR_AHEAD = 4
# Width of thick lines relative to the question's.
_THICK = 1.3


def emphasis(scene: Scene) -> Iterator[ContractVideo]:
    """Yield what may be done to what acts, and twins, depending on what the steps do."""
    kind = scene.motion(FRAMES).kind
    yield ContractVideo("halo", partial(_with_halo, scene), True)
    yield ContractVideo("halo_stays", partial(_with_lasting_halo, scene), False)
    if kind in ("fills", "clears"):
        yield from _cells(scene)
    if kind == "fills":
        yield ContractVideo("cell_overshoots", partial(_overshooting, scene), True)
    if kind == "travels":
        yield ContractVideo("lit_squares", lambda n: _lit(scene.motion(n)), True)
        yield ContractVideo("lit_squares_stay", lambda n: _lit(scene.motion(n), stay=True), False)
        if _shows_ahead(scene.motion(FRAMES)):
            yield ContractVideo("squares_lit_ahead", lambda n: _lit_ahead(scene.motion(n)), False)
    if kind in ("travels", "turns"):
        yield from _movers(scene)
    if kind == "turns":
        yield ContractVideo("turns_too_far", partial(_turned_too_far, scene), False)
    if kind == "grows":
        yield from _lines(scene)


def _halo(mask: Mask, width: int) -> Shares:
    """Return the strength of a glow around a mask, 0 to 1; nothing inside of it."""
    glow: Shares = soft(widened(mask, max(1, width // 90)), width / 90) * np.float32(0.6) * ~mask
    return glow


def _with_halo(scene: Scene, count: int) -> Frames:
    """Let what acts glow while it moves, appears or grows."""
    motion, width = scene.motion(count), scene.canvas[0]
    return each(motion.frames, lambda f, i: mixed(f, _GLOW, _halo(motion.acting[i], width)))


def _with_lasting_halo(scene: Scene, count: int) -> Frames:
    """Let what acted last glow until the end."""
    motion = scene.motion(count)
    last = motion.steps[-1]
    strength = np.minimum(_halo(last.place, 2 * scene.canvas[0]) * 1.6, 1)
    return each(motion.frames, lambda f, i: mixed(f, _GLOW, strength) if i >= motion.ended else f)


def _square(step_mask: Mask, margin: int) -> Mask:
    """Return the box around a mask, wider by a margin, as a mask."""
    lit = np.zeros_like(step_mask)
    if step_mask.any():
        left, top, right, bottom = box_of(step_mask)
        lit[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin] = True
    return lit


def _cells(scene: Scene) -> Iterator[ContractVideo]:
    yield ContractVideo("cell_highlighted", lambda n: _highlighted(scene.motion(n)), True)
    yield ContractVideo("highlight_stays", lambda n: _highlighted(scene.motion(n), stay=True), False)
    yield ContractVideo("answer_highlighted_ahead", partial(_highlighted_ahead, scene), False)
    if scene.motion(FRAMES).count_of_steps >= _WAVES:
        yield ContractVideo("cells_in_waves", partial(_in_waves, scene), False)


def _highlighted(motion: Motion, stay: bool = False) -> Frames:
    """Light each place in the frame before it changes and in the first frame of its change, or until the end."""
    frames: Frames = motion.frames.copy()
    margin = frames.shape[2] // 120
    for k, step in enumerate(motion.steps):
        during = motion.during(k)
        lit = _square(changed(step.before, step.after), margin) * np.float32(_LIT)
        for i in range(during.start - 1, motion.count if stay else during.start + 1):
            frames[i] = mixed(frames[i], _GLOW, lit)
    return frames


def _highlighted_ahead(scene: Scene, count: int) -> Frames:
    """Light all places that will change, together, before the first step."""
    waiting = count // 5
    motion = scene.motion(count - waiting)
    lit = np.logical_or.reduce([_square(changed(s.before, s.after), 1) for s in motion.steps]) * np.float32(_LIT)
    frames = np.concatenate([np.repeat(scene.first[None], waiting, axis=0), motion.frames])
    return each(frames, lambda f, i: mixed(f, _GLOW, lit) if 2 <= i < waiting else f)


def _overshooting(scene: Scene, count: int) -> Frames:
    """Let each look pop in: too large by a fifth for a moment, then as drawn."""
    motion = scene.motion(count)
    frames: Frames = motion.frames.copy()
    for k, step in enumerate(motion.steps):
        during = motion.during(k)
        if step.kind == "fills":
            for i in during:
                if 0.4 < motion.positions[i] - k < 1:
                    frames[i] = brushes.enlarged(step.after, step.new, box_of(step.new), 1.2)
    return frames


def _in_waves(scene: Scene, count: int) -> Frames:
    """Let several places change together, wave after wave."""
    steps = scene.motion(count).count_of_steps
    waves = np.array_split(np.arange(steps), max(2, steps // 3))
    spans = [(w / len(waves), (w + 1) / len(waves)) for w, wave in enumerate(waves) for _ in wave]
    return staggered(scene, [[k] for k in range(steps)], spans, count)


def staggered(
    scene: Scene, groups: Sequence[Sequence[int]], spans: Sequence[tuple[float, float]], count: int
) -> Frames:
    """Show groups of steps, each in its own part of the video.

    Args:
        scene: whose places or lines change.
        groups: numbers of the steps of each group, in order.
        spans: for each group, start and end as shares of the moving part of the video.
        count: number of frames.
    """
    motion = scene.motion(count)
    start, moving = motion.during(0).start - 1, motion.ended - motion.during(0).start + 1
    frames = np.repeat(scene.first[None], count, axis=0)
    for group, (begin, end) in zip(groups, spans, strict=True):
        region = np.logical_or.reduce([changed(motion.steps[k].before, motion.steps[k].after) for k in group])
        region = widened(region, 2)
        shares = (np.arange(count) - start - begin * moving) / ((end - begin) * moving)
        at = group[0] + np.clip(shares, 0, 1) * len(group)
        drawn = motion.drawn([round(float(p), 6) for p in at])
        frames = np.where(region[None, ..., None], drawn, frames)
    return frames


def _lit(motion: Motion, stay: bool = False) -> Frames:
    """Light the squares that a move leaves and reaches, below the objects, while it happens."""
    frames: Frames = motion.frames.copy()
    margin = frames.shape[2] // 120
    for k, step in enumerate(motion.steps):
        lit = (_square(step.gone, margin) | _square(step.new, margin)) & ~(step.gone & step.new)
        during = motion.during(k)
        for i in range(during.start, motion.count if stay and k == motion.count_of_steps - 1 else during.stop):
            below = lit & ~motion.objects[i] if i < motion.ended else lit & ~step.new
            frames[i] = mixed(frames[i], _GLOW, below * np.float32(2 * _LIT if stay else _LIT))
    return frames


def _shows_ahead(motion: Motion) -> bool:
    """Whether lit squares show the plan: there are several, and not most of them lie under objects."""
    squares = np.logical_or.reduce([_square(step.new, 0) for step in motion.steps])
    free = int(np.count_nonzero(squares & ~motion.objects[0]))
    return motion.count_of_steps >= _FAR_AHEAD and free > 0.5 * int(np.count_nonzero(squares))


def _lit_ahead(motion: Motion) -> Frames:
    """Light the squares of all steps to come, below the objects: the answer is shown in advance."""
    frames: Frames = motion.frames.copy()
    margin = frames.shape[2] // 120
    squares = [_square(step.new, margin) for step in motion.steps]
    for i in range(2, motion.ended):
        lit = np.logical_or.reduce(squares[int(motion.positions[i]) :]) & ~motion.objects[i]
        frames[i] = mixed(frames[i], _GLOW, lit * np.float32(_LIT))
    return frames


def _movers(scene: Scene) -> Iterator[ContractVideo]:
    yield ContractVideo("trail_fades", partial(_with_fading_trail, scene), True)
    yield ContractVideo("trail_stays", partial(_with_trail, scene, ahead=False), False)
    if _is_long(scene.motion(FRAMES)):
        yield ContractVideo("trail_ahead", partial(_with_trail, scene, ahead=True), False)
    yield ContractVideo("vanishes_and_reappears", partial(_vanished, scene), False)
    yield ContractVideo("copy_stays", partial(_with_copy, scene), False)
    yield ContractVideo("recolored", partial(_recolored, scene), False)


def _with_fading_trail(scene: Scene, count: int) -> Frames:
    """Let what moves leave three weaker and weaker images of itself behind."""
    motion = scene.motion(count)
    frames: Frames = motion.frames.copy()
    for i in range(count):
        for lag, share in ((3, 0.1), (2, 0.2), (1, 0.35)):
            if i >= lag:
                behind = motion.acting[i - lag] & ~motion.acting[i] & ~motion.objects[i]
                if i < motion.ended or not motion.steps[-1].new.any():
                    frames[i] = mixed(frames[i], motion.frames[i - lag], behind * np.float32(share))
    return frames


def _color_of(scene: Scene) -> tuple[int, int, int]:
    """Return the color of what moves: the median of its pixels."""
    step = scene.motion(FRAMES).steps[0]
    r, g, b = np.median(step.before[step.gone], axis=0).astype(int).tolist()
    return r, g, b


def _is_long(motion: Motion) -> bool:
    """Whether the way of what moves first is seen ahead of it, and not only below it."""
    left, top, right, bottom = box_of(motion.step(0).gone)
    way = sum(math.dist(a, b) for a, b in itertools.pairwise(motion.spots))
    return way > 1.5 * max(right - left, bottom - top)


def _with_trail(scene: Scene, count: int, ahead: bool) -> Frames:
    """Draw the way behind what moves for good, or ahead of it."""
    motion, color, width = scene.motion(count), _color_of(scene), scene.canvas[0] / 60
    spots = motion.spots

    def change(frame: Frame, i: int) -> Frame:
        way = spots[i:] if ahead else spots[: i + 1]
        return brushes.with_line(frame, way, width, color) if 2 <= i and len(set(way)) > 1 else frame

    return each(motion.frames, change)


def _vanished(scene: Scene, count: int) -> Frames:
    """Hide what moves from the beginning of its way to the end."""
    motion = scene.motion(count)
    inner = range(motion.during(0).start, motion.ended)
    return np.stack([motion.background[i] if i in inner else frame for i, frame in enumerate(motion.frames)])


def _with_copy(scene: Scene, count: int) -> Frames:
    """Let a copy stay where the first object came from."""
    motion = scene.motion(count)
    step = motion.steps[0]
    after = motion.during(0).stop
    return each(motion.frames, lambda f, i: np.where(step.gone[..., None], step.before, f) if i >= after else f)


def _recolored(scene: Scene, count: int) -> Frames:
    """Give what moves another color in its last step, for good."""
    motion = scene.motion(count)
    last, old = motion.steps[-1], _color_of(scene)
    color = max(((230, 60, 160), (40, 190, 80)), key=lambda c: sum(abs(a - b) for a, b in zip(c, old, strict=True)))
    start = motion.during(motion.count_of_steps - 1).start

    def change(frame: Frame, i: int) -> Frame:
        mask = last.new if i >= motion.ended else motion.acting[i]
        return mixed(frame, color, mask * np.float32(0.8)) if i >= start else frame

    return each(motion.frames, change)


def _turned_too_far(scene: Scene, count: int) -> Frames:
    """Turn on after the answer by three times as much as in the last step, and come back."""
    task, puzzle = scene.task, scene.puzzle
    a, b = scene.states[-2:]
    return scene.motion_of([*scene.states, task.between(puzzle, a, b, 4.0), b], count).frames


def _lines(scene: Scene) -> Iterator[ContractVideo]:
    yield ContractVideo("bright_tip", partial(_with_tip, scene), True)
    thick = scene.motion(FRAMES).drawn([scene.motion(FRAMES).count_of_steps], object_scale=_THICK)[0]
    if changed(thick, scene.last).any():
        yield ContractVideo("thick_line", scene.shot(scene.states, object_scale=_THICK), True)
    yield ContractVideo("dark_line", partial(_darker, scene), True)
    yield ContractVideo("haloed_line", partial(_haloed, scene), True)
    yield ContractVideo("line_with_gap", partial(_with_gap, scene), False)
    yield ContractVideo("dashes_ahead", partial(_with_dashes, scene), False)
    groups = lines_of(scene.motion(FRAMES))
    if len(groups) > 1:
        yield ContractVideo("lines_overlap", partial(_overlapping, scene, groups, 0.3), True)
        yield ContractVideo("lines_together", partial(_overlapping, scene, groups, 1.0), False)


def _with_tip(scene: Scene, count: int) -> Frames:
    motion, width = scene.motion(count), scene.canvas[0]

    def change(frame: Frame, i: int) -> Frame:
        if not motion.acting[i].any():
            return frame
        ys, xs = np.mgrid[: frame.shape[0], : frame.shape[1]]
        far = np.hypot(xs - motion.tips[i][0], ys - motion.tips[i][1])
        return mixed(frame, (255, 250, 220), 0.5 * np.exp(-((far / (width / 70)) ** 2)).astype(np.float32))

    return each(motion.frames, change)


def _inked(scene: Scene, frame: Frame) -> Mask:
    return changed(frame, scene.first)


def _darker(scene: Scene, count: int) -> Frames:
    return each(scene.truth(count), lambda f, _: mixed(f, (0, 0, 0), _inked(scene, f) * np.float32(0.25)))


def _haloed(scene: Scene, count: int) -> Frames:
    """Let the lines glow while they grow; the glow fades as soon as they are complete."""
    motion = scene.motion(count)

    def change(frame: Frame, i: int) -> Frame:
        share = max(0.0, 1 - max(0, i - motion.ended) / 3)
        return mixed(frame, _GLOW, _halo(_inked(scene, frame), scene.canvas[0]) * np.float32(share))

    return each(motion.frames, change)


def _with_gap(scene: Scene, count: int) -> Frames:
    """Leave a gap in the middle of the longest step of the lines."""
    growing = [step for step in scene.motion(count).steps if step.kind == "grows"]
    step = max(growing, key=lambda step: int(step.new.sum()))
    x, y = (np.nonzero(step.new)[axis] for axis in (1, 0))
    k = int(np.argmin(np.hypot(x - x.mean(), y - y.mean())))
    ys, xs = np.mgrid[: step.new.shape[0], : step.new.shape[1]]
    gap = np.hypot(xs - x[k], ys - y[k]) < scene.canvas[0] / 40
    return each(scene.truth(count), lambda f, _: np.where(gap[..., None], scene.first, f))


def _with_dashes(scene: Scene, count: int) -> Frames:
    """Show every other bit of the answer for the first quarter."""
    ys, xs = np.mgrid[: scene.first.shape[0], : scene.first.shape[1]]
    side = scene.canvas[0] // 30
    dashes = ((xs // side + ys // side) % 2 == 0)[..., None]
    ahead = np.where(dashes, scene.last, scene.first)
    frames = scene.truth(count)
    return each(
        frames, lambda f, i: np.where(changed(f, scene.first)[..., None], f, ahead) if 2 <= i < count // 4 else f
    )


def lines_of(motion: Motion) -> list[list[int]]:
    """Return the numbers of the steps of each line. A line goes on where its last step ended."""
    found: list[list[int]] = []
    previous: Step | None = None
    # Where two steps of a line meet, a dot or a number may lie over it. (Measured: 1/24 of the width splits lines of
    # dot_to_dot, 1/14 joins those of flow_connect.)
    near = motion.frames.shape[2] // 18
    for k, step in enumerate(motion.steps):
        if previous is not None and (widened(previous.new, near) & step.new).any():
            found[-1].append(k)
        else:
            found.append([k])
        previous = step
    return found


def _overlapping(scene: Scene, groups: Sequence[Sequence[int]], overlap: float, count: int) -> Frames:
    """Let each line start before the previous one is complete; `overlap` is a share of its time."""
    lengths = [len(group) for group in groups]
    starts, at = [], 0.0
    for length in lengths:
        starts.append(at)
        at += length * (1 - overlap)
    whole = max(s + length for s, length in zip(starts, lengths, strict=True))
    spans = [(s / whole, (s + length) / whole) for s, length in zip(starts, lengths, strict=True)]
    return staggered(scene, groups, spans, count)
