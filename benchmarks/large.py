"""Time and memory of large experiments in which nothing is left to do: `python benchmarks/large.py 1000 5000 20000`.

One model answers about 500 small questions, and gets valid scores without meaning. Its folders are copied under other
names, with links in place of videos and images, until there are as many samples as asked for. Then each command runs in
a process of its own, with the bytecode that an installed package has. `generate` is asked for the one model. Prints
Markdown.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

# At most so many, as many of each task.
QUESTIONS = 500
MODEL = "replay"
INDEX = """
import sys
from pathlib import Path
from vmevalkit.web.index import Index
index = Index(*map(Path, sys.argv[1:4]), path=Path(sys.argv[4]))
index.refresh()
"""


def first_model(folder: Path) -> None:
    """Let one model answer all questions, and record that its videos were scored."""
    # Late, because Linux counts the memory of this process for the commands that it starts.
    import vmevalkit
    from vmevalkit import store
    from vmevalkit.scorers.base import SCORERS
    from vmevalkit.tasks.base import TASKS

    paths = {name: folder / name for name in ("questions", "outputs", "scores")}
    vmevalkit.make(count=QUESTIONS // len(TASKS), size=(192, 128), questions=paths["questions"])
    vmevalkit.generate([MODEL], baselines=False, questions=paths["questions"], outputs=paths["outputs"])
    rule = SCORERS["rule"].configured({})
    for question in store.iter_questions(paths["questions"]):
        sample = store.Sample(outputs=paths["outputs"], model=MODEL, task=question.task, question_id=question.id)
        # The digests are those of a scorer that has seen the video, so `score` keeps the record.
        record = rule.undecided(question, sample, "", "").model_copy(
            update={"status": "scored", "passed": False, "value": 0.25, "reason": "start_missing"}
        )
        store.write_score(paths["scores"], record)


def copied(folder: Path, model: str) -> None:
    """Copy the files of the first model under the name of another; videos and frames become links."""
    for part in ("outputs", "scores"):
        for path in (folder / part / MODEL).rglob("*.*"):
            target = folder / part / model / path.relative_to(folder / part / MODEL)
            if path.is_dir():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".json":
                target.write_text(path.read_text().replace(f'"{MODEL}"', f'"{model}"'))
            else:
                os.link(path, target)


def measured(command: Sequence[str]) -> tuple[float, float, float]:
    """Seconds, seconds of CPU and peak memory (MB) of a command. On a busy machine, compare the seconds of CPU."""
    start = time.perf_counter()
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    child = os.posix_spawn(command[0], list(command), variables, file_actions=[
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0), (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)
    ])  # fmt: skip
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(command)} has the exit status {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", type=int, nargs="+", help="numbers of samples, in increasing order")
    parser.add_argument("--no-report", action="store_true", help="leave out `report`, which reads every new video")
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| samples | command | s | CPU, s | CPU, ms a sample | memory, MB |\n| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        preparation = multiprocessing.get_context("spawn").Process(target=first_model, args=(folder,))
        preparation.start()
        preparation.join()
        asked = len(list((folder / "questions").glob("*_task/*")))
        models = 1
        for count in options.counts:
            for number in range(models, math.ceil(count / asked)):
                copied(folder, f"model-{number}")
            models = max(models, math.ceil(count / asked))
            show(folder, asked, models, not options.no_report)


def show(folder: Path, asked: int, models: int, with_report: bool) -> None:
    """Print a row for each command."""
    total = asked * models
    kit = [sys.executable, "-m", "vmevalkit.cli"]
    paths = {name: str(folder / name) for name in ("questions", "outputs", "scores")}
    where = [word for name, path in paths.items() for word in (f"--{name}", path)]
    before = {path: path.stat().st_mtime_ns for path in (folder / "scores").rglob("*.json")}
    index = str(folder / "index.sqlite")
    Path(index).unlink(missing_ok=True)
    commands = {
        f"`generate`, {asked} of them": [*kit, "generate", "--model", MODEL, "--no-baselines", *where[:4]],
        "`score`": [*kit, "score", *where],
        "the viewer's index, new": [sys.executable, "-c", INDEX, *paths.values(), index],
        "the viewer's index, nothing new": [sys.executable, "-c", INDEX, *paths.values(), index],
        "`report`, new": [*kit, "report", *where, "--report", str(folder / "report")],
    }
    commands["`report`, nothing new"] = commands["`report`, new"]
    for what, command in commands.items():
        if what.startswith("`report`") and not with_report:
            continue
        seconds, busy, peak = measured(command)
        rate = 1000 * busy / (asked if "generate" in what else total)
        print(f"| {total} | {what} | {seconds:.1f} | {busy:.1f} | {rate:.2f} | {peak:.0f} |", flush=True)
    after = {path: path.stat().st_mtime_ns for path in before}
    if before != after:
        raise SystemExit("score has written scores although nothing was to do")


if __name__ == "__main__":
    main()
