"""Models: a card that describes a model, a service that runs it, and a wrapper that turns exceptions into results.

A model family is one file `<family>_inference.py`. It registers a `ModelCard` for each of its models and defines a
service class and a wrapper class that names it. Heavy imports happen inside the methods of the service.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import logging
import resource
import sys
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, cast

from PIL import Image
from pydantic import ValidationError, model_validator

from vmevalkit import media
from vmevalkit._version import __version__
from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.errors import ConfigError, QuestionError, VMEvalError, explain_validation
from vmevalkit.files import sha256
from vmevalkit.registry import Registry
from vmevalkit.types import GenerationResult, Geometry, Name, Provenance, Record, Size

log = logging.getLogger(__name__)


class Capabilities(Record):
    """What a model can do, beside making a video of a first frame.

    Attributes:
        reads_prompt: the prompt influences the video.
        takes_last_frame: the model can be given the last frame, too.
        chooses_length: `duration` may change the length of the video.
        billed: each video costs money.
        deterministic: the same seed gives the same video.
    """

    reads_prompt: bool = True
    takes_last_frame: bool = False
    chooses_length: bool = False
    billed: bool = False
    deterministic: bool = True


class ModelCard(Record):
    """What is known of a model before it is loaded. The catalog, the docs, `doctor` and `--dry-run` read it.

    Attributes:
        name: the name in the catalog.
        wrapper: dotted module and class, `package.module:Class`.
        service: name of the service class in the same module.
        model: what the service is told to load, for example a hub repository.
        args: settings that the service gets.
        about: a sentence; `description` adds size, frames and length to it.
        size, frames, fps: of the videos, where they do not depend on the question.
        packages: what must be importable for the service to run.
        environment: name of the model's own Python environment, installed by `setup/install_model.sh`.
        requirements: file of exact pins of that environment, for a model of an installed package; None for a model of
            the kit, whose pins are in `setup/models/<environment>/`.
        needs: files of a question without which the model has no answer.
        baseline: answers without reasoning; runs beside every other model.
        capabilities: what the model can do.
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
    environment: Name | None = None
    requirements: Path | None = None
    needs: tuple[str, ...] = ()
    baseline: bool = False
    capabilities: Capabilities = Capabilities()
    revision: str | None = None
    download_gb: float | None = None
    memory_gib: dict[str, float] = {}
    seconds_a_video: float | None = None
    license: str = "Apache-2.0"
    when: str = ""

    @model_validator(mode="after")
    def _requirements_have_an_environment(self) -> ModelCard:
        if self.requirements is not None and self.environment is None:
            raise ValueError(f"{self.name} has requirements, but no name of an environment to install them in")
        return self

    @property
    def video_seconds(self) -> float | None:
        """Length of a video, if it is known."""
        return self.frames / self.fps if self.frames and self.fps else None

    @property
    def description(self) -> str:
        """A sentence for lists."""
        if self.size and self.frames and self.fps:
            size = f"{self.size[0]}x{self.size[1]}, {self.frames} frames at {self.fps:g} fps"
            return f"{self.about} {size} ({self.frames / self.fps:.4g} s)."
        return self.about

    @property
    def entry(self) -> dict[str, Any]:
        """The entry of this model in `AVAILABLE_MODELS`."""
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
    """Add a model to the catalog."""
    return MODELS.add(card.name, card)


def service_of(card: ModelCard) -> type[Service]:
    """Return the service class of a model."""
    module = importlib.import_module(card.wrapper.split(":")[0])
    service: type[Service] = getattr(module, card.service)
    return service


@dataclass(frozen=True)
class Request:
    """One video to be made.

    Attributes:
        image: the first frame, RGB, upright and checked.
        image_path: its file.
        prompt: what shall happen.
        seed: of everything random.
        duration: seconds; None for the model's own length.
    """

    image: Image.Image
    image_path: Path
    prompt: str
    seed: int
    duration: float | None


@dataclass
class Video:
    """What a service returns.

    `frames` may be a generator. It is consumed while the video is written, so it may still add notes and timings.
    """

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


class Service(ABC):
    """Loads a model and runs it. Services raise; the wrapper turns exceptions into failed results.

    Class attributes:
        config_type: record of the model's settings; None if it has none.
    """

    config_type: ClassVar[type[Record] | None] = None

    @abstractmethod
    def generate(self, request: Request, **options: Any) -> Video:
        """Make one video."""

    def announce(self, prompts: Sequence[str]) -> None:  # noqa: B027 - most models need nothing
        """Be told which prompts will be asked for, so that what they have in common can be done once."""

    def close(self) -> None:  # noqa: B027 - most models hold nothing that must be released
        """Release what the model holds."""

    def obstacle(self) -> VMEvalError | None:
        """Return why the model cannot run on this machine, such as missing weights, without loading it."""
        return None

    @classmethod
    def ranges(cls, card: ModelCard) -> dict[str, str]:
        """Return the values that a model allows, by setting, where the configuration allows more."""
        return {}

    @classmethod
    def defaults(cls, card: ModelCard) -> dict[str, Any]:
        """Return the default settings of a model, where they differ from those of the configuration."""
        return dict(card.args)

    @classmethod
    def weights_status(cls, card: ModelCard, weights: Path | None = None) -> tuple[bool, str] | None:
        """Return whether a model's weights are on this machine, and where or how to get them; None if it has none."""
        return None


class Pending:
    """A video that is made or being made, but not written yet.

    Args:
        finish: writes the video and returns the eight fields of `GenerationResult`.
    """

    def __init__(self, finish: Callable[[], dict[str, Any]]) -> None:
        self._finish = finish

    def finish(self) -> dict[str, Any]:
        """Write the video and return the result. May be called in another thread, while the next video is made."""
        return self._finish()


class ModelWrapper:
    """The boundary at which exceptions become failed results.

    A family's wrapper only names its service class. The service is created, and its settings are checked, together with
    the wrapper; weights are loaded by the first `generate`.

    Args:
        model: what the service is told to load.
        output_dir: videos are written below it.
        name: the name in the catalog; `model` if it has none.
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
            known = self.service_class.config_type.model_fields if self.service_class.config_type is not None else ()
            raise ConfigError(f"{self.name}: {explain_validation(error, known)}") from None

    def obstacle(self) -> VMEvalError | None:
        """Return why the model cannot run on this machine, such as missing weights, without loading it."""
        return self.service.obstacle()

    def announce(self, prompts: Sequence[str]) -> None:
        """Say which prompts will be asked for, so that what they have in common can be done once."""
        self.service.announce(prompts)

    def close(self) -> None:
        """Release the model. It is loaded again by the next `generate`."""
        self.service.close()

    def abandon(self) -> bool:
        """Stop at once, because the run was interrupted. Return whether pending videos can still be written."""
        return True

    def generate(
        self,
        image_path: str | Path,
        text_prompt: str,
        duration: float | None = None,
        output_filename: str | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Make one video. Never raises, except for KeyboardInterrupt and the like.

        Args:
            image_path: the first frame.
            text_prompt: what shall happen.
            duration: seconds; None for the model's own length.
            output_filename: path of the mp4 below `output_dir`.
            options: `seed`, and settings that may change from video to video.

        Returns:
            The eight fields of `GenerationResult`.
        """
        return self._start(image_path, text_prompt, duration, output_filename, options).finish()

    def start(
        self,
        image_path: str | Path,
        text_prompt: str,
        duration: float | None = None,
        output_filename: str | None = None,
        **options: Any,
    ) -> Pending:
        """Make one video, but leave writing it to the returned object. Takes the arguments of `generate`.

        A subclass that defines `generate` is asked for everything at once.
        """
        if type(self).generate is not ModelWrapper.generate:
            result = self.generate(image_path, text_prompt, duration, output_filename, **options)
            return Pending(lambda: result)
        return self._start(image_path, text_prompt, duration, output_filename, options)

    def _start(
        self, image_path: str | Path, prompt: str, duration: float | None, filename: str | None, options: dict[str, Any]
    ) -> Pending:
        seed = options.pop("seed", None)
        seed = DEFAULT_SEED if seed is None else seed
        identity = hashlib.sha256(repr((self.name, str(image_path), prompt, duration, seed, options)).encode())
        generation_id = identity.hexdigest()[:16]
        path = self.output_dir / (filename or f"{generation_id}.mp4")
        attempt = _Attempt(self, Path(image_path), path, generation_id)
        attempt.make(prompt, duration, seed, options)
        if attempt.video is not None and not isinstance(attempt.video.frames, list):
            # Frames that are yet to be made are part of making the video.
            result = attempt.finish()
            return Pending(lambda: result)
        return Pending(attempt.finish)

    def request(self, image_path: Path, prompt: Any, duration: Any, seed: Any) -> Request:
        """Check the arguments of `generate`.

        Raises:
            QuestionError: the prompt is empty or the image cannot be read.
            ConfigError: seed or duration have the wrong type.
        """
        if not isinstance(prompt, str) or not prompt.strip():
            raise QuestionError("the prompt is empty")
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise ConfigError(f"seed = {seed!r}: must be a whole number")
        if duration is not None and not (isinstance(duration, (int, float)) and duration > 0):
            raise ConfigError(f"duration = {duration!r}: must be a positive number of seconds")
        return Request(media.load_image(image_path), image_path, prompt, seed, duration)

    def provenance(self, request: Request, video: Video, info: media.VideoInfo) -> Provenance:
        """Return everything that produced a video."""
        return Provenance(
            model=self.model,
            kit_version=__version__,
            seed=request.seed,
            prompt_sha256=hashlib.sha256(request.prompt.encode()).hexdigest(),
            image_sha256=sha256(request.image_path),
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


class _Attempt:
    """One call of `generate`: makes the video, then writes it. Exceptions of either become a failed result."""

    def __init__(self, wrapper: ModelWrapper, image_path: Path, path: Path, generation_id: str) -> None:
        self._wrapper, self._image_path, self._path, self._id = wrapper, image_path, path, generation_id
        self._started = time.monotonic()
        self._request: Request | None = None
        self._failure: dict[str, Any] | None = None
        self.video: Video | None = None

    def make(self, prompt: str, duration: float | None, seed: Any, options: dict[str, Any]) -> None:
        """Check the request and let the service make the video."""
        try:
            self._request = self._wrapper.request(self._image_path, prompt, duration, seed)
            self.video = self._wrapper.service.generate(self._request, **options)
        except Exception as error:  # noqa: BLE001 - the boundary, see the wrapper's docstring
            self._failure = self._failed(error)

    def finish(self) -> dict[str, Any]:
        """Write the video and return the result."""
        if self._failure is not None:
            return self._failure
        try:
            return self._write()
        except Exception as error:  # noqa: BLE001 - the boundary, see the wrapper's docstring
            return self._failed(error)

    def _write(self) -> dict[str, Any]:
        request, video = cast(Request, self._request), cast(Video, self.video)
        before = sum(video.seconds.values())
        started = time.monotonic()
        media.write_video(self._path, video.frames, video.fps)
        # The frames may be made while they are written; the time that the service noted meanwhile is not writing.
        making = sum(video.seconds.values()) - before
        video.seconds["write"] = round(time.monotonic() - started - making, 3)
        provenance = self._wrapper.provenance(request, video, media.probe(self._path))
        result = GenerationResult(
            success=True,
            video_path=str(self._path),
            error=None,
            duration_seconds=round(time.monotonic() - self._started, 3),
            generation_id=self._id,
            model=self._wrapper.name,
            status="completed",
            metadata=provenance.model_dump(mode="json"),
        )
        return result.model_dump(mode="json")

    def _failed(self, error: Exception) -> dict[str, Any]:
        trace = None
        if isinstance(error, VMEvalError):
            message = str(error)
        elif isinstance(error, ValidationError):
            message = explain_validation(error)
        else:
            message, trace = f"{type(error).__name__}: {error}", traceback.format_exc()
            if type(error).__name__ == "OutOfMemoryError" or "out of memory" in str(error).lower():
                message = "out of memory: choose a smaller memory plan (--set memory=group, or memory=tiled)"
            log.debug("%s", trace)
        result = GenerationResult.failure(
            message,
            model=self._wrapper.name,
            generation_id=self._id,
            duration_seconds=time.monotonic() - self._started,
            metadata={"traceback": trace} if trace else {},
        )
        return result.model_dump(mode="json")


def library_versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the installed versions of packages, of Python, and of what reads and writes every video."""
    versions = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in ("numpy", "pillow", "av", *packages):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def peak_host_memory() -> int:
    """Return the largest resident size of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
