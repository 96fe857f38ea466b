"""What reports must know of the model catalog: which models are baselines, and how models are sorted."""

from __future__ import annotations

from vmevalkit.models import MODELS
from vmevalkit.reporting.stats import CEILING
from vmevalkit.store.experiment import KnownModels


def known_models() -> KnownModels:
    """Return what the read model needs from the catalog. The ceiling is the first baseline."""
    cards = {name: MODELS[name] for name in MODELS}
    baselines = [name for name, card in cards.items() if card.baseline]
    return KnownModels(
        baselines=tuple(sorted(baselines, key=lambda name: (name != CEILING, name))),
        needs={name: card.needs for name, card in cards.items() if card.needs},
    )


def is_baseline(model: str) -> bool:
    """Whether a model answers without reasoning."""
    return model in MODELS and MODELS[model].baseline
