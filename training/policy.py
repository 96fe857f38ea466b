"""Train an adapter for the small CogVideoX by reward: videos that the verifier values more than others are repeated.

    python training/policy.py WORK                                          maze at difficulty 3, eight minutes on a GPU
    python training/policy.py WORK --task tower_of_hanoi --difficulty 1 2

Each round samples several videos for each of some questions. The advantage of a video is its reward less the mean of
its question, divided by their standard deviation. After some rounds, a new adapter is fine-tuned on all videos so far
that pass and have a positive advantage, weighted by it; the next rounds sample with this adapter. This is
reward-weighted regression (Peters and Schaal, 2007), with a group for each question as in GRPO. The reward is `value`
of strict verdicts.

Adapters are not trained further, but made anew: an adapter that was updated at a constant rate after each round, on
the videos of the last rounds, lost the sharpness of what moves, and then learned from its own blurred videos.

The model is evaluated before and after on questions with fresh puzzles and seeds. WORK/adapter is what was learned,
WORK/rounds.jsonl the course, WORK/policy.json the pass rates with intervals, WORK/report the report of both models with
every video, and WORK/strips videos that pass, to see what the policy is paid for. Other tasks (`--also`) show what was
forgotten. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lora
import numpy as np
import shapes
import torch
from accelerate import Accelerator
from diffusers import CogVideoXImageToVideoPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from torch import Tensor
from train import strip
from videos import FRAMES, SIDE, signature

import vmevalkit
from vmevalkit import media, store
from vmevalkit.models.cogvideox_inference import VARIANTS
from vmevalkit.reporting import stats
from vmevalkit.reporting.stats.comparison import mcnemar
from vmevalkit.rewards import Reward
from vmevalkit.types import Question, Score

NAME = "cogvideox-tiny-i2v"
FPS = 8
# As the catalog runs the model.
STEPS = 12
# Of the evaluation, and of the questions that are trained on.
EVALUATION_SEED, TRAINING_SEED = 990_001, 7


@dataclass
class Policy:
    """The model with its adapter, and the prompts that it has encoded."""

    pipe: CogVideoXImageToVideoPipeline
    accelerator: Accelerator
    texts: dict[str, Tensor] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        return self.accelerator.device

    def prompt(self, question: Question) -> Tensor:
        """Return an encoded prompt, (tokens, channels)."""
        text = store.read_prompt(question)
        if text not in self.texts:
            found = self.pipe.encode_prompt(
                text, do_classifier_free_guidance=False, max_sequence_length=shapes.PROMPT_TOKENS, device=self.device
            )
            self.texts[text] = found[0][0]
        return self.texts[text]

    def new_adapter(self, rank: int) -> list[Tensor]:
        """Replace the adapter by one that changes nothing yet, and return its parameters."""
        transformer = self.pipe.transformer
        if getattr(transformer, "peft_config", None):
            transformer.delete_adapters(list(transformer.peft_config))
        transformer.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=lora._LAYERS))
        return [parameter.requires_grad_() for name, parameter in transformer.named_parameters() if "lora_" in name]

    @torch.no_grad()
    def sample(self, questions: Sequence[Question], seeds: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return latents and frames, uint8 (videos, frames, height, width, 3), for each question and seed."""
        images = [media.load_image(question.first_frame) for question in questions]
        with self.accelerator.autocast():
            latents = self.pipe(
                images, prompt_embeds=torch.stack([self.prompt(q) for q in questions]), height=SIDE, width=SIDE,
                num_frames=FRAMES, num_inference_steps=STEPS, guidance_scale=1.0, output_type="latent",
                generator=[torch.Generator().manual_seed(seed) for seed in seeds],
            ).frames  # fmt: skip
            shown = self.pipe.decode_latents(latents)
        frames = ((shown.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 4, 1)
        return latents.float(), frames.cpu()

    @torch.no_grad()
    def first_latents(self, frames: Tensor) -> Tensor:
        """Return the latents of first frames, uint8 (videos, height, width, 3), as (videos, 1, channels, ...)."""
        x = frames.permute(0, 3, 1, 2)[:, :, None].to(self.device).float().div(127.5).sub(1)
        mean = self.pipe.vae.encode(x.to(self.pipe.vae.dtype)).latent_dist.mean
        return (mean.transpose(1, 2) * self.pipe.vae.config.scaling_factor).float()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--task", default="maze")
    parser.add_argument("--difficulty", type=int, nargs="+", default=[3])
    parser.add_argument("--also", nargs="*", default=["light_sequence", "tic_tac_toe"], help="other tasks to evaluate")
    parser.add_argument("--adapters", type=int, default=2, help="number of adapters, one after the other")
    parser.add_argument("--rounds", type=int, default=12, help="before each adapter")
    parser.add_argument("--questions", type=int, default=24, help="in a round")
    parser.add_argument("--group", type=int, default=8, help="videos for each question")
    parser.add_argument("--updates", type=int, default=400, help="optimizer steps for each adapter")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1e-4, help="highest learning rate; it rises, then falls to zero")
    parser.add_argument("--rank", type=int, default=64)
    parser.add_argument("--pool", type=int, default=600, help="questions to train on, for each difficulty")
    parser.add_argument("--evaluated", type=int, default=200, help="questions to evaluate, for each difficulty")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    given.work.mkdir(parents=True, exist_ok=True)
    policy = load(given)
    fresh, trained = questions_of(given)
    with Reward(workers=given.workers, floor=0.0, fps=FPS) as reward:
        evaluate(policy, reward, fresh, given.work, "before")
        train(policy, reward, trained, given)
        state = get_peft_model_state_dict(policy.pipe.transformer)
        CogVideoXImageToVideoPipeline.save_lora_weights(given.work / "adapter", state)
        evaluate(policy, reward, fresh, given.work, "after")
    summarize(given.work, fresh, given.workers)


def load(given: argparse.Namespace) -> Policy:
    accelerator = Accelerator(mixed_precision="bf16" if torch.cuda.is_available() else "no")
    variant = next(variant for variant in VARIANTS.values() if variant.card.name == NAME)
    pipe = lora.load(variant, given.weights, accelerator).to(accelerator.device)
    pipe.set_progress_bar_config(disable=True)
    for module in (pipe.vae, pipe.text_encoder, pipe.transformer):
        module.requires_grad_(False).float()
    return Policy(pipe, accelerator)


# --------------------------------------------------------------------------------------------------------- questions


def questions_of(given: argparse.Namespace) -> tuple[list[Question], list[Question]]:
    """Return the questions of the evaluation and those to train on, which have none of their puzzles."""
    fresh: list[Question] = []
    for task, levels in {given.task: given.difficulty, **{task: [1] for task in given.also}}.items():
        # Of the other tasks a quarter: they only show whether something was forgotten.
        count = given.evaluated if task == given.task else max(1, given.evaluated // 4)
        fresh += made(given.work / "questions", task, levels, count, EVALUATION_SEED, given.workers)
    known = {_signature(question) for question in fresh}
    pool = made(given.work / "training", given.task, given.difficulty, given.pool, TRAINING_SEED, given.workers)
    trained = [question for question in pool if _signature(question) not in known]
    print(f"{len(fresh)} questions to evaluate, {len(trained)} to train on", flush=True)
    if not trained:
        raise SystemExit("policy.py: every puzzle is in the evaluation; make --evaluated smaller")
    return fresh, trained


def made(root: Path, task: str, levels: Sequence[int], count: int, seed: int, workers: int) -> list[Question]:
    """Make questions of one task, each difficulty in a set of its own."""
    found: list[Question] = []
    for level in levels:
        folder = root / f"{task}_{level}"
        vmevalkit.make(
            task, count=count, seed=seed, difficulty=level, size=(SIDE, SIDE), questions=folder, videos=False,
            workers=workers,
        )  # fmt: skip
        found += store.iter_questions(folder)
    return found


def _signature(question: Question) -> str:
    assert question.metadata is not None
    return signature(question.metadata.puzzle)


# ---------------------------------------------------------------------------------------------------------- training


def train(policy: Policy, reward: Reward, questions: Sequence[Question], given: argparse.Namespace) -> None:
    """Sample and score some rounds, train an adapter, and repeat both with it."""
    policy.new_adapter(given.rank)
    chance = np.random.default_rng(given.seed)
    kept: list[Experience] = []
    began = time.monotonic()
    for number in range(given.adapters * given.rounds):
        asked = [questions[i] for i in chance.choice(len(questions), min(given.questions, len(questions)), False)]
        experience, facts = explore(policy, reward, asked, given.group, chance)
        kept.append(experience)
        if (number + 1) % given.rounds == 0 and any(len(part.weights) for part in kept):
            facts["losses"] = [round(loss, 4) for loss in fit(policy, Experience.joined(kept), given)]
        facts = {"round": number, "seconds": round(time.monotonic() - began, 1), **facts}
        print(json.dumps(facts), flush=True)
        with (given.work / "rounds.jsonl").open("a") as log:
            log.write(json.dumps(facts) + "\n")


def fit(policy: Policy, experience: Experience, given: argparse.Namespace) -> list[float]:
    """Train a new adapter, and return the mean loss of each quarter of the steps."""
    learned = policy.new_adapter(given.rank)
    optimizer = torch.optim.AdamW(learned, given.rate, betas=(0.9, 0.95), weight_decay=0)
    # One step more, because the last one has a rate of zero.
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, given.rate, total_steps=given.updates + 1, pct_start=0.1)
    losses = []
    for _ in range(given.updates):
        losses.append(update(policy, experience, optimizer, learned, given.batch))
        schedule.step()
    return [float(np.mean(part)) for part in np.array_split(losses, 4) if len(part)]


@dataclass
class Experience:
    """Videos with a positive advantage: latents, first frames as latents, prompts, and the advantages as weights."""

    latents: Tensor
    images: Tensor
    texts: Tensor
    weights: Tensor

    @classmethod
    def joined(cls, parts: Sequence[Experience]) -> Experience:
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in cls.__annotations__))


def explore(
    policy: Policy, reward: Reward, asked: Sequence[Question], group: int, chance: np.random.Generator
) -> tuple[Experience, dict[str, Any]]:
    """Sample a group of videos for each question, and return those that pass and are better than their group."""
    policy.pipe.transformer.eval()
    repeated = [question for question in asked for _ in range(group)]
    seeds = chance.integers(2**31, size=len(repeated)).tolist()
    latents, frames = policy.sample(repeated, seeds)
    scores = reward.scores(frames, metadata=repeated)
    values = np.array([reward.of(score) for score in scores]).reshape(-1, group)
    spread = values.std(1, keepdims=True)
    advantages = np.where(spread > 0, (values - values.mean(1, keepdims=True)) / (spread + 1e-4), 0.0).reshape(-1)
    good = np.flatnonzero((advantages > 0) & [bool(score.passed) for score in scores])
    experience = Experience(
        latents[good],
        policy.first_latents(frames[good][:, 0]) if len(good) else latents[:0, :1],
        torch.stack([policy.prompt(q) for q in repeated])[good],
        torch.tensor(advantages[good], dtype=torch.float32, device=policy.device),
    )
    facts = {
        "passed": round(float(np.mean([bool(score.passed) for score in scores])), 3),
        "value": round(float(values.mean()), 3),
        "kept": len(good),
        "reasons": dict(Counter(score.reason for score in scores).most_common(4)),
    }
    return experience, facts


def update(policy: Policy, experience: Experience, optimizer: Any, learned: Sequence[Tensor], batch: int) -> float:
    """Take one optimizer step on a batch, weighted by advantage."""
    transformer, scheduler = policy.pipe.transformer.train(), policy.pipe.scheduler
    chosen = torch.randint(len(experience.weights), (batch,), device=policy.device)
    clean, image = experience.latents[chosen], experience.images[chosen]
    noise = torch.randn_like(clean)
    moment = shapes.noise_levels(batch, policy.device)
    noisy = scheduler.add_noise(clean, noise, moment)
    known = torch.cat([image, torch.zeros_like(clean[:, 1:])], 1)
    rope = policy.pipe._prepare_rotary_positional_embeddings(SIDE, SIDE, clean.shape[1], policy.device)
    with policy.accelerator.autocast():
        given = torch.cat([noisy, known], 2)
        found = transformer(given, experience.texts[chosen], moment, image_rotary_emb=rope, return_dict=False)[0]
    # Most of a frame stays: what moves counts for more, as when the model was trained.
    moves = 1 + 2 * ((clean - image).abs().amax((1, 2), keepdim=True) > 0.5).float()
    off = ((found.float() - scheduler.get_velocity(clean, noise, moment)).pow(2) * moves).mean((1, 2, 3, 4))
    weights = experience.weights[chosen]
    loss = (off * weights).sum() / weights.sum()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(learned, 1.0)
    optimizer.step()
    return float(loss.detach())


# -------------------------------------------------------------------------------------------------------- evaluation


def evaluate(policy: Policy, reward: Reward, questions: Sequence[Question], work: Path, name: str) -> None:
    """Make a video for each question, as the model `name` of an experiment for each question set."""
    policy.pipe.transformer.eval()
    passing: list[Tensor] = []
    for part in _parts(questions, 100):
        _, frames = policy.sample(part, [EVALUATION_SEED + len(q.id) + i for i, q in enumerate(part)])
        for question, video, score in zip(part, frames, reward.scores(frames, metadata=part), strict=True):
            media.write_video(_video(work, question, name), video.numpy(), FPS)
            if score.passed and len(passing) < 12:
                passing.append(video.permute(3, 0, 1, 2).float().div(127.5).sub(1))
    if passing:
        strip(passing, work / "strips" / f"{name}.png")


def _parts(questions: Sequence[Question], size: int) -> Iterator[Sequence[Question]]:
    yield from (questions[start : start + size] for start in range(0, len(questions), size))


def _set_of(question: Question) -> str:
    return question.folder.parents[1].name


def _video(work: Path, question: Question, name: str) -> Path:
    outputs = work / "outputs" / _set_of(question)
    return store.Sample(outputs=outputs, model=name, task=question.task, question_id=question.id).video


def summarize(work: Path, questions: Sequence[Question], workers: int) -> None:
    """Score the videos of both models as files, write reports, and print pass rates with intervals."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys(map(_set_of, questions)):
        folders: dict[str, Any] = {what: work / what / name for what in ("questions", "outputs", "scores")}
        strict = vmevalkit.score(**folders, workers=workers, settings={"rule.strict": True})
        vmevalkit.report(**folders, report=work / "report" / name)
        found[name] = _compared(strict)
    store.write_text(work / "policy.json", store.dumps(found))
    for name, facts in found.items():
        print(f"{name}: before {facts['before']['text']}, after {facts['after']['text']}, p = {facts['p']:.2g}")
    print(f"open {work / 'report'}/*/index.html; look at {work / 'strips'}")


def _compared(scores: Sequence[Score]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    passed: dict[str, dict[str, bool]] = {}
    for name in ("before", "after"):
        own = [score for score in scores if score.model == name]
        passed[name] = {score.question_id: bool(score.passed) for score in own}
        good = sum(passed[name].values())
        low, high = stats.wilson(good, len(own))
        facts[name] = {
            "passed": good, "asked": len(own), "low": low, "high": high,
            "text": f"{good / len(own):.0%} ({low:.0%} to {high:.0%})",
            "value": float(np.mean([score.value or 0.0 for score in own])),
            "reasons": dict(Counter(score.reason for score in own).most_common()),
            "notes": dict(Counter(note for score in own for note in score.notes)),
        }  # fmt: skip
    pairs = [(passed["before"][question], passed["after"][question]) for question in passed["before"]]
    facts["p"] = mcnemar(pairs.count((True, False)), pairs.count((False, True)))
    return facts


if __name__ == "__main__":
    main()
