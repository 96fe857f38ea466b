"""Files with changed bytes, read by the public readers: each is read, or refused in one line, in little memory."""

from __future__ import annotations

import random
import resource
import sys
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from tests.faults.kills import make_videos
from tests.faults.lab import HANG_SECONDS, MEMORY_LIMIT, Area, Stopwatch
from tests.faults.readers import all_readers, allowed

_BATCH = 100
_FORKS = get_context("forkserver")


class Mutations(Area):
    """Each attempt changes the bytes of 100 files, and reads them in a process of its own."""

    weight = 1.5

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        make_videos(folder, "--no-baselines")
        assert not (broken := _score(folder)), broken

    def faults(self) -> int:
        return _BATCH

    def attempt(self, folder: Path, rng: random.Random) -> Iterator[str]:
        ours, theirs = _FORKS.Pipe()
        process = _FORKS.Process(target=_read_many, args=(str(self.folder), str(folder), rng.random(), theirs))
        process.start()
        theirs.close()
        last = "the start"
        while True:
            # A reader that hangs or dies is named by the last file that was begun.
            watch = Stopwatch(lambda: (process.pid or 0,))
            while not (answered := ours.poll(0.5)) and watch.read() < HANG_SECONDS:
                pass
            if not answered:
                process.kill()
                yield f"no answer in {HANG_SECONDS} s while reading {last}"
                break
            try:
                what, problem = ours.recv()
            except EOFError:
                break
            last = what
            if problem:
                yield f"{what}: {problem}"
            if what == "end":
                break
        process.join(HANG_SECONDS)
        if process.exitcode != 0:
            yield f"the process ended with {process.exitcode} while reading {last}"


def _score(folder: Path) -> list[str]:
    from tests.faults.kills import ALL
    from tests.faults.lab import run

    return run(folder, "score", "--workers", "1", *ALL)


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Return the bytes of a file with some of them changed, removed, repeated or moved."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        at = rng.randrange(len(changed) + 1)
        # Half of the changes hit the header, which says how the rest is read.
        if rng.random() < 0.5:
            at = min(at, rng.randrange(256))
        length = rng.choice((1, 1, 2, 4, 16, 256))
        kind = rng.randrange(7)
        if kind == 0:
            changed[at : at + length] = rng.randbytes(length)
        elif kind == 1:
            del changed[at : at + length]
        elif kind == 2:
            changed[at:at] = changed[at : at + length] * rng.choice((1, 3))
        elif kind == 3:
            changed[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\1"))
        elif kind == 4:
            changed[at:at] = rng.choice((b"[", b"{", b'"', b"-", b"1e999", b"NaN", b"9" * 400, b"\xff\xfe", b"../"))
        elif kind == 5:
            del changed[at:]
        elif at < len(changed):
            changed[at] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _read_many(experiment: str, folder: str, seed: float, answers: Connection) -> None:
    """Change files and read them, and say which is next before each."""
    import logging
    import warnings

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(1000)
    rng, place = random.Random(seed), Path(folder)
    readers = all_readers(Path(experiment), place)
    for number in range(_BATCH):
        name = rng.choice(list(readers))
        source, read = readers[name]
        answers.send((f"{name} {number}", ""))
        changed = place / f"changed{source.suffix}"
        changed.write_bytes(mutate(source.read_bytes(), rng))
        try:
            allowed(partial(read, changed))
        except BaseException as error:  # noqa: BLE001 - any other exception is a finding
            answers.send((f"{name} {number}", f"{type(error).__name__}: {str(error)[:300]} ({_where(error)})"))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    answers.send(("end", f"took {memory / 1e6:.0f} MB" if memory > MEMORY_LIMIT else ""))


def _where(error: BaseException) -> str:
    import traceback

    frames = [f for f in traceback.extract_tb(error.__traceback__) if "vmevalkit" in f.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
