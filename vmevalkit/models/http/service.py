"""A model on a server: submit a job, store its id, wait, download, and describe what came."""

from __future__ import annotations

import hashlib
import io
import json
import random
import tempfile
import threading
import time
import uuid
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, NoReturn

from vmevalkit import media
from vmevalkit.defaults import PRICES_DATE
from vmevalkit.errors import ConfigError, GenerationError, JobFailed, Unfinished, VideoError
from vmevalkit.files import temporary_name
from vmevalkit.models.base import Request, Service, Video
from vmevalkit.models.http.budget import Budget
from vmevalkit.models.http.client import RequestFailed
from vmevalkit.models.http.config import RUN_SETTINGS, RemoteConfig
from vmevalkit.models.http.jobs import JobFile, JobRecord
from vmevalkit.pacing import Pace
from vmevalkit.redaction import clean
from vmevalkit.types import Geometry, Record, RemoteJob

_DOWNLOADS = 3
# Words in errors of servers that mean that the content is refused.
_REFUSALS = ("moderation", "safety", "policy", "content_filter", "sensitive", "prohibited", "nsfw", "blocked")


class Order(NamedTuple):
    """What a server is asked for: the first frame is a PNG."""

    prompt: str
    image: bytes
    seed: int
    config: Any


class JobState(Record):
    """What a server says about a job.

    Attributes:
        id: of the job.
        status: `lost` if the server does not know the job (any more).
        reason: why it failed.
        address: of the finished file, where it is needed.
        request_id, version, cost_usd, revised_prompt, answered: see `RemoteJob`.
    """

    id: str
    status: Literal["running", "completed", "failed", "lost"] = "running"
    reason: str = ""
    address: str | None = None
    request_id: str | None = None
    version: str | None = None
    cost_usd: float | None = None
    revised_prompt: str | None = None
    answered: dict[str, Any] = {}


class RemoteService(Service):
    """Makes videos on a server. A family defines `server`, `submit`, `poll` and `download`.

    Args:
        model: name of the model, as the server knows it.
        args: settings; see `RemoteConfig`.
    """

    config_type: ClassVar[type[RemoteConfig]] = RemoteConfig
    remote = True
    run_settings = RUN_SETTINGS
    server: str = ""

    def __init__(self, model: str, **args: Any) -> None:
        self.model = model
        self.config: Any = self.config_type(**args)
        self.stopped = threading.Event()
        self.pace = Pace(self.config.requests_per_minute, self.stopped)
        self._budget = Budget(self.config.limit_cost)
        # Why no further job is submitted. Jobs that are under way are still fetched.
        self._halted: str | None = None
        self.possible(self.config)
        if self.config.limit_cost is not None and self.price(None) is None:
            raise ConfigError(
                f"limit_cost = {self.config.limit_cost:g}: the price of {model} is unknown",
                "set it in dollars for a second of video: --set price=0.1 seconds=5",
            )

    @abstractmethod
    def submit(self, order: Order, key: str, repeat: bool) -> JobState:
        """Submit a job.

        Args:
            order: what to make.
            key: idempotency key.
            repeat: whether to send the request again if the server may have acted on it.

        Raises:
            RequestFailed: it was not accepted, or that is unknown (`received`).
        """

    @abstractmethod
    def poll(self, job_id: str) -> JobState:
        """Ask about a job.

        Raises:
            RequestFailed: there is no answer.
        """

    @abstractmethod
    def download(self, state: JobState, target: Path) -> None:
        """Write the video of a completed job to a file.

        Raises:
            RequestFailed: it cannot be downloaded.
        """

    @property
    def threads(self) -> int:
        """Number of videos at a time."""
        return int(self.config.concurrency)

    @property
    def takes_seed(self) -> bool:
        """Whether a seed is sent."""
        return True

    def stop(self) -> None:
        """End all waiting."""
        self.stopped.set()

    def seconds_of(self, config: Any) -> float | None:
        """Return the length that will be billed, if it is known."""
        seconds: float | None = config.seconds
        return seconds

    def price_of(self, config: Any) -> float | None:
        """Return the list price of one video in dollars; None if it is unknown."""
        seconds = self.seconds_of(config)
        price = config.list_price if config.price is None else config.price
        return None if price is None or seconds is None else round(price * seconds, 6)

    def price(self, duration: float | None) -> float | None:
        """Return the list price of one video in dollars; None if it is unknown."""
        return self.price_of(self.possible(self.config.override(duration, {})))

    def possible(self, config: Any) -> Any:
        """Return the nearest configuration that the model can do.

        Raises:
            ConfigError: there is none.
        """
        return config

    def generate(self, request: Request, **options: Any) -> Video:
        """Make one video, or fetch the one that an earlier run has submitted.

        Raises:
            JobFailed: the server refused the request or ended the job without a video.
            GenerationError: the video cannot be used; its job is kept.
            Unfinished: the run ended before the video.
        """
        config = self.possible(self.config.override(request.duration, options))
        size = config.resolution or media.even(request.image.size)
        shown, geometry = media.place(request.image, size, config.fit)
        png = io.BytesIO()
        shown.save(png, "PNG")
        order = Order(request.prompt, png.getvalue(), request.seed, config)
        started = time.monotonic()
        record, state = self._ended(order, JobFile(request.job_file))
        job = self._describe(record, state)
        if state.status != "completed":
            reason = state.reason or f"the server does not know job {state.id} any more"
            raise _failure(reason, {"job": job.model_dump(mode="json")})
        waited = time.monotonic()
        file = _place_for(request)
        info = self._fetch(state, file)
        notes = _notes(info, config)
        if not self.takes_seed:
            notes.append("no seed was sent, because the model or its library takes none")
        if info.size != shown.size:
            notes.append(f"the server made {info.size[0]}x{info.size[1]}, not {size[0]}x{size[1]}")
            geometry = media.register(media.first_frame(file), request.image)
        return Video(
            frames=media.iter_frames(file),
            fps=info.fps,
            geometry=Geometry.model_validate(geometry),
            settings=_settings(config),
            notes=notes,
            device="remote",
            seconds={"job": round(waited - started, 3), "download": round(time.monotonic() - waited, 3)},
            file=file,
            job=job,
        )

    def _ended(self, order: Order, jobs: JobFile) -> tuple[JobRecord, JobState]:
        """Return a job that has ended. One that the server lost is submitted again, once, if that costs nothing."""
        record = self._submitted(order, jobs)
        state = self._wait(record, order.config)
        if state.status == "lost" and record.price_usd == 0:
            jobs.remove()
            record = self._submitted(order, jobs)
            state = self._wait(record, order.config)
        return record, state

    def _submitted(self, order: Order, jobs: JobFile) -> JobRecord:
        """Return the stored job, or submit one. Its record is on disk before and after the request."""
        digest = self._digest(order)
        record = jobs.read()
        price = self.price_of(order.config)
        if record is not None:
            if record.request_sha256 != digest:
                raise Unfinished(
                    f"{jobs.name} is a job for another prompt or other settings",
                    "use the settings of that job, or delete the file",
                )
            if record.id is not None:
                return record
            # A job of unknown price may be billed, too.
            if record.price_usd != 0 and not order.config.resubmit:
                raise Unfinished(
                    f"{jobs.name}: an earlier run ended while it submitted the job, which may be billed",
                    "look at your account; --set resubmit=true submits it again",
                )
        if self._halted:
            raise Unfinished(self._halted)
        self._budget.reserve(price)
        record = record or JobRecord(model=self.model, request_sha256=digest, key=uuid.uuid4().hex, price_usd=price)
        try:
            jobs.write(record)
            accepted = self.submit(order, record.key, repeat=not price)
        except RequestFailed as error:
            if error.received and price:
                raise Unfinished(
                    f"{error}; the job may have been submitted and billed",
                    "look at your account; --set resubmit=true submits it again",
                ) from None
            jobs.remove()
            self._budget.settle(price, 0.0)
            self._reject(error)
        except Unfinished:
            jobs.remove()
            self._budget.settle(price, 0.0)
            raise
        record = record.model_copy(update={"id": accepted.id, "request_id": accepted.request_id})
        jobs.write(record)
        return record

    def _reject(self, error: RequestFailed) -> NoReturn:
        """Raise what it means that no job was accepted."""
        if error.status is not None and error.status < 500 and _is_refusal(str(error)):
            raise _failure(str(error), {})
        if error.status in (401, 402, 403, 404):
            self._halted = f"the server rejected the request: {error}; check the model, URL, API key and account"
            raise Unfinished(self._halted)
        if error.status is None and error.again:
            self._halted = f"{self.server}: {error}; check the URL, and whether the server runs"
            raise Unfinished(self._halted)
        if error.status == 429:
            raise Unfinished(str(error), "rerun the same command later")
        if error.status is not None and error.status < 500:
            raise _failure(str(error), {})
        raise GenerationError(str(error))

    def _wait(self, record: JobRecord, config: Any) -> JobState:
        """Wait until a job has ended."""
        job_id = str(record.id)
        deadline = time.monotonic() + config.wait_seconds
        again = f"rerun the same command to fetch job {job_id}"
        while True:
            try:
                state = self.poll(job_id)
            except RequestFailed as error:
                raise Unfinished(str(error), again) from None
            if state.status != "running":
                return state
            if time.monotonic() > deadline:
                raise Unfinished(f"the job still runs after {config.wait_seconds:g} seconds", again)
            if self.stopped.wait(config.poll_seconds * random.uniform(0.9, 1.1)):
                raise Unfinished("the run was stopped", again)

    def _fetch(self, state: JobState, file: Path) -> media.VideoInfo:
        """Download a video until it decodes."""
        again = f"--retry-failed downloads job {state.id} again"
        problem = ""
        for _ in range(_DOWNLOADS):
            try:
                self.download(state, file)
                return media.probe(file)
            except VideoError as error:
                problem = str(error).replace(str(file), "the file")
            except RequestFailed as error:
                if error.status is None or error.status >= 429:
                    raise Unfinished(f"the video cannot be downloaded: {error}", "rerun the same command") from None
                raise GenerationError(f"the video cannot be downloaded: {error}", again) from None
        raise GenerationError(f"the server's file is not usable: {problem}", again)

    def _describe(self, record: JobRecord, state: JobState) -> RemoteJob:
        source = f"list price of {PRICES_DATE}" if self.config.price is None else "setting"
        cost = record.price_usd
        if state.cost_usd is not None:
            self._budget.settle(cost, state.cost_usd)
            cost, source = state.cost_usd, "server"
        return RemoteJob(
            server=clean(self.server),
            id=state.id,
            request_id=state.request_id or record.request_id,
            version=state.version,
            cost_usd=cost,
            cost_source=source if cost is not None else None,
            revised_prompt=state.revised_prompt,
            answered=state.answered,
        )

    def _digest(self, order: Order) -> str:
        """Return the digest of everything that decides about a video."""
        content = [
            self.model, order.prompt, hashlib.sha256(order.image).hexdigest(), order.seed, _settings(order.config),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _settings(config: Any) -> dict[str, Any]:
    """Return the settings that decide about a video."""
    settings = config.model_dump(mode="json").items()
    return {name: value for name, value in settings if name not in RUN_SETTINGS and name != "url"}


def _is_refusal(reason: str) -> bool:
    return any(word in reason.lower() for word in _REFUSALS)


def _failure(reason: str, facts: dict[str, Any]) -> JobFailed:
    refused = _is_refusal(reason)
    what = "the server refused the content" if refused else "the job failed"
    return JobFailed(f"{what}: {reason}", {**facts, "refused": refused})


def _notes(info: media.VideoInfo, config: Any) -> list[str]:
    if config.seconds is None or abs(info.seconds - config.seconds) <= 0.5:
        return []
    return [f"the video has {info.seconds:.3g} seconds, not {config.seconds:g}"]


def _place_for(request: Request) -> Path:
    """Return a temporary path beside the output."""
    output = request.output or Path(tempfile.mkdtemp(prefix="vmevalkit-")) / "video.mp4"
    output.parent.mkdir(parents=True, exist_ok=True)
    return output.with_name(temporary_name(output.name))
