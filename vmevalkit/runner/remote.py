"""A model in another process: the kit's end of `worker.py`, with the interface of a `ModelWrapper`."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from vmevalkit.errors import ConfigError, EnvironmentMissing, UsageError
from vmevalkit.models.base import MODELS
from vmevalkit.models.wrapper import Pending
from vmevalkit.redaction import clean
from vmevalkit.runner.environment import install_command
from vmevalkit.types import GenerationResult

log = logging.getLogger(__name__)

# Lines of a worker's messages: in the metadata of a failed result, and in its error.
LINES_KEPT = 20
LINES_SHOWN = 3
WORKER_DIED = "WorkerDied"
"""`error_type` in the metadata of a result that failed because the process ended."""
_PATIENCE_SECONDS = 5.0


class RemoteModel:
    """A model of the catalog, run by `vmevalkit.runner.worker` with another Python.

    The process is started with this object, so that settings are checked before the first question. If it dies, the
    request that it was handling fails, and the next request starts a new process.

    Args:
        name: the name in the catalog.
        python: interpreter of the model's environment.
        output_dir: videos are written below it.
        args: settings on top of the catalog entry.
        function: `path/to/file.py:name`, for a user's function, which is not in the catalog.
        environment: environment variables of the process, on top of those of this one.

    Raises:
        ConfigError: a setting that the model does not have or cannot take.
        EnvironmentMissing: the environment is broken.
    """

    def __init__(
        self,
        name: str,
        python: Path,
        output_dir: str | Path = "data/outputs",
        args: dict[str, Any] | None = None,
        function: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.python = Path(python)
        self.output_dir = Path(output_dir)
        self.args = dict(args or {})
        self.function = function
        self.environment = dict(environment or {})
        self._prompts: list[str] = []
        self._pending: list[_Request] = []
        # Videos are requested in one thread, and waited for in another.
        self._lock = threading.Lock()
        self._process: _Process | None = self._start()

    @property
    def progress(self) -> float:
        """How much of the video that is being made is done, from 0 to 1, if the model reports it."""
        process = self._process
        return 0.0 if process is None else process.progress

    def announce(self, prompts: Sequence[str]) -> None:
        """Say which prompts will be asked for, as `ModelWrapper.announce` does."""
        self._prompts += prompts
        if self._process is not None:
            self._send_prompts(self._process)

    def generate(
        self,
        image_path: str | Path,
        text_prompt: str,
        duration: float | None = None,
        output_filename: str | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Make one video, as `ModelWrapper.generate` does. Never raises, except for KeyboardInterrupt and the like.

        Returns:
            The eight fields of `GenerationResult`.
        """
        pending = self.start(image_path, text_prompt, duration, output_filename, **options)
        try:
            return pending.finish()
        except BaseException:  # ctrl-C: a process that is in the middle of a request must not stay behind
            self.abandon()
            raise

    def start(
        self,
        image_path: str | Path,
        text_prompt: str,
        duration: float | None = None,
        output_filename: str | None = None,
        **options: Any,
    ) -> Pending:
        """Request one video, as `ModelWrapper.start` does. `finish` waits for it, perhaps in another thread.

        If a process dies with several requests, any of them may be the cause, so each is sent once more.
        """
        body = {
            "image_path": str(image_path),
            "text_prompt": text_prompt,
            "duration": duration,
            "output_filename": output_filename,
            "options": options,
        }
        request = _Request(body, has_others=bool(self._pending))
        with contextlib.suppress(ConfigError, EnvironmentMissing, _Died):  # sending it again reports the error
            self._send(request)
        self._pending.append(request)
        return Pending(partial(self._finish, request))

    def _send(self, request: _Request) -> None:
        """Send a request, to a new process if there is none."""
        with self._lock:
            if self._process is None:
                self._process = self._start()
                self._send_prompts(self._process)
            request.process, request.number = self._process, self._process.send({"generate": request.body})

    def _finish(self, request: _Request) -> dict[str, Any]:
        """Wait for a video, and return its result."""
        metadata: dict[str, Any] = {}
        try:
            answer = self._answer(request)
        except _Died as error:
            answer, metadata = {"error": str(error)}, {"worker_messages": error.lines, "error_type": WORKER_DIED}
        except (ConfigError, EnvironmentMissing) as error:
            answer = {"error": str(error)}
        self._pending.remove(request)
        if "result" in answer:
            return cast(dict[str, Any], answer["result"])
        result = GenerationResult.failure(
            str(answer["error"]),
            model=self.name,
            generation_id=hashlib.sha256(repr((self.name, request.body)).encode()).hexdigest()[:16],
            duration_seconds=time.monotonic() - request.started,
            metadata=metadata,
        )
        return result.model_dump(mode="json")

    def _answer(self, request: _Request) -> dict[str, Any]:
        """Wait for the answer to a request. If the process died with several requests, send it once more."""
        if request.process is not None:
            try:
                return self._read(request)
            except _Died:
                if not (request.has_others or len(self._pending) > 1):
                    raise
        self._send(request)
        return self._read(request)

    def _read(self, request: _Request) -> dict[str, Any]:
        process = cast(_Process, request.process)
        try:
            return process.read(request.number)
        except _Died:
            with self._lock:
                if self._process is process:
                    self._process = None
            raise

    def abandon(self) -> bool:
        """End the process at once, whatever it is doing. Pending videos are lost."""
        self._stop(patience=0)
        return False

    def close(self) -> None:
        """End the process. A later `generate` starts it again."""
        self._stop(patience=_PATIENCE_SECONDS)

    def __enter__(self) -> RemoteModel:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _send_prompts(self, process: _Process) -> None:
        # If the process dies, the next request reports it, with the last messages.
        with contextlib.suppress(_Died):
            process.ask({"announce": {"prompts": self._prompts}})

    def _start(self) -> _Process:
        try:
            process = _Process(self.name, self.python, self.environment)
        except OSError as error:
            raise self._broken(f"{self.python} does not start: {error.strerror}") from None
        try:
            log.debug("%s: worker ready: %s", self.name, process.read(0).get("ready"))
            load = {
                "name": self.name, "output_dir": str(self.output_dir), "args": self.args, "function": self.function
            }  # fmt: skip
            answer = process.ask({"load": load})
        except _Died as error:
            raise self._broken(str(error)) from None
        except BaseException:
            process.end(patience=0)
            raise
        if "loaded" not in answer:
            process.end(_PATIENCE_SECONDS)
            wrong = answer["kind"] in (ConfigError.__name__, UsageError.__name__)
            raise ConfigError(answer["error"]) if wrong else self._broken(answer["error"])
        return process

    def _stop(self, patience: float) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end(patience)

    def _broken(self, reason: str) -> EnvironmentMissing:
        environment = MODELS[self.name].environment if self.name in MODELS else None
        return EnvironmentMissing(
            f"the environment of {self.name} is broken: {reason}",
            f"reinstall it: {install_command(environment or self.name)} --force",
        )


@dataclass(eq=False)
class _Request:
    """A request for a video: the process to which it was sent, and its number there.

    `has_others` says whether other requests were pending when it was made.
    """

    body: dict[str, Any]
    has_others: bool
    process: _Process | None = None
    number: int = 0
    started: float = field(default_factory=time.monotonic)


class _Died(Exception):
    """The process ended instead of answering. `lines` are its last lines on stderr."""

    def __init__(self, name: str, status: int, lines: list[str]) -> None:
        self.lines = lines
        last = f"; its last messages: {' | '.join(lines[-LINES_SHOWN:])}" if lines else ""
        super().__init__(f"the worker of {name} ended unexpectedly: {_describe(status)}{last}")


class _Process:
    """A running worker. Its messages are forwarded to the log."""

    def __init__(self, name: str, python: Path, environment: Mapping[str, str]) -> None:
        self._name = name
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        # -I, so that neither PYTHONPATH nor the current folder puts other packages before the pinned ones.
        self._popen = subprocess.Popen(
            [str(python), "-I", "-m", "vmevalkit.runner.worker"],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        # The streams of Popen are optional in general; these exist because all three are pipes.
        self._requests = cast(Any, self._popen.stdin)
        self._answers = cast(Any, self._popen.stdout)
        self._messages = cast(Any, self._popen.stderr)
        self._sent = self._read = 0
        self.progress = 0.0
        # Answers that were read and not yet fetched, by the number of the request.
        self._unclaimed: dict[int, dict[str, Any]] = {}
        self._reading = threading.Lock()
        self._reader = threading.Thread(target=self._forward, daemon=True)
        self._reader.start()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send one request and wait for its answer.

        Raises:
            _Died: the process ended.
        """
        return self.read(self.send(request))

    def send(self, request: dict[str, Any]) -> int:
        """Send one request, and return its number, by which the answer can be read."""
        # Ignore write errors here: if the process is dead, the next read reports why.
        with contextlib.suppress(OSError, ValueError):
            self._requests.write(json.dumps(request, default=str) + "\n")
            self._requests.flush()
        self._sent += 1
        return self._sent

    def read(self, number: int) -> dict[str, Any]:
        """Wait for the answer to a request; number 0 is the greeting.

        Raises:
            _Died: the process ended.
        """
        with self._reading:
            while number not in self._unclaimed:
                try:
                    answer = json.loads(self._answers.readline())
                except ValueError:
                    answer = None
                if not isinstance(answer, dict):
                    self.end(_PATIENCE_SECONDS)
                    raise _Died(self._name, self._popen.returncode, list(self._lines))
                if "progress" in answer:
                    self.progress = float(answer["progress"])
                    continue
                self.progress = 0.0
                # Answers are in the order of the requests.
                self._unclaimed[self._read] = answer
                self._read += 1
            return self._unclaimed.pop(number)

    def end(self, patience: float) -> None:
        """Close the input and wait for `patience` seconds, then terminate, then kill the process."""
        with contextlib.suppress(OSError):
            self._requests.close()
        try:
            for stop in (self._popen.terminate, self._popen.kill):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._popen.wait(patience)
                    break
                stop()
                patience = _PATIENCE_SECONDS
            self._popen.wait()
        except BaseException:  # a second ctrl-C
            self._popen.kill()
            raise
        self._answers.close()
        # All messages of an ended process have arrived, unless a child process holds the pipe open.
        self._reader.join(timeout=1)
        if not self._reader.is_alive():
            self._messages.close()

    def _forward(self) -> None:
        for line in self._messages:
            text = clean(line.rstrip())
            if text:
                self._lines.append(text)
                log.debug("%s: %s", self._name, text)


def _describe(status: int) -> str:
    """Describe the exit status of a process."""
    if status >= 0:
        return f"exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    meaning = {"SIGKILL": " (often: the machine ran out of memory)", "SIGSEGV": " (a crash in compiled code)"}
    return f"killed by {name}{meaning.get(name, '')}"
