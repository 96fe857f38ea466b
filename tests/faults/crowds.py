"""Several processes on one folder, and many clients on one viewer."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx

from tests.faults.kills import ALL, OUTPUTS, QUESTIONS, copy, free_port, get, make_videos
from tests.faults.lab import HANG_SECONDS, Area, Command, differences, run, snapshot, until


class Together(Area):
    """Two or four processes do the same at once. Each works or says who does; the files are those of one process."""

    weight = 1.5
    steps = {
        "questions": ("make", "-t", "maze", "-n", "2", "--difficulty", "1", "--size", "96x96", "--workers", "1",
                      *QUESTIONS),
        "outputs": ("generate", "-m", "my.py:draws", *QUESTIONS, *OUTPUTS),
        "scores": ("score", "--workers", "1", *ALL),
        "report": ("report", "--report", "report", *ALL),
    }  # fmt: skip

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        make_videos(folder)
        for step in ("scores", "report"):
            assert not (broken := run(folder, *self.steps[step])), broken

    def attempt(self, folder: Path, rng: random.Random) -> Iterator[str]:
        step = rng.choice(list(self.steps))
        before = list(self.steps)[: list(self.steps).index(step)]
        copy(self.folder, folder, "my.py", *before)
        commands = []
        for _ in range(rng.choice((2, 4))):
            commands.append(Command(folder, *self.steps[step]))
            time.sleep(rng.uniform(0, 0.1))
        for command in commands:
            yield from command.complaints((0, 2))
            if command.status == 2 and "process" not in command.output():
                yield f"a refusal does not name the other process: {command.output()[-200:]}"
        yield from run(folder, *self.steps[step])
        yield from differences(snapshot(self.folder / step), snapshot(folder / step))


class Clients(Area):
    """200 clients at once, beside some that send half a request and wait. The viewer answers them all."""

    at_most = 5
    clients = 200

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        make_videos(folder)
        assert not (broken := run(folder, "score", "--workers", "1", *ALL)), broken

    def faults(self) -> int:
        return self.clients

    def attempt(self, folder: Path, rng: random.Random) -> Iterator[str]:
        copy(self.folder, folder, "questions", "outputs", "scores")
        port = free_port()
        viewer = Command(folder, "view", "--port", str(port), *ALL)
        base = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=base, timeout=HANG_SECONDS, follow_redirects=True) as client:
            if not until(lambda: get(client, "/") is not None, 40):
                yield f"the viewer does not start: {viewer.output()[-300:]}"
            slow = [_half_request(port) for _ in range(self.clients // 4)]
            with ThreadPoolExecutor(self.clients - len(slow)) as pool:
                asked = [rng.choice(("/", "/samples", "/tasks", "/compare")) for _ in range(3 * self.clients // 4)]
                codes = list(pool.map(lambda path: _ask(base + path), asked))
            if bad := [code for code in codes if code != 200]:
                yield f"{len(bad)} of {len(codes)} requests were answered with {sorted(map(str, set(bad)))}"
            open_ = [one for one in slow if not until(partial(_is_cut, one), 0.1)]
            if open_ and not until(lambda: all(map(_is_cut, open_)), 40):
                yield f"{sum(not _is_cut(one) for one in open_)} half requests are never cut"
            for one in slow:
                one.close()
        viewer.wait(1)
        yield from viewer.complaints((-9,))


def _ask(address: str) -> int | str:
    try:
        return httpx.get(address, timeout=60, follow_redirects=True).status_code
    except httpx.HTTPError as error:
        return type(error).__name__


def _half_request(port: int) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port), timeout=HANG_SECONDS)
    one.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    one.setblocking(False)
    return one


def _is_cut(one: socket.socket) -> bool:
    try:
        while one.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
