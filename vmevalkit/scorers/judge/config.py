"""Settings of the judge, and the records of what it asked and was answered."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from vmevalkit import defaults
from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.errors import UsageError
from vmevalkit.types import Record, Unit

OPENAI = "https://api.openai.com/v1"

Positive = Annotated[float, Field(gt=0, le=1e6)]


class JudgeConfig(Record):
    """What the judge sees, how often it is asked, and what it may cost.

    Attributes:
        model, url: of a server that speaks OpenAI's chat protocol.
        votes: an odd number of requests; the majority decides each criterion.
        sampling: `rate` shows `fps` frames a second, `keyframes` frames between which equally much changes; at most
            `frames`, and always the last one.
        layout: all frames on one labeled sheet, or each as an image.
        side: the longer side of a frame, in pixels.
        seed: of the order in which each vote sees the images.
        answer_format: the format that the server is asked for; `text` for one that supports neither schema nor JSON.
        temperature: that of the server by default.
        concurrency, requests_per_minute: number of calls at a time, and of calls started in a minute.
        timeout: seconds that a call may take.
        attempts: number of calls for one vote before it counts as failed.
        backoff: average seconds before the second call; doubled for each further one, up to a minute.
        price_input, price_output: dollars for a million tokens.
        limit_cost: dollars that this run may spend.
        cache: folder of earlier answers.
    """

    model: Annotated[str, Field(min_length=1)]
    url: Annotated[str, Field(pattern=r"^https?://")] = OPENAI
    votes: Annotated[int, Field(ge=1, le=15)] = 3
    sampling: Literal["rate", "keyframes"] = "rate"
    fps: Positive = 4.0
    frames: Annotated[int, Field(ge=2, le=64)] = 24
    layout: Literal["sheet", "images"] = "sheet"
    side: Annotated[int, Field(ge=64, le=2048)] = 384
    seed: int = DEFAULT_SEED
    answer_format: Literal["json_schema", "json_object", "text"] = "json_schema"
    temperature: Annotated[float, Field(ge=0)] | None = None
    max_tokens: Annotated[int, Field(ge=64)] = 2000
    concurrency: Annotated[int, Field(ge=1, le=64)] = 4
    requests_per_minute: Positive | None = None
    timeout: Positive = 120.0
    attempts: Annotated[int, Field(ge=1)] = 6
    backoff: Annotated[float, Field(ge=0)] = 2.0
    price_input: Annotated[float, Field(ge=0)] | None = None
    price_output: Annotated[float, Field(ge=0)] | None = None
    limit_cost: Positive | None = None
    cache: Path = defaults.CACHE / "judge"

    @field_validator("url")
    @classmethod
    def _without_slash(cls, url: str) -> str:
        return url.rstrip("/")

    @field_validator("votes")
    @classmethod
    def _is_odd(cls, votes: int) -> int:
        if votes % 2 == 0:
            raise ValueError("must be odd, so that there is a majority")
        return votes

    @model_validator(mode="after")
    def _has_prices(self) -> JudgeConfig:
        if self.limit_cost is not None and (self.price_input is None or self.price_output is None):
            raise ValueError("limit_cost needs price_input and price_output, in dollars for a million tokens")
        return self


HARMLESS_SETTINGS = frozenset({
    "max_tokens", "concurrency", "requests_per_minute", "timeout", "attempts", "backoff", "price_input", "price_output",
    "limit_cost", "cache",
})  # fmt: skip
"""Settings that cannot change a verdict. All others are part of the version of the scorer."""


class Answer(Record):
    """The answer of the model. What it saw comes first, so that the verdict follows from it."""

    seen: Annotated[str, Field(description="What happens in the video, in the order of time.")]
    outcome: bool
    process: bool
    preservation: bool
    explanation: Annotated[str, Field(description="One or two sentences for the verdict.")]
    evidence_frame: Annotated[
        int | None, Field(description="Number of the first frame that shows the reason, null where none does.")
    ]


class Call(Record):
    """One response of the server, or why there is none.

    Attributes:
        http: status; None without a response.
        body: the response, without the key, at most 100,000 characters.
        problem: why the response is not a valid answer; None for a valid one.
        cost: dollars; None if prices or tokens are unknown.
    """

    http: int | None
    body: str
    problem: str | None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    seconds: float


class Vote(Record):
    """All calls for one request, in order.

    Attributes:
        request_sha256: digest of the address, the whole request with its images, and the number of the vote.
        order: frame numbers in the order in which they were shown.
        answer: of the last call; None if no call was answered.
    """

    request_sha256: str
    prompt_version: int
    number: int
    order: tuple[int, ...]
    calls: tuple[Call, ...] = ()
    answer: Answer | None = None


class Details(Record):
    """Details that are stored beside a score: what was asked, and every raw response.

    Attributes:
        frames: numbers of the frames that were shown.
        agreement: share of the votes that agree with the verdict about the whole video; None without a verdict.
    """

    config: dict[str, Any]
    prompt_version: int
    frames: tuple[int, ...]
    votes: tuple[Vote, ...]
    agreement: Unit | None = None

    @property
    def cost(self) -> float:
        """Dollars, as far as known, including those of earlier runs."""
        return math.fsum(call.cost or 0.0 for vote in self.votes for call in vote.calls)


def key_for(url: str) -> str:
    """Return the API key for an address. OpenAI's key is sent to OpenAI only; a server of one's own often needs none.

    Raises:
        UsageError: OpenAI is asked and there is no key.
    """
    key = os.environ.get("VMEVALKIT_JUDGE_KEY") or (os.environ.get("OPENAI_API_KEY") if url == OPENAI else None)
    if key is None and url == OPENAI:
        raise UsageError("there is no key for the judge", "export VMEVALKIT_JUDGE_KEY=...")
    return key or "none"
