"""Make an image-to-video checkpoint with random weights, in the format that `from_pretrained` loads.

    python setup/make_checkpoint.py --like wan2.1              a small frame and small networks: seconds on a CPU
    python setup/make_checkpoint.py --like 1.5 --size thin     the real frame, small networks
    python setup/make_checkpoint.py --like 1.5 --size full     the real shapes in bfloat16, 21 GB

It runs the real pipeline without the real weights; its videos show nothing. `model_index.json` marks the weights as
random, and so does every video that is made with them. A finished folder is kept.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from vmevalkit.models.diffusers.config import random_models
from vmevalkit.models.diffusers.random_weights import make_checkpoint


def main() -> None:
    models = random_models()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--like", choices=models, required=True, help="architecture")
    parser.add_argument("--size", choices=("tiny", "thin", "full"), default="tiny")
    parser.add_argument("--output", type=Path, help="folder; the default is the one where the kit looks, see below")
    parser.add_argument("--seed", type=int, default=0, help="of the weights")
    arguments = parser.parse_args()
    name, weights = models[arguments.like]
    if arguments.size != "tiny":
        if weights.real is None:
            parser.error(f"--like {arguments.like} is only made tiny; leave out --size {arguments.size}")
        # These have the names of real models, so they are used only with `--weights weights/thin` or `weights/full`.
        name = f"{arguments.size}/{weights.real}"
    folder = arguments.output or Path("weights") / name
    if (folder / "model_index.json").is_file():
        sys.stdout.write(f"{folder} exists\n")
        return
    make_checkpoint(weights, arguments.size, folder, arguments.seed)
    sys.stdout.write(f"{folder}\n")


if __name__ == "__main__":
    main()
