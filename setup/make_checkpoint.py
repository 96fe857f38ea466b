"""Make a CogVideoX image-to-video checkpoint with random weights, in the format that `from_pretrained` loads.

    python setup/make_checkpoint.py --like 5b                  a small frame and small networks: seconds on a CPU
    python setup/make_checkpoint.py --like 1.5 --size thin     the catalog entry's own frame, small networks
    python setup/make_checkpoint.py --like 1.5 --size full     the real shapes in bfloat16: 21 GB, for measuring speed

It exercises the real pipeline without the real weights; its videos show nothing. Every such checkpoint says in
model_index.json that its weights are random, and every video made with it repeats that. A finished folder is kept.
"""

from __future__ import annotations

import argparse
import gc
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

MODELS = {"5b": "cogvideox-5b-i2v", "1.5": "cogvideox1.5-5b-i2v"}
TINY = {"5b": "cogvideox-tiny-random", "1.5": "cogvideox1.5-tiny-random"}

# (width, height, frames). A 5B-like model learns positions for exactly this, a 1.5-like one computes them for any.
TINY_FRAME = {"5b": (96, 64, 49), "1.5": (112, 64, 81)}
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
# The computed positions reach to 300 latents (2400 pixels), from which a video's own size is cut.
ONLY_15: dict[str, Any] = {
    "use_learned_positional_embeddings": False,
    "patch_size_t": 2,
    "patch_bias": False,
    "ofs_embed_dim": 512,
    "sample_width": 300,
    "sample_height": 300,
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

# Small networks keep every kind of layer. A head of 16 is the least that rotary positions in 3D can split. What the VAE
# does at full size decides the time on a CPU, so it has very few channels.
SMALL_TRANSFORMER = {
    "num_attention_heads": 2,
    "attention_head_dim": 16,
    "in_channels": 8,
    "out_channels": 4,
    "num_layers": 2,
    "time_embed_dim": 32,
    "text_embed_dim": 32,
}
SMALL_VAE = {"block_out_channels": (2, 2, 4, 4), "latent_channels": 4, "layers_per_block": 1, "norm_num_groups": 2}
SMALL_T5 = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 2}


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

    from vmevalkit.models.diffusers.pipeline import quiet_libraries
    from vmevalkit.models.diffusers.tokenizer import train_tokenizer

    quiet_libraries()
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    building.chmod(0o755)
    # Initialising five billion weights takes a minute on a CPU and a second on a GPU.
    device = "cuda" if size == "full" and torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if size == "full" else torch.float32
    before = torch.get_default_dtype()
    index: dict[str, Any] = {"_class_name": "CogVideoXImageToVideoPipeline", "_random_weights": True}
    try:
        index["tokenizer"] = ["transformers", "T5Tokenizer"]
        vocabulary = train_tokenizer(building / "tokenizer", TRANSFORMER["max_text_seq_length"])
        torch.set_default_dtype(dtype)
        for name, build in components(like, size, vocabulary).items():
            torch.manual_seed(seed)
            with torch.device(device):
                component = build()
            if name == "scheduler":
                component.save_pretrained(building / name)
            else:
                # Learned positions are computed as float64, whatever the default.
                component.to(dtype).save_pretrained(building / name, max_shard_size="5GB")
            index[name] = [type(component).__module__.split(".")[0], type(component).__name__]
            del component
            gc.collect()
        # The kit takes a folder with this file for a checkpoint, so it is written last.
        (building / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        building.rename(folder)
    finally:
        torch.set_default_dtype(before)
        shutil.rmtree(building, ignore_errors=True)


def components(like: str, size: str, vocabulary: int) -> dict[str, Callable[[], Any]]:
    """How to build each of the pipeline's components. The random weights are PyTorch's own initialisation, with which
    activations stay finite through all layers."""
    import diffusers
    import transformers

    width, height, frames = (TINY_FRAME if size == "tiny" else FULL_FRAME)[like]
    small = size != "full"
    transformer = {
        **TRANSFORMER,
        "sample_width": width // 8,
        "sample_height": height // 8,
        "sample_frames": frames,
        **(ONLY_5B if like == "5b" else ONLY_15),
        **(SMALL_TRANSFORMER if small else {}),
        **({"ofs_embed_dim": 32} if small and like == "1.5" else {}),
    }
    vae = {
        **VAE,
        **(SMALL_VAE if small else {}),
        **({"invert_scale_latents": True} if like == "1.5" else {}),
        "sample_width": width,
        "sample_height": height,
    }
    t5 = {**T5, **({**SMALL_T5, "vocab_size": vocabulary} if small else {})}
    return {
        "scheduler": lambda: getattr(diffusers, SCHEDULERS[like])(**SCHEDULER),
        "vae": lambda: diffusers.AutoencoderKLCogVideoX(**vae),
        "transformer": lambda: diffusers.CogVideoXTransformer3DModel(**transformer),
        "text_encoder": lambda: transformers.T5EncoderModel(transformers.T5Config(**t5)),
    }


if __name__ == "__main__":
    main()
