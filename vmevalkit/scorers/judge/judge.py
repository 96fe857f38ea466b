"""The judge: a vision-language model looks at frames of a video and decides criterion by criterion.

It asks any server that speaks OpenAI's chat protocol: OpenAI, Gemini's compatible endpoint, vLLM, lmdeploy, Ollama. The
key comes from the variable VMEVALKIT_JUDGE_KEY, or OPENAI_API_KEY for OpenAI's own address; it is never written.

Every vote is one request, identified by the digest of everything that it asks. Each response is stored under this
digest before anything else happens, so that nothing is paid for twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from vmevalkit import media, store
from vmevalkit.errors import QuestionError, UsageError
from vmevalkit.scorers.base import STOPPED, DetailedVerdict, Scorer, Unscorable, register_scorer
from vmevalkit.scorers.judge.client import Client
from vmevalkit.scorers.judge.config import HARMLESS_SETTINGS, Details, JudgeConfig, Vote
from vmevalkit.scorers.judge.frames import SHEET, LabeledImage, choose_frames, data_url, fit, sheet
from vmevalkit.scorers.judge.rubric import INSTRUCTIONS, PROMPT_VERSION, question_text, rubric
from vmevalkit.tasks.base import random_generator
from vmevalkit.types import CRITERIA, Question, Verdict


@register_scorer
class Judge(Scorer):
    """Asks a vision-language model."""

    name = "judge"
    about = "Asks a vision-language model, by the rubric of the task; several votes, the majority decides."
    settings_type = JudgeConfig

    def __init__(self, settings: JudgeConfig | None = None) -> None:
        super().__init__(settings)
        self._client: Client | None = None
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    @property
    def config(self) -> JudgeConfig:
        """The settings.

        Raises:
            UsageError: the judge has no model.
        """
        if self.settings is None:
            raise _without_model()
        settings: JudgeConfig = self.settings
        return settings

    @property
    def client(self) -> Client:
        """The client, created when it is first used, so that a wrong key is reported before the first call."""
        if self._client is None:
            self._client = Client(self.config)
        return self._client

    @property
    def threads(self) -> int:
        """As many as calls may run at a time."""
        return self.config.concurrency

    def configured(self, settings: Mapping[str, Any]) -> Scorer:
        """Return a judge with settings. Model and address may come from the environment.

        The variables are VMEVALKIT_JUDGE_MODEL and VMEVALKIT_JUDGE_URL.
        """
        environment = {
            "model": os.environ.get("VMEVALKIT_JUDGE_MODEL"),
            "url": os.environ.get("VMEVALKIT_JUDGE_URL"),
        }
        given = {name: value for name, value in {**environment, **settings}.items() if value is not None}
        if "model" not in given:
            raise _without_model()
        judge = super().configured(given)
        assert isinstance(judge, Judge)
        judge._client = Client(judge.config)
        return judge

    def close(self) -> None:
        """Start no further call, and end all waiting."""
        if self._client is not None:
            self._client.close()

    def version(self, question: Question) -> str:
        """Return the version of the instructions, the model, and a digest of settings and rubric."""
        settings = self.config.model_dump(mode="json", exclude=set(HARMLESS_SETTINGS))
        digest = _digest(settings, rubric(question))
        return f"{PROMPT_VERSION} {self.config.model} {digest[:8]}"

    def inputs(self, question: Question, sample: store.Sample) -> str:
        """Return nothing: the version has those settings that can change a verdict."""
        return ""

    def decide(self, question: Question, sample: store.Sample) -> Verdict:
        """Ask for every vote, and let the majority decide."""
        client, config = self.client, self.config
        if client.stop.is_set():
            raise Unscorable(STOPPED, client.why_stopped)
        video, _, info = media.overview(store.find_video(sample) or sample.video, config.side)
        shown = choose_frames(video, info.fps, config)
        frames = [LabeledImage(f"video frame {i}, {i / info.fps:.2f} s", Image.fromarray(video[i]), i) for i in shown]
        puzzle = self._puzzle(question)
        votes = []
        for number in range(config.votes):
            rng = random_generator("judge", config.seed, question.task, question.id, number)
            order, messages = self._messages(question, puzzle, frames, rng)
            vote, reason = self._vote(messages, number, order)
            votes.append(vote)
            if vote.answer is None:
                if client.stop.is_set():
                    raise Unscorable(STOPPED, client.why_stopped)
                why = f"{vote.calls[-1].problem}; calls: {len(vote.calls)}"
                raise Unscorable(reason, f"The judge gave no answer: {why}", self._details(shown, votes))
        return self._majority(shown, votes, info.frames)

    def _majority(self, shown: Sequence[int], votes: Sequence[Vote], frames: int) -> Verdict:
        """Decide each criterion by majority. The video passes if all three are met."""
        answers = [vote.answer for vote in votes if vote.answer is not None]
        won = {name: 2 * sum(getattr(a, name) for a in answers) > len(answers) for name in CRITERIA}
        passed = all(won.values())
        alike = [a for a in answers if (a.outcome and a.process and a.preservation) == passed]
        # If no single vote agrees with the majorities of all criteria, any vote may explain the verdict.
        explaining = (alike or answers)[0]
        evidence = next((a.evidence_frame for a in alike if a.evidence_frame is not None), None)
        reason = "judged_right" if passed else "judged_wrong_" + next(n for n in CRITERIA if not won[n])
        return DetailedVerdict(
            passed=passed,
            outcome=float(won["outcome"]),
            process=float(won["process"]),
            preservation=float(won["preservation"]),
            reason=reason,
            explanation=f"{len(alike)} of {len(answers)} votes: {explaining.explanation}",
            evidence_frame=evidence if evidence is not None and 0 <= evidence < frames else None,
            details=self._details(shown, votes, len(alike) / len(answers)),
        )

    def _details(self, shown: Sequence[int], votes: Sequence[Vote], agreement: float | None = None) -> Details:
        return Details(
            config=self.config.model_dump(mode="json", exclude={"cache"}),
            prompt_version=PROMPT_VERSION,
            frames=tuple(shown),
            votes=tuple(votes),
            agreement=agreement,
        )

    def _puzzle(self, question: Question) -> list[LabeledImage]:
        """Return the images of the question, twice as large as frames, because they are few and show what matters."""
        sources = [("the puzzle: the first frame that the video must start from", question.first_frame)]
        if os.path.isfile(question.final_frame):
            sources.append(("the last frame of one correct answer", question.final_frame))
        return [LabeledImage(label, fit(media.load_image(path), 2 * self.config.side)) for label, path in sources]

    def _messages(
        self, question: Question, puzzle: Sequence[LabeledImage], frames: Sequence[LabeledImage], rng: random.Random
    ) -> tuple[tuple[int, ...], list[dict[str, Any]]]:
        """Return the frame numbers in this vote's own order, and the messages of the request."""
        mixed = rng.sample(frames, len(frames))
        is_sheet = self.config.layout == "sheet"
        images = [*puzzle, LabeledImage(SHEET, sheet(mixed))] if is_sheet else [*puzzle, *mixed]
        rng.shuffle(images)
        if not is_sheet:
            mixed = [labeled for labeled in images if labeled.frame is not None]
        content: list[dict[str, Any]] = [{"type": "text", "text": question_text(question)}]
        for number, labeled in enumerate(images, 1):
            content.append({"type": "text", "text": f"Image {number}: {labeled.label}"})
            content.append({"type": "image_url", "image_url": {"url": data_url(labeled.image)}})
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": INSTRUCTIONS},
            {"role": "user", "content": content},
        ]
        return tuple(labeled.frame for labeled in mixed if labeled.frame is not None), messages

    def _vote(self, messages: list[dict[str, Any]], number: int, order: tuple[int, ...]) -> tuple[Vote, str]:
        """Return one vote, from the cache if it was answered before; and the reason if it has no answer."""
        request = self.client.request(messages)
        digest = _digest(self.config.url, request, number)
        with self._locks[digest]:
            path = self.config.cache / digest[:2] / f"{digest}.json"
            vote = Vote(request_sha256=digest, prompt_version=PROMPT_VERSION, number=number, order=order)
            if os.path.isfile(path):
                vote = _read_vote(path) or vote
            if vote.answer is not None:
                return vote, ""
            return self.client.ask(request, vote, partial(store.write_record, path))


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _read_vote(path: Path) -> Vote | None:
    try:
        return store.read_record(path, Vote)
    except QuestionError:
        # Written by another version of the kit, or damaged: ask again.
        return None


def _without_model() -> UsageError:
    return UsageError(
        "the judge needs a model", "--judge-model NAME, and --judge-url URL for another server than OpenAI's"
    )
