"""Where a checkpoint in Diffusers format lies, whether it is whole, and what identifies it. Needs no torch."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import urllib.request
from pathlib import Path
from typing import Any

from vmevalkit import defaults
from vmevalkit.errors import WeightsError
from vmevalkit.models.base import ModelCard
from vmevalkit.types import Record

log = logging.getLogger(__name__)

VARIABLE = "VMEVALKIT_WEIGHTS"
INDEX = "model_index.json"
# What Diffusers calls an adapter's weights.
ADAPTER = "pytorch_lora_weights.safetensors"
# Weights that come with the kit, where it runs from a clone: those that have a manifest.
MANIFEST = "SHA256SUMS"
_SHIPPED = Path(__file__).parents[3] / "weights"
# How much of each end of a weight file goes into the fingerprint. Reading 20 GB whole would take longer than a video.
_SAMPLE = 1 << 16
# Components without weights, and the file that each must have.
_PLAIN = {"scheduler": ("scheduler_config.json",), "tokenizer": ("tokenizer_config.json",)}


class Checkpoint(Record):
    """A folder that is whole. `repository` and `revision` are None where the folder does not say them."""

    folder: Path
    repository: str | None = None
    revision: str | None = None
    random: bool = False

    def describe(self) -> dict[str, Any]:
        """What goes into a video's provenance."""
        return {
            "repository": self.repository,
            "revision": self.revision,
            "folder": str(self.folder),
            "random": self.random,
            "fingerprint": fingerprint(self.folder),
        }


def find(card: ModelCard, weights: Path | None, get: str | None = None) -> Checkpoint:
    """The checkpoint of a model on this machine.

    Looked for in `weights` (or the folder named by VMEVALKIT_WEIGHTS) alone if that is given, else in `weights/<name>`,
    in the Hugging Face cache at the pinned revision, and among those that come with the kit.

    Args:
        card: the model.
        weights: a checkpoint, or a folder that holds one called like the model.
        get: the command that gets the weights, for the message; for a model from the hub it is known.

    Raises:
        WeightsError: there are none, or some of their files are missing or cut short.
    """
    given = _given(weights)
    if given is not None:
        places = [given, given / card.name]
    else:
        places = [defaults.WEIGHTS / card.name, *([cache_folder(card)] if card.revision else [])]
        if (_SHIPPED / card.name / MANIFEST).is_file():
            places.append(_SHIPPED / card.name)
    for folder in places:
        if (folder / INDEX).is_file():
            return check(card, folder, get)
    looked = " or ".join(str(place) for place in places)
    raise WeightsError(f"{card.name}: there are no weights in {looked}", how_to_get(card, get))


def _given(weights: Path | None) -> Path | None:
    return weights or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)


def obtain(card: ModelCard, weights: Path | None, get: str | None = None) -> Checkpoint:
    """Like `find`, but what the hub has and this machine has not, or has in part, is downloaded.

    Raises:
        WeightsError: as `find` and `fetch` do.
    """
    try:
        return find(card, weights, get)
    except WeightsError:
        if not _from_the_hub(card, weights):
            raise
    return fetch(card)


def _from_the_hub(card: ModelCard, weights: Path | None) -> bool:
    """Whether the weights are to come from the hub: it has them, and no folder was named or lies where it should."""
    return bool(card.revision) and _given(weights) is None and not (defaults.WEIGHTS / card.name / INDEX).is_file()


def can_fetch(card: ModelCard, weights: Path | None) -> bool:
    """Whether missing weights could be downloaded now. Asks the hub, for at most three seconds."""
    if not _from_the_hub(card, weights) or os.environ.get("HF_HUB_OFFLINE", "0").lower() in ("1", "true", "yes", "on"):
        return False
    address = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    try:
        with urllib.request.urlopen(f"{address}/api/models/{card.model}", timeout=3):  # noqa: S310 - https, or the user's
            return True
    except (OSError, ValueError):
        return False


def fetch(card: ModelCard) -> Checkpoint:
    """Download a model's weights from the hub, at the pinned revision, into the Hugging Face cache.

    Raises:
        WeightsError: the hub cannot be reached, or the disk is too small.
    """
    import huggingface_hub

    cache = cache_folder(card)
    existing = next(parent for parent in cache.parents if parent.is_dir())
    free = shutil.disk_usage(existing).free / 1e9
    if card.download_gb and free < card.download_gb:
        raise WeightsError(
            f"{card.name}: its weights take {card.download_gb:g} GB and {existing} has {free:.1f} GB left",
            "free some space, or set HF_HOME to a folder on a larger disk",
        )
    log.warning("downloading %s, %s", card.model, _size(card))
    try:
        huggingface_hub.snapshot_download(card.model, revision=card.revision)
    # The hub's client raises errors of several libraries that share no narrower type, offline mode included.
    except Exception as error:  # noqa: BLE001
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise WeightsError(
            f"{card.name}: its weights are not on this machine and {card.model} ({_size(card)}) cannot be downloaded: "
            f"{reason}",
            how_to_get(card),
        ) from None
    return check(card, cache)


def how_to_get(card: ModelCard, get: str | None = None) -> str:
    """What to do about missing weights: the command, and how much it downloads."""
    if get or not card.revision:
        return f"get them with: {get}"
    command = f"hf download {card.model} --revision {card.revision} --local-dir {defaults.WEIGHTS / card.name}"
    return f"download {_size(card)}: {command}; or name a folder that has them: --weights DIR, or {VARIABLE}=DIR"


def _size(card: ModelCard) -> str:
    return f"{card.download_gb:g} GB" if card.download_gb else "size unknown"


def cache_folder(card: ModelCard) -> Path:
    """Where the Hugging Face client keeps the pinned revision; the layout is documented and stable."""
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    return hub / f"models--{card.model.replace('/', '--')}" / "snapshots" / str(card.revision)


def check(card: ModelCard, folder: Path, get: str | None = None) -> Checkpoint:
    """Make sure that every file that the pipeline needs is there and whole.

    Raises:
        WeightsError: names the files that are missing or cut short.
    """
    index = _json(folder / INDEX)
    parts = {k: v for k, v in index.items() if not k.startswith("_") and isinstance(v, list) and v and v[0]}
    problems = [] if parts else [f"{INDEX} (not an index of a pipeline)"]
    for name in sorted(parts):
        problems += [f"{name}/{problem}" for problem in _problems(folder / name, name)]
    if problems:
        shown = ", ".join(problems[:4]) + (f" and {len(problems) - 4} more" if len(problems) > 4 else "")
        raise WeightsError(f"{card.name}: the weights in {folder} are incomplete: {shown}", how_to_get(card, get))
    revision = _revision(folder)
    known = card.revision is not None and revision == card.revision
    return Checkpoint(
        folder=folder,
        repository=card.model if known else None,
        revision=revision,
        random=bool(index.get("_random_weights")),
    )


def check_adapter(folder: Path) -> None:
    """Make sure that a folder holds an adapter's weights, whole.

    Raises:
        WeightsError: it does not.
    """
    path = folder / ADAPTER
    if not path.is_file():
        raise WeightsError(f"there is no {ADAPTER} in {folder}", "name a folder that training/lora.py wrote")
    if not _is_whole(path):
        raise WeightsError(f"{path} is damaged or cut short", "train or copy it again")


def _problems(folder: Path, name: str) -> list[str]:
    """Files of one component that are missing or cut short."""
    if name in _PLAIN:
        problems = [file for file in _PLAIN[name] if not _has(folder / file)]
        if name == "tokenizer" and not (_has(folder / "spiece.model") or _has(folder / "tokenizer.json")):
            problems.append("spiece.model")
        return problems
    problems = [] if _json(folder / "config.json") else ["config.json"]
    files = sorted(folder.glob("*.safetensors"))
    indexes = sorted(folder.glob("*.safetensors.index.json"))
    if indexes:
        shards = set(_json(indexes[0]).get("weight_map", {}).values())
        if not shards:
            problems.append(indexes[0].name)
        problems += sorted(shard for shard in shards if not (folder / shard).is_file())
    elif not files:
        problems.append("*.safetensors")
    return problems + [f"{file.name} (cut short)" for file in files if not _is_whole(file)]


def _has(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _is_whole(path: Path) -> bool:
    """Whether a safetensors file is as long as its header says."""
    size = path.stat().st_size
    try:
        header = json.loads(_header(path))
        end = max((entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"), default=0)
    except (ValueError, TypeError, KeyError, OSError, AttributeError):
        return False
    return bool(size == 8 + len(_header(path)) + end)


def _header(path: Path) -> bytes:
    """The JSON header of a safetensors file: its length in the first eight bytes, little endian, then itself."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        # The format allows 100 MB; more is damage.
        return file.read(length) if length <= 100_000_000 else b""


def _json(path: Path) -> dict[str, Any]:
    """A JSON object; empty where the file is missing or is not one."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def component_config(checkpoint: Checkpoint, component: str) -> dict[str, Any]:
    """config.json of one component."""
    return _json(checkpoint.folder / component / "config.json")


def _revision(folder: Path) -> str | None:
    """The hub's commit, from the cache's folder name or from what `hf download --local-dir` leaves beside the files."""
    if folder.parent.name == "snapshots":
        return folder.name
    note = folder / ".cache" / "huggingface" / "download" / f"{INDEX}.metadata"
    return note.read_text(encoding="utf-8").split("\n")[0].strip() or None if note.is_file() else None


def fingerprint(folder: Path) -> str:
    """sha256 over every file's path and size, the whole of small files, and header and both ends of weight files."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts):
            continue
        size = path.stat().st_size
        digest.update(f"{name.as_posix()}\0{size}\0".encode())
        with path.open("rb") as file:
            digest.update(file.read(2 * _SAMPLE))
            if size > 2 * _SAMPLE:
                file.seek(size - _SAMPLE)
                digest.update(file.read())
        if path.suffix == ".safetensors":
            digest.update(_header(path))
    return digest.hexdigest()
