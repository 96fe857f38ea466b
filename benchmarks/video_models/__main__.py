"""Measure how fast video models run here, and how much GPU memory they need. Prints tables in Markdown.

    python -m benchmarks.video_models passes wan2.1-i2v-14b-480p wan2.2-ti2v-5b     one pass: stock, exact, fast
    python -m benchmarks.video_models exactness cogvideox1.5-5b-i2v --blocks 6      one pass against float32
    python -m benchmarks.video_models plans wan2.2-ti2v-5b ltx-video                memory plans, automatic choice
    python -m benchmarks.video_models videos cogvideox-5b-i2v --steps 6 --rows stock exact fast --caps 24 12 8
    python -m benchmarks.video_models plans wan2.2-ti2v-5b --tiny                   on the CPU, to see that it runs

Run it in the repository. Weights are random and have the published shapes, so nothing is downloaded; `videos --weights`
takes a checkpoint. A denoising step with guidance is two passes. The limit is the time of the matrix products and of
attention alone, at the rates that were measured in the same run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.video_models import passes, plans, videos
from benchmarks.video_models.machine import machine
from vmevalkit.errors import VMEvalError
from vmevalkit.models.diffusers.devices import quiet_libraries
from vmevalkit.models.diffusers.memory import PLANS


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    try:
        return _run(arguments)
    except VMEvalError as error:
        raise SystemExit(str(error)) from None


def _run(arguments: argparse.Namespace) -> int:
    where = machine(arguments.tiny)
    quiet_libraries()
    if arguments.verb == "videos":
        return videos.run(arguments, where)
    complete = True
    for model in arguments.models:
        if arguments.verb == "passes":
            passes.measure(model, where, arguments.repeats)
        elif arguments.verb == "exactness":
            passes.exactness(model, where, arguments.blocks)
        else:
            complete &= plans.measure(model, where, arguments.limits, arguments.plans)
    return 0 if complete else 1


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(
        prog="python -m benchmarks.video_models",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = whole.add_subparsers(dest="verb", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--tiny", action="store_true", help="the smallest shapes, on the CPU")
    several = argparse.ArgumentParser(add_help=False, parents=[shared])
    several.add_argument("models", nargs="+", help="catalog names")

    verb = verbs.add_parser("passes", parents=[several], help="time one pass of the transformer")
    verb.add_argument("--repeats", type=int, default=5)

    verb = verbs.add_parser("exactness", parents=[several], help="compare one pass with float32")
    verb.add_argument("--blocks", type=int, help="only the first blocks, where float32 takes long")

    verb = verbs.add_parser("plans", parents=[several], help="measure the memory plans and the automatic choice")
    verb.add_argument("--limits", nargs="*", type=float, default=plans.LIMITS, help="of GPU memory, 10^9 bytes")
    verb.add_argument("--plans", nargs="*", choices=PLANS, default=PLANS, help="beside those that are chosen")

    verb = verbs.add_parser("videos", parents=[shared], help="time whole videos")
    verb.add_argument("model", help="catalog name")
    verb.add_argument("--weights", type=Path, help="a checkpoint, or a folder with one that is named like the model")
    verb.add_argument("--steps", type=int, default=videos.STEPS, help="of the measured video")
    verb.add_argument("--rows", nargs="*", default=list(videos.ROWS), choices=videos.ROWS)
    verb.add_argument("--caps", nargs="*", type=float, default=[], help="rows under a limit of so many 10^9 bytes")
    verb.add_argument("--profile", action="store_true", help="where the GPU's time goes, for exact and fast")
    verb.add_argument("--plot", type=Path, help="SVG of a video's time against the limit")
    return whole


if __name__ == "__main__":
    sys.exit(main())
