"""A user's own model: a function `(image, prompt, seed) -> frames or path`, without a class or registration."""

from __future__ import annotations

import ast
import hashlib
import itertools
from collections.abc import Callable, Sized
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
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


class FunctionService(Service):
    """Calls a function and interprets what it returns.

    The function is given an RGB `PIL.Image`, the prompt and the seed. It returns frames (a sequence, an array or a
    generator of images, uint8 or floats in [0, 1]), or (frames, fps), or the path of a video. The default of fps is 8.

    Args:
        model: the name under which the videos are stored.
        function: the function, or `path/to/file.py:name`.
    """

    def __init__(self, model: str, *, function: str | VideoFunction, **args: Any) -> None:
        if args:
            raise ConfigError(f"{model} is a function and has no settings, but got {', '.join(sorted(args))}")
        self._function = load_function(function) if isinstance(function, str) else function
        self._source = source_of(self._function)

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
        output = self._function(request.image, request.prompt, request.seed)
        fps = FPS
        if isinstance(output, (str, Path)):
            fps = media.probe(output).fps
            output = media.iter_frames(output)
        elif isinstance(output, tuple) and len(output) == 2 and not isinstance(output[1], (Image.Image, np.ndarray)):
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


def source_of(function: VideoFunction) -> dict[str, Any]:
    """Return the file in which a function is defined, and the digest of it and of what it imports from its folder.

    The result is empty for a function without a file.
    """
    code = getattr(function, "__code__", None)
    file = Path(code.co_filename) if code is not None else None
    if file is None or not file.is_file():
        return {}
    return {"function": f"{file.name}:{function.__name__}", "source_sha256": _source_digest(file)}


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
    function = load_function(model) if isinstance(model, str) else model
    if not hasattr(function, "__name__"):
        raise UsageError(f"{type(function).__name__} is an object without a name", "pass a function that calls it")
    name = function.__name__
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        raise UsageError(f"a function named '{name}' cannot be a model here", "rename the function") from None
    if name in MODELS:
        raise UsageError(f"a function named '{name}' cannot be a model here", "rename the function")
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
