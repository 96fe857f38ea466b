"""The report of a small experiment with every status, compared with numbers that were counted by hand."""

from __future__ import annotations

import csv
import io
import re
import shlex
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import vmevalkit
from vmevalkit import cli, media, store
from vmevalkit.errors import StorageError, UsageError
from vmevalkit.reporting import report
from vmevalkit.reporting.latex import tex
from vmevalkit.reporting.media import choose_frames
from vmevalkit.reporting.stats import wilson
from vmevalkit.reporting.summary import Cell, Summary
from vmevalkit.reporting.tables import COLUMNS
from vmevalkit.types import GenerationResult, Geometry, Mode, Provenance, QuestionMetadata, Score

EVIL = "</script><script>alert('x')</script> & \"quoted\" <img src=x onerror=alert(1)>\r\nÄ second line"


@dataclass(frozen=True)
class World:
    """Four folders below one."""

    root: Path

    @property
    def questions(self) -> Path:
        return self.root / "questions"

    @property
    def outputs(self) -> Path:
        return self.root / "out puts" / "trial #1"

    @property
    def scores(self) -> Path:
        return self.root / "scores"

    @property
    def report(self) -> Path:
        return self.root / "report"

    @property
    def page(self) -> str:
        return (self.report / "index.html").read_text(encoding="utf-8")

    @property
    def summary(self) -> Summary:
        return store.read_record(self.report / "summary.json", Summary)

    def make(self) -> Path:
        return report(self.questions, self.outputs, self.scores, self.report)

    def cell(self, mode: Mode | None, model: str, task: str | None = None) -> Cell:
        [found] = [c for c in self.summary.cells if (c.mode, c.model, c.task) == (mode, model, task)]
        return found

    def ask(self, task: str, name: str, mode: Mode | None, prompt: str = "Go.", difficulty: int = 1) -> None:
        """Write a question; without a mode it has no metadata, like a user-supplied question."""
        folder = store.question_folder(self.questions, task, name)
        folder.mkdir(parents=True)
        Image.new("RGB", (96, 64), "white").save(folder / "first_frame.png")
        Image.new("RGB", (96, 64), "navy").save(folder / "final_frame.png")
        (folder / "prompt.txt").write_bytes(prompt.encode())
        if mode:
            metadata = QuestionMetadata(
                task=task, id=name, task_version=1, seed=42, difficulty=difficulty, mode=mode, plan_length=4, puzzle={},
                canvas=(96, 64), sha256={},
            )  # fmt: skip
            store.write_record(folder / "question_metadata.json", metadata)

    def answer(self, model: str, task: str, name: str, seed: int = 42, frames: int = 20) -> Path:
        """Write a video whose frame i has the brightness 10 * i."""
        sample = store.Sample(outputs=self.outputs, model=model, task=task, question_id=name, seed=seed)
        shape = (64, 96, 3)
        media.write_video(sample.video, (np.full(shape, 10 * i, np.uint8) for i in range(frames)), 8)
        return sample.video

    def judge(self, model: str, task: str, name: str, status: str, *, seed: int = 42, **fields: Any) -> None:
        score = {
            "model": model, "task": task, "question_id": name, "seed": seed, "scorer": "rule", "scorer_version": "1.1",
            "status": status, "reason": "some_reason", "explanation": "Because.", **fields,
        }  # fmt: skip
        store.write_score(self.scores, Score.model_validate(score))

    def right(self, model: str, task: str, name: str, **fields: Any) -> None:
        self.answer(model, task, name)
        self.judge(model, task, name, "scored", **_credit(True, 1.0), reason="solved", **fields)

    def wrong(self, model: str, task: str, name: str, value: float = 0.0, **fields: Any) -> None:
        self.answer(model, task, name)
        self.judge(model, task, name, "scored", **_credit(False, value), **{"reason": "no_change", **fields})


def _credit(passed: bool, value: float) -> dict[str, Any]:
    return {"passed": passed, "value": value, "outcome": value, "process": 1.0, "preservation": 1.0}


def _fill(world: World) -> None:
    for name, difficulty in (("maze_0000", 1), ("maze_0001", 3), ("maze_0002", 5)):
        world.ask("maze", name, "solve", difficulty=difficulty)
    world.ask("sudoku", "sudoku_0000", "solve")
    world.ask("maze", "maze_0003", "hold")
    world.ask("brought", "one", None, prompt=EVIL)

    # Baselines: on questions to be solved one cut passes that should not.
    for task, name in (("maze", "maze_0000"), ("maze", "maze_0001"), ("maze", "maze_0002"), ("sudoku", "sudoku_0000")):
        world.right("replay", task, name)
        world.wrong("still", task, name)
    world.right("jumpcut", "maze", "maze_0000")
    world.wrong("jumpcut", "maze", "maze_0001")
    world.wrong("jumpcut", "maze", "maze_0002")
    world.wrong("jumpcut", "sudoku", "sudoku_0000")
    world.right("still", "maze", "maze_0003")
    world.right("replay", "maze", "maze_0003")

    # A model with every status.
    world.right("mine", "maze", "maze_0000", evidence_frame=17)
    world.wrong("mine", "maze", "maze_0001", 0.5, reason="wall_crossed", explanation=EVIL, evidence_frame=4)
    world.judge("mine", "maze", "maze_0002", "failed", reason="generation_failed", explanation="out of memory")
    broken = world.outputs / "mine" / "sudoku_task" / "sudoku_0000" / "video" / "video.mp4"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"not a video")
    world.judge("mine", "sudoku", "sudoku_0000", "broken", reason="not_decodable", explanation="It is damaged.")
    world.judge("mine", "maze", "maze_0003", "missing", reason="no_video", explanation="There is none.")
    world.answer("mine", "brought", "one")
    world.judge("mine", "brought", "one", "unscorable", reason="no_metadata", explanation="No rule knows.")

    # A model of which nothing was scored.
    world.answer("fresh", "maze", "maze_0000")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The whole experiment with its report. Read it, do not write into it."""
    made = World(tmp_path_factory.mktemp("report"))
    _fill(made)
    assert made.make() == made.report / "index.html"
    return made


@pytest.fixture
def small(tmp_path: Path) -> World:
    """One question, one model, one right video, no report yet."""
    made = World(tmp_path)
    made.ask("maze", "maze_0000", "solve")
    made.right("mine", "maze", "maze_0000", evidence_frame=4)
    return made


def test_everything_that_was_asked_is_in_the_denominator(world: World) -> None:
    found = world.cell("solve", "mine").tally
    assert (found.asked, found.passed, found.scored, found.failed, found.broken) == (4, 1, 2, 1, 1)
    assert found.rate == 0.25
    assert (found.low, found.high) == wilson(1, 4)
    assert found.mean_value == 0.75


def test_each_task_has_its_own_cell(world: World) -> None:
    assert world.cell("solve", "mine", "maze").tally.passed == 1
    assert world.cell("solve", "mine", "maze").tally.asked == 3
    assert world.cell("solve", "mine", "sudoku").tally.broken == 1


def test_modes_are_not_pooled(world: World) -> None:
    assert world.cell("hold", "still").tally.passed == world.cell("hold", "still").tally.asked == 1
    assert world.cell("solve", "still").tally.passed == 0
    assert world.cell("hold", "mine").tally.missing == 1
    assert world.cell(None, "mine").tally.unscorable == 1


def test_a_question_without_a_score_counts_as_missing_and_is_said_to_be_unscored(world: World) -> None:
    found = world.cell("solve", "fresh").tally
    assert (found.asked, found.missing, found.not_scored, found.passed) == (4, 4, 4, 0)
    assert found.mean_value is None
    command = f"vmevalkit score --questions {world.questions} --outputs '{world.outputs}' --scores {world.scores}"
    assert "not scored yet" in world.page
    assert command in _text(world.page)


def test_every_question_meets_every_model(world: World) -> None:
    summary = world.summary
    assert (summary.questions, summary.samples) == (6, 6 * 5)
    assert sum(cell.tally.asked for cell in summary.cells if cell.task is None) == summary.samples


def test_the_floor_is_the_best_cheat_and_hold_has_none(world: World) -> None:
    floors = {(entry.mode, entry.task): entry.floor for entry in world.summary.floors}
    assert floors["solve", None].model == "jumpcut"
    assert floors["solve", None].rate == 0.25
    assert floors["solve", "maze"].rate == pytest.approx(1 / 3)
    assert floors["solve", "sudoku"].rate == 0.0
    assert not any(mode == "hold" for mode, _ in floors)


def test_the_page_says_whether_the_baselines_pass_as_expected(world: World) -> None:
    text = _text(world.page)
    assert "replay, the ground truth, passes 4 of 4 videos in mode solve" in text
    assert "still passes 0 of 4 videos in mode solve" in text
    assert "jumpcut passes 1 of 4 videos in mode solve (unexpected)" in text
    assert "still passes 1 of 1 video" not in text


def test_every_status_is_counted_on_the_page(world: World) -> None:
    verdicts = Counter(re.findall(r"<article .*?</span> ([a-z ]+)</span>", world.page, re.DOTALL))
    assert verdicts == {"pass": 8, "fail": 8, "failed": 1, "broken": 1, "missing": 1, "unscorable": 1, "not scored": 10}


def test_several_seeds_are_samples_of_their_own_and_all_questions_are_asked_with_each(small: World) -> None:
    small.ask("maze", "maze_0001", "solve")
    small.answer("mine", "maze", "maze_0000", seed=7)
    small.judge("mine", "maze", "maze_0000", "scored", seed=7, **_credit(False, 0.0))
    small.make()
    assert small.summary.seeds == {"mine": (7, 42)}
    assert small.cell("solve", "mine").tally.asked == 4
    assert small.cell("solve", "mine").tally.passed == 1
    assert "Several videos for each question (mine)" in small.page
    assert 'id="mine/maze/maze_0000_seed7"' in small.page


def _made(world: World, geometry: Geometry, **settings: Any) -> None:
    """Write the result of the video of a small experiment."""
    provenance = Provenance(
        model="mine", kit_version="1", seed=42, prompt_sha256="", image_sha256="", frames=20, fps=8,
        video_seconds=2.5, size=geometry.frame, geometry=geometry, settings=settings,
    )  # fmt: skip
    result = GenerationResult(
        success=True, video_path="video/video.mp4", error=None, duration_seconds=1.0, generation_id="1",
        model="mine", status="completed", metadata=provenance.model_dump(mode="json"),
    )  # fmt: skip
    sample = store.Sample(outputs=world.outputs, model="mine", task="maze", question_id="maze_0000")
    store.write_record(sample.result, result)


def test_videos_of_less_precision_are_named(small: World) -> None:
    for speed in ("exact", "fast"):
        _made(small, Geometry.place((96, 64), (96, 64)), speed=speed)
        small.make()
        assert ("videos of mine were made with --speed fast" in small.page) == (speed == "fast")


def test_tasks_in_which_ground_truth_videos_fail_are_named(small: World) -> None:
    small.make()
    assert "fails some ground-truth videos" not in small.page
    small.judge("replay", "maze", "maze_0000", "scored", **_credit(False, 0.2))
    small.make()
    assert "fails some ground-truth videos (maze 1 of " in small.page


def test_a_failed_generation_that_was_not_scored_says_so(small: World) -> None:
    small.ask("maze", "maze_0001", "solve")
    sample = store.Sample(outputs=small.outputs, model="mine", task="maze", question_id="maze_0001")
    result = GenerationResult(
        success=False, video_path=None, error="no memory left", duration_seconds=1, generation_id="x", model="mine",
        status="failed",
    )  # fmt: skip
    store.write_record(sample.result, result)
    small.make()
    assert "Generation failed, and that has not been scored yet: no memory left" in small.page


def test_commands_that_mend_name_the_model_where_the_kit_can_run_it(small: World) -> None:
    small.judge("still", "maze", "maze_0000", "failed", reason="generation_failed")
    small.make()
    text = _text(small.page)
    assert "1 generation failed" in text
    assert "vmevalkit generate --model still --retry-failed" in text


def test_a_baseline_that_cannot_answer_is_not_asked_to_try_again(small: World) -> None:
    small.judge("replay", "maze", "maze_0000", "failed", reason="generation_failed")
    small.make()
    assert "the question has no ground truth" in small.page
    assert "--retry-failed" not in small.page


def test_scores_and_videos_of_other_sets_are_left_out_and_said(small: World) -> None:
    small.right("mine", "maze", "maze_0999")
    small.make()
    assert small.summary.samples == 1
    assert "1 score belongs to questions that are not in this set" in small.page
    assert "1 output folder answers questions that are not in this set" in small.page


def test_a_score_older_than_its_video_is_noticed(small: World) -> None:
    small.judge("mine", "maze", "maze_0000", "missing", reason="no_video")
    small.make()
    assert "1 sample not scored yet" in small.page


def test_mixed_scorer_versions_are_said(small: World) -> None:
    small.ask("maze", "maze_0001", "solve")
    small.right("mine", "maze", "maze_0001", scorer_version="2.1")
    small.make()
    assert "Scored by several versions of the scorer: maze by 1.1, 2.1." in small.page


def test_an_empty_set_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are no questions"):
        World(tmp_path).make()
    assert not (tmp_path / "report").exists()


def test_a_set_that_nobody_answered_has_a_report(tmp_path: Path) -> None:
    empty = World(tmp_path)
    empty.ask("maze", "maze_0000", "solve")
    empty.make()
    assert (empty.summary.questions, empty.summary.samples) == (1, 0)


def test_two_sets_that_ask_the_same_have_the_same_digest(small: World, tmp_path: Path) -> None:
    small.make()
    before = small.summary.question_set_sha256
    (store.question_folder(small.questions, "maze", "maze_0000") / "prompt.txt").write_text("Another.")
    small.make()
    assert small.summary.question_set_sha256 != before


def test_csv_and_parquet_agree(world: World) -> None:
    text = (world.report / "scores.csv").read_bytes().decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    table = pq.read_table(world.report / "scores.parquet").to_pylist()
    assert len(rows) == len(table) == 30
    assert list(rows[0]) == list(table[0]) == list(COLUMNS)
    for row, record in zip(rows, table, strict=True):
        assert row == {name: _as_csv(value) for name, value in record.items()}


def _as_csv(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_the_table_holds_the_scores_as_they_were_written(world: World) -> None:
    table = pq.read_table(world.report / "scores.parquet").to_pylist()
    [row] = [r for r in table if (r["model"], r["question_id"]) == ("mine", "maze_0001")]
    assert row["explanation"] == EVIL
    assert (row["passed"], row["value"], row["evidence_frame"], row["mode"]) == (False, 0.5, 4, "solve")
    assert (row["difficulty"], row["baseline"]) == (3, False)
    assert row["video"] == "mine/maze_task/maze_0001/video/video.mp4"
    [brought] = [r for r in table if (r["model"], r["question_id"]) == ("mine", "one")]
    assert brought["prompt"] == EVIL
    assert brought["mode"] is brought["difficulty"] is brought["passed"] is None


def test_the_latex_table_is_whole(world: World) -> None:
    text = (world.report / "table.tex").read_text()
    assert r"trial \#1" in text
    first, standings, pairs = text.split(r"\end{table}")[:3]
    lines = [line for line in first.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert {line.count(" & ") for line in lines} == {5}
    for table in (standings, pairs):
        assert {line.count(" & ") for line in table.splitlines() if line.endswith(r"\\")} == {6}
    plain = re.sub(r"\\[{}]", "", text)
    assert plain.count("{") == plain.count("}")
    assert sum(line.startswith("floor") for line in lines) == 2
    mine = next(line for line in lines if line.startswith("mine"))
    low, high = wilson(1, 4)
    assert mine.startswith(rf"mine & 4 & 25.0 {{\scriptsize [{100 * low:.1f}, {100 * high:.1f}]}}")


def test_latex_is_escaped() -> None:
    assert tex("a_b & 50% {#$}") == r"a\_b \& 50\% \{\#\$\}"
    assert tex("\\~^") == r"\textbackslash{}\textasciitilde{}\textasciicircum{}"
    assert tex("ä\n") == "??"


_VOID = {"meta", "link", "img", "input", "br"}


class _Page(HTMLParser):
    """Tags, attributes and text of a page; complains about tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text.append(data)


def _text(html: str) -> str:
    return " ".join("".join(_Page(html).text).split())


def _links(page: _Page) -> Iterator[str]:
    for _, attributes in page.tags:
        for name in ("src", "href", "data-poster"):
            value = attributes.get(name)
            if value is not None:
                yield value


def test_the_page_is_well_formed_and_its_ids_are_unique(world: World) -> None:
    page = _Page(world.page)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = [a[name] for _, a in page.tags for name in ("aria-labelledby",) if name in a]
    assert set(named) <= set(ids)
    assert sum(tag == "article" for tag, _ in page.tags) == 30


def test_the_page_needs_no_network_and_links_only_to_files_that_are_there(world: World) -> None:
    links = [link for link in _links(_Page(world.page)) if not link.startswith(("#", "data:"))]
    assert any("out%20puts/trial%20%231/mine" in link for link in links)
    for link in links:
        assert "//" not in link
        assert (world.report / unquote(link)).is_file(), link
    assert "@import" not in world.page
    assert "url(" not in world.page
    assert str(world.root) not in re.sub(r'<code class="command">.*?</code>', "", world.page)


def test_what_comes_from_outside_is_text(world: World) -> None:
    page = _Page(world.page)
    # The page's own script, and the catalog.
    assert [a.get("src") for tag, a in page.tags if tag == "script"] == [None, "samples/catalog.js"]
    assert not any("onerror" in attributes for _, attributes in page.tags)
    # The first screen shows one of these explanations again.
    assert _text(world.page).count(" ".join(EVIL.split())) == 5 + 1 + 1


def test_the_first_screen_says_who_leads(world: World) -> None:
    lead = world.page[world.page.index('<section class="lead"') :]
    lead = lead[: lead.index("</section>")]
    best = max((s for s in world.summary.analysis.standings if not s.baseline), key=lambda s: s.rate.value)
    assert best.model in lead[: lead.index("</h2>")]
    assert lead.count("<video") in (1, 2)


def test_equal_models_lead_together_and_none_leads_if_no_video_passes(small: World) -> None:
    small.right("other", "maze", "maze_0000")
    small.make()
    assert "mine and other lead: 100 % each." in small.page
    for model in ("mine", "other"):
        small.wrong(model, "maze", "maze_0000")
    small.make()
    assert "No video of the 2 models passes." in small.page


def test_the_strip_shows_the_evidence(world: World) -> None:
    article = _article(world.page, "mine/maze/maze_0001")
    assert "wall_crossed" in article
    [mark] = re.findall(r'<li data-seconds="([^"]+)" class="why">', article)
    assert float(mark) == pytest.approx(4.5 / 8)
    assert "Show frame 4<" in article
    assert article.count("<li ") == 8
    strip = world.report / "media/videos/mine/maze_task/maze_0001/strip.webp"
    with Image.open(strip) as image:
        assert image.size == (8 * 96, 64)
        tiles = [np.asarray(image.convert("L"))[:, i * 96 : (i + 1) * 96].mean() for i in range(8)]
    assert tiles == pytest.approx([10 * i for i in (0, 4, 5, 8, 11, 14, 16, 19)], abs=4)


def test_the_explanation_of_the_score_is_shown_with_the_criteria_that_are_not_met(world: World) -> None:
    article = _text(_article(world.page, "mine/maze/maze_0001"))
    assert f"{' '.join(EVIL.split())} Not met: outcome." in article
    assert "Not met" not in _article(world.page, "mine/maze/maze_0000")


def test_the_evidence_has_a_box_in_its_frame_and_over_the_video(small: World) -> None:
    small.judge("mine", "maze", "maze_0000", "scored", **_credit(False, 0.5), evidence_frame=4,
                evidence_box=(0.25, 0.5, 0.5, 1.0))  # fmt: skip
    small.make()
    article = _article(small.page, "mine/maze/maze_0000")
    boxes = re.findall(
        r'<i class="place" data-first="4" data-last="4" title="evidence" style="([^"]+)"( hidden)?', article
    )
    style = "left:25.00%;top:50.00%;width:25.00%;height:50.00%"
    assert boxes == [(style, " hidden"), (style, "")]
    [evidence] = re.findall(r'<li data-seconds="[^"]+" class="why">.*?</li>', article)
    assert style in evidence


def test_what_a_verdict_tolerates_has_a_box_in_the_frames_that_show_it(small: World) -> None:
    visitor = {"code": "visitor", "first": 4, "last": 9, "box": (0.25, 0.5, 0.5, 1.0)}
    small.judge("mine", "maze", "maze_0000", "scored", **_credit(True, 1.0), tolerated=[visitor], notes=["visitor"])
    small.make()
    article = _article(small.page, "mine/maze/maze_0000")
    # The strip has the frames 0, 3, 5, 8, 11, 14, 16 and 19.
    assert re.findall(r"frame (\d+) · visitor", article) == ["5", "8"]
    strip = article[article.index('class="strip"') :]
    assert strip.count("left:25.00%;top:50.00%;width:25.00%;height:50.00%") == 2


def test_a_box_lies_where_the_canvas_is_in_the_video_and_is_left_out_where_that_is_unknown(small: World) -> None:
    visitor = {"code": "visitor", "first": 0, "last": 19, "box": (0.0, 0.0, 1.0, 1.0)}
    sample = store.Sample(outputs=small.outputs, model="mine", task="maze", question_id="maze_0000", seed=42)
    media.write_video(sample.video, (np.full((128, 96, 3), i, np.uint8) for i in range(20)), 8)
    small.judge("mine", "maze", "maze_0000", "scored", **_credit(True, 1.0), tolerated=[visitor])
    small.make()
    assert '<i class="place' not in small.page
    _made(small, Geometry.place((96, 64), (96, 128)))
    small.make()
    strip = small.page[small.page.index('class="strip"') :]
    assert strip.count("left:0.00%;top:25.00%;width:100.00%;height:50.00%") == 8


def test_a_sample_without_a_video_says_so(world: World) -> None:
    assert "No video." in _article(world.page, "mine/maze/maze_0003")
    broken = _article(world.page, "mine/sudoku/sudoku_0000")
    assert "cannot be decoded" in broken
    assert "<video" not in broken
    assert 'class="strip"' not in broken


def test_a_user_supplied_question_is_shown_like_any_other(world: World) -> None:
    article = _article(world.page, "mine/brought/one")
    assert "user-supplied" in article
    assert "<video" in article
    assert article.count("<li ") == 8
    assert "First frame of one" in article


def test_a_video_that_scores_and_does_not_decode_is_told(small: World) -> None:
    video = small.answer("mine", "maze", "maze_0000")
    video.write_bytes(video.read_bytes()[:200])
    small.make()
    assert "The video cannot be shown: video.mp4" in _article(small.page, "mine/maze/maze_0000")


def test_a_video_that_browsers_do_not_play_is_shown_as_a_strip_and_said(small: World) -> None:
    video = small.answer("mine", "maze", "maze_0000")
    with av.open(str(video), "w") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for i in range(6):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 40 * i, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    small.make()
    article = _article(small.page, "mine/maze/maze_0000")
    assert "Browsers may not play this video (mpeg4, yuv420p)" in article
    assert "<video" not in article
    assert article.count("<li ") == 6


def test_evidence_beyond_the_video_is_named_but_not_marked(small: World) -> None:
    small.judge("mine", "maze", "maze_0000", "scored", **_credit(False, 0.0), evidence_frame=99)
    small.make()
    article = _article(small.page, "mine/maze/maze_0000")
    assert "Evidence: frame 99, which this video does not have." in _text(article)
    assert 'class="why"' not in article


def test_a_broken_question_is_still_shown(small: World) -> None:
    folder = store.question_folder(small.questions, "maze", "maze_0000")
    (folder / "first_frame.png").write_bytes(b"no image")
    (folder / "prompt.txt").unlink()
    (folder / "question_metadata.json").write_text("{")
    small.make()
    article = _article(small.page, "mine/maze/maze_0000")
    assert "first_frame.png is not a readable image" in article
    assert "prompt.txt cannot be read." in article
    assert small.cell(None, "mine").tally.passed == 1


def _article(page: str, identity: str) -> str:
    start = page.index(f'id="{identity}"')
    start = page.rindex("<article", 0, start)
    return page[start : page.index("</article>", start) + len("</article>")]


@given(st.integers(1, 4000), st.one_of(st.none(), st.integers(0, 4200)))
def test_a_strip_runs_from_first_to_last_through_the_evidence(frames: int, evidence: int | None) -> None:
    chosen = choose_frames(frames, evidence)
    assert len(chosen) == min(8, frames)
    assert list(chosen) == sorted(set(chosen))
    assert (chosen[0], chosen[-1]) == (0, frames - 1)
    if evidence is not None and evidence < frames:
        assert evidence in chosen


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_same_input_gives_the_same_bytes(small: World) -> None:
    small.make()
    first = _bytes(small.report)
    assert set(first) >= {"index.html", "scores.csv", "scores.parquet", "summary.json", "table.tex"}
    shutil.rmtree(small.report)
    small.make()
    assert _bytes(small.report) == first


def test_images_are_kept_while_they_are_right_and_made_again_when_not(small: World) -> None:
    small.make()
    strip = small.report / "media/videos/mine/maze_task/maze_0000/strip.webp"
    before = strip.stat().st_mtime_ns
    small.make()
    assert strip.stat().st_mtime_ns == before
    small.judge("mine", "maze", "maze_0000", "scored", **_credit(True, 1.0), evidence_frame=6)
    small.make()
    after = strip.read_bytes()
    assert strip.stat().st_mtime_ns != before
    strip.write_bytes(b"")
    small.make()
    assert strip.read_bytes() == after
    small.answer("mine", "maze", "maze_0000", frames=9)
    small.make()
    assert strip.read_bytes() != after


def test_nothing_that_was_there_is_deleted_and_nothing_half_written_is_left(small: World) -> None:
    keep = small.report / "media" / "videos" / "notes.txt"
    keep.parent.mkdir(parents=True)
    keep.write_text("mine")
    inputs = {folder: _bytes(folder) for folder in (small.questions, small.outputs, small.scores)}
    small.make()
    assert keep.read_text() == "mine"
    assert not [p for p in small.report.rglob(".*") if p.is_file()]
    assert inputs == {folder: _bytes(folder) for folder in inputs}


def test_a_report_that_cannot_be_written_is_a_storage_error(small: World) -> None:
    small.report.write_text("a file in the way")
    with pytest.raises(StorageError, match="cannot write"):
        small.make()


def test_files_of_a_killed_report_are_removed_and_two_reports_in_one_folder_are_refused(small: World) -> None:
    left = small.report / ".summary.json.0123456789ab.tmp"
    left.parent.mkdir(parents=True)
    left.write_text("{")
    with store.locked(small.report / ".lock", "busy"), pytest.raises(UsageError, match="is writing the report in"):
        small.make()
    assert left.is_file()
    small.make()
    assert not [path for path in small.report.rglob(".*") if path.is_file()]


def test_the_verb_can_be_called_more_than_once(small: World) -> None:
    for _ in range(2):
        index = vmevalkit.report(small.questions, small.outputs, small.scores, small.report)
        assert index.is_file()


def test_results_about_other_questions_are_refused_until_the_named_commands_ran(tmp_path: Path) -> None:
    folders: dict[str, Any] = {name: tmp_path / name for name in ("questions", "outputs", "scores")}
    vmevalkit.make("maze", count=1, size=(96, 96), questions=folders["questions"])
    vmevalkit.generate("replay", baselines=False, questions=folders["questions"], outputs=folders["outputs"])
    vmevalkit.score(**folders)
    folders["questions"] = tmp_path / "others"
    vmevalkit.make("maze", count=1, size=(96, 96), seed=7, questions=folders["questions"])

    for verb in ("score", "generate"):
        with pytest.raises(UsageError) as refused:
            report(**folders, report=tmp_path / "report")
        assert "1 " in refused.value.what
        assert f"of replay in {tmp_path}" in refused.value.what
        assert f"about other questions than those in {tmp_path / 'others'}" in refused.value.what
        assert "maze/maze_0000" in refused.value.what
        command = shlex.split(str(refused.value.fix).partition(": vmevalkit ")[2])
        assert command[0] == verb
        assert cli.main(command) == 0
    folders["outputs"] = Path(command[command.index("--outputs") + 1])
    vmevalkit.score(**folders)
    assert report(**folders, report=tmp_path / "report").is_file()
