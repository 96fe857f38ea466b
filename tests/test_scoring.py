"""Scores: every status, videos made elsewhere, what is reused and what is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import vmevalkit
from tests.conftest import Experiment
from vmevalkit import media, store
from vmevalkit.errors import ConfigError, UnknownName, UsageError
from vmevalkit.scorers.base import SCORERS, Scorer, register_scorer
from vmevalkit.tasks.base import TASKS, Task, criteria_of
from vmevalkit.types import Question, Record, Score, Tolerance, Verdict


def scores_of(root: Path, **options: Any) -> dict[tuple[str, str], Score]:
    """Score `questions` and `outputs` below a folder."""
    found = vmevalkit.score(questions=root / "questions", outputs=root / "outputs", scores=root / "scores", **options)
    return {(s.model, s.question_id): s for s in found}


def replay_in(experiment: Experiment, scores: Path) -> dict[str, Any]:
    """Arguments of `score`: the videos of replay, with the scores in a folder of their own."""
    return {"model": "replay", "questions": experiment.questions, "outputs": experiment.outputs, "scores": scores}


# Encoders are slow by default.
QUICK = {"libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"}, "libx264": {"preset": "ultrafast"}}


def transcode(
    source: Path, target: Path, codec: str, fps: int, size: tuple[int, int], bars: tuple[int, int, int]
) -> None:
    """A video as another program might have made it: letterboxed with colored bars, resampled in time."""
    frames = media.read_frames(source)
    target.parent.mkdir(parents=True)
    count = round(len(frames) / 8 * fps)
    with av.open(str(target), "w") as container:
        stream: Any = container.add_stream(codec, rate=fps, options=QUICK.get(codec, {}))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for i in np.linspace(0, len(frames) - 1, count).round().astype(int):
            image = Image.fromarray(frames[i])
            image.thumbnail(size, Image.Resampling.BICUBIC)
            paper = Image.new("RGB", size, bars)
            paper.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(paper))))
        container.mux(stream.encode(None))


def test_replay_passes_and_the_others_fail(experiment: Experiment) -> None:
    for score in store.iter_scores(experiment.scores):
        assert score.status == "scored"
        assert score.passed == (score.model == "replay")
        assert (score.value == 1.0) == score.passed
        assert score.model in ("replay", "jumpcut") or score.value is not None
        assert score.model == "replay" or (score.value or 0.0) <= 0.02


@pytest.mark.parametrize(
    ("suffix", "codec", "fps", "size", "bars"),
    [
        (".webm", "libvpx-vp9", 30, (640, 360), (0, 0, 0)),
        (".mov", "libx264", 60, (800, 800), (90, 0, 160)),
        (".mp4", "mpeg4", 5, (640, 480), (255, 255, 255)),
    ],
)
def test_videos_made_elsewhere_get_the_same_verdicts(
    experiment: Experiment,
    tmp_path: Path,
    suffix: str,
    codec: str,
    fps: int,
    size: tuple[int, int],
    bars: tuple[int, int, int],
) -> None:
    """Nothing but a video in the right place."""
    shutil.copytree(experiment.questions, tmp_path / "questions")
    for model, name in (("replay", "maze_0000"), ("crossfade", "maze_0001")):
        source = experiment.outputs / model / "maze_task" / name / "video" / "video.mp4"
        target = tmp_path / "outputs" / model / "maze_task" / name / "video" / f"video{suffix}"
        transcode(source, target, codec, fps, size, bars)
    found = scores_of(tmp_path)
    assert found["replay", "maze_0000"].passed, found
    assert found["crossfade", "maze_0001"].status == "scored"
    assert not found["crossfade", "maze_0001"].passed


def test_a_center_crop_that_keeps_the_puzzle_whole_is_undone(experiment: Experiment, tmp_path: Path) -> None:
    shutil.copytree(experiment.questions, tmp_path / "questions")
    for name in ("maze_0000", "maze_0001"):
        frames = media.read_frames(experiment.outputs / "replay" / "maze_task" / name / "video" / "video.mp4")
        media.write_video(tmp_path / "outputs/cropped/maze_task" / name / "video/video.mp4", frames[:, :, 112:608], 8)
    assert all(score.passed for score in scores_of(tmp_path).values())


def place(root: Path, frames: media.Frames, name: str = "maze_0000", suffix: str = ".mp4") -> Path:
    """Write a video that was made elsewhere."""
    path = root / "outputs/other/maze_task" / name / "video" / f"video{suffix}"
    media.write_video(path, frames, 8)
    return path


@pytest.fixture
def elsewhere(experiment: Experiment, tmp_path: Path) -> Path:
    """A folder with the questions only."""
    shutil.copytree(experiment.questions, tmp_path / "questions")
    return tmp_path


def test_a_crop_that_cuts_the_puzzle_is_not_scored(experiment: Experiment, elsewhere: Path) -> None:
    frames = media.read_frames(experiment.questions / "maze_task/maze_0000/ground_truth.mp4")
    place(elsewhere, frames[:, 80:400])
    found = scores_of(elsewhere)["other", "maze_0000"]
    assert (found.status, found.reason) == ("unscorable", "cropped")


def test_a_black_first_frame_does_not_spoil_the_place_of_the_canvas(experiment: Experiment, elsewhere: Path) -> None:
    frames = media.read_frames(experiment.questions / "maze_task/maze_0000/ground_truth.mp4")
    frames = np.stack([np.asarray(Image.fromarray(frame).resize((832, 480))) for frame in frames])
    frames[0] = 0
    place(elsewhere, frames)
    found = scores_of(elsewhere)["other", "maze_0000"]
    assert found.passed
    assert found.notes == ("fade",)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotation_metadata_is_applied(experiment: Experiment, elsewhere: Path, turn: int) -> None:
    frames = media.read_frames(experiment.questions / "maze_task/maze_0000/ground_truth.mp4")
    path = place(elsewhere, frames)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=8)
        stream.set_display_rotation(turn)
        turned = np.ascontiguousarray(np.rot90(frames, -turn // 90, (1, 2)))
        stream.width, stream.height, stream.pix_fmt = turned.shape[2], turned.shape[1], "yuv420p"
        for frame in turned:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        container.mux(stream.encode(None))
    assert scores_of(elsewhere)["other", "maze_0000"].passed
    assert media.probe(path).size == (720, 480)


@pytest.mark.parametrize("suffix", [".mkv", ".m4v", ".MP4", ".gif"])
def test_other_suffixes_are_read(experiment: Experiment, elsewhere: Path, suffix: str) -> None:
    path = place(elsewhere, np.zeros((1, 480, 720, 3), np.uint8))
    shutil.copy(experiment.questions / "maze_task/maze_0000/ground_truth.mp4", path.with_suffix(suffix))
    path.unlink(missing_ok=suffix == ".MP4")
    assert scores_of(elsewhere)["other", "maze_0000"].passed


def test_a_file_of_another_name_is_named(experiment: Experiment, elsewhere: Path) -> None:
    path = place(elsewhere, np.zeros((1, 480, 720, 3), np.uint8))
    path.rename(path.with_name("maze_0000.mp4"))
    found = scores_of(elsewhere)["other", "maze_0000"]
    assert found.status == "missing"
    assert "maze_0000.mp4" in found.explanation
    assert ".mkv" in found.explanation


@pytest.mark.parametrize(
    "text",
    ["ffconcat version 1.0\nfile other.mp4\n", "#EXTM3U\n#EXT-X-ENDLIST\nother.mp4\n", "v=0\no=- 0 0 IN IP4 1\n"],
)
def test_a_list_of_other_files_is_refused(experiment: Experiment, elsewhere: Path, text: str) -> None:
    path = place(elsewhere, np.zeros((1, 480, 720, 3), np.uint8))
    shutil.copy(experiment.questions / "maze_task/maze_0000/ground_truth.mp4", path.with_name("other.mp4"))
    path.write_text(text)
    found = scores_of(elsewhere)["other", "maze_0000"]
    assert found.status == "broken"
    assert "MP4, MOV" in found.explanation


def test_a_damaged_video_is_broken(experiment: Experiment, elsewhere: Path) -> None:
    whole = (experiment.questions / "maze_task/maze_0000/ground_truth.mp4").read_bytes()
    path = place(elsewhere, np.zeros((1, 480, 720, 3), np.uint8))
    # The data of the frames begins after "mdat"; a part of it is overwritten.
    data, middle = whole.index(b"mdat"), whole.index(b"mdat") + 2 * (len(whole) - whole.index(b"mdat")) // 3
    assert data < middle
    for damaged in (whole[:middle] + b"\x55" * 300 + whole[middle + 300 :], whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        assert scores_of(elsewhere)["other", "maze_0000"].status == "broken"


def test_every_status_has_its_reason_and_nothing_leaves_the_denominator(experiment: Experiment, tmp_path: Path) -> None:
    shutil.copytree(experiment.questions, tmp_path / "questions")
    folder = tmp_path / "questions" / "mine_task" / "mine_0000"
    folder.mkdir(parents=True)
    Image.new("RGB", (64, 48)).save(folder / "first_frame.png")
    (folder / "prompt.txt").write_text("Do something.")

    def fail(image: Image.Image, prompt: str, seed: int) -> None:
        raise RuntimeError("no")

    run: dict[str, Any] = {"questions": tmp_path / "questions", "outputs": tmp_path / "outputs", "baselines": False}
    vmevalkit.generate("still", **run)
    vmevalkit.generate(fail, task_id="maze_0000", **run)
    (tmp_path / "outputs/still/maze_task/maze_0000/video/video.mp4").write_bytes(b"")
    found = scores_of(tmp_path)
    assert len(found) == 6, "two models, three questions"
    said = {key: (score.status, score.reason) for key, score in found.items()}
    assert said["still", "maze_0000"] == ("broken", "not_decodable")
    assert said["still", "maze_0001"] == ("scored", "no_change")
    assert said["still", "mine_0000"] == ("unscorable", "no_metadata")
    assert said["fail", "maze_0000"] == ("failed", "generation_failed")
    assert said["fail", "maze_0001"] == ("missing", "no_video")
    assert all((s.value is None) == (s.status != "scored") for s in found.values())


def test_a_video_of_another_first_frame_is_not_scored(experiment: Experiment, tmp_path: Path) -> None:
    shutil.copytree(experiment.outputs, tmp_path / "outputs")
    vmevalkit.make("maze", count=2, seed=7, questions=tmp_path / "questions")
    assert {s.reason for s in scores_of(tmp_path).values()} == {"other_question"}


def test_a_question_of_another_version_or_a_strange_puzzle_is_unscorable(
    experiment: Experiment, tmp_path: Path
) -> None:
    for change, reason in (
        ({"task_version": 99}, "other_version"),
        ({"task": "riddle"}, "unknown_task"),
        ({"puzzle": {"cells": "many"}}, "bad_puzzle"),
        ({"puzzle": {"cells": 3, "right": ("1",), "down": (), "start": (9, 9), "goal": (0, 0)}}, "bad_puzzle"),
    ):
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        shutil.copytree(experiment.questions, root / "questions")
        shutil.copytree(experiment.outputs / "replay", root / "outputs" / "replay")
        question = store.read_question(root / "questions", "maze", "maze_0000")
        assert question.metadata is not None
        store.write_record(question.metadata_file, question.metadata.model_copy(update=change))
        found = scores_of(root)
        assert (found["replay", "maze_0000"].status, found["replay", "maze_0000"].reason) == ("unscorable", reason)
        assert found["replay", "maze_0001"].passed, "the others are scored all the same"


def test_scores_are_kept_while_they_are_true(experiment: Experiment, tmp_path: Path) -> None:
    shutil.copytree(experiment.questions, tmp_path / "questions")
    shutil.copytree(experiment.outputs / "replay", tmp_path / "outputs" / "replay")
    scores_of(tmp_path)
    path = tmp_path / "scores" / "replay" / "maze_task" / "maze_0000" / "rule.json"
    marked = store.read_record(path, Score).model_copy(update={"explanation": "kept"})
    store.write_record(path, marked)
    assert scores_of(tmp_path)["replay", "maze_0000"].explanation == "kept"
    video = tmp_path / "outputs" / "replay" / "maze_task" / "maze_0000" / "video" / "video.mp4"
    shutil.copy(experiment.outputs / "still" / "maze_task" / "maze_0000" / "video" / "video.mp4", video)
    os.utime(video)
    assert scores_of(tmp_path)["replay", "maze_0000"].passed is False, "a newer video is judged again"


def mark(root: Path) -> Path:
    """Change the explanation of a stored score, to see whether it is reused."""
    path = root / "scores" / "replay" / "maze_task" / "maze_0000" / "rule.json"
    store.write_record(path, store.read_record(path, Score).model_copy(update={"explanation": "marked"}))
    return path


def test_file_times_do_not_matter(experiment: Experiment, tmp_path: Path) -> None:
    shutil.copytree(experiment.questions, tmp_path / "questions")
    shutil.copytree(experiment.outputs / "replay", tmp_path / "outputs" / "replay")
    scores_of(tmp_path)
    mark(tmp_path)
    for path in (*(tmp_path / "questions").rglob("*"), *(tmp_path / "outputs").rglob("*")):
        os.utime(path)
    assert scores_of(tmp_path)["replay", "maze_0000"].explanation == "marked", "newer, but unchanged"
    video = tmp_path / "outputs" / "replay" / "maze_task" / "maze_0000" / "video" / "video.mp4"
    shutil.copy(experiment.outputs / "still" / "maze_task" / "maze_0000" / "video" / "video.mp4", video)
    os.utime(video, (1, 1))
    assert scores_of(tmp_path)["replay", "maze_0000"].passed is False, "older, but another video"


def test_a_changed_question_or_geometry_is_scored_again(experiment: Experiment, tmp_path: Path) -> None:
    shutil.copytree(experiment.questions, tmp_path / "questions")
    shutil.copytree(experiment.outputs / "replay", tmp_path / "outputs" / "replay")
    scores_of(tmp_path)
    mark(tmp_path)
    prompt = tmp_path / "questions" / "maze_task" / "maze_0000" / "prompt.txt"
    prompt.write_text(prompt.read_text() + " Now.")
    assert scores_of(tmp_path)["replay", "maze_0000"].explanation != "marked"
    mark(tmp_path)
    (tmp_path / "outputs" / "replay" / "maze_task" / "maze_0000" / "result.json").unlink()
    assert scores_of(tmp_path)["replay", "maze_0000"].explanation != "marked", "the geometry is found anew"


def test_a_score_without_digests_is_made_again(experiment: Experiment, tmp_path: Path) -> None:
    shutil.copytree(experiment.questions, tmp_path / "questions")
    shutil.copytree(experiment.outputs / "replay", tmp_path / "outputs" / "replay")
    scores_of(tmp_path)
    path = mark(tmp_path)
    old = store.read_record(path, Score).model_copy(update={"video_sha256": None, "question_sha256": None})
    store.write_record(path, old)
    assert scores_of(tmp_path)["replay", "maze_0000"].explanation != "marked"


def test_no_process_is_started_if_nothing_is_to_be_done(experiment: Experiment, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")

    def seconds_of_children() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return float(usage.ru_utime + usage.ru_stime)

    shutil.copytree(experiment.questions, tmp_path / "questions")
    shutil.copytree(experiment.outputs / "replay", tmp_path / "outputs" / "replay")
    shutil.rmtree(tmp_path / "outputs" / "replay" / "maze_task" / "maze_0001")
    before = seconds_of_children()
    scores_of(tmp_path, workers=2)
    after = seconds_of_children()
    assert after > before, "videos were scored in processes"
    kept = scores_of(tmp_path, workers=2)
    assert seconds_of_children() == after
    assert kept["replay", "maze_0000"].passed
    assert kept["replay", "maze_0001"].status == "missing"


def test_no_decoder_is_loaded_if_nothing_is_to_be_done(experiment: Experiment, tmp_path: Path) -> None:
    where = replay_in(experiment, tmp_path)
    vmevalkit.score(**where)
    folders = {name: str(value) for name, value in where.items()}
    code = f"import sys, vmevalkit\nassert vmevalkit.score(workers=2, **{folders})\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"av", "rich", "chess"} & set(run.stdout.split())


@pytest.mark.parametrize("changed", ["first_frame.png", "final_frame.png", "prompt.txt", "question_metadata.json"])
def test_a_change_in_any_file_of_a_question_is_seen(experiment: Experiment, tmp_path: Path, changed: str) -> None:
    shutil.copytree(experiment.questions, tmp_path / "questions")
    shutil.copytree(experiment.outputs / "replay", tmp_path / "outputs" / "replay")
    scores_of(tmp_path)
    stored = mark(tmp_path)
    path = tmp_path / "questions" / "maze_task" / "maze_0000" / changed
    times = path.stat().st_mtime_ns
    # One byte more that changes no meaning, and the time of before.
    path.write_bytes(path.read_bytes() + b"\n")
    os.utime(path, ns=(times, times))
    found = scores_of(tmp_path)
    assert found["replay", "maze_0000"].explanation != "marked"
    assert found["replay", "maze_0000"] == store.read_record(stored, Score)


class ThresholdSettings(Record):
    share: float = 0.5


@pytest.fixture
def threshold() -> Iterator[None]:
    """A scorer with settings, registered for one test."""

    @register_scorer
    class Threshold(Scorer):
        name = "threshold"
        about = "Passes every video if its setting is large enough."
        settings_type = ThresholdSettings

        def version(self, question: Question) -> str:
            return "1"

        def decide(self, question: Question, sample: store.Sample) -> Verdict:
            passed = self.settings.share >= 0.5
            return Verdict(passed=passed, outcome=float(passed), process=1, preservation=1, reason="r", explanation="e")

    yield
    SCORERS.remove("threshold")


@pytest.mark.usefixtures("threshold")
def test_any_scorer_can_have_settings(experiment: Experiment, tmp_path: Path) -> None:
    where = replay_in(experiment, tmp_path)
    names = ["rule", "threshold"]
    found = vmevalkit.score(names, settings={"threshold.share": 0.2}, **where)
    assert [s.passed for s in found if s.scorer == "threshold"] == [False, False]
    found = vmevalkit.score("threshold", settings={"share": 0.7}, **where)
    assert all(s.passed for s in found), "other settings make the scores again"
    assert all(s.passed for s in vmevalkit.score("threshold", **where)), "without settings the defaults apply"
    with pytest.raises(ConfigError, match=r"unknown setting 'shar' \(did you mean share"):
        vmevalkit.score("threshold", settings={"shar": 1}, **where)
    found = vmevalkit.score(names, settings={"share": 0.2}, **where)
    assert [s.passed for s in found if s.scorer == "threshold"] == [False, False], "the only scorer with this setting"
    with pytest.raises(UsageError, match=r"write SCORER\.shar"):
        vmevalkit.score(["threshold", "judge"], settings={"shar": 1}, **where)
    with pytest.raises(UsageError, match="add --scorer threshold"):
        vmevalkit.score("rule", settings={"threshold.share": 1}, **where)


def test_a_visitor_is_noted_and_fails_a_strict_verdict(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = (Tolerance(code="zoom", first=0, last=48), Tolerance(code="visitor", first=7, last=9, box=(0, 0, 0.1, 0.1)))
    verify = Task.verify
    monkeypatch.setattr(
        Task, "verify", lambda *args, **more: verify(*args, **more).model_copy(update={"tolerated": seen})
    )
    where = replay_in(experiment, tmp_path)
    found = vmevalkit.score("rule", **where)
    assert all(s.passed and s.notes == ("visitor", "zoom") and s.tolerated == seen for s in found)
    found = vmevalkit.score("rule", settings={"rule.strict": True}, **where)
    assert all(not s.passed and (s.reason, s.evidence_frame) == ("visitor", 7) for s in found)
    assert all(s.passed for s in vmevalkit.score("rule", **where)), "another setting makes the scores again"


def test_a_visitor_fails_where_the_prompts_exclude_it(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, verify = (Tolerance(code="visitor", first=7, last=9),), Task.verify
    monkeypatch.setattr(
        Task, "verify", lambda *args, **more: verify(*args, **more).model_copy(update={"tolerated": seen})
    )
    monkeypatch.setattr(Task, "strict", True)
    where = replay_in(experiment, tmp_path)
    assert {(s.passed, s.reason) for s in vmevalkit.score("rule", **where)} == {(False, "visitor")}
    assert "a cursor" not in criteria_of(TASKS["maze"], "solve")["preservation"]


def test_wrong_usage(experiment: Experiment, tmp_path: Path) -> None:
    here: dict[str, Any] = {"questions": experiment.questions, "scores": tmp_path}
    with pytest.raises(UnknownName, match="did you mean rule"):
        vmevalkit.score("rul", outputs=experiment.outputs, **here)
    with pytest.raises(UnknownName, match="did you mean replay"):
        vmevalkit.score(model="replai", outputs=experiment.outputs, **here)
    with pytest.raises(UsageError, match="no videos"):
        vmevalkit.score(outputs=tmp_path / "none", **here)


def test_a_verdict_cannot_contradict_itself() -> None:
    with pytest.raises(ValueError, match="contradicts"):
        Verdict(passed=True, outcome=1, process=1, preservation=0.5, reason="solved", explanation="")
    with pytest.raises(ValueError, match="status 'missing'"):
        Score(model="m", task="t", question_id="q", seed=1, scorer="rule", scorer_version="1", status="missing",
              passed=True, value=1.0, reason="r", explanation="e")  # fmt: skip
