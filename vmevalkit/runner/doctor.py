"""Show what this machine can run, and the command that fixes the rest. Loads no model."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np

from vmevalkit import media
from vmevalkit._version import __version__
from vmevalkit.errors import VMEvalError
from vmevalkit.models.base import MODELS, ModelCard, service_of
from vmevalkit.runner.environment import (
    environment_folder,
    environment_state,
    install_command,
    needs_environment,
    preferred,
)
from vmevalkit.types import Record

# What an environment takes on disk with the NVIDIA libraries, in 10^9 bytes.
ENVIRONMENT_GB = 6.0
# For videos, questions and scores.
WORKING_GB = 2.0
KEYS = ("HF_TOKEN", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY")
_SECONDS = 4.0


class Finding(Record):
    """One thing that was examined. `ok` is None if it is neither good nor bad; `fix` says how to fix it."""

    topic: str
    ok: bool | None
    what: str
    fix: str | None = None


class Machine(Record):
    """What decides whether a model can run. Memory is in GiB, disk in 10^9 bytes; without a GPU, `gpu_gib` is None."""

    gpu_gib: float | None
    host_gib: float | None
    disk_gb: float
    hub: bool


def examine() -> list[Finding]:
    """Examine Python, GPU, disk, video, hub and keys, then environment, weights and verdict of each model."""
    gpu, gpu_gib = _gpu()
    hub = _hub()
    disk = shutil.disk_usage(Path.cwd()).free / 1e9
    machine = Machine(gpu_gib=gpu_gib, host_gib=machine_memory(), disk_gb=disk, hub=bool(hub.ok))
    findings = [_python(), gpu, _disk(disk), _video(), hub, _keys()]
    cards = [MODELS[name] for name in MODELS]
    environments = {card.environment: card for card in cards if card.environment}
    findings += [_environment(name, card) for name, card in sorted(environments.items())]
    for card in cards:
        weights = _weights(card)
        findings += [weights] if weights else []
        findings.append(_verdict(card, weights, machine))
    return findings


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(topic="python", ok=True, what=f"{version} at {sys.executable}, vmevalkit {__version__}")


def _gpu() -> tuple[Finding, float | None]:
    """Ask nvidia-smi, which needs no PyTorch. Return the finding, and the memory of the largest GPU."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total,memory.free,driver_version", "--format=csv,noheader,nounits"]
    try:
        run = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
        rows = [[cell.strip() for cell in line.split(",")] for line in run.stdout.splitlines() if line.strip()]
        sizes = [float(total) / 1024 for _, total, _, _ in rows]
    except FileNotFoundError:
        return Finding(topic="gpu", ok=None, what="no NVIDIA GPU: models run on the CPU, slowly"), None
    except (subprocess.SubprocessError, OSError, ValueError):
        what, fix = "nvidia-smi exists, but lists no GPU", "run nvidia-smi; it shows what is wrong with the driver"
        return Finding(topic="gpu", ok=False, what=what, fix=fix), None
    if not rows:
        return Finding(topic="gpu", ok=None, what="no NVIDIA GPU: models run on the CPU, slowly"), None
    shown = [
        f"{name}, {float(total) / 1024:.0f} GiB ({float(free) / 1024:.0f} free), driver {driver}"
        for name, total, free, driver in rows
    ]
    return Finding(topic="gpu", ok=True, what="; ".join(shown)), max(sizes)


def machine_memory() -> float | None:
    """Return the memory of this machine in GiB; None where it is unknown (Windows)."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):
        return None


def _disk(free: float) -> Finding:
    what = f"{free:.0f} GB free in {Path.cwd()}"
    if free >= WORKING_GB:
        return Finding(topic="disk", ok=True, what=what)
    return Finding(topic="disk", ok=False, what=what, fix=f"free some space: videos need about {WORKING_GB:.0f} GB")


def _video() -> Finding:
    """Write and read a real video; no ffmpeg program is needed."""
    frames = np.zeros((4, 64, 96, 3), dtype=np.uint8)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "video.mp4"
            media.write_video(path, frames, 8.0)
            info = media.probe(path)
    except (VMEvalError, OSError) as error:
        fix = f"{sys.executable} -m pip install --force-reinstall av"
        return Finding(topic="video", ok=False, what=f"a video cannot be written: {error}", fix=fix)
    return Finding(topic="video", ok=True, what=f"videos are written and read ({info.codec}, {info.pixel_format})")


def _hub() -> Finding:
    endpoint = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return Finding(topic="hub", ok=None, what="not asked: HF_HUB_OFFLINE is set", fix="unset HF_HUB_OFFLINE")
    reason = _reach(endpoint)
    if reason is None:
        return Finding(topic="hub", ok=True, what=f"{endpoint} answers")
    return Finding(
        topic="hub",
        ok=False,
        what=f"{endpoint} cannot be reached: {reason}",
        fix="copy weights from elsewhere (--weights DIR or VMEVALKIT_WEIGHTS=DIR), or set HF_ENDPOINT to a mirror",
    )


def _reach(url: str) -> str | None:
    """Return why an address does not answer; None if it does."""
    if not url.startswith(("https://", "http://")):
        return "not an http address"
    outcome: list[str | None] = []

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - http or https, checked above
            urllib.request.urlopen(request, timeout=_SECONDS).close()  # noqa: S310
        except urllib.error.HTTPError as error:
            # Any status is an answer, but 5xx comes from a gateway.
            outcome.append(f"status {error.code}" if error.code >= 500 else None)
            error.close()
        except (OSError, ValueError) as error:
            outcome.append(str(getattr(error, "reason", error)))
        else:
            outcome.append(None)

    # In a thread, because the timeout does not cover looking up the name.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_SECONDS + 1)
    return outcome[0] if outcome else "no answer in time"


def _keys() -> Finding:
    """List names of keys only, never values."""
    known = dict.fromkeys([*KEYS, *(key for name in MODELS for key in MODELS[name].keys)])
    present = [name for name in known if os.environ.get(name)]
    absent = [name for name in known if name not in present]
    what = f"set: {', '.join(present) or 'none'}; not set: {', '.join(absent) or 'none'}"
    return Finding(topic="keys", ok=None, what=what)


def _environment(name: str, card: ModelCard) -> Finding:
    topic, name = f"environment {name}", preferred(name)
    state = environment_state(name)
    if state == "ready":
        return Finding(topic=topic, ok=True, what=f"installed in {environment_folder(name)}")
    if state == "outdated":
        what = f"{environment_folder(name)} works, but was made from other pins"
        return Finding(topic=topic, ok=None, what=what, fix=install_command(name))
    if not needs_environment(card):
        what = f"{state}, and not needed: its packages can be imported here"
        return Finding(topic=topic, ok=None, what=what, fix=f"{install_command(name)}, for its exact versions")
    return Finding(topic=topic, ok=False, what=state, fix=install_command(name))


def _weights(card: ModelCard) -> Finding | None:
    """Return where a model's weights are; None for a model without weights."""
    status = service_of(card).weights_status(card)
    if status is None:
        return None
    exists, what = status
    fix = None
    if not exists and what.endswith(")"):
        # The text of a VMEvalError: what is wrong, then the fix in parentheses.
        what, _, fix = what.removesuffix(")").rpartition(" (")
    what = what.removeprefix(f"{card.name}: ")
    return Finding(topic=f"weights {card.name}", ok=exists, what=what, fix=fix)


def _verdict(card: ModelCard, weights: Finding | None, machine: Machine) -> Finding:
    """Decide whether a model can run here. If not, name every reason and every fix."""
    reasons: list[tuple[str, str | None]] = []
    needed = 0.0
    if needs_environment(card):
        state = environment_state(preferred(card.environment)) if card.environment else "missing"
        if state in ("missing", "unfinished"):
            needed += ENVIRONMENT_GB
            fix = install_command(card.environment) if card.environment else f"pip install {' '.join(card.packages)}"
            reasons.append((f"its environment is {state}", fix))
    reasons += [(f"the key {key} is not set", f"export {key}=...") for key in card.keys if not os.environ.get(key)]
    notes = []
    if weights is not None and not weights.ok:
        needed += card.download_gb or 0
        if card.on_hub and machine.hub:
            notes.append(f"downloads {card.download_gb:g} GB first")
        else:
            reasons.append(("its weights are missing", weights.fix))
    if needed > machine.disk_gb:
        what = f"it needs {needed:.0f} GB of disk and {machine.disk_gb:.0f} are free"
        reasons.append((what, "free some space, or set HF_HOME to a larger disk"))
    reasons += _memory(card, machine)
    if machine.gpu_gib is None and card.memory_gib and not reasons:
        notes.append("on the CPU, hours for a video" if card.download_gb else "on the CPU")
    topic = f"model {card.name}"
    if not reasons:
        return Finding(topic=topic, ok=True, what=", ".join(["can run", *notes]))
    fixes = [fix for _, fix in reasons if fix]
    because = "; ".join(reason for reason, _ in reasons)
    return Finding(topic=topic, ok=False, what=f"cannot run: {because}", fix="; then ".join(fixes) or None)


def _memory(card: ModelCard, machine: Machine) -> list[tuple[str, str | None]]:
    """Return which memory is too small, if any."""
    if not card.memory_gib:
        return []
    least = min(card.memory_gib.values())
    elsewhere = f"run it where an NVIDIA GPU has at least {least:g} GiB"
    if machine.gpu_gib is not None:
        what = f"its smallest plan needs {least:g} GiB, the GPU has {machine.gpu_gib:.0f}"
        return [] if machine.gpu_gib >= least else [(what, elsewhere)]
    # On the CPU, weights are float32, twice their size on the hub, and all in memory at once.
    host = 2 * (card.download_gb or 0) * 1e9 / 2**30
    if machine.host_gib is None or machine.host_gib >= host:
        return []
    what = f"there is no GPU, and the CPU would need about {host:.0f} GiB of memory (there are {machine.host_gib:.0f})"
    return [(what, elsewhere)]
