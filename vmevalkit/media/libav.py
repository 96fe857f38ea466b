"""The parts of PyAV that this package uses. It is imported with the first of them that is used.

The import takes as long as checking the scores of a hundred videos, and a command that finds nothing to do opens none.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av import CodecContext, VideoFrame, VideoStream, error, open
    from av.video.reformatter import ColorRange, VideoReformatter

__all__ = ["CodecContext", "ColorRange", "VideoFrame", "VideoReformatter", "VideoStream", "error", "open"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    av = importlib.import_module("av")
    # Errors are raised; libav would also print them.
    av.logging.set_level(av.logging.PANIC)
    home = av if hasattr(av, name) else importlib.import_module("av.video.reformatter")
    globals()[name] = getattr(home, name)
    return globals()[name]
