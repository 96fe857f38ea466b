"""Where an exception comes from, for the person whose code raised it."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path
from types import FrameType, TracebackType

from vmevalkit.redaction import clean

# Folders of code that is not the user's: this package, other packages, Python itself.
_FOREIGN = tuple(
    f"{Path(folder).resolve()}/"
    for folder in (str(Path(__file__).parents[1]), *map(sysconfig.get_path, ("stdlib", "purelib", "platlib")))
)


def traceback_of(error: BaseException) -> str:
    """Return a traceback that begins in the user's code, or the whole one if no such code is in it."""
    link = error.__traceback__
    while link is not None and not _is_users(link.tb_frame):
        link = link.tb_next
    return clean("".join(traceback.format_exception(type(error), error, link or error.__traceback__)), 20_000)


def place_of(error: BaseException) -> str | None:
    """Return the last place in the user's code that an exception passed, as "file.py:12"; None if there is none."""
    place = None
    link: TracebackType | None = error.__traceback__
    while link is not None:
        if _is_users(link.tb_frame):
            place = f"{Path(link.tb_frame.f_code.co_filename).name}:{link.tb_lineno}"
        link = link.tb_next
    return place


def _is_users(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    # Names such as <frozen importlib> and <string> are those of no file. A cell of a notebook is one.
    return not file.startswith(("<frozen", "<string")) and not str(Path(file).resolve()).startswith(_FOREIGN)
