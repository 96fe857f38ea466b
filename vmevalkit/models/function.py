"""A user's own model: a function `(image, prompt, seed) -> frames or path`, without a class or registration."""

from __future__ import annotations

import ast
import asyncio
import functools
import hashlib
import inspect
import itertools
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sized
from numbers import Real
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import TypeAdapter, ValidationError

from vmevalkit import media
from vmevalkit.errors import ConfigError, GenerationError, UsageError
from vmevalkit.files import sha256
from vmevalkit.models.base import MODELS, ModelCard, Request, Service, Video, register_form
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.registry import import_file
from vmevalkit.types import Geometry, Name

FPS = 8.0
MIN_FPS, MAX_FPS = 0.1, 1000

VideoFunction = Callable[..., Any]


def load_function(target: str) -> VideoFunction:
    """Import the function that `path/to/file.py:name` names.

    Raises:
        UsageError: there is no such file or function, or the file cannot be imported.
    """
    file, _, name = target.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise UsageError(f"--model {target}: there is no file {path}")
    function = getattr(import_file(path), name, None)
    if not callable(function):
        raise UsageError(f"--model {target}: {path} has no function '{name}'")
    return function  # type: ignore[no-any-return]


class NamedFunction:
    """A callable with a name that its source does not give it."""

    def __init__(self, function: VideoFunction, name: str) -> None:
        self.function, self.__name__ = function, name

    def __call__(self, image: Image.Image, prompt: str, seed: int) -> Any:
        """Call it."""
        return self.function(image, prompt, seed)


def named(function: Any, name: str) -> NamedFunction:
    """Return a callable under another name.

    Raises:
        UsageError: it is not one callable; models of the catalog and functions in files have names.
    """
    if not callable(function):
        raise UsageError(f"name = {name!r}: only a function can be given a name, not {function!r}")
    return NamedFunction(function, name)


def name_of(function: VideoFunction) -> str:
    """Return the name of a callable: its own, that of the function in a `functools.partial`, or that of its class."""
    if isinstance(function, functools.partial):
        return name_of(function.func)
    return str(getattr(function, "__name__", None) or type(function).__name__)


class FunctionService(Service):
    """Calls a function and interprets what it returns.

    The function, or any callable, is given an RGB `PIL.Image`, the prompt and the seed. It returns frames, or
    (frames, fps), or the path of a video; or a coroutine or an asynchronous generator of these. Frames are a sequence
    or a generator of images, or an array or tensor, see `media.arrays`. The default of fps is 8.

    Args:
        model: the name under which the videos are stored.
        function: the function, or `path/to/file.py:name`.
    """

    def __init__(self, model: str, *, function: str | VideoFunction, **args: Any) -> None:
        if args:
            raise ConfigError(f"{model} is a function and has no settings, but got {', '.join(sorted(args))}")
        self._function = load_function(function) if isinstance(function, str) else function
        self._source = source_of(self._function)
        self._loop: _EventLoop | None = None

    def check(self, duration: float | None, options: dict[str, Any]) -> None:
        """Refuse a duration and options."""
        if options or duration is not None:
            raise ConfigError("a function takes image, prompt and seed; set anything else inside it")

    def generate(self, request: Request, **options: Any) -> Video:
        """Call the function.

        Raises:
            ConfigError: a duration or an option is given.
            GenerationError: the function returned something else, or too many frames.
        """
        self.check(request.duration, options)
        output = self._called(request)
        fps = FPS
        if isinstance(output, (str, Path)):
            fps = media.probe(output).fps
            output = media.iter_frames(output)
        elif isinstance(output, tuple) and len(output) == 2 and not _is_frame(output[1]):
            output, fps = output[0], _fps(output[1])
        frames = media.iter_pixels(output)
        first = next(frames, None)
        if first is None:
            raise GenerationError("the function returned no frames")
        shown = Image.fromarray(first)
        if shown.size == media.even(request.image.size):
            geometry = Geometry.place(request.image.size, shown.size)
        else:
            geometry = media.register(shown, request.image)
        every = itertools.chain([first], frames)
        # Frames of a generator are made while they are written, so that they are not all in memory.
        return Video(list(every) if isinstance(output, Sized) else every, fps, geometry, weights=self._source)

    def close(self) -> None:
        """End the event loop."""
        if self._loop is not None:
            self._loop.close()
            self._loop = None

    def _called(self, request: Request) -> Any:
        output = self._function(request.image, request.prompt, request.seed)
        if inspect.isasyncgen(output):
            output = _collected(output)
        if not inspect.isawaitable(output):
            return output
        # One loop for all videos, because sessions of asynchronous clients belong to a loop.
        self._loop = self._loop or _EventLoop()
        return self._loop.result_of(output)


class _EventLoop:
    """An event loop in a thread of its own, because the calling thread may run one already, as notebooks do."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def result_of(self, output: Awaitable[Any]) -> Any:
        """Wait for something awaitable, and return its result."""
        return asyncio.run_coroutine_threadsafe(_awaited(output), self._loop).result()

    def close(self) -> None:
        """Stop the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _awaited(output: Awaitable[Any]) -> Any:
    return await output


async def _collected(output: AsyncIterator[Any]) -> list[Any]:
    return [frame async for frame in output]


def source_of(function: VideoFunction) -> dict[str, Any]:
    """Return the file in which a callable is defined, and the digest of it and of what it imports from its folder.

    The result is empty for a callable without a file.
    """
    inner = _innermost(function)
    code = getattr(inner, "__code__", None)
    file = Path(code.co_filename) if code is not None else None
    if file is None or not file.is_file():
        return {}
    return {"function": f"{file.name}:{name_of(function)}", "source_sha256": _source_digest(file)}


def _innermost(function: Any) -> Any:
    """Return the function that a callable runs."""
    if isinstance(function, functools.partial):
        return _innermost(function.func)
    if isinstance(function, NamedFunction):
        return _innermost(function.function)
    if not hasattr(function, "__code__") and not inspect.ismethod(function):
        function = type(function).__call__
    return inspect.unwrap(getattr(function, "__func__", function))


def source_files(file: Path) -> list[Path]:
    """Return a file and the modules in its folder that it imports, also indirectly, sorted."""
    found: set[Path] = set()
    new = [file]
    while new:
        path = new.pop()
        if path not in found:
            found.add(path)
            new += [other for name in _imported(path) if (other := file.parent / f"{name}.py").is_file()]
    return sorted(found)


def _source_digest(file: Path) -> str:
    """Return the digest of a file; together with those of the modules in its folder that it imports, if it does."""
    digests = [sha256(path) for path in source_files(file)]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _imported(file: Path) -> set[str]:
    """Return the first parts of the names of the modules that a Python file imports."""
    try:
        nodes = list(ast.walk(ast.parse(file.read_bytes())))
    except (SyntaxError, ValueError):
        # A source that cannot be read, such as a cell of a notebook with magic commands.
        return set()
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return {name.partition(".")[0] for name in names}


def _is_frame(value: Any) -> bool:
    return isinstance(value, Image.Image) or (media.is_array(value) and getattr(value, "ndim", 0) > 0)


def _fps(value: Any) -> float:
    """Return a number of frames a second."""
    if not isinstance(value, Real) or not MIN_FPS <= float(value) <= MAX_FPS:
        raise GenerationError(f"the function returned fps = {value!r}: must be a number from {MIN_FPS} to {MAX_FPS}")
    return float(value)


class FunctionWrapper(ModelWrapper):
    """The boundary around a user's function."""

    service_class = FunctionService


def function_card(model: str | VideoFunction) -> ModelCard:
    """Return the card of a function, given itself or `path/to/file.py:name`.

    Raises:
        UsageError: the function cannot be imported, or has a name that cannot be a model's.
    """
    if isinstance(model, str):
        load_function(model)
        name = model.rpartition(":")[2]
    else:
        name = name_of(model)
    fix = "rename the function" if isinstance(model, str) else "give it another one: generate(function, name=...)"
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        raise UsageError(f"a function named '{name}' cannot be a model here", fix) from None
    if name in MODELS:
        raise UsageError(f"a function named '{name}' cannot be a model here", fix)
    # Absolute, because a function may change the working folder.
    target = str(Path(model).absolute()) if isinstance(model, str) else model
    return ModelCard(
        name=name,
        family="function",
        wrapper=f"{__name__}:{FunctionWrapper.__name__}",
        service=FunctionService.__name__,
        model=name,
        args={"function": target},
        about="A function of your own.",
    )


register_form("my_file.py:my_function", r".*\.py:.*", function_card)
