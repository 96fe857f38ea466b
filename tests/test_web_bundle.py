"""Static copies of the viewer."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import vmevalkit
from tests.browser import browser_only
from tests.test_web import EVIL, browser, experiment  # noqa: F401 - fixtures
from vmevalkit.errors import UsageError


@pytest.fixture(scope="module")
def bundle(experiment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """A copy of a folder with one experiment."""
    out = tmp_path_factory.mktemp("bundle") / "out"
    vmevalkit.view(folder=experiment, bundle=out)
    return out


def test_every_link_of_a_copy_leads_to_a_file_of_it(bundle: Path) -> None:
    pages = list(bundle.rglob("*.html"))
    assert len(pages) > 12
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert EVIL not in text
        for link in re.findall(r'\b(?:href|src|poster|action|data-state)="([^"]*)"', text):
            if link.startswith("#"):
                continue
            assert not link.startswith("/"), (page, link)
            assert (page.parent / html.unescape(link).partition("?")[0]).is_file(), (page, link)


def test_a_copy_has_neither_ratings_nor_paths_of_this_machine(bundle: Path, experiment: Path) -> None:  # noqa: F811
    assert not list(bundle.rglob("rate*")) + list(bundle.rglob("progress*"))
    for page in bundle.rglob("*.html"):
        assert str(experiment.parent) not in page.read_text(encoding="utf-8"), page


def test_only_a_copy_is_written_again(bundle: Path, experiment: Path, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="something else than a bundle"):
        vmevalkit.view(folder=experiment, bundle=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@browser_only
def test_a_copy_filters_and_walks_from_disk(bundle: Path, tmp_path: Path, browser: Any) -> None:  # noqa: F811
    [home] = shutil.copytree(bundle, tmp_path / "moved").glob("x/*/samples.html")
    page, troubles = browser.new_page(), list[str]()
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(home.as_uri())
    assert page.locator(".card:visible").count() == 8
    page.select_option("select[name=verdict]", "pass")
    page.wait_for_url("**verdict=pass**")
    assert page.locator(".card:visible").count() == 4
    assert page.locator("output").inner_text() == "4 videos"
    assert page.locator("select[name=model] option:not([hidden])").all_inner_texts() == [
        "all",
        "good (2)",
        "replay (2)",
    ]
    page.locator(".card:visible a").first.click()
    page.wait_for_selector("[data-walk] a[rel=next]")
    assert "1 of 4" in page.locator("[data-walk]").inner_text()
    first = page.url
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda url: url != first)
    page.wait_for_selector("[data-walk] a[rel=prev]")
    assert "2 of 4" in page.locator("[data-walk]").inner_text()
    page.locator("nav.crumbs a").first.click()
    page.wait_for_selector(".card:visible")
    assert page.locator(".card:visible").count() == 4
    assert troubles == []
    page.close()
