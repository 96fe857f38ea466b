"""Make a CogVideoX image-to-video checkpoint with random weights, in the format that `from_pretrained` loads.

    python setup/make_checkpoint.py --like 5b                  a small frame and small networks: seconds on a CPU
    python setup/make_checkpoint.py --like 1.5 --size thin     the catalogue entry's own frame, small networks
    python setup/make_checkpoint.py --like 1.5 --size full     the real shapes in bfloat16: 21 GB, for measuring speed

It exercises the real pipeline without the real weights; its films show nothing. Every such checkpoint says in
model_index.json that its weights are random, and every film made with it repeats that. A finished folder is kept.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import shutil
import string
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

MODELS = {"5b": "cogvideox-5b-i2v", "1.5": "cogvideox1.5-5b-i2v"}
TINY = {"5b": "cogvideox-tiny-random", "1.5": "cogvideox1.5-tiny-random"}

# (width, height, frames): positions are learned for exactly this in a 5B-like model, computed for any in a 1.5-like one.
TINY_FRAME = {"5b": (144, 96, 49), "1.5": (160, 96, 81)}
FULL_FRAME = {"5b": (720, 480, 49), "1.5": (1360, 768, 81)}

# The shapes of the published checkpoints (transformer/config.json, vae/config.json, text_encoder/config.json there).
TRANSFORMER: dict[str, Any] = {
    "num_attention_heads": 48,
    "attention_head_dim": 64,
    "in_channels": 32,
    "out_channels": 16,
    "time_embed_dim": 512,
    "text_embed_dim": 4096,
    "num_layers": 42,
    "patch_size": 2,
    "max_text_seq_length": 226,
    "spatial_interpolation_scale": 1.875,
    "use_rotary_positional_embeddings": True,
}
ONLY_5B: dict[str, Any] = {"use_learned_positional_embeddings": True}
ONLY_15: dict[str, Any] = {
    "use_learned_positional_embeddings": False,
    "patch_size_t": 2,
    "patch_bias": False,
    "ofs_embed_dim": 512,
}
VAE: dict[str, Any] = {
    "down_block_types": ("CogVideoXDownBlock3D",) * 4,
    "up_block_types": ("CogVideoXUpBlock3D",) * 4,
    "block_out_channels": (128, 256, 256, 512),
    "latent_channels": 16,
    "layers_per_block": 3,
    "norm_num_groups": 32,
    "temporal_compression_ratio": 4,
    "scaling_factor": 0.7,
}
T5: dict[str, Any] = {
    "d_model": 4096,
    "d_kv": 64,
    "d_ff": 10240,
    "num_layers": 24,
    "num_heads": 64,
    "vocab_size": 32128,
    "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False,
}
SCHEDULER: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "snr_shift_scale": 1.0,
    "timestep_spacing": "trailing",
}
# One scheduler each, because they differ in how the pipeline calls them; DPM draws noise in every step.
SCHEDULERS = {"5b": "CogVideoXDDIMScheduler", "1.5": "CogVideoXDPMScheduler"}

# Small networks keep every kind of layer. Two attention heads of 16 are the least that rotary positions in 3D can split.
SMALL_TRANSFORMER = {"num_attention_heads": 2, "attention_head_dim": 16, "num_layers": 2, "time_embed_dim": 32,
                     "text_embed_dim": 32}  # fmt: skip
SMALL_VAE = {"block_out_channels": (4, 4, 8, 8), "layers_per_block": 1, "norm_num_groups": 2}
SMALL_T5 = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 2}

VOCABULARY = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--like", choices=MODELS, required=True, help="architecture")
    parser.add_argument("--size", choices=("tiny", "thin", "full"), default="tiny")
    parser.add_argument("--output", type=Path, help="folder; the default is the one where the kit looks, see below")
    parser.add_argument("--seed", type=int, default=0, help="of the weights")
    arguments = parser.parse_args()
    folder = arguments.output or default_folder(arguments.like, arguments.size)
    if (folder / "model_index.json").is_file():
        sys.stdout.write(f"{folder} is there already\n")
        return
    make(arguments.like, arguments.size, folder, arguments.seed)
    sys.stdout.write(f"{folder}\n")


def default_folder(like: str, size: str) -> Path:
    """Where a checkpoint goes. Only the tiny ones lie where the kit looks by itself: stand-ins of the real
    entries must be asked for, with `--weights weights/thin` or `--weights weights/full`."""
    return Path("weights") / TINY[like] if size == "tiny" else Path("weights") / size / MODELS[like]


def make(like: str, size: str, folder: Path, seed: int = 0) -> None:
    """Build a checkpoint, one component in memory at a time; the folder appears when it is whole."""
    import torch

    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    building.chmod(0o755)
    # Initialising five billion weights takes a minute on a CPU and a second on a GPU.
    device = "cuda" if size == "full" and torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if size == "full" else torch.float32
    before = torch.get_default_dtype()
    index: dict[str, Any] = {"_class_name": "CogVideoXImageToVideoPipeline", "_random_weights": True}
    try:
        torch.set_default_dtype(dtype)
        for name, build in components(like, size).items():
            torch.manual_seed(seed)
            with torch.device(device):
                component = build()
            component.save_pretrained(building / name, **({} if name in CONFIG_ONLY else {"max_shard_size": "5GB"}))
            index[name] = [type(component).__module__.split(".")[0], type(component).__name__]
            del component
            gc.collect()
        vocabulary = train_tokenizer(building / "tokenizer")
        index["tokenizer"] = ["transformers", "T5Tokenizer"]
        shape = {**T5, **({} if size == "full" else {**SMALL_T5, "vocab_size": vocabulary})}
        torch.manual_seed(seed)
        with torch.device(device):
            encoder = text_encoder(shape)
        encoder.save_pretrained(building / "text_encoder", max_shard_size="5GB")
        index["text_encoder"] = ["transformers", "T5EncoderModel"]
        # The kit takes a folder with this file for a checkpoint, so it is written last.
        (building / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        os.rename(building, folder)
    finally:
        torch.set_default_dtype(before)
        shutil.rmtree(building, ignore_errors=True)


CONFIG_ONLY = ("scheduler",)


def components(like: str, size: str) -> dict[str, Callable[[], Any]]:
    """How to build each of the pipeline's Diffusers components; random weights are PyTorch's own initialisation,
    with which activations stay finite through all layers."""
    import diffusers

    width, height, frames = (TINY_FRAME if size == "tiny" else FULL_FRAME)[like]
    transformer = {
        **TRANSFORMER,
        **(ONLY_5B if like == "5b" else ONLY_15),
        **({} if size == "full" else SMALL_TRANSFORMER),
        "sample_width": width // 8,
        "sample_height": height // 8,
        "sample_frames": frames,
    }
    if like == "1.5" and size != "full":
        transformer["ofs_embed_dim"] = 32
    vae = {
        **VAE,
        **({} if size == "full" else SMALL_VAE),
        **({"invert_scale_latents": True} if like == "1.5" else {}),
        "sample_width": width,
        "sample_height": height,
    }
    return {
        "scheduler": lambda: getattr(diffusers, SCHEDULERS[like])(**SCHEDULER),
        "vae": lambda: diffusers.AutoencoderKLCogVideoX(**vae),
        "transformer": lambda: diffusers.CogVideoXTransformer3DModel(**transformer),
    }


def text_encoder(shape: dict[str, Any]) -> Any:
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(T5Config(**shape))


def train_tokenizer(folder: Path) -> int:
    """Train a T5 tokenizer on the kit's prompts and save it as T5's own are: a SentencePiece model.

    Returns:
        The size of the vocabulary, with T5's hundred extra tokens.
    """
    import sentencepiece

    folder.mkdir()
    with tempfile.TemporaryDirectory() as scratch:
        prefix = Path(scratch) / "spiece"
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(prompts()),
            model_prefix=str(prefix),
            model_type="unigram",
            vocab_size=VOCABULARY,
            hard_vocab_limit=False,
            required_chars=string.ascii_letters + string.digits + string.punctuation,
            # T5's special tokens and their numbers.
            pad_id=0,
            eos_id=1,
            unk_id=2,
            bos_id=-1,
            num_threads=1,
            minloglevel=2,
        )
        shutil.copyfile(prefix.with_suffix(".model"), folder / "spiece.model")
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model")).get_piece_size()
    special = {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    extra = {"additional_special_tokens": [f"<extra_id_{i}>" for i in range(100)]}
    settings = {"tokenizer_class": "T5Tokenizer", "model_max_length": 226, "extra_ids": 100, "legacy": True}
    for name, content in (
        ("tokenizer_config.json", {**settings, **special, **extra}),
        ("special_tokens_map.json", {**special, **extra}),
    ):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return int(pieces) + 100


def prompts() -> Iterable[str]:
    """Prompts of every task, difficulty and mode."""
    from vmevalkit.tasks.base import TASKS
    from vmevalkit.types import MODES

    for name in TASKS:
        task = TASKS[name]
        for difficulty in range(1, 6):
            for index in range(4):
                rng = random.Random(f"{name} {difficulty} {index}")
                puzzle = task.generate(rng, difficulty)
                yield from task.phrasings(puzzle)
                yield from (task.prompt(puzzle, mode, rng) for mode in MODES)


if __name__ == "__main__":
    main()
