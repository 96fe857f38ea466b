"""A short version of the campaign of faults, so that `make faults` cannot rot, and finds what it is to find."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tests.faults import lab, mutations
from tests.faults.__main__ import main
from tests.faults.areas import AREAS
from tests.faults.lab import Command, Stopwatch, differences, read_only, run, snapshot

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")


def test_a_short_campaign_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    areas = ("kill-remake", "kill-paid", "mutated-files")
    status = main(["--minutes", "0", "--seed", "1", "--only", *areas])
    said = capsys.readouterr().out
    assert status == 0, said
    rows = [line.split()[:3] for line in said.splitlines()[1:4]]
    assert [(name, attempts) for name, attempts, _ in rows] == [(area, "1") for area in areas]
    assert all(int(faults) for *_, faults in rows)


def test_the_page_about_reliability_has_every_area() -> None:
    page = (Path(__file__).parents[1] / "docs/reliability.md").read_text()
    assert re.findall(r"^\| `([a-z-]+)` ", page, re.MULTILINE) == list(AREAS)


def test_a_break_is_counted_with_the_command_that_shows_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(lab.Area):
        def attempt(self, folder: Path, rng: random.Random) -> list[str]:  # type: ignore[override]
            return [f"broken {rng.randrange(1000)}"]

    monkeypatch.setitem(AREAS, "broken", Broken)
    said = []
    for _ in range(2):
        assert main(["--seed", "7", "--only", "broken:3"]) == 1
        said.append(capsys.readouterr().out.split("\n\n")[1])
    assert said[0] == said[1]
    assert main(["--attempts", "3", "--only", "broken"]) == 1
    assert capsys.readouterr().out.splitlines()[1].split()[:4] == ["broken", "3", "3", "3"]
    assert "python -m tests.faults --seed 7 --only broken:3" in said[0]
    assert main(["--seed", "7", "--only", "broken:3", "broken:4"]) == 1
    both = capsys.readouterr().out
    assert both.count("--only broken:3\n") == both.count("--only broken:4\n") == 1


def test_a_kit_that_changes_during_the_campaign_is_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "module.py"
    module.write_text("")

    class Editor(lab.Area):
        def attempt(self, folder: Path, rng: random.Random) -> list[str]:  # type: ignore[override]
            module.write_text("changed = True")
            return []

    monkeypatch.setitem(AREAS, "editor", Editor)
    monkeypatch.setattr(lab, "KIT", tmp_path)
    assert main(["--attempts", "1", "--only", "editor"]) == 1
    assert "the kit was changed meanwhile" in capsys.readouterr().out
    assert main(["--attempts", "1", "--only", "editor"]) == 0


def test_commands_are_forked_from_a_process_that_has_imported_what_they_need(tmp_path: Path) -> None:
    said = tmp_path / "modules"
    command = f"import tests.faults.preloaded, sys; open({str(said)!r}, 'w').write(' '.join(sys.modules))"
    subprocess.run([sys.executable, "-c", command], check=True, cwd=Path(__file__).parents[1])
    modules = said.read_text().split()
    assert {"vmevalkit.cli.stages", "vmevalkit.models.openvideo_inference", "vmevalkit.tasks.maze"} <= set(modules)


def test_the_lab_notices_failures_hangs_tracebacks_and_changed_files(tmp_path: Path) -> None:
    (problem,) = run(tmp_path, "generate", "-m", "nothing")
    assert "ended with status 2" in problem
    refused = Command(tmp_path, "generate", "-m", "nothing")
    assert not list(refused.complaints((2,)))
    assert "nothing" in refused.output(), "what it said is known after its log is removed"
    (tmp_path / "my.py").write_text("import time\ndef f(image, prompt, seed):\n    time.sleep(60)\n")
    assert not run(tmp_path, "make", "-t", "maze", "-n", "1", "--size", "96x96", "--workers", "1", "--questions", "q")
    words = ("generate", "-m", "my.py:f", "--no-baselines", "--questions", "q", "--outputs", "o")
    hung = list(Command(tmp_path, *words).complaints(seconds=2))
    assert "did not end in 2 s" in hung[0]
    before = snapshot(tmp_path / "q")
    next((tmp_path / "q").rglob("prompt.txt")).write_text("changed")
    next((tmp_path / "q").rglob("*.mp4")).unlink()
    (tmp_path / "q" / ".lock").touch()
    assert [text.split(",")[0] for text in differences(before, snapshot(tmp_path / "q"))] == [
        "1 files missing", "1 files left over", "1 files different",
    ]  # fmt: skip


def test_the_lab_does_not_count_seconds_in_which_others_used_the_core(tmp_path: Path) -> None:
    spins = "import os\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nwhile True: pass"
    spinning = [subprocess.Popen([sys.executable, "-c", spins]) for _ in range(6)]
    try:
        watches = [Stopwatch(partial(tuple, [one.pid])) for one in spinning]
        asleep = Stopwatch(lambda: (os.getpid(),))
        time.sleep(1.2)
        assert max(watch.read() for watch in watches) < 0.8
        assert asleep.read() > 0.8
    finally:
        for one in spinning:
            one.kill()
            one.wait()


def test_permissions_hold_for_a_command_also_when_root_starts_it(tmp_path: Path) -> None:
    (tmp_path / "q").mkdir()
    words = ("make", "-t", "maze", "-n", "1", "--size", "96x96", "--workers", "1", "--questions", "q")
    with read_only(tmp_path / "q"):
        (problem,) = run(tmp_path, *words, unprivileged=True)
    assert "no permission to write q" in problem


def test_mutations_change_files_in_many_ways() -> None:
    rng = random.Random(0)
    data = bytes(range(256)) * 4
    changed = [mutations.mutate(data, rng) for _ in range(200)]
    assert len(set(changed)) > 190
    assert min(map(len, changed)) < len(data) < max(map(len, changed))
