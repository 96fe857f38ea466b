"""kill -9 of a whole process group at a random point; the same command must then end as if nothing had happened."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx
import numpy as np
from PIL import Image

from tests import test_judge, video_server
from tests.faults.lab import MEMORY_LIMIT, Area, Command, differences, run, snapshot, until
from vmevalkit import store

QUESTIONS = ("--questions", "questions")
OUTPUTS = ("--outputs", "outputs")
SCORES = ("--scores", "scores")
ALL = (*QUESTIONS, *OUTPUTS, *SCORES)

FUNCTION = """
import time

def draws(image, prompt, seed):
    for i in range(4):
        time.sleep(0.005)
        yield image.rotate(seed + i)
"""
FUNCTION_CHANGED = FUNCTION.replace("seed + i", "seed + 9 * i")


def make_small(folder: Path, count: int = 2, size: str = "96x96") -> None:
    """Make a small question set."""
    words = ("make", "-t", "maze", "-n", str(count), "--difficulty", "1", "--size", size, "--workers", "1")
    assert not (broken := run(folder, *words, *QUESTIONS)), broken


def make_videos(folder: Path, *words: str) -> None:
    """Make a small question set, with videos of a function."""
    make_small(folder)
    (folder / "my.py").write_text(FUNCTION)
    assert not (broken := run(folder, "generate", "-m", "my.py:draws", *words, *QUESTIONS, *OUTPUTS)), broken


def copy(source: Path, target: Path, *names: str) -> None:
    """Copy files and folders by name."""
    for name in names:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name)
        else:
            shutil.copy(source / name, target / name)


class Killed(Area):
    """A command that is killed up to three times, rerun, and compared with an undisturbed run."""

    results: ClassVar[tuple[str, ...]]
    inputs: ClassVar[tuple[str, ...]] = ()
    memory_limit = MEMORY_LIMIT

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.prepare()
        began = time.monotonic()
        assert not (broken := run(folder, *self.words(random.Random(0)), memory_limit=self.memory_limit)), broken
        self.seconds = time.monotonic() - began
        self.expected = snapshot(*(folder / name for name in self.results))
        self.kills = 0

    def prepare(self) -> None:
        """Make what the command needs in the shared folder."""

    def words(self, rng: random.Random) -> tuple[str, ...]:
        """Return the command line."""
        raise NotImplementedError

    def start(self, folder: Path) -> None:
        """Prepare the folder of an attempt."""
        copy(self.folder, folder, *self.inputs)

    def wait(self, folder: Path) -> None:
        """Prepare the folder for the last run, which has to finish what the killed ones began."""

    def faults(self) -> int:
        return self.kills

    def attempt(self, folder: Path, rng: random.Random) -> Iterator[str]:
        self.start(folder)
        self.kills = rng.choice((1, 1, 2, 3))
        words = self.words(rng)
        for _ in range(self.kills):
            if rng.random() < 0.5:
                # Between two changes of folders, where no clock hits.
                command = Command(folder, *words, dies_at=rng.randrange(1, 60), memory_limit=self.memory_limit)
                command.wait()
            else:
                command = Command(folder, *words, memory_limit=self.memory_limit)
                time.sleep(rng.uniform(0, 1.1 * self.seconds))
                command.kill()
            # What it had finished before is fine; what it says is checked if it did end.
            yield from command.complaints((0, -9))
        self.wait(folder)
        yield from run(folder, *words, memory_limit=self.memory_limit)
        yield from differences(self.expected, snapshot(*(folder / name for name in self.results)))


class Make(Killed):
    results = ("questions",)

    def words(self, rng: random.Random) -> tuple[str, ...]:
        return ("make", "-t", "maze", "clock", "-n", "3", "--size", "96x96", "--workers",
                rng.choice("112"), *QUESTIONS)  # fmt: skip


class Generate(Killed):
    weight = 2.0
    results, inputs = ("outputs",), ("questions", "my.py")

    def prepare(self) -> None:
        make_small(self.folder)
        (self.folder / "my.py").write_text(FUNCTION)

    def words(self, rng: random.Random) -> tuple[str, ...]:
        return ("generate", "-m", "my.py:draws", "--samples", "4", "--workers", rng.choice("112"), *QUESTIONS, *OUTPUTS)


class Remake(Killed):
    """The function has changed; each video must be the old one or the new one, with its own result."""

    results, inputs = ("outputs",), ("questions",)

    def prepare(self) -> None:
        make_videos(self.folder, "--samples", "4", "--no-baselines")
        copy_of = self.folder / "before"
        copy_of.mkdir()
        copy(self.folder, copy_of, "outputs")
        (self.folder / "my.py").write_text(FUNCTION_CHANGED)

    def start(self, folder: Path) -> None:
        super().start(folder)
        copy(self.folder / "before", folder, "outputs")
        (folder / "my.py").write_text(FUNCTION_CHANGED)

    def words(self, rng: random.Random) -> tuple[str, ...]:
        return ("generate", "-m", "my.py:draws", "--samples", "4", "--no-baselines", "--remake", *QUESTIONS, *OUTPUTS)


class Tiny(Killed):
    """The small CogVideoX, if PyTorch is installed."""

    at_most = 6
    # Most of it is PyTorch and the weights.
    memory_limit = 2 * 10**9
    results, inputs = ("outputs",), ("questions",)

    def __init__(self, folder: Path) -> None:
        self.installed = importlib.util.find_spec("diffusers") is not None
        if self.installed:
            super().__init__(folder)
        else:
            self.kills = 0

    def prepare(self) -> None:
        make_small(self.folder)

    def words(self, rng: random.Random) -> tuple[str, ...]:
        return ("generate", "-m", "cogvideox-tiny-i2v", "--no-baselines", "--set", "num_inference_steps=2",
                *QUESTIONS, *OUTPUTS)  # fmt: skip

    def attempt(self, folder: Path, rng: random.Random) -> Iterator[str]:
        if self.installed:
            yield from super().attempt(folder, rng)


class Score(Killed):
    weight = 1.5
    results, inputs = ("scores",), ("questions", "outputs")

    def prepare(self) -> None:
        make_videos(self.folder)

    def words(self, rng: random.Random) -> tuple[str, ...]:
        return ("score", "--workers", rng.choice("12"), *ALL)

    def wait(self, folder: Path) -> None:
        # Other `score` commands may be writing into the folder, so only old temporary files are removed.
        for path in folder.glob("scores/**/.*.tmp"):
            os.utime(path, (0, 0))


class Report(Killed):
    results, inputs = ("report",), ("questions", "outputs", "scores")

    def prepare(self) -> None:
        make_videos(self.folder)
        assert not (broken := run(self.folder, "score", "--workers", "1", *ALL)), broken

    def words(self, rng: random.Random) -> tuple[str, ...]:
        return ("report", "--report", "report", *ALL)


class Paid(Area):
    """A billed model on a server: no video is made twice, and every lost answer is named."""

    weight = 1.5

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        make_small(folder, 4)
        self._context = video_server.running()
        self.server = self._context.__enter__()
        self.kills = 0

    def close(self) -> None:
        self._context.__exit__(None, None, None)

    def faults(self) -> int:
        return self.kills

    def attempt(self, folder: Path, rng: random.Random) -> Iterator[str]:
        copy(self.folder, folder, "questions")
        self.server.jobs.clear()
        self.server.polls = rng.choice((1, 3))
        words = ("generate", "-m", "openvideo:paid", "--url", self.server.url, "--no-baselines", "--set",
                 "poll_seconds=0.02", "backoff=0.02", "price=0.1", *QUESTIONS, *OUTPUTS)  # fmt: skip
        self.kills = rng.choice((1, 2, 3))
        for _ in range(self.kills):
            command = Command(folder, *words)
            time.sleep(rng.uniform(0, 0.8))
            command.kill()
            yield from command.complaints((0, 1, -9))
        # A submission whose answer the kill cut off may be billed. It is not repeated, but named.
        last = Command(folder, *words)
        yield from last.complaints((0, 1))
        yield from paid_once(self.server)
        lost = list((folder / "outputs").rglob("job*.json"))
        videos = list((folder / "outputs").rglob("video*.mp4"))
        if len(videos) + len(lost) < 4:
            yield f"{len(videos)} videos and {len(lost)} unclear jobs of 4"
        if last.status == 0 and len(videos) != 4:
            yield f"status 0 with {len(videos)} of 4 videos"


def paid_once(server: video_server.VideoServer) -> Iterator[str]:
    """Yield what was made twice by a server."""
    times = Counter((job["image"], job["seed"]) for job in server.jobs.values())
    if again := [count for count in times.values() if count > 1]:
        yield f"{len(again)} videos were submitted up to {max(again)} times"


class Judge(Area):
    """The judge is asked again only for what was on its way when the run was killed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        # At the full size, at which the judge of the tests sees the answer.
        make_small(folder, 1, "720x480")
        assert not (broken := run(folder, "generate", "-m", "replay", *QUESTIONS, *OUTPUTS)), broken
        self.server = test_judge.Server()
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        assert not (broken := run(folder, *self.words())), broken
        self.expected = verdicts(folder)
        assert set(self.expected.values()) == {True, False}, self.expected
        self.kills = 0

    def close(self) -> None:
        self.server.released.set()
        self.server.shutdown()
        self.server.server_close()

    def faults(self) -> int:
        return self.kills

    def words(self) -> tuple[str, ...]:
        """Return the command line."""
        pairs = {"url": self.server.url, "model": "see-1", "votes": 1, "frames": 6, "concurrency": 2, "cache": "cache",
                 "backoff": 0.01, "timeout": 3}  # fmt: skip
        settings = (f"judge.{name}={value}" for name, value in pairs.items())
        return ("score", "--scorer", "judge", "--set", *settings, *ALL)

    def attempt(self, folder: Path, rng: random.Random) -> Iterator[str]:
        copy(self.folder, folder, "questions", "outputs")
        self.kills = rng.choice((1, 2))
        with self.server.lock:
            self.server.requests.clear()
        self.server.delay = 0.03
        for _ in range(self.kills):
            command = Command(folder, *self.words())
            time.sleep(rng.uniform(0, 1.2))
            command.kill()
            yield from command.complaints((0, -9))
        yield from run(folder, *self.words())
        asked = Counter(repr(request["messages"]) for request in self.server.requests)
        again = sum(asked.values()) - len(asked)
        if again > 2 * self.kills:
            yield f"{again} requests were repeated, but only {2 * self.kills} can have been on their way"
        yield from self.wrong_verdicts(folder)
        if undecided := self.expected.keys() - verdicts(folder).keys():
            yield f"{len(undecided)} videos are undecided after a rerun: {sorted(undecided)[0]}"

    def wrong_verdicts(self, folder: Path) -> Iterator[str]:
        """Yield verdicts that are not those of the undisturbed run."""
        for name, passed in verdicts(folder).items():
            if passed != self.expected[name]:
                yield f"wrong verdict: {name} passed = {passed}"


def verdicts(folder: Path) -> dict[str, bool | None]:
    """Return the verdict of every video that has one."""
    found = store.iter_scores(folder / "scores")
    return {f"{s.model}/{s.question_id}": s.passed for s in found if s.status == "scored"}


class View(Area):
    """The viewer is killed while it starts or answers. It starts again, and its index has every sample."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        make_videos(folder)
        assert not (broken := run(folder, "score", "--workers", "1", *ALL)), broken

    def attempt(self, folder: Path, rng: random.Random) -> Iterator[str]:
        from vmevalkit.web.filters import SampleFilter
        from vmevalkit.web.index import Index

        copy(self.folder, folder, "questions", "outputs", "scores")
        port = free_port()
        viewer = Command(folder, "view", "--port", str(port), *ALL)
        time.sleep(rng.uniform(0, 1.5))
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, follow_redirects=True) as client:
            for _ in range(rng.randrange(8)):
                answer = get(client, rng.choice(("/", "/samples", "/tasks", "/compare", "/rate")))
                if answer is not None and answer.status_code >= 500:
                    yield f"{answer.url} was answered with {answer.status_code}"
            viewer.kill()
            yield from viewer.complaints((-9,))
            again = Command(folder, "view", "--port", str(port), *ALL)
            if not until(lambda: get(client, "/") is not None, 30):
                yield f"the viewer does not answer after a restart: {again.output()[-300:]}"
            again.kill()
            yield from again.complaints((-9,))
        videos = len(list((folder / "outputs").rglob("video*.mp4")))
        index = Index(folder / "questions", folder / "outputs", folder / "scores")
        index.refresh()
        if (found := index.count(SampleFilter())) != videos:
            yield f"the index has {found} of {videos} samples"


class Serve(Area):
    """The video server is killed while it makes videos. Every accepted job is completed after a restart."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        buffer = folder / "first.png"
        Image.fromarray(np.full((64, 64, 3), 200, np.uint8)).save(buffer)
        self.image = buffer.read_bytes()

    def attempt(self, folder: Path, rng: random.Random) -> Iterator[str]:
        port = free_port()
        words = ("serve", "-m", "still", "--port", str(port), "--jobs", "jobs")
        accepted: list[str] = []
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/v1", timeout=20) as client:
            server = Command(folder, *words)
            if not until(lambda: get(client, "/videos") is not None, 40):
                yield f"the server does not start: {server.output()[-300:]}"
            for _ in range(rng.randrange(1, 4)):
                files = {"input_reference": ("a.png", self.image, "image/png")}
                made: Any = client.post("/videos", data={"model": "still", "prompt": "stay"}, files=files)
                if made.status_code == 200:
                    accepted.append(made.json()["id"])
                else:
                    yield f"a request was answered with {made.status_code}: {made.text[:200]}"
            time.sleep(rng.uniform(0, 2))
            server.kill()
            yield from server.complaints((-9,))
            server = Command(folder, *words)
            until(lambda: get(client, "/videos") is not None, 40)
            ended = {"completed": 0}
            if not until(lambda: _completed(client, accepted, ended), 40):
                yield f"{ended['completed']} of {len(accepted)} jobs were completed after a restart"
            server.kill()
            yield from server.complaints((-9,))


def _completed(client: httpx.Client, jobs: list[str], ended: dict[str, int]) -> bool:
    found = [get(client, f"/videos/{job}") for job in jobs]
    ended["completed"] = sum(a is not None and a.json().get("status") == "completed" for a in found)
    return ended["completed"] == len(jobs)


def get(client: httpx.Client, path: str) -> httpx.Response | None:
    """Ask a server; None if it is not there."""
    try:
        return client.get(path)
    except httpx.HTTPError:
        return None


def free_port() -> int:
    """Return a port that nothing listens on."""
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
