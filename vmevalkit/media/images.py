"""Still images: read files of any origin, place an image in a frame, encode PNG.

Image files come from outside and are not trusted: size, type and completeness are checked here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from vmevalkit.errors import QuestionError, first_line
from vmevalkit.media import libav as av
from vmevalkit.media.planes import Frame
from vmevalkit.types import Fit, Geometry, Size

MIN_SIDE = 16
MAX_SIDE = 8192
MAX_PIXELS = 2**25

# Formats that are decoded inside this process. For others, such as EPS, Pillow starts programs.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")


def load_image(path: Path | str) -> Image.Image:
    """Read an image file as RGB, turned upright, with transparent parts on white.

    Raises:
        QuestionError: the file is missing, not an image, truncated, or its size is outside of the limits.
    """
    with _open(Path(path)) as image:
        image.load()
        return _to_rgb(ImageOps.exif_transpose(image))


def image_size(path: Path | str) -> Size:
    """Read width and height of an image file, in pixels, without decoding it.

    Raises:
        QuestionError: the file is missing, not an image, or its size is outside of the limits.
    """
    with _open(Path(path)) as image:
        return image.size


@contextmanager
def _open(path: Path) -> Iterator[Image.Image]:
    """Open an image and check its size, which is in the header, before anything is decoded."""
    try:
        with Image.open(path, formats=_FORMATS) as image:
            width, height = image.size
            if min(width, height) < MIN_SIDE or max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
                raise QuestionError(
                    f"{path} is {width}x{height}; an image must be {MIN_SIDE} to {MAX_SIDE} pixels on each side, "
                    f"and at most {MAX_PIXELS // 10**6} million in all"
                )
            yield image
    except FileNotFoundError:
        raise QuestionError(f"{path} is missing") from None
    except Image.DecompressionBombError:
        raise QuestionError(f"{path} is far too large; at most {MAX_SIDE} pixels on each side") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise QuestionError(f"{path} is not a readable image: {first_line(error)}") from None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16-bit gray: Pillow's own conversion clips at 255 instead of scaling.
        values = np.asarray(image, dtype=np.float32) / 257.0
        return Image.fromarray(np.clip(values + 0.5, 0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def place(image: Image.Image, size: Size, fit: Fit = "letterbox") -> tuple[Image.Image, Geometry]:
    """Scale an RGB image into a frame of `size`, and return the frame and the image's position in it.

    Letterbox bars have the median color of the image's border, so that they look like more of its background.
    """
    geometry = Geometry.place(image.size, size, fit)
    box = (round(geometry.width), round(geometry.height))
    scaled = image if image.size == box else image.resize(box, Image.Resampling.LANCZOS)
    if image.size == size:
        return scaled, geometry
    frame = Image.new("RGB", size, _border_color(image))
    frame.paste(scaled, (round(geometry.x), round(geometry.y)))
    return frame, geometry


def _border_color(image: Image.Image) -> tuple[int, int, int]:
    pixels = np.asarray(image)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    red, green, blue = np.median(border, axis=0)
    return int(red), int(green), int(blue)


def even(size: Size) -> Size:
    """Return the smallest size with even sides that holds `size`; yuv420p halves both sides."""
    return size[0] + size[0] % 2, size[1] + size[1] % 2


def png(frame: Frame) -> bytes:
    """Encode an RGB frame as PNG."""
    # For files of the same size, FFmpeg's encoder is three times as fast as Pillow's.
    context = av.CodecContext.create("png", "w")
    context.height, context.width = frame.shape[:2]
    context.pix_fmt, context.time_base = "rgb24", Fraction(1)
    context.options = {"pred": "up", "compression_level": "1"}
    image = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(frame), format="rgb24")
    return b"".join(bytes(packet) for packet in context.encode(image))
