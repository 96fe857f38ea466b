"""The catalog of models as plain dicts. Derived: cards are defined in `vmevalkit/models/<family>_inference.py`.

An entry has `wrapper_module, wrapper_class, service_class, model, args, description, family`. Reading it loads no
model and none of the heavy libraries.
"""

from __future__ import annotations

from typing import Any

from vmevalkit.models.base import MODELS

AVAILABLE_MODELS: dict[str, dict[str, Any]] = {name: MODELS[name].entry for name in MODELS}

MODEL_FAMILIES: dict[str, dict[str, dict[str, Any]]] = {
    family: {name: entry for name, entry in AVAILABLE_MODELS.items() if entry["family"] == family}
    for family in sorted({entry["family"] for entry in AVAILABLE_MODELS.values()})
}

COGVIDEOX_MODELS: dict[str, dict[str, Any]] = MODEL_FAMILIES["CogVideoX"]
