"""One call of a program: started, watched, and ended with everything that it started."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from vmevalkit.errors import EnvironmentMissing, GenerationError, Unfinished
from vmevalkit.redaction import clean

_LINES_SHOWN = 3
_LINES_KEPT = 50
_LONGEST_LINE = 2000
_PATIENCE_SECONDS = 5.0
_CHECK_SECONDS = 0.05
_PR_SET_PDEATHSIG = 1


class Program:
    """Runs a command in a process group of its own.

    Args:
        command: program and arguments.
        folder: working folder.
        environment: variables on top of those of this process.
        stop: ends the program.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, environment: dict[str, str], stop: threading.Event
    ) -> None:
        self._command, self._folder, self._environment, self._stop = list(command), folder, environment, stop
        # All that is kept of its output, which may be long.
        self._lines: deque[bytes] = deque(maxlen=_LINES_KEPT)

    def run(self, seconds: float) -> None:
        """Run the program to its end.

        Raises:
            EnvironmentMissing: it does not exist.
            GenerationError: it failed or took longer than `seconds`.
            Unfinished: the run was stopped.
        """
        try:
            process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent(),
            )
        except OSError as error:
            raise EnvironmentMissing(f"{self._command[0]} does not start in {self._folder}: {error.strerror}") from None
        reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        reader.start()
        try:
            self._watch(process, time.monotonic() + seconds, seconds)
        finally:
            _end(process)
            reader.join(timeout=_PATIENCE_SECONDS)
        if process.returncode != 0:
            raise GenerationError(f"the program ended with {_describe(process.returncode)}{self.last_lines()}")

    def _watch(self, process: subprocess.Popen[bytes], deadline: float, seconds: float) -> None:
        while process.poll() is None:
            if self._stop.wait(_CHECK_SECONDS):
                raise Unfinished("the run was stopped")
            if time.monotonic() > deadline:
                raise GenerationError(
                    f"the program was ended after {seconds:g} seconds{self.last_lines()}", "raise timeout"
                )

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        stream = process.stdout
        # In pieces, because a line may have any length.
        while stream is not None and (line := stream.readline(_LONGEST_LINE)):
            self._lines.append(line)
        if stream is not None:
            stream.close()

    def last_lines(self) -> str:
        """Return the last lines of the output, for messages."""
        texts = [clean(line.decode("utf-8", "replace").split("\r")[-1].strip(), 300) for line in list(self._lines)]
        shown = [text for text in texts if text][-_LINES_SHOWN:]
        return f"; its last messages: {' | '.join(shown)}" if shown else ""


def _end_with_parent() -> Callable[[], None] | None:
    """Return what makes a new process end with this one, however this one ends; None where the system cannot."""
    if sys.platform != "linux":
        return None
    # Loaded before the fork, after which little is safe.
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and everything that it started and that is still in its group."""
    for number, patience in ((signal.SIGTERM, _PATIENCE_SECONDS), (signal.SIGKILL, None)):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            break
        if process.poll() is not None and number == signal.SIGTERM:
            continue
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def _describe(status: int) -> str:
    return f"exit status {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"
