"""Servers that misbehave: the judge and the video server of the tests, with random faults."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from tests.faults.kills import OUTPUTS, QUESTIONS, Judge, copy, make_small, paid_once, verdicts
from tests.faults.lab import PATIENCE, Area, Command, run
from tests.video_server import running

JUDGE_FAULTS = (
    "stall", "cut", "drip", "billed", "giant", "no completion", "no json", "wrong schema", "cut off", "prose",
    "refusal", "filter", "400", "429 0", "500", "503", "429 99999", "404",
)  # fmt: skip
VIDEO_FAULTS = ("stall", "cut", "drip", "html", "not a video", "hang up", "400", "429 0", "500", "502", "503", "404")


class BadJudge(Judge):
    """A judge with random faults: no wrong verdict, and a rerun without faults decides everything."""

    weight = 1.0
    shown = 0

    def faults(self) -> int:
        return self.shown

    def attempt(self, folder: Path, rng: random.Random) -> Iterator[str]:
        copy(self.folder, folder, "questions", "outputs")
        self.server.delay = 0.0
        self.shown = rng.randrange(1, 12)
        self.server.script.extend(rng.choices(JUDGE_FAULTS, k=self.shown))
        # Each call that stalls reaches its time limit.
        yield from Command(folder, *self.words()).complaints((0, 1), 2 * PATIENCE)
        yield from self.wrong_verdicts(folder)
        self.server.script.clear()
        yield from run(folder, *self.words())
        yield from self.wrong_verdicts(folder)
        if undecided := self.expected.keys() - verdicts(folder).keys():
            yield f"{len(undecided)} videos are undecided after a rerun: {sorted(undecided)[0]}"


class BadVideoServer(Area):
    """A video server with random faults: no job is paid twice, and a rerun makes every video that can be made."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        make_small(folder, 3)
        self.context = running()
        self.server = self.context.__enter__()
        self.shown = 0

    def close(self) -> None:
        self.context.__exit__(None, None, None)

    def faults(self) -> int:
        return self.shown

    def attempt(self, folder: Path, rng: random.Random) -> Iterator[str]:
        copy(self.folder, folder, "questions")
        self.server.jobs.clear()
        words = ("generate", "-m", "openvideo:paid", "--url", self.server.url, "--no-baselines", "--set",
                 "poll_seconds=0.02", "backoff=0.02", "timeout=1", "price=0.1", *QUESTIONS, *OUTPUTS)  # fmt: skip
        self.shown = 0
        for kind in ("submit", "poll", "content"):
            faults = rng.choices(VIDEO_FAULTS, k=rng.randrange(4))
            self.server.script[kind] = deque(faults)
            self.shown += len(faults)
        yield from run(folder, *words, statuses=(0, 1))
        for left in self.server.script.values():
            left.clear()
        yield from run(folder, *words, statuses=(0, 1))
        yield from paid_once(self.server)
        ended = {path.parent for name in ("result*.json", "job*.json") for path in (folder / "outputs").rglob(name)}
        if len(ended) < 3:
            yield f"only {len(ended)} of 3 videos were made, failed or are under way"
