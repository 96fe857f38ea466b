"""Make an image-to-video checkpoint with random weights, in the format that `from_pretrained` loads.

    python setup/make_checkpoint.py --like wan2.1              a small frame and small networks: seconds on a CPU
    python setup/make_checkpoint.py --like 1.5 --size thin     CogVideoX only: the real frame, small networks
    python setup/make_checkpoint.py --like 1.5 --size full     CogVideoX only: the real shapes in bfloat16, 21 GB

It runs the real pipeline without the real weights; its videos show nothing. `model_index.json` marks the weights as
random, and so does every video that is made with them. A finished folder is kept.
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

# Catalog names of the real models and of the tiny ones.
MODELS = {
    "5b": "cogvideox-5b-i2v",
    "1.5": "cogvideox1.5-5b-i2v",
    "wan2.1": "wan2.1-i2v-14b-480p",
    "wan2.2-a14b": "wan2.2-i2v-a14b",
    "wan2.2-ti2v": "wan2.2-ti2v-5b",
    "ltx": "ltx-video",
}
TINY = {
    "5b": "cogvideox-tiny-random",
    "1.5": "cogvideox1.5-tiny-random",
    "wan2.1": "wan2.1-tiny-random",
    "wan2.2-a14b": "wan2.2-a14b-tiny-random",
    "wan2.2-ti2v": "wan2.2-ti2v-tiny-random",
    "ltx": "ltx-tiny-random",
}
PIPELINES = {
    "5b": "CogVideoXImageToVideoPipeline",
    "1.5": "CogVideoXImageToVideoPipeline",
    "wan2.1": "WanImageToVideoPipeline",
    "wan2.2-a14b": "WanImageToVideoPipeline",
    # The published index names WanPipeline, although the model takes an image.
    "wan2.2-ti2v": "WanPipeline",
    "ltx": "LTXImageToVideoPipeline",
}
# Values of the pipeline itself, which are in the index beside its components.
PIPELINE_VALUES: dict[str, dict[str, Any]] = {
    "wan2.2-a14b": {"boundary_ratio": 0.9},
    "wan2.2-ti2v": {"expand_timesteps": True},
}

# (width, height, frames). A model like 5B learns positions for exactly this; one like 1.5 computes them for any.
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

# Wan and LTX-Video, tiny. Every kind of layer is there; the VAEs compress space and time as the published ones do.
WAN_TRANSFORMER: dict[str, Any] = {
    "patch_size": (1, 2, 2),
    "num_attention_heads": 2,
    "attention_head_dim": 12,
    "in_channels": 36,
    "out_channels": 16,
    "text_dim": 32,
    "freq_dim": 256,
    "ffn_dim": 32,
    "num_layers": 2,
    "cross_attn_norm": True,
    "qk_norm": "rms_norm_across_heads",
    "rope_max_seq_len": 32,
}
WAN_VAE: dict[str, Any] = {
    "base_dim": 3,
    "z_dim": 16,
    "dim_mult": [1, 1, 1, 1],
    "num_res_blocks": 1,
    "temperal_downsample": [False, True, True],
}
# The VAE of Wan2.2-TI2V compresses 16 times in space.
WAN22_VAE: dict[str, Any] = {
    **WAN_VAE,
    "z_dim": 48,
    "in_channels": 12,
    "out_channels": 12,
    "is_residual": True,
    "patch_size": 2,
    "latents_mean": [0.0] * 48,
    "latents_std": [1.0] * 48,
    "scale_factor_spatial": 16,
    "scale_factor_temporal": 4,
}
WAN_SCHEDULER: dict[str, Any] = {
    "prediction_type": "flow_prediction",
    "use_flow_sigmas": True,
    "num_train_timesteps": 1000,
}
CLIP_VISION: dict[str, Any] = {
    "hidden_size": 4,
    "projection_dim": 4,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 32,
    "intermediate_size": 16,
    "patch_size": 8,
}
LTX_TRANSFORMER: dict[str, Any] = {
    "in_channels": 8,
    "out_channels": 8,
    "num_attention_heads": 4,
    "attention_head_dim": 8,
    "cross_attention_dim": 32,
    "num_layers": 1,
    "caption_channels": 32,
}
LTX_VAE: dict[str, Any] = {
    "latent_channels": 8,
    "block_out_channels": (8, 8, 8, 8),
    "decoder_block_out_channels": (8, 8, 8, 8),
    "layers_per_block": (1, 1, 1, 1, 1),
    "decoder_layers_per_block": (1, 1, 1, 1, 1),
    "spatio_temporal_scaling": (True, True, True, False),
    "decoder_spatio_temporal_scaling": (True, True, True, False),
    "patch_size": 4,
    "patch_size_t": 1,
}
# Of the text encoders of both.
TINY_T5: dict[str, Any] = {"d_model": 32, "d_kv": 8, "d_ff": 37, "num_layers": 2, "num_heads": 4}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--like", choices=MODELS, required=True, help="architecture")
    parser.add_argument("--size", choices=("tiny", "thin", "full"), default="tiny")
    parser.add_argument("--output", type=Path, help="folder; the default is the one where the kit looks, see below")
    parser.add_argument("--seed", type=int, default=0, help="of the weights")
    arguments = parser.parse_args()
    if arguments.size != "tiny" and arguments.like not in FULL_FRAME:
        parser.error(f"--like {arguments.like} is only made tiny; leave out --size {arguments.size}")
    folder = arguments.output or default_folder(arguments.like, arguments.size)
    if (folder / "model_index.json").is_file():
        sys.stdout.write(f"{folder} exists\n")
        return
    make(arguments.like, arguments.size, folder, arguments.seed)
    sys.stdout.write(f"{folder}\n")


def default_folder(like: str, size: str) -> Path:
    """Return the folder of a checkpoint.

    Only tiny ones are where the kit looks by default. The others have the names of real models, so they are used only
    with `--weights weights/thin` or `--weights weights/full`.
    """
    return Path("weights") / TINY[like] if size == "tiny" else Path("weights") / size / MODELS[like]


def make(like: str, size: str, folder: Path, seed: int = 0) -> None:
    """Build a checkpoint, with one component in memory at a time. The folder appears when it is complete."""
    import torch

    from vmevalkit.models.diffusers.devices import quiet_libraries
    from vmevalkit.models.diffusers.tokenizer import train_tokenizer

    quiet_libraries()
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    building.chmod(0o755)
    # Initializing five billion weights takes a minute on a CPU and a second on a GPU.
    device = "cuda" if size == "full" and torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if size == "full" else torch.float32
    before = torch.get_default_dtype()
    index: dict[str, Any] = {"_class_name": PIPELINES[like], "_random_weights": True, **PIPELINE_VALUES.get(like, {})}
    try:
        index["tokenizer"] = ["transformers", "T5Tokenizer"]
        vocabulary = train_tokenizer(building / "tokenizer", TRANSFORMER["max_text_seq_length"])
        torch.set_default_dtype(dtype)
        for name, build in components(like, size, vocabulary).items():
            # The second expert of a pair must not equal the first.
            torch.manual_seed(seed + name.endswith("_2"))
            with torch.device(device):
                component = build()
            if not isinstance(component, torch.nn.Module):
                component.save_pretrained(building / name)
            else:
                # Learned positions are computed as float64, whatever the default.
                component.to(dtype).save_pretrained(building / name, max_shard_size="5GB")
            index[name] = [type(component).__module__.split(".")[0], type(component).__name__]
            del component
            gc.collect()
        # This file marks the folder as a checkpoint, so it is written last.
        (building / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        building.rename(folder)
    finally:
        torch.set_default_dtype(before)
        shutil.rmtree(building, ignore_errors=True)


def components(like: str, size: str, vocabulary: int) -> dict[str, Callable[[], Any]]:
    """Return how to build each of the pipeline's components.

    The random weights are PyTorch's own initialization, with which activations stay finite through all layers.
    """
    if like == "ltx":
        return ltx_components(vocabulary)
    return wan_components(like, vocabulary) if like.startswith("wan") else cogvideox_components(like, size, vocabulary)


def cogvideox_components(like: str, size: str, vocabulary: int) -> dict[str, Callable[[], Any]]:
    """Return how to build the components of CogVideoX."""
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


def wan_components(like: str, vocabulary: int) -> dict[str, Callable[[], Any]]:
    """Return how to build the components of a tiny Wan."""
    import diffusers
    import transformers

    is_ti2v, has_encoder = like == "wan2.2-ti2v", like == "wan2.1"
    channels = {"in_channels": 48, "out_channels": 48} if is_ti2v else {"image_dim": 4} if has_encoder else {}
    # Without torchvision, only the variant for Pillow is there; older releases have only the plain name.
    processor = getattr(transformers, "CLIPImageProcessorPil", None) or transformers.CLIPImageProcessor
    t5 = transformers.UMT5Config(**TINY_T5, vocab_size=vocabulary)

    def transformer() -> Any:
        return diffusers.WanTransformer3DModel(**{**WAN_TRANSFORMER, **channels})

    found: dict[str, Callable[[], Any]] = {
        "scheduler": lambda: diffusers.UniPCMultistepScheduler(**WAN_SCHEDULER, flow_shift=5.0 if is_ti2v else 3.0),
        "vae": lambda: diffusers.AutoencoderKLWan(**(WAN22_VAE if is_ti2v else WAN_VAE)),
        "transformer": transformer,
        "text_encoder": lambda: transformers.UMT5EncoderModel(t5),
    }
    if like == "wan2.2-a14b":
        found["transformer_2"] = transformer
    if has_encoder:
        found["image_encoder"] = lambda: transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**CLIP_VISION))
        found["image_processor"] = lambda: processor(crop_size=32, size=32)
    return found


def ltx_components(vocabulary: int) -> dict[str, Callable[[], Any]]:
    """Return how to build the components of a tiny LTX-Video."""
    import diffusers
    import transformers

    t5 = transformers.T5Config(**TINY_T5, vocab_size=vocabulary)
    return {
        "scheduler": lambda: diffusers.FlowMatchEulerDiscreteScheduler(),
        "vae": lambda: diffusers.AutoencoderKLLTXVideo(**LTX_VAE),
        "transformer": lambda: diffusers.LTXVideoTransformer3DModel(**LTX_TRANSFORMER),
        "text_encoder": lambda: transformers.T5EncoderModel(t5),
    }


if __name__ == "__main__":
    main()
