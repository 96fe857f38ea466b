"""A model in a process of its own that reads and writes JSON lines. `RemoteModel` (remote.py) is the other end.

It runs inside the environment of the model, whose pins may contradict those of the kit:

    envs/<model>/bin/python -m vmevalkit.runner.worker

    worker   {"ready": {"protocol": 1, "kit": "0.2.0", "versions": {...}}}
    kit      {"load": {"name": "cogvideox-5b-i2v", "output_dir": "...", "args": {...}}}
    worker   {"loaded": "cogvideox-5b-i2v"}
    kit      {"announce": {"prompts": ["...", "..."]}}
    worker   {"announced": 2}
    kit      {"generate": {"image_path": "...", "text_prompt": "...", "duration": null, "options": {"seed": 42}}}
    worker   {"progress": 0.25}
    worker   {"result": {the eight fields of GenerationResult}}
    worker   {"error": "what is wrong with the request", "kind": "ConfigError"}

A request that is not valid is answered with an error, and the next one is read. Answers are in the order of the
requests. A request that is sent before the last answer is handled while the last video is written. Progress of the
video that is being made may come between answers. The process ends with its input.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import IO, Any

from pydantic import Field, ValidationError

from vmevalkit._version import __version__
from vmevalkit.errors import ConfigError, UsageError, VMEvalError, explain_validation
from vmevalkit.types import Record

PROTOCOL = 1


class LoadRequest(Record):
    """Which model to load, with which settings on top of its catalog entry.

    `function` is `path/to/file.py:name`, if the model is a user's function.
    """

    name: str
    output_dir: str = "data/outputs"
    args: dict[str, Any] = Field(default_factory=dict)
    function: str | None = None


class AnnounceRequest(Record):
    """Prompts that will be asked for."""

    prompts: list[str]


class GenerateRequest(Record):
    """The arguments of `ModelWrapper.generate`."""

    image_path: str
    text_prompt: str
    duration: float | None = None
    output_filename: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class Handler:
    """Handles requests, and holds the model between them, so that weights are loaded once."""

    def __init__(self) -> None:
        self._wrapper: Any = None

    def handle(self, line: str) -> PendingAnswer:
        """Handle one request, except for what can be done while the next one is handled.

        A request that is not valid is answered with an error; nothing is raised.
        """
        try:
            return self._handle(line)
        except Exception as error:  # noqa: BLE001 - the next request must still find a worker
            return PendingAnswer(_error(error))

    def _handle(self, line: str) -> PendingAnswer:
        verb, body = _parse(line)
        if verb == "load":
            return self._load(LoadRequest.model_validate(body))
        if verb == "announce":
            return self._announce(AnnounceRequest.model_validate(body))
        if verb == "generate":
            return self._generate(GenerateRequest.model_validate(body))
        raise UsageError(f"unknown request '{verb}'", "available: load, announce, generate")

    def _load(self, request: LoadRequest) -> PendingAnswer:
        from vmevalkit.models.base import MODELS

        if request.function is not None:
            from vmevalkit.models.function import FunctionWrapper

            self._wrapper = FunctionWrapper(request.name, request.output_dir, function=request.function, **request.args)
            return PendingAnswer({"loaded": request.name})
        card = MODELS[request.name]
        module, name = card.wrapper.split(":")
        wrapper = getattr(importlib.import_module(module), name)
        self._wrapper = wrapper(card.model, request.output_dir, name=request.name, **{**card.args, **request.args})
        return PendingAnswer({"loaded": request.name})

    def _announce(self, request: AnnounceRequest) -> PendingAnswer:
        self._model().announce(request.prompts)
        return PendingAnswer({"announced": len(request.prompts)})

    def _generate(self, request: GenerateRequest) -> PendingAnswer:
        pending = self._model().start(
            request.image_path, request.text_prompt, request.duration, request.output_filename, **request.options
        )
        return PendingAnswer({}, pending)

    def _model(self) -> Any:
        if self._wrapper is None:
            raise ConfigError("no model is loaded", "send a load request first")
        return self._wrapper


class PendingAnswer:
    """An answer, or a video that is yet to be written, whose result becomes the answer."""

    def __init__(self, answer: dict[str, Any], video: Any = None) -> None:
        self._answer, self._video = answer, video

    def finish(self) -> dict[str, Any]:
        """Write the video, if there is one, and return the answer."""
        if self._video is None:
            return self._answer
        try:
            return {"result": self._video.finish()}
        except Exception as error:  # noqa: BLE001 - the next request must still find a worker
            return _error(error)


class _Answers:
    """Writes answers to the output."""

    def __init__(self, output: IO[str]) -> None:
        self._output = output
        # Progress is written by the thread that makes a video, while another one answers.
        self._lock = threading.Lock()

    def send(self, answer: dict[str, Any]) -> None:
        """Write an answer as one line of ASCII."""
        with self._lock:
            self._output.write(json.dumps(answer, default=str) + "\n")
            self._output.flush()

    def report(self, share: float) -> None:
        """Write the progress of a video."""
        # If nobody reads, the next answer notices it.
        with suppress(OSError, ValueError):
            self.send({"progress": round(share, 3)})

    def finish(self, pending: PendingAnswer) -> None:
        """Finish an answer, and write it."""
        self.send(pending.finish())


def _parse(line: str) -> tuple[str, Any]:
    try:
        request = json.loads(line)
    except ValueError as error:
        raise UsageError(f"the request is not JSON: {error}") from None
    if not isinstance(request, dict) or len(request) != 1:
        raise UsageError('a request must be an object with one key, for example {"generate": {...}}')
    return next(iter(request.items()))


def _error(error: Exception) -> dict[str, Any]:
    message = f"{type(error).__name__}: {error}"
    if isinstance(error, ValidationError):
        message = explain_validation(error)
    elif isinstance(error, VMEvalError):
        message = str(error)
    return {"error": message, "kind": type(error).__name__}


def protect_streams() -> tuple[IO[str], IO[str]]:
    """Return stdin and stdout, and keep everything else from using them.

    Libraries print to stdout and start child processes that inherit it. So the streams are moved to descriptors that
    child processes do not inherit; descriptor 1 becomes stderr, and descriptor 0 is empty.
    """
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8", errors="replace")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return requests, answers


def _end_with_parent(parent: int) -> None:
    """End this process soon after its parent, so that a kit that was killed leaves no model on the GPU."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)  # the main thread may be inside compiled code that does not return
    os._exit(1)


def _terminate(number: int, frame: object) -> None:
    # An exception, so that a video that is being written removes its temporary file; this one, because a model that
    # calls sys.exit ends its video only.
    raise KeyboardInterrupt


def main() -> int:
    """Answer requests until the input ends or SIGTERM comes."""
    try:
        return _serve()
    except KeyboardInterrupt:
        return 128 + signal.SIGTERM


def _serve() -> int:
    requests, output = protect_streams()
    answers = _Answers(output)
    # Ctrl-C in a terminal reaches the whole process group. The kit handles it, and ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminate)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()

    from vmevalkit.models import progress
    from vmevalkit.models.wrapper import library_versions

    progress.listen(answers.report)

    packages = ("torch", "diffusers", "transformers", "accelerate", "pydantic")
    answers.send({"ready": {"protocol": PROTOCOL, "kit": __version__, "versions": library_versions(packages)}})

    handler = Handler()
    # One thread, so that answers keep the order of their requests.
    with ThreadPoolExecutor(max_workers=1) as thread:
        sent: Future[None] | None = None
        for line in requests:
            if line.strip():
                pending = handler.handle(line)
                if sent is not None and isinstance(sent.exception(), BrokenPipeError):
                    return 1
                sent = thread.submit(answers.finish, pending)
    return 1 if sent is not None and sent.exception() else 0


if __name__ == "__main__":
    sys.exit(main())
