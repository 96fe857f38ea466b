"""Shapes of CogVideoX's networks: as published, and very small, for checkpoints with random weights."""

from __future__ import annotations

from typing import Any

from vmevalkit.models.diffusers.random_weights import Builders, Scale

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

# (width, height, frames). A model like 5B learns positions for exactly this; one like 1.5 computes them for any.
TINY_FRAME = {"5b": (96, 64, 49), "1.5": (112, 64, 81)}
FULL_FRAME = {"5b": (720, 480, 49), "1.5": (1360, 768, 81)}


def components_5b(scale: Scale, vocabulary: int) -> Builders:
    """Return how to build the components of CogVideoX-5B."""
    return _components("5b", scale, vocabulary)


def components_15(scale: Scale, vocabulary: int) -> Builders:
    """Return how to build the components of CogVideoX1.5-5B."""
    return _components("1.5", scale, vocabulary)


def _components(like: str, scale: Scale, vocabulary: int) -> Builders:
    import diffusers
    import transformers

    width, height, frames = (TINY_FRAME if scale == "tiny" else FULL_FRAME)[like]
    small = scale != "full"
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
