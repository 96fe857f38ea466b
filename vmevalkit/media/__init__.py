"""Images and videos: read, check, write, and find the canvas again."""

from vmevalkit.media.arrays import is_array, iter_pixels, to_frames, to_numpy
from vmevalkit.media.images import MAX_SIDE, MIN_SIDE, even, image_size, load_image, place, png
from vmevalkit.media.planes import Frame, Frames, Planes, Views, difference, to_planes
from vmevalkit.media.read import (
    MAX_FRAMES,
    CanvasVideo,
    VideoInfo,
    canvas_of_frames,
    decodes,
    first_frame,
    iter_frames,
    overview,
    probe,
    read_canvas,
    read_frames,
    why_unplayable,
)
from vmevalkit.media.register import agreement, is_cropped, register
from vmevalkit.media.write import DRAWN, USUAL, copy_playable, write_video

__all__ = [
    "DRAWN",
    "MAX_FRAMES",
    "MAX_SIDE",
    "MIN_SIDE",
    "USUAL",
    "CanvasVideo",
    "Frame",
    "Frames",
    "Planes",
    "VideoInfo",
    "Views",
    "agreement",
    "canvas_of_frames",
    "copy_playable",
    "decodes",
    "difference",
    "even",
    "first_frame",
    "image_size",
    "is_array",
    "is_cropped",
    "iter_frames",
    "iter_pixels",
    "load_image",
    "overview",
    "place",
    "png",
    "probe",
    "read_canvas",
    "read_frames",
    "register",
    "to_frames",
    "to_numpy",
    "to_planes",
    "why_unplayable",
    "write_video",
]
