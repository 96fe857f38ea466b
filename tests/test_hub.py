"""Weights from the Hugging Face hub where no revision is known: the newest is resolved once, and then kept."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from vmevalkit.models.base import MODELS, ModelCard, Request, service_of
from vmevalkit.models.diffusers import Loaded, checkpoint, hub

NEWEST = "a" * 40
INDEX = {"_class_name": "StableVideoDiffusionPipeline", "scheduler": ["diffusers", "EulerDiscreteScheduler"]}


class Hub:
    """The hub's client, with one repository, in whose cache it writes as the real one does."""

    def __init__(self, card: ModelCard) -> None:
        self.repository = hub.cache_folder(card).parents[1]
        self.newest = NEWEST
        self.asked: list[tuple[str | None, tuple[str, ...]]] = []

    def hf_hub_download(self, repository: str, file: str, revision: str | None = None) -> str:
        self.asked.append((revision, (file,)))
        commit = revision if revision and len(revision) == 40 else self.newest
        if commit != revision:
            note = self.repository / "refs" / (revision or "main")
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(self.newest)
        path = self.repository / "snapshots" / commit / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(INDEX))
        return str(path)

    def snapshot_download(self, repository: str, revision: str, allow_patterns: list[str]) -> str:
        self.asked.append((revision, tuple(allow_patterns)))
        folder = self.repository / "snapshots" / revision
        (folder / "scheduler").mkdir(exist_ok=True)
        (folder / "scheduler" / "scheduler_config.json").write_text("{}")
        return str(folder)


@pytest.fixture
def card() -> ModelCard:
    return MODELS["svd-xt"].model_copy(update={"download_gb": None})


@pytest.fixture
def client(card: ModelCard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hub:
    huggingface_hub: Any = pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(hub.VARIABLE, raising=False)
    fake = Hub(card)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fake.hf_hub_download)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fake.snapshot_download)
    return fake


def test_the_newest_revision_is_resolved_once(card: ModelCard, client: Hub) -> None:
    found = checkpoint.obtain(card, None)
    assert client.asked == [(None, ("model_index.json",)), (NEWEST, ("scheduler/*",))]
    assert (found.repository, found.revision) == (card.model, NEWEST)
    client.newest = "b" * 40
    assert checkpoint.obtain(card, None) == found
    assert found.describe()["revision"] == NEWEST
    assert len(client.asked) == 2


def test_a_branch_is_resolved_once_too(card: ModelCard, client: Hub) -> None:
    branch = card.model_copy(update={"revision": "diffusers/base"})
    found = checkpoint.obtain(branch, None)
    assert client.asked == [("diffusers/base", ("model_index.json",)), (NEWEST, ("scheduler/*",))]
    assert (found.repository, found.revision) == (card.model, NEWEST)
    client.newest = "b" * 40
    assert checkpoint.obtain(branch, None) == found
    assert len(client.asked) == 2


def test_a_download_that_was_cut_off_keeps_its_revision(card: ModelCard, client: Hub) -> None:
    client.hf_hub_download(card.model, "model_index.json")
    client.newest = "b" * 40
    assert checkpoint.obtain(card, None).revision == NEWEST


def test_the_command_names_a_revision_only_if_there_is_one(card: ModelCard) -> None:
    assert "--revision" not in hub.how_to_get(card)
    assert f"hf download {card.model} --local-dir" in hub.how_to_get(card)
    pinned = card.model_copy(update={"revision": NEWEST})
    assert f"--revision {NEWEST}" in hub.how_to_get(pinned)


def test_a_result_says_which_revision_it_is_of(tmp_path: Path) -> None:
    request = Request(Image.new("RGB", (8, 8)), tmp_path / "a.png", "Move.", seed=0, duration=None)
    loaded = Loaded(SimpleNamespace(vae=None), "resident", {"random": False, "revision": NEWEST})
    for name, said in (("svd-xt", True), ("hunyuanvideo-1.5-i2v-480p", False)):
        service: Any = service_of(MODELS[name])(MODELS[name].model)  # type: ignore[call-arg]
        notes = service._general_notes(service.config, request, loaded)
        assert any(NEWEST in note for note in notes) == said
