"""Every model family that runs through Diffusers, with a tiny random checkpoint through its real pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vmevalkit import media
from vmevalkit.errors import ConfigError
from vmevalkit.models import progress
from vmevalkit.models.base import MODELS
from vmevalkit.models.diffusers.config import random_models
from vmevalkit.models.diffusers.random_weights import make_checkpoint
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.runner.inference import _load_model_wrapper
from vmevalkit.types import GenerationResult, Provenance

PROMPT = "Lead the blue disc to the orange square."
RANDOM = dict(random_models().values())
# CogVideoX has tests of its own.
TINY = sorted(name for name in RANDOM if not name.startswith("cogvideox"))


@pytest.fixture(scope="session")
def weights(small_networks: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny checkpoint for each family."""
    pytest.importorskip("ftfy")
    folder = tmp_path_factory.mktemp("weights")
    for name in TINY:
        make_checkpoint(RANDOM[name], "tiny", folder / name)
    return folder


@pytest.fixture(scope="session")
def wrappers(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelWrapper]:
    """The tiny models, loaded once."""
    return {name: make_wrapper(name, tmp_path_factory.mktemp(name), weights=weights) for name in TINY}


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "first_frame.png"
    pixels = np.full((480, 720, 3), 255, np.uint8)
    pixels[100:200, 100:300] = (200, 30, 30)
    Image.fromarray(pixels).save(path)
    return path


def make_wrapper(name: str, folder: Path, **settings: Any) -> ModelWrapper:
    card = MODELS[name]
    return _load_model_wrapper(name)(card.model, folder, name=name, **{**card.args, **settings})


def provenance_of(answer: dict[str, Any]) -> Provenance:
    assert answer["success"], answer["error"]
    provenance = GenerationResult.model_validate(answer).provenance
    assert provenance is not None
    return provenance


@pytest.mark.parametrize("name", TINY)
def test_a_video_is_what_the_card_says(
    name: str, wrappers: dict[str, ModelWrapper], image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: list[float] = []
    monkeypatch.setattr(progress, "_listener", shares.append)
    card = MODELS[name]
    answer = wrappers[name].generate(image, PROMPT, output_filename="a.mp4")
    assert shares == [0.5, 1.0], "progress after each of two steps"
    made, info = provenance_of(answer), media.probe(answer["video_path"])
    assert (info.size, info.frames, info.fps) == (card.size, card.frames, card.fps)
    assert made.weights["random"] is True
    assert (made.memory_plan, made.settings["dtype"]) == ("resident", "float32")
    assert set(made.seconds) == {"load", "encode", "generate", "write"}
    assert made.geometry.fit == "letterbox"


@pytest.mark.parametrize("name", TINY)
def test_the_seed_decides(name: str, wrappers: dict[str, ModelWrapper], image: Path) -> None:
    answers = [wrappers[name].generate(image, PROMPT, output_filename=f"{n}.mp4", seed=n // 2) for n in range(3)]
    first, same, other = (Path(answer["video_path"]).read_bytes() for answer in answers)
    assert first == same
    assert first != other


@pytest.mark.parametrize("name", TINY)
def test_it_equals_a_plain_call_of_the_pipeline(
    name: str, weights: Path, wrappers: dict[str, ModelWrapper], image: Path
) -> None:
    """Encoding prompts ahead and placing the image change nothing."""
    import diffusers
    import torch

    service: Any = wrappers[name].service
    plain = getattr(diffusers, service.pipeline).from_pretrained(weights / name, dtype=torch.float32)
    plain.set_progress_bar_config(disable=True)
    config = service.config
    first, _ = media.place(media.load_image(image), config.resolution)
    rate = {"frame_rate": 25, "decode_timestep": 0.05, "decode_noise_scale": 0.025} if name.startswith("ltx") else {}
    frames = plain(
        image=first, prompt=PROMPT, negative_prompt="", height=config.height, width=config.width,
        num_frames=config.num_frames, num_inference_steps=2, guidance_scale=config.guidance_scale, output_type="np",
        max_sequence_length=config.variant.limits.prompt_tokens, generator=torch.Generator().manual_seed(3), **rate,
    ).frames[0]  # fmt: skip
    ours = service.generate(wrappers[name].request(image, PROMPT, None, 3)).frames
    assert np.array_equal(np.stack(list(ours)), (np.clip(frames, 0, 1) * 255).round().astype(np.uint8))


@pytest.mark.parametrize("name", TINY)
def test_bad_input_is_a_failed_result(
    name: str, wrappers: dict[str, ModelWrapper], image: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_text("not an image")
    for answer, said in (
        (wrappers[name].generate(broken, PROMPT), "not a readable image"),
        (wrappers[name].generate(image, " "), "the prompt is empty"),
        (wrappers[name].generate(image, "zebra " * 600), "tokens; the model reads"),
        (wrappers[name].generate(image, PROMPT, num_frames=4), "num_frames = 4: not possible"),
        (wrappers[name].generate(image, PROMPT, no_such_option=1), "no_such_option"),
    ):
        assert not answer["success"]
        assert said in answer["error"]


@pytest.mark.parametrize("name", TINY)
def test_duration_chooses_the_nearest_length(name: str, wrappers: dict[str, ModelWrapper], image: Path) -> None:
    made = provenance_of(wrappers[name].generate(image, PROMPT, duration=0.1))
    assert made.frames == MODELS[name].args["num_frames"] // 2 + 1
    assert "0.1 s were requested" in made.notes[0]


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("wan2.1-i2v-14b-480p", {"resolution": "832x488"}, "divisible by 16"),
        ("wan2.1-i2v-14b-480p", {"resolution": "1280x720"}, "at most 399360 pixels"),
        ("wan2.1-i2v-14b-480p", {"num_frames": 80}, r"4N\+1 from 5 to 81"),
        ("wan2.1-i2v-14b-480p", {"guidance_scale_2": 3}, "has one transformer"),
        ("wan2.2-ti2v-5b", {"resolution": "1280x688"}, "divisible by 32"),
        ("ltx-video", {"num_frames": 160}, r"8N\+1 from 9 to 161"),
        ("ltx-video", {"resolution": "704x500"}, "divisible by 32"),
    ],
)
def test_settings_are_checked_before_anything_is_loaded(
    name: str, settings: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        make_wrapper(name, tmp_path, **settings)


@pytest.mark.parametrize("name", [name for name in TINY if name.startswith("wan")])
def test_fused_blocks_of_wan_compute_the_same(
    name: str, weights: Path, wrappers: dict[str, ModelWrapper], image: Path, tmp_path: Path
) -> None:
    """Speed `exact` differs from the stock pipeline by rounding only; `fast` differs by more."""
    videos = {}
    for speed in ("exact", "fast"):
        service: Any = make_wrapper(name, tmp_path / speed, weights=weights, speed=speed).service
        made = service.generate(wrappers[name].request(image, PROMPT, None, 3))
        videos[speed] = np.stack(list(made.frames)).astype(int)
        assert made.settings["speed"] == speed
        assert any("float8" in note for note in made.notes) == (speed == "fast")
    service = wrappers[name].service
    stock = np.stack(list(service.generate(wrappers[name].request(image, PROMPT, None, 3)).frames)).astype(int)
    assert np.abs(videos["exact"] - stock).max() <= 1
    assert 0 < np.abs(videos["fast"] - videos["exact"]).mean() < 8


def test_the_second_expert_has_its_own_guidance(weights: Path, image: Path, tmp_path: Path) -> None:
    name = "wan2.2-a14b-tiny-random"
    answers = [
        make_wrapper(name, tmp_path / str(scale), weights=weights, guidance_scale_2=scale).generate(image, PROMPT)
        for scale in (1.0, 9.0)
    ]
    first, second = (Path(answer["video_path"]).read_bytes() for answer in answers)
    assert first != second


@pytest.mark.parametrize("name", [name for name in MODELS if MODELS[name].family in ("Wan", "LTX-Video")])
def test_cards_of_the_real_models(name: str) -> None:
    card = MODELS[name]
    assert card.license
    assert card.when
    assert card.download_gb
    assert list(card.memory_gib.values()) == sorted(card.memory_gib.values(), reverse=True)
    assert set(card.args) == {"resolution", "num_frames", "fps", "guidance_scale"}
