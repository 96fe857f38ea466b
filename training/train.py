"""Train `cogvideox-tiny-i2v`: its VAE, then its transformer together with its text encoder.

    accelerate launch training/train.py vae WORK --minutes 7
    accelerate launch training/train.py transformer WORK --minutes 25

The videos are in WORK (`videos.py`). Any number of GPUs works on a stage; the rate falls with the stage's minutes, and
a stage that was stopped goes on from its last checkpoint. `--part 5` stops after five minutes, where machines are lent.
`--start FOLDER` begins the transformer's stage with the weights of a trained model, to teach it more tasks.
Losses go to WORK/losses.jsonl, strips of videos that no stage has seen to WORK/strips.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import time
from pathlib import Path
from typing import Any

import shapes
import torch
import videos
from accelerate import Accelerator
from accelerate.utils import broadcast
from diffusers import AutoencoderKLCogVideoX, CogVideoXImageToVideoPipeline, CogVideoXTransformer3DModel
from PIL import Image
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from transformers import T5EncoderModel, T5Tokenizer

from vmevalkit.models.diffusers.tokenizer import train_tokenizer

# The last videos of a stage's data are not trained on.
HELD_OUT = 256
_VAE_RATE, _RATE = 1.5e-3, 1e-3
# Of the VAE's time, with parts of frames; then with whole ones, which the group norms see differently.
_CROPPED = 0.7
# Videos without a prompt, for classifier-free guidance.
_UNASKED = 0.1
# Seconds from one checkpoint and look at held-out videos to the next; steps from one look at the clock to the next.
_CHECK_EVERY, _CLOCK_EVERY = 120.0, 20


class Run:
    """A stage: where it keeps things, how far it has come, what it says.

    Attributes:
        step: optimizer steps so far, over all runs of the stage.
        share: of the stage's minutes that have passed, over all runs; the same in every process.
        base: folder of the trained model with which the transformer's stage begins.
    """

    def __init__(
        self, work: Path, stage: str, batch: int, minutes: float, part: float, base: Path | None = None
    ) -> None:
        self.work, self.stage, self.batch, self.base = work, stage, batch, base
        self.seconds, self.part = 60 * minutes, 60 * part
        self.accelerator = Accelerator(mixed_precision="bf16" if torch.cuda.is_available() else "no")
        self.device = self.accelerator.device
        self.step, self.share, self.loss = 0, 0.0, math.nan
        self._path = work / f"{stage}.pt"
        self._before, self._launched = 0.0, time.monotonic()
        self._began = self._checked = self._launched

    def start(self, **parts: Any) -> torch.Generator:
        """The clock starts here, with what an earlier run left. Returns this process's chance."""
        if self._path.is_file():
            saved = torch.load(self._path, map_location="cpu", weights_only=True)
            self.step, self._before, self.loss = saved["step"], saved["seconds"], saved["loss"]
            for name, part in parts.items():
                part.load_state_dict(saved[name])
        self._began = self._checked = time.monotonic()
        return torch.Generator(self.device).manual_seed(1000 * self.step + self.accelerator.process_index)

    def save(self, **parts: Any) -> None:
        if self.accelerator.is_main_process:
            states = {name: part.state_dict() for name, part in parts.items()}
            building = self._path.with_suffix(".building")
            where = {"step": self.step, "seconds": self.share * self.seconds, "loss": self.loss}
            torch.save({**where, **states}, building)
            building.rename(self._path)

    def goes_on(self) -> bool:
        """Whether there is time for another step. All processes go by the clock of the first."""
        if self.step % _CLOCK_EVERY == 0:
            now = time.monotonic()
            clock = torch.tensor([now - self._began, now - self._launched], device=self.device)
            trained, running = broadcast(clock).tolist()
            self.share = min(1.0, (self._before + trained) / self.seconds)
            return self.share < 1 and running < self.part
        return True

    @property
    def finished(self) -> bool:
        return self.share >= 1

    def due(self) -> bool:
        """Whether this process is to save, and to look at held-out videos, now."""
        if not self.accelerator.is_main_process or time.monotonic() - self._checked < _CHECK_EVERY:
            return False
        self._checked = time.monotonic()
        return True

    def say(self, **what: Any) -> None:
        seconds = round(self.share * self.seconds)
        gpus = self.accelerator.num_processes
        gib = round(torch.cuda.max_memory_allocated() / 2**30, 1) if torch.cuda.is_available() else 0.0
        where = {"stage": self.stage, "step": self.step, "videos": gpus * self.batch, "gpus": gpus, "seconds": seconds,
                 "gib": gib, "loss": self.loss}  # fmt: skip
        line = json.dumps({**where, **what})
        print(line, flush=True)
        with (self.work / "losses.jsonl").open("a") as log:
            log.write(line + "\n")

    def descend(self, loss: Tensor, model: nn.Module, optimizer: Any, rate: float) -> None:
        """One step; the rate rises for a moment and falls to nothing until the end."""
        rate *= min(1.0, (self.step + 1) / 200) * (0.5 + 0.5 * math.cos(math.pi * self.share))
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        self.step += 1
        if self.step % _CLOCK_EVERY == 0:
            self.loss = round(loss.item(), 4)


def to_unit(frames: Tensor) -> Tensor:
    """uint8 (batch, frames, height, width, 3) as float (batch, 3, frames, height, width) from -1 to 1."""
    return frames.permute(0, 4, 1, 2, 3).float().div(127.5).sub(1)


def moving(x: Tensor) -> Tensor:
    """Where a video ever differs from its first frame: what must not be smeared."""
    return ((x - x[:, :, :1]).abs().amax((1, 2), keepdim=True) > 0.08).float()


def crop(x: Tensor, chance: torch.Generator) -> Tensor:
    """Two thirds of the sides, anywhere: less than half the work, and the networks are convolutions."""
    side = x.shape[-1] * 2 // 3
    top, left = torch.randint(x.shape[-1] - side, (2,), generator=chance, device=x.device).tolist()
    return x[..., top : top + side, left : left + side]


def psnr(x: Tensor, y: Tensor) -> float:
    return round(float(-10 * torch.log10(((x - y.clamp(-1, 1)) / 2).pow(2).mean())), 2)


def strip(rows: list[Tensor], path: Path) -> None:
    """Videos (3, frames, height, width) below one another, every second frame."""
    sheet = torch.cat([torch.cat(list(row[:, ::2].unbind(1)), 2) for row in rows], 1)
    data = ((sheet.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(data).save(path)


# --------------------------------------------------------------------------------------------------------------- VAE


class Autoencoder(nn.Module):
    """There and back in one call, which is what several GPUs can share."""

    def __init__(self, vae: AutoencoderKLCogVideoX) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        found = self.vae.encode(x).latent_dist
        return self.vae.decode(found.sample()).sample, found.kl().mean()


def train_vae(run: Run) -> None:
    data = torch.cat([torch.from_numpy(frames) for frames in videos.load(videos.shards(run.work, "vae"))])
    data, held_out = data[:-HELD_OUT].to(run.device), data[-HELD_OUT:]
    vae = shapes.new_vae().to(run.device)
    optimizer = torch.optim.AdamW(vae.parameters(), _VAE_RATE, betas=(0.9, 0.99), weight_decay=0)
    parts = {"vae": vae, "optimizer": optimizer}
    chance = run.start(**parts)
    model, optimizer = run.accelerator.prepare(Autoencoder(vae), optimizer)
    while run.goes_on():
        x = to_unit(data[torch.randint(len(data), (run.batch,), generator=chance, device=run.device)])
        x = crop(x, chance) if run.share < _CROPPED else x
        y, kl = model(x)
        off = (y.float() - x).abs()
        where = moving(x).expand_as(off)
        loss = off.mean() + (off * where).sum() / where.sum().clamp(min=1) + off.pow(2).mean()
        # As weak as in latent diffusion (Rombach et al., 2022): it only keeps latents from growing.
        run.descend(loss + 1e-6 * kl, model, optimizer, _VAE_RATE)
        if run.due():
            run.save(**parts)
            run.say(**look_at_vae(run, vae, held_out))
    run.save(**parts)
    if run.finished and run.accelerator.is_main_process:
        with torch.no_grad():
            means = torch.cat([vae.encode(to_unit(x.to(run.device))).latent_dist.mean for x in held_out.split(32)])
        vae.register_to_config(scaling_factor=round(1 / means.std().item(), 4))
        vae.save_pretrained(run.work / "vae")
        run.say(finished=True, scaling_factor=vae.config.scaling_factor, **look_at_vae(run, vae, held_out))


@torch.no_grad()
def look_at_vae(run: Run, vae: AutoencoderKLCogVideoX, held_out: Tensor) -> dict[str, float]:
    """PSNR in dB of all pixels and of those where something moves; and a strip, each video above its reconstruction."""
    x = to_unit(held_out[:96].to(run.device))
    y = torch.cat([vae.decode(vae.encode(part).latent_dist.mean).sample for part in x.split(32)])
    strip([video for pair in zip(x[:10], y[:10], strict=True) for video in pair], run.work / "strips" / "vae.png")
    where = moving(x).expand_as(x).bool()
    return {"psnr": psnr(x, y), "psnr_moving": psnr(x[where], y[where])}


# ------------------------------------------------------------------------------------------------------- transformer


class Denoiser(nn.Module):
    """The text encoder and the transformer, which learn together."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.text_encoder: T5EncoderModel = shapes.new_text_encoder(vocabulary)
        self.transformer: CogVideoXTransformer3DModel = shapes.new_transformer()

    def read(self, model: Path) -> None:
        """Take the weights of a trained model of the same shapes."""
        for name, part in self.named_children():
            part.load_state_dict(type(part).from_pretrained(model / name, torch_dtype=torch.float32).state_dict())

    def forward(self, noisy: Tensor, tokens: Tensor, step: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
        text = self.text_encoder(tokens)[0]
        found: Tensor = self.transformer(noisy, text, step, image_rotary_emb=rope, return_dict=False)[0]
        return found


def encoded(run: Run, vae: AutoencoderKLCogVideoX) -> tuple[Tensor, Tensor, list[str]]:
    """Latents of all videos (videos, latents, channels, height, width), their first frames alone, and the prompts."""
    accelerator, folder = run.accelerator, run.work / "latents"
    folder.mkdir(exist_ok=True)
    shards = videos.shards(run.work, "transformer")
    prompts = [prompt for shard in shards for prompt in videos.read_prompts(shard)]
    mine = shards[accelerator.process_index :: accelerator.num_processes]
    missing = [shard for shard in mine if not (folder / f"{shard.stem}.pt").is_file()]
    for shard, frames in zip(missing, videos.load(missing), strict=True):
        building = folder / f"{shard.stem}.building"
        torch.save(_encode(run, vae, torch.from_numpy(frames)), building)
        building.rename(folder / f"{shard.stem}.pt")
    accelerator.wait_for_everyone()
    parts = [torch.load(path, weights_only=True) for path in sorted(folder.glob("*.pt"))]
    latents, images = (torch.cat([x.to(run.device) for x in part]) for part in zip(*parts, strict=True))
    return latents, images, prompts


@torch.no_grad()
def _encode(run: Run, vae: AutoencoderKLCogVideoX, frames: Tensor) -> tuple[Tensor, ...]:
    found: list[list[Tensor]] = [[], []]
    with run.accelerator.autocast():
        for part in frames.split(125):
            x = to_unit(part.to(run.device))
            for kept, seen in zip(found, (x, x[:, :, :1]), strict=True):
                mean = vae.encode(seen).latent_dist.mean * vae.config.scaling_factor
                kept.append(mean.transpose(1, 2).half().cpu())
    return tuple(torch.cat(kept) for kept in found)


def train_transformer(run: Run) -> None:
    vae = AutoencoderKLCogVideoX.from_pretrained(run.work / "vae").to(run.device).eval().requires_grad_(False)
    latents, images, prompts = encoded(run, vae)
    if run.accelerator.is_main_process and not (run.work / "tokenizer").is_dir():
        if run.base:
            copy_tokenizer(run.base / "tokenizer", run.work / "tokenizer")
        else:
            train_tokenizer(run.work / "tokenizer", shapes.PROMPT_TOKENS)
    run.accelerator.wait_for_everyone()
    tokenizer = T5Tokenizer.from_pretrained(run.work / "tokenizer")
    # The last is no prompt at all.
    tokens = tokenize(tokenizer, [*prompts, ""]).to(run.device)
    scheduler = shapes.new_scheduler()
    signal = scheduler.alphas_cumprod.float().to(run.device)
    denoiser = Denoiser(len(tokenizer))
    if run.base:
        denoiser.read(run.base)
    denoiser.to(run.device)
    average = AveragedModel(denoiser, multi_avg_fn=get_ema_multi_avg_fn(0.999))
    optimizer = torch.optim.AdamW(denoiser.parameters(), _RATE, betas=(0.9, 0.95), weight_decay=0.01)
    pipe = CogVideoXImageToVideoPipeline(
        tokenizer=tokenizer, vae=vae, scheduler=scheduler,
        text_encoder=average.module.text_encoder, transformer=average.module.transformer,
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    rope = pipe._prepare_rotary_positional_embeddings(videos.SIDE, videos.SIDE, shapes.LATENTS, run.device)
    parts = {"denoiser": denoiser, "average": average, "optimizer": optimizer}
    chance = run.start(**parts)
    if run.device.type == "cuda":
        for block in denoiser.transformer.transformer_blocks:
            block.compile(dynamic=False)
    model, optimizer = run.accelerator.prepare(denoiser, optimizer)
    while run.goes_on():
        chosen = torch.randint(len(latents) - HELD_OUT, (run.batch,), generator=chance, device=run.device)
        clean, first = latents[chosen].float(), images[chosen].float()
        asked = torch.where(torch.rand(run.batch, generator=chance, device=run.device) < _UNASKED, len(prompts), chosen)
        step = shapes.noise_levels(run.batch, run.device, chance)
        noise = torch.randn(clean.shape, generator=chance, device=run.device)
        alpha = signal[step][:, None, None, None, None]
        noisy = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
        # The first frame is known; the pipeline gives nothing for the others.
        known = torch.cat([first, torch.zeros_like(clean[:, 1:])], 1)
        found = model(torch.cat([noisy, known], 2), tokens[asked].long(), step, rope)
        off = (found.float() - (alpha.sqrt() * noise - (1 - alpha).sqrt() * clean)).pow(2)
        # Most of a frame stays: what moves counts for more.
        weight = 1 + 2 * ((clean - first).abs().amax((1, 2), keepdim=True) > 0.5).float()
        loss = (off * weight).mean() / weight.mean()
        run.descend(loss, model, optimizer, _RATE)
        average.update_parameters(denoiser)
        if run.due():
            run.save(**parts)
            run.say()
            look_at_videos(run, pipe, latents[-HELD_OUT:][:10], prompts[-HELD_OUT:][:10])
    run.save(**parts)
    if run.accelerator.is_main_process:
        run.say(finished=run.finished, base=run.base and run.base.name)
        look_at_videos(run, pipe, latents[-HELD_OUT:][:10], prompts[-HELD_OUT:][:10])
        pipe.to(torch.float16).save_pretrained(run.work / "model")
        # In the form that every release of transformers reads.
        shutil.rmtree(run.work / "model" / "tokenizer")
        shutil.copytree(run.work / "tokenizer", run.work / "model" / "tokenizer")


def copy_tokenizer(old: Path, new: Path) -> None:
    """Copy the tokenizer of a trained model, for prompts of the length that is trained now."""
    shutil.copytree(old, new)
    path = new / "tokenizer_config.json"
    settings = {**json.loads(path.read_text()), "model_max_length": shapes.PROMPT_TOKENS}
    path.write_text(json.dumps(settings, indent=2) + "\n")


def tokenize(tokenizer: T5Tokenizer, prompts: list[str]) -> Tensor:
    length = {"padding": "max_length", "max_length": shapes.PROMPT_TOKENS, "truncation": True}
    return tokenizer(prompts, **length, return_tensors="pt").input_ids.to(torch.int16)


@torch.no_grad()
def look_at_videos(run: Run, pipe: CogVideoXImageToVideoPipeline, latents: Tensor, prompts: list[str]) -> None:
    """A strip, each video above what the model makes of its first frame and prompt."""
    with run.accelerator.autocast():
        shown = pipe.decode_latents(latents.float()).clamp(-1, 1)
        first = [Image.fromarray(((video[:, 0] + 1) * 127.5).byte().permute(1, 2, 0).cpu().numpy()) for video in shown]
        made = [
            pipe(image, prompt, height=videos.SIDE, width=videos.SIDE, num_frames=videos.FRAMES, num_inference_steps=12,
                 guidance_scale=1.0, max_sequence_length=shapes.PROMPT_TOKENS, output_type="pt",
                 generator=torch.Generator().manual_seed(42)).frames[0]
            for image, prompt in zip(first, prompts, strict=True)
        ]  # fmt: skip
    rows = [video for a, b in zip(shown, made, strict=True) for video in (a, b.permute(1, 0, 2, 3) * 2 - 1)]
    strip([row.cpu() for row in rows], run.work / "strips" / "transformer.png")


def main() -> None:
    stages = {"vae": (train_vae, 16, 7.0), "transformer": (train_transformer, 128, 25.0)}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=stages)
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, help="of the whole stage")
    parser.add_argument("--part", type=float, default=math.inf, help="minutes after which this run stops")
    parser.add_argument("--batch", type=int, help="videos a step and GPU")
    parser.add_argument("--start", type=Path, metavar="FOLDER", help="model whose transformer and text encoder go on")
    given = parser.parse_args()
    train, batch, minutes = stages[given.stage]
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    train(Run(given.work, given.stage, given.batch or batch, given.minutes or minutes, given.part, given.start))


if __name__ == "__main__":
    main()
