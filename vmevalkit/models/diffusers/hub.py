"""The Hugging Face hub: where its client keeps weights, and how to download them at a fixed revision.

Where no commit is known, the newest of the branch is resolved once, when the weights are downloaded. The client notes
it in its cache, from where it is read afterwards.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import urllib.request
from pathlib import Path

from vmevalkit import defaults
from vmevalkit.errors import WeightsError
from vmevalkit.models.base import ModelCard

log = logging.getLogger(__name__)

VARIABLE = "VMEVALKIT_WEIGHTS"
"""Environment variable that names a folder with weights."""
_NEWEST = "main"


def cache_folder(card: ModelCard) -> Path:
    """Return the folder in which the Hugging Face client keeps the revision of a model.

    Without a revision in the card, it is the one that was the newest at the time of the download.

    The layout is documented: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
    """
    repository = cache_root(card)
    return repository / "snapshots" / (_resolved(repository, card) or card.revision or _NEWEST)


def cache_root(card: ModelCard) -> Path:
    """Return the folder in which the Hugging Face client keeps all revisions of a model."""
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    return hub / f"models--{card.model.replace('/', '--')}"


def _resolved(repository: Path, card: ModelCard) -> str | None:
    """Return the commit that was the newest of a branch when it was downloaded; None if it was not, or for a commit."""
    note = repository / "refs" / (card.revision or _NEWEST)
    return note.read_text(encoding="utf-8").strip() or None if note.is_file() else None


def is_reachable(card: ModelCard) -> bool:
    """Whether the hub answers for a model. Waits for at most three seconds."""
    if os.environ.get("HF_HUB_OFFLINE", "0").lower() in ("1", "true", "yes", "on"):
        return False
    address = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    try:
        with urllib.request.urlopen(f"{address}/api/models/{card.model}", timeout=3):  # noqa: S310 - https, or the user's
            return True
    except (OSError, ValueError):
        return False


def download(card: ModelCard) -> Path:
    """Download a model's weights into the Hugging Face cache, and return their folder.

    Only the components of the pipeline are downloaded, because repositories may hold the weights in other formats, too.

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
        # A download that was cut off goes on with the revision that it began with.
        revision = _resolved(cache_root(card), card) or card.revision
        index = Path(huggingface_hub.hf_hub_download(card.model, "model_index.json", revision=revision))
        parts = [name for name, entry in json.loads(index.read_bytes()).items() if isinstance(entry, list)]
        huggingface_hub.snapshot_download(
            card.model, revision=index.parent.name, allow_patterns=[f"{name}/*" for name in parts]
        )
    # The client raises errors of several libraries that share no narrower type.
    except Exception as error:  # noqa: BLE001
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise WeightsError(
            f"{card.name}: its weights are not on this machine and {card.model} ({_size(card)}) cannot be downloaded: "
            f"{reason}",
            how_to_get(card),
        ) from None
    return index.parent


def how_to_get(card: ModelCard, get: str | None = None) -> str:
    """Return what to do about missing weights.

    Args:
        card: the model.
        get: the command that makes the weights; None for a model from the hub.
    """
    if get or not card.on_hub:
        return f"get them with: {get}"
    revision = f" --revision {card.revision}" if card.revision else ""
    command = f"hf download {card.model}{revision} --local-dir {defaults.WEIGHTS / card.name}"
    return f"download {_size(card)}: {command}; or name a folder that has them: --weights DIR, or {VARIABLE}=DIR"


def _size(card: ModelCard) -> str:
    return f"{card.download_gb:g} GB" if card.download_gb else "size unknown"
