"""What the doctor says, on machines that are imagined."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from vmevalkit.models.base import MODELS, ModelCard
from vmevalkit.runner import doctor
from vmevalkit.runner.doctor import Finding, Machine, examine

BIG = Machine(gpu_gib=140.0, host_gib=200.0, disk_gb=900.0, hub=True)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks a server outside."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def topics(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.topic: finding for finding in findings}


def test_it_looks_at_everything_and_every_model() -> None:
    found = topics(examine())
    assert {"python", "gpu", "disk", "video", "hub", "keys"} <= set(found)
    assert {f"model {name}" for name in MODELS} <= set(found)
    assert {f"environment {MODELS[name].environment}" for name in MODELS if MODELS[name].environment} <= set(found)
    assert found["python"].ok
    assert found["video"].ok, found["video"].what
    assert found["model still"].ok
    assert all(finding.fix for finding in found.values() if finding.ok is False)


def test_it_loads_nothing_heavy() -> None:
    program = """
import sys
from vmevalkit.runner.doctor import examine
examine()
assert not {"torch", "diffusers", "transformers", "huggingface_hub"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_keys_are_named_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_very_secret")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    findings = examine()
    assert "set: HF_TOKEN" in topics(findings)["keys"].what
    assert "OPENAI_API_KEY" in topics(findings)["keys"].what.partition("not set")[2]
    assert "hf_very_secret" not in json.dumps([finding.model_dump() for finding in findings])


@pytest.fixture
def server() -> Iterator[Callable[[int], str]]:
    """Starts a server that answers everything with one status, and returns its address."""
    running: list[HTTPServer] = []

    def start(status: int) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response(status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        http = HTTPServer(("127.0.0.1", 0), Handler)
        running.append(http)
        threading.Thread(target=http.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{http.server_port}"

    yield start
    for http in running:
        http.shutdown()
        http.server_close()


@pytest.mark.parametrize(("status", "ok"), [(200, True), (403, True), (503, False)])
def test_the_hub_is_asked_where_the_user_says(
    server: Callable[[int], str], status: int, ok: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("HF_ENDPOINT", server(status))
    assert doctor._hub().ok is ok


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "file:///etc/passwd", "nonsense"])
def test_a_hub_that_does_not_answer(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    finding = doctor._hub()
    assert finding.ok is False
    assert "--weights DIR" in str(finding.fix)


def test_offline_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert doctor._hub().ok is None


def nvidia_smi(folder: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_gpus_are_named_with_their_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvidia_smi(
        tmp_path, "echo 'NVIDIA L4, 23034, 22000, 550.1'; echo 'NVIDIA H200, 143771, 143000, 550.1'", monkeypatch
    )
    finding, gib = doctor._gpu()
    assert finding.ok
    assert "NVIDIA H200, 140 GiB" in finding.what
    assert gib == pytest.approx(140.4, abs=0.1)


@pytest.mark.parametrize("body", ["exit 9", "echo 'Failed to initialize NVML'"])
def test_a_broken_driver_is_said_to_be_broken(body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvidia_smi(tmp_path, body, monkeypatch)
    finding, gib = doctor._gpu()
    assert finding.ok is False
    assert gib is None


def test_no_gpu_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor._gpu() == (doctor.Finding(topic="gpu", ok=None, what=doctor._gpu()[0].what), None)


@pytest.fixture
def card() -> ModelCard:
    return ModelCard(
        name="large", family="test", wrapper="vmevalkit.models.baselines_inference:BaselineWrapper", service="",
        model="test/large", about=".", packages=("json",), environment="large", revision="abc", download_gb=20.0,
        memory_gib={"resident": 30.0, "sequential": 5.0},
    )  # fmt: skip


HAS = Finding(topic="weights large", ok=True, what="here")
LACKS = Finding(topic="weights large", ok=False, what="nowhere", fix="download them")


def verdict(card: ModelCard, weights: Finding = HAS, **machine: object) -> Finding:
    return doctor._verdict(card, weights, BIG.model_copy(update=machine))


def test_a_model_that_has_all_it_needs_can_run(card: ModelCard) -> None:
    assert verdict(card) == Finding(topic="model large", ok=True, what="can run")


def test_weights_that_can_be_downloaded_are_no_obstacle(card: ModelCard) -> None:
    assert verdict(card, LACKS).what == "can run, downloads 20 GB first"
    lacking = verdict(card, LACKS, hub=False)
    assert (lacking.ok, lacking.what, lacking.fix) == (False, "cannot run: its weights are missing", "download them")


def test_a_missing_environment_comes_with_its_command(card: ModelCard) -> None:
    lacking = verdict(card.model_copy(update={"packages": ("no_such_package",)}))
    assert lacking.what == "cannot run: its environment is missing"
    assert lacking.fix == "bash setup/install_model.sh large"


def test_memory_decides(card: ModelCard) -> None:
    assert "the GPU has 4" in verdict(card, gpu_gib=4.0).what
    assert verdict(card, gpu_gib=6.0).ok
    assert "the CPU would need about 37 GiB of memory" in verdict(card, gpu_gib=None, host_gib=16.0).what
    assert verdict(card, gpu_gib=None, host_gib=64.0).what == "can run, on the CPU, hours for a video"


def test_disk_decides(card: ModelCard) -> None:
    assert "needs 20 GB of disk and 7 are free" in verdict(card, LACKS, disk_gb=7.0).what
    assert verdict(card, disk_gb=7.0).ok


def test_all_reasons_are_given_at_once(card: ModelCard) -> None:
    lacking = verdict(card.model_copy(update={"packages": ("no_such_package",)}), LACKS, hub=False, gpu_gib=1.0)
    assert lacking.what.count(";") == 2
    assert lacking.fix is not None
    assert lacking.fix.count("; then ") == 2


def test_what_a_family_says_about_its_weights_is_taken_apart(card: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "large: 3 files are cut short (a, b) (download 20 GB: hf download x)"
    service = SimpleNamespace(weights_status=lambda card: (False, said))
    monkeypatch.setattr(doctor, "service_of", lambda card: service)
    finding = doctor._weights(card)
    assert finding is not None
    assert finding.what == "3 files are cut short (a, b)"
    assert finding.fix == "download 20 GB: hf download x"
