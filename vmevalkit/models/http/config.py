"""Settings that every remote model has."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, field_validator
from typing_extensions import Self

from vmevalkit.types import Fit, Record, Size

Positive = Annotated[float, Field(gt=0, le=1e6)]


class RemoteConfig(Record):
    """What a server is asked for, and how patiently.

    Attributes:
        resolution: width and height of the video, in pixels; also accepted as "832x480".
        seconds: length of the video; that of the server by default.
        fit: how the question's canvas is placed in the frame.
        extra: further fields of the request, as the server names them.
        concurrency: number of videos at a time.
        requests_per_minute: number of requests that start in a minute.
        attempts: number of times that a request is sent before it counts as failed.
        backoff: average seconds before the second attempt; doubled for each further one, up to a minute.
        timeout: seconds that a request may take; a download may take ten times as long.
        poll_seconds: seconds between two questions about a job.
        wait_seconds: seconds to wait for a job in this run. Later runs find it again.
        list_price: dollars for a second of video, from the catalog.
        price: the same, instead of the list price.
        limit_cost: dollars that this run may spend on new jobs.
        resubmit: submit again what may have been submitted when the connection broke, and may be billed twice.
    """

    resolution: Size | None = None
    seconds: Positive | None = None
    fit: Fit = "letterbox"
    extra: dict[str, Any] = Field(default_factory=dict)
    concurrency: Annotated[int, Field(ge=1, le=64)] = 4
    requests_per_minute: Positive | None = None
    attempts: Annotated[int, Field(ge=1, le=100)] = 6
    backoff: Annotated[float, Field(ge=0, le=600)] = 2.0
    timeout: Positive = 120.0
    poll_seconds: Positive = 5.0
    wait_seconds: Positive = 3600.0
    list_price: Annotated[float, Field(ge=0, le=1e6)] | None = None
    price: Annotated[float, Field(ge=0, le=1e6)] | None = None
    limit_cost: Annotated[float, Field(ge=0)] | None = None
    resubmit: bool = False

    @field_validator("resolution", mode="before")
    @classmethod
    def _size_may_be_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if not re.fullmatch(r"\d+[xX]\d+", value):
            raise ValueError("write it as 832x480")
        return tuple(map(int, value.lower().split("x")))

    def override(self, duration: float | None, options: dict[str, Any]) -> Self:
        """Return this configuration with the options of one video.

        Raises:
            ValidationError: an option does not exist or has a wrong value.
        """
        seconds = {} if duration is None else {"seconds": duration}
        return type(self).model_validate({**self.model_dump(), **seconds, **options})


RUN_SETTINGS = frozenset({
    "concurrency", "requests_per_minute", "attempts", "backoff", "timeout", "poll_seconds", "wait_seconds", "price",
    "list_price",
    "limit_cost", "resubmit",
})  # fmt: skip
"""Settings that cannot change a video."""
