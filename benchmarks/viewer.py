"""Measure the viewer's pages with many samples: `python benchmarks/viewer.py --samples 50000`. Prints Markdown.

It makes an experiment of ten models with placeholder videos and random verdicts, in a temporary folder (`--folder`
keeps it). Then it starts the viewer and requests each page nine times over HTTP.
"""

from __future__ import annotations

import argparse
import http.client
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import vmevalkit
from vmevalkit import store
from vmevalkit.types import Score

MODELS, QUESTIONS = 10, 25
TASKS = ("maze", "clock", "sudoku", "symmetry")
REASONS = {
    "solved": "The puzzle is solved by legal, visible steps and the rest of the scene stays.",
    "no_change": "Nothing happens.",
    "wrong_answer": "The video ends in a state that is not an answer.",
    "teleport": "Something jumps from one place to another.",
}
PAGES = (
    "/", "/samples", "/samples?task=maze&verdict=fail", "/samples?q=maze", "/samples?q=zzz", "/samples/100",
    "/question/maze/maze_0000", "/compare?a=model-1&b=model-2", "/disagreements", "/progress",
)  # fmt: skip


def make(root: Path, samples: int) -> None:
    """Make questions, and as many seeds for each model as the number of samples needs."""
    if (root / "questions").is_dir():
        return
    folders = vmevalkit.make(TASKS, count=QUESTIONS, questions=root / "questions", videos=False)
    rng = random.Random(0)
    for number in range(MODELS):
        for folder in folders:
            task, model = folder.parent.name.removesuffix("_task"), f"model-{number}"
            for seed in range(42, 42 + samples // (MODELS * len(folders))):
                passed = rng.random() < number / MODELS
                reason = "solved" if passed else rng.choice([name for name in REASONS if name != "solved"])
                sample = store.Sample(
                    outputs=root / "outputs", model=model, task=task, question_id=folder.name, seed=seed
                )
                score = Score(
                    model=model, task=task, question_id=folder.name, seed=seed, scorer="rule", scorer_version="0",
                    status="scored", passed=passed, value=float(passed), outcome=float(passed), process=1.0,
                    preservation=1.0, reason=reason, explanation=REASONS[reason],
                )  # fmt: skip
                path_of_score = store.score_path(root / "scores", score)
                for path, content in ((sample.video, "no video"), (path_of_score, score.model_dump_json())):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--port", type=int, default=8765)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = arguments.folder or Path(temporary)
        make(root, arguments.samples)
        command = [sys.executable, "-m", "vmevalkit.cli", "view", "--port", str(arguments.port)]
        for name in ("questions", "outputs", "scores"):
            command += [f"--{name}", str(root / name)]
        started = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as viewer:
            try:
                assert viewer.stdout is not None
                print(f"{viewer.stdout.readline().strip()} {time.perf_counter() - started:.1f} s after the start\n")
                time.sleep(15)  # The viewer computes intervals in the background.
                print("| page | first, ms | median, ms | worst, ms |\n| --- | --- | --- | --- |")
                for page in PAGES:
                    times = [measure(arguments.port, page) for _ in range(9)]
                    print(f"| `{page}` | {times[0]:.0f} | {sorted(times)[4]:.0f} | {max(times):.0f} |")
            finally:
                viewer.terminate()


def measure(port: int, page: str) -> float:
    """Return the time to load a page, in milliseconds."""
    start = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", page)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, (page, answer.status)
    return 1000 * (time.perf_counter() - start)


if __name__ == "__main__":
    main()
