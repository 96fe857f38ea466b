"""Compare the image filters of the toolkit with scipy.ndimage: time, and equality of the results.

Run: python benchmarks/imaging.py [REPEATS]
"""

from __future__ import annotations

import sys
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import ndimage

from vmevalkit.tasks.chess.sprites import slope, soften
from vmevalkit.tasks.cost_path.drawing import widened
from vmevalkit.tasks.toolkit.compare import extreme, patches, sums_of_squares
from vmevalkit.tasks.toolkit.glyphs import spread


def scipy_soften(planes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Blur like `soften`, except for the outermost pixels."""
    soft = planes.astype(np.float32)
    for axis in (1, 2, 1, 2):
        soft = ndimage.correlate1d(soft, [0.25, 0.5, 0.25], axis, mode="nearest")
    return soft


def scipy_patches(mask: np.ndarray[Any, Any]) -> int:
    """Count like `patches`."""
    height, width = mask.shape[0] // 4 * 4, mask.shape[1] // 4 * 4
    sums = ndimage.uniform_filter(mask[:height, :width].astype(np.float32), 4, mode="constant", origin=-2)[::4, ::4]
    return int(np.count_nonzero(sums * 16 > 7.5))


def inner(result: Any, margin: int) -> Any:
    """Leave out the edge, where the filters are defined differently."""
    return result[..., margin:-margin, margin:-margin] if margin else result


def cases() -> dict[str, tuple[Callable[[], Any], Callable[[], Any], int]]:
    """Return for each filter: ours, that of scipy, and the width of the edge that is not compared."""
    rng = np.random.default_rng(0)
    # The view of a 720x480 canvas; a square of a chess board; the cells of a sudoku.
    planes = rng.integers(0, 256, (3, 240, 360), np.uint8)
    square = rng.integers(0, 256, (3, 40, 40), np.uint8)
    glyphs = rng.random((9 * 13, 16, 16), np.float32)
    mask = rng.random((240, 360)) < 0.02
    signed = planes[0].astype(np.int16) - planes[1]
    box = np.ones(5, np.int16)
    plane = square[0].astype(np.float32)
    return {
        "erosion by 2 pixels": (
            lambda: extreme(planes, 2, np.minimum),
            lambda: ndimage.minimum_filter(planes, (1, 5, 5), mode="nearest"),
            0,
        ),
        "dilation by 5 pixels": (
            lambda: extreme(planes[:1], 5, np.maximum),
            lambda: ndimage.maximum_filter(planes[:1], (1, 11, 11), mode="nearest"),
            0,
        ),
        "sums of 5x5 squares": (
            lambda: sums_of_squares(signed),
            lambda: ndimage.correlate1d(ndimage.correlate1d(signed, box, 0), box, 1)[2:-2, 2:-2],
            0,
        ),
        "patches of a mask": (lambda: patches(mask), lambda: scipy_patches(mask), 0),
        "blur of a chess square": (lambda: soften(square), lambda: scipy_soften(square), 2),
        "slopes of a chess square": (
            lambda: np.stack([slope(plane), slope(plane.T).T]),
            lambda: np.stack([ndimage.correlate1d(plane, [-0.5, 0, 0.5], axis) for axis in (0, 1)]),
            1,
        ),
        "widening of a mask": (
            lambda: widened(mask),
            lambda: ndimage.binary_dilation(mask, np.ones((5, 5), bool)),
            2,
        ),
        "spread of glyphs": (lambda: spread(glyphs), lambda: ndimage.maximum_filter(glyphs, (1, 3, 3)), 0),
    }


def main(arguments: list[str]) -> int:
    """Print one line for each filter."""
    repeats = int(arguments[0]) if arguments else 50
    print(f"{'filter':26} {'ours':>9} {'scipy':>9}  equal")
    for name, (ours, theirs, margin) in cases().items():
        equal = np.array_equal(inner(ours(), margin), inner(theirs(), margin))
        best = [min(timeit.repeat(run, number=1, repeat=repeats)) * 1e3 for run in (ours, theirs)]
        print(f"{name:26} {best[0]:6.3f} ms {best[1]:6.3f} ms  {'yes' if equal else 'no'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
