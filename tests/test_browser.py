"""The search for a browser: what is tried, once, and what the summary of pytest says."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests import browser
from tests.test_worker import alive

ROOT = Path(__file__).parents[1]


class Refusing(BaseHTTPRequestHandler):
    """A host that has nothing to download. `asked` counts requests."""

    asked = 0

    def do_GET(self) -> None:
        Refusing.asked += 1
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine without a browser, whose user is not root; returns the only folder in which programs are found."""
    programs = tmp_path / "bin"
    programs.mkdir()
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("PLAYWRIGHT_DOWNLOAD_HOST", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "browsers"))
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(browser, "MAC", ())
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    yield programs
    server.shutdown()
    server.server_close()


def test_a_download_that_fails_is_tried_once(machine: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    Refusing.asked = 0
    assert browser.provide(marker) is None
    asked = Refusing.asked
    assert asked > 0
    assert browser.provide(marker) is None
    assert Refusing.asked == asked


def test_a_host_that_does_not_answer_costs_no_time(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYWRIGHT_DOWNLOAD_HOST", "http://127.0.0.1:9")
    begin = time.process_time()
    assert browser.provide(tmp_path / "marker") is None
    assert time.process_time() - begin < browser.ANSWER


def test_a_browser_that_does_not_start_is_not_taken(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYWRIGHT_DOWNLOAD_HOST", "http://127.0.0.1:9")
    (machine / "chromium").write_text("#!/bin/sh\nexit 1\n")
    (machine / "chromium").chmod(0o755)
    assert browser.provide(tmp_path / "marker") is None


@browser.browser_only
def test_a_browser_of_the_system_is_found_and_kept(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYWRIGHT_DOWNLOAD_HOST", "http://127.0.0.1:9")
    (machine / "google-chrome").symlink_to(browser.BROWSER or "")
    monkeypatch.setenv("PATH", os.pathsep.join((str(machine), "/usr/bin", "/bin")))
    monkeypatch.setattr(browser, "NAMES", ("google-chrome",))
    marker = tmp_path / "marker"
    assert browser.provide(marker) == str(machine / "google-chrome") == browser.known(marker)
    (machine / "google-chrome").unlink()
    assert browser.provide(marker) is None


def test_a_command_is_ended_with_its_processes_when_its_time_is_over(tmp_path: Path) -> None:
    begin = time.monotonic()
    assert not browser.bounded(["sh", "-c", f"sleep 60 & echo $! >{tmp_path}/pid; wait"], 1)
    assert time.monotonic() - begin < 30
    end, pid = time.monotonic() + 10, int((tmp_path / "pid").read_text())
    while alive(pid):
        assert time.monotonic() < end
        time.sleep(0.05)


PAGES = f"""
import pytest

@pytest.mark.parametrize("n", range(3))
@pytest.mark.skipif(True, reason={browser.REASON!r})
def test_page(n):
    pass
"""


def test_the_summary_says_in_one_line_that_there_is_no_browser(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(PAGES)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.conftest", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.count("3 tests were skipped: no browser was found; install Chromium, then") == 1
