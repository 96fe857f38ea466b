"""Edits of a video that no correct verifier accepts, from which `search` makes cheats.

A video of edits never shows a legal step. So it must not pass, and its value must be next to nothing:

- It is composed of a few drawings of the solution, each pixel in its place. What moves is therefore never seen on its
  way, and two drawings that follow one another are at least three steps apart, if the solution has so many.
- Where places or lines change, each of them looks in every frame like another one: places change together (see
  `shows_a_step`). Only a transition to the answer that nothing has changed may meet them one after another; that it
  must fail is said in `transitions`.
- Things that lie over the video, and its light, hide the puzzle and solve nothing.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from vmevalkit.contract import brushes
from vmevalkit.contract.brushes import Color, each, mixed
from vmevalkit.contract.motion import Mask, changed, widened
from vmevalkit.contract.transitions import Share, Transition
from vmevalkit.contract.videos import Scene
from vmevalkit.media import Frame, Frames
from vmevalkit.tasks.base import FRAMES
from vmevalkit.types import Record

# Most times that drawings follow one another, and steps between two of them.
_MOST_PARTS, _APART = 3, 3
# Greatest difference of the shares by which two places have changed that change together.
_TOGETHER = 0.35
# A thing of one color must differ by this much, of 255, from the colors of what acts; else it could be taken for it.
_DISTINCT = 80
PALETTE: tuple[Color, ...] = (
    (150, 152, 156), (245, 245, 245), (24, 24, 28), (224, 172, 138), (70, 190, 110), (220, 70, 150), (240, 200, 60),
)  # fmt: skip

Look = Literal["card", "disc", "cursor", "hand", "sparkles", "confetti"]
Source = Literal["answer", "start", "empty"]
Spot = tuple[Share, Share]


class Patch(Record):
    """A region of another drawing, shown for some time.

    Attributes:
        source: the answer, the start, or the scene without what moves or appears.
        places: numbers of the places that are the region. If there are none, it is `box`.
        box: left, top, right, bottom in shares of the frame.
        start, end, ramp: when it is shown, and how long it takes to come and to go, in shares of the video.
        opacity: at most.
    """

    source: Source
    places: tuple[int, ...] = ()
    box: tuple[Share, Share, Share, Share] = (0.0, 0.0, 1.0, 1.0)
    start: Share
    end: Share
    ramp: Share = 0.0
    opacity: Share = 1.0


class Cut(Record):
    """A part of the video, in shares of it, that is left out. The end is held longer."""

    start: Share
    length: Share


class Cover(Record):
    """A thing that lies over the video for some time and moves evenly.

    Attributes:
        look: what it is.
        origin, target: where its middle or tip starts and ends, in shares of the frame.
        size: its width as a share of that of the frame. A hand has a size of its own.
        color: number of the color of a card or disc.
        start, end: when it is there, in shares of the video.
        opacity: of a card or disc.
    """

    look: Look
    origin: Spot
    target: Spot
    size: Share
    color: int
    start: Share
    end: Share
    opacity: Share = 1.0


class Light(Record):
    """A veil of one brightness (0 black, 1 white) over the whole frame, strongest in the middle of its time."""

    brightness: Share
    strength: Share
    start: Share
    end: Share


class Edits(Record):
    """All edits of a video.

    Attributes:
        way: how each drawing goes over into the next; None shows the first drawing only.
        parts: number of times that drawings follow one another.
        zoom: share by which the camera comes nearer during the video.
    """

    way: Transition | None
    parts: int = 1
    patches: tuple[Patch, ...] = ()
    cuts: tuple[Cut, ...] = ()
    covers: tuple[Cover, ...] = ()
    lights: tuple[Light, ...] = ()
    zoom: Share = 0.0


class Editor:
    """Draws edits of one scene.

    Args:
        scene: the puzzle, in mode solve.
        count: number of frames.
    """

    def __init__(self, scene: Scene, count: int = FRAMES) -> None:
        self.scene, self.count = scene, count
        motion = scene.motion(FRAMES)
        self.moves = motion.kind in ("travels", "turns")
        self.most_parts = max(1, min(_MOST_PARTS, motion.count_of_steps // _APART))
        acting = np.concatenate([frame[changed(scene.first, scene.last)] for frame in (scene.first, scene.last)])
        self.colors = [color for color in PALETTE if _is_distinct(color, acting)] or [PALETTE[0]]

    @cached_property
    def places(self) -> list[Mask]:
        """The pixels that each step changes, if steps are seen in their place; else none."""
        if self.moves:
            return []
        differing = changed(self.scene.first, self.scene.last)
        found = [changed(step.before, step.after) & differing for step in self.scene.motion(FRAMES).steps]
        return [mask for mask in found if mask.any()]

    @cached_property
    def sources(self) -> dict[Source, Frame]:
        """The drawings that patches are made of."""
        empty = self.scene.motion(FRAMES).drawn([0.0], 0.02)[0]
        return {"answer": self.scene.last, "start": self.scene.first, "empty": empty}

    def draw(self, edits: Edits) -> Frames | None:
        """Return the video, uint8 (count, height, width, 3); None if it shows a step."""
        frames = self._composed(edits)
        if not self._is_transition(edits) and shows_a_step(frames, self.scene.first, self.scene.last, self.places):
            return None
        for cover in edits.covers:
            frames = self._covered(frames, cover)
        for light in edits.lights:
            frames = self._lit(frames, light)
        if edits.zoom:
            frames = each(frames, lambda f, i: brushes.zoomed(f, 1 + edits.zoom * i / self.count))
        return frames

    def _composed(self, edits: Edits) -> Frames:
        """Return the drawings with their patches, in time."""
        frames = self._drawings(edits)
        for patch in edits.patches:
            frames = self._patched(frames, patch)
        for cut in edits.cuts:
            first, last = round(cut.start * self.count), round((cut.start + cut.length) * self.count)
            kept = [i for i in range(self.count) if not first <= i < last]
            frames = frames[[*kept, *[self.count - 1] * (self.count - len(kept))]]
        return frames

    def _drawings(self, edits: Edits) -> Frames:
        if edits.way is None:
            return self.scene.still(self.count)
        states, paint = self.scene.states, self.scene.task.painter(self.scene.puzzle, self.scene.canvas)
        at = np.linspace(0, len(states) - 1, edits.parts + 1).round().astype(int).tolist()
        shown = [paint(states[k]) for k in at]
        ends = np.linspace(0, self.count, edits.parts + 1).round().astype(int).tolist()
        legs = zip(shown[:-1], shown[1:], np.diff(ends).tolist(), strict=True)
        return np.concatenate([edits.way.draw(before, after, length) for before, after, length in legs])

    def _patched(self, frames: Frames, patch: Patch) -> Frames:
        height, width = frames.shape[1:3]
        region = np.zeros((height, width), bool)
        for place in patch.places:
            region |= widened(self.places[place], 2)
        if not patch.places:
            left, top, right, bottom = patch.box
            region[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = True
        source, ramp = self.sources[patch.source], max(patch.ramp, 1e-6)

        def change(frame: Frame, i: int) -> Frame:
            t = i / (self.count - 1)
            share = patch.opacity * max(0.0, min(1.0, (t - patch.start) / ramp, (patch.end - t) / ramp))
            return mixed(frame, source, region * np.float32(share)) if share else frame

        return each(frames, change)

    def _covered(self, frames: Frames, cover: Cover) -> Frames:
        height, width = frames.shape[1:3]

        def change(frame: Frame, i: int) -> Frame:
            t = i / (self.count - 1)
            if not cover.start <= t <= cover.end:
                return frame
            gone = (t - cover.start) / max(cover.end - cover.start, 1e-6)
            x, y = ((a + (b - a) * gone) * side
                    for a, b, side in zip(cover.origin, cover.target, (width, height), strict=True))  # fmt: skip
            return self._with_cover(frame, cover, (x, y), gone, i)

        return each(frames, change)

    def _with_cover(self, frame: Frame, cover: Cover, spot: tuple[float, float], gone: float, i: int) -> Frame:
        size = cover.size * frame.shape[1]
        if cover.look == "cursor":
            return brushes.with_cursor(frame, spot, max(8.0, size))
        if cover.look == "hand":
            return brushes.with_hand(frame, spot)
        if cover.look == "sparkles":
            return brushes.with_sparkles(frame, spot, max(8.0, size), max(4.0, size / 3), i)
        if cover.look == "confetti":
            return brushes.with_confetti(frame, gone)
        ys, xs = np.mgrid[: frame.shape[0], : frame.shape[1]]
        across, down = np.abs(xs - spot[0]), np.abs(ys - spot[1])
        far = np.hypot(across, down) if cover.look == "disc" else np.maximum(across, down)
        return mixed(frame, self.colors[cover.color % len(self.colors)],
                     (far < size / 2) * np.float32(cover.opacity))  # fmt: skip

    def _lit(self, frames: Frames, light: Light) -> Frames:
        level = round(255 * light.brightness)
        middle, half = (light.start + light.end) / 2, max((light.end - light.start) / 2, 0.5 / self.count)

        def change(frame: Frame, i: int) -> Frame:
            share = light.strength * max(0.0, 1 - abs(i / (self.count - 1) - middle) / half)
            return mixed(frame, (level, level, level), share) if share else frame

        return each(frames, change)

    def _is_transition(self, edits: Edits) -> bool:
        """Whether edits are a transition to the answer with an edge, which nothing has changed."""
        return not (edits.way is None or edits.way.shape == "fade" or edits.patches or edits.cuts or edits.parts > 1)


def shows_a_step(frames: Frames, first: Frame, last: Frame, places: list[Mask]) -> bool:
    """Whether a place of a video changes in another way than every other place, as in a legal step."""
    if not places:
        return False
    shares = np.stack([_changed_share(frames[:, mask], first[mask], last[mask]) for mask in places])
    apart = np.abs(shares[:, None] - shares[None]).max(2)
    np.fill_diagonal(apart, np.inf)
    changes = np.abs(shares).max(1) > _TOGETHER
    return bool((apart.min(1) > _TOGETHER)[changes].any())


def _changed_share(
    pixels: npt.NDArray[np.uint8], first: npt.NDArray[np.uint8], last: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float32]:
    """Return how much of the way from the first to the last frame some pixels have gone in each frame."""
    way = last.astype(np.float32) - first
    shares: npt.NDArray[np.float32] = ((pixels - first.astype(np.float32)) * way).sum((1, 2)) / (way**2).sum()
    return shares


def _is_distinct(color: Color, acting: Frame) -> bool:
    """Whether hardly a pixel of what acts is near to a color."""
    near = (np.abs(acting.astype(np.int16) - color).max(-1) < _DISTINCT).mean()
    return bool(near < 0.02)
