"""Full disks and folders that cannot be written: one line, nothing half done, and the same command works afterwards."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.crowds import Together
from tests.faults.kills import copy
from tests.faults.lab import differences, read_only, run, snapshot


class FullDisk(Together):
    """The disk is full, by a small tmpfs if one can be mounted; or files can grow to a limit only, as by a quota."""

    def attempt(self, folder: Path, rng: random.Random) -> Iterator[str]:
        step = rng.choice(list(self.steps))
        before = list(self.steps)[: list(self.steps).index(step)]
        target = folder / step
        target.mkdir()
        copy(self.folder, folder, "my.py", *before)
        if rng.random() < 0.5:
            limit = rng.choice((0, 200, 1000, 5000, 20_000))
            yield from run(folder, *self.steps[step], statuses=(0, 1, 2), file_limit=limit)
        else:
            with tmpfs(target, rng.choice((1, 2, 4, 8, 16, 32))) as mounted:
                yield from run(folder, *self.steps[step], statuses=(0, 1, 2), file_limit=None if mounted else 3000)
                kept = folder / "kept"
                shutil.copytree(target, kept)
            shutil.rmtree(target)
            kept.rename(target)
        yield from run(folder, *self.steps[step])
        yield from differences(snapshot(self.folder / step), snapshot(target))


@contextmanager
def tmpfs(folder: Path, pages: int) -> Iterator[bool]:
    """Mount a small file system, if this process may; yield whether it did."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={pages * 4096},mode=777", "none", str(folder)]
    mounted = bool(shutil.which("mount")) and subprocess.run(command, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


class ReadOnly(Together):
    """Nobody may write into some folders. Then they may, and the same command works."""

    def attempt(self, folder: Path, rng: random.Random) -> Iterator[str]:
        step = rng.choice(list(self.steps))
        before = list(self.steps)[: list(self.steps).index(step)]
        copy(self.folder, folder, "my.py", *before)
        if rng.random() < 0.5:
            copy(self.folder, folder, step)
            # Of outputs, only videos: a video without its result is user-supplied, and stays as it is; the copy of a
            # question beside a complete video is not restored. Neither depends on permissions.
            pattern = "video/*.mp4" if step == "outputs" else "*"
            made = [path for path in (folder / step).rglob(pattern) if path.is_file()]
            for path in rng.sample(made, 3):
                path.unlink()
        with read_only(*(folder / name for name in (*before, step) if (folder / name).is_dir())):
            yield from run(folder, *self.steps[step], statuses=(0, 1, 2), unprivileged=True)
        yield from run(folder, *self.steps[step])
        yield from differences(snapshot(self.folder / step), snapshot(folder / step))
