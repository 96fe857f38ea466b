"""Checkpoints: what a pipeline's index asks for must be there, complete, and in safetensors."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vmevalkit.errors import WeightsError
from vmevalkit.models.base import MODELS
from vmevalkit.models.diffusers import checkpoint

CARD = MODELS["cogvideox-5b-i2v"]
# Every kind of component that the image-to-video pipelines of Diffusers have.
LAYOUT = {
    "tokenizer": ["transformers", "T5TokenizerFast"],
    "tokenizer_2": ["transformers", "ByT5Tokenizer"],
    "text_encoder": ["transformers", "UMT5EncoderModel"],
    "text_encoder_2": ["transformers", "CLIPTextModel"],
    "image_encoder": ["transformers", "CLIPVisionModel"],
    "image_processor": ["transformers", "CLIPImageProcessorPil"],
    "feature_extractor": ["transformers", "SiglipImageProcessor"],
    "transformer": ["diffusers", "WanTransformer3DModel"],
    "transformer_2": ["diffusers", "WanTransformer3DModel"],
    "vae": ["diffusers", "AutoencoderKLWan"],
    "scheduler": ["diffusers", "UniPCMultistepScheduler"],
    "guider": ["diffusers", "ClassifierFreeGuidance"],
    "safety_checker": [None, None],
    "boundary_ratio": 0.9,
    "expand_timesteps": False,
}
CONFIGS = {
    "scheduler": "scheduler_config.json",
    "image_processor": "preprocessor_config.json",
    "feature_extractor": "preprocessor_config.json",
    "guider": "guider_config.json",
    "tokenizer": "tokenizer_config.json",
    "tokenizer_2": "tokenizer_config.json",
}


def safetensors() -> bytes:
    size = 8
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(size)


def weight_name(library: str, variant: str = "") -> str:
    stem = "model" if library == "transformers" else "diffusion_pytorch_model"
    return f"{stem}{'.' + variant if variant else ''}.safetensors"


def write_layout(folder: Path, layout: dict[str, Any] = LAYOUT, variant: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, entry in layout.items():
        if not isinstance(entry, list) or entry[0] is None:
            continue
        part = folder / name
        part.mkdir()
        (part / CONFIGS.get(name, "config.json")).write_text('{"a": 1}')
        if name == "tokenizer":
            (part / "tokenizer.json").write_text("{}")
        elif name not in CONFIGS:
            (part / weight_name(entry[0], variant)).write_bytes(safetensors())
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "AnyPipeline", **layout}))
    return folder


def problem(folder: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        checkpoint.check(CARD, folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_kind_of_component_is_understood(tmp_path: Path) -> None:
    found = checkpoint.check(CARD, write_layout(tmp_path / "a"))
    assert found.folder == tmp_path / "a"
    assert found.variant is None
    assert not found.random


def test_null_components_and_plain_values_need_no_folder(tmp_path: Path) -> None:
    layout = {**LAYOUT, "transformer_2": [None, None], "image_encoder": [None, None]}
    assert checkpoint.check(CARD, write_layout(tmp_path / "a", layout)).folder == tmp_path / "a"


@pytest.mark.parametrize("name", [name for name, entry in LAYOUT.items() if isinstance(entry, list) and entry[0]])
def test_a_missing_component_is_named(tmp_path: Path, name: str) -> None:
    folder = write_layout(tmp_path / "a")
    for file in (folder / name).iterdir():
        file.unlink()
    (folder / name).rmdir()
    assert f"{name}/" in problem(folder)


def test_the_usual_weights_win_over_a_variant(tmp_path: Path) -> None:
    folder = write_layout(tmp_path / "a", variant="fp16")
    assert checkpoint.check(CARD, folder).variant == "fp16"
    (folder / "vae" / weight_name("diffusers")).write_bytes(safetensors())
    assert checkpoint.check(CARD, folder).variant == "fp16", "the other components have only the variant"
    for name, entry in LAYOUT.items():
        if isinstance(entry, list) and entry[0] and name not in CONFIGS:
            (folder / name / weight_name(entry[0])).write_bytes(safetensors())
    assert checkpoint.check(CARD, folder).variant is None


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = write_layout(tmp_path / "a")
    (folder / "text_encoder" / "model.safetensors").unlink()
    (folder / "text_encoder" / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    assert "text_encoder/*.safetensors (pytorch_model.bin is pickled and never loaded)" in problem(folder)


def test_sharded_weights_need_every_shard_and_an_index(tmp_path: Path) -> None:
    folder = write_layout(tmp_path / "a")
    part = folder / "transformer"
    (part / "diffusion_pytorch_model.safetensors").unlink()
    shards = [f"diffusion_pytorch_model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    for shard in shards:
        (part / shard).write_bytes(safetensors())
    assert "transformer/*.safetensors.index.json" in problem(folder)
    index = part / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": dict(zip("ab", shards, strict=True))}))
    checkpoint.check(CARD, folder)
    (part / shards[1]).write_bytes(safetensors()[:-1])
    assert f"transformer/{shards[1]} (cut short)" in problem(folder)
    (part / shards[1]).unlink()
    assert f"transformer/{shards[1]}" in problem(folder)


@pytest.mark.parametrize("name", ["../../elsewhere.safetensors", "/etc/model.safetensors", "model.bin", 3, None])
def test_an_index_must_not_lead_elsewhere(tmp_path: Path, name: object) -> None:
    folder = write_layout(tmp_path / "a")
    (tmp_path / "elsewhere.safetensors").write_bytes(safetensors())
    index = folder / "vae" / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": name}}))
    assert "vae/diffusion_pytorch_model.safetensors.index.json (not an index of weights)" in problem(folder)


def test_names_of_components_must_be_plain(tmp_path: Path) -> None:
    folder = write_layout(tmp_path / "a", {"../vae": [None, None]})
    (folder / "model_index.json").write_text(json.dumps({"../vae": ["diffusers", "AutoencoderKL"]}))
    assert "not an index of a pipeline" in problem(folder)


def test_a_name_that_is_too_long_for_the_disk_is_missing(tmp_path: Path) -> None:
    folder = write_layout(tmp_path / "a")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "a" * 400: index["scheduler"]}))
    assert "a" * 400 in problem(folder)
    shards = write_layout(tmp_path / "b") / "vae/diffusion_pytorch_model.safetensors.index.json"
    shards.write_text(json.dumps({"weight_map": {"a": f"{'b' * 400}.safetensors"}}))
    assert "b" * 400 in problem(tmp_path / "b")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    file=st.sampled_from(
        [
            "model_index.json",
            "vae/config.json",
            "vae/diffusion_pytorch_model.safetensors",
            "vae/diffusion_pytorch_model.safetensors.index.json",
        ]
    ),
    content=st.binary(max_size=64) | json_values.map(lambda value: json.dumps(value).encode()),
)
def test_damaged_files_are_accepted_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, file: str, content: bytes
) -> None:
    folder = write_layout(tmp_path_factory.mktemp("layout") / "a")
    (folder / file).write_bytes(content)
    with contextlib.suppress(WeightsError):
        assert checkpoint.check(CARD, folder).folder == folder
