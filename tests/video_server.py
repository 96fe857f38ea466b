"""A server that speaks `/v1/videos` and misbehaves on demand. Its videos show the first frame that it was sent."""

from __future__ import annotations

import email
import email.policy
import io
import json
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vmevalkit import media

Fault = str | Callable[["Handler"], None]


class VideoServer(ThreadingHTTPServer):
    """Jobs need `polls` questions until they are completed. The next requests of a kind get the faults in `script`:
    `submit`, `poll` or `content`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: dict[str, deque[Fault]] = {"submit": deque(), "poll": deque(), "content": deque()}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.forms: list[dict[str, str]] = []
        self.requests: list[tuple[str, float]] = []
        self.headers: list[dict[str, str]] = []
        self.polls = 1
        self.size: tuple[int, int] | None = None
        self.files: dict[bytes, bytes] = {}
        self.encode: Callable[[Image.Image], bytes] = encode
        self.lock = threading.Lock()
        self.released = threading.Event()
        self.most_at_once = 0
        self.extra: dict[str, Any] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def count(self, kind: str) -> int:
        """Number of requests of a kind."""
        return sum(found == kind for found, _ in self.requests)

    def handle_error(self, *args: Any) -> None:
        """Clients that break off are part of the tests."""


def encode(image: Image.Image) -> bytes:
    """A short video of a still image."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        media.write_video(path, [np.asarray(image)] * 5, 8)
        return path.read_bytes()


class Handler(BaseHTTPRequestHandler):
    server: VideoServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self._fault("submit"):
            self.say(200, self.accept(body))

    def accept(self, body: bytes) -> dict[str, Any]:
        """Make a job of a form."""
        raw = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode() + body
        message = email.message_from_bytes(raw, policy=email.policy.HTTP)
        form, image = {}, b""
        for part in message.iter_parts():
            name = part.get_param("name", header="content-disposition")
            data = part.get_payload(decode=True)
            assert isinstance(data, bytes)
            if name == "input_reference":
                image = data
            else:
                form[str(name)] = data.decode()
        server = self.server
        with server.lock:
            job_id = f"video_{len(server.jobs)}"
            server.forms.append(form)
            job = {"id": job_id, "object": "video", "status": "queued", "model": form["model"], "progress": 0}
            server.jobs[job_id] = {**job, "seed": int(form["seed"]), "image": image, "polls": 0, **server.extra}
            running = sum(job["status"] == "queued" for job in server.jobs.values())
            server.most_at_once = max(server.most_at_once, running)
        return job

    def do_GET(self) -> None:
        job_id, *rest = self.path.split("/")[3:]
        if self._fault("content" if rest else "poll"):
            return
        job = self.server.jobs.get(job_id)
        if job is None:
            self.say(404, {"error": {"message": "no such video", "code": "not_found"}})
        elif rest:
            self.send(200, self.file(job), "video/mp4")
        else:
            with self.server.lock:
                job["polls"] += 1
                if job["polls"] >= self.server.polls and job["status"] == "queued":
                    job["status"] = "completed"
            self.say(200, {name: value for name, value in job.items() if name not in ("image", "polls")})

    def file(self, job: dict[str, Any]) -> bytes:
        """Return the video of a job."""
        image = Image.open(io.BytesIO(job["image"])).convert("RGB")
        if self.server.size is not None:
            image = media.place(image, self.server.size)[0]
        with self.server.lock:
            if image.tobytes() not in self.server.files:
                self.server.files[image.tobytes()] = self.server.encode(image)
            return self.server.files[image.tobytes()]

    def _fault(self, kind: str) -> bool:
        server = self.server
        with server.lock:
            server.requests.append((kind, time.monotonic()))
            server.headers.append(dict(self.headers))
            fault = server.script[kind].popleft() if server.script[kind] else None
        if fault is None:
            return False
        self.close_connection = True
        if callable(fault):
            fault(self)
        elif fault == "stall":
            server.released.wait(20)
        elif fault == "cut":
            self.begin(200, "video/mp4", 100_000)
            self.wfile.write(b"\x00\x00\x00\x20ftypisom")
        elif fault == "drip":
            self.begin(200, "video/mp4", 100_000)
            while not server.released.wait(0.05):
                self.wfile.write(b" ")
        elif fault == "html":
            self.send(200, b"<html>Welcome to our proxy</html>", "text/html")
        elif fault == "not a video":
            self.send(200, b"GIF89a nonsense" * 10, "video/mp4")
        elif fault == "hang up":
            pass
        else:
            status, _, after = fault.partition(" ")
            key = self.headers.get("Authorization", "").removeprefix("Bearer ")
            body = {"error": {"message": f"status {status} for {key}", "code": None}} if status[0] == "4" else "oops"
            self.say(int(status), body, {"Retry-After": after} if after else {})
        return True

    def say(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        """Answer with JSON."""
        self.send(status, json.dumps(body).encode(), "application/json", headers)

    def send(self, status: int, data: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.begin(status, kind, len(data), {"X-Request-Id": f"request-{len(self.server.requests)}", **(headers or {})})
        self.wfile.write(data)

    def begin(self, status: int, kind: str, length: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(length), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()


@contextmanager
def running() -> Iterator[VideoServer]:
    """Run a server in a thread."""
    server = VideoServer()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
