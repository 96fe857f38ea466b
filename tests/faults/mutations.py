"""Files with changed bytes, read by the public readers: each is read, or refused in one line, in little memory."""

from __future__ import annotations

import os
import random
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.faults.kills import make_videos
from tests.faults.lab import HANG_SECONDS, MEMORY_LIMIT, Area

_ROOT = Path(__file__).parents[2]
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
            if not ours.poll(HANG_SECONDS):
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


Reader = Callable[[Path], Any]


def _readers(experiment: Path, folder: Path) -> dict[str, tuple[Path, Reader]]:
    """Return what is changed, and how it is read. A reader is given a file whose contents are changed."""
    from vmevalkit import media, store
    from vmevalkit.files import read_toml
    from vmevalkit.models.command.file import read_file, ready_files
    from vmevalkit.models.diffusers import checkpoint
    from vmevalkit.models.http.jobs import JobFile
    from vmevalkit.suites import read_suite
    from vmevalkit.types import GenerationResult, QuestionMetadata, Score

    question = "questions/maze_task/maze_0000"
    answer = "outputs/draws/maze_task/maze_0000"
    tiny = _ROOT / "weights/cogvideox-tiny-i2v"
    weights = folder / "weights"
    ignored = shutil.ignore_patterns("*.safetensors")
    shutil.copytree(tiny, weights, ignore=ignored)
    for path in tiny.rglob("*.safetensors"):
        os.link(path, weights / path.relative_to(tiny)) if _same_disk(path, weights) else shutil.copy(
            path, weights / path.relative_to(tiny)
        )

    def video(path: Path) -> None:
        for read in (media.probe, media.decodes, media.read_frames, media.first_frame, media.why_unplayable):
            _allowed(lambda read=read: read(path))

    def in_place(name: str, read: Callable[[], Any]) -> tuple[Path, Reader]:
        """Put the changed file into a copy of the experiment, or of a checkpoint, and read all of it."""
        target = folder / name

        def reader(path: Path) -> None:
            before = target.read_bytes()
            target.unlink()
            shutil.copy(path, target)
            try:
                read()
            finally:
                target.unlink()
                target.write_bytes(before)

        return target, reader

    for name in ("questions", "outputs", "scores"):
        shutil.copytree(experiment / name, folder / name)

    def question_of() -> None:
        found = store.read_question(folder / "questions", "maze", "maze_0000")
        store.read_prompt(found)

    def everything() -> None:
        from vmevalkit.runner.score import score

        places = {name: folder / name for name in ("questions", "outputs", "scores")}
        for found in score(**places):
            if found.passed:
                raise AssertionError(f"wrong verdict: {found.question_id} passed")

    def model() -> None:
        from vmevalkit.models.base import MODELS

        checkpoint.find(MODELS["cogvideox-tiny-i2v"], weights)

    def job(path: Path) -> None:
        JobFile(path).read()

    command = next(iter(ready_files().values()))
    suite = _ROOT / "vmevalkit/suites/mini-v1.toml"
    shard = next(weights.rglob("*.safetensors")).relative_to(folder)
    (folder / "job.json").write_text('{"model": "m", "request_sha256": "' + "0" * 64 + '", "key": "k", "id": "1"}\n')
    return {
        "video": (experiment / answer / "video/video.mp4", video),
        "truth": (experiment / question / "ground_truth.mp4", video),
        "image": (experiment / question / "first_frame.png", media.load_image),
        "result": (experiment / answer / "result.json", lambda path: store.read_record(path, GenerationResult)),
        "metadata": (
            experiment / question / "question_metadata.json", lambda path: store.read_record(path, QuestionMetadata)
        ),
        "score": (
            experiment / "scores/draws/maze_task/maze_0000/rule.json", lambda path: store.read_record(path, Score)
        ),
        "prompt": in_place(f"{question}/prompt.txt", question_of),
        "scored video": in_place(f"{answer}/video/video.mp4", everything),
        "scored result": in_place(f"{answer}/result.json", everything),
        "scored question": in_place(f"{question}/question_metadata.json", everything),
        "scored image": in_place(f"{question}/first_frame.png", everything),
        "manifest": in_place("questions/manifest.json", lambda: store.read_manifest(folder / "questions")),
        "job": (folder / "job.json", job),
        "suite": (suite, read_suite),
        "toml": (command, read_toml),
        "command": (command, read_file),
        "checkpoint index": in_place("weights/model_index.json", model),
        "checkpoint weights": in_place(str(shard), model),
    }  # fmt: skip


def _same_disk(one: Path, other: Path) -> bool:
    return False


def _allowed(read: Callable[[], Any]) -> None:
    """Read; an error of the kit in a few lines is fine."""
    from vmevalkit.errors import VMEvalError

    try:
        read()
    except VMEvalError as error:
        if len(str(error)) > 2000:
            raise AssertionError(f"an error of {len(str(error))} characters") from None


def _read_many(experiment: str, folder: str, seed: float, answers: Connection) -> None:
    """Change files and read them, and say which is next before each."""
    import logging

    logging.disable(logging.CRITICAL)
    sys.setrecursionlimit(1000)
    rng, place = random.Random(seed), Path(folder)
    readers = _readers(Path(experiment), place)
    for number in range(_BATCH):
        name = rng.choice(list(readers))
        source, read = readers[name]
        answers.send((f"{name} {number}", ""))
        changed = place / f"changed{source.suffix}"
        changed.write_bytes(mutate(source.read_bytes(), rng))
        began = time.monotonic()
        try:
            _allowed(lambda read=read, changed=changed: read(changed))
        except BaseException as error:  # noqa: BLE001 - any other exception is a finding
            answers.send((f"{name} {number}", f"{type(error).__name__}: {str(error)[:300]} ({_where(error)})"))
        if time.monotonic() - began > HANG_SECONDS:
            answers.send((f"{name} {number}", f"took {time.monotonic() - began:.0f} s"))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    answers.send(("end", f"took {memory / 1e6:.0f} MB" if memory > MEMORY_LIMIT else ""))


def _where(error: BaseException) -> str:
    import traceback

    frames = [f for f in traceback.extract_tb(error.__traceback__) if "vmevalkit" in f.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
