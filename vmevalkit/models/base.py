"""Models: a card that describes a model, and a service that loads and runs it.

A model family is one file `<family>_inference.py`. It registers a `ModelCard` for each of its models and defines a
service class and a wrapper class that names it. Heavy imports happen inside the methods of the service.
"""

from __future__ import annotations

import importlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image
from pydantic import model_validator

from vmevalkit import media
from vmevalkit.deprecation import replacement
from vmevalkit.errors import ConfigError, UnknownName, UsageError, VMEvalError
from vmevalkit.registry import Registry
from vmevalkit.types import Geometry, Name, Record, RemoteJob, Size


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
        keys: environment variables with the API keys that the model needs.
        needs: files of a question without which the model has no answer.
        baseline: answers without reasoning; runs beside every other model.
        capabilities: what the model can do.
        download_gb: weights to download, in 10^9 bytes.
        memory_gib: peak GPU memory by memory plan, as measured or estimated (docs/measurements.md).
        seconds_a_video: measured time for one video on one H200, used for estimates.
        when: when to use which.
        revision: of the weights on the hub; None if it is not known, and the newest is used.
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
    keys: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    baseline: bool = False
    capabilities: Capabilities = Capabilities()
    revision: str | None = None
    download_gb: float | None = None
    memory_gib: dict[str, float] = {}
    seconds_a_video: float | None = None
    license: str | None = None
    when: str = ""

    @model_validator(mode="after")
    def _requirements_have_an_environment(self) -> ModelCard:
        if self.requirements is not None and self.environment is None:
            raise ValueError(f"{self.name} has requirements, but no name of an environment to install them in")
        return self

    @property
    def on_hub(self) -> bool:
        """Whether `model` is a repository on the Hugging Face hub, and not the id of a local checkpoint."""
        # Names of paid APIs may have a slash, too.
        return "/" in self.model and not self.capabilities.billed

    @property
    def is_pinned(self) -> bool:
        """Whether `revision` is a commit, and not a branch."""
        return bool(re.fullmatch(r"[0-9a-f]{40}", self.revision or ""))

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


@dataclass(frozen=True)
class ModelForm:
    """A way to name models that are not in the catalog, such as `openvideo:NAME`.

    Attributes:
        form: the form, for messages.
        pattern: regular expression that the whole name matches.
        card: returns the card of a name. Its `name` is that of the folder of outputs, and differs from the catalog's.
    """

    form: str
    pattern: str
    card: Callable[[str], ModelCard]


_FORMS: dict[str, ModelForm] = {}


def register_form(form: str, pattern: str, card: Callable[[str], ModelCard]) -> None:
    """Add a way to name models; see `ModelForm`."""
    _FORMS[form] = ModelForm(form, pattern, card)


def find_card(name: str) -> ModelCard:
    """Return the card of a model: an entry of the catalog, or a name in one of the forms.

    Raises:
        UnknownName: there is no such entry.
        UsageError: the name has a form that does not exist, or cannot be resolved.
    """
    if name not in MODELS:
        for form in _FORMS.values():
            if re.fullmatch(form.pattern, name, re.DOTALL):
                return _distinct(name, form.card(name))
        if ":" in name or name.endswith(".py"):
            others = ", ".join(form for form in sorted(_FORMS) if ".py" not in form)
            raise UsageError(f"--model {name} names no function", f"write it as path/to/file.py:function, or {others}")
    return MODELS[name]


def _distinct(name: str, card: ModelCard) -> ModelCard:
    """Return a card, after checking that its folder is not that of another model."""
    if card.name in MODELS and MODELS[card.name] != card:
        raise UsageError(f"--model {name} would share the folder of the model '{card.name}'", "rename it")
    return card


def folder_name(text: str) -> str:
    """Return a name that a folder can have, made from any name of a model."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).lstrip("._-")[:100]


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
        output: path of the video; temporary files may be written beside it.
        job_file: where a remote model stores the job that makes the video; None to store it nowhere.
    """

    image: Image.Image
    image_path: Path
    prompt: str
    seed: int
    duration: float | None
    output: Path | None = None
    job_file: Path | None = None


@dataclass
class Video:
    """What a service returns.

    `frames` may be a generator. It is consumed while the video is written, so it may still add notes and timings.
    If `file` is given, it is the video, and `frames` are its frames, which are used only if browsers cannot play it.
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
    file: Path | None = None
    job: RemoteJob | None = None


class Service(ABC):
    """Loads a model and runs it. Services raise; the wrapper turns exceptions into failed results.

    Class attributes:
        config_type: record of the model's settings; None if it has none.
        remote: the model runs on a server, and its jobs are stored (`Request.job_file`).
        run_settings: settings that cannot change a video, such as a time limit. A rerun may use other values.
    """

    config_type: ClassVar[type[Record] | None] = None
    remote: ClassVar[bool] = False
    run_settings: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def generate(self, request: Request, **options: Any) -> Video:
        """Make one video."""

    def announce(self, prompts: Sequence[str]) -> None:  # noqa: B027 - most models need nothing
        """Be told which prompts will be asked for, so that what they have in common can be done once."""

    def check(self, duration: float | None, options: dict[str, Any]) -> None:
        """Check what `generate` would be given, without loading the model. By default, only names are checked.

        Raises:
            ConfigError, ValidationError: an option that does not exist or is not possible.
        """
        known = () if self.config_type is None else self.config_type.model_fields
        for name in options:
            if name not in known:
                raise ConfigError(str(UnknownName("setting", name, known)))

    def close(self) -> None:  # noqa: B027 - most models hold nothing that must be released
        """Release what the model holds."""

    def stop(self) -> None:  # noqa: B027 - most models do not wait for anything
        """End all waiting, because the run was interrupted. May be called in another thread than `generate`."""

    @property
    def threads(self) -> int:
        """Number of videos that are made at a time, in threads of one process; 0 for a process each."""
        return 0

    def price(self, duration: float | None) -> float | None:
        """Return the list price of one video in dollars; None if it is unknown."""
        return 0.0

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


def __getattr__(name: str) -> Any:
    return replacement(__name__, name)
