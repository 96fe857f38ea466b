"""The benchmark of video models, with the smallest shapes on the CPU."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("accelerate")

from benchmarks.video_models import __main__ as benchmark  # noqa: E402
from benchmarks.video_models import machine, pipelines, plans, videos  # noqa: E402
from vmevalkit.models.base import MODELS  # noqa: E402

ROOT = Path(__file__).parents[1]
TINY = machine.Machine("cpu", torch.float32, "tiny")


def rows(text: str) -> dict[str, list[str]]:
    """Return the cells of each line of the tables in a text, by the first cell."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return {first: rest for first, *rest in lines if not set(first) <= set("- ")}


@pytest.mark.parametrize(("model", "tolerance"), [("wan2.2-ti2v-5b", 1e-5), ("cogvideox1.5-5b-i2v", 1e-5)])
def test_exact_passes_equal_stock_and_fast_ones_do_not(
    model: str, tolerance: float, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmark.main(["passes", model, "--tiny", "--repeats", "1"]) == 0
    found = rows(capsys.readouterr().out)
    assert float(found["stock"][-1]) == 0
    assert float(found["exact, sdpa"][-1]) < tolerance < float(found["fast"][-1]) < 0.1
    assert all(float(found[row][0]) > 0 for row in ("stock", "exact, sdpa", "fast"))


def test_exactness_of_the_first_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(["exactness", "cogvideox-5b-i2v", "--blocks", "1", "--tiny"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("cogvideox-5b-i2v, 1 blocks, CPU")
    assert (
        0 < float(re.findall(r"exact to float32 (\S+),", text)[0]) < 1e-6 < float(re.findall(r"exact (\S+);", text)[0])
    )
    assert "the same bits again: True" in text


def test_plans_are_measured_with_a_whole_video(small_networks: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(["plans", "ltx-video", "--tiny"]) == 0
    found = rows(capsys.readouterr().out)
    # A CPU has no other plan.
    assert list(found) == ["plan", "resident"]
    chosen, *figures = found["resident"]
    assert not chosen, "a CPU has no limits"
    assert [re.sub(r"\d+", "0", figure) for figure in figures] == ["0.0", "0.0", "0.0", "0.0", "0"]
    assert float(figures[3]) == MODELS["ltx-tiny-random"].memory_gib["resident"]


def test_a_plan_that_fails_is_in_the_table(
    small_networks: object, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "PROMPT", "maze " * 200)
    assert benchmark.main(["plans", "ltx-video", "--tiny"]) == 1
    assert rows(capsys.readouterr().out)["resident"][1].startswith("QuestionError: the prompt has")


def test_a_plan_is_measured_under_the_smallest_limit_under_which_it_fits() -> None:
    row = plans.Row("group", seconds=2.0, first=3.0, peak=15.0, video=30.0)
    tried = []

    def attempt(plan: Any, limit: float | None) -> plans.Row:
        tried.append(limit)
        if limit == 12:
            raise RuntimeError("CUDA out of memory")
        return row if limit == 24 else replace(row, plan="tiled")

    *failures, last = plans.rows(attempt, "group", [12, 16, 24, 80])
    assert last == row
    assert tried == [12, 16, 24]
    assert failures == ["RuntimeError at 12 GB: CUDA out of memory", "out of memory at 16 GB; tiled was used"]


def test_a_plan_that_is_never_chosen_is_measured_without_a_limit() -> None:
    row = plans.Row("model", seconds=2.0, first=3.0, peak=15.0, video=30.0)
    tried = []

    def attempt(plan: Any, limit: float | None) -> plans.Row:
        tried.append((plan, limit))
        return row

    assert list(plans.rows(attempt, "model", [])) == [row]
    assert tried == [("model", None)]


def test_passes_are_recorded_with_their_guidance_branches(small_networks: object, tmp_path: Path) -> None:
    service = pipelines.RandomPipelines("ltx-video", TINY, tmp_path).service()
    passes = pipelines.Passes(service, TINY)
    for steps in (1, 3):
        service.generate(plans.request(tmp_path), num_inference_steps=steps)
        # LTX-Video computes both branches in one batch.
        assert [branches for _, branches in passes.seconds()] == [2] * steps
        assert all(seconds > 0 for seconds, _ in passes.seconds())


@pytest.mark.parametrize("model", ["ltx-video", "wan2.1-i2v-14b-480p"])
def test_pipelines_in_memory_have_the_parameters_of_a_checkpoint(
    model: str, small_networks: object, tmp_path: Path
) -> None:
    from vmevalkit.models.diffusers.checkpoint import component_config, components_with_weights

    source = pipelines.RandomPipelines(model, TINY, tmp_path)
    checkpoint = source.service().locate()
    for name in components_with_weights(tmp_path):
        plain, filled = source.builders[name](), source.component(name, torch.float32)
        expected = {key: value.shape for key, value in plain.state_dict().items()}
        assert {key: value.shape for key, value in filled.state_dict().items()} == expected
        count = sum(parameter.numel() for parameter in plain.parameters())
        assert sum(parameter.numel() for parameter in filled.parameters()) == count, "shared weights count once"
        assert (tmp_path / name / "model.safetensors").stat().st_size == 4 * count
        assert component_config(checkpoint, name)


def test_a_pipeline_in_memory_makes_the_video_of_a_checkpoint_with_its_weights(
    small_networks: object, tmp_path: Path
) -> None:
    (described := tmp_path / "described").mkdir()
    service = pipelines.RandomPipelines("ltx-video", TINY, described).service()
    saved = tmp_path / "saved"
    service.load_pipeline(service.locate(), "cpu").save_pretrained(saved)
    plain = type(service).__mro__[1](service.config.model_id, **service.config.card.args, weights=saved, device="cpu")
    ours, theirs = (made.generate(plans.request(tmp_path), num_inference_steps=2) for made in (service, plain))
    assert np.array_equal(np.stack(list(ours.frames)), np.stack(list(theirs.frames)))


def test_whole_videos_are_compared_with_the_first_row(small_networks: object, tmp_path: Path) -> None:
    frames = tmp_path / "frames.npy"
    stock, exact = (
        videos.measure(videos.Job("ltx-video", TINY, row, None, None, 3, False, frames)) for row in ("stock", "exact")
    )
    assert stock.psnr is None
    assert np.load(frames).shape == (17, 64, 96, 3)
    assert exact.psnr is None or exact.psnr > 40
    assert stock.plan == "resident"
    assert min(stock.step, stock.decode, stock.load) > 0
    assert stock.video > 50 * stock.step


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("passes nope --tiny", "unknown model 'nope'"),
        ("plans svd --tiny", "svd: there are no random weights of its shapes"),
        ("exactness ltx-video --tiny", "the kit has no kernels for it"),
        ("videos ltx-video --steps 2 --tiny", "--steps 2: at least 3 are needed"),
        ("videos ltx-video --caps 12 --tiny", "--caps: they limit GPU memory, and --tiny runs on the CPU"),
        ("videos ltx-video --plot a.svg --tiny", "--plot a.svg: it shows --caps"),
    ],
)
def test_what_cannot_be_measured_is_one_line(command: str, message: str) -> None:
    with pytest.raises(SystemExit) as caught:
        benchmark.main(shlex.split(command))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_commands_in_the_documentation_exist() -> None:
    found: list[str] = []
    for page in (*ROOT.glob("docs/*.md"), ROOT / "README.md"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"benchmarks/(cogvideox|video_models)\.py", text), page
        found += re.findall(r"python -m benchmarks\.video_models( \w+ [^`\n]*)", text)
    assert {command.split()[0] for command in found} == {"passes", "exactness", "plans", "videos"}
    for command in found:
        benchmark.parser().parse_args(shlex.split(command))
