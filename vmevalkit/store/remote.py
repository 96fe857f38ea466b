"""An experiment at an address of fsspec, such as s3://bucket/name.

Each file is an object that is named by its digest, and a manifest says which file has which digest. The manifest is
written last. So a copy that was interrupted leaves the last complete experiment as it was, objects that are there are
never copied again, and equal files are stored once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from vmevalkit.errors import EnvironmentMissing, StorageError, UsageError, VMEvalError, explain_validation, first_line
from vmevalkit.files import dumps, write_bytes
from vmevalkit.store.paths import MANIFEST, is_name
from vmevalkit.types import Count, Record

PARTS = ("questions", "outputs", "scores")

_THREADS = 8
# Of a commit to the Hugging Face hub, where every commit takes seconds.
_COMMIT_FILES, _COMMIT_BYTES = 200, 2**28
_PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "hf": "huggingface_hub", "file": "fsspec", "memory": "fsspec"}
_URL = re.compile(r"(?:(?P<plain>s3|gs|file|memory)://|(?P<hf>hf)://datasets/[\w.-]+/)[^\s@?#]+")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class RemoteFile(Record):
    """Digest and size of a file."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Count


class RemoteManifest(Record):
    """What an address holds: files by path, such as `outputs/MODEL/maze_task/maze_0000/result.json`."""

    format: Literal[1] = 1
    kit_version: str = ""
    files: dict[str, RemoteFile] = {}


class Remote:
    """Reads and writes the objects at an address.

    Args:
        url: s3://, gs://, hf://datasets/OWNER/NAME, file:// or memory://. Keys come from the environment.

    Raises:
        UsageError: another address, or one with a key in it.
        EnvironmentMissing: a package is missing.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        match = _URL.fullmatch(self.url)
        if match is None:
            # Without the address, because it may contain a key.
            raise UsageError(
                "the URL is not s3://..., gs://..., hf://datasets/OWNER/NAME, file:///... or memory://...",
                "write it without user, key, @ or ?; keys belong into the environment or the files of the provider",
            )
        self.protocol = match["plain"] or match["hf"]
        with self._explained():
            import fsspec

            options = {"auto_mkdir": True} if self.protocol == "file" else {}
            self._files, self._root = fsspec.core.url_to_fs(self.url, **options)

    def sizes(self) -> dict[str, int]:
        """Return the size of each object by its digest."""
        with self._explained():
            self._files.invalidate_cache()
            try:
                found = self._files.find(f"{self._root}/objects", detail=True)
            except FileNotFoundError:
                return {}
        names = {path.rpartition("/")[2]: info["size"] for path, info in found.items()}
        return {name: size for name, size in names.items() if _DIGEST.fullmatch(name)}

    def put(self, files: Mapping[str, Path]) -> Iterator[str]:
        """Write objects, by their digests, and yield each digest when its object is written."""
        with self._explained():
            if self.protocol == "hf":
                yield from _commit(self._files.resolve_path(self._root), files)
                return
            with ThreadPoolExecutor(_THREADS) as pool:
                try:
                    yield from pool.map(lambda item: self._put(*item), files.items())
                finally:
                    pool.shutdown(cancel_futures=True)

    def _put(self, digest: str, path: Path) -> str:
        self._write(self._object(digest), read_checked(path, digest))
        return digest

    def get(self, file: RemoteFile) -> bytes:
        """Return an object, checked.

        Raises:
            StorageError: it is missing or damaged.
        """
        with self._explained():
            data: bytes = self._files.cat_file(self._object(file.sha256), start=0, end=file.size + 1)
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise StorageError(f"object {file.sha256} of {self.url} is damaged", "remove it there, then push again")
        return data

    def read_manifest(self) -> RemoteManifest | None:
        """Return the manifest; None if there is none.

        Raises:
            StorageError: it is damaged, or has the path of a file that no experiment has.
        """
        with self._explained():
            self._files.invalidate_cache()
            try:
                data = self._files.cat_file(f"{self._root}/{MANIFEST}")
            except FileNotFoundError:
                return None
        try:
            manifest = RemoteManifest.model_validate_json(data)
        except ValidationError as error:
            raise StorageError(f"{self.url}/{MANIFEST} is not a manifest: {explain_validation(error)[:300]}") from None
        for name in manifest.files:
            if not _is_of_an_experiment(name):
                raise StorageError(f"{self.url}/{MANIFEST} has a path of no experiment: {name[:100]!r}")
        return manifest

    def write_manifest(self, manifest: RemoteManifest) -> None:
        """Write the manifest, after all objects."""
        data = dumps(manifest.model_dump(mode="json")).encode()
        with self._explained():
            if self.protocol == "hf":
                _commit_one(self._files.resolve_path(self._root), {MANIFEST: data})
            else:
                self._write(f"{self._root}/{MANIFEST}", data)

    def _object(self, digest: str) -> str:
        return f"{self._root}/{_object_name(digest)}"

    def _write(self, path: str, data: bytes) -> None:
        # Unlike the others, a file system shows a file that is half written.
        if self.protocol == "file":
            write_bytes(Path(path), data)
        else:
            self._files.pipe_file(path, data)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what a client raises into one line without keys."""
        try:
            yield
        except VMEvalError:
            raise
        except ImportError as error:
            package = _PACKAGES[self.protocol]
            fix = f"pip install 'vmevalkit[push]' {package}"
            raise EnvironmentMissing(f"{self.protocol}:// needs {package}: {first_line(error)}", fix) from None
        except Exception as error:  # noqa: BLE001 - each provider has errors of its own
            what = f"{self.url} cannot be used: {type(error).__name__}: {first_line(error)}"
            raise StorageError(what, "check address, network and keys, then rerun the same command") from None


def read_checked(path: Path, digest: str) -> bytes:
    """Return the content of a file.

    Raises:
        StorageError: it does not have the digest any more, or cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise StorageError(f"{path} has changed meanwhile", "rerun the same command")
    return data


def _object_name(digest: str) -> str:
    return f"objects/{digest[:2]}/{digest}"


def _is_of_an_experiment(name: str) -> bool:
    """Whether a path in a manifest, which somebody else may have written, is that of a file which a push would copy."""
    part, *below = name.split("/")
    deep = len(below) >= 3 or (part == "questions" and below == [MANIFEST])
    return part in PARTS and deep and all(map(is_name, below))


def _commit(place: Any, files: Mapping[str, Path]) -> Iterator[str]:
    """Write objects to the hub, many in each commit."""
    batch: dict[str, bytes] = {}
    for digest, path in files.items():
        batch[digest] = read_checked(path, digest)
        if len(batch) == _COMMIT_FILES or sum(map(len, batch.values())) >= _COMMIT_BYTES:
            _commit_one(place, {_object_name(name): data for name, data in batch.items()})
            yield from batch
            batch = {}
    if batch:
        _commit_one(place, {_object_name(name): data for name, data in batch.items()})
        yield from batch


def _commit_one(place: Any, files: Mapping[str, bytes]) -> None:
    from huggingface_hub import CommitOperationAdd, HfApi

    below = f"{place.path_in_repo}/" if place.path_in_repo else ""
    HfApi().create_commit(
        repo_id=place.repo_id,
        repo_type="dataset",
        operations=[CommitOperationAdd(f"{below}{name}", data) for name, data in files.items()],
        commit_message=f"vmevalkit push: {len(files)} files",
    )
