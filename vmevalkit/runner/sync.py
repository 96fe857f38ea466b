"""Push and pull: copy an experiment to and from another place."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vmevalkit import defaults, store
from vmevalkit._version import __version__
from vmevalkit.errors import UsageError
from vmevalkit.progress import track
from vmevalkit.store import Remote, RemoteFile, RemoteManifest
from vmevalkit.types import Record

_SHOWN = 3
_THREADS = 8
_LISTS = {"questions": store.question_files, "outputs": store.output_files, "scores": store.score_files}


class Copied(Record):
    """What `push` or `pull` did: the number of files that were copied, and that were up to date."""

    copied: int
    unchanged: int


def push(
    url: str,
    *,
    questions: Path | str = defaults.QUESTIONS,
    outputs: Path | str = defaults.OUTPUTS,
    scores: Path | str = defaults.SCORES,
) -> Copied:
    """Copy an experiment to an address. Only what changed is copied. Call it again to resume.

    Files that are there and not here stay there. Nothing counts until everything is copied.

    Args:
        url: s3://, gs://, hf://datasets/OWNER/NAME, file:// or memory://. Keys come from the environment.
        questions, outputs, scores: folders of the question set, the experiment's videos and its scores.

    Raises:
        UsageError: the address is wrong, or there is nothing to copy.
        StorageError: the place cannot be used.
    """
    remote = Remote(url)
    folders = {"questions": Path(questions), "outputs": Path(outputs), "scores": Path(scores)}
    paths = {
        f"{part}/{name}": path for part, root in folders.items() for name, path in _LISTS[part](root.absolute()).items()
    }
    if not paths:
        raise UsageError(f"there is nothing to push in {', '.join(map(str, folders.values()))}")
    files = {
        name: RemoteFile(sha256=store.sha256(path), size=path.stat().st_size)
        for name, path in track(paths.items(), len(paths), "reading")
    }
    sizes = remote.sizes()
    missing = {file.sha256: paths[name] for name, file in files.items() if sizes.get(file.sha256) != file.size}
    for _ in track(remote.put(missing), len(missing), f"copying to {remote.url}"):
        pass
    # Read late, because somebody else may have pushed meanwhile.
    before = remote.read_manifest() or RemoteManifest()
    after = before.model_copy(update={"kit_version": __version__, "files": {**before.files, **files}})
    if after.files != before.files:
        remote.write_manifest(after)
    changed = sum(before.files.get(name) != file for name, file in files.items())
    return Copied(copied=changed, unchanged=len(files) - changed)


def pull(
    url: str,
    *,
    questions: Path | str = defaults.QUESTIONS,
    outputs: Path | str = defaults.OUTPUTS,
    scores: Path | str = defaults.SCORES,
    replace: bool = False,
) -> Copied:
    """Copy an experiment from an address. Only what changed is copied. Call it again to resume.

    Files that are here and not there stay here.

    Args:
        url: where it was pushed to.
        questions, outputs, scores: folders that get the files.
        replace: replace files that differ.

    Raises:
        UsageError: the address is wrong or empty, or files here differ; nothing was written.
        StorageError: the place cannot be used, or is damaged.
    """
    remote = Remote(url)
    manifest = remote.read_manifest()
    if manifest is None:
        raise UsageError(f"there is no complete experiment at {remote.url}", f"push it: vmevalkit push {remote.url}")
    folders = {"questions": Path(questions), "outputs": Path(outputs), "scores": Path(scores)}
    todo, differ = _outdated(manifest, {part: folder.absolute() for part, folder in folders.items()})
    if differ and not replace:
        shown = ", ".join(map(str, differ[:_SHOWN])) + (f" and {len(differ) - _SHOWN} more" if differ[_SHOWN:] else "")
        raise UsageError(f"{len(differ)} files differ from those at {remote.url}: {shown}",
                         "choose other folders, or replace them: --replace")  # fmt: skip
    # Videos last: a video without its result would count as user-supplied.
    for videos in (False, True):
        batch = {path: file for path, file in todo.items() if store.is_video(path.name) == videos}
        _fetch(remote, batch, f"copying {'videos' if videos else 'files'} from {remote.url}")
    return Copied(copied=len(todo), unchanged=len(manifest.files) - len(todo))


def _outdated(manifest: RemoteManifest, folders: Mapping[str, Path]) -> tuple[dict[Path, RemoteFile], list[Path]]:
    """Return the files to copy, and those of them that exist with another content."""
    todo: dict[Path, RemoteFile] = {}
    differ = []
    for name, file in track(manifest.files.items(), len(manifest.files), "comparing"):
        part, _, below = name.partition("/")
        path = folders[part] / below
        digest = store.sha256_or_none(path)
        if digest != file.sha256:
            todo[path] = file
            if digest is not None:
                differ.append(path)
    return todo, differ


def _fetch(remote: Remote, files: Mapping[Path, RemoteFile], label: str) -> None:
    """Copy files; each object once, whatever the number of files that have its content."""
    paths: dict[RemoteFile, list[Path]] = {}
    for path, file in files.items():
        paths.setdefault(file, []).append(path)

    def fetch(file: RemoteFile) -> None:
        data = remote.get(file)
        for path in paths[file]:
            store.write_bytes(path, data)

    with ThreadPoolExecutor(_THREADS) as pool:
        try:
            for _ in track(pool.map(fetch, paths), len(paths), label):
                pass
        finally:
            pool.shutdown(cancel_futures=True)
