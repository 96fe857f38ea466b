"""What `cogvideox-tiny-i2v` is made of: the classes of CogVideoX-5B-I2V, all of them small.

The canvas is so small that the VAE halves its sides twice, not three times; so a token still shows 8x8 pixels where
the large model's shows 16x16 of an image seven times as wide.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXDDIMScheduler, CogVideoXTransformer3DModel
from transformers import T5Config, T5EncoderModel
from videos import FRAMES, SIDE

LATENT_SIDE, LATENTS, CHANNELS = SIDE // 4, (FRAMES - 1) // 4 + 1, 16
PROMPT_TOKENS = 160
_TEXT = 128


def new_vae() -> AutoencoderKLCogVideoX:
    return AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 3,
        up_block_types=("CogVideoXUpBlock3D",) * 3,
        block_out_channels=(32, 64, 96),
        latent_channels=CHANNELS,
        layers_per_block=1,
        norm_num_groups=8,
        temporal_compression_ratio=4,
        sample_width=SIDE,
        sample_height=SIDE,
    )


def new_transformer() -> CogVideoXTransformer3DModel:
    return CogVideoXTransformer3DModel(
        num_attention_heads=5,
        attention_head_dim=64,
        in_channels=2 * CHANNELS,
        out_channels=CHANNELS,
        num_layers=8,
        text_embed_dim=_TEXT,
        time_embed_dim=128,
        max_text_seq_length=PROMPT_TOKENS,
        sample_width=LATENT_SIDE,
        sample_height=LATENT_SIDE,
        sample_frames=FRAMES,
        patch_size=2,
        spatial_interpolation_scale=1.0,
        use_rotary_positional_embeddings=True,
    )


def new_text_encoder(vocabulary: int) -> T5EncoderModel:
    return T5EncoderModel(
        T5Config(
            d_model=_TEXT,
            d_kv=32,
            d_ff=256,
            num_layers=3,
            num_heads=4,
            vocab_size=vocabulary,
            feed_forward_proj="gated-gelu",
            tie_word_embeddings=False,
            dropout_rate=0.0,
        )
    )


def new_scheduler() -> CogVideoXDDIMScheduler:
    """As published with CogVideoX-5B-I2V (scheduler/scheduler_config.json there)."""
    return CogVideoXDDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        snr_shift_scale=1.0,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
    )


# Of 1000 steps of noise: above this a video is hardly seen in it. There it is decided what happens; below, how it
# looks.
_DECIDED = 800


def noise_levels(count: int, device: torch.device, chance: torch.Generator | None = None) -> torch.Tensor:
    """Steps of noise to train on, int64 (count,): half from all of them, half from those that decide the answer."""
    low = torch.where(torch.rand(count, generator=chance, device=device) < 0.5, 0, _DECIDED)
    above = torch.rand(count, generator=chance, device=device) * (1000 - low)
    return low + above.long()
