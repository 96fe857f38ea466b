"""One model in a process of its own: JSON lines in, JSON lines out. `RemoteModel` (remote.py) is the other end.

It runs inside a model's environment, whose pins may contradict the kit's own:

    envs/<model>/bin/python -m vmevalkit.runner.worker

    worker   {"ready": {"protocol": 1, "kit": "0.1.0", "versions": {...}}}
    kit      {"load": {"name": "cogvideox-5b-i2v", "output_dir": "...", "args": {...}}}
    worker   {"loaded": "cogvideox-5b-i2v"}
    kit      {"announce": {"prompts": ["...", "..."]}}
    worker   {"announced": 2}
    kit      {"generate": {"image_path": "...", "text_prompt": "...", "duration": null, "options": {"seed": 42}}}
    worker   {"result": {the eight fields of GenerationResult}}
    worker   {"error": "what is wrong with the request", "kind": "ConfigError"}

A request that cannot be served gets an error, and the next one is read. Answers come in the order of the requests; a
request that is sent before the last answer has come is worked at while the last video is written. The end of the input
ends the process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any

from pydantic import Field, ValidationError

from vmevalkit._version import __version__
from vmevalkit.errors import ConfigError, UsageError, VMEvalError, explain_validation
from vmevalkit.types import Record

PROTOCOL = 1


class LoadRequest(Record):
    """Which model to build, with which settings on top of its catalog entry's."""

    name: str
    output_dir: str = "data/outputs"
    args: dict[str, Any] = Field(default_factory=dict)


class AnnounceRequest(Record):
    """Prompts that videos will be asked for."""

    prompts: list[str]


class GenerateRequest(Record):
    """The arguments of `ModelWrapper.generate`."""

    image_path: str
    text_prompt: str
    duration: float | None = None
    output_filename: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class Worker:
    """Answers requests; holds the wrapper between them, so that weights are loaded once."""

    def __init__(self) -> None:
        self._wrapper: Any = None

    def begin(self, line: str) -> Callable[[], dict[str, Any]]:
        """Serve one line, but for what can be done while the next one is served. What is returned does that.

        Both answer with an error, never raise, for a line that makes no sense.
        """
        handlers: dict[str, Callable[[Any], Callable[[], dict[str, Any]]]] = {
            "load": self._load,
            "announce": self._announce,
            "generate": self._generate,
        }

        def serve() -> Callable[[], dict[str, Any]]:
            verb, body = _parse(line)
            if verb not in handlers:
                raise UsageError(f"unknown request '{verb}'", f"there are: {', '.join(handlers)}")
            return handlers[verb](body)

        rest = _caught(serve)
        return lambda: _caught(rest) if callable(rest) else rest

    def _load(self, body: Any) -> Callable[[], dict[str, Any]]:
        import importlib

        from vmevalkit.models.base import MODELS

        request = LoadRequest.model_validate(body)
        card = MODELS[request.name]
        module, name = card.wrapper.split(":")
        wrapper = getattr(importlib.import_module(module), name)
        self._wrapper = wrapper(card.model, request.output_dir, name=request.name, **{**card.args, **request.args})
        return lambda: {"loaded": request.name}

    def _announce(self, body: Any) -> Callable[[], dict[str, Any]]:
        request = AnnounceRequest.model_validate(body)
        self._model().announce(request.prompts)
        return lambda: {"announced": len(request.prompts)}

    def _model(self) -> Any:
        if self._wrapper is None:
            raise ConfigError("no model is loaded", "send a load request first")
        return self._wrapper

    def _generate(self, body: Any) -> Callable[[], dict[str, Any]]:
        request = GenerateRequest.model_validate(body)
        pending = self._model().start(
            request.image_path, request.text_prompt, request.duration, request.output_filename,
            **request.options,
        )  # fmt: skip
        return lambda: {"result": pending.finish()}


def _caught(work: Callable[[], Any]) -> Any:
    """What `work` returns, or the error that it raises, as an answer."""
    try:
        return work()
    except ValidationError as error:
        return _error(explain_validation(error), error)
    except VMEvalError as error:
        return _error(str(error), error)
    except Exception as error:  # noqa: BLE001 - the next request must still find a worker
        return _error(f"{type(error).__name__}: {error}", error)


def _parse(line: str) -> tuple[str, Any]:
    try:
        request = json.loads(line)
    except ValueError as error:
        raise UsageError(f"not a line of JSON: {error}") from None
    if not isinstance(request, dict) or len(request) != 1:
        raise UsageError('a request is an object with one key, for example {"generate": {...}}')
    return next(iter(request.items()))


def _error(message: str, error: Exception) -> dict[str, Any]:
    return {"error": message, "kind": type(error).__name__}


def protect_streams() -> tuple[IO[str], IO[str]]:
    """Take stdin and stdout for the protocol alone.

    Libraries print to stdout and start children that inherit it. The real streams move to descriptors that no child
    inherits; descriptor 1 becomes stderr and descriptor 0 empty.
    """
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8", errors="replace")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return requests, answers


def _end_with_parent(parent: int) -> None:
    """End this process soon after its parent: a kit that was killed leaves no model on the GPU."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)  # the main thread may be inside compiled code that does not come back
    os._exit(1)


def _terminate(number: int, frame: object) -> None:
    # An exception, so that a video that is being written removes its temporary file.
    sys.exit(128 + number)


def main() -> int:
    """Serve requests until the input ends."""
    requests, answers = protect_streams()
    # Ctrl-C in a terminal reaches the whole process group; the kit decides what it means and ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminate)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()

    def send(answer: dict[str, Any]) -> None:
        # ASCII only, and one line whatever the text holds.
        answers.write(json.dumps(answer, default=str) + "\n")
        answers.flush()

    from vmevalkit.models.base import library_versions

    packages = ("torch", "diffusers", "transformers", "accelerate", "pydantic")
    send({"ready": {"protocol": PROTOCOL, "kit": __version__, "versions": library_versions(packages)}})
    worker = Worker()
    # One thread, so that answers keep the order of their requests.
    with ThreadPoolExecutor(max_workers=1) as rest:
        sent: Future[None] | None = None
        for line in requests:
            if line.strip():
                finish = worker.begin(line)
                if sent is not None and isinstance(sent.exception(), BrokenPipeError):
                    return 1
                sent = rest.submit(lambda finish=finish: send(finish()))  # type: ignore[misc]
    return 1 if sent is not None and sent.exception() else 0


if __name__ == "__main__":
    sys.exit(main())
