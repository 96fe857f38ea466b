"""Videos that must pass: the ground truth, other legal ways, and what good models and video files do to them.

Variations are drawn, and tried with every puzzle of the contract. Transforms go through a video file, which is slow, so
that each is tried with some puzzles only. Names of variations are repeated in tests/test_contract.py, so that none gets
lost. `make audit` counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from vmevalkit import media
from vmevalkit.contract.movers import motion_variations
from vmevalkit.contract.videos import ContractVideo, Scene
from vmevalkit.media import Frame, Frames, Views
from vmevalkit.tasks.base import FPS, FRAMES
from vmevalkit.tasks.toolkit.vision import view_size
from vmevalkit.types import Fit, Geometry, Size


def variations(scene: Scene) -> Iterator[ContractVideo]:
    """Yield every video that must pass."""
    if not scene.solving:
        yield ContractVideo("still", scene.still, True)
        yield from _imperfect("still_", scene.still)
        return
    truth = scene.truth
    yield ContractVideo("ground_truth", truth, True)
    yield from _imperfect("", truth)
    # Drawn with twice as many frames, so that each step can still be seen where the pace is faster.
    yield ContractVideo("slower", lambda n: truth(2 * n), True)
    yield ContractVideo("faster", lambda n: _paced(truth(2 * n), lambda t: 1.5 * t), True)
    yield ContractVideo("other_pace", lambda n: _paced(truth(2 * n), lambda t: t * t * (3 - 2 * t)), True)
    yield ContractVideo("with_pauses", lambda n: _paused(truth(n)), True)
    yield ContractVideo("larger", scene.shot(scene.states, object_scale=1.08), True)
    yield ContractVideo("smaller", scene.shot(scene.states, object_scale=0.92), True)
    yield from motion_variations(scene)
    for name, states in scene.task.alternatives(scene.puzzle).items():
        yield ContractVideo(name, scene.shot(states), True, own=True)


def _imperfect(prefix: str, draw: Callable[[int], Frames]) -> Iterator[ContractVideo]:
    """Yield what a good video model may do to a right video."""
    yield ContractVideo(f"{prefix}blended", lambda n: _blended(draw(2 * n)), True)
    yield ContractVideo(f"{prefix}blurred", lambda n: _each(draw(n), lambda f, t: blurred(f, f.shape[1] / 400)), True)
    yield ContractVideo(f"{prefix}color_drift", lambda n: _each(draw(n), _tinted), True)
    yield ContractVideo(f"{prefix}camera_drift", lambda n: _each(draw(n), _drifted), True)


def _each(frames: Frames, change: Callable[[Frame, float], Frame]) -> Frames:
    """Change every frame. `change` is given the frame and the share of the video that has passed."""
    return np.stack([change(frame, i / max(1, len(frames) - 1)) for i, frame in enumerate(frames)])


def _tinted(frame: Frame, t: float) -> Frame:
    gains = 1 + t * np.array([0.05, -0.02, -0.05], np.float32)
    return np.clip(frame * gains + 0.5, 0, 255).astype(np.uint8)


def _drifted(frame: Frame, t: float) -> Frame:
    """Move the camera by 1 % of the width."""
    image = Image.fromarray(frame)
    far = 0.01 * image.width * t
    # The edge is continued, so that no black enters the frame.
    rim = 2 + round(0.01 * image.width)
    wide = Image.fromarray(np.pad(frame, ((rim, rim), (rim, rim), (0, 0)), mode="edge"))
    box = (rim - far, rim - far / 2, rim - far + image.width, rim - far / 2 + image.height)
    return np.asarray(wide.resize(image.size, Image.Resampling.BILINEAR, box=box))


def _blended(frames: Frames) -> Frames:
    pairs = frames.astype(np.uint16)
    mixed: Frames = ((pairs[:-1] + pairs[1:] + 1) // 2).astype(np.uint8)
    return mixed


def _paced(frames: Frames, pace: Callable[[float], float]) -> Frames:
    count = len(frames)
    return frames[[min(count - 1, round(min(1.0, pace(i / (count - 1))) * (count - 1))) for i in range(count)]]


def _paused(frames: Frames) -> Frames:
    count = len(frames)
    stops = {round(count * share) for share in (0.3, 0.55, 0.8)}
    return frames[[i for i in range(count) for _ in range(1 + 5 * (i in stops))]]


def blurred(frame: Frame, radius: float) -> Frame:
    """Blur a frame; the radius is in pixels."""
    return np.asarray(Image.fromarray(frame).filter(ImageFilter.GaussianBlur(radius)))


def shifted(frame: Frame, pixels: int) -> Frame:
    """Move a frame to the right and down; the left and upper edges are continued."""
    padded = np.pad(frame, ((pixels, 0), (pixels, 0), (0, 0)), mode="edge")
    return padded[: frame.shape[0], : frame.shape[1]]


def _brightened(frame: Frame, factor: float) -> Frame:
    return np.asarray(ImageEnhance.Brightness(Image.fromarray(frame)).enhance(factor))


def _contrasted(frame: Frame, factor: float) -> Frame:
    return np.asarray(ImageEnhance.Contrast(Image.fromarray(frame)).enhance(factor))


def _placed(frame: Frame, size: Size, fit: Fit) -> Frame:
    return np.asarray(media.place(Image.fromarray(frame), size, fit)[0])


@dataclass(frozen=True)
class Transform:
    """What happens to a video between the model and the scorer, always through a real file.

    Attributes:
        name: what happens.
        change: changes one frame.
        frames, fps: number of frames and frame rate.
        crf: quality of the H.264 encoder; larger is worse.
    """

    name: str
    change: Callable[[Frame], Frame] = lambda frame: frame
    frames: int = FRAMES
    fps: float = FPS
    crf: int = 18


TRANSFORMS: tuple[Transform, ...] = (
    Transform("crf 18"),
    Transform("crf 28", crf=28),
    Transform("crf 35", crf=35),
    Transform("letterbox 720x480", partial(_placed, size=(720, 480), fit="letterbox")),
    Transform("letterbox 1360x768", partial(_placed, size=(1360, 768), fit="letterbox")),
    Transform("letterbox 832x480", partial(_placed, size=(832, 480), fit="letterbox")),
    Transform("letterbox 1024x576", partial(_placed, size=(1024, 576), fit="letterbox")),
    Transform("stretch 720x480", partial(_placed, size=(720, 480), fit="stretch")),
    Transform("stretch 640x512", partial(_placed, size=(640, 512), fit="stretch")),
    Transform("16 fps", frames=97, fps=16),
    Transform("24 fps", frames=145, fps=24),
    Transform("81 frames", frames=81),
    Transform("161 frames", frames=161, fps=16),
    Transform("blur 1.5", partial(blurred, radius=1.5)),
    Transform("brightness +10 %", partial(_brightened, factor=1.1)),
    Transform("brightness -10 %", partial(_brightened, factor=0.9)),
    Transform("contrast +10 %", partial(_contrasted, factor=1.1)),
    Transform("contrast -10 %", partial(_contrasted, factor=0.9)),
    Transform("shift 2 px", partial(shifted, pixels=2)),
)


def through_file(
    video: ContractVideo, transform: Transform, first: Frame, canvas: Size, folder: Path
) -> tuple[Views, Geometry]:
    """Draw a video, transform it, write it as mp4, find the canvas again, and read it back."""
    path = folder / "video.mp4"
    frames = (transform.change(frame) for frame in video.draw(transform.frames))
    media.write_video(path, frames, transform.fps, {**media.USUAL, "crf": str(transform.crf)})
    reference = Image.fromarray(first)
    seen = media.read_canvas(path, lambda _, first: media.register(first(), reference), view_size(canvas))
    return seen.views, seen.geometry
