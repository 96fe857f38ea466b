"""Every model family that runs through Diffusers, with a tiny random checkpoint through its real pipeline."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.model_runs import provenance_of, write_first_frame
from vmevalkit import media
from vmevalkit.errors import ConfigError
from vmevalkit.models import progress
from vmevalkit.models.base import MODELS, Request, service_of
from vmevalkit.models.diffusers import devices
from vmevalkit.models.diffusers.checkpoint import Checkpoint
from vmevalkit.models.diffusers.config import random_models
from vmevalkit.models.diffusers.prompts import length
from vmevalkit.models.diffusers.random_weights import make_checkpoint
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.runner.inference import _load_model_wrapper

PROMPT = "Lead the blue disc to the orange square."
RANDOM = dict(random_models().values())
# CogVideoX has tests of its own.
COGVIDEOX = [name for name in MODELS if MODELS[name].family.startswith("CogVideoX")]
FAMILIES = sorted(name for name in RANDOM if name not in COGVIDEOX)


def is_missing(name: str) -> str | None:
    """Return a package that a model needs and that is not installed here."""
    config: Any = service_of(MODELS[name]).config_type
    needs = config.variants[MODELS[name].model].needs
    return next((package for package in needs if devices.library_version(package) == (0, 0)), None)


TINY = [name for name in FAMILIES if not is_missing(name)]


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
    return write_first_frame(tmp_path)


def make_wrapper(name: str, folder: Path, **settings: Any) -> ModelWrapper:
    card = MODELS[name]
    return _load_model_wrapper(name)(card.model, folder, name=name, **{**card.args, **settings})


@pytest.mark.parametrize("name", TINY)
def test_a_video_is_what_the_card_says(
    name: str, wrappers: dict[str, ModelWrapper], image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: list[float] = []
    monkeypatch.setattr(progress, "_listener", shares.append)
    card = MODELS[name]
    answer = wrappers[name].generate(image, PROMPT, output_filename="a.mp4")
    service: Any = wrappers[name].service
    steps = service.config.num_inference_steps
    assert shares == [(step + 1) / steps for step in range(steps)], "progress after each step"
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


def plain_arguments(name: str, config: Any, plain: Any) -> dict[str, Any]:
    """Return the arguments that differ between the stock pipelines. Most new families need no case of their own."""
    size = {"height": config.height, "width": config.width}
    if name.startswith("svd"):
        return {**size, "fps": 7, "decode_chunk_size": 8}
    if name.startswith("hunyuanvideo-1.5"):
        plain.guider = plain.guider.new(guidance_scale=6.0)
        return {"prompt": PROMPT, "negative_prompt": ""}
    if name.startswith("hunyuanvideo-"):
        dropped = 4 if "33ch" in name else 0
        # 6.0 and, for 33ch, the pipeline's own default.
        guidance = {} if dropped else {"guidance_scale": 6.0}
        return {**size, **guidance, "prompt": PROMPT, "num_frames": config.num_frames + dropped}
    if name.startswith("skyreels"):
        plain.scheduler = plain.scheduler.from_config(plain.scheduler.config, flow_shift=5.0)
    texts = {"prompt": PROMPT, "negative_prompt": ""}
    if name.startswith("ltx2"):
        return {
            **size, **texts, "frame_rate": 24, "guidance_scale": 3.0, "spatio_temporal_guidance_blocks": [1],
            "audio_stg_scale": 1.0, "use_cross_timestep": "2.3" in name, "image_crf": 0,
            "audio_modality_scale": 3.0,
        }  # fmt: skip
    if name.startswith("sana"):
        # A plain call takes only `frames`.
        return {
            **size, "prompt": f"{PROMPT} motion score: 30.", "frames": config.num_frames, "num_frames": None,
            "guidance_scale": 6.0, "use_resolution_binning": False,
        }  # fmt: skip
    if name.startswith("cosmos"):
        return {**size, **texts, "guidance_scale": 7.0}
    guided = {"guidance_scale": config.guidance_scale, "max_sequence_length": config.variant.limits.prompt_tokens}
    if name.startswith("ltx"):
        return {
            **size, **texts, **guided, "frame_rate": 25, "decode_timestep": 0.05, "decode_noise_scale": 0.025,
            **({"image_cond_noise_scale": 0.0, "guidance_rescale": 0.7} if "13b" in name else {}),
            **({"timesteps": [1000, 993, 987, 981, 975, 909, 725, 0.03]} if "distilled" in name else {}),
        }  # fmt: skip
    return {**size, **texts, **guided}


@pytest.mark.parametrize("name", TINY)
def test_it_equals_a_plain_call_of_the_pipeline(
    name: str, weights: Path, wrappers: dict[str, ModelWrapper], image: Path
) -> None:
    """Encoding prompts ahead and placing the image change nothing."""
    import diffusers
    import torch

    service: Any = wrappers[name].service
    others = service.components(service.locate())
    plain = getattr(diffusers, service.pipeline).from_pretrained(weights / name, dtype=torch.float32, **others)
    plain.set_progress_bar_config(disable=True)
    config = service.config
    first, _ = media.place(media.load_image(image), config.resolution)
    common = {
        "image": first, "num_frames": config.num_frames, "num_inference_steps": 2, "output_type": "np",
        "generator": torch.Generator().manual_seed(3),
    }  # fmt: skip
    arguments = {**common, **plain_arguments(name, config, plain)}
    frames = plain(**{key: value for key, value in arguments.items() if value is not None}).frames[0]
    ours = service.generate(wrappers[name].request(image, PROMPT, None, 3)).frames
    assert np.array_equal(np.stack(list(ours)), (np.clip(frames, 0, 1) * 255).round().astype(np.uint8))


@pytest.mark.parametrize("name", TINY)
def test_bad_input_is_a_failed_result(
    name: str, wrappers: dict[str, ModelWrapper], image: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_text("not an image")
    long = [(wrappers[name].generate(image, "zebra " * 600), "tokens; the model reads")]
    for answer, said in (
        (wrappers[name].generate(broken, PROMPT), "not a readable image"),
        (wrappers[name].generate(image, " "), "the prompt is empty"),
        *(long if MODELS[name].capabilities.reads_prompt else []),
        (wrappers[name].generate(image, PROMPT, num_frames=4), "num_frames = 4: not possible"),
        (wrappers[name].generate(image, PROMPT, no_such_option=1), "no_such_option"),
    ):
        assert not answer["success"]
        assert said in answer["error"]


@pytest.mark.parametrize("name", TINY)
def test_duration_chooses_the_nearest_length(name: str, wrappers: dict[str, ModelWrapper], image: Path) -> None:
    made = provenance_of(wrappers[name].generate(image, PROMPT, duration=0.1))
    service: Any = wrappers[name].service
    assert made.frames == service.config.variant.limits.frames[0]
    assert "0.1 s were requested" in made.notes[0]


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("wan2.1-i2v-14b-480p", {"resolution": "832x488"}, "divisible by 16"),
        ("wan2.1-i2v-14b-480p", {"resolution": "1280x720"}, "at most 399360 pixels"),
        ("wan2.1-i2v-14b-480p", {"num_frames": 80}, r"4N\+1 from 5 to 81"),
        ("wan2.1-i2v-14b-480p", {"guidance_scale_2": 3}, "has one transformer"),
        ("wan2.2-ti2v-5b", {"resolution": "1280x688"}, "divisible by 32"),
        ("svd", {"num_frames": 25}, "14 only"),
        ("ltx-video-13b-0.9.8-distilled", {"guidance_scale": 3}, "fixed at 1"),
        ("ltx-video-13b-0.9.8-distilled", {"num_inference_steps": 30}, "fixed at 8"),
        ("hunyuanvideo-i2v-33ch", {"guidance_scale": 6}, "fixed at 1"),
        ("hunyuanvideo-i2v", {"num_frames": 128}, r"4N\+1 from 5 to 129"),
        ("hunyuanvideo-1.5-i2v-480p", {"resolution": "832x480"}, "848x480 or 720x544"),
        ("svd-xt", {"resolution": "1020x576"}, "divisible by 8"),
        ("svd-xt", {"min_guidance_scale": 4}, "must not exceed guidance_scale = 3"),
        ("skyreels-v2-i2v-1.3b-540p", {"num_frames": 96}, r"4N\+1 from 5 to 97"),
        ("skyreels-v2-i2v-14b-540p", {"resolution": "1280x720"}, "at most 522240 pixels"),
        ("cosmos-predict2.5-2b", {"num_frames": 92}, r"4N\+1 from 5 to 93"),
        ("kandinsky5-i2v-lite", {"num_frames": 13}, r"4N\+1 from 17 to 121"),
        ("kandinsky5-i2v-pro", {"resolution": "768x496"}, "divisible by 128"),
        ("ltx-2.3", {"num_frames": 120}, r"8N\+1 from 9 to 121"),
        ("ltx-2.3", {"image_crf": 52}, "image_crf"),
        ("sana-video-2b-480p", {"resolution": "848x480"}, "divisible by 32"),
        ("sana-video-2b-480p", {"motion_score": 101}, "motion_score"),
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


def test_hunyuanvideo_15_needs_no_padding(
    weights: Path, wrappers: dict[str, ModelWrapper], image: Path, tmp_path: Path
) -> None:
    """Speed `exact` drops the padding of both prompts, which the stock attention masks: the video is the same."""
    name = "hunyuanvideo-1.5-tiny-random"
    # The tiny tokenizer leaves nothing of an empty prompt; the real one leaves the end of its template.
    prompt, options = f'Write "up" and stop. {PROMPT}', {"guidance_scale": 1.0}
    service: Any = make_wrapper(name, tmp_path, weights=weights, speed="exact").service
    made = service.generate(wrappers[name].request(image, prompt, None, 3), **options)
    stock = wrappers[name].service.generate(wrappers[name].request(image, prompt, None, 3), **options)
    assert (made.settings["speed"], stock.settings["speed"]) == ("exact", "reference")
    frames = [np.stack(list(video.frames)).astype(int) for video in (made, stock)]
    assert np.abs(frames[0] - frames[1]).max() <= 1


def test_the_second_expert_has_its_own_guidance(weights: Path, image: Path, tmp_path: Path) -> None:
    name = "wan2.2-a14b-tiny-random"
    answers = [
        make_wrapper(name, tmp_path / str(scale), weights=weights, guidance_scale_2=scale).generate(image, PROMPT)
        for scale in (1.0, 9.0)
    ]
    first, second = (Path(answer["video_path"]).read_bytes() for answer in answers)
    assert first != second


@pytest.mark.parametrize("name", [name for name in MODELS if MODELS[name].on_hub and name not in COGVIDEOX])
def test_cards_of_the_real_models(name: str) -> None:
    card = MODELS[name]
    assert card.license
    assert card.when
    assert card.download_gb
    assert list(card.memory_gib.values()) == sorted(card.memory_gib.values(), reverse=True)
    assert set(card.args) == {"resolution", "num_frames", "fps", "guidance_scale"}


def test_a_processor_counts_with_its_tokenizer() -> None:
    tokenizer = Tokens()
    assert length(tokenizer, "a b") == length(SimpleNamespace(tokenizer=tokenizer), "a b") == 2


class Tokens:
    """A tokenizer that has a token for each word."""

    def __call__(self, text: str, verbose: bool) -> Any:
        return SimpleNamespace(input_ids=text.split())


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_runs_here(name: str) -> None:
    if package := is_missing(name):
        pytest.skip(f"{package} is not installed")
    assert name in TINY


def test_cosmos_does_not_run_without_its_guardrail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "cosmos-predict2.5-2b"
    for missing in ("torchvision", "cosmos_guardrail"):
        monkeypatch.setattr(devices, "library_version", lambda package, gone=missing: (9 * (package != gone), 0))
        service: Any = make_wrapper(name, tmp_path).service
        error = service.obstacle()
        assert f"the package {missing} is not installed" in str(error)
        assert len(str(error).splitlines()) == 1
    real = Checkpoint(folder=tmp_path)
    assert service.components(real) == {}
    assert set(service.components(real.model_copy(update={"random": True}))) == {"safety_checker"}


def test_the_first_frame_of_ltx2_is_not_compressed(wrappers: dict[str, ModelWrapper], image: Path) -> None:
    wrapper = wrappers["ltx2.3-tiny-random"]
    videos = set()
    for crf in (0, 33):
        answer = wrapper.generate(image, PROMPT, output_filename=f"{crf}.mp4", image_crf=crf)
        assert "the model also made sound, which is not kept" in provenance_of(answer).notes
        videos.add(Path(answer["video_path"]).read_bytes())
    assert len(videos) == 2


def test_guidance_of_ltx2_counts(wrappers: dict[str, ModelWrapper], image: Path) -> None:
    wrapper = wrappers["ltx2.3-tiny-random"]
    changes: list[dict[str, Any]] = [{}, {"stg_scale": 0}, {"modality_scale": 1}, {"guidance_rescale": 0}]
    answers = [wrapper.generate(image, PROMPT, output_filename=f"{n}.mp4", **c) for n, c in enumerate(changes)]
    assert len({Path(answer["video_path"]).read_bytes() for answer in answers}) == len(changes)


def test_a_model_without_a_prompt_makes_the_same_video_for_every_prompt(
    wrappers: dict[str, ModelWrapper], image: Path
) -> None:
    name = "svd-tiny-random"
    assert not MODELS[name].capabilities.reads_prompt
    assert not MODELS["svd-xt"].capabilities.reads_prompt
    answers = [wrappers[name].generate(image, text, output_filename=f"{text}.mp4") for text in ("left", "right")]
    first, second = (Path(answer["video_path"]).read_bytes() for answer in answers)
    assert first == second
    assert "the model reads no prompt" in provenance_of(answers[0]).notes


def test_guidance_motion_and_chunks_of_stable_video_diffusion_count(
    wrappers: dict[str, ModelWrapper], image: Path
) -> None:
    wrapper = wrappers["svd-tiny-random"]
    default = Path(wrapper.generate(image, PROMPT, output_filename="0.mp4")["video_path"]).read_bytes()
    for setting, value in (("guidance_scale", 9), ("min_guidance_scale", 2), ("motion_bucket_id", 1), ("fps", 20)):
        answer = wrapper.generate(image, PROMPT, output_filename=f"{setting}.mp4", **{setting: value})
        assert Path(answer["video_path"]).read_bytes() != default
    assert wrapper.generate(image, PROMPT, decode_chunk_size=1)["success"]


def test_a_missing_package_is_named(
    weights: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = devices.library_version
    monkeypatch.setattr(devices, "library_version", lambda package: (0, 0) if package == "ftfy" else real(package))
    answer = make_wrapper("wan2.1-tiny-random", tmp_path, weights=weights).generate(image, PROMPT)
    assert "the package ftfy is not installed" in answer["error"]
    assert "pip install 'ftfy>=6.0'" in answer["error"]
    assert len(answer["error"].splitlines()) == 1


@pytest.mark.parametrize("name", [name for name in MODELS if MODELS[name].family.startswith("HunyuanVideo-1.5")])
def test_hunyuanvideo_15_keeps_the_sizes_that_are_possible(name: str) -> None:
    """The pipeline rounds aspects, so it takes some of its own sizes for others."""
    processors = pytest.importorskip("diffusers.pipelines.hunyuan_video1_5.image_processor")
    service = service_of(MODELS[name])
    assert service.config_type is not None
    target, patch = (48, 4) if "tiny" in name else (640, 16) if "480p" in name else (960, 16)
    processor = processors.HunyuanVideo15ImageProcessor(vae_scale_factor=patch)
    for width, height in service.config_type.variants[MODELS[name].model].limits.sizes:  # type: ignore[attr-defined]
        assert processor.calculate_default_height_width(height, width, target) == (height, width)


def test_guidance_of_hunyuanvideo_15_and_quoted_text(wrappers: dict[str, ModelWrapper], image: Path) -> None:
    wrapper = wrappers["hunyuanvideo-1.5-tiny-random"]
    videos = {
        (scale, text): Path(
            wrapper.generate(image, text, output_filename=f"{scale}{len(text)}.mp4", guidance_scale=scale)["video_path"]
        ).read_bytes()
        for scale, text in ((1.0, PROMPT), (9.0, PROMPT), (9.0, PROMPT + ' Write "yes".'))
    }
    assert len(set(videos.values())) == 3
    answer = wrapper.generate(image, f'Write "{"yes " * 70}".')
    assert "tokens; the model reads 255" in answer["error"]


def test_a_video_of_hunyuanvideo_15_is_the_same_without_the_padding_of_its_prompts(
    weights: Path, image: Path, tmp_path: Path
) -> None:
    """As a GPU makes it, also of the empty negative prompt."""
    service: Any = make_wrapper("hunyuanvideo-1.5-tiny-random", tmp_path, weights=weights).service
    request = Request(media.load_image(image), image, PROMPT, seed=1, duration=None)
    padded = np.stack(list(service.generate(request).frames)).astype(int)
    service.prepare(service._loaded.pipe.transformer)
    difference = np.abs(np.stack(list(service.generate(request).frames)) - padded)
    assert difference.max() <= 1, difference.mean()


def test_other_sizes_of_hunyuanvideo_15(wrappers: dict[str, ModelWrapper], image: Path) -> None:
    made = provenance_of(wrappers["hunyuanvideo-1.5-tiny-random"].generate(image, PROMPT, resolution="40x56"))
    assert made.size == (40, 56)
