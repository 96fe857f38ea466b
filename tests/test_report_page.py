"""The report of more videos than fit on a page, in a browser, opened from disk."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import BROWSER, browser_only, opened
from tests.test_report import EVIL, World
from vmevalkit.reporting.page.catalog import SHEET

QUESTIONS = 2 * SHEET + 10
LAST = f"maze_{QUESTIONS - 1:04d}"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> World:
    """More questions than two sheets have; a video for the first and the last, which fails."""
    made = World(tmp_path_factory.mktemp("large"))
    for i in range(QUESTIONS):
        made.ask("maze", f"maze_{i:04d}", "solve")
        made.judge("mine", "maze", f"maze_{i:04d}", "missing", reason="no_video")
    made.right("mine", "maze", "maze_0000")
    made.wrong("mine", "maze", LAST, 0.5, reason="wall_crossed", explanation=EVIL, evidence_frame=4)
    made.make()
    return made


@pytest.fixture(scope="module")
def page(large: World) -> Iterator[Any]:
    """The report in a browser. Anything in the console, and any request that leaves the disk, is an error."""
    assert BROWSER is not None
    troubles: list[str] = []
    with opened(BROWSER) as browser:
        shown = browser.new_page()
        shown.on("console", lambda message: troubles.append(message.text))
        shown.on("pageerror", lambda error: troubles.append(str(error)))
        shown.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else troubles.append(r.url))
        shown.goto((large.report / "index.html").as_uri())
        yield shown
    assert troubles == []


def test_the_page_has_the_first_videos_and_sheets_have_the_others(large: World) -> None:
    assert large.page.count("<article") == SHEET
    found = [large.page.count("<article")]
    for number in (1, 2):
        text = (large.report / f"samples/{number}.js").read_text(encoding="ascii")
        head, _, tail = text.partition(",")
        assert head == f"vmevalkit.sheet({number}"
        cards = json.loads(tail.removesuffix(");\n"))
        assert all(card.count("<article") == card.count("</article>") == 1 for card in cards)
        assert not any("<script" in card for card in cards)
        found.append(len(cards))
    assert sum(found) == QUESTIONS
    assert not (large.report / "samples/3.js").exists()


@browser_only
def test_filters_and_search_find_videos_that_are_not_on_the_page(page: Any) -> None:
    cards = page.locator(".samples > article")
    for name, value in (("select[name=verdict]", "fail"), ("input[name=q]", "alert('x')")):
        page.click("button[type=reset]")
        page.wait_for_function("document.querySelectorAll('.samples > article').length > 1")
        (page.select_option if name.startswith("select") else page.fill)(name, value)
        page.wait_for_function("document.querySelectorAll('.samples > article').length === 1")
        assert cards.first.get_attribute("id") == f"mine/maze/{LAST}"
        assert page.locator("output").inner_text() == f"1 of {QUESTIONS} samples"
    assert "<script>alert('x')</script>" in cards.first.inner_text()


@browser_only
def test_a_link_to_a_video_opens_the_sheet_that_has_it(page: Any, large: World) -> None:
    page.goto("about:blank")
    page.goto((large.report / "index.html").as_uri() + f"#row=mine%2Fmaze%2F{LAST}")
    page.wait_for_function(f"document.activeElement.id === 'mine/maze/{LAST}'")
    assert page.locator(".samples > article").count() == QUESTIONS
    video = page.locator(f"[id='mine/maze/{LAST}'] video")
    page.wait_for_function("document.activeElement.querySelector('video').poster")
    assert video.get_attribute("preload") == "none"


@browser_only
def test_reasons_and_cells_of_the_heat_map_lead_to_their_videos(page: Any) -> None:
    for link, videos in (
        (page.locator(".reasons a", has_text="no_video"), QUESTIONS - 2),
        (page.locator(".heat tbody:first-of-type a", has_text="1"), QUESTIONS),
        (page.locator(".reasons a", has_text="wall_crossed"), 1),
    ):
        link.click()
        page.wait_for_function(f"document.querySelector('output').textContent.startsWith('{videos} ')")


def test_the_interval_of_all_tasks_is_that_of_the_bootstrap(tmp_path: Path) -> None:
    world = World(tmp_path)
    for task, right in (("maze", True), ("sudoku", False), ("chess", False)):
        for i in range(4):
            world.ask(task, f"{task}_{i:04d}", "solve")
            credit: dict[str, Any] = {
                "value": float(right),
                "outcome": float(right),
                "process": 1.0,
                "preservation": 1.0,
            }
            world.judge("mine", task, f"{task}_{i:04d}", "scored", passed=right, **credit)
    world.make()
    [standing] = world.summary.analysis.standings
    row = world.page[world.page.index('<table class="heat">') :]
    row = row[row.index("<tbody>") : row.index("</tbody>")]
    texts = re.findall(r">(\d+)(?:<small> %</small>)?</a>", row)
    assert texts == ["33", "0", "100", "0"]
    bounds = f"{100 * standing.rate.low:.0f}–{100 * standing.rate.high:.0f}</span>"
    assert bounds in row
    # Tasks of which all or no videos pass say less than twelve independent videos would.
    assert standing.rate.high - standing.rate.low > 0.55


@browser_only
def test_a_sheet_that_is_missing_is_named(page: Any, large: World, tmp_path: Path) -> None:
    sheet = large.report / "samples/2.js"
    kept = sheet.rename(tmp_path / "2.js")
    other = page.context.browser.new_page()
    other.goto((large.report / "index.html").as_uri() + "#verdict=fail")
    other.wait_for_selector(".unread:not([hidden])")
    assert "samples/2.js cannot be read" in other.locator(".unread").inner_text()
    other.close()
    kept.rename(sheet)
