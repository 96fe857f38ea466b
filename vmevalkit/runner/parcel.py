"""Files that travel with a job to a machine that shares no file system with the driver."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from vmevalkit.types import Record

_PREFIX = "vmevalkit-"
# A folder that was not used for so long belongs to a worker that was killed.
_IDLE_SECONDS = 24 * 3600.0


class Parcel(Record):
    """The content of files, and where they are on the driver's machine.

    Attributes:
        roots: folders of the driver, by the names that they have on the other machine.
        files: the content of each file, by its path below the roots.
    """

    roots: dict[str, Path]
    files: dict[str, bytes]

    @classmethod
    def of(cls, roots: dict[str, Path], paths: Iterable[Path]) -> Parcel:
        """Read files below the roots. One that cannot be read is left out, so the worker reports that it is missing."""
        files = {}
        for path in paths:
            name = next((name for name, root in roots.items() if path.is_relative_to(root)), None)
            if name is None:
                raise ValueError(f"{path} is below none of {roots}")
            try:
                files[f"{name}/{path.relative_to(roots[name]).as_posix()}"] = path.read_bytes()
            except OSError:
                continue
        return cls(roots=roots, files=files)

    @contextmanager
    def opened(self, folder: Path) -> Iterator[Path]:
        """Write the files into a new folder below `folder`, and remove it at the end."""
        with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as name:
            here = Path(name)
            for file, content in self.files.items():
                path = here / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            yield here

    def places(self, here: Path) -> dict[Path, Path]:
        """Return the folder of the driver for each folder on the other machine."""
        return {here / name: root for name, root in self.roots.items()}


def relocated(text: str, places: Mapping[Path, Path]) -> str:
    """Return JSON with the paths of the driver in place of those of the other machine."""
    for here, there in places.items():
        text = text.replace(json.dumps(str(here))[1:-1], json.dumps(str(there))[1:-1])
    return text


def work_folder() -> Path:
    """Return a new folder for the files of a worker. Remove those that killed workers left on this machine."""
    latest = time.time() - _IDLE_SECONDS
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if folder.is_dir() and folder.stat().st_mtime < latest:
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=_PREFIX))
