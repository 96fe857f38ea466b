"""CogVideoX: what its configuration takes, what reaches the pipeline, what comes out, and how it fails."""

from __future__ import annotations

import inspect
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from pydantic import ValidationError

from tests.model_runs import provenance_of, write_first_frame
from vmevalkit import defaults, media
from vmevalkit.cli import main
from vmevalkit.errors import ConfigError, EnvironmentMissing, GenerationError, QuestionError, UnknownName, WeightsError
from vmevalkit.models import MODELS
from vmevalkit.models.base import Request
from vmevalkit.models.cogvideox_inference import (
    VARIANTS,
    CogVideoXConfig,
    CogVideoXService,
    CogVideoXWrapper,
    GenerationResult,
    weights_status,
)
from vmevalkit.models.diffusers import checkpoint as _weights
from vmevalkit.models.diffusers import devices, tokenizer
from vmevalkit.models.diffusers import memory as memory_plans
from vmevalkit.models.diffusers import speed as speeds
from vmevalkit.models.diffusers.cogvideox import acceleration
from vmevalkit.models.diffusers.config import random_models
from vmevalkit.models.diffusers.random_weights import make_checkpoint

ROOT = Path(__file__).parents[1]
FULL = ("cogvideox-5b-i2v", "cogvideox1.5-5b-i2v")
TINY = ("cogvideox-tiny-random", "cogvideox1.5-tiny-random")
RANDOM = dict(random_models().values())
PROMPT = "Lead the blue disc to the orange square."


@pytest.fixture(scope="session")
def weights(small_networks: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small checkpoint for each catalog entry, called like the entry."""
    folder = tmp_path_factory.mktemp("weights")
    for tiny, full in zip(TINY, FULL, strict=True):
        make_checkpoint(RANDOM[tiny], "tiny", folder / tiny)
        make_checkpoint(RANDOM[tiny], "thin", folder / full)
    return folder


@pytest.fixture(autouse=True)
def _no_weights_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VMEVALKIT_WEIGHTS", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def first_frame(tmp_path: Path) -> Path:
    return write_first_frame(tmp_path)


@pytest.fixture(scope="session")
def wrappers(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, CogVideoXWrapper]:
    """The tiny models, loaded once."""
    return {name: make_wrapper(name, weights, tmp_path_factory.mktemp("videos")) for name in TINY}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, weights: Path) -> list[dict[str, Any]]:
    """Replaces the denoising and decoding of the stock pipeline, and keeps what it was called with."""
    import diffusers
    import torch

    seen: list[dict[str, Any]] = []

    class Recording(diffusers.CogVideoXImageToVideoPipeline):  # type: ignore[misc]
        def __call__(self, **options: Any) -> Any:
            seen.append(options)
            count = (options["num_frames"] - 1) // 4 + 1
            return diffusers.utils.BaseOutput(frames=torch.zeros(1, count + count % 2, 4, 1, 1))

        def decode_latents(self, latents: Any) -> Any:
            options = seen[-1]
            frames = (latents.shape[1] - 1) * 4 + 1
            return torch.zeros(1, 1, 1, 1, 1).expand(1, 3, frames, options["height"], options["width"])

    monkeypatch.setattr(diffusers, "CogVideoXImageToVideoPipeline", Recording)
    return seen


def make_wrapper(name: str, weights: Path | None, folder: Path, **settings: Any) -> CogVideoXWrapper:
    """As the runner makes it: the catalog's settings, then the user's."""
    card = MODELS[name]
    given = {"weights": weights} if weights else {}
    return CogVideoXWrapper(card.model, folder, name=name, **{**card.args, **given, **settings})


def config(name: str, **settings: Any) -> CogVideoXConfig:
    return CogVideoXConfig.model_validate({"model": MODELS[name].model, **settings})


# ---------------------------------------------------------------------------------------------- catalog, settings


@pytest.mark.parametrize(
    ("name", "size", "frames", "fps"),
    [(FULL[0], (720, 480), 49, 8), (FULL[1], (1360, 768), 81, 16), (TINY[0], (96, 64), 49, 8),
     (TINY[1], (112, 64), 81, 16)],
)  # fmt: skip
def test_catalog(name: str, size: tuple[int, int], frames: int, fps: int) -> None:
    card = MODELS[name]
    settings = config(name)
    assert (settings.width, settings.height) == card.size == size
    assert (settings.num_frames, settings.fps) == (card.frames, card.fps) == (frames, fps)
    assert settings.guidance_scale == 6.0
    assert settings.seconds == frames / fps
    assert f"{frames / fps:.4g} s" in card.description
    assert ("random" in card.description) == (name in TINY)
    assert card.license
    assert card.when
    assert card.environment in FULL
    assert set(card.memory_gib) <= set(memory_plans.PLANS)
    if name in FULL:
        assert settings.num_inference_steps == 50
        assert len(card.revision or "") == 40


def test_without_settings_it_is_the_5b_entry() -> None:
    assert CogVideoXConfig.model_validate({}) == config(FULL[0])


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        (FULL[1], {"resolution": (768, 768)}),
        (FULL[1], {"resolution": (768, 1360)}),
        (FULL[1], {"resolution": (1024, 768), "num_frames": 161}),
        (FULL[1], {"num_frames": 17}),
        (FULL[0], {"fps": 16, "num_inference_steps": 1, "fit": "crop", "memory": "sequential"}),
        (TINY[0], {"guidance_scale": 1.0}),
    ],
)
def test_settings_that_are_possible(name: str, settings: dict[str, Any]) -> None:
    made = config(name, **settings)
    assert {key: getattr(made, key) for key in settings} == settings


def test_the_public_names_of_settings() -> None:
    made = CogVideoXConfig(
        model_id="THUDM/CogVideoX-5b-I2V", resolution=(720, 480), num_frames=49, fps=8, guidance_scale=6.0,
        num_inference_steps=50,
    )  # fmt: skip
    assert (made.model_id, made.resolution, made.width, made.height) == ("THUDM/CogVideoX-5b-I2V", (720, 480), 720, 480)


@pytest.mark.parametrize("size", [{"resolution": "768x1360"}, {"width": 768, "height": 1360}])
def test_sizes_may_be_written_in_other_ways(size: dict[str, Any]) -> None:
    assert config(FULL[1], **size).resolution == (768, 1360)


def test_one_side_alone_keeps_the_other() -> None:
    assert config(FULL[1], width=768).resolution == (768, 768)


def test_settings_of_the_catalog_entries() -> None:
    from vmevalkit.runner.MODEL_CATALOG import AVAILABLE_MODELS, COGVIDEOX_MODELS, MODEL_FAMILIES

    assert AVAILABLE_MODELS[FULL[0]]["args"] == {
        "resolution": (720, 480), "num_frames": 49, "fps": 8, "guidance_scale": 6.0,
    }  # fmt: skip
    assert AVAILABLE_MODELS[FULL[1]]["args"] == {
        "resolution": (1360, 768), "num_frames": 81, "fps": 16, "guidance_scale": 6.0,
    }  # fmt: skip
    assert set(MODEL_FAMILIES["CogVideoX"]) == set(COGVIDEOX_MODELS) == set(FULL)
    assert all(AVAILABLE_MODELS[name]["family"] == "CogVideoX" for name in FULL)


@pytest.mark.parametrize("name", FULL)
def test_a_wrapper_and_a_service_can_be_made_from_an_entry(name: str, tmp_path: Path) -> None:
    from vmevalkit.runner.inference import _load_model_wrapper
    from vmevalkit.runner.MODEL_CATALOG import AVAILABLE_MODELS

    entry = AVAILABLE_MODELS[name]
    wrapper = _load_model_wrapper(name)(model=entry["model"], output_dir=tmp_path, **entry["args"])
    service = CogVideoXService(entry["model"], **entry["args"])
    assert isinstance(wrapper.service, CogVideoXService)
    assert wrapper.service.config == service.config == config(name)


@pytest.mark.parametrize("name", FULL)
def test_guidance_of_the_real_entries_is_fixed(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"guidance_scale = 7: fixed at 6 for {name}, so that its results can be"):
        make_wrapper(name, None, tmp_path, guidance_scale=7)


def test_a_card_of_ones_own_may_fix_another_guidance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = VARIANTS["THUDM/CogVideoX-5b-I2V"]
    card = real.card.model_copy(
        update={"name": "mine", "model": "me/mine", "args": {**real.card.args, "guidance_scale": 7.0}}
    )
    monkeypatch.setitem(VARIANTS, "me/mine", real.model_copy(update={"card": card, "fixed": {"guidance_scale": 7.0}}))
    assert CogVideoXService("me/mine").config.guidance_scale == 7.0
    with pytest.raises(ValidationError, match="fixed at 7"):
        CogVideoXService("me/mine", guidance_scale=6.0)


@pytest.mark.parametrize(
    ("name", "settings", "said", "right"),
    [
        (FULL[0], {"width": 640}, "resolution = (640, 480)", "720x480 only"),
        (FULL[0], {"resolution": (1360, 768)}, "resolution = (1360, 768)", "720x480 only"),
        (FULL[0], {"resolution": "720"}, "resolution = '720'", "write it as 720x480"),
        (FULL[0], {"num_frames": 81}, "num_frames = 81", "49 only"),
        (FULL[1], {"width": 720, "height": 480}, "resolution = (720, 480)", "shorter side 768"),
        (FULL[1], {"width": 1376}, "resolution = (1376, 768)", "768 to 1360"),
        (FULL[1], {"width": 1000}, "resolution = (1000, 768)", "divisible by 16"),
        (FULL[1], {"resolution": (1360, 800)}, "resolution = (1360, 800)", "shorter side 768"),
        (FULL[1], {"num_frames": 49 + 1}, "num_frames = 50", "16N+1 from 17 to 161"),
        (FULL[1], {"num_frames": 177}, "num_frames = 177", "16N+1 from 17 to 161"),
        (FULL[1], {"fps": 0}, "fps = 0", "greater than or equal to 1"),
        (FULL[0], {"num_inference_steps": 0}, "num_inference_steps = 0", "greater than or equal to 1"),
        (FULL[0], {"guidance_scale": 0.5}, "guidance_scale = 0.5", "greater than or equal to 1"),
        (FULL[0], {"fit": "squeeze"}, "fit = 'squeeze'", "'letterbox'"),
        (FULL[0], {"memory": "disk"}, "memory = 'disk'", "'sequential'"),
        (FULL[0], {"device": "tpu"}, "device = 'tpu'", "cuda"),
        (FULL[0], {"steps": 20}, "unknown setting 'steps'", "num_inference_steps"),
        (TINY[0], {"resolution": (720, 480)}, "resolution = (720, 480)", "96x64 only"),
    ],
)
def test_settings_that_are_not_possible(
    name: str, settings: dict[str, Any], said: str, right: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        make_wrapper(name, None, tmp_path, **settings)
    assert said in str(caught.value)
    assert right in str(caught.value)


def test_an_unknown_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="model_id = 'THUDM/CogVideoX-2b': must be one of THUDM/CogVideoX-5b-I2V"):
        CogVideoXWrapper("THUDM/CogVideoX-2b", tmp_path)


@pytest.mark.parametrize(
    ("name", "duration", "frames"),
    [(FULL[1], 5, 81), (FULL[1], 10, 161), (FULL[1], 0.1, 81), (FULL[1], 99, 161), (FULL[0], 10, 49)],
)
def test_duration_chooses_the_frame_count(name: str, duration: float, frames: int) -> None:
    assert config(name).override(duration, {}).num_frames == frames


def test_options_of_one_video() -> None:
    base = config(FULL[1])
    assert base.override(10, {"num_frames": 33}).num_frames == 33
    assert base.override(10, {"fps": 8}).num_frames == 81
    with pytest.raises(ConfigError, match="memory"):
        base.override(None, {"memory": "group"})
    with pytest.raises(ValidationError, match="steps"):
        base.override(None, {"steps": 3})
    with pytest.raises(ValidationError, match="16N"):
        base.override(None, {"num_frames": 80})


# -------------------------------------------------------------------------------------------- what the pipeline gets


@pytest.mark.parametrize("name", FULL)
def test_the_catalog_reaches_the_pipeline(
    name: str, calls: list[dict[str, Any]], weights: Path, first_frame: Path, tmp_path: Path
) -> None:
    import torch

    card = MODELS[name]
    video = provenance_of(make_wrapper(name, weights, tmp_path).generate(first_frame, PROMPT))
    call = calls[0]
    assert (call["width"], call["height"]) == card.size == call["image"].size
    assert call["num_frames"] == card.frames
    assert call["num_inference_steps"] == 50
    assert call["guidance_scale"] == 6.0
    assert call["use_dynamic_cfg"] is False
    assert call["generator"].device.type == "cpu"
    assert torch.equal(call["generator"].get_state(), torch.Generator().manual_seed(42).get_state())
    assert call["prompt_embeds"].shape == call["negative_prompt_embeds"].shape == (1, 226, 32)
    assert (video.size, video.frames, video.fps, video.video_seconds) == (
        card.size,
        card.frames,
        card.fps,
        card.video_seconds,
    )


def test_explicit_settings_reach_the_pipeline(
    calls: list[dict[str, Any]], weights: Path, first_frame: Path, tmp_path: Path
) -> None:
    import torch

    wrapper = make_wrapper(TINY[1], weights, tmp_path, guidance_scale=3.5)
    video = provenance_of(
        wrapper.generate(first_frame, PROMPT, duration=10, seed=7, num_inference_steps=3, width=64, height=64)
    )
    call = calls[0]
    assert (call["width"], call["height"], call["num_frames"]) == (64, 64, 161)
    assert (call["num_inference_steps"], call["guidance_scale"]) == (3, 3.5)
    assert torch.equal(call["generator"].get_state(), torch.Generator().manual_seed(7).get_state())
    assert (video.size, video.frames, video.seed) == ((64, 64), 161, 7)
    assert "10 s were requested; cogvideox1.5-tiny-random makes 161 frames at 16 fps, 10.06 s" in video.notes


def test_each_video_has_a_new_generator(
    calls: list[dict[str, Any]], weights: Path, first_frame: Path, tmp_path: Path
) -> None:
    wrapper = make_wrapper(TINY[0], weights, tmp_path)
    for _ in range(2):
        provenance_of(wrapper.generate(first_frame, PROMPT))
    first, second = (call["generator"] for call in calls)
    assert first is not second


@pytest.mark.parametrize("fit", ["letterbox", "stretch", "crop"])
def test_fit(fit: str, calls: list[dict[str, Any]], weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "square.png"
    Image.new("RGB", (100, 100), "white").save(path)
    video = provenance_of(make_wrapper(TINY[0], weights, tmp_path, fit=fit).generate(path, PROMPT))
    assert video.geometry.fit == fit
    assert (video.geometry.canvas, video.geometry.frame) == ((100, 100), (96, 64))
    box = {"letterbox": (64, 64), "stretch": (96, 64), "crop": (96, 96)}[fit]
    assert (video.geometry.width, video.geometry.height) == box
    assert calls[0]["image"].size == (96, 64)


def _save_turned(path: Path, image: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=100)


def _save_alpha(path: Path, image: Image.Image) -> None:
    rgba = image.convert("RGBA")
    pixels = np.array(rgba)
    pixels[(pixels[..., :3] == 255).all(-1)] = (0, 0, 0, 0)
    Image.fromarray(pixels).save(path)


KINDS: dict[str, tuple[str, Callable[[Path, Image.Image], None]]] = {
    "rgb": (".png", lambda path, image: image.save(path)),
    "exif": (".jpg", _save_turned),
    "alpha": (".png", _save_alpha),
    "palette": (".png", lambda path, image: image.quantize(8).save(path)),
    "cmyk": (".jpg", lambda path, image: image.convert("CMYK").save(path, quality=100)),
    "gray": (".png", lambda path, image: image.convert("L").save(path)),
    "16 bit": (
        ".png",
        lambda path, image: Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(path),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_images(kind: str, calls: list[dict[str, Any]], weights: Path, tmp_path: Path) -> None:
    """White, with a red box in the top left quarter, whatever the file looks like inside."""
    suffix, save = KINDS[kind]
    image = Image.new("RGB", (192, 128), "white")
    image.paste((200, 40, 40), (16, 16, 80, 48))
    path = tmp_path / f"image{suffix}"
    save(path, image)
    provenance_of(make_wrapper(TINY[0], weights, tmp_path).generate(path, PROMPT))
    placed = np.asarray(calls[0]["image"]).astype(int)
    assert placed.shape == (64, 96, 3)
    box = (200, 40, 40) if kind not in ("gray", "16 bit") else (87, 87, 87)
    assert np.abs(placed[16, 24] - box).max() <= 12
    assert np.abs(placed[50, 80] - 255).max() <= 3


# ------------------------------------------------------------------------------------------------ the real pipeline


@pytest.mark.parametrize("name", TINY)
def test_real_videos(name: str, wrappers: dict[str, CogVideoXWrapper], first_frame: Path) -> None:
    card = MODELS[name]
    answer = wrappers[name].generate(first_frame, PROMPT, output_filename="a.mp4", num_inference_steps=2)
    video = provenance_of(answer)
    info = media.probe(answer["video_path"])
    assert (info.size, info.frames, info.fps) == (card.size, card.frames, card.fps)
    assert (info.codec, info.pixel_format) == ("h264", "yuv420p")
    assert video.settings["num_inference_steps"] == 2
    assert video.weights["random"] is True
    assert any("random" in note for note in video.notes)

    again = wrappers[name].generate(first_frame, PROMPT, output_filename="b.mp4", num_inference_steps=2)
    other = wrappers[name].generate(first_frame, PROMPT, output_filename="c.mp4", num_inference_steps=2, seed=43)
    videos = [Path(a["video_path"]).read_bytes() for a in (answer, again, other)]
    assert videos[0] == videos[1]
    assert videos[0] != videos[2]


@pytest.mark.parametrize("name", TINY)
def test_it_equals_a_plain_call_of_the_pipeline(name: str, weights: Path, first_frame: Path) -> None:
    """Encoding and decoding apart, for timing, changes neither numbers nor the order of random draws."""
    import torch
    from diffusers import CogVideoXImageToVideoPipeline

    settings = config(name, weights=weights)
    service = CogVideoXService(settings.model_id, weights=weights)
    request = Request(media.load_image(first_frame), first_frame, PROMPT, seed=3, duration=None)
    ours = np.stack(list(service.generate(request, num_inference_steps=2).frames))

    plain = CogVideoXImageToVideoPipeline.from_pretrained(weights / name, **devices.dtype_argument(torch.float32))
    plain.set_progress_bar_config(disable=True)
    image, _ = media.place(request.image, (settings.width, settings.height))
    images = plain(
        image=image,
        prompt=PROMPT,
        width=settings.width,
        height=settings.height,
        num_frames=settings.num_frames,
        num_inference_steps=2,
        guidance_scale=6.0,
        generator=torch.Generator("cpu").manual_seed(3),
    ).frames[0]
    assert np.array_equal(ours, np.stack([np.asarray(p) for p in images]))


def test_another_size_and_length(wrappers: dict[str, CogVideoXWrapper], first_frame: Path) -> None:
    video = provenance_of(
        wrappers[TINY[1]].generate(first_frame, PROMPT, num_frames=17, width=64, height=80, num_inference_steps=1)
    )
    assert (video.size, video.frames) == ((64, 80), 17)


def test_5b_says_that_it_has_one_length(wrappers: dict[str, CogVideoXWrapper], first_frame: Path) -> None:
    video = provenance_of(wrappers[TINY[0]].generate(first_frame, PROMPT, duration=10, num_inference_steps=1))
    assert video.video_seconds == 6.125
    assert "10 s were requested; cogvideox-tiny-random makes 49 frames at 8 fps, 6.125 s" in video.notes


def test_provenance(wrappers: dict[str, CogVideoXWrapper], first_frame: Path, weights: Path) -> None:
    video = provenance_of(wrappers[TINY[0]].generate(first_frame, PROMPT, num_inference_steps=1, seed=5))
    assert video.seed == 5
    assert video.weights["fingerprint"] == _weights.fingerprint(weights / TINY[0])
    assert video.weights["folder"] == str(weights / TINY[0])
    assert {"repository", "revision"} <= set(video.weights)
    assert set(video.seconds) == {"load", "encode", "denoise", "decode", "write"}
    assert min(video.seconds.values()) >= 0
    assert video.settings["guidance_scale"] == 6.0
    assert video.settings["dtype"] == "float32"
    assert video.settings["scheduler"] == "CogVideoXDDIMScheduler"
    assert (video.settings["speed"], video.settings["attention"]) == ("reference", "sdpa")
    assert (video.device, video.memory_plan) == ("cpu", "resident")
    assert {"torch", "diffusers", "transformers", "accelerate"} <= set(video.libraries)
    assert video.peak_memory_bytes["host"] > 0
    assert video.geometry.frame == video.size == (96, 64)


# -------------------------------------------------------------------------------------------------- what goes wrong


def test_services_let_errors_propagate() -> None:
    assert "try:" not in inspect.getsource(CogVideoXService)


def test_bad_input_becomes_a_failed_result(
    wrappers: dict[str, CogVideoXWrapper], first_frame: Path, tmp_path: Path
) -> None:
    wrapper = wrappers[TINY[0]]
    text = tmp_path / "text.png"
    text.write_text("no image")
    for answer, said in (
        (wrapper.generate(tmp_path / "none.png", PROMPT), "is missing"),
        (wrapper.generate(text, PROMPT), "not a readable image"),
        (wrapper.generate(first_frame, "  "), "the prompt is empty"),
        (wrapper.generate(first_frame, "zebra " * 230), "the model reads 226"),
        (wrapper.generate(first_frame, PROMPT, seed=2**70), "64 bits"),
        (wrapper.generate(first_frame, PROMPT, steps=3), "steps = 3"),
        (wrapper.generate(first_frame, PROMPT, width=720), "96x64 only"),
        (wrapper.generate(first_frame, PROMPT, device="cuda"), "set it when the model is made"),
    ):
        GenerationResult.model_validate(answer)
        assert len(answer) == 8
        assert answer["status"] == "failed"
        assert answer["video_path"] is None
        assert said in answer["error"]


def _raising(error: BaseException) -> Callable[..., Any]:
    def call(self: Any, **options: Any) -> Any:
        raise error

    return call


def test_a_failing_pipeline_becomes_a_failed_result(
    monkeypatch: pytest.MonkeyPatch, weights: Path, first_frame: Path, tmp_path: Path
) -> None:
    import diffusers
    import torch

    wrapper = make_wrapper(TINY[0], weights, tmp_path)
    for error, said in (
        (torch.OutOfMemoryError("CUDA out of memory"), "choose a smaller memory plan"),
        (RuntimeError("shapes do not match"), "RuntimeError: shapes do not match"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(diffusers.CogVideoXImageToVideoPipeline, "__call__", _raising(error))
            answer = wrapper.generate(first_frame, PROMPT)
        assert answer["status"] == "failed"
        assert said in answer["error"]
    with monkeypatch.context() as patch:
        patch.setattr(diffusers.CogVideoXImageToVideoPipeline, "__call__", _raising(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            wrapper.generate(first_frame, PROMPT)
    # None of that harms the next video.
    video = provenance_of(wrapper.generate(first_frame, PROMPT, num_inference_steps=1))
    assert video.frames == 49
    assert not list(tmp_path.glob("**/.*.mp4"))


def test_numbers_that_are_not_finite_are_an_error() -> None:
    torch = pytest.importorskip("torch")
    broken = torch.zeros(1, 3, 20, 8, 8)
    broken[:, :, 17] = torch.nan
    with pytest.raises(GenerationError, match="frame 17"):
        acceleration.decoded_frames(broken)


# ---------------------------------------------------------------------------------------------------------- weights


@pytest.mark.parametrize("name", FULL)
def test_missing_weights(name: str, monkeypatch: pytest.MonkeyPatch, first_frame: Path, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    card = MODELS[name]
    ok, message = weights_status(name)
    wrapper = make_wrapper(name, None, tmp_path)
    assert not ok
    assert str(wrapper.obstacle()) == message
    assert f"download {card.download_gb:g} GB: hf download {card.model} --revision {card.revision}" in message
    assert f"weights/{name}" in message
    assert "VMEVALKIT_WEIGHTS" in message


def test_an_unreachable_hub(monkeypatch: pytest.MonkeyPatch, first_frame: Path, tmp_path: Path) -> None:
    """The hub's own client, told to stay offline, fails with the same advice."""
    pytest.importorskip("huggingface_hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("shutil.disk_usage", lambda path: shutil._ntuple_diskusage(10**12, 0, 10**12))
    answer = make_wrapper(FULL[0], None, tmp_path).generate(first_frame, PROMPT)
    assert answer["status"] == "failed"
    assert "THUDM/CogVideoX-5b-I2V (21.6 GB) cannot be downloaded" in answer["error"]
    assert "hf download" in answer["error"]


def test_a_disk_that_is_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub")
    monkeypatch.setattr("shutil.disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 0, 10**9))
    with pytest.raises(WeightsError, match=r"take 21\.6 GB and .* has 1\.0 GB left"):
        _weights.fetch(MODELS[FULL[0]])


def test_missing_tiny_weights_name_the_script(tmp_path: Path) -> None:
    for name, like in zip(TINY, ("5b", "1.5"), strict=True):
        ok, message = weights_status(name)
        assert not ok
        assert f"get them with: python setup/make_checkpoint.py --like {like}" in message


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _index_of_missing_shards(path: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    path.with_name("model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("file", "harm", "said"),
    [
        ("transformer/diffusion_pytorch_model.safetensors", Path.unlink, "transformer/*.safetensors"),
        ("transformer/diffusion_pytorch_model.safetensors", _truncate, "(cut short)"),
        ("transformer/diffusion_pytorch_model.safetensors", lambda p: p.write_bytes(b""), "(cut short)"),
        ("text_encoder/model.safetensors", _index_of_missing_shards, "text_encoder/model-00002-of-00002.safetensors"),
        ("text_encoder/config.json", Path.unlink, "text_encoder/config.json"),
        ("tokenizer/spiece.model", lambda p: p.write_bytes(b""), "tokenizer/spiece.model"),
        ("scheduler/scheduler_config.json", Path.unlink, "scheduler/scheduler_config.json"),
        ("model_index.json", lambda p: p.write_text("{}"), "model_index.json (not an index of a pipeline)"),
    ],
)
def test_partial_weights(
    file: str, harm: Callable[[Path], object], said: str, weights: Path, first_frame: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(weights / FULL[0], folder)
    harm(folder / file)
    answer = make_wrapper(FULL[0], folder, tmp_path).generate(first_frame, PROMPT)
    assert answer["status"] == "failed"
    assert "incomplete" in answer["error"]
    assert said in answer["error"]
    assert "download 21.6 GB" in answer["error"]


def test_weights_of_another_model(weights: Path) -> None:
    for name, other in ((FULL[0], FULL[1]), (FULL[1], FULL[0]), (FULL[0], TINY[0])):
        ok, message = weights_status(name, weights / other)
        assert not ok
        assert f"not for {name}" in message


def test_where_weights_are_looked_for(weights: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name, card = FULL[0], MODELS[FULL[0]]
    assert weights_status(name, weights) == (True, f"{weights / name} (random weights)")
    assert weights_status(name, weights / name) == (True, f"{weights / name} (random weights)")
    monkeypatch.setenv("VMEVALKIT_WEIGHTS", str(weights))
    assert weights_status(name)[0]
    # A folder that is named is the only place: another model's weights must not slip in.
    monkeypatch.setenv("VMEVALKIT_WEIGHTS", str(tmp_path))
    assert not weights_status(name)[0]
    monkeypatch.delenv("VMEVALKIT_WEIGHTS")

    cache = _weights.cache_folder(card)
    assert cache == tmp_path / f"hub/hub/models--THUDM--CogVideoX-5b-I2V/snapshots/{card.revision}"
    shutil.copytree(weights / name, cache)
    found = _weights.find(card, None)
    assert (found.folder, found.repository, found.revision) == (cache, card.model, card.revision)
    shutil.copytree(weights / name, defaults.WEIGHTS / name)
    assert _weights.find(card, None).folder == defaults.WEIGHTS / name

    note = defaults.WEIGHTS / name / ".cache/huggingface/download/model_index.json.metadata"
    note.parent.mkdir(parents=True)
    note.write_text(f"{card.revision}\netag\n0\n")
    assert _weights.find(card, None).repository == card.model


def test_status_of_an_unknown_model() -> None:
    with pytest.raises(UnknownName, match="did you mean cogvideox-5b-i2v"):
        weights_status("cogvideox-5b-iv2")


def test_the_fingerprint_sees_one_changed_weight(weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(weights / TINY[0], folder)
    before = _weights.fingerprint(folder)
    assert before == _weights.fingerprint(weights / TINY[0])
    file = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert _weights.fingerprint(folder) != before


# ------------------------------------------------------------------------------------------------------------- speed


def _video(name: str, weights: Path, first_frame: Path, prompt: str = PROMPT, **settings: Any) -> npt.NDArray[Any]:
    service = CogVideoXService(MODELS[name].model, weights=weights, **settings)
    request = Request(media.load_image(first_frame), first_frame, prompt, seed=3, duration=None)
    return np.stack(list(service.generate(request, num_inference_steps=2).frames)).astype(int)


@pytest.mark.parametrize("name", TINY)
def test_exact_computes_what_the_reference_computes(name: str, weights: Path, first_frame: Path) -> None:
    """In float32 the two agree to the last digits, so that no pixel may differ by more than one level."""
    reference = _video(name, weights, first_frame, speed="reference")
    assert np.abs(_video(name, weights, first_frame, speed="exact") - reference).max() <= 1


def test_fast_differs_and_says_so(weights: Path, first_frame: Path, tmp_path: Path) -> None:
    video = provenance_of(make_wrapper(TINY[0], weights, tmp_path, speed="fast").generate(first_frame, PROMPT))
    assert video.settings["speed"] == "fast"
    assert any("float8" in note for note in video.notes)
    difference = np.abs(_video(TINY[0], weights, first_frame, speed="fast") - _video(TINY[0], weights, first_frame))
    assert 0 < difference.mean() < 8


def test_a_cache_passes_over_blocks_and_says_so(weights: Path, first_frame: Path) -> None:
    service = CogVideoXService(MODELS[TINY[0]].model, weights=weights, speed="fast", cache=0.9)
    request = Request(media.load_image(first_frame), first_frame, PROMPT, seed=3, duration=None)
    videos = [service.generate(request, num_inference_steps=6) for _ in range(2)]
    kept = videos[0].settings["cached_steps"]
    assert 0 < kept < 6
    assert any(f"cache 0.9: {kept} of 6 steps" in note for note in videos[0].notes)
    first, second = (np.stack(list(video.frames)).astype(int) for video in videos)
    assert np.array_equal(first, second), "a video must not depend on the one before"
    fast = CogVideoXService(MODELS[TINY[0]].model, weights=weights, speed="fast")
    difference = np.abs(np.stack(list(fast.generate(request, num_inference_steps=6).frames)).astype(int) - first)
    assert 0 < difference.mean() < 8


def test_a_cache_that_never_agrees_changes_nothing(weights: Path, first_frame: Path) -> None:
    fast = _video(TINY[0], weights, first_frame, speed="fast")
    assert (_video(TINY[0], weights, first_frame, speed="fast", cache=1e-9) == fast).all()


@pytest.mark.parametrize("settings", [{"cache": 0.1}, {"cache": 0.1, "speed": "exact"}, {"cache": 1, "speed": "fast"}])
def test_a_cache_must_be_asked_for_in_full(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="cache"):
        config(TINY[0], **settings)


@pytest.fixture(scope="session")
def adapter(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as training/lora.py writes it, for the small 5B; its updates are random and large enough to be seen."""
    import torch
    from diffusers import CogVideoXImageToVideoPipeline, CogVideoXTransformer3DModel
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    transformer = CogVideoXTransformer3DModel.from_pretrained(weights / TINY[0] / "transformer")
    transformer.add_adapter(LoraConfig(r=4, lora_alpha=4, target_modules=["to_q", "to_v", "ff.net.2"]))
    torch.manual_seed(0)
    for name, parameter in transformer.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter.data, std=0.3)
    folder = tmp_path_factory.mktemp("adapter")
    CogVideoXImageToVideoPipeline.save_lora_weights(folder, get_peft_model_state_dict(transformer))
    return folder


@pytest.mark.parametrize("speed", ["reference", "exact"])
def test_an_adapter_is_merged_and_recorded(
    speed: str, adapter: Path, weights: Path, first_frame: Path, wrappers: dict[str, CogVideoXWrapper], tmp_path: Path
) -> None:
    import torch
    from diffusers import CogVideoXImageToVideoPipeline

    with_it = make_wrapper(TINY[0], weights, tmp_path, lora=adapter, speed=speed)
    answer = with_it.generate(first_frame, PROMPT, seed=3)
    assert provenance_of(answer).weights["lora"]["folder"] == str(adapter)
    without = wrappers[TINY[0]].generate(first_frame, PROMPT, seed=3)
    assert "lora" not in provenance_of(without).weights
    made, plain = (media.read_frames(a["video_path"]) for a in (answer, without))
    assert np.abs(made.astype(int) - plain).mean() > 1

    stock = CogVideoXImageToVideoPipeline.from_pretrained(weights / TINY[0])
    stock.set_progress_bar_config(disable=True)
    stock.load_lora_weights(adapter)
    image, _ = media.place(Image.open(first_frame).convert("RGB"), (96, 64), "letterbox")
    with torch.no_grad():
        frames = stock(
            image, PROMPT, height=64, width=96, num_frames=49, num_inference_steps=4, guidance_scale=6.0,
            max_sequence_length=226, generator=torch.Generator().manual_seed(3), output_type="np",
        ).frames[0]  # fmt: skip
    media.write_video(tmp_path / "stock.mp4", (frames * 255).round().astype(np.uint8), 8)
    assert np.abs(made.astype(int) - media.read_frames(tmp_path / "stock.mp4")).mean() < 0.5


def test_adapters_that_are_none(adapter: Path, weights: Path, first_frame: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    shutil.copytree(adapter, cut)
    data = (cut / _weights.ADAPTER).read_bytes()
    (cut / _weights.ADAPTER).write_bytes(data[:-1])
    for folder, said in ((tmp_path, "there is no pytorch_lora_weights.safetensors in"), (cut, "damaged or cut short")):
        answer = make_wrapper(TINY[0], weights, tmp_path, lora=folder).generate(first_frame, PROMPT)
        assert said in GenerationResult.model_validate(answer).model_dump()["error"]
        command = ["generate", "--model", TINY[0], "--weights", str(weights), "--lora", str(folder)]
        assert main([*command, "--questions", str(ROOT / "data" / "questions"), "--outputs", str(tmp_path / "o")]) == 1
        assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("speed", ["reference", "exact"])
def test_two_halves_make_the_same_video(name: str, speed: str, weights: Path, first_frame: Path) -> None:
    """Each branch of guidance by a transformer of its own; in float32 no pixel may differ by more than one level."""
    from vmevalkit.models.diffusers.cogvideox.two_gpus import Halves

    def load() -> Any:
        service = CogVideoXService(MODELS[name].model, weights=weights, speed=speed)
        request = Request(media.load_image(first_frame), first_frame, PROMPT, seed=3, duration=None)
        whole = np.stack(list(service.generate(request, num_inference_steps=2).frames)).astype(int)
        assert service._loaded is not None
        return service, request, whole

    (service, request, whole), (other, _, _) = load(), load()
    Halves(service._loaded.pipe.transformer, other._loaded.pipe.transformer, "cpu")
    halves = np.stack(list(service.generate(request, num_inference_steps=2).frames)).astype(int)
    assert np.abs(halves - whole).max() <= 1


def test_one_video_on_two_gpus_needs_two(
    weights: Path, first_frame: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    answer = make_wrapper(TINY[0], weights, tmp_path, latency=True, device="cpu").generate(first_frame, PROMPT)
    assert "latency: needs a second GPU" in answer["error"]
    with pytest.raises(ValidationError, match="nothing to divide"):
        config(TINY[0], latency=True, guidance_scale=1)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert devices.next_gpu("cuda") == devices.next_gpu("cuda:0") == "cuda:1"
    with pytest.raises(ConfigError, match="none after 'cuda:1'"):
        devices.next_gpu("cuda:1")


@pytest.mark.parametrize("name", TINY)
def test_a_video_on_two_gpus(name: str, weights: Path, first_frame: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two NVIDIA GPUs")
    two = _video(name, weights, first_frame, latency=True)
    assert np.abs(two - _video(name, weights, first_frame)).mean() < 1


def test_announced_prompts_are_encoded_with_the_first_video(weights: Path, first_frame: Path) -> None:
    service = CogVideoXService(MODELS[TINY[0]].model, weights=weights)
    request = Request(media.load_image(first_frame), first_frame, "Go left.", seed=3, duration=None)
    service.announce([PROMPT, "Go left.", PROMPT, "zebra " * 230])
    service.generate(request, num_inference_steps=1)
    video = service.generate(replace(request, prompt=PROMPT), num_inference_steps=2)
    assert np.array_equal(np.stack(list(video.frames)), _video(TINY[0], weights, first_frame))
    with pytest.raises(QuestionError, match="the model reads 226"):
        service.generate(replace(request, prompt="zebra " * 230))


@pytest.mark.parametrize(
    ("capability", "auto", "refused"),
    [((7, 5), "reference", {"exact", "fast"}), ((8, 6), "exact", {"fast"}), ((9, 0), "exact", set())],
)
def test_a_gpu_that_is_too_old_is_said_to_be(
    capability: tuple[int, int], auto: str, refused: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(speeds, "library_version", lambda package: (9, 9))
    assert speeds.pick_speed("auto", "auto", "cuda") == auto
    assert speeds.pick_speed("auto", "sequential", "cuda") == "reference"
    for speed in ("exact", "fast"):
        if speed in refused:
            with pytest.raises(ConfigError, match="too old"):
                speeds.pick_speed(speed, "auto", "cuda")
        else:
            assert speeds.pick_speed(speed, "auto", "cuda") == speed


def test_the_command_line_chooses_a_speed(capsys: pytest.CaptureFixture[str]) -> None:
    questions = str(ROOT / "data" / "questions")
    assert main(["generate", "--model", TINY[0], "--speed", "warp", "--questions", questions, "--dry-run"]) == 2
    assert "speed = 'warp'" in capsys.readouterr().err


def test_kernels_that_are_not_there_are_named(weights: Path, first_frame: Path, tmp_path: Path) -> None:
    wrapper = make_wrapper(TINY[0], weights, tmp_path, speed="exact", attention="fa3", device="cpu")
    assert "attention = 'fa3': it does not run here; available: sdpa" in wrapper.generate(first_frame, PROMPT)["error"]
    wrapper = make_wrapper(TINY[0], weights, tmp_path, speed="reference", attention="fa3", device="cpu")
    assert "speed 'reference' has only 'sdpa'" in wrapper.generate(first_frame, PROMPT)["error"]


# ------------------------------------------------------------------------------------------------------ memory plans


@pytest.mark.parametrize(
    ("free", "exact", "stock", "old_stock"),
    [
        (80, "resident", "resident", "resident"),
        (30, "model", "model", "model"),
        (22, "group", "group", "group"),
        (8, "tiled", "tiled", "sequential"),
        (4.4, "tiled", "sequential", "sequential"),
    ],
)
def test_the_fastest_plan_that_fits(
    free: float, exact: str, stock: str, old_stock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs = MODELS[FULL[0]].memory_gib

    def pick(speed: Any) -> str:
        return memory_plans.pick_plan("auto", speeds.plans_at(speed, "cuda"), needs, free)

    monkeypatch.setattr(memory_plans, "has_group_offloading", lambda: True)
    assert (pick("exact"), pick("fast"), pick("reference")) == (exact, exact, stock)
    monkeypatch.setattr(memory_plans, "has_group_offloading", lambda: False)
    assert pick("reference") == old_stock


def test_plans_that_are_wanted() -> None:
    needs = MODELS[FULL[0]].memory_gib
    on_gpu, on_cpu = speeds.plans_at("reference", "cuda"), speeds.plans_at("exact", "cpu")
    assert memory_plans.pick_plan("sequential", on_gpu, needs, 140) == "sequential"
    assert memory_plans.pick_plan("auto", on_cpu, needs, 0) == "resident"
    with pytest.raises(ConfigError, match="memory = 'model': not possible here; available: auto, resident"):
        memory_plans.pick_plan("model", on_cpu, needs, 0)
    with pytest.raises(ConfigError, match="memory = 'sequential'"):
        memory_plans.pick_plan("sequential", speeds.plans_at("exact", "cuda"), needs, 140)


def test_when_memory_runs_out_the_next_plan_is_tried_once() -> None:
    torch = pytest.importorskip("torch")
    tried: list[str] = []

    def attempt(plan: str, fits: str) -> str:
        tried.append(plan)
        if plan != fits:
            raise torch.OutOfMemoryError("out of memory")
        return "a video"

    exact, none = speeds.plans_at("exact", "cuda"), speeds.plans_at("exact", "cpu")
    assert memory_plans.within_memory(lambda plan: attempt(plan, "group"), "model", exact) == ("a video", "group")
    assert tried == ["model", "group"]
    with pytest.raises(torch.OutOfMemoryError):
        memory_plans.within_memory(lambda plan: attempt(plan, "tiled"), "model", exact)
    for smallest, possible in (("tiled", exact), ("resident", none)):
        with pytest.raises(torch.OutOfMemoryError):
            memory_plans.within_memory(lambda plan: attempt(plan, "no plan"), smallest, possible)  # type: ignore[arg-type]
    assert tried == ["model", "group"] * 2 + ["tiled", "resident"]


def test_a_video_says_that_its_plan_was_the_second(
    monkeypatch: pytest.MonkeyPatch, weights: Path, first_frame: Path, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch")
    import diffusers

    monkeypatch.setattr(CogVideoXService, "plans", lambda self, config, device: ("resident", "model"))
    wrapper = make_wrapper(TINY[0], weights, tmp_path, memory="resident")
    with monkeypatch.context() as patch:
        works, calls = diffusers.CogVideoXImageToVideoPipeline.__call__, []

        def call(self: Any, **options: Any) -> Any:
            calls.append(options)
            if len(calls) == 1:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return works(self, **options)

        patch.setattr(diffusers.CogVideoXImageToVideoPipeline, "__call__", call)
        first = provenance_of(wrapper.generate(first_frame, PROMPT, num_inference_steps=1))
        second = provenance_of(wrapper.generate(first_frame, PROMPT, num_inference_steps=1))
    assert len(calls) == 3
    for video in (first, second):
        assert video.memory_plan == "model"
        assert "memory plan 'resident' ran out of memory; 'model' was used" in video.notes
    # The same numbers are drawn in the second attempt.
    assert calls[1]["generator"] is not calls[0]["generator"]


def test_too_old_libraries_are_named() -> None:
    with pytest.raises(EnvironmentMissing, match=r"pydantic .* is too old: why"):
        devices.require("pydantic", (99, 0), "why")


@pytest.mark.parametrize("name", ["CogVideoXDDIMScheduler", "CogVideoXDPMScheduler"])
def test_a_scheduler_that_counts_on_the_host_steps_as_before(name: str) -> None:
    torch = pytest.importorskip("torch")
    diffusers = pytest.importorskip("diffusers")

    def denoised(count: Callable[[Any], None]) -> list[Any]:
        scheduler, random = getattr(diffusers, name)(), torch.Generator().manual_seed(0)
        count(scheduler)
        found = []
        for length in (7, 4):  # one video after the other
            scheduler.set_timesteps(length)
            x, before, last = torch.randn(1, 2, 4, 4, 4, generator=random), None, None
            for t in scheduler.timesteps:
                noise = torch.randn(x.shape, generator=random)
                if name == "CogVideoXDPMScheduler":
                    x, before = scheduler.step(noise, before, t, last, x, generator=random, return_dict=False)
                else:
                    x = scheduler.step(noise, t, x, return_dict=False)[0]
                last = t
            found.append(x)
        return found

    for stock, ours in zip(denoised(lambda _: None), denoised(speeds.index_on_host), strict=True):
        assert torch.equal(stock, ours)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("memory", memory_plans.PLANS)
def test_plans_on_a_gpu(memory: str, name: str, weights: Path, first_frame: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("needs an NVIDIA GPU")
    if memory == "tiled" and not memory_plans.has_group_offloading():
        pytest.skip("needs diffusers 0.33")
    wrapper = make_wrapper(name, weights, tmp_path, memory=memory)
    for _ in range(2):
        video = provenance_of(wrapper.generate(first_frame, PROMPT, num_inference_steps=2))
        assert video.memory_plan == memory
        assert video.settings["dtype"] == "bfloat16"
        assert video.settings["vae_tiling"] == (memory in memory_plans.TILED)
        assert video.peak_memory_bytes["cuda"] > 0


def test_streamed_weights_are_those_of_their_layer() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("needs an NVIDIA GPU")
    from vmevalkit.models.diffusers.prefetch import stream_modules

    layers = torch.nn.Sequential(*(torch.nn.Linear(256, 256) for _ in range(5)))
    x = torch.randn(8, 256)
    with torch.no_grad():
        expected = [layers[:count](x) for count in range(6)]
        stream_modules(layers, "cuda")
        # Whole, broken off in the middle, and whole again.
        for count in (5, 5, 3, 5):
            assert torch.allclose(layers[:count](x.cuda()).cpu(), expected[count], atol=1e-5)


# ------------------------------------------------------------------------------------------------------------ script


def test_the_script_keeps_a_finished_folder(weights: Path) -> None:
    pytest.importorskip("torch")
    folder = weights / TINY[0]
    before = _weights.fingerprint(folder)
    command = [sys.executable, str(ROOT / "setup/make_checkpoint.py"), "--like", "5b", "--output", str(folder)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "exists" in run.stdout
    assert _weights.fingerprint(folder) == before


def test_the_script_makes_the_same_bytes_again(
    weights: Path, tmp_path: Path, small_networks: Callable[[], Iterable[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenizer, "_prompts", small_networks)
    make_checkpoint(RANDOM[TINY[1]], "tiny", tmp_path / "again")
    assert _weights.fingerprint(tmp_path / "again") == _weights.fingerprint(weights / TINY[1])
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_listing_and_asking_for_weights_load_nothing_heavy() -> None:
    code = (
        "import sys; from vmevalkit.models import MODELS; list(MODELS);"
        "from vmevalkit.models.cogvideox_inference import weights_status; weights_status('cogvideox-5b-i2v');"
        "heavy = {'torch', 'diffusers', 'transformers', 'huggingface_hub'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
