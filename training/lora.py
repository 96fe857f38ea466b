"""Train an adapter (LoRA) for CogVideoX on a question set of the kit.

    vmevalkit make --task cost_path --size 96x96 --count 2000 --questions data/cost_path
    accelerate launch training/lora.py data/cost_path adapters/cost_path --model cogvideox-tiny-i2v --batch 32
    vmevalkit generate --model cogvideox-tiny-i2v --lora adapters/cost_path ...

The questions' right answers are the videos to learn from; the canvas must be the model's. For the large model:

    vmevalkit make --task maze --count 500 --seed 7 --questions data/mazes
    accelerate launch training/lora.py data/mazes adapters/mazes --model cogvideox-5b-i2v --steps 1000

Text encoder and VAE run once over the questions and leave the GPU; only the transformer stays.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import shapes
import torch
from accelerate import Accelerator
from diffusers import CogVideoXImageToVideoPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from torch import Tensor

from vmevalkit import media, store
from vmevalkit.errors import QuestionError, VMEvalError
from vmevalkit.models.cogvideox_inference import VARIANTS, CogVideoXConfig, locate
from vmevalkit.models.diffusers.cogvideox.variants import Variant
from vmevalkit.models.diffusers.devices import dtype_argument

# Attention and feed-forward layers of every block.
_LAYERS = ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2"]


def main() -> None:
    five = {variant.card.name: variant for variant in VARIANTS.values() if variant.patch_size_t is None}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", type=Path)
    parser.add_argument("adapter", type=Path, help="folder to be written")
    parser.add_argument("--model", choices=sorted(five), required=True)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--rank", type=int, default=64)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    accelerator = Accelerator(mixed_precision="bf16" if torch.cuda.is_available() else "no")
    try:
        pipe = load(five[given.model], given.weights, accelerator)
        data = prepare(pipe, five[given.model], given.questions, accelerator)
    except VMEvalError as error:
        sys.exit(f"lora.py: {error}")
    train(pipe, data, given, accelerator)
    if accelerator.is_main_process:
        state = get_peft_model_state_dict(pipe.transformer)
        CogVideoXImageToVideoPipeline.save_lora_weights(given.adapter, state)
        print(f"{given.adapter}")


def load(variant: Variant, weights: Path | None, accelerator: Accelerator) -> CogVideoXImageToVideoPipeline:
    config = CogVideoXConfig.model_validate({"model": variant.card.model, "weights": weights})
    dtype = torch.bfloat16 if accelerator.device.type == "cuda" else torch.float32
    folder = locate(variant, config).folder
    return CogVideoXImageToVideoPipeline.from_pretrained(folder, local_files_only=True, **dtype_argument(dtype))


# ------------------------------------------------------------------------------------------------------------ videos


@torch.no_grad()
def prepare(
    pipe: CogVideoXImageToVideoPipeline, variant: Variant, questions: Path, accelerator: Accelerator
) -> dict[str, Tensor]:
    """Latents of videos (videos, latents, channels, height, width), first frames, and prompts, as the model sees them.

    Raises:
        QuestionError: a question's canvas is not the model's size, or it has no video.
    """
    device, tokens = accelerator.device, variant.limits.prompt_tokens
    asked = store.iter_questions(questions)
    prompts = [store.read_prompt(question) for question in asked]
    pipe.text_encoder.to(device)
    different = {text: pipe.encode_prompt(text, do_classifier_free_guidance=False, max_sequence_length=tokens)[0].cpu()
                 for text in dict.fromkeys(prompts)}  # fmt: skip
    # Gone before the videos come: in the large model it is as large as the transformer.
    pipe.text_encoder = None
    release()
    pipe.vae.to(device)
    pipe.vae.enable_slicing()
    videos = [encode(pipe, read_video(question, variant), device) for question in asked]
    pipe.vae.cpu()
    release()
    return {
        "videos": torch.cat([video for video, _ in videos]),
        "images": torch.cat([image for _, image in videos]),
        "texts": torch.cat([different[text] for text in prompts]),
    }


def read_video(question: Any, variant: Variant) -> Tensor:
    """The ground-truth video, (1, 3, frames, height, width) from -1 to 1, in the model's frame count."""
    path = question.folder / "ground_truth.mp4"
    if not path.is_file():
        raise QuestionError(f"{path} is not there", "make the questions with videos")
    frames = media.read_frames(path)
    size, wanted = f"{frames.shape[2]}x{frames.shape[1]}", "x".join(map(str, variant.card.size or ()))
    if size != wanted:
        raise QuestionError(f"{question.folder} is {size}; {variant.card.name} makes {wanted}", f"make --size {wanted}")
    chosen = np.linspace(0, len(frames) - 1, variant.limits.frames[0]).round().astype(int)
    return torch.from_numpy(frames[chosen]).permute(3, 0, 1, 2)[None].float().div(127.5).sub(1)


def encode(pipe: CogVideoXImageToVideoPipeline, video: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    video = video.to(device, pipe.vae.dtype)
    means = (pipe.vae.encode(seen).latent_dist.mean.transpose(1, 2) for seen in (video, video[:, :, :1]))
    latents, image = ((mean * pipe.vae.config.scaling_factor).cpu() for mean in means)
    return latents, image


def release() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


# --------------------------------------------------------------------------------------------------------- training


def train(
    pipe: CogVideoXImageToVideoPipeline, data: dict[str, Tensor], given: argparse.Namespace, accelerator: Accelerator
) -> None:
    device, transformer, scheduler = accelerator.device, pipe.transformer, pipe.scheduler
    transformer.requires_grad_(False).to(device)
    # Scale 1, which is what is assumed where a file does not say it.
    transformer.add_adapter(LoraConfig(r=given.rank, lora_alpha=given.rank, target_modules=_LAYERS))
    learned = [parameter.requires_grad_() for name, parameter in transformer.named_parameters() if "lora_" in name]
    for parameter in learned:
        parameter.data = parameter.data.float()
    transformer.enable_gradient_checkpointing()
    optimizer = torch.optim.AdamW(learned, given.rate, betas=(0.9, 0.95), weight_decay=0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, given.rate, total_steps=given.steps, pct_start=0.1)
    # Not the schedule, which would go on by a step for each GPU.
    model, optimizer = accelerator.prepare(transformer, optimizer)
    torch.manual_seed(given.seed + accelerator.process_index)
    height, width = (side * pipe.vae_scale_factor_spatial for side in data["videos"].shape[-2:])
    rope = None
    if transformer.config.use_rotary_positional_embeddings:
        rope = pipe._prepare_rotary_positional_embeddings(height, width, data["videos"].shape[1], device)
    began = time.monotonic()
    for step in range(1, given.steps + 1):
        chosen = torch.randint(len(data["videos"]), (given.batch,))
        clean, image, text = (data[name][chosen].to(device) for name in ("videos", "images", "texts"))
        clean = clean.float()
        noise = torch.randn_like(clean)
        moment = shapes.noise_levels(given.batch, device)
        noisy = scheduler.add_noise(clean, noise, moment)
        known = torch.cat([image, torch.zeros_like(clean[:, 1:])], 1)
        with accelerator.autocast():
            found = model(torch.cat([noisy, known], 2), text, moment, image_rotary_emb=rope, return_dict=False)[0]
        loss = (found.float() - scheduler.get_velocity(clean, noise, moment)).pow(2).mean()
        optimizer.zero_grad(set_to_none=True)
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        schedule.step()
        if accelerator.is_main_process and step % max(1, given.steps // 20) == 0:
            seconds = time.monotonic() - began
            memory = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else 0.0
            print(json.dumps({"step": step, "loss": round(loss.item(), 4), "seconds": round(seconds, 1),
                              "gib": round(memory, 1)}), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
