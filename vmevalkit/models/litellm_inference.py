"""Video APIs of many providers, through the library `litellm`: Veo, Seedance, Wan, MiniMax, and all others it knows.

    vmevalkit generate --model litellm:PROVIDER/MODEL --set resolution=1280x720 seconds=5 price=0.1

Prices of the catalog are those of litellm 1.110.2. The library maps size, length and first frame to each provider.
"""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path
from typing import Any, NamedTuple

from vmevalkit.models.base import MODELS, Capabilities, ModelCard, folder_name, register_form, register_model
from vmevalkit.models.http import JobState, Order, RemoteConfig, RemoteService, RequestFailed, Retries
from vmevalkit.models.http.client import MAX_VIDEO_BYTES, message_of
from vmevalkit.models.http.library import asked
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.types import Size

# Providers that put the image into JSON as it is given, so that it must be a data URI.
_DATA_URI = ("runwayml/", "fal_ai/")
# Providers to which the library sends a seed. It has no way to send one to Veo.
_SEEDED = ("runwayml/", "volcengine/", "dashscope/", "hosted_vllm/", "fal_ai/")


class LiteLLMConfig(RemoteConfig):
    """Settings of a provider, beside those of every remote model.

    Attributes:
        url: of the provider's API, if it is not the usual one.
    """

    url: str | None = None


class LiteLLMService(RemoteService):
    """Makes videos with the API of a provider. Arguments: see `LiteLLMConfig`; the model is PROVIDER/MODEL."""

    config_type = LiteLLMConfig
    run_settings = RemoteService.run_settings | {"url"}

    def __init__(self, model: str, **args: Any) -> None:
        super().__init__(model, **args)
        self.server = self.config.url or model.partition("/")[0]
        self._retries = Retries(self.config, self.pace, self.stopped)

    @property
    def takes_seed(self) -> bool:
        """Whether a seed is sent."""
        return self.model.startswith(_SEEDED)

    def submit(self, order: Order, key: str, repeat: bool) -> JobState:
        """Submit a job."""
        config = order.config
        image: Any = io.BytesIO(order.image)
        if self.model.startswith(_DATA_URI):
            image = f"data:image/png;base64,{base64.b64encode(order.image).decode()}"
        fields = {
            "input_reference": image,
            "seconds": None if config.seconds is None else str(round(config.seconds)),
            "size": None if config.resolution is None else "{}x{}".format(*config.resolution),
            "seed": order.seed % 2**31 if self.takes_seed else None,
            **config.extra,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        found = self._ask("video_generation", repeat, prompt=order.prompt, model=self.model, **given)
        return _state(found, found.id)

    def poll(self, job_id: str) -> JobState:
        """Ask about a job."""
        try:
            return _state(self._ask("video_status", video_id=job_id), job_id)
        except RequestFailed as error:
            if error.status in (404, 410):
                return JobState(id=job_id, status="lost")
            raise

    def download(self, state: JobState, target: Path) -> None:
        """Write the video of a job to a file."""
        data = self._ask("video_content", video_id=state.id)
        if not isinstance(data, bytes) or len(data) > MAX_VIDEO_BYTES:
            raise RequestFailed("the file is not a video, or too large", status=200)
        target.write_bytes(data)

    def _ask(self, function: str, repeat: bool = True, **arguments: Any) -> Any:
        """Call a function of the library, which makes no retries of its own: they could pay twice."""
        # Otherwise, the import downloads a table of prices.
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        import litellm

        litellm.suppress_debug_info = True
        call = getattr(litellm, function)
        common = {"timeout": self.config.timeout, "num_retries": 0, "max_retries": 0}
        where = {"api_base": self.config.url} if self.config.url else {}
        return self._retries.run(lambda: asked(lambda: call(**arguments, **common, **where)), repeat)


def _state(found: Any, job_id: str) -> JobState:
    usage = getattr(found, "usage", None) or {}
    cost = usage.get("cost") if isinstance(usage, dict) else None
    failed = found.status in ("failed", "cancelled", "canceled", "expired")
    return JobState(
        id=job_id,
        status="completed" if found.status == "completed" else "failed" if failed else "running",
        reason=message_of(found.error or f"the provider says {found.status}") if failed else "",
        version=found.model,
        cost_usd=float(cost) if isinstance(cost, (int, float)) else None,
        answered={name: value for name in ("seconds", "size") if (value := getattr(found, name, None)) is not None},
    )


class LiteLLMWrapper(ModelWrapper):
    """The boundary around `LiteLLMService`."""

    service_class = LiteLLMService
    packages = ("litellm",)


class _Entry(NamedTuple):
    """A model of the catalog. The price is in dollars for a second of video, for this size."""

    model: str
    price: float
    size: Size
    seconds: float
    key: str
    about: str


_ENTRIES = {
    "veo-3.1": _Entry("gemini/veo-3.1-generate-001", 0.40, (1280, 720), 8, "GEMINI_API_KEY", "Google Veo 3.1."),
    "veo-3.1-fast": _Entry(
        "gemini/veo-3.1-fast-generate-001", 0.10, (1280, 720), 8, "GEMINI_API_KEY", "Google Veo 3.1 Fast."
    ),
    "seedance-2.0": _Entry(
        "volcengine/doubao-seedance-2-0-260128", 0.141942857, (1280, 720), 5, "ARK_API_KEY", "ByteDance Seedance 2.0."
    ),
    "seedance-2.5": _Entry(
        "volcengine/doubao-seedance-2-5-260628", 0.216, (1280, 720), 5, "ARK_API_KEY", "ByteDance Seedance 2.5."
    ),
    "wan2.7-i2v-api": _Entry(
        "dashscope/wan2.7-i2v", 0.086012, (1280, 720), 5, "DASHSCOPE_API_KEY", "Alibaba Wan 2.7 image-to-video."
    ),
    "minimax-h3": _Entry(
        "minimax/MiniMax-H3", 0.08, (1280, 720), 6, "MINIMAX_API_KEY", "MiniMax H3, which makes 768p of any size."
    ),
}


def _card(name: str, model: str, entry: _Entry | None) -> ModelCard:
    args: dict[str, Any] = {}
    if entry is not None:
        args = {"resolution": entry.size, "seconds": float(entry.seconds), "list_price": entry.price}
    return ModelCard(
        name=name,
        family="LiteLLM",
        wrapper=f"{__name__}:{LiteLLMWrapper.__name__}",
        service=LiteLLMService.__name__,
        model=model,
        args=args,
        about=entry.about if entry else f"{model}, through LiteLLM.",
        size=entry.size if entry else None,
        packages=LiteLLMWrapper.packages,
        keys=(entry.key,) if entry else (),
        license="terms of the provider",
        capabilities=Capabilities(chooses_length=True, billed=True, deterministic=False),
        when=f"a paid API; {entry.price:.3g} dollars for a second" if entry else "a paid API",
    )


def _named(name: str) -> ModelCard:
    model = name.partition(":")[2]
    known = next((name for name, entry in _ENTRIES.items() if entry.model == model), None)
    return MODELS[known] if known else _card(folder_name(f"litellm-{model}"), model, None)


register_form("litellm:PROVIDER/MODEL", r"litellm:[^/]+/.+", _named)
for _name, _entry in _ENTRIES.items():
    register_model(_card(_name, _entry.model, _entry))
