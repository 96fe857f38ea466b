"""A browser for the tests of the viewer and of the report.

    python -m tests.browser

looks for one, once for each `.venv`: Playwright's Chromium where it can be downloaded, else Chromium or Chrome of the
system, else Debian's package when root. `make test` runs it. It never fails: without a browser, its tests are skipped.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

# Holds the path that was found, or nothing. It is in the environment, so a new environment looks again.
MARKER = Path(sys.prefix) / ".browser"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = tuple(Path(f"/Applications/{name}.app/Contents/MacOS/{name}") for name in ("Google Chrome", "Chromium"))
# Seconds: whether a server answers; a download of about 170 MB; the package with its libraries.
ANSWER, DOWNLOAD, PACKAGE = 5, 240, 300

REASON = "needs a browser"
HINT = f"no browser was found; install Chromium, then: rm -f {os.path.relpath(MARKER)} && make test"


def provide(marker: Path = MARKER) -> str | None:
    """Return the browser of this environment. If none was looked for yet, look, and write the marker."""
    if marker.is_file() and (not (path := marker.read_text().strip()) or os.access(path, os.X_OK)):
        return path or None
    print("looking for a browser for the tests of the viewer, once", file=sys.stderr)
    found = _downloaded() or _of_the_system() or _of_debian()
    marker.write_text(found or "")
    return found


def known(marker: Path = MARKER) -> str | None:
    """Return the browser that was found before, else one that the system has, without a download."""
    if marker.is_file() and os.access(path := marker.read_text().strip(), os.X_OK):
        return path
    return next(iter(_candidates()), None)


@contextmanager
def opened(browser: str) -> Iterator[Any]:
    """Run a browser, and yield Playwright's object of it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def _works(browser: str) -> bool:
    """Whether it starts: libraries of the system may be missing. In a process, because pytest may run an event loop."""
    code = f"from tests.browser import opened\nwith opened({browser!r}) as b:\n    b.new_page()"
    return bounded([sys.executable, "-c", code], 60, cwd=Path(__file__).parents[1])


def _downloaded() -> str | None:
    host = os.environ.get("PLAYWRIGHT_DOWNLOAD_HOST", "https://cdn.playwright.dev")
    command = [sys.executable, "-m", "playwright", "install", "--no-shell", "chromium"]
    if not (_answers(host) and bounded(command, DOWNLOAD)):
        return None
    code = "from playwright.sync_api import sync_playwright as run\nwith run() as p: print(p.chromium.executable_path)"
    path = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    return path if _works(path) else None


def _of_the_system() -> str | None:
    return next(filter(_works, _candidates()), None)


def _of_debian() -> str | None:
    release = Path("/etc/os-release")
    if os.geteuid() != 0 or not release.is_file() or "ID=debian" not in release.read_text().splitlines():
        return None
    command = "apt-get -qq update && apt-get -qq install --yes --no-install-recommends chromium"
    return _of_the_system() if bounded(["sh", "-c", command], PACKAGE) else None


def _candidates() -> list[str]:
    return [*filter(None, map(shutil.which, NAMES)), *(str(path) for path in MAC if os.access(path, os.X_OK))]


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=ANSWER).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False
    return True


def bounded(command: list[str], seconds: float, cwd: Path | None = None) -> bool:
    """Run a command without output, with all its processes for at most some seconds. Return whether it succeeded."""
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=cwd, env=environ, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
    ) as run:
        try:
            return run.wait(seconds) == 0
        except BaseException as error:
            os.killpg(run.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                return False
            raise


BROWSER = known()
browser_only = pytest.mark.skipif(BROWSER is None, reason=REASON)


if __name__ == "__main__":
    provide()
