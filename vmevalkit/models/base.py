"""What every model is: a card that says what it can do, a service that does it, a wrapper that catches.

A family is one file `<family>_inference.py`: it registers a `ModelCard` for each of its models, has a service class
(loads and runs, no `try`) and a wrapper class (names the service). Heavy imports happen inside the service's methods.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

from PIL import Image
from pydantic import ValidationError

from vmevalkit import __version__, media
from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.errors import ConfigError, QuestionError, VMEvalError, explain_validation
from vmevalkit.registry import Registry
from vmevalkit.types import GenerationResult, Geometry, Provenance, Record, Size

log = logging.getLogger(__name__)


class ModelCard(Record):
    """What is known of a model before it is loaded. The catalog, the docs, `doctor` and `--dry-run` read it.

    Attributes:
        name: the name in the catalog.
        wrapper: dotted module and class, `package.module:Class`.
        service: name of the service class in the same module.
        model: what the service is told to load, for example a hub repository.
        args: settings that the service gets.
        about: a sentence; size, frames and length are added to it by `description`.
        size, frames, fps: of the videos, where they do not depend on the question.
        packages: what must be importable for the service to run.
        environment: folder under `setup/models/` that installs it.
        needs: files of a question without which the model has no answer.
        baseline: answers without reasoning; runs beside every other model.
        download_gb: weights to download, in 10^9 bytes.
        memory_gib: peak GPU memory by memory plan, as measured or estimated (docs/measurements.md).
        seconds_a_video: measured time for one video on one H200, used for estimates.
        when: when to use which.
    """

    name: str
    family: str
    wrapper: str
    service: str
    model: str
    args: dict[str, Any] = {}
    about: str
    size: Size | None = None
    frames: int | None = None
    fps: float | None = None
    packages: tuple[str, ...] = ()
    environment: str | None = None
    needs: tuple[str, ...] = ()
    baseline: bool = False
    revision: str | None = None
    download_gb: float | None = None
    memory_gib: dict[str, float] = {}
    seconds_a_video: float | None = None
    license: str = "Apache-2.0"
    when: str = ""

    @property
    def video_seconds(self) -> float | None:
        return self.frames / self.fps if self.frames and self.fps else None

    @property
    def description(self) -> str:
        if self.size and self.frames and self.fps:
            size = f"{self.size[0]}x{self.size[1]}, {self.frames} frames at {self.fps:g} fps"
            return f"{self.about} {size} ({self.frames / self.fps:.4g} s)."
        return self.about

    @property
    def entry(self) -> dict[str, Any]:
        """The catalog's dict for this model."""
        module, wrapper = self.wrapper.split(":")
        return {
            "wrapper_module": module,
            "wrapper_class": wrapper,
            "service_class": self.service,
            "model": self.model,
            "args": dict(self.args),
            "description": self.description,
            "family": self.family,
        }


MODELS: Registry[ModelCard] = Registry("model", "vmevalkit.models", suffix="_inference")


def register_model(card: ModelCard) -> ModelCard:
    """Put a model into the catalog."""
    return MODELS.add(card.name, card)


@dataclass(frozen=True)
class Request:
    """One video to be made. The image is RGB, upright and checked; `duration` None means the model's own length."""

    image: Image.Image
    image_path: Path
    prompt: str
    seed: int
    duration: float | None


@dataclass
class Video:
    """What a service returns. `frames` may be a generator; what it notes while being read ends up in the result."""

    frames: Iterable[media.Frame]
    fps: float
    geometry: Geometry
    settings: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    weights: dict[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    memory_plan: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    peak_memory_bytes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Made:
    """A video that is yet to be written, and what it answers."""

    request: Request
    video: Video


class Service(Protocol):
    """Loads a model and runs it. Errors propagate."""

    def generate(self, request: Request, **options: Any) -> Video: ...

    # Optional: `obstacle() -> VMEvalError | None` says without loading anything why it could not run, e.g. no weights.
    # Optional: `announce(prompts) -> None` says what will be asked for.


class ModelWrapper:
    """The one place where exceptions become a failed result.

    A family's wrapper names its service class; nothing else. The service is built (and its settings are checked) with
    the wrapper; weights are loaded by the first `generate`.

    Args:
        model: what the service is told to load.
        output_dir: videos are written below it.
        name: the catalog's name; `model` where there is none.
        args: settings of the service.

    Raises:
        ConfigError: a setting that the model does not have or cannot take.
    """

    service_class: ClassVar[Any]
    packages: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, model: str, output_dir: str | Path = "data/outputs", *, name: str | None = None, **args: Any
    ) -> None:
        self.model = model
        self.name = name or model
        self.output_dir = Path(output_dir)
        try:
            self.service: Service = self.service_class(model, **args)
        except ValidationError as error:
            raise ConfigError(f"{self.name}: {explain_validation(error)}") from None

    def obstacle(self) -> VMEvalError | None:
        """Why the model could not run now (missing weights, say), found without loading it."""
        ask = getattr(self.service, "obstacle", None)
        return ask() if ask is not None else None

    def announce(self, prompts: Sequence[str]) -> None:
        """Say which prompts videos will be asked for, so that what they have in common is done once."""
        tell = getattr(self.service, "announce", None)
        if tell is not None:
            tell(prompts)

    def generate(
        self,
        image_path: str | Path,
        text_prompt: str,
        duration: float | None = None,
        output_filename: str | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Make one video. Never raises, except for KeyboardInterrupt and its like.

        Args:
            image_path: the first frame.
            text_prompt: what shall happen.
            duration: seconds; None for the model's own length.
            output_filename: path of the mp4 below `output_dir`.
            options: `seed`, and what the service takes.

        Returns:
            The eight fields of `GenerationResult`.
        """
        return self.begin(image_path, text_prompt, duration, output_filename, **options)()

    def begin(
        self,
        image_path: str | Path,
        text_prompt: str,
        duration: float | None = None,
        output_filename: str | None = None,
        **options: Any,
    ) -> Callable[[], dict[str, Any]]:
        """Make one video, but leave the writing for later. Arguments as for `generate`; never raises either.

        Returns:
            What writes the video and answers as `generate` does. It may be called in another thread, while this one
            makes the next video.
        """
        started = time.monotonic()
        seed = options.pop("seed", None)
        seed = DEFAULT_SEED if seed is None else seed
        identity = hashlib.sha256(repr((self.name, str(image_path), text_prompt, duration, seed, options)).encode())
        generation_id = identity.hexdigest()[:16]
        path = self.output_dir / (output_filename or f"{generation_id}.mp4")

        def caught(work: Callable[[], dict[str, Any] | _Made]) -> dict[str, Any] | _Made:
            try:
                return work()
            except Exception as error:  # noqa: BLE001 - the one boundary, see the class's docstring
                return self._failure(error, generation_id, time.monotonic() - started)

        def finish() -> dict[str, Any]:
            return made if isinstance(made, dict) else cast(dict[str, Any], caught(write))

        def write() -> dict[str, Any]:
            metadata = self._write(cast(_Made, made), path)
            result = GenerationResult(
                success=True,
                video_path=str(path),
                error=None,
                duration_seconds=round(time.monotonic() - started, 3),
                generation_id=generation_id,
                model=self.name,
                status="completed",
                metadata=metadata.model_dump(mode="json"),
            )
            return result.model_dump(mode="json")

        made = caught(lambda: self._make(Path(image_path), text_prompt, duration, seed, options))
        if isinstance(made, dict) or isinstance(made.video.frames, list):
            return finish
        # Frames that are still to be made are part of making the video.
        result = finish()
        return lambda: result

    def _make(self, image_path: Path, prompt: str, duration: float | None, seed: Any, options: dict[str, Any]) -> _Made:
        if not isinstance(prompt, str) or not prompt.strip():
            raise QuestionError("the prompt is empty")
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise ConfigError(f"seed = {seed!r}: must be a whole number")
        if duration is not None and not (isinstance(duration, (int, float)) and duration > 0):
            raise ConfigError(f"duration = {duration!r}: must be a positive number of seconds")
        image = media.load_image(image_path)
        request = Request(image=image, image_path=image_path, prompt=prompt, seed=seed, duration=duration)
        return _Made(request, self.service.generate(request, **options))

    def _write(self, made: _Made, path: Path) -> Provenance:
        request, video = made.request, made.video
        before = sum(video.seconds.values())
        started = time.monotonic()
        media.write_video(path, video.frames, video.fps)
        # A video's frames may be made while they are written; what the service noted meanwhile is not writing.
        during = sum(video.seconds.values()) - before
        video.seconds["write"] = round(time.monotonic() - started - during, 3)
        info = media.probe(path)
        return Provenance(
            model=self.model,
            kit_version=__version__,
            seed=request.seed,
            prompt_sha256=hashlib.sha256(request.prompt.encode()).hexdigest(),
            image_sha256=hashlib.sha256(request.image_path.read_bytes()).hexdigest(),
            frames=info.frames,
            fps=video.fps,
            video_seconds=info.frames / video.fps,
            size=info.size,
            geometry=video.geometry,
            settings=video.settings,
            notes=tuple(video.notes),
            weights=video.weights,
            device=video.device,
            memory_plan=video.memory_plan,
            libraries=library_versions(self.packages),
            seconds=video.seconds,
            peak_memory_bytes={**video.peak_memory_bytes, "host": peak_host_memory()},
        )

    def _failure(self, error: Exception, generation_id: str, seconds: float) -> dict[str, Any]:
        if isinstance(error, VMEvalError):
            message, trace = str(error), None
        elif isinstance(error, ValidationError):
            message, trace = explain_validation(error), None
        else:
            message, trace = f"{type(error).__name__}: {error}", traceback.format_exc()
            if type(error).__name__ == "OutOfMemoryError" or "out of memory" in str(error).lower():
                message = "out of memory: choose a smaller memory plan (--set memory=group, or memory=tiled)"
            log.debug("%s", trace)
        result = GenerationResult(
            success=False,
            video_path=None,
            error=message,
            duration_seconds=round(seconds, 3),
            generation_id=generation_id,
            model=self.name,
            status="failed",
            metadata={"traceback": trace} if trace else {},
        )
        return result.model_dump(mode="json")


def begin(model: Any, *arguments: Any, **options: Any) -> Callable[[], dict[str, Any]]:
    """`model.begin`, or all of `model.generate` at once where a model has only that, or its own."""
    own = isinstance(model, ModelWrapper) and type(model).generate is not ModelWrapper.generate
    if hasattr(model, "begin") and not own:
        return cast(Callable[[], dict[str, Any]], model.begin(*arguments, **options))
    result: dict[str, Any] = model.generate(*arguments, **options)
    return lambda: result


def library_versions(packages: Iterable[str]) -> dict[str, str]:
    """Installed versions of packages, with Python's own and those that every video goes through."""
    versions = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in ("numpy", "pillow", "av", *packages):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def peak_host_memory() -> int:
    """Largest resident size of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
