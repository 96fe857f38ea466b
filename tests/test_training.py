"""The training folder: videos that are no evaluation question's, the model card, and an adapter from end to end."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

import vmevalkit
from vmevalkit import media, store
from vmevalkit.errors import QuestionError
from vmevalkit.models.cogvideox_inference import VARIANTS
from vmevalkit.reporting import stats

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "training"))
import evaluate  # noqa: E402
import videos  # noqa: E402


def test_a_video_depends_on_its_number_alone() -> None:
    frames, prompt = videos.video("transformer", 5, frozenset())
    again, same = videos.video("transformer", 5, frozenset())
    assert frames.shape == (videos.FRAMES, videos.SIDE, videos.SIDE, 3)
    assert np.array_equal(frames, again)
    assert prompt == same
    assert not np.array_equal(frames, videos.video("transformer", 6, frozenset())[0])


def test_no_video_is_of_an_evaluation_question(tmp_path: Path) -> None:
    folders = vmevalkit.make("maze", count=3, difficulty=1, size=(96, 96), questions=tmp_path / "questions" / "d1")
    puzzles = [json.loads((folder / "question_metadata.json").read_text())["puzzle"] for folder in folders]
    held_out = videos.evaluated(tmp_path)
    assert held_out == {videos.signature(puzzle) for puzzle in puzzles}


def test_a_puzzle_that_is_held_out_is_replaced() -> None:
    task, puzzle, _, _ = videos.asked("transformer", 5, frozenset())
    held_out = videos.signature(puzzle.model_dump(mode="json"))
    same_task, other, _, _ = videos.asked("transformer", 5, frozenset([held_out]))
    assert same_task is task
    assert other != puzzle


def test_both_stages_go_on_and_end_in_a_model(
    small_networks: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With smaller networks and few videos, on the CPU; the model is then asked through the kit."""
    import shapes
    import train
    from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel

    small_vae = {**shapes.new_vae().config, "block_out_channels": (4, 4, 8), "norm_num_groups": 2}
    small = {**shapes.new_transformer().config, "num_layers": 1, "num_attention_heads": 1}
    monkeypatch.setattr(shapes, "new_vae", lambda: AutoencoderKLCogVideoX.from_config(small_vae))
    monkeypatch.setattr(shapes, "new_transformer", lambda: CogVideoXTransformer3DModel.from_config(small))
    monkeypatch.setattr(videos, "SHARD", 12)
    monkeypatch.setattr(train, "HELD_OUT", 1)
    monkeypatch.setattr(train, "_CLOCK_EVERY", 1)
    for kind in videos.KINDS:
        (tmp_path / "videos" / kind).mkdir(parents=True)
        videos._shard(tmp_path, kind, 0)
    train.train_vae(train.Run(tmp_path, "vae", batch=1, minutes=0.02, part=1))
    for part in (1e-9, 1):
        train.train_transformer(train.Run(tmp_path, "transformer", batch=2, minutes=0.05, part=part))
    lines = [json.loads(line) for line in (tmp_path / "losses.jsonl").read_text().splitlines()]
    first, last = (line for line in lines if line["stage"] == "transformer")
    assert not first["finished"]
    assert last["finished"]
    assert last["step"] > first["step"]
    assert {path.name for path in (tmp_path / "strips").iterdir()} == {"vae.png", "transformer.png"}

    more = tmp_path / "more"
    more.mkdir()
    for name in ("videos", "vae"):
        shutil.copytree(tmp_path / name, more / name)
    train.train_transformer(train.Run(more, "transformer", 2, minutes=1e-9, part=1, base=tmp_path / "model"))
    for name in ("transformer", "text_encoder"):
        (weights,) = (tmp_path / "model" / name).glob("*.safetensors")
        assert weights.read_bytes() == (more / "model" / name / weights.name).read_bytes()

    vmevalkit.make("maze", count=1, size=(videos.SIDE, videos.SIDE), questions=tmp_path / "questions")
    done = vmevalkit.generate(
        "cogvideox-tiny-i2v", questions=tmp_path / "questions", outputs=tmp_path / "outputs", baselines=False,
        settings={"weights": str(tmp_path / "model"), "num_inference_steps": 2},
    )  # fmt: skip
    assert done.ok


def test_the_card_says_what_was_measured(tmp_path: Path) -> None:
    solved = {"solved": 40, "teleport": 9, "unfinished": 1}
    nothing = {"no_change": 50}
    parts = {name: {evaluate.NAME: solved, **dict.fromkeys(evaluate.BASELINES, nothing)} for name in evaluate.COLUMNS}
    (tmp_path / "pass_rates.json").write_text(json.dumps({"maze": parts}))
    lines = [
        {"stage": "vae", "step": 3600, "seconds": 385, "gpus": 1, "videos": 16, "psnr": 33.0, "psnr_moving": 25.8},
        {"stage": "transformer", "step": 9000, "seconds": 900, "gpus": 2, "videos": 256, "loss": 0.01, "base": None},
    ]
    (tmp_path / "losses.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "model" / "vae").mkdir(parents=True)
    (tmp_path / "model" / "vae" / "config.json").write_text("{}")
    evaluate.export(tmp_path, tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    low, high = stats.wilson(80, 100)
    assert f"| maze | 80% ({low:.0%} to {high:.0%}) | 0% | 0% | 0% |" in card
    assert "- maze: teleport 18, unfinished 2" in card
    assert "| VAE | 1 | 3600 | 16 | 385 | 33.0 dB on videos it was not trained on, 25.8 dB where" in card
    assert "`bash training/train.sh` repeats all of it" in card
    run = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path / "out", check=False)
    assert run.returncode == 0
    lines[1]["base"] = evaluate.NAME
    (tmp_path / "losses.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "went on from those\nweights (`train.py transformer --start`)" in evaluate.card(tmp_path)


def test_the_demo_shows_the_tasks_that_the_model_was_trained_on() -> None:
    demo = (ROOT / "setup" / "demo.sh").read_text()
    assert sorted(re.findall(r"--task (\w+)", demo)) == sorted(videos.TRAINED_TASKS)


def test_an_adapter_from_questions_to_a_video(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    weights, questions = tmp_path / "weights", tmp_path / "questions"
    make = [sys.executable, str(ROOT / "setup" / "make_checkpoint.py"), "--like", "5b", "--output", str(weights)]
    subprocess.run(make, check=True, capture_output=True)
    vmevalkit.make("maze", count=2, difficulty=1, size=(96, 64), questions=questions)
    train = [sys.executable, str(ROOT / "training" / "lora.py"), str(questions), str(tmp_path / "adapter"),
             "--model", "cogvideox-tiny-random", "--weights", str(weights), "--steps", "2", "--rank", "2"]  # fmt: skip
    run = subprocess.run(train, check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout.splitlines()[1])["step"] == 2
    settings = {"weights": str(weights), "lora": str(tmp_path / "adapter"), "num_inference_steps": 1}
    done = vmevalkit.generate(
        "cogvideox-tiny-random", questions=questions, outputs=tmp_path / "videos", settings=settings, baselines=False,
        task_id="maze_0000",
    )  # fmt: skip
    assert done.made == 1
    assert done.ok


def test_questions_of_another_size_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    import lora

    vmevalkit.make("maze", count=1, size=(96, 96), questions=tmp_path)
    (question,) = store.iter_questions(tmp_path)
    with pytest.raises(QuestionError, match="is 96x96; cogvideox-5b-i2v makes 720x480"):
        lora.read_video(question, VARIANTS["THUDM/CogVideoX-5b-I2V"])
    video = lora.read_video(question, VARIANTS["cogvideox-tiny-i2v"])
    assert video.shape == (1, 3, 17, 96, 96)
    last = media.read_frames(question.folder / "ground_truth.mp4")[-1]
    assert np.array_equal(((video[0, :, -1].permute(1, 2, 0).numpy() + 1) * 127.5).round(), last)


def test_a_policy_is_trained_and_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real model, with so few steps of denoising that its videos show nothing."""
    pytest.importorskip("peft")
    import policy

    monkeypatch.setattr(policy, "STEPS", 1)
    words = "--task maze --difficulty 1 --also --evaluated 1 --pool 3 --rounds 1 --questions 1 --group 2 --updates 2"
    monkeypatch.setattr(sys, "argv", ["policy.py", str(tmp_path), *words.split(), "--batch", "2", "--workers", "1"])
    policy.main()
    found = json.loads((tmp_path / "policy.json").read_text())["maze_1"]
    assert found["before"]["asked"] == found["after"]["asked"] == 1
    assert (tmp_path / "adapter" / "pytorch_lora_weights.safetensors").is_file()
    assert (tmp_path / "report" / "maze_1" / "index.html").is_file()
    rounds = [json.loads(line) for line in (tmp_path / "rounds.jsonl").read_text().splitlines()]
    assert [facts["round"] for facts in rounds] == [0, 1]


def test_an_update_goes_towards_the_better_videos(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    import policy
    import torch

    from vmevalkit.store import iter_questions

    vmevalkit.make("maze", count=1, difficulty=1, size=(96, 96), questions=tmp_path)
    (question,) = iter_questions(tmp_path)
    torch.manual_seed(0)
    learner = policy.load(Namespace(weights=None))
    frames = torch.from_numpy(media.read_frames(question.ground_truth)[::3][:17])
    x = frames.permute(3, 0, 1, 2)[None].float().div(127.5).sub(1)
    with torch.no_grad():
        good = learner.pipe.vae.encode(x).latent_dist.mean.transpose(1, 2) * learner.pipe.vae.config.scaling_factor
    experience = policy.Experience(
        torch.cat([good, torch.zeros_like(good)]), learner.first_latents(frames[[0, 0]]),
        torch.stack([learner.prompt(question)] * 2), torch.tensor([1.0, 0.001]),
    )  # fmt: skip
    learned = learner.new_adapter(4)
    optimizer = torch.optim.AdamW(learned, 1e-3)
    losses = []
    for _ in range(3):
        torch.manual_seed(1)
        losses.append(policy.update(learner, experience, optimizer, learned, 4))
    # With the same noise, the loss of the good video falls; the other one has next to no weight.
    assert losses[-1] < losses[0]
    assert len(policy.fit(learner, experience, Namespace(rank=4, rate=1e-3, updates=4, batch=4))) == 4
