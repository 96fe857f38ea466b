"""The viewer, over real HTTP and in a real browser."""

from __future__ import annotations

import csv
import html
import io
import os
import re
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import sqlalchemy
from fastapi.responses import HTMLResponse
from fastapi.testclient import TestClient
from markupsafe import Markup
from PIL import Image

import vmevalkit
from tests import accessibility
from tests.browser import BROWSER, browser_only, opened
from vmevalkit import media, store
from vmevalkit.errors import UsageError
from vmevalkit.media import load_image
from vmevalkit.reporting.summary import Summary
from vmevalkit.reporting.tables import without_formula
from vmevalkit.store.ratings import Rating, Ratings, next_for
from vmevalkit.types import GenerationResult, QuestionMetadata, Score
from vmevalkit.web import claims
from vmevalkit.web.app import RATER, create_app
from vmevalkit.web.filters import SampleFilter
from vmevalkit.web.index import Index
from vmevalkit.web.pages import ROUTERS

EVIL = "<script>document.title='broken'</script>"


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two questions, two baselines, two models of which one is right, and one hostile prompt and explanation."""
    root = tmp_path_factory.mktemp("experiment")
    questions, outputs, scores = root / "questions", root / "outputs", root / "scores"
    vmevalkit.make("maze", count=2, difficulty=1, questions=questions)
    (questions / "maze_task/maze_0001/prompt.txt").write_text(f"Solve it. {EVIL}")
    vmevalkit.generate(["replay", "still"], questions=questions, outputs=outputs, baselines=False)
    for name, source in (("good", "replay"), ("lazy", "still")):
        for video in (outputs / source).glob("*/*/video/video.mp4"):
            target = outputs / name / video.relative_to(outputs / source)
            target.parent.mkdir(parents=True)
            shutil.copy(video, target)
    vmevalkit.score(questions=questions, outputs=outputs, scores=scores)
    path = scores / "good/maze_task/maze_0001/rule.json"
    judged = store.read_record(path, Score).model_copy(update={
        "scorer": "judge", "passed": False, "value": 0.0, "outcome": 0.0, "explanation": EVIL})  # fmt: skip
    store.write_score(scores, judged)
    return root


@pytest.fixture(scope="module")
def page(experiment: Path) -> Path:
    """The report about the same experiment."""
    questions, outputs, scores, report = (experiment / name for name in ("questions", "outputs", "scores", "report"))
    return vmevalkit.report(questions, outputs, scores, report)


def index_of(experiment: Path, path: Path) -> Index:
    """Open an index of an experiment at another path."""
    return Index(experiment / "questions", experiment / "outputs", experiment / "scores", path)


class Server:
    """`vmevalkit view` in a process of its own."""

    def __init__(
        self, root: Path, *options: str, host: str = "127.0.0.1", folder: Path | None = None, **environment: str
    ) -> None:
        with socket.socket() as free:
            free.bind((host, 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        names = ("questions", "outputs", "scores")
        own = [word for name in names for word in (f"--{name}", str(root / name))]
        folders = own if folder is None else [str(folder)]
        self._command = [
            sys.executable, "-m", "vmevalkit.cli", "view", *folders, "--port", str(self.port), "--host", host, *options,
        ]  # fmt: skip
        self._environment = {**os.environ, **environment}
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.said = [self._process.stdout.readline(), self._process.stdout.readline()]
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("the viewer does not answer")

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()


@pytest.fixture(scope="module")
def server(experiment: Path) -> Iterator[Server]:
    running = Server(experiment)
    yield running
    running.kill()


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, follow_redirects=True) as client:
        yield client


def test_the_index_follows_the_folders(experiment: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(experiment, tmp_path / "copy")
    index = Index(folder / "questions", folder / "outputs", folder / "scores", tmp_path / "index.sqlite")
    assert index.refresh() == 8
    assert index.refresh() == 0
    assert index.count(SampleFilter(verdict="pass")) == 4
    assert [row.agreement for row in index.page(SampleFilter(model="good"), 0)] == ["", "disagree"]
    (folder / "scores/good/maze_task/maze_0000/rule.json").unlink()
    assert index.refresh() == 1
    assert [row.verdict for row in index.page(SampleFilter(model="good", question="maze_0000"), 0)] == ["not scored"]
    shutil.rmtree(folder / "outputs/lazy")
    shutil.rmtree(folder / "scores/lazy")
    assert index.refresh() == 2
    assert index.count(SampleFilter(model="lazy")) == 0


def test_an_older_file_is_a_change_too(experiment: Path, tmp_path: Path) -> None:
    """A score that was restored from a copy may be older than the one that it replaces."""
    folder = shutil.copytree(experiment, tmp_path / "copy")
    index = Index(folder / "questions", folder / "outputs", folder / "scores", tmp_path / "index.sqlite")
    index.refresh()
    path = folder / "scores/lazy/maze_task/maze_0000/rule.json"
    store.write_score(folder / "scores", store.read_record(path, Score).model_copy(update={"reason": "restored"}))
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert index.refresh() == 1
    assert index.count(SampleFilter(reason="restored")) == 1


def test_results_about_other_questions_are_refused_and_the_pages_stay(experiment: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(experiment, tmp_path / "copy")
    index = Index(folder / "questions", folder / "outputs", folder / "scores")
    index.refresh()
    folders = [word for name in ("questions", "outputs", "scores") for word in (f"--{name}", str(folder / name))]
    Image.new("RGB", (720, 480)).save(folder / "questions/maze_task/maze_0000/first_frame.png")
    with pytest.raises(UsageError, match=r"4 scores of good, lazy, replay, still .* maze/maze_0000 .*score again: "):
        index.refresh()
    assert index.count(SampleFilter()) == 8
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    refused = subprocess.run(
        [sys.executable, "-m", "vmevalkit", "view", *folders, "--port", port],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert "4 scores of good, lazy, replay, still" in refused.stderr


def test_an_index_of_another_version_is_made_again(experiment: Path, tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE samples (model TEXT)")
        db.execute("CREATE TABLE earlier (model TEXT)")
        db.execute("PRAGMA user_version = 2")
    db.close()
    index = index_of(experiment, path)
    assert index.refresh() == 8
    assert "earlier" not in sqlalchemy.inspect(index.engine).get_table_names()


def test_words_are_searched_in_prompts_and_explanations_as_they_stand(experiment: Path, tmp_path: Path) -> None:
    index = index_of(experiment, tmp_path / "index.sqlite")
    index.refresh()
    assert index.count(SampleFilter(q="solve script")) == 4
    assert index.count(SampleFilter(q="100%")) == index.count(SampleFilter(q="_x_")) == 0


def test_without_questions_there_is_an_error(tmp_path: Path) -> None:
    index = Index(tmp_path / "none", tmp_path, tmp_path)
    with pytest.raises(UsageError, match="there are no questions"):
        index.refresh()


def test_the_viewer_claims_what_the_report_claims(tmp_path: Path) -> None:
    """Two models, two videos a question of three tasks in two modes, judged twice; a baseline judged once."""
    folders = questions, outputs, scores = [tmp_path / name for name in ("questions", "outputs", "scores")]
    outputs.mkdir()
    for n in range(30):
        task, name = f"task{n % 3}", f"task{n % 3}_{n:04d}"
        metadata = QuestionMetadata(
            task=task, id=name, task_version=1, seed=1, difficulty=1, mode="guided" if n >= 18 else "solve",
            plan_length=3, puzzle={}, canvas=(96, 64), sha256={},
        )  # fmt: skip
        store.write_record(store.question_folder(questions, task, name) / "question_metadata.json", metadata)
        for model, seed, passed in (("one", 1, n % 3 > 0), ("one", 2, n % 2 > 0), ("two", 1, n % 5 == 0),
                                    ("two", 2, n % 4 == 0), ("still", 1, n == 7)):  # fmt: skip
            for scorer, says in (("rule", passed), ("judge", passed ^ (n % 7 == seed))):
                store.write_score(scores, Score(
                    model=model, task=task, question_id=name, seed=seed, scorer=scorer, scorer_version="1",
                    status="scored", passed=says, value=float(says), outcome=float(says), process=1.0,
                    preservation=1.0, reason="solved" if says else "no_change", explanation=""))  # fmt: skip
    vmevalkit.report(questions, outputs, scores, tmp_path / "report")
    said = store.read_record(tmp_path / "report/summary.json", Summary).analysis
    index = Index(*folders)
    index.refresh()
    assert claims.agreement(index) == said.agreement
    assert {found.task for found in said.agreement} == {None, "task0", "task1", "task2"}
    assert len(said.pairs) == 6
    for pair in said.pairs:
        passes = claims.pass_rates(index, pair.mode)
        found = passes[pair.first].against(passes[pair.second])
        for name in ("questions", "first_only", "second_only", "p"):
            assert getattr(found, name) == getattr(pair, name)
        assert found.difference.model_dump() == pytest.approx(pair.difference.model_dump())
    page = TestClient(create_app(index, Ratings(outputs)), base_url="http://127.0.0.1")
    [pair] = [pair for pair in said.pairs if pair.mode == "guided" and not pair.baseline]
    points = "{:+.0f} ({:+.0f} to {:+.0f}) points".format(*(100 * end for end in dict(pair.difference).values()))
    address = f"/compare?a={pair.first}&b={pair.second}&mode=guided"
    assert points.replace("-", "−") in page.get(address).text
    assert points.replace("-", "−") not in page.get(f"{address}&task=task0").text
    kappa = next(found.agreement.kappa for found in said.agreement if found.task == "task1" and not found.baselines)
    assert kappa is not None
    shown = page.get("/disagreements").text
    assert f"{kappa.value:.2f} <" in shown
    assert f"{len(said.disagreements)} videos about which scorers disagree" in shown
    assert shown.count("<li>rule: ") == shown.count("<li>judge: ") == len(said.disagreements)

    (scores / "one/task1_task/task1_0001/judge_seed1.json").unlink()
    index.refresh()
    assert claims.agreement(index)[0].agreement.units == said.agreement[0].agreement.units - 1


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("/", "Pass rates"),
        ("/samples?verdict=pass&sort=-value", "4 videos"),
        ("/samples/0?model=good", "maze_0000"),
        ("/sample/replay/maze/maze_0000/42", "vmevalkit generate --model replay"),
        ("/question/maze/maze_0000", "All videos play together"),
        ("/compare?a=good&b=lazy", "2 questions asked of both"),
        ("/disagreements", "rule, judge"),
        ("/tasks", "tower of hanoi"),
        ("/progress", "replay"),
        ("/rate", "Your name"),
        ("/ranking", "Nobody has compared two videos yet"),
    ],
)
def test_pages_show_what_they_are_for(client: httpx.Client, address: str, text: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200
    assert text in answer.text


def test_the_viewer_and_the_report_share_their_style(client: httpx.Client, page: Path) -> None:
    assert '<link rel="stylesheet" href="/base.css">' in client.get("/").text
    shared = client.get("/base.css")
    assert shared.headers["content-type"].startswith("text/css")
    assert shared.text in page.read_text(encoding="utf-8")


def test_baselines_alone_have_no_curves(experiment: Path, tmp_path: Path) -> None:
    for name in ("questions", "outputs", "scores"):
        shutil.copytree(experiment / name, tmp_path / name, ignore=shutil.ignore_patterns("good", "lazy"))
    server = Server(tmp_path)
    try:
        assert "curves.svg" not in httpx.get(server.url).text
    finally:
        server.kill()


def test_videos_that_were_made_elsewhere_count_as_made_and_those_that_do_not_decode_are_named(
    experiment: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(experiment, tmp_path / "copy")
    folders = [root / name for name in ("questions", "outputs", "scores")]
    (root / "outputs/lazy/maze_task/maze_0000/video/video.mp4").write_bytes(b"no video")
    vmevalkit.score(model="lazy", questions=folders[0], outputs=folders[1], scores=folders[2])
    index = Index(*folders)
    index.refresh()
    page = TestClient(create_app(index, Ratings(root)), base_url="http://127.0.0.1")
    assert page.get("/progress").text.count("2 of 2") == 4
    for address in ("/samples?model=lazy", "/question/maze/maze_0000"):
        shown = page.get(address).text
        assert "cannot be decoded" in shown
        assert "/poster/lazy/maze/maze_0000/42" not in shown


def test_text_from_outside_is_escaped(client: httpx.Client) -> None:
    for address in ("/sample/good/maze/maze_0001/42", "/question/maze/maze_0001", "/disagreements"):
        page = client.get(address).text
        assert EVIL not in page
        assert "&lt;script&gt;" in page


def test_images_and_videos_are_served_in_parts_too(client: httpx.Client) -> None:
    for address, kind in (
        ("/poster/good/maze/maze_0000/42", "image/webp"),
        ("/strip/good/maze/maze_0000/42", "image/webp"),
        ("/still/good/maze/maze_0000/42", "image/webp"),
        ("/state/good/maze/maze_0000/42/10", "image/png"),
        ("/state/good/maze/maze_0000/42/-1", "image/png"),
        ("/outline/good/maze/maze_0000/42/10", "image/png"),
        ("/frame/maze/maze_0000/final", "image/webp"),
        ("/task/clock/3", "image/webp"),
        ("/curves.svg", "image/svg+xml"),
    ):
        answer = client.get(address)
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, kind), address
    part = client.get("/video/good/maze/maze_0000/42", headers={"Range": "bytes=0-99"})
    assert (part.status_code, len(part.content)) == (206, 100)


def test_counts_follow_the_filters_and_lists_are_sorted_in_both_directions(experiment: Path, tmp_path: Path) -> None:
    index = index_of(experiment, tmp_path / "index.sqlite")
    index.refresh()
    counts = index.choices(SampleFilter(verdict="pass", model="lazy"))
    assert dict(counts["model"]) == {"good": 2, "replay": 2, "lazy": 0}
    assert dict(counts["verdict"]) == {"fail": 2, "pass": 0}
    assert [len(index.choices()[name]) for name in ("model", "verdict")] == [4, 2]
    for name in ("question", "model", "verdict", "reason", "value", "difficulty", "steps", "made"):
        for sort in (name, f"-{name}"):
            rows = index.page(SampleFilter(sort=sort), 0)
            keys = [(row.model, row.task, row.question_id, row.seed) for row in rows]
            assert len(set(keys)) == 8
            for place, key in enumerate(keys):
                found = index.neighbors(SampleFilter(sort=sort), key)
                assert found is not None
                assert (found.place, found.total) == (place + 1, 8)
                beside = [
                    row and (row.model, row.task, row.question_id, row.seed) for row in (found.before, found.after)
                ]
                assert beside == [keys[place - 1] if place else None, keys[place + 1] if place < 7 else None]
    values = [row.value for row in index.page(SampleFilter(sort="-value"), 0)]
    assert values == sorted(values, reverse=True)
    assert index.neighbors(SampleFilter(verdict="pass"), ("lazy", "maze", "maze_0000", 42)) is None


def test_lists_show_frames_also_as_a_table(client: httpx.Client) -> None:
    table = client.get("/samples?layout=table&verdict=fail&sort=value").text
    assert table.count('src="/still/') == 4
    assert 'href="/samples?verdict=fail&amp;sort=-value&amp;layout=table"' in table
    assert 'aria-sort="ascending"' in table
    assert client.get("/samples/0?layout=table&verdict=fail").text.count("<tr ") == 4
    assert client.get("/compare?a=good&b=lazy").text.count('src="/still/') == 4
    assert 'src="/still/good/maze/maze_0001/42"' in client.get("/disagreements").text


def test_samples_can_be_downloaded_as_csv(client: httpx.Client) -> None:
    text = client.get("/samples.csv?model=good").text
    assert text.startswith("model,task,question_id,seed,")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["question_id"], row["verdict"]) for row in rows] == [("maze_0000", "pass"), ("maze_0001", "pass")]
    assert [row["agreement"] for row in rows] == ["", "disagree"]


def test_a_formula_is_quoted_in_csv() -> None:
    assert [without_formula(value) for value in ("=1+1", "@x", "-1+1", "", "text", None, -0.5)] == [
        "'=1+1", "'@x", "'-1+1", "", "text", None, -0.5]  # fmt: skip


@pytest.mark.parametrize(
    "address",
    [
        "/sample/none/maze/maze_0000/42",
        "/video/good/maze/..%2F..%2Fsecret/42",
        "/frame/maze/maze_0000/prompt",
        "/frame/..%2F..%2Fetc/passwd/first",
        "/blind/0123",
        "/static/../app.py",
    ],
)
def test_unknown_names_are_not_found(client: httpx.Client, address: str) -> None:
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("address", [f"/sample/good/maze/maze_0000/{10**30}", f"/samples/{10**30}", "/samples/-1"])
def test_numbers_without_bounds_are_rejected(client: httpx.Client, address: str) -> None:
    assert client.get(address).status_code == 422


def test_a_video_that_leads_out_of_the_folder_is_refused(experiment: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(experiment, tmp_path / "copy")
    video = folder / "outputs/good/maze_task/maze_0000/video/video.mp4"
    (tmp_path / "secret.mp4").write_bytes(video.read_bytes())
    video.unlink()
    video.symlink_to(tmp_path / "secret.mp4")
    server = Server(folder)
    try:
        assert httpx.get(f"{server.url}/video/good/maze/maze_0000/42").status_code == 404
    finally:
        server.kill()


def test_other_sites_host_names_and_frames_are_rejected(server: Server) -> None:
    form = {"name": "eve"}
    post = f"{server.url}/rater"
    assert httpx.post(post, data=form, headers={"Origin": "http://evil.example"}).status_code == 403
    assert httpx.post(post, data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert httpx.get(server.url, headers={"Host": "evil.example"}).status_code == 400
    headers = httpx.get(server.url).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


def test_other_machines_need_the_token(experiment: Path) -> None:
    server = Server(experiment, host="0.0.0.0", VMEVALKIT_TOKEN="let-me-in")
    try:
        assert server.said[1].strip().endswith("/?token=let-me-in")
        with httpx.Client(base_url=server.url, follow_redirects=True) as client:
            assert client.get("/").status_code == 401
            assert client.get("/?token=wrong").status_code == 401
            leaving = client.get(f"{server.url}//evil.example/?token=let-me-in", follow_redirects=False)
            assert leaving.headers["location"] == "/evil.example/"
            assert client.get("/?token=let-me-in").status_code == 200
            assert client.get("/samples").status_code == 200
    finally:
        server.kill()


def _rate(url: str, rater: str, video: str, passed: bool, token: str) -> httpx.Response:
    said = {"video": video, "token": token, "passed": str(passed).lower(), "stars": "3", "rater": rater}
    return httpx.post(f"{url}/rate", data=said, cookies={"vmevalkit_rater": rater}, follow_redirects=True)


def _video_for(url: str, rater: str) -> str | None:
    page = httpx.get(f"{url}/rate", cookies={"vmevalkit_rater": rater}).text
    return page.split('name="video" value="')[1].split('"')[0] if 'name="video"' in page else None


def test_three_raters_at_once_see_every_video_blind_and_none_too_often(experiment: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(experiment, tmp_path / "copy")
    server = Server(folder, "--raters", "2")

    def work(rater: str) -> int:
        done = 0
        while video := _video_for(server.url, rater):
            assert not any(name in video for name in ("good", "lazy"))
            assert _rate(server.url, rater, video, True, f"{rater}-token-{done}").status_code == 200
            done += 1
        return done

    try:
        with ThreadPoolExecutor(3) as pool:
            done = sum(pool.map(work, ("anna", "bob", "cleo")))
    finally:
        server.kill()
    ratings = Ratings(folder / "outputs")
    current = ratings.current()
    assert len(current) == 4
    assert done == sum(map(len, current.values()))
    # Two raters may be shown the last video at the same moment; more than all three is impossible, fewer than two too.
    assert all(2 <= len(by_rater) <= 3 for by_rater in current.values())
    scores = vmevalkit.score("human", questions=folder / "questions", outputs=folder / "outputs",
                             scores=folder / "scores")  # fmt: skip
    assert {(s.model, s.status, s.passed) for s in scores if s.model in ("good", "still")} == {
        ("good", "scored", True), ("still", "unscorable", None)}  # fmt: skip


def test_two_videos_of_a_question_are_preferred_blind(experiment: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(experiment, tmp_path / "copy")
    server = Server(folder)
    try:
        with httpx.Client(base_url=server.url, cookies={"vmevalkit_rater": "anna"}, follow_redirects=True) as client:
            shown = client.get("/pairs").text
            left, right = (shown.split(f'name="{side}" value="')[1].split('"')[0] for side in ("left", "right"))
            said = {"left": left, "right": right, "better": "left", "comment": "Clearer.", "token": "the-only-token"}
            for _ in range(2):
                assert "1 of 2 pairs" in client.post("/pairs", data=said).text
            assert client.post("/pairs", data={**said, "better": "best"}).status_code == 422
    finally:
        server.kill()
    [kept] = Ratings(folder / "outputs").preferences("anna")
    assert {kept.left, kept.right} == {"good", "lazy"}
    assert (kept.better, kept.comment) == ("left", "Clearer.")


@pytest.mark.parametrize("name", ["Anna Müller", "山田 太郎", "o'Neil; <b>"])
def test_a_rater_may_have_any_name(experiment: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(experiment, tmp_path / "copy")
    folders = [folder / kind for kind in ("questions", "outputs", "scores")]
    index = Index(*folders)
    index.refresh()
    page = TestClient(create_app(index, Ratings(folder / "outputs")), base_url="http://127.0.0.1")
    shown = page.post("/rater", data={"name": f"  {name} "}).text
    assert str(Markup.escape(name)) in shown
    video = shown.split('name="video" value="')[1].split('"')[0]
    said = {"video": video, "token": "a-token-of-its-own", "passed": "true", "stars": "5"}
    assert "1 of 4 rated" in page.post("/rate", data=said).text
    assert [rating.rater for rating in Ratings(folder / "outputs").history()] == [name]
    vmevalkit.score("human", questions=folders[0], outputs=folders[1], scores=folders[2])
    [own] = [score for score in store.iter_scores(folders[2]) if score.scorer.startswith("human.")]
    assert own.passed
    assert page.post("/rater", data={"name": " \u200b\n"}).status_code == 422


def test_the_command_of_a_sample_makes_its_video_again_with_its_settings(experiment: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def mine(image, prompt, seed):\n    return [image] * (2 + seed % 2)\n")
    folders: dict[str, Any] = {"questions": experiment / "questions", "outputs": tmp_path / "o's"}
    vmevalkit.generate([f"{tmp_path}/mine.py:mine"], seed=7, baselines=False, **folders)
    vmevalkit.generate("noise", baselines=False, **folders)
    index = Index(folders["questions"], folders["outputs"], tmp_path / "s")
    index.refresh()
    page = TestClient(create_app(index, Ratings(folders["outputs"])), base_url="http://127.0.0.1")
    for address in ("mine/maze/maze_0001/7", "noise/maze/maze_0000/42"):
        model, task, name, seed = address.split("/")
        sample = store.Sample(outputs=folders["outputs"], model=model, task=task, question_id=name, seed=int(seed))
        before = store.read_result(sample)
        shown = html.unescape(page.get(f"/sample/{address}").text)
        line = shlex.split(re.findall(r'class="command">(vmevalkit generate [^<]*)<', shown)[0])
        assert "--remake" in line
        os.utime(sample.result, (1, 1))
        done = subprocess.run([sys.executable, "-m", "vmevalkit.cli", *line[1:]], cwd=tmp_path, capture_output=True)
        assert done.returncode == 0, done.stderr
        assert os.stat(sample.result).st_mtime > 1
        after = store.read_result(sample)
        assert before is not None
        assert after is not None
        assert after.metadata["video_sha256"] == before.metadata["video_sha256"]
    shutil.rmtree(tmp_path / "s", ignore_errors=True)


def test_settings_of_a_video_are_in_its_command_and_a_video_made_elsewhere_has_none(
    experiment: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(experiment, tmp_path / "copy")
    sample = store.Sample(outputs=root / "outputs", model="replay", task="maze", question_id="maze_0000")
    result = store.read_result(sample)
    assert result is not None
    requested = {"weights": "my weights", "steps": 4, "duration": 2.5, "size": [96, 64]}
    store.write_record(
        sample.result, result.model_copy(update={"metadata": {**result.metadata, "requested": requested}})
    )
    index = Index(root / "questions", root / "outputs", root / "scores")
    index.refresh()
    page = TestClient(create_app(index, Ratings(root / "outputs")), base_url="http://127.0.0.1")
    shown = html.unescape(page.get("/sample/replay/maze/maze_0000/42").text)
    for words in ("--set 'weights=my weights'", "--set steps=4", "--duration 2.5", "--set 'size=[96, 64]'"):
        assert words in shown
    made_elsewhere = page.get("/sample/good/maze/maze_0000/42").text
    assert "vmevalkit generate" not in made_elsewhere
    assert "it was made with another tool" in made_elsewhere


def test_progress_uses_recorded_durations(experiment: Path, tmp_path: Path) -> None:
    """Two videos of 100 seconds were made at once, two days after an earlier one; two are left."""
    root = tmp_path
    shutil.copytree(experiment / "questions", root / "questions")
    source = root / "questions/maze_task/maze_0000"
    for number in range(2, 5):
        shutil.copytree(source, source.with_name(f"maze_{number:04d}"))
    for number, ended in ((0, 1_000_000), (1, 1_172_800), (2, 1_172_800)):
        sample = store.Sample(outputs=root / "outputs", model="mine", task="maze", question_id=f"maze_{number:04d}")
        store.write_record(sample.result, GenerationResult(
            success=True, video_path="video/video.mp4", error=None, duration_seconds=100, generation_id="0",
            model="mine", status="completed"))  # fmt: skip
        os.utime(sample.result, (ended, ended))
    index = Index(root / "questions", root / "outputs", root / "scores")
    index.refresh()
    page = TestClient(create_app(index, Ratings(root / "outputs")), base_url="http://127.0.0.1")
    shown = page.get("/progress", headers={"HX-Request": "true"}).text
    assert "<td>100.0 s, 2 at once</td><td>2 min</td>" in shown


def test_a_busy_port_is_one_line_with_a_free_one(experiment: Path, server: Server) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vmevalkit.cli", "view", str(experiment), "--port", str(server.port)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert re.search(rf"cannot listen on 127.0.0.1:{server.port}: .*\(use --port [0-9]+\)$", done.stderr.strip())


def test_a_changed_rating_counts_and_the_earlier_one_is_kept(experiment: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(experiment, tmp_path / "copy")
    ratings = Ratings(folder / "outputs")
    video = folder / "outputs/good/maze_task/maze_0000/video/video.mp4"
    fields: dict[str, Any] = {"rater": "anna", "model": "good", "task": "maze", "question_id": "maze_0000", "seed": 42,
                              "video_sha256": store.sha256(video), "stars": 4}  # fmt: skip
    ratings.add(Rating(token="first-token", passed=True, **fields))
    ratings.add(Rating(token="first-token", passed=True, **fields))

    def scored() -> Score:
        return next(s for s in vmevalkit.score(
            "human", model="good", questions=folder / "questions", outputs=folder / "outputs",
            scores=folder / "scores") if s.question_id == "maze_0000")  # fmt: skip

    assert (len(ratings.history()), scored().passed) == (1, True)
    ratings.add(Rating(token="second-token", passed=False, **fields))
    assert (len(ratings.history()), scored().passed) == (2, False)
    ratings.add(Rating(token="third-token", passed=True, **{**fields, "rater": "bob"}))
    assert scored().reason == "raters_disagree"
    each = {s.scorer: s.passed for s in store.iter_scores(folder / "scores") if s.scorer.startswith("human.")}
    assert each == {"human.anna": False, "human.bob": True}
    video.write_bytes(video.read_bytes() + b"\0")
    assert scored().reason == "not_rated"


def test_each_rater_has_a_different_order_and_disputed_videos_come_first_on_request() -> None:
    videos = [("m", "t", f"q{i}", 42) for i in range(20)]
    first = {next_for(rater, videos, {}, 2) for rater in ("anna", "bob", "cleo", "dora")}
    assert len(first) > 1
    assert next_for("anna", videos, {}, 2) == next_for("anna", videos[::-1], {}, 2)
    assert next_for("anna", videos, {}, 2, disputed=[videos[7]]) == videos[7]


def test_videos_that_others_have_begun_come_first() -> None:
    """Among thousands of videos, raters who draw at random never see the same one."""
    videos = [("m", "t", f"q{i}", 42) for i in range(1000)]
    said = Rating(
        token="a-token-of-its-own", rater="anna", model="m", task="t", question_id="q7", seed=42,
        video_sha256="0" * 64, passed=True, stars=3,
    )  # fmt: skip
    rated = {videos[7]: {"anna": said}}
    assert next_for("bob", videos, rated, 2) == videos[7]
    assert next_for("anna", videos, rated, 2) != videos[7]
    assert next_for("bob", videos, rated, 1) != videos[7]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    assert BROWSER is not None
    with opened(BROWSER) as browser:
        yield browser


@pytest.fixture
def tab(browser: Any, server: Server) -> Iterator[Callable[..., Any]]:
    """Opens pages of the viewer; anything in the console, and any request that leaves the machine, is an error."""
    context, troubles = browser.new_context(), list[str]()

    def open_(address: str, rater: str = "") -> Any:
        if rater:
            context.add_cookies([{"name": RATER, "value": rater, "url": server.url}])
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith(server.url) else troubles.append(request.url))
        page.goto(server.url + address)
        return page

    yield open_
    context.close()
    assert troubles == []


def until(holds: Callable[[], Any]) -> None:
    """Wait for something on a page, whose policy forbids the browser's own way of waiting."""
    for _ in range(200):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")


# Every address that answers with a whole page, and what it is asked with.
PAGES = {
    "/": "/",
    "/samples": "/samples",
    "/sample/{model}/{task}/{question_id}/{seed}": "/sample/good/maze/maze_0001/42",
    "/question/{task}/{question_id}": "/question/maze/maze_0000",
    "/compare": "/compare?a=good&b=lazy",
    "/disagreements": "/disagreements",
    "/tasks": "/tasks",
    "/progress": "/progress",
    "/rate": "/rate",
    "/pairs": "/pairs",
    "/ranking": "/ranking",
}


def test_every_page_is_checked() -> None:
    routes = [route for router in ROUTERS for route in router.routes]
    pages = {route.path for route in routes if getattr(route, "response_class", None) is HTMLResponse}
    assert pages == {*PAGES, "/samples/{page}"}


def _check_accessibility(page: Any) -> None:
    assert accessibility.faint_text(page) == []
    assert accessibility.nameless(page) == []
    assert accessibility.out_of_reach(page) == []
    assert not accessibility.too_wide(page)


@browser_only
@pytest.mark.parametrize("address", PAGES.values())
def test_pages_are_accessible(tab: Callable[..., Any], address: str) -> None:
    _check_accessibility(tab(address, rater="anna"))


@browser_only
def test_forms_and_empty_pages_are_accessible(tab: Callable[..., Any]) -> None:
    for address in ("/rate", "/samples?q=nothing+is+like+that"):
        _check_accessibility(tab(address))


@browser_only
def test_the_report_is_accessible(browser: Any, page: Path) -> None:
    shown = browser.new_page()
    shown.goto(page.as_uri())
    _check_accessibility(shown)
    shown.close()


@browser_only
def test_the_accessibility_checks_find_violations(browser: Any) -> None:
    """The measures themselves, on contrasts worked out elsewhere: #767676 on white is 4.54, #777777 is 4.48."""
    page = browser.new_page()
    page.set_content(
        "<p>One</p><p>Two</p><p style='color: #767676'>enough</p><p style='color: #777'>gray</p>"
        "<p style='color: #949494; font-size: 24px'>large</p><p style='color: #969696; font-size: 24px'>large gray</p>"
        "<p style='color: color-mix(in srgb, #777 100%, #000)'>mixed</p>"
        "<div style='background: #000'><p style='color: #fff; opacity: .4'>through</p>"
        "<p style='background: rgb(255 255 255 / 50%); color: #888'>half</p></div>"
        "<a href='#one' style='outline: none'>One</a><button tabindex='-1'>Two</button><input><img src='data:,'>"
        "<p style='width: 50rem'>wide</p>"
    )
    said = [text.split(": ")[-1] for text in accessibility.faint_text(page) if text.startswith("light")]
    assert said == ["gray", "large gray", "mixed", "through", "half"]
    assert sorted(accessibility.nameless(page)) == ["image", "textbox"]
    assert [text.split(":")[0] for text in accessibility.out_of_reach(page)] == ["focus does not show", "not reached"]
    assert accessibility.too_wide(page)
    page.close()


@browser_only
def test_filters_change_the_list_and_the_address(tab: Callable[[str], Any]) -> None:
    page = tab("/samples")
    assert page.locator(".card").count() == 8
    page.select_option("select[name=verdict]", "pass")
    page.wait_for_url("**verdict=pass**")
    assert page.locator(".card").count() == 4
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/sample/**")


@browser_only
def test_videos_are_stepped_by_frames_and_show_what_was_read(tab: Callable[[str], Any]) -> None:
    page = tab("/sample/good/maze/maze_0001/42")
    assert page.title() != "broken"
    until(lambda: page.evaluate("document.querySelector('video').readyState > 0"))
    page.keyboard.press("e")
    evidence = page.locator("output").inner_text()
    assert evidence != "frame 0"
    page.keyboard.press(",")
    page.keyboard.press(".")
    assert page.locator("output").inner_text() == evidence
    for overlay in ("outline", "state", "difference"):
        page.keyboard.press("d")
        assert page.locator(f"input[name=overlay][value={overlay}]").is_checked()
        until(lambda: page.evaluate("document.querySelector('.overlay')?.naturalWidth > 0"))
    page.keyboard.press("d")
    assert page.locator(".overlay").count() == 0
    frame, fps = int(evidence.split()[1]), 8
    assert abs(page.evaluate("document.querySelector('video').currentTime") - (frame + 0.5) / fps) < 0.06


def _colors(page: Any, at: tuple[float, float]) -> tuple[int, ...]:
    """Return the color of the pixel at a place of the video, in shares of its sides."""
    shot = Image.open(io.BytesIO(page.locator(".screen").screenshot())).convert("RGB")
    return shot.getpixel((round(at[0] * shot.width), round(at[1] * shot.height)))  # type: ignore[return-value]


@browser_only
def test_a_frame_without_a_state_says_so_and_the_difference_shows_what_is_in_the_way(
    experiment: Path, tmp_path: Path, browser: Any
) -> None:
    root = shutil.copytree(experiment, tmp_path / "copy")
    question = store.read_question(root / "questions", "maze", "maze_0000")
    scene = np.asarray(load_image(question.first_frame)).copy()
    scene[20:60, 20:60] = (200, 30, 30)
    media.write_video(root / "outputs/lazy/maze_task/maze_0000/video/video.mp4", [scene] * 8, 8.0)
    vmevalkit.score(model="lazy", questions=root / "questions", outputs=root / "outputs", scores=root / "scores")
    server = Server(root)
    page = browser.new_page()
    missing: list[str] = []
    page.on("response", lambda answer: missing.append(answer.url) if answer.status >= 400 else None)
    try:
        page.goto(f"{server.url}/sample/lazy/maze/maze_0000/42")
        until(lambda: page.evaluate("document.querySelector('video').readyState > 1"))
        for overlay in ("outline", "state", "difference"):
            page.check(f"input[name=overlay][value={overlay}]")
            until(lambda: page.evaluate("document.querySelector('.overlay').naturalWidth > 0"))
        assert "No state can be read from this frame" in page.locator(".remark").inner_text()
        height, width = scene.shape[:2]
        until(lambda: max(_colors(page, (40 / width, 40 / height))) > 100)
        assert max(_colors(page, (40 / width, 100 / height))) < 60
        assert missing == []
    finally:
        page.close()
        server.kill()


@browser_only
def test_arrow_keys_walk_within_the_filter(tab: Callable[[str], Any]) -> None:
    page = tab("/samples?verdict=pass&sort=model")
    page.locator(".card a").first.click()
    page.wait_for_url("**/sample/good/maze/maze_0000/42**")
    assert "1 of 4" in page.locator("[data-walk]").inner_text()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/sample/good/maze/maze_0001/42**")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/sample/replay/maze/maze_0000/42**")
    assert page.locator("nav.crumbs a").first.get_attribute("href") == "/samples?verdict=pass&sort=model"
    page.keyboard.press("?")
    assert page.locator("dialog[open]").is_visible()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("?")
    assert page.locator("dialog[open]").count() == 0
    assert "/replay/" in page.url


@browser_only
def test_escape_leaves_the_comment_and_phones_have_buttons(browser: Any, server: Server) -> None:
    context = browser.new_context(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    context.add_cookies([{"name": RATER, "value": "Zo%C3%AB%20B", "url": server.url}])
    page = context.new_page()
    page.goto(f"{server.url}/rate")
    assert "Zoë B: 0 of 4 rated" in page.locator(".head").inner_text()
    page.keyboard.press("c")
    page.keyboard.type("yes, n")
    assert page.input_value("textarea") == "yes, n"
    page.keyboard.press("Escape")
    page.keyboard.press("y")
    assert page.locator("input[name=passed][value=true]").is_checked()
    assert page.locator("kbd:visible").count() == 0
    for label in page.locator(".rating fieldset label").all():
        assert label.bounding_box()["height"] >= 44
    context.close()


@browser_only
def test_a_video_is_rated_by_keyboard_also_when_the_viewer_is_killed_meanwhile(
    experiment: Path, tmp_path: Path, browser: Any
) -> None:
    folder = shutil.copytree(experiment, tmp_path / "copy")
    server = Server(folder)
    page = browser.new_context().new_page()
    page.goto(f"{server.url}/rate")
    page.fill("input[name=name]", "anna")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-rating]")
    for key in ("y", "4"):
        page.keyboard.press(key)
    server.kill()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Your rating will be sent again")
    server.start()
    page.wait_for_selector("text=1 of 4 rated", timeout=20_000)
    server.kill()
    said = Ratings(folder / "outputs").history()
    assert [(rating.rater, rating.passed, rating.stars) for rating in said] == [("anna", True, 4)]
    page.context.close()
