"""Any server that speaks `/v1/videos`: vLLM-Omni, SGLang, FastVideo, gateways, and `vmevalkit serve`.

    vmevalkit generate --model openvideo:Wan-AI/Wan2.2-TI2V-5B-Diffusers --url http://127.0.0.1:8000

`POST /v1/videos` submits a job as a form, `GET /v1/videos/{id}` asks about it, and `GET /v1/videos/{id}/content` is the
file. Servers differ (docs/remote-models.md): some report a failed job with an error status, some read `size` and others
`width` and `height`, and some ignore the seed.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field, field_validator

from vmevalkit.models.base import Capabilities, ModelCard, folder_name, register_form
from vmevalkit.models.http import Client, JobState, Order, RemoteConfig, RemoteService, RequestFailed
from vmevalkit.models.http.client import Answer, message_of
from vmevalkit.models.wrapper import ModelWrapper

KEY = "VMEVALKIT_OPENVIDEO_KEY"
"""The variable with the key, if the server wants one."""

_COMPLETED = frozenset({"completed", "succeeded", "success", "done"})
_FAILED = frozenset({"failed", "cancelled", "canceled", "expired", "error"})
_ECHOED = ("seed", "size", "seconds", "fps", "num_frames", "inference_time_s", "peak_memory_mb")


class OpenVideoConfig(RemoteConfig):
    """Settings of a `/v1/videos` server, beside those of every remote model.

    Attributes:
        url: of the server, with or without `/v1`.
        num_frames, fps, num_inference_steps, guidance_scale, negative_prompt: those of the server by default.
    """

    url: Annotated[str, Field(pattern=r"^https?://")] = "http://127.0.0.1:8000"
    num_frames: Annotated[int, Field(ge=1, le=4000)] | None = None
    fps: Annotated[int, Field(ge=1, le=120)] | None = None
    num_inference_steps: Annotated[int, Field(ge=1, le=1000)] | None = None
    guidance_scale: Annotated[float, Field(ge=0, le=30)] | None = None
    negative_prompt: str | None = None

    @field_validator("url")
    @classmethod
    def _without_version(cls, url: str) -> str:
        return url.rstrip("/").removesuffix("/v1").rstrip("/")


class OpenVideoService(RemoteService):
    """Makes videos on a `/v1/videos` server. Arguments: see `OpenVideoConfig`."""

    config_type = OpenVideoConfig
    run_settings = RemoteService.run_settings | {"url"}

    def __init__(self, model: str, **args: Any) -> None:
        super().__init__(model, **args)
        self.server = self.config.url
        self._lock = threading.Lock()
        self._client: Client | None = None

    def seconds_of(self, config: Any) -> float | None:
        """Return the length that is asked for, if it is known."""
        if config.num_frames and config.fps:
            return float(config.num_frames / config.fps)
        return super().seconds_of(config)

    def price_of(self, config: Any) -> float | None:
        """Return the price of one video; a server without a price costs nothing."""
        return 0.0 if config.price is None else super().price_of(config)

    def client(self) -> Client:
        """Return the client, which is made when it is first used."""
        with self._lock:
            if self._client is None:
                key = os.environ.get(KEY)
                headers = {"Authorization": f"Bearer {key}"} if key else {}
                self._client = Client(self.config.url, headers, self.config, self.pace, self.stopped)
            return self._client

    def submit(self, order: Order, key: str, repeat: bool) -> JobState:
        """Submit a job."""
        image = {"input_reference": ("first_frame.png", order.image, "image/png")}
        headers = {"Idempotency-Key": key}
        answer = self.client().json(
            "POST", "/v1/videos", repeat=repeat, data=self._form(order), files=image, headers=headers
        )
        if not answer.body.get("id"):
            raise RequestFailed("the answer has no id", status=200, detail=answer.body.get("error"), received=True)
        return _state(answer, str(answer.body["id"]))

    def poll(self, job_id: str) -> JobState:
        """Ask about a job. An error status with an `error` in the body is a failed job."""
        try:
            return _state(self.client().json("GET", f"/v1/videos/{quote(job_id, safe='')}"), job_id)
        except RequestFailed as error:
            if error.status in (404, 410):
                return JobState(id=job_id, status="lost")
            if error.detail is None or error.status in (401, 403, 408, 409, 429):
                raise
            return JobState(id=job_id, status="failed", reason=message_of(error.detail))

    def download(self, state: JobState, target: Path) -> None:
        """Write the video of a job to a file."""
        self.client().download(f"/v1/videos/{quote(state.id, safe='')}/content", target)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _form(self, order: Order) -> dict[str, str]:
        """Return the fields of the request: each quantity in both forms that servers read."""
        config = order.config
        width, height = config.resolution or (None, None)
        seconds = config.seconds
        frames = config.num_frames
        if frames is None and seconds is not None and config.fps is not None:
            frames = round(seconds * config.fps)
        fields = {
            "model": self.model,
            "prompt": order.prompt,
            "seed": order.seed,
            "size": f"{width}x{height}" if width else None,
            "width": width,
            "height": height,
            # Servers accept whole numbers only.
            "seconds": max(1, round(seconds)) if seconds is not None else None,
            "num_frames": frames,
            "fps": config.fps,
            "num_inference_steps": config.num_inference_steps,
            "guidance_scale": config.guidance_scale,
            "negative_prompt": config.negative_prompt,
            **config.extra,
        }
        return {name: str(value) for name, value in fields.items() if value is not None}


def _state(answer: Answer, job_id: str) -> JobState:
    body, usage = answer.body, answer.body.get("usage")
    status = str(body.get("status", "")).lower()
    cost = (usage.get("cost") if isinstance(usage, dict) else None) or body.get("cost")
    return JobState(
        id=job_id,
        status="completed" if status in _COMPLETED else "failed" if status in _FAILED else "running",
        reason=message_of(body.get("error") or f"the server says {status}") if status in _FAILED else "",
        request_id=answer.headers.get("x-request-id"),
        version=_text(body.get("model")),
        cost_usd=float(cost) if isinstance(cost, (int, float)) and 0 <= cost < 1e6 else None,
        revised_prompt=_text(body.get("revised_prompt")),
        answered={name: body[name] for name in _ECHOED if body.get(name) is not None},
    )


def _text(value: Any) -> str | None:
    return value[:10_000] if isinstance(value, str) else None


class OpenVideoWrapper(ModelWrapper):
    """The boundary around `OpenVideoService`."""

    service_class = OpenVideoService
    packages = ("httpx",)


def _card(name: str) -> ModelCard:
    model = name.partition(":")[2]
    return ModelCard(
        name=folder_name(f"openvideo-{model}"),
        family="OpenVideo",
        wrapper=f"{__name__}:{OpenVideoWrapper.__name__}",
        service=OpenVideoService.__name__,
        model=model,
        about=f"{model} on a /v1/videos server.",
        packages=OpenVideoWrapper.packages,
        capabilities=Capabilities(chooses_length=True),
        when="a server runs the model",
    )


register_form("openvideo:NAME", r"openvideo:.+", _card)
