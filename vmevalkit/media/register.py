"""Find where a question's canvas lies in a video that was made elsewhere."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from vmevalkit.media.planes import Frame
from vmevalkit.media.read import bounded_size
from vmevalkit.types import Fit, Geometry

# With a correlation above this, the usual placement needs no refinement.
_CERTAIN = 0.985

# So much of the canvas may be cut off unnoticed, as a share of its width or height.
_SLACK = 0.006

# Moves of the left, top, right and bottom edges: one edge, a shift, a zoom.
_NUDGES = tuple(
    (a * s, b * s, c * s, d * s)
    for a, b, c, d in (
        (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1),
        (1, 0, 1, 0), (0, 1, 0, 1), (1, 1, -1, -1), (1, 0, -1, 0), (0, 1, 0, -1),
    )
    for s in (1, -1)
)  # fmt: skip


def register(first: Image.Image, canvas: Image.Image) -> Geometry:
    """Find where a question's canvas lies in the first frame of a video.

    The candidates are letterbox, stretch, center crop, the frame without plain bars, and the box that aligns the two
    drawings. The best one is refined by moving its edges. Candidates are compared by the correlation of the two images
    inside the box, so brightness, contrast and the color of bars do not matter.

    Args:
        first: the video's first frame.
        canvas: the question's first frame.
    """
    gray, drawing = _blurred(first), _blurred(canvas)
    columns, rows = bounded_size(canvas.size, 180)
    # The target is sampled like the frame, so that the right box agrees perfectly.
    target = _bilinear(
        drawing, (np.arange(rows) + 0.5) * canvas.height / rows, (np.arange(columns) + 0.5) * canvas.width / columns
    )
    fits: tuple[Fit, ...] = ("letterbox", "stretch", "crop")
    candidates = [Geometry.place(canvas.size, first.size, fit) for fit in fits]
    candidates += _from_content(np.asarray(first), np.asarray(canvas), candidates[0])
    scored = [(_agreement(gray, g, target), g) for g in candidates]
    best_score, best = max(scored, key=lambda pair: pair[0])
    if best_score > _CERTAIN and best.fit == "letterbox" and best is candidates[0]:
        # The usual placement: refining it could only follow the noise of the codec.
        return best
    step = max(first.size) / 32
    while step >= 0.5:
        moved = False
        for edges in _NUDGES:
            geometry = _nudge(best, [edge * step for edge in edges])
            if geometry is None:
                continue
            score = _agreement(gray, geometry, target)
            if score > best_score + 1e-4:
                best_score, best, moved = score, geometry, True
        if not moved:
            step /= 2
    return best


def agreement(first: Image.Image, canvas: Image.Image, geometry: Geometry) -> float:
    """Return the correlation in [-1, 1] of a video's first frame with the question's, where the frame shows it."""
    columns, rows = bounded_size(canvas.size, 180)
    target = _bilinear(
        _blurred(canvas),
        (np.arange(rows) + 0.5) * canvas.height / rows,
        (np.arange(columns) + 0.5) * canvas.width / columns,
    )
    return _agreement(_blurred(first), geometry, target)


def is_cropped(image: Image.Image, geometry: Geometry) -> bool:
    """Whether a part of an image of the canvas that is not blank lies outside of the frames of a video."""
    content = _content(np.asarray(image.convert("RGB")))
    if content is None:
        return False
    across, down = geometry.width / image.width, geometry.height / image.height
    left, top = geometry.x + content[0] * across, geometry.y + content[1] * down
    right, bottom = geometry.x + content[2] * across, geometry.y + content[3] * down
    # Registration is exact to about half a percent.
    slack_x, slack_y = _SLACK * geometry.width, _SLACK * geometry.height
    width, height = geometry.frame
    return left < -slack_x or top < -slack_y or right > width + slack_x or bottom > height + slack_y


def _from_content(frame: Frame, canvas: Frame, like: Geometry) -> list[Geometry]:
    """Return two boxes that follow from where the images have content: the frame without bars, and aligned drawings."""
    shown, drawn = _content(frame), _content(canvas)
    if shown is None or drawn is None:
        return []
    left, top, right, bottom = shown
    bars = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    across, down = (right - left) / (drawn[2] - drawn[0]), (bottom - top) / (drawn[3] - drawn[1])
    height, width = canvas.shape[:2]
    ink = {"x": left - drawn[0] * across, "y": top - drawn[1] * down, "width": width * across, "height": height * down}
    return [like.model_copy(update=box) for box in (bars, ink)]


def _content(pixels: Frame) -> tuple[int, int, int, int] | None:
    """Box (left, top, right, bottom) of what differs from the color of the corner; None for a plain image."""
    differs = np.abs(pixels.astype(np.int16) - pixels[0, 0]).max(axis=2) > 40
    rows, columns = np.flatnonzero(differs.mean(axis=1) > 0.01), np.flatnonzero(differs.mean(axis=0) > 0.01)
    if not len(rows) or not len(columns):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _nudge(geometry: Geometry, edges: list[float]) -> Geometry | None:
    left, top = geometry.x + edges[0], geometry.y + edges[1]
    right, bottom = geometry.x + geometry.width + edges[2], geometry.y + geometry.height + edges[3]
    width, height = right - left, bottom - top
    frame_width, frame_height = geometry.frame
    if width < frame_width / 4 or height < frame_height / 4 or width > 3 * frame_width or height > 3 * frame_height:
        return None
    return geometry.model_copy(update={"x": left, "y": top, "width": width, "height": height})


def _agreement(gray: npt.NDArray[np.float32], geometry: Geometry, target: npt.NDArray[np.float32]) -> float:
    """Return the correlation in [-1, 1] of canvas and frame inside the box, over the part that the frame shows."""
    rows, columns = target.shape
    ys = geometry.y + (np.arange(rows) + 0.5) * geometry.height / rows
    xs = geometry.x + (np.arange(columns) + 0.5) * geometry.width / columns
    seen_y, seen_x = (ys >= 0) & (ys < gray.shape[0]), (xs >= 0) & (xs < gray.shape[1])
    if seen_y.sum() < rows / 3 or seen_x.sum() < columns / 3:
        return -1.0
    sampled = _bilinear(gray, ys[seen_y], xs[seen_x])
    expected = target[seen_y][:, seen_x]
    a, b = sampled - sampled.mean(), expected - expected.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    # Prefer a canvas that is shown whole to one whose blank margins are cut off.
    shown = float(seen_y.mean() * seen_x.mean())
    return (float((a * b).sum()) / norm if norm > 1e-6 else 0.0) - 0.02 * (1.0 - shown)


def _blurred(image: Image.Image) -> npt.NDArray[np.float32]:
    return np.asarray(image.convert("L").filter(ImageFilter.GaussianBlur(2)), dtype=np.float32)


def _bilinear(
    gray: npt.NDArray[np.float32], ys: npt.NDArray[np.float64], xs: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """Sample an image on a grid of positions, in pixels; the center of the first pixel is at 0.5."""
    rows, columns = gray.shape
    y, x = np.clip(ys - 0.5, 0, rows - 1), np.clip(xs - 0.5, 0, columns - 1)
    top, left = y.astype(np.intp), x.astype(np.intp)
    bottom, right = np.minimum(top + 1, rows - 1), np.minimum(left + 1, columns - 1)
    down, across = (y - top).astype(np.float32)[:, None], (x - left).astype(np.float32)
    upper = gray[top[:, None], left] * (1 - across) + gray[top[:, None], right] * across
    lower = gray[bottom[:, None], left] * (1 - across) + gray[bottom[:, None], right] * across
    values: npt.NDArray[np.float32] = upper * (1 - down) + lower * down
    return values
