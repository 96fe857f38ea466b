"""Runway's API, which also has models of other providers, through its library `runwayml`.

Sizes, lengths and seeds are those of `runwayml.types.image_to_video_create_params` 5.24. Prices are in the cards.
"""

from __future__ import annotations

import base64
import threading
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from vmevalkit.errors import ConfigError
from vmevalkit.models.base import MODELS, Capabilities, ModelCard, folder_name, register_form, register_model
from vmevalkit.models.http import Client, JobState, Order, RemoteConfig, RemoteService, RequestFailed, Retries
from vmevalkit.models.http.library import asked
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.types import Size

KEY = "RUNWAYML_API_SECRET"
_USD_A_CREDIT = 0.01
_LONGEST_PROMPT = 1000
# The API does not expect updates more often.
_POLL_SECONDS = 6.0


class _Limits(NamedTuple):
    """What a model can do."""

    price: float
    sizes: tuple[Size, ...]
    seconds: tuple[int, ...]
    seed: bool
    about: str


_GEN = ((1280, 720), (720, 1280), (1104, 832), (960, 960), (832, 1104), (1584, 672))
_VEO = ((1280, 720), (720, 1280), (1920, 1080), (1080, 1920))
LIMITS: dict[str, _Limits] = {
    "gen4.5": _Limits(0.12, _GEN, tuple(range(2, 11)), True, "Runway Gen-4.5."),
    "gen4_turbo": _Limits(0.05, _GEN, tuple(range(2, 11)), True, "Runway Gen-4 Turbo."),
    "veo3.1": _Limits(0.40, _VEO, (4, 6, 8), True, "Google Veo 3.1, through Runway."),
    "veo3.1_fast": _Limits(0.15, _VEO, (4, 6, 8), True, "Google Veo 3.1 Fast, through Runway."),
    "seedance2": _Limits(0.36, ((1280, 720), (960, 960), (720, 1280)), tuple(range(4, 16)), True,
                         "ByteDance Seedance 2, through Runway."),
}  # fmt: skip


class RunwayConfig(RemoteConfig):
    """Settings of Runway's models, beside those of every remote model."""

    poll_seconds: float = _POLL_SECONDS


class RunwayService(RemoteService):
    """Makes videos with Runway's API. Arguments: see `RunwayConfig`."""

    config_type = RunwayConfig
    server = "api.dev.runwayml.com"
    key: ClassVar[str] = KEY

    def __init__(self, model: str, **args: Any) -> None:
        super().__init__(model, **args)
        self._lock = threading.Lock()
        self._runway: Any = None
        self._files: Client | None = None
        self._retries = Retries(self.config, self.pace, self.stopped)

    def possible(self, config: Any) -> Any:
        """Return the configuration with the nearest length that the model makes."""
        limits = LIMITS.get(self.model)
        if config.resolution is None or config.seconds is None:
            raise ConfigError(f"{self.model} needs a size and a length", "--set resolution=1280x720 seconds=5")
        if limits is None:
            return config
        if config.resolution not in limits.sizes:
            sizes = ", ".join(f"{width}x{height}" for width, height in limits.sizes)
            raise ConfigError(f"resolution = {config.resolution[0]}x{config.resolution[1]}: {self.model} makes {sizes}")
        return config.model_copy(update={"seconds": float(min(limits.seconds, key=lambda s: abs(s - config.seconds)))})

    @property
    def takes_seed(self) -> bool:
        """Whether a seed is sent."""
        return self.model not in LIMITS or LIMITS[self.model].seed

    def library(self) -> Any:
        """Return the client of the library, which makes no retries of its own: they could pay twice."""
        with self._lock:
            if self._runway is None:
                from runwayml import RunwayML

                self._runway = RunwayML(max_retries=0, timeout=self.config.timeout)
                self._files = Client("", {}, self.config, self.pace, self.stopped)
            return self._runway

    def submit(self, order: Order, key: str, repeat: bool) -> JobState:
        """Submit a job."""
        if len(order.prompt.encode("utf-16-le")) // 2 > _LONGEST_PROMPT:
            raise RequestFailed(f"the prompt has more than {_LONGEST_PROMPT} characters", status=400)
        config = order.config
        fields = {
            "model": self.model,
            "prompt_image": f"data:image/png;base64,{base64.b64encode(order.image).decode()}",
            "prompt_text": order.prompt,
            "ratio": "{}:{}".format(*config.resolution),
            "duration": round(config.seconds),
            # Seeds of Runway are 32 bits wide.
            **({"seed": order.seed % 2**32} if self.takes_seed else {}),
        }
        create = self.library().image_to_video.with_raw_response.create
        response = self._retries.run(lambda: asked(lambda: create(**fields, extra_body=config.extra or None)), repeat)
        return JobState(id=response.parse().id, request_id=response.headers.get("x-request-id"))

    def poll(self, job_id: str) -> JobState:
        """Ask about a job."""
        try:
            task = self._retries.run(lambda: asked(lambda: self.library().tasks.retrieve(job_id)))
        except RequestFailed as error:
            if error.status == 404:
                return JobState(id=job_id, status="lost")
            raise
        cost = getattr(getattr(task, "cost", None), "credits", None)
        found = JobState(id=job_id, version=self.model, cost_usd=None if cost is None else cost * _USD_A_CREDIT)
        if task.status == "SUCCEEDED":
            return found.model_copy(update={"status": "completed", "address": task.output[0]})
        if task.status in ("FAILED", "CANCELLED"):
            code = getattr(task, "failure_code", None)
            reason = f"{getattr(task, 'failure', None) or task.status.lower()}{f' ({code})' if code else ''}"
            return found.model_copy(update={"status": "failed", "reason": reason})
        return found.model_copy(update={"cost_usd": None})

    def download(self, state: JobState, target: Path) -> None:
        """Write the video of a job to a file. Its address is public for a day, so no key is sent."""
        self.library()
        if self._files is not None:
            self._files.download(str(state.address), target)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for client in (self._runway, self._files):
                if client is not None:
                    client.close()
            self._runway = self._files = None


class RunwayWrapper(ModelWrapper):
    """The boundary around `RunwayService`."""

    service_class = RunwayService
    packages = ("runwayml", "httpx")


def _card(model: str) -> ModelCard:
    limits = LIMITS.get(model)
    args: dict[str, Any] = {"resolution": (1280, 720), "seconds": 5.0}
    if limits is not None:
        seconds = min(limits.seconds, key=lambda length: abs(length - 5))
        args = {"resolution": limits.sizes[0], "seconds": float(seconds), "list_price": limits.price}
    price = f"; {limits.price:g} dollars for a second" if limits else ""
    return ModelCard(
        name=folder_name(f"runway-{model}").replace("_", "-"),
        family="Runway",
        wrapper=f"{__name__}:{RunwayWrapper.__name__}",
        service=RunwayService.__name__,
        model=model,
        args=args,
        about=limits.about if limits else f"{model}, through Runway.",
        size=args["resolution"],
        packages=RunwayWrapper.packages,
        keys=(KEY,),
        license="terms of Runway",
        capabilities=Capabilities(chooses_length=True, billed=True, deterministic=False),
        when=f"a paid API{price}",
    )


def _named(name: str) -> ModelCard:
    model = name.partition(":")[2]
    return MODELS[_card(model).name] if model in LIMITS else _card(model)


register_form("runway:MODEL", r"runway:.+", _named)
for _model in LIMITS:
    register_model(_card(_model))
