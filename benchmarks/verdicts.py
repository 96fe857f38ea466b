"""How many verdicts change when a model computes with less precision, and with a cache.

    vmevalkit make --task maze sudoku --count 50 --questions /tmp/questions
    python benchmarks/verdicts.py --model cogvideox-5b-i2v --questions /tmp/questions --folder /tmp/verdicts --cache .1

Lets the model answer a question set with `--speed exact`, with `--speed fast`, and with `fast` and each `--cache`,
scores them, and compares each with the exact videos, video by video (mean PSNR) and verdict by verdict. Run it again
and it resumes.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import vmevalkit
from vmevalkit import media, store
from vmevalkit.types import Score

Key = tuple[str, str, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="cogvideox-5b-i2v")
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="for videos and scores")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--cache", nargs="*", type=float, default=[], help="also `fast` with these caches")
    arguments = parser.parse_args()
    ways: dict[str, dict[str, Any]] = {"exact": {"speed": "exact"}, "fast": {"speed": "fast"}}
    ways |= {f"cache-{cache:g}": {"speed": "fast", "cache": cache} for cache in arguments.cache}
    weights = {"weights": str(arguments.weights)} if arguments.weights else {}
    found: dict[str, dict[Key, Score]] = {}
    for way, settings in ways.items():
        places = {"questions": arguments.questions, "outputs": arguments.folder / way}
        vmevalkit.generate(
            arguments.model, **places, samples=arguments.samples, baselines=False, settings={**settings, **weights}
        )
        scores = vmevalkit.score(**places, scores=arguments.folder / f"{way}-scores")
        found[way] = {(s.task, s.question_id, s.seed): s for s in scores}
    print(f"exact: {count(found['exact'])} of {len(found['exact'])} passed")
    for way in list(ways)[1:]:
        compare(arguments, way, found["exact"], found[way])


def compare(arguments: argparse.Namespace, way: str, exact: dict[Key, Score], other: dict[Key, Score]) -> None:
    """Print how far videos made in one way are from the exact ones, and which verdicts differ."""
    both = sorted(exact.keys() & other.keys())
    differing = [key for key in both if exact[key].passed != other[key].passed]
    shown = [key for key in both if exact[key].status == other[key].status == "scored"]
    likeness = [psnr(arguments, way, key) for key in shown]
    kept = [cached(arguments, way, key) for key in shown]
    print(
        f"{way}: {count(other)} of {len(both)} passed, {len(differing)} verdicts differ, "
        f"mean PSNR {np.mean(likeness or np.nan):.1f} dB, {np.mean(kept or np.nan):.1f} steps from the cache"
    )
    for task, question_id, seed in differing:
        pair = (exact[task, question_id, seed], other[task, question_id, seed])
        print(f"  {task}/{question_id} seed {seed}: {pair[0].reason} -> {pair[1].reason}")


def count(scores: dict[Key, Score]) -> int:
    return sum(bool(score.passed) for score in scores.values())


def sample(arguments: argparse.Namespace, way: str, key: Key) -> store.Sample:
    task, question_id, seed = key
    return store.Sample(
        outputs=arguments.folder / way, model=arguments.model, task=task, question_id=question_id, seed=seed
    )


def cached(arguments: argparse.Namespace, way: str, key: Key) -> int:
    """How many steps of a video came from the cache."""
    result = store.read_result(sample(arguments, way, key))
    made = result.provenance if result is not None else None
    return int(made.settings.get("cached_steps", 0)) if made is not None else 0


def psnr(arguments: argparse.Namespace, way: str, key: Key) -> float:
    """Of a video and the exact one, in dB; 99 for equal ones."""
    videos = [
        np.stack(list(media.read_frames(sample(arguments, made, key).video))).astype(np.float32)
        for made in ("exact", way)
    ]
    error = float(np.mean((videos[0] - videos[1]) ** 2))
    return 10 * float(np.log10(255**2 / error)) if error else 99.0


if __name__ == "__main__":
    main()
