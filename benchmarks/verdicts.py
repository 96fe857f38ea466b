"""How many verdicts change when a model computes with less precision.

    vmevalkit make --task maze sudoku --count 50 --questions /tmp/questions
    python benchmarks/verdicts.py --model cogvideox-5b-i2v --questions /tmp/questions --folder /tmp/verdicts

Lets the model answer a question set with `--speed exact` and with `--speed fast`, scores both, and compares film by
film (mean PSNR) and verdict by verdict. Run it again and it goes on where it stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import vmevalkit
from vmevalkit import store, video
from vmevalkit.types import Score

SPEEDS = ("exact", "fast")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="cogvideox-5b-i2v")
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="for films and scores")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--samples", type=int, default=1)
    arguments = parser.parse_args()
    weights = {"weights": str(arguments.weights)} if arguments.weights else {}
    found = {}
    for speed in SPEEDS:
        places = {"questions": arguments.questions, "outputs": arguments.folder / speed}
        vmevalkit.generate(
            arguments.model, **places, samples=arguments.samples, baselines=False, settings={"speed": speed, **weights}
        )
        scores = vmevalkit.score(**places, scores=arguments.folder / f"{speed}-scores")
        found[speed] = {(s.task, s.question_id, s.seed): s for s in scores}
    exact, fast = (found[speed] for speed in SPEEDS)
    both = sorted(exact.keys() & fast.keys())
    differing = [key for key in both if exact[key].passed != fast[key].passed]
    likeness = [psnr(arguments, key) for key in both if exact[key].status == fast[key].status == "scored"]
    print(f"{len(both)} films, {len(differing)} verdicts differ")
    print(f"passed: exact {count(exact)}, fast {count(fast)}; mean PSNR {np.mean(likeness or [np.nan]):.1f} dB")
    for task, question_id, seed in differing:
        pair = (exact[task, question_id, seed], fast[task, question_id, seed])
        print(f"  {task}/{question_id} seed {seed}: {pair[0].reason} -> {pair[1].reason}")


def count(scores: dict[tuple[str, str, int], Score]) -> int:
    return sum(bool(score.passed) for score in scores.values())


def psnr(arguments: argparse.Namespace, key: tuple[str, str, int]) -> float:
    """Of the two films of a question, in dB; 99 for equal ones."""
    films = []
    for speed in SPEEDS:
        task, question_id, seed = key
        sample = store.Sample(
            outputs=arguments.folder / speed, model=arguments.model, task=task, question_id=question_id, seed=seed
        )
        films.append(np.stack(list(video.read_frames(sample.video))).astype(np.float32))
    error = float(np.mean((films[0] - films[1]) ** 2))
    return 10 * float(np.log10(255**2 / error)) if error else 99.0


if __name__ == "__main__":
    main()
