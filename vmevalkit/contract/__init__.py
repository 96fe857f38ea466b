"""The contract that every task keeps.

The ground-truth video passes, cheap videos fail, and no transform of a video changes its verdict. Contract videos are
made from the states of the task, so a new task is attacked without writing an attack.
"""

from vmevalkit.contract.attacks import WORTHLESS, attacks, crossfade
from vmevalkit.contract.check import (
    SETTLED,
    SMALL,
    Batch,
    Trial,
    batches,
    extra_videos,
    other_puzzle_of,
    png_of,
    puzzle_of,
    run_batch,
    strip,
    try_habits,
    try_transform,
    try_videos,
    videos,
    views,
)
from vmevalkit.contract.habits import habit_videos
from vmevalkit.contract.holes import hole_videos
from vmevalkit.contract.search import Found, search
from vmevalkit.contract.variations import TRANSFORMS, Transform, through_file, variations
from vmevalkit.contract.videos import ContractVideo, Scene

__all__ = [
    "SETTLED", "SMALL", "TRANSFORMS", "WORTHLESS", "Batch", "ContractVideo", "Found", "Scene", "Transform", "Trial",
    "attacks", "batches", "crossfade", "extra_videos", "habit_videos", "hole_videos", "other_puzzle_of", "png_of",
    "puzzle_of", "run_batch", "search", "strip", "through_file", "try_habits", "try_transform", "try_videos",
    "variations", "videos", "views",
]  # fmt: skip
