"""Checkpoints in Diffusers format: where they are, whether they are complete, and what identifies them.

A checkpoint is a folder with `model_index.json`, which names a pipeline's components. Each component is a folder of its
own. What a component needs follows from its class and from what is in its folder, so this module knows no model family.
Only safetensors weights are used; pickled weights can run code and are never loaded. Needs no PyTorch.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from vmevalkit import defaults, installation
from vmevalkit.errors import WeightsError
from vmevalkit.models.base import ModelCard
from vmevalkit.models.diffusers.hub import VARIABLE, download, is_reachable
from vmevalkit.models.diffusers.hub import cache_folder as cache_folder
from vmevalkit.models.diffusers.hub import how_to_get as how_to_get
from vmevalkit.types import Record

INDEX = "model_index.json"
# The name that Diffusers gives to the weights of an adapter.
ADAPTER = "pytorch_lora_weights.safetensors"
# Weights that come with the repository have a manifest.
MANIFEST = "SHA256SUMS"
_SHIPPED = installation.REPOSITORY / "weights"

# Components without weights, by the end of their class's name, and their configuration file. Processors of
# transformers 5 have a suffix for the library that they use.
_WITHOUT_WEIGHTS = (
    (re.compile(r"Scheduler$"), ("scheduler_config.json",)),
    (re.compile(r"Tokenizer(Fast)?$"), ("tokenizer_config.json",)),
    (re.compile(r"(Processor|FeatureExtractor)(Fast|Pil)?$"), ("preprocessor_config.json", "processor_config.json")),
    (re.compile(r"Guidance$"), ("guider_config.json",)),
)
# A tokenizer's vocabulary is one of these. The byte-level one of ByT5 needs none.
_VOCABULARIES = ("tokenizer.json", "spiece.model", "tokenizer.model", "vocab.json", "vocab.txt")
_BYTE_LEVEL = "ByT5Tokenizer"
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".msgpack", ".h5")
# model.safetensors, diffusion_pytorch_model.fp16.safetensors; a variant such as fp16 stands between the dots.
_STEM = r"^(?:model|diffusion_pytorch_model)"
_WEIGHTS_NAME = re.compile(_STEM + r"(?:\.(\w+))?(?:-\d{5}-of-\d{5})?(?:\.(\w+))?\.safetensors$")
_SHARDS_NAME = re.compile(_STEM + r"\.safetensors\.index(?:\.(\w+))?\.json$")
# The safetensors format allows headers of up to 100 MB.
_HEADER_LIMIT = 100_000_000
# Bytes of each end of a weight file that go into the fingerprint. Hashing 20 GB would take longer than a video.
_SAMPLE = 1 << 16


class Checkpoint(Record):
    """A complete checkpoint.

    Attributes:
        folder: where it is.
        repository, revision: on the hub; None where the folder does not tell.
        random: the weights are random, for tests and measurements.
        variant: which weights to load where the folder has only a variant, such as "fp16"; None for the usual ones.
    """

    folder: Path
    repository: str | None = None
    revision: str | None = None
    random: bool = False
    variant: str | None = None

    def describe(self) -> dict[str, Any]:
        """Return what identifies the checkpoint, for a video's provenance."""
        return {
            "repository": self.repository,
            "revision": self.revision,
            "folder": str(self.folder),
            "random": self.random,
            "fingerprint": fingerprint(self.folder),
        }


def find(card: ModelCard, weights: Path | None, get: str | None = None) -> Checkpoint:
    """Find a model's checkpoint on this machine.

    If `weights` or the variable VMEVALKIT_WEIGHTS names a folder, only that is searched. Otherwise `weights/<name>`,
    the Hugging Face cache (at the card's revision, else at the one that was downloaded), and the weights that come with
    the repository are.

    Args:
        card: the model.
        weights: a checkpoint, or a folder that contains one named like the model.
        get: the command that makes the weights, for the message; None for a model from the hub.

    Raises:
        WeightsError: there is no checkpoint, or it is not complete.
    """
    given = _given(weights)
    if given is not None:
        places = [given, given / card.name]
    else:
        places = [defaults.WEIGHTS / card.name, *([cache_folder(card)] if card.on_hub else [])]
        if (_SHIPPED / card.name / MANIFEST).is_file():
            places.append(_SHIPPED / card.name)
    for folder in places:
        if (folder / INDEX).is_file():
            return check(card, folder, get)
    searched = " or ".join(str(place) for place in places)
    raise WeightsError(f"{card.name}: there are no weights in {searched}", how_to_get(card, get))


def obtain(card: ModelCard, weights: Path | None, get: str | None = None) -> Checkpoint:
    """Find a model's checkpoint, and download what is missing if it comes from the hub.

    Raises:
        WeightsError: as `find` and `fetch` do.
    """
    try:
        return find(card, weights, get)
    except WeightsError:
        if not _from_the_hub(card, weights):
            raise
    return fetch(card)


def can_fetch(card: ModelCard, weights: Path | None) -> bool:
    """Whether missing weights can be downloaded now. Asks the hub, for at most three seconds."""
    return _from_the_hub(card, weights) and is_reachable(card)


def fetch(card: ModelCard) -> Checkpoint:
    """Download a model's weights from the hub.

    Raises:
        WeightsError: the hub cannot be reached, the disk is too small, or the download is not complete.
    """
    return check(card, download(card))


def _given(weights: Path | None) -> Path | None:
    return weights or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)


def _from_the_hub(card: ModelCard, weights: Path | None) -> bool:
    """Whether the weights may come from the hub: it has them, and no local folder is meant."""
    return card.on_hub and _given(weights) is None and not (defaults.WEIGHTS / card.name / INDEX).is_file()


def check(card: ModelCard, folder: Path, get: str | None = None) -> Checkpoint:
    """Check that a folder has every file that its pipeline needs, complete.

    Raises:
        WeightsError: names the files that are missing, cut short or not allowed.
    """
    index = _json(folder / INDEX)
    parts = _components(index)
    variants = {name: variants_in(folder / name) for name, kind in parts.items() if _has_weights(kind)}
    variant = _common_variant(list(variants.values()))
    problems = [] if parts else [f"{INDEX} (not an index of a pipeline)"]
    for name, kind in sorted(parts.items()):
        problems += [f"{name}/{problem}" for problem in _problems(folder / name, kind, variant)]
    if problems:
        shown = ", ".join(problems[:4]) + (f" and {len(problems) - 4} more" if len(problems) > 4 else "")
        raise WeightsError(f"{card.name}: the weights in {folder} are incomplete: {shown}", how_to_get(card, get))
    revision = _revision(folder)
    known = revision is not None and card.on_hub and (revision == card.revision or not card.is_pinned)
    return Checkpoint(
        folder=folder,
        repository=card.model if known else None,
        revision=revision,
        random=bool(index.get("_random_weights")),
        variant=variant,
    )


def check_adapter(folder: Path) -> None:
    """Check that a folder has the weights of an adapter, complete.

    Raises:
        WeightsError: it has not.
    """
    path = folder / ADAPTER
    if not path.is_file():
        raise WeightsError(f"there is no {ADAPTER} in {folder}", "name a folder that training/lora.py wrote")
    if not _is_complete(path):
        raise WeightsError(f"{path} is damaged or cut short", "train or copy it again")


def component_config(checkpoint: Checkpoint, component: str) -> dict[str, Any]:
    """Return config.json of one component; empty if it has none."""
    return _json(checkpoint.folder / component / "config.json")


def components_with_weights(folder: Path) -> tuple[str, ...]:
    """Return the names of a checkpoint's components that have weights, sorted."""
    return tuple(sorted(name for name, kind in _components(_json(folder / INDEX)).items() if _has_weights(kind)))


def _components(index: dict[str, Any]) -> dict[str, str]:
    """Return the class of each component that a pipeline's index names. Optional ones may be null."""
    found = {}
    for name, entry in index.items():
        is_component = isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, str) for part in entry)
        # A name from a file becomes part of a path, so it must be a plain name.
        if is_component and re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
            found[name] = str(entry[1])
    return found


def _has_weights(kind: str) -> bool:
    return not any(pattern.search(kind) for pattern, _ in _WITHOUT_WEIGHTS)


def _problems(folder: Path, kind: str, variant: str | None) -> list[str]:
    """Return the files of one component that are missing, cut short or not allowed."""
    for pattern, configs in _WITHOUT_WEIGHTS:
        if pattern.search(kind):
            problems = [] if any(_has(folder / name) for name in configs) else [configs[0]]
            if "Tokenizer" in kind and kind != _BYTE_LEVEL and not any(_has(folder / name) for name in _VOCABULARIES):
                problems.append(next((name for name in _VOCABULARIES if (folder / name).is_file()), _VOCABULARIES[0]))
            return problems
    return ([] if _json(folder / "config.json") else ["config.json"]) + _weight_problems(folder, variant)


def variants_in(folder: Path) -> set[str | None]:
    """Return the variants of the weights in a component's folder; None stands for the usual weights."""
    if not folder.is_dir():
        return set()
    names = [path.name for path in folder.iterdir()]
    matches = [match for name in names if (match := _WEIGHTS_NAME.match(name) or _SHARDS_NAME.match(name))]
    return {next(filter(None, match.groups()), None) for match in matches}


def _common_variant(variants: list[set[str | None]]) -> str | None:
    """Return None where all components have the usual weights, else a variant that all have."""
    common = set.intersection(*variants) if variants else set()
    return None if None in common else min((name for name in common if name), default=None)


def _weight_problems(folder: Path, variant: str | None) -> list[str]:
    if not folder.is_dir():
        return ["*.safetensors"]
    names = sorted(path.name for path in folder.iterdir())
    matches = {name: match for name in names if (match := _WEIGHTS_NAME.match(name))}
    files = [name for name, match in matches.items() if next(filter(None, match.groups()), None) == variant]
    indexes = [name for name in names if (match := _SHARDS_NAME.match(name)) and match[1] == variant]
    problems = []
    if indexes:
        shards = _shards(folder / indexes[0])
        if not shards:
            problems.append(f"{indexes[0]} (not an index of weights)")
        files = sorted(shards)
        problems += [name for name in files if not (folder / name).is_file()]
    elif not files:
        pickled = [name for name in names if name.endswith(_PICKLED)]
        problems.append(f"*.safetensors ({pickled[0]} is pickled and never loaded)" if pickled else "*.safetensors")
    elif any("-of-" in name for name in files):
        problems.append("*.safetensors.index.json")
    existing = [name for name in files if (folder / name).is_file()]
    return problems + [f"{name} (cut short)" for name in existing if not _is_complete(folder / name)]


def _shards(index: Path) -> set[str]:
    """Return the file names in an index of weights; none where the index is damaged or names another folder."""
    weight_map = _json(index).get("weight_map")
    names = set(weight_map.values()) if isinstance(weight_map, dict) and _are_texts(weight_map.values()) else set()
    return names if all(Path(name).name == name and name.endswith(".safetensors") for name in names) else set()


def _are_texts(values: Any) -> bool:
    return all(isinstance(value, str) for value in values)


def _has(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _is_complete(path: Path) -> bool:
    """Whether a safetensors file is as long as its header says."""
    try:
        text = _header(path)
        header = json.loads(text)
        end = max((entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"), default=0)
        return bool(path.stat().st_size == 8 + len(text) + end)
    except (ValueError, TypeError, KeyError, IndexError, OSError, AttributeError, RecursionError):
        return False


def _header(path: Path) -> bytes:
    """Return the JSON header of a safetensors file. Its length is in the first eight bytes, little endian."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return file.read(length) if length <= _HEADER_LIMIT else b""


def _json(path: Path) -> dict[str, Any]:
    """Return a JSON object; empty if the file is missing or has none."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _revision(folder: Path) -> str | None:
    """Return the commit on the hub, from the cache's folder name or from a note that `hf download` leaves."""
    if folder.parent.name == "snapshots":
        return folder.name
    note = folder / ".cache" / "huggingface" / "download" / f"{INDEX}.metadata"
    return note.read_text(encoding="utf-8").split("\n")[0].strip() or None if note.is_file() else None


def fingerprint(folder: Path) -> str:
    """Return a SHA-256 digest of a checkpoint.

    It covers every file's path and size, small files completely, and the header and both ends of weight files.
    """
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
