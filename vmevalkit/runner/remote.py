"""A model that lives in another process: the kit's end of `worker.py`, with the same `generate` as a wrapper."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from vmevalkit.errors import ConfigError, EnvironmentMissing
from vmevalkit.models.base import MODELS, Pending
from vmevalkit.runner.environment import install_command
from vmevalkit.types import GenerationResult

log = logging.getLogger(__name__)

LINES_KEPT = 20  # in a failed result's metadata
LINES_SHOWN = 3  # in its error
_PATIENCE_SECONDS = 5.0
_SECRET_NAME = re.compile(r"TOKEN|KEY|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)


# A process, and the number of a request that it was sent.
_Asked = tuple["_Process", int]


class RemoteModel:
    """A catalog model served by `vmevalkit.runner.worker` under another Python.

    The process starts with this object, so that settings are checked before the first question. One that dies fails
    the request it was serving; the next request starts a new one.

    Args:
        name: the name in the catalog.
        python: interpreter of the model's environment.
        output_dir: videos are written below it.
        args: settings on top of the catalog entry's.

    Raises:
        ConfigError: a setting that the model does not have or cannot take.
        EnvironmentMissing: the environment does not start.
    """

    def __init__(
        self, name: str, python: Path, output_dir: str | Path = "data/outputs", args: dict[str, Any] | None = None
    ) -> None:
        self.name = name
        self.python = Path(python)
        self.output_dir = Path(output_dir)
        self.args = dict(args or {})
        self._prompts: list[str] = []
        self._under_way: list[dict[str, Any]] = []
        # Videos are asked for in one thread and waited for in another.
        self._lock = threading.Lock()
        self._process: _Process | None = self._start()

    def announce(self, prompts: Sequence[str]) -> None:
        """Say which prompts videos will be asked for, as `ModelWrapper.announce` does."""
        self._prompts += prompts
        if self._process is not None:
            self._tell(self._process)

    def generate(
        self,
        image_path: str | Path,
        text_prompt: str,
        duration: float | None = None,
        output_filename: str | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Make one video, as `ModelWrapper.generate` does. Never raises, except for KeyboardInterrupt and its like.

        Returns:
            The eight fields of `GenerationResult`.
        """
        pending = self.start(image_path, text_prompt, duration, output_filename, **options)
        try:
            return pending.finish()
        except BaseException:  # ctrl-C: the process is in the middle of something and must not stay behind
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
        """Ask for one video, as `ModelWrapper.start` does; `finish` waits for it, maybe in another thread.

        A process that dies while it was asked for several videos may have died of any: each is asked for once more.
        """
        started = time.monotonic()
        body = {
            "image_path": str(image_path),
            "text_prompt": text_prompt,
            "duration": duration,
            "output_filename": output_filename,
            "options": options,
        }
        asked: _Asked | None = None
        with contextlib.suppress(ConfigError, EnvironmentMissing, _Died):  # asking again will say it
            asked = self._ask(body)
        beside = bool(self._under_way)
        self._under_way.append(body)

        def finish() -> dict[str, Any]:
            result = self._answer(body, asked, beside, started)
            self._under_way.remove(body)
            return result

        return Pending(finish)

    def _ask(self, body: dict[str, Any]) -> _Asked:
        """Ask for a video, of a new process where there is none."""
        with self._lock:
            if self._process is None:
                self._process = self._start()
                self._tell(self._process)
            return self._process, self._process.send({"generate": body})

    def _answer(self, body: dict[str, Any], asked: _Asked | None, beside: bool, started: float) -> dict[str, Any]:
        """Wait for a video, and ask once more if its process died and was asked for others as well."""
        metadata: dict[str, Any] = {}
        answer: dict[str, Any] | None = None
        try:
            if asked is not None:
                answer = self._read(asked, beside)
            if answer is None:
                answer = self._read(self._ask(body), None)
        except _Died as error:
            answer, metadata = {"error": str(error)}, {"worker_messages": error.lines}
        except (ConfigError, EnvironmentMissing) as error:
            answer = {"error": str(error)}
        if answer is not None and "result" in answer:
            return cast(dict[str, Any], answer["result"])
        result = GenerationResult(
            success=False,
            video_path=None,
            error=str((answer or {})["error"]),
            duration_seconds=round(time.monotonic() - started, 3),
            generation_id=hashlib.sha256(repr((self.name, body)).encode()).hexdigest()[:16],
            model=self.name,
            status="failed",
            metadata=metadata,
        )
        return result.model_dump(mode="json")

    def _read(self, asked: _Asked, beside: bool | None) -> dict[str, Any] | None:
        """An answer; None if the process died and another video was under way: `beside` at first, or by now."""
        process, number = asked
        try:
            return process.read(number)
        except _Died:
            with self._lock:
                if self._process is process:
                    self._process = None
            if beside is None or not (beside or len(self._under_way) > 1):
                raise
            return None

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

    def _tell(self, process: _Process) -> None:
        # One that dies of it fails the next request, with its last words.
        with contextlib.suppress(_Died):
            process.ask({"announce": {"prompts": self._prompts}})

    def _start(self) -> _Process:
        try:
            process = _Process(self.name, self.python)
        except OSError as error:
            raise self._broken(f"{self.python} does not start: {error.strerror}") from None
        try:
            log.debug("%s: worker ready: %s", self.name, process.read(0).get("ready"))
            load = {"name": self.name, "output_dir": str(self.output_dir), "args": self.args}
            answer = process.ask({"load": load})
        except _Died as error:
            raise self._broken(str(error)) from None
        except BaseException:
            process.end(patience=0)
            raise
        if "loaded" not in answer:
            process.end(_PATIENCE_SECONDS)
            raise ConfigError(answer["error"]) if answer["kind"] == "ConfigError" else self._broken(answer["error"])
        return process

    def _stop(self, patience: float) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end(patience)

    def _broken(self, what: str) -> EnvironmentMissing:
        environment = MODELS[self.name].environment if self.name in MODELS else None
        return EnvironmentMissing(
            f"the environment of {self.name} is broken: {what}",
            f"make it again: {install_command(environment or self.name)} --force",
        )


class _Died(Exception):
    """The process ended instead of answering; `lines` are the last it wrote to stderr."""

    def __init__(self, name: str, status: int, lines: list[str]) -> None:
        self.lines = lines
        last = f"; its last words: {' | '.join(lines[-LINES_SHOWN:])}" if lines else ""
        super().__init__(f"the worker of {name} ended unexpectedly: {_how(status)}{last}")


class _Process:
    """A running worker: questions in, answers out, its messages forwarded to the log."""

    def __init__(self, name: str, python: Path) -> None:
        self._name = name
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        # -I: neither PYTHONPATH nor the current folder may put other packages before the pinned ones.
        self._popen = subprocess.Popen(
            [str(python), "-I", "-m", "vmevalkit.runner.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        # Popen's streams are optional in general; these three are there because all are pipes.
        self._requests = cast(Any, self._popen.stdin)
        self._answers = cast(Any, self._popen.stdout)
        self._messages = cast(Any, self._popen.stderr)
        self._sent = self._read = 0
        self._got: dict[int, dict[str, Any]] = {}
        self._reading = threading.Lock()
        self._reader = threading.Thread(target=self._forward, daemon=True)
        self._reader.start()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send one request and wait for its answer. Raises _Died."""
        return self.read(self.send(request))

    def send(self, request: dict[str, Any]) -> int:
        """Send one request. Returns its number, with which to ask for the answer."""
        # What cannot be written, a dead process did not read; reading says how it died.
        with contextlib.suppress(OSError, ValueError):
            self._requests.write(json.dumps(request, default=str) + "\n")
            self._requests.flush()
        self._sent += 1
        return self._sent

    def read(self, number: int) -> dict[str, Any]:
        """Wait for the answer to a request; 0 is the greeting. Raises _Died."""
        with self._reading:
            while number not in self._got:
                try:
                    answer = json.loads(self._answers.readline())
                except ValueError:
                    answer = None
                if not isinstance(answer, dict):
                    self.end(_PATIENCE_SECONDS)
                    raise _Died(self._name, self._popen.returncode, list(self._lines))
                # Answers come in the order of the requests.
                self._got[self._read] = answer
                self._read += 1
            return self._got.pop(number)

    def end(self, patience: float) -> None:
        """Close the input and wait `patience` seconds; then ask to terminate; then kill."""
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
        # The messages of a process that has ended are all there, unless a child of its own holds the pipe open.
        self._reader.join(timeout=1)
        if not self._reader.is_alive():
            self._messages.close()

    def _forward(self) -> None:
        secrets = _secrets()
        for line in self._messages:
            text = line.rstrip()
            for value, name in secrets:
                text = text.replace(value, f"[{name}]")
            if text:
                self._lines.append(text)
                log.debug("%s: %s", self._name, text)


def _secrets() -> list[tuple[str, str]]:
    """Values of the environment that look like keys, longest first, and their names."""
    found = [(value, name) for name, value in os.environ.items() if _SECRET_NAME.search(name) and len(value) >= 8]
    return sorted(found, key=lambda pair: -len(pair[0]))


def _how(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    meaning = {"SIGKILL": " (often: the machine ran out of memory)", "SIGSEGV": " (a crash in compiled code)"}
    return f"killed by {name}{meaning.get(name, '')}"
