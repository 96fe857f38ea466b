"""What platforms and models paint over a video: text, marks, cursors, hands, glows, and changes of light."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from vmevalkit.contract.motion import Mask, PixelBox, Spot
from vmevalkit.media import Frame, Frames

Color = tuple[int, int, int]
# For each pixel a number from 0 to 1.
Shares = npt.NDArray[np.float32]

# Shapes are drawn at this many times the size and reduced, because PIL draws without anti-aliasing.
_FINE = 4
# A pixel has a clear color if its channels differ by more than this, of 255. A scene is colorful if this share of its
# pixels has a clear color: without it, the puzzle is changed.
COLORFUL, _COLORFUL_SHARE = 60, 0.01
_SKIN, _NAIL = (224, 172, 138), (244, 206, 186)
# Outline of an arrow cursor whose tip is (0, 0), in shares of its height.
_ARROW = ((0, 0), (0, 0.85), (0.2, 0.66), (0.34, 1), (0.48, 0.94), (0.34, 0.61), (0.62, 0.61))
_CONFETTI: tuple[Color, ...] = ((230, 60, 90), (250, 200, 40), (60, 160, 240), (90, 200, 110), (170, 90, 220))


def each(frames: Frames, change: Callable[[Frame, int], Frame]) -> Frames:
    """Change every frame. `change` is given the frame and its number."""
    return np.stack([change(frame, i) for i, frame in enumerate(frames)])


def mixed(frame: Frame, other: Frame | Color, share: float | Shares) -> Frame:
    """Blend a frame with another or with a color. The share of the other is a number or one for each pixel, 0 to 1."""
    weight = share[..., None] if isinstance(share, np.ndarray) else share
    blend = frame + (np.asarray(other, np.float32) - frame) * weight
    return np.clip(blend + 0.5, 0, 255).astype(np.uint8)


def soft(mask: Mask, radius: float) -> Shares:
    """Return a mask blurred by a radius in pixels, from 0 to 1."""
    image = Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.GaussianBlur(radius))
    shares: Shares = np.asarray(image, np.float32) / np.float32(255)
    return shares


def painted(frame: Frame, paint: Callable[[ImageDraw.ImageDraw, float], None], opacity: float = 1) -> Frame:
    """Paint onto a frame. `paint` is given a canvas and the factor by which pixels of the frame are multiplied."""
    height, width = frame.shape[:2]
    layer = Image.new("RGBA", (width * _FINE, height * _FINE))
    paint(ImageDraw.Draw(layer), _FINE)
    result: Frame = frame.copy()
    box = layer.getbbox()
    if box is not None:
        left, top, right, bottom = box[0] // _FINE, box[1] // _FINE, -(-box[2] // _FINE), -(-box[3] // _FINE)
        # Premultiplied, because colors of transparent pixels must not shine through.
        part = layer.crop((left * _FINE, top * _FINE, right * _FINE, bottom * _FINE)).convert("RGBa")
        small = np.asarray(part.reduce(_FINE), np.float32) * opacity
        below = frame[top:bottom, left:right] * (1 - small[..., 3:] / 255)
        result[top:bottom, left:right] = np.clip(below + small[..., :3] + 0.5, 0, 255)
    return result


def text_size(words: str, height: float) -> tuple[int, int]:
    """Return width and height of words in pixels; `height` is that of the font."""
    left, top, right, bottom = ImageFont.load_default(height * _FINE).getbbox(words)
    return math.ceil((right - left) / _FINE), math.ceil((bottom - top) / _FINE)


def with_text(frame: Frame, at: Spot, words: str, height: float, color: Color, opacity: float = 1) -> Frame:
    """Write words; `at` is the left upper corner, `height` the size of the font in pixels."""

    def paint(draw: ImageDraw.ImageDraw, fine: float) -> None:
        font = ImageFont.load_default(height * fine)
        left, top, *_ = font.getbbox(words)
        draw.text((at[0] * fine - left, at[1] * fine - top), words, (*color, 255), font)

    return painted(frame, paint, opacity)


def with_ring(frame: Frame, middle: Spot, radius: float, width: float, color: Color) -> Frame:
    """Draw a ring."""

    def paint(draw: ImageDraw.ImageDraw, fine: float) -> None:
        box = [(middle[0] - radius) * fine, (middle[1] - radius) * fine,
               (middle[0] + radius) * fine, (middle[1] + radius) * fine]  # fmt: skip
        draw.ellipse(box, outline=(*color, 255), width=round(width * fine))

    return painted(frame, paint)


def with_line(frame: Frame, points: Sequence[Spot], width: float, color: Color) -> Frame:
    """Draw a line through points."""

    def paint(draw: ImageDraw.ImageDraw, fine: float) -> None:
        scaled = [(x * fine, y * fine) for x, y in points]
        draw.line(scaled, (*color, 255), round(width * fine), joint="curve")

    return painted(frame, paint)


def with_tick(frame: Frame, box: PixelBox, color: Color) -> Frame:
    """Draw a check mark in a box."""
    left, top, right, bottom = box
    w, h = right - left, bottom - top
    points = [(left + 0.1 * w, top + 0.55 * h), (left + 0.4 * w, top + 0.85 * h), (left + 0.9 * w, top + 0.15 * h)]
    return with_line(frame, points, 0.16 * h, color)


def with_cursor(frame: Frame, tip: Spot, height: float) -> Frame:
    """Draw a mouse cursor, black with a white outline; only what lies inside of the frame is seen."""

    def paint(draw: ImageDraw.ImageDraw, fine: float) -> None:
        points = [((tip[0] + x * height) * fine, (tip[1] + y * height) * fine) for x, y in _ARROW]
        draw.polygon(points, (20, 20, 20, 255))
        draw.line([*points, points[0]], (255, 255, 255, 255), round(0.08 * height * fine), joint="curve")

    return painted(frame, paint)


def with_hand(frame: Frame, tip: Spot) -> Frame:
    """Draw a hand with a pointing finger that reaches in from below. It covers at most 6 % of the frame."""
    height, width = frame.shape[:2]

    def paint(draw: ImageDraw.ImageDraw, fine: float) -> None:
        unit, skin = width / 100 * fine, (*_SKIN, 255)
        x, y = tip[0] * fine, tip[1] * fine
        # The finger, the fist, and the arm down to the edge.
        draw.rounded_rectangle([x - 1.3 * unit, y, x + 1.3 * unit, y + 11 * unit], 1.3 * unit, skin)
        draw.rounded_rectangle([x - 0.8 * unit, y + 0.4 * unit, x + 0.8 * unit, y + 2 * unit], 0.8 * unit,
                               (*_NAIL, 255))  # fmt: skip
        draw.rounded_rectangle([x - 2 * unit, y + 8 * unit, x + 5 * unit, y + 16 * unit], 2 * unit, skin)
        draw.rectangle([x - 0.6 * unit, y + 13 * unit, x + 3.8 * unit, height * fine + y + unit], skin)

    return painted(frame, paint)


def with_sparkles(frame: Frame, middle: Spot, reach: float, size: float, number: int) -> Frame:
    """Draw four-pointed stars around a place, at a distance up to `reach`. The number chooses their places."""
    rng = np.random.default_rng(number)

    def paint(draw: ImageDraw.ImageDraw, fine: float) -> None:
        for turn in range(5):
            angle, far = 2 * math.pi * (turn / 5 + 0.03 * number), reach * rng.uniform(0.6, 1)
            x, y = (middle[0] + far * math.cos(angle)) * fine, (middle[1] + far * math.sin(angle)) * fine
            long, short = size * fine * rng.uniform(0.6, 1), size * fine * 0.18
            tips = [(long if k % 2 == 0 else short, k * math.pi / 4) for k in range(8)]
            draw.polygon([(x + r * math.sin(a), y - r * math.cos(a)) for r, a in tips], (255, 214, 64, 255))

    return painted(frame, paint)


def with_confetti(frame: Frame, share: float, pieces: int = 36) -> Frame:
    """Draw bits of paper that fall; `share` (0 to 1) of the fall has passed."""
    height, width = frame.shape[:2]
    rng = np.random.default_rng(0)
    across, start, speed = rng.uniform(0, 1, pieces), rng.uniform(-0.5, 0.5, pieces), rng.uniform(1, 1.5, pieces)

    def paint(draw: ImageDraw.ImageDraw, fine: float) -> None:
        side = 0.011 * width * fine
        for k in range(pieces):
            x, y = across[k] * width * fine, (start[k] + speed[k] * share) * height * fine
            turn = k + 6 * share
            corners = [(x + side * math.cos(turn + a), y + 0.7 * side * math.sin(turn + a))
                       for a in (0.5, 2.6, 3.7, 5.8)]  # fmt: skip
            draw.polygon(corners, (*_CONFETTI[k % len(_CONFETTI)], 255))

    return painted(frame, paint)


def zoomed(frame: Frame, factor: float) -> Frame:
    """Enlarge a frame around its middle."""
    height, width = frame.shape[:2]
    w, h = width / factor, height / factor
    box = ((width - w) / 2, (height - h) / 2, (width + w) / 2, (height + h) / 2)
    return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC, box=box))


def enlarged(frame: Frame, mask: Mask, box: PixelBox, factor: float) -> Frame:
    """Enlarge the pixels of a mask around the middle of a box."""
    left, top, right, bottom = box
    x, y = (left + right) / 2, (top + bottom) / 2
    matrix = (1 / factor, 0, x - x / factor, 0, 1 / factor, y - y / factor)
    size = (frame.shape[1], frame.shape[0])
    large = Image.fromarray(frame).transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    cover = Image.fromarray(mask.astype(np.uint8) * 255)
    cover = cover.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    return mixed(frame, np.asarray(large), np.asarray(cover, np.float32) / np.float32(255))


def pasted(frame: Frame, source: Frame, mask: Mask, right: int, down: int) -> Frame:
    """Paste the pixels of a mask of another frame, moved; what leaves the frame is not seen."""
    ys, xs = np.nonzero(mask)
    ok = (xs + right >= 0) & (xs + right < frame.shape[1]) & (ys + down >= 0) & (ys + down < frame.shape[0])
    result: Frame = frame.copy()
    result[ys[ok] + down, xs[ok] + right] = source[ys[ok], xs[ok]]
    return result


def saturated(frame: Frame, factor: float) -> Frame:
    """Change the saturation; 0 is gray."""
    return np.asarray(ImageEnhance.Color(Image.fromarray(frame)).enhance(factor))


def with_gamma(frame: Frame, gamma: float) -> Frame:
    """Raise the light to a power; below 1 is brighter."""
    table = (255 * (np.arange(256) / 255) ** gamma + 0.5).astype(np.uint8)
    changed: Frame = table[frame]
    return changed


def is_colorful(frame: Frame) -> bool:
    """Return whether a frame has clear colors."""
    return bool(np.mean(np.ptp(frame, axis=2) > COLORFUL) > _COLORFUL_SHARE)


def hue_turned(frame: Frame, degrees: float) -> Frame:
    """Turn the hue of all colors."""
    hsv = np.array(Image.fromarray(frame).convert("HSV"))
    hsv[..., 0] += np.uint8(round(degrees / 360 * 256))
    return np.asarray(Image.fromarray(hsv, "HSV").convert("RGB"))


def vignetted(frame: Frame, share: float) -> Frame:
    """Darken the corners by a share."""
    height, width = frame.shape[:2]
    ys, xs = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = 1 - share * (xs**2 + ys**2) / 2
    darker: Frame = (frame * light[..., None] + 0.5).astype(np.uint8)
    return darker


def card_test(frame: Frame) -> Frame:
    """A television test card: bars of color."""
    colors = np.array([(235, 235, 235), (235, 235, 16), (16, 235, 235), (16, 235, 16), (235, 16, 235), (235, 16, 16),
                       (16, 16, 235)], np.uint8)  # fmt: skip
    bars: Frame = np.broadcast_to(colors[np.arange(frame.shape[1]) * 7 // frame.shape[1]], frame.shape)
    return bars


def card_black(frame: Frame) -> Frame:
    """A black frame."""
    return np.zeros_like(frame)


def card_logo(frame: Frame) -> Frame:
    """A dark frame with a bright name."""
    height = frame.shape[0] / 6
    wide, high = text_size("Studio", height)
    at = ((frame.shape[1] - wide) / 2, (frame.shape[0] - high) / 2)
    return with_text(np.full_like(frame, (18, 20, 34)), at, "Studio", height, (240, 240, 250))


def free_box(used: Mask, size: tuple[int, int], clear: int, corner: str = "") -> PixelBox | None:
    """Return a box of a size that no used pixel comes nearer to than `clear`; None if there is no place.

    Args:
        used: pixels that must not be covered.
        size: width and height.
        clear: in pixels.
        corner: choose the free box nearest to this corner, such as "left top"; by default, to the lower edge.
    """
    height, width = used.shape
    wide, high = size[0] + 2 * clear, size[1] + 2 * clear
    if wide > width or high > height:
        return None
    total = np.zeros((height + 1, width + 1), np.int64)
    total[1:, 1:] = used.cumsum(0).cumsum(1)
    covered = total[high:, wide:] - total[:-high, wide:] - total[high:, :-wide] + total[:-high, :-wide]
    tops, lefts = np.nonzero(covered == 0)
    if not len(tops):
        return None
    target_x = 0 if "left" in corner else width if "right" in corner else (width - wide) / 2
    target_y = 0 if "top" in corner else height
    k = int(np.argmin(np.hypot(lefts - target_x, tops - target_y)))
    left, top = int(lefts[k]) + clear, int(tops[k]) + clear
    return left, top, left + size[0], top + size[1]
