"""HTML of records, for notebooks: `_repr_html_` of questions, samples, scores and summaries.

Images and videos are part of the HTML, so a notebook that is sent to somebody shows them. The HTML loads nothing.
"""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vmevalkit.redaction import clean

LARGEST = 8 * 2**20
"""Bytes of the largest file that becomes part of a notebook. Of a larger one, the path is shown."""

_TYPES = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm", ".mov": "video/quicktime",
    ".gif": "image/gif", ".png": "image/png",
}  # fmt: skip
_HEIGHT = 220


def text(value: Any) -> str:
    """Return a text as HTML."""
    return html.escape(clean(str(value)))


def media(path: Path, caption: str = "") -> str:
    """Return an image or a video as HTML; its path if it cannot be shown; nothing if there is no file."""
    if not os.path.isfile(path):
        return ""
    kind = _TYPES.get(path.suffix.lower())
    if kind is None or path.stat().st_size > LARGEST:
        shown = f"<code>{text(path)}</code>"
    else:
        source = f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
        style = f'style="height:{_HEIGHT}px;max-width:100%" src="{source}"'
        video = f"<video {style} controls loop muted playsinline></video>"
        shown = video if kind.startswith("video/") else f'<img {style} alt="{text(caption or path.name)}">'
    below = f'<figcaption style="font-size:smaller">{text(caption)}</figcaption>' if caption else ""
    return f'<figure style="display:inline-block;margin:0 1em .5em 0">{shown}{below}</figure>'


def block(title: str, *parts: str) -> str:
    """Return parts of HTML below a title, which is plain text."""
    return f"<div><strong>{text(title)}</strong><div>{''.join(parts)}</div></div>"


def paragraph(words: str) -> str:
    """Return a paragraph of plain text."""
    return f'<p style="max-width:60em;margin:.3em 0">{text(words)}</p>'


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table of plain texts."""
    head = "".join(f"<th>{text(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
