"""The boundary between models and the kit: `ModelWrapper` turns exceptions of a service into failed results."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import logging
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

from pydantic import ValidationError

from vmevalkit import media
from vmevalkit._version import __version__
from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.errors import ConfigError, GenerationError, QuestionError, VMEvalError, explain_validation, first_line
from vmevalkit.files import move, sha256, sha256_or_none
from vmevalkit.models.base import Request, Service, Video
from vmevalkit.models.blame import place_of, traceback_of
from vmevalkit.types import GenerationResult, Provenance

log = logging.getLogger(__name__)


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
        ConfigError: a setting that the model does not have or cannot take, or a service that is no `Service`.
    """

    service_class: ClassVar[Any]
    packages: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, model: str, output_dir: str | Path = "data/outputs", *, name: str | None = None, **args: Any
    ) -> None:
        self.model = model
        self.name = name or model
        self.output_dir = Path(output_dir)
        if not issubclass(self.service_class, Service):
            service = self.service_class.__name__
            raise ConfigError(f"{self.name}: the service {service} must inherit from vmevalkit.Service")
        try:
            self.service: Service = self.service_class(model, **args)
        except ValidationError as error:
            known = self.service_class.config_type.model_fields if self.service_class.config_type is not None else ()
            raise ConfigError(f"{self.name}: {explain_validation(error, known)}") from None

    def obstacle(self) -> VMEvalError | None:
        """Return why the model cannot run on this machine, such as missing weights, without loading it."""
        return self.service.obstacle()

    def check(self, duration: float | None, options: dict[str, Any]) -> None:
        """Check duration and options of a video, except for `seed`, without loading the model.

        Raises:
            ConfigError: an option that does not exist or is not possible.
        """
        try:
            self.service.check(duration, options)
        except ValidationError as error:
            known = self.service_class.config_type.model_fields if self.service_class.config_type is not None else ()
            raise ConfigError(f"{self.name}: {explain_validation(error, known)}") from None

    def announce(self, prompts: Sequence[str]) -> None:
        """Say which prompts will be asked for, so that what they have in common can be done once."""
        self.service.announce(prompts)

    def close(self) -> None:
        """Release the model. It is loaded again by the next `generate`."""
        self.service.close()

    def abandon(self) -> bool:
        """Stop at once, because the run was interrupted. Return whether pending videos can still be written."""
        self.service.stop()
        return True

    def generate(
        self,
        image_path: str | Path,
        text_prompt: str,
        duration: float | None = None,
        output_filename: str | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Make one video. Never raises, except for KeyboardInterrupt.

        Args:
            image_path: the first frame.
            text_prompt: what shall happen.
            duration: seconds; None for the model's own length.
            output_filename: path of the mp4 below `output_dir`.
            options: `seed`, `job_file` (of a remote model), and settings that may change from video to video.

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
        job_file = options.pop("job_file", None)
        # The content of the image, so that the same video has the same id on every machine.
        image = sha256_or_none(Path(image_path)) or str(image_path)
        identity = hashlib.sha256(repr((self.name, image, prompt, duration, seed, options)).encode())
        generation_id = identity.hexdigest()[:16]
        path = self.output_dir / (filename or f"{generation_id}.mp4")
        attempt = _Attempt(self, Path(image_path), path, generation_id, Path(job_file) if job_file else None)
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
            job=video.job,
        )


class _Attempt:
    """One call of `generate`: makes the video, then writes it. Exceptions of either become a failed result."""

    def __init__(
        self, wrapper: ModelWrapper, image_path: Path, path: Path, generation_id: str, job_file: Path | None
    ) -> None:
        self._wrapper, self._image_path, self._path, self._id = wrapper, image_path, path, generation_id
        self._job_file = job_file
        self._started = time.monotonic()
        self._request: Request | None = None
        self._failure: dict[str, Any] | None = None
        self.video: Video | None = None

    def make(self, prompt: str, duration: float | None, seed: Any, options: dict[str, Any]) -> None:
        """Check the request and let the service make the video."""
        try:
            checked = self._wrapper.request(self._image_path, prompt, duration, seed)
            self._request = dataclasses.replace(checked, output=self._path, job_file=self._job_file)
            self.video = self._wrapper.service.generate(self._request, **options)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - the boundary, see the wrapper's docstring
            self._failure = self._failed(error)

    def finish(self) -> dict[str, Any]:
        """Write the video and return the result."""
        if self._failure is not None:
            return self._failure
        try:
            return self._write()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - the boundary, see the wrapper's docstring
            return self._failed(error)

    def _write(self) -> dict[str, Any]:
        request, video = cast(Request, self._request), cast(Video, self.video)
        before = sum(video.seconds.values())
        started = time.monotonic()
        if video.file is None:
            media.write_video(self._path, video.frames, video.fps)
        else:
            self._keep(video, video.file)
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

    def _keep(self, video: Video, file: Path) -> None:
        """Keep a finished file as it is. If browsers cannot play it, write a video that they can, and keep both."""
        digest, converted = sha256(file), media.why_unplayable(file)
        if converted is None:
            move(file, self._path)
        else:
            media.write_video(self._path, video.frames, video.fps)
            move(file, original_of(self._path))
            video.notes.append(f"converted for playing, because {converted}")
        if video.job is not None:
            video.job = video.job.model_copy(update={"file_sha256": digest, "converted": converted})

    def _failed(self, error: BaseException) -> dict[str, Any]:
        trace = None
        if isinstance(error, SystemExit):
            error = GenerationError(f"the model called sys.exit({error.code!r}); raise an exception instead")
        if isinstance(error, VMEvalError):
            message = str(error)
        elif isinstance(error, ValidationError):
            message = explain_validation(error)
        else:
            message, trace = f"{type(error).__name__}: {first_line(error, 2000)}", traceback_of(error)
            place = place_of(error)
            message = f"{message} ({place})" if place else message
            if type(error).__name__ == "OutOfMemoryError" or "out of memory" in str(error).lower():
                message = "out of memory: choose a smaller memory plan (--set memory=group, or memory=tiled)"
            log.debug("%s", trace)
        result = GenerationResult.failure(
            message,
            model=self._wrapper.name,
            generation_id=self._id,
            duration_seconds=time.monotonic() - self._started,
            metadata={"traceback": trace} if trace else {"error_type": type(error).__name__, **_facts(error)},
        )
        return result.model_dump(mode="json")


def original_of(path: Path) -> Path:
    """Return where the file that a video was converted from is kept."""
    return path.with_name(f"{path.name}.original")


def _facts(error: BaseException) -> dict[str, Any]:
    return error.facts if isinstance(error, VMEvalError) else {}


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
    """Return the largest resident size of this process so far, in bytes; 0 where it is unknown (Windows)."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
