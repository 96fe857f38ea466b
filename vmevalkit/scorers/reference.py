"""The scorer that compares the end of a video with the reference of its question, pixel by pixel.

It is meant for questions of other benchmarks, for which the kit has no rule. It measures and does not decide: a video
may look like the reference and be wrong, or be right and look different. So no video passes by it.
"""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from vmevalkit import media, store
from vmevalkit.scorers.base import Measurement, Scorer, Unscorable, register_scorer
from vmevalkit.types import Geometry, Question, Size

# Raised when the same video could get another score.
VERSION = 1

# Z. Wang, A. C. Bovik, H. R. Sheikh and E. P. Simoncelli, "Image quality assessment: from error visibility to
# structural similarity", IEEE Transactions on Image Processing 13 (2004): a Gaussian window of 11 pixels, K1, K2.
_SIGMA, _RADIUS = 1.5, 5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

BEST_PSNR = 100.0
"""PSNR of equal images, for which the formula gives infinity."""

# Up to this much above the SSIM of the first frame, compression alone makes the difference.
_NO_CHANGE = 0.001


class _Reference(NamedTuple):
    """The reference of a question, and how near the first frame comes to it."""

    first: Image.Image
    image: Image.Image
    name: str
    still_ssim: float
    still_psnr: float


@register_scorer
class Reference(Scorer):
    """Measures SSIM and PSNR between the last frame of a video and the reference."""

    name = "reference"
    about = "Measures how far the last frame is like the reference image or video (SSIM, PSNR). Decides nothing."

    def version(self, question: Question) -> str:
        """Return the version of the scorer."""
        return str(VERSION)

    def inputs(self, question: Question, sample: store.Sample) -> str:
        """Return the place of the canvas, and the digest of the reference video, which a question's digest lacks."""
        return f"{super().inputs(question, sample)}\n{store.sha256_or_none(question.ground_truth)}"

    def decide(self, question: Question, sample: store.Sample) -> Measurement:
        """Compare the last frame with the reference, and both with the first frame of the question.

        `value` is the SSIM on the scale on which a still video has 0 and the reference 1.

        Raises:
            Unscorable: the question has no reference, or the reference is like the first frame.
            QuestionError: an image of the question cannot be read.
            VideoError: the video does not decode.
        """
        known = _reference(question.folder, tuple(store.sha256_or_none(path) for path in question.files))
        number, last = _last_frame(sample, known.first)
        ssim, psnr = similarity(last, known.image)
        value = (ssim - known.still_ssim) / (1 - known.still_ssim)
        return Measurement(
            value=min(max(value, 0.0), 1.0),
            measures={
                "ssim": round(ssim, 6), "psnr": round(psnr, 4),
                "still_ssim": round(known.still_ssim, 6), "still_psnr": round(known.still_psnr, 4),
            },
            reason="like_reference" if value > 0 else "no_better_than_still",
            explanation=(
                f"The last frame and {known.name}: SSIM {ssim:.3f} (a still video: {known.still_ssim:.3f}), "
                f"PSNR {psnr:.1f} dB ({known.still_psnr:.1f} dB). This is similarity, not a verdict."
            ),
            evidence_frame=number,
        )  # fmt: skip


@lru_cache(maxsize=2)
def _reference(folder: Path, digests: tuple[str | None, ...]) -> _Reference:
    """Return the reference of the question in a folder. `digests` of its files say when it must be read again."""
    question = Question(task="any", id="any", folder=folder)
    first = media.load_image(question.first_frame)
    if question.final_frame.is_file():
        image, name = media.load_image(question.final_frame), "the reference image"
    elif question.ground_truth.is_file():
        image, name = _end(question.ground_truth)[1], "the end of the reference video"
    else:
        raise Unscorable("no_reference", "The question has neither a reference image nor a reference video.")
    if image.size != first.size:
        image = image.resize(first.size, Image.Resampling.LANCZOS)
    ssim, psnr = similarity(first, image)
    if 1 - ssim < _NO_CHANGE:
        raise Unscorable("nothing_to_do", f"The reference is like the first frame (SSIM {ssim:.4f}).")
    return _Reference(first, image, name, ssim, psnr)


def _last_frame(sample: store.Sample, first: Image.Image) -> tuple[int, Image.Image]:
    """Return number and image of a video's last frame, brought back to the canvas of its question.

    Raises:
        Unscorable: a part of the canvas is cut off.
    """
    path = store.find_video(sample) or sample.video
    number, last = _end(path)
    made = store.read_provenance(sample)
    known = made.geometry if made is not None else None
    if known is None or known.frame != last.size or known.canvas != first.size:
        known = media.register(media.first_frame(path), first)
    if media.is_cropped(first, known):
        raise Unscorable("cropped", "A part of the question lies outside of the frames of the video.")
    return number, _canvas(last, known, first.size)


def _canvas(frame: Image.Image, place: Geometry, size: Size) -> Image.Image:
    """Return the canvas in a frame, at a size. What lies outside of the frame repeats its nearest edge."""
    box = (place.x, place.y, place.x + place.width, place.y + place.height)
    out = max(0, *(int(np.ceil(end)) for end in (-box[0], -box[1], box[2] - frame.width, box[3] - frame.height)))
    if out:
        frame = Image.fromarray(np.pad(np.asarray(frame), ((out, out), (out, out), (0, 0)), mode="edge"))
        box = (box[0] + out, box[1] + out, box[2] + out, box[3] + out)
    if frame.size == size and box == (0, 0, *size):
        return frame
    return frame.resize(size, Image.Resampling.LANCZOS, box=box)


def _end(path: Path) -> tuple[int, Image.Image]:
    """Return number and image of the last frame of a video."""
    frame, number = None, -1
    for number, frame in enumerate(media.iter_frames(path)):  # noqa: B007 - the last values are used
        pass
    if frame is None:
        raise Unscorable("no_frames", f"{path} has no frames.")
    return number, Image.fromarray(frame)


def similarity(image: Image.Image, reference: Image.Image) -> tuple[float, float]:
    """Return SSIM (of luma, at most 1) and PSNR (of RGB, in dB, at most `BEST_PSNR`) of two RGB images of one size."""
    from scipy.ndimage import gaussian_filter

    error = float(np.mean((np.asarray(image, np.float64) - np.asarray(reference, np.float64)) ** 2))
    psnr = min(BEST_PSNR, 10 * np.log10(255**2 / error)) if error else BEST_PSNR
    x, y = (np.asarray(shown.convert("L"), np.float64) for shown in (image, reference))
    blur = partial(gaussian_filter, sigma=_SIGMA, radius=_RADIUS)
    mean_x, mean_y = blur(x), blur(y)
    variance_x, variance_y = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2
    covariance = blur(x * y) - mean_x * mean_y
    ssim = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    ssim /= (mean_x**2 + mean_y**2 + _C1) * (variance_x + variance_y + _C2)
    inner = ssim[_RADIUS:-_RADIUS, _RADIUS:-_RADIUS]
    return float(inner.mean()), float(psnr)
