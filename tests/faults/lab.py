"""Run commands of the kit, break them, and say what is wrong with what they leave."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import vmevalkit
from vmevalkit.files import dumps, sha256

HANG_SECONDS = 20
PATIENCE = 2.0 * HANG_SECONDS
"""How long a command may take, by a stopwatch. Undisturbed, none takes half of it."""

MEMORY_LIMIT = 10**9

KIT = Path(vmevalkit.__file__).parent
"""Folder of the package."""

# Commands are forked from a process that has imported the kit, so that kills hit the work and not the imports, and
# each command is of the same version.
_FORKS = get_context("forkserver")
_PRELOADED = ["tests.faults.preloaded"]

# Of records: what differs from run to run.
_VOLATILE = frozenset({"duration_seconds", "seconds", "peak_memory_bytes", "generation_id", "request_id"})


class Area(ABC):
    """One kind of fault. An attempt with the same number and seed does the same, apart from the machine's timing.

    Args:
        folder: an empty folder for what all attempts share.
    """

    weight = 1.0
    """Share of the campaign's time, relative to other areas."""

    at_most = 10**9
    """Attempts, if there is time for them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def close(self) -> None:  # noqa: B027 - most share nothing
        """Release what the attempts share."""

    @abstractmethod
    def attempt(self, folder: Path, rng: random.Random) -> Iterator[str]:
        """Do one attempt in an empty folder, and yield what is wrong afterwards."""

    def faults(self) -> int:
        """Return the number of faults that one attempt makes."""
        return 1


class Stopwatch:
    """Seconds since it was started, without those in which a process waited for a core that other programs used.

    Args:
        pids: returns the processes.
    """

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids, self._waited, self._last, self._seconds = pids, dict(_waits(pids())), time.monotonic(), 0.0

    def read(self) -> float:
        """Return the seconds. Between two readings, at most the time that passed is left out."""
        now, waited = time.monotonic(), dict(_waits(self._pids()))
        longest = max((seconds - self._waited.get(task, 0.0) for task, seconds in waited.items()), default=0.0)
        self._seconds += max(0.0, now - self._last - longest)
        self._waited, self._last = waited, now
        return self._seconds


def _waits(pids: Iterable[int]) -> Iterator[tuple[str, float]]:
    """Yield how long each thread of some processes has waited for a core, in seconds."""
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("[0-9]*"):
            with suppress(OSError, ValueError, IndexError):
                yield task.name, int((task / "schedstat").read_text().split()[1]) / 1e9


class Command:
    """A command of the kit in a process group of its own.

    Args:
        folder: working folder.
        words: the command line without the program's name.
        file_limit: bytes of the largest file that it can write.
        unprivileged: whether permissions of files hold for it, as they do not for root.
        memory_limit: bytes that each of its processes may take.
        dies_at: the change of a folder just before which its process group is killed, counted from 1.
    """

    def __init__(
        self,
        folder: Path,
        *words: str,
        file_limit: int | None = None,
        unprivileged: bool = False,
        dies_at: int | None = None,
        memory_limit: int = MEMORY_LIMIT,
    ) -> None:
        _FORKS.set_forkserver_preload(_PRELOADED)
        self.words, self._folder = words, folder
        self._log = folder / f".log{time.monotonic_ns()}"
        self._process = _FORKS.Process(
            target=_command, args=(str(folder), words, str(self._log), file_limit, unprivileged, dies_at)
        )
        self._said = ""
        self.memory, self._memory_limit = 0, memory_limit
        self._process.start()
        self._watch = Stopwatch(lambda: {self.pid, *members(self.pid)})

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    @property
    def status(self) -> int | None:
        return self._process.exitcode

    def output(self) -> str:
        """Return what it has printed so far; also after `complaints` has removed the file."""
        if self._log.exists():
            self._said = self._log.read_text(errors="replace")
        return self._said

    def wait(self, seconds: float = PATIENCE) -> bool:
        """Wait until it ends. Return whether it did; otherwise it is killed."""
        while self._process.is_alive() and self._watch.read() < seconds:
            self._measure()
            # Looking at all processes takes a while, so it is not done often.
            self._process.join(0.2)
        ended = not self._process.is_alive()
        if not ended:
            self.kill()
        self._process.join()
        return ended

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the process group."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, how)

    def complaints(self, statuses: Sequence[int] = (0,), seconds: float = PATIENCE) -> Iterator[str]:
        """Wait until it ends, and yield what is wrong with how it did."""
        name = f"`{' '.join(self.words[:3])} ...`"
        if not self.wait(seconds):
            yield f"{name} did not end in {seconds:.0f} s: {self.output()[-300:]}"
        elif self.status not in statuses:
            yield f"{name} ended with status {self.status}: {self.output()[-300:]}"
        if "Traceback" in self.output():
            yield f"{name} printed a traceback: {self.output()[-600:]}"
        yield from self.left_behind()
        self._log.unlink(missing_ok=True)

    def left_behind(self) -> Iterator[str]:
        """Yield processes of its session that stay, and how much memory it took if that is too much."""
        if not until(lambda: not members(self.pid), 8):
            yield f"processes {members(self.pid)} of `{self.words[0]}` were left behind"
        if self.memory > self._memory_limit:
            yield f"`{self.words[0]}` took {self.memory / 1e6:.0f} MB"

    def _measure(self) -> None:
        for pid in (self.pid, *members(self.pid)):
            with suppress(OSError, ValueError, IndexError):
                status = Path(f"/proc/{pid}/status").read_text()
                self.memory = max(self.memory, 1024 * int(status.split("VmHWM:")[1].split()[0]))


def _command(
    folder: str, words: Sequence[str], log: str, file_limit: int | None, unprivileged: bool, dies_at: int | None
) -> None:
    """Be the command line in this new process."""
    os.setsid()
    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream in (1, 2):
        os.dup2(output, stream)
    if file_limit is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
    if unprivileged:
        _obey_permissions()
    from vmevalkit.cli import main

    if dies_at is not None:
        _die_before(dies_at)
    os._exit(_finished(main, words))


def _die_before(number: int) -> None:
    """Kill this process group just before the change of a folder with this number."""
    left = number

    def watch(event: str, arguments: object) -> None:
        nonlocal left
        if event in ("os.rename", "os.remove", "os.mkdir"):
            left -= 1
            if left == 0:
                os.killpg(0, signal.SIGKILL)

    sys.addaudithook(watch)


def _obey_permissions() -> None:
    """Give up what lets root write where permissions forbid it: the capabilities 1 and 2 of Linux."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if libc.capget(header, sets) == 0:
        for which in (0, 1, 2):
            sets[which] &= ~0b110
        libc.capset(header, sets)


def _finished(main: Callable[[Sequence[str]], int], words: Sequence[str]) -> int:
    import traceback

    try:
        status = main(words)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 - what Python would do at the end of a program
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def run(folder: Path, *words: str, statuses: Sequence[int] = (0,), **options: Any) -> list[str]:
    """Run a command to its end, and return what is wrong with how it ended."""
    return list(Command(folder, *words, **options).complaints(statuses))


def members(session: int) -> list[int]:
    """Return the processes of a session that run."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] not in "ZX":
                found.append(int(entry.name))
    return found


def sources() -> dict[str, str]:
    """Return the digests of the Python files of the kit."""
    return {str(path.relative_to(KIT)): sha256(path) for path in sorted(KIT.rglob("*.py"))}


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds. Return whether it does in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def snapshot(*folders: Path) -> dict[str, str]:
    """Return the digests of all files below some folders, without what differs from run to run."""
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name != ".index.sqlite":
                found[str(path.relative_to(folder.parent))] = hashlib.sha256(_stable(path)).hexdigest()
    return found


def _stable(path: Path) -> bytes:
    data = path.read_bytes()
    if not path.name.startswith("result"):
        return data
    try:
        return dumps(_without_volatile(json.loads(data))).encode()
    except ValueError:
        return data


def _without_volatile(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_volatile(v) for k, v in value.items() if k not in _VOLATILE}
    return value


def differences(before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    """Yield what differs between two snapshots, in one line."""
    missing, added = sorted(before.keys() - after.keys()), sorted(after.keys() - before.keys())
    changed = sorted(name for name in before.keys() & after.keys() if before[name] != after[name])
    for what, names in (("missing", missing), ("left over", added), ("different", changed)):
        if names:
            yield f"{len(names)} files {what}, such as {names[0]}"


@contextmanager
def read_only(*folders: Path) -> Iterator[None]:
    """Let nobody write into some folders while the block runs."""
    paths = [path for folder in folders for path in (folder, *folder.rglob("*")) if path.is_dir()]
    for path in paths:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path in paths:
            path.chmod(0o755)
