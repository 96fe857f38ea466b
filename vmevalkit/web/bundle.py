"""A static copy of the viewer: the pages and all that they show, as files that need no server.

The pages are those of the viewer. They are asked for one after the other, beginning with the first, and their links are
rewritten to files. What the viewer filters and sorts, a script of the copy does (`static/bundle.js`).
"""

from __future__ import annotations

import asyncio
import hashlib
import html
import json
import mimetypes
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import sqlalchemy as sql
from fastapi import FastAPI

from vmevalkit import store
from vmevalkit.errors import UsageError
from vmevalkit.progress import track
from vmevalkit.web.filters import SampleFilter
from vmevalkit.web.index import Index
from vmevalkit.web.tables import questions, samples

MARKER = "bundle.json"
"""A folder with this file holds a bundle, which may be written again."""

# Templates quote every attribute, and quotes in texts are escaped, so no text looks like one of these.
_LINK = re.compile(r'\b(href|src|poster|action|data-state|data-outline)="(/[^"]*)"')
# The query of these pages is read by the script of the copy.
_FILTERED = re.compile(r"^((/x/[^/]+)?/(samples|sample/.*))$")


class Bundle:
    """Writes the pages of an application into a folder.

    Args:
        app: the application, made with `bundled=True`.
        folder: where to write.

    Raises:
        UsageError: the folder holds something else than a bundle.
    """

    def __init__(self, app: FastAPI, folder: Path) -> None:
        if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / MARKER).is_file())):
            raise UsageError(f"{folder} holds something else than a bundle", "choose a new folder")
        self._app, self._folder = app, folder
        self._loop = asyncio.new_event_loop()
        self._files: dict[str, str] = {}
        self._open: list[str] = ["/"]
        self._problems: list[str] = []

    def write(self, total: int) -> list[str]:
        """Write everything. Return the addresses that could not be read.

        Args:
            total: number of videos, for the progress.
        """
        store.write_text(self._folder / MARKER, store.dumps({"format": 1}))
        try:
            for _ in track(self._pages(), total, "writing pages of videos"):
                pass
        finally:
            self._loop.close()
        return self._problems

    def _pages(self) -> Iterator[str]:
        """Write files until no link is left, and yield the addresses of pages of videos."""
        self._place("/")
        while self._open:
            address = self._open.pop()
            status, kind, body = self._loop.run_until_complete(_get(self._app, address))
            if status != 200:
                self._problems.append(address)
                continue
            file = self._place(address)
            if kind == "text/html":
                body = self._with_files(body.decode(), file).encode()
            store.write_bytes(self._folder / file, body)
            if kind == "text/html" and "/sample/" in address:
                yield address

    def _with_files(self, text: str, page: str) -> str:
        """Return a page with links to files."""
        return _LINK.sub(lambda link: self._rewritten(link, page), text)

    def _rewritten(self, link: re.Match[str], page: str) -> str:
        """Return an attribute whose link leads to a file, as seen from a page."""
        address, _, query = html.unescape(link[2]).partition("?")
        if not _FILTERED.match(address) and query:
            address, query = f"{address}?{query}", ""
        new = address not in self._files
        target = self._place(address)
        if new:
            self._open.append(address)
        path = os.path.relpath(target, os.path.dirname(page) or ".").replace(os.sep, "/")
        return f'{link[1]}="{html.escape(path + ("?" + query if query else ""))}"'

    def _place(self, address: str) -> str:
        """Return the file of an address, as a path below the folder."""
        if address not in self._files:
            self._files[address] = _file_of(address)
        return self._files[address]


def _file_of(address: str) -> str:
    """Return the path of an address's file. Queries become digests."""
    parts = urlsplit(address)
    path = unquote(parts.path).lstrip("/")
    if path.endswith("/") or not path:
        path += "index"
    if parts.query:
        stem, suffix = os.path.splitext(path)
        path = f"{stem}.{hashlib.sha256(parts.query.encode()).hexdigest()[:12]}{suffix}"
    own = re.sub(r"^x/[^/]+/", "", path).split("/")[0]
    suffix = _ENDS.get(own, "" if mimetypes.guess_type(path)[0] else ".html")
    return path + suffix


# What the addresses of images and videos, whose names have no suffix, begin with.
_ENDS = {
    "video": ".mp4", "poster": ".webp", "still": ".webp", "strip": ".webp", "frame": ".webp", "task": ".webp",
    "state": ".png", "outline": ".png", "sample": ".html", "question": ".html",
}  # fmt: skip


async def _get(app: FastAPI, address: str) -> tuple[int, str, bytes]:
    """Return status, media type and body of an application's response."""
    parts = urlsplit(address)
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": unquote(parts.path), "raw_path": parts.path.encode(), "query_string": parts.query.encode(),
        "root_path": "", "headers": [(b"host", b"127.0.0.1")], "client": None, "server": ("127.0.0.1", 80),
    }  # fmt: skip
    status, kind = 500, ""
    chunks: list[bytes] = []
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if asked:
            # The client stays until it has the whole response.
            await asyncio.Event().wait()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status, kind
        if message["type"] == "http.response.start":
            status = message["status"]
            kind = dict(message["headers"]).get(b"content-type", b"").decode().partition(";")[0]
        else:
            chunks.append(message.get("body", b""))

    await app(scope, receive, send)
    return status, kind, b"".join(chunks)


def rows_script(index: Index) -> str:
    """Return the script with what the copy filters and sorts by: one row for each video, in the usual order."""
    prompts = {(row.task, row.question_id): (row.prompt or "").lower() for row in index.rows(sql.select(questions))}
    names = ("model", "task", "mode", "verdict", "reason", "difficulty", "agreement", "value", "plan_length", "made")
    rows = [
        {
            "key": f"{row.model}/{row.task}/{row.question_id}/{row.seed}",
            "question": row.question_id,
            "baseline": row.baseline,
            "text": f"{row.text} {prompts.get((row.task, row.question_id), '')}",
            **{name: getattr(row, name) for name in names},
        }
        for row in index.rows(sql.select(samples).order_by(*SampleFilter().order))
    ]
    return f"window.vmevalkitRows = {json.dumps(rows)};\n"
