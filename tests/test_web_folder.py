"""The viewer of a folder with many experiments."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

import vmevalkit
from tests import accessibility
from tests.browser import browser_only
from tests.test_web import EVIL, Server, browser, experiment  # noqa: F401 - fixtures
from vmevalkit import store
from vmevalkit.errors import UsageError
from vmevalkit.store.discovery import find_experiments
from vmevalkit.types import Score
from vmevalkit.web.experiments import Experiments
from vmevalkit.web.folder import create_folder_app, router


@pytest.fixture(scope="module")
def folder(experiment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """Two experiments of one question set, in the usual layout, and one of other questions."""
    root = tmp_path_factory.mktemp("folder")
    shutil.copytree(experiment / "questions", root / "data/questions")
    for name in ("first", "second"):
        shutil.copytree(experiment / "outputs", root / "data/outputs" / name)
        shutil.copytree(experiment / "scores", root / "data/scores" / name)
    for kind in ("outputs", "scores"):
        (root / "data" / kind / "second/good").rename(root / "data" / kind / "second/better")
    lost = root / "data/scores/second/better/maze_task/maze_0001/rule.json"
    score = store.read_record(lost, Score)
    store.write_score(root / "data/scores/second", score.model_copy(update={
        "model": "better", "passed": False, "value": 0.0, "outcome": 0.0, "reason": "no_change"}))  # fmt: skip
    (root / "data/outputs/second/still/maze_task/maze_0001/video/video.mp4").unlink()
    other = root / "other"
    vmevalkit.make("clock", count=1, questions=other / "questions", videos=False)
    question = next((other / "questions").glob("*/clock_*"))
    video = other / "outputs/mine/clock_task" / question.name / "video/video.mp4"
    video.parent.mkdir(parents=True)
    shutil.copy(experiment / "outputs/still/maze_task/maze_0000/video/video.mp4", video)
    return root


@pytest.fixture(scope="module")
def pages(folder: Path) -> TestClient:
    experiments = Experiments(folder)
    experiments.refresh()
    return TestClient(create_folder_app(experiments), base_url="http://127.0.0.1")


def test_experiments_are_found_with_their_questions_and_scores(folder: Path) -> None:
    found = {e.name: e for e in find_experiments(folder)}
    assert set(found) == {"first", "second", "other"}
    assert found["second"].questions == folder / "data/questions"
    assert found["second"].scores == folder / "data/scores/second"
    assert found["other"].questions == folder / "other/questions"


def test_of_several_question_sets_the_one_that_was_answered_is_taken(experiment: Path, tmp_path: Path) -> None:  # noqa: F811
    shutil.copytree(experiment / "outputs", tmp_path / "a/outputs")
    near = shutil.copytree(experiment / "questions", tmp_path / "a/questions")
    far = shutil.copytree(experiment / "questions", tmp_path / "questions")
    (near / "maze_task/maze_0000/prompt.txt").write_text("Another prompt.")
    [found] = find_experiments(tmp_path)
    assert found.questions == far


def test_a_folder_without_experiments_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no experiment below"):
        Experiments(tmp_path).refresh()


def test_the_list_shows_models_progress_and_scores(pages: TestClient) -> None:
    shown = pages.get("/").text
    assert [shown.index(name) for name in ("second/", "better")]
    row = shown[shown.index('href="/x/second/"') :]
    row = re.sub(r"<[^>]+>", "", row[: row.index("</tr>")])
    assert "better 50 %" in row
    assert "lazy 0 %" in row
    assert "4 of 4" in row
    assert "still" not in row


def test_pages_of_an_experiment_link_only_within_it(pages: TestClient) -> None:
    addresses = (
        "/", "/samples", "/samples/0", "/sample/better/maze/maze_0000/42", "/question/maze/maze_0000", "/compare",
        "/rate", "/progress", "/tasks", "/disagreements",
    )  # fmt: skip
    for address in addresses:
        text = pages.get(f"/x/second{address}").text
        links = set(re.findall(r'(?:href|src|action|poster|hx-get)="(/[^"]*)"', text))
        assert links or address == "/samples/0"
        for link in links - {"/"}:
            assert link.startswith("/x/second/"), (address, link)
            assert pages.get(link.replace("&amp;", "&")).status_code in (200, 405), link


def test_forms_return_to_the_experiment(pages: TestClient) -> None:
    answer = pages.post("/x/second/rater", data={"name": "anna"}, follow_redirects=False)
    assert answer.headers["location"] == "/x/second/rate"


def test_experiments_of_one_suite_are_compared_on_common_questions(folder: Path, pages: TestClient) -> None:
    shown = pages.get("/compare?experiment=first&experiment=second").text
    assert "2 questions asked of all" in shown
    rows = [re.sub(r"<[^>]+>", " ", row).split() for row in shown.split("<tr>")[2:6]]
    assert [row[:3] for row in rows[:2]] == [["first", "good", "100"], ["second", "better", "50"]]
    assert "−50" in rows[1]
    assert '/x/second/still/better/maze/maze_0001/42"' in shown
    assert "replay" not in shown
    assert "replay" in pages.get("/compare?experiment=first&experiment=second&baselines=true").text
    refused = pages.get("/compare?experiment=first&experiment=other").text
    sets = "first answers a question set that is no suite \\([0-9a-f]{12}\\), other answers .* \\([0-9a-f]{12}\\)"
    folders = f"--questions {folder}/data/questions --outputs {folder}/other/outputs_first"
    assert re.search(f"Select experiments of one suite: {sets}.* generate --model mine {folders}", refused)
    assert "Select experiments." in pages.get("/compare").text


def test_an_experiment_whose_scores_are_about_other_questions_is_named(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "all")
    (tmp_path / "all/data/questions/maze_task/maze_0001/prompt.txt").write_text("Another prompt.")
    experiments = Experiments(tmp_path / "all")
    experiments.refresh()
    shown = TestClient(create_folder_app(experiments), base_url="http://127.0.0.1").get("/").text
    assert set(experiments.problems) == {"first", "second"}
    assert re.search("<b>first</b>: .* about other questions .*: vmevalkit score ", shown)
    assert 'href="/x/other/"' in shown


def test_unknown_experiments_are_not_found(pages: TestClient) -> None:
    assert pages.get("/x/none/").status_code == 404
    assert pages.get("/x/..%2Fsecond/").status_code == 404


def test_security_holds_for_every_experiment(folder: Path) -> None:
    experiments = Experiments(folder)
    experiments.refresh()
    guarded = TestClient(create_folder_app(experiments, "let-me-in"), base_url="http://127.0.0.1")
    assert guarded.get("/").status_code == guarded.get("/x/second/samples").status_code == 401
    assert guarded.get("/x/second/samples", headers={"X-Token": "let-me-in"}).status_code == 200
    open_ = TestClient(create_folder_app(experiments), base_url="http://127.0.0.1")
    assert open_.get("/x/second/", headers={"Host": "evil.example"}).status_code == 400
    evil = open_.post("/x/second/rater", data={"name": "eve"}, headers={"Origin": "http://evil.example"})
    assert evil.status_code == 403
    assert "default-src 'none'" in open_.get("/x/second/").headers["content-security-policy"]


def test_new_and_removed_experiments_are_noticed(folder: Path, tmp_path: Path) -> None:
    root = shutil.copytree(folder, tmp_path / "copy")
    experiments = Experiments(root)
    experiments.refresh()
    shutil.copytree(root / "data/outputs/first", root / "data/outputs/third")
    shutil.rmtree(root / "other")
    experiments.refresh()
    assert [e.folders.name for e in experiments] == ["first", "second", "third"]


def test_an_experiment_whose_questions_are_missing_is_named_and_stops_no_other(folder: Path, tmp_path: Path) -> None:
    root = shutil.copytree(folder, tmp_path / "copy")
    shutil.rmtree(root / "other/questions")
    experiments = Experiments(root)
    experiments.refresh()
    assert [e.folders.name for e in experiments] == ["first", "second"]
    shown = TestClient(create_folder_app(experiments), base_url="http://127.0.0.1").get("/").text
    assert "no question set below the folder has the questions of" in shown


ADDRESSES = {"/": "/", "/compare": "/compare?experiment=first&experiment=second"}


def test_every_page_is_checked() -> None:
    pages = [r for r in router.routes if isinstance(r, APIRoute) and r.response_class is HTMLResponse]
    assert {page.path for page in pages} == set(ADDRESSES)


@browser_only
def test_pages_are_accessible_and_tables_are_sorted(folder: Path, browser: Any) -> None:  # noqa: F811
    server = Server(folder, folder=folder)
    page = browser.new_page()
    try:
        for address in ADDRESSES.values():
            page.goto(server.url + address)
            assert accessibility.faint_text(page) == []
            assert accessibility.nameless(page) == []
            assert accessibility.out_of_reach(page) == []
            assert not accessibility.too_wide(page)
        page.set_viewport_size({"width": 1200, "height": 800})
        head = page.locator("thead button.sort", has_text="pass rate")
        rates = "[...document.querySelectorAll('.heat tbody tr')].map(row => Number(row.cells[1].dataset.value))"
        head.click()
        assert (falling := page.evaluate(rates)) == sorted(falling, reverse=True)
        head.click()
        assert page.evaluate(rates) == sorted(falling)
    finally:
        page.close()
        server.kill()


def test_a_folder_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vmevalkit.cli", "view", str(tmp_path / "none"), "--port", "18765"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_hostile_texts_are_escaped(pages: TestClient) -> None:
    assert EVIL not in pages.get("/x/first/disagreements").text
