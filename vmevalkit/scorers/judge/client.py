"""The client: one request to a server that speaks OpenAI's chat protocol, with retries, and what its responses mean."""

from __future__ import annotations

import logging
import random
import re
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vmevalkit.errors import UsageError, explain_validation
from vmevalkit.pacing import LONGEST_WAIT, Pace, retry_after
from vmevalkit.redaction import clean
from vmevalkit.scorers.base import STOPPED, Unscorable
from vmevalkit.scorers.judge.config import OPENAI, Answer, Call, JudgeConfig, Vote, key_for
from vmevalkit.scorers.judge.limits import Budget
from vmevalkit.scorers.judge.transport import ResponseError, post, within

log = logging.getLogger(__name__)

BODY_LIMIT = 100_000
"""Characters of a response that are stored."""


class _Trouble(NamedTuple):
    """Why a call has no answer (empty if it has one), whether to call again, and after how many seconds."""

    reason: str
    again: bool = False
    after: float | None = None


class _Loose(BaseModel):
    """A part of a response. Servers send more fields than are read here."""

    model_config = ConfigDict(extra="ignore")


class _Usage(_Loose):
    prompt_tokens: Annotated[int, Field(ge=0)] | None = None
    completion_tokens: Annotated[int, Field(ge=0)] | None = None
    cost: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class _Response(_Loose):
    usage: _Usage | None = None


class _Message(_Loose):
    content: str | None = None
    refusal: str | None = None


class _Choice(_Loose):
    message: _Message
    finish_reason: str | None = None


class _Completion(_Loose):
    choices: Annotated[list[_Choice], Field(min_length=1)]


def _read_usage(body: str) -> _Usage:
    """Return the tokens and the cost of a response, whether or not it has an answer; nothing if they are impossible."""
    try:
        return _Response.model_validate_json(body).usage or _Usage()
    except ValidationError:
        return _Usage()


def _read(body: str) -> tuple[Answer | None, str, _Trouble]:
    """Return what a completion contains: the answer, what is wrong with it, and what to do about it."""
    again = _Trouble("call_failed", again=True)
    try:
        choice = _Completion.model_validate_json(body).choices[0]
    except ValidationError:
        return None, "the response is not a chat completion", again
    if choice.message.refusal or choice.finish_reason == "content_filter":
        problem = f"the model refused: {choice.message.refusal or 'filtered by the server'}"
        return None, problem, _Trouble("refused")
    text = choice.message.content or ""
    # Servers without schemas wrap JSON into prose or code fences.
    found = re.search(r"\{.*\}", text, re.DOTALL)
    try:
        return Answer.model_validate_json(found[0] if found else text), "", _Trouble("")
    except ValidationError as error:
        cut = " (cut off: raise max_tokens)" if choice.finish_reason == "length" else ""
        return None, f"the answer does not match the schema{cut}: {explain_validation(error)[:300]}", again


class Client:
    """Sends requests and keeps every response. Retries are made here, so that they stay within the limit of cost.

    Args:
        config: the settings.
    """

    def __init__(self, config: JudgeConfig) -> None:
        try:
            from openai import DefaultHttpxClient, OpenAI
        except ModuleNotFoundError as error:
            raise UsageError(f"the judge needs {error.name}", "pip install 'vmevalkit[judge]'") from None
        self._config = config
        self.stop = threading.Event()
        self.why_stopped = "The run was stopped."
        self._pace = Pace(config.requests_per_minute, self.stop)
        self._budget = Budget(config.limit_cost)
        key = key_for(config.url)
        # A redirect could send the frames, and on the same host the key, to a place that nobody has named.
        http = DefaultHttpxClient(follow_redirects=False)
        self._openai = OpenAI(api_key=key, base_url=config.url, max_retries=0, timeout=config.timeout, http_client=http)
        if config.url != OPENAI:
            # Taken from the environment; like the key, they are meant for OpenAI only.
            self._openai.organization = self._openai.project = None

    def close(self) -> None:
        """Start no further call, and end all waiting."""
        self.stop.set()
        self._openai.close()
        calls, spent = self._budget.calls, self._budget.spent
        log.info("judge: %d calls, %.4f dollars as far as prices are known", calls, spent)

    def halt(self, why: str) -> None:
        """End the run: this and all further samples are not decided."""
        self.why_stopped = why
        self.stop.set()

    def request(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the body of a request."""
        config = self._config
        # OpenAI has renamed the limit, and not all other servers support the new name.
        limit = "max_completion_tokens" if config.url == OPENAI else "max_tokens"
        request: dict[str, Any] = {"model": config.model, "messages": messages, limit: config.max_tokens}
        if config.temperature is not None:
            request["temperature"] = config.temperature
        if config.answer_format == "json_schema":
            schema = {"name": "verdict", "strict": True, "schema": Answer.model_json_schema()}
            request["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif config.answer_format == "json_object":
            request["response_format"] = {"type": "json_object"}
        return request

    def ask(self, request: dict[str, Any], vote: Vote, keep: Callable[[Vote], None]) -> tuple[Vote, str]:
        """Call until there is an answer. `keep` stores the vote after each call.

        Returns:
            The vote with its calls, and the reason if it has no answer.

        Raises:
            Unscorable: the run was stopped.
        """
        import tenacity

        exchange = _Exchange(vote)
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._config.attempts) | tenacity.stop_when_event_set(self.stop),
            wait=exchange.waiting(tenacity.wait_random_exponential(multiplier=self._config.backoff, max=60)),
            retry=tenacity.retry_if_result(lambda trouble: trouble.again),
            sleep=tenacity.sleep_using_event(self.stop),
            retry_error_callback=lambda state: None,
        )
        retrying(self._once, request, exchange, keep)
        return exchange.vote, exchange.trouble.reason

    def _once(self, request: dict[str, Any], exchange: _Exchange, keep: Callable[[Vote], None]) -> _Trouble:
        self._pace.wait()
        with self._budget.turn(self.halt) as count_call:
            if self.stop.is_set():
                raise Unscorable(STOPPED, self.why_stopped)
            call, answer, trouble = self._call(request)
            count_call(call)
            if trouble.after is not None and trouble.after > LONGEST_WAIT:
                self.halt(f"The server asks to wait {trouble.after:.0f} seconds; rerun the same command later.")
                trouble = _Trouble(STOPPED)
            exchange.add(call, answer, trouble)
            keep(exchange.vote)
        if trouble.after is not None:
            self._pace.pause(trouble.after)
        return trouble

    def _call(self, request: dict[str, Any]) -> tuple[Call, Answer | None, _Trouble]:
        """Make one call. Return the response, the answer if it is one, and what to do otherwise."""
        import openai

        started = time.monotonic()
        status, body, answer, trouble = None, "", None, _Trouble("call_failed", again=True)
        try:
            create = self._openai.chat.completions.with_streaming_response.create
            status, body = within(self._config.timeout, partial(post, create, request))
            answer, problem, trouble = _read(body)
        except openai.APIStatusError as error:
            status, body = error.status_code, error.response.text
            problem, trouble = self._rejected(error)
        except (TimeoutError, openai.APITimeoutError):
            problem = "time-out"
        except openai.APIConnectionError:
            problem = "the connection broke"
        except ResponseError as error:
            problem, trouble = str(error), _Trouble("call_failed", again=error.again)
        usage = _read_usage(body)
        call = Call(
            http=status,
            body=_cut(self._without_key(body)),
            problem=self._without_key(problem) or None,
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.completion_tokens,
            cost=self._cost(usage),
            seconds=round(time.monotonic() - started, 3),
        )
        return call, answer, trouble

    def _rejected(self, error: Any) -> tuple[str, _Trouble]:
        """Return what an HTTP status means: retry, give up this video, or end the run."""
        status: int = error.status_code
        problem = f"HTTP {status}: {self._without_key(error.message)[:300]}"
        if 300 <= status < 400:
            place = clean(error.response.headers.get("location", "nowhere"), 200)
            problem = f"HTTP {status}: redirected to {place}"
            self.halt(f"The server redirects to {place}. If you trust it, use its address as the URL.")
            return problem, _Trouble(STOPPED)
        if status in (401, 403, 404) or error.code == "insufficient_quota":
            self.halt(f"The server rejected the request: {problem}. Check the model, URL, API key and account.")
            return problem, _Trouble(STOPPED)
        if status in (408, 409, 429) or status >= 500:
            return problem, _Trouble("call_failed", again=True, after=retry_after(error.response.headers))
        return problem, _Trouble("call_rejected")

    def _cost(self, usage: _Usage) -> float | None:
        if usage.cost is not None:
            return usage.cost
        config = self._config
        if None in (config.price_input, config.price_output, usage.prompt_tokens, usage.completion_tokens):
            return None
        paid = (usage.prompt_tokens or 0) * (config.price_input or 0.0)
        paid += (usage.completion_tokens or 0) * (config.price_output or 0.0)
        return paid / 1e6

    def _without_key(self, text: str) -> str:
        """Remove the API key, which servers repeat when they reject it."""
        key = key_for(self._config.url)
        return text.replace(key, "***") if len(key) > 6 else text


def _cut(body: str) -> str:
    """Return as much of a response as is stored."""
    return body if len(body) <= BODY_LIMIT else f"{body[:BODY_LIMIT]} ... ({len(body)} characters)"


class _Exchange:
    """The calls of one vote so far."""

    def __init__(self, vote: Vote) -> None:
        self.vote, self.trouble = vote, _Trouble("")

    def add(self, call: Call, answer: Answer | None, trouble: _Trouble) -> None:
        """Add a call."""
        self.vote = self.vote.model_copy(update={"calls": (*self.vote.calls, call), "answer": answer})
        self.trouble = trouble

    def waiting(self, fallback: Callable[[Any], float]) -> Callable[[Any], float]:
        """Return how long to wait before the next call: as long as the server asks for, else `fallback`."""

        def wait(state: Any) -> float:
            after = self.trouble.after
            # A little more than the server asks for, so that waiting clients do not all return at once.
            return fallback(state) if after is None else after * random.uniform(1.0, 1.1)

        return wait
