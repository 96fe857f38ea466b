"""The catalog: models, tasks, scorers, suites and formats, and what can be set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from vmevalkit.errors import UnknownName

Shelf = Literal["models", "tasks", "scorers", "suites", "formats"]

# Limits of pydantic fields in words.
_LIMITS = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "min_length": "at least {} characters",
    "pattern": "matching {}",
}


def catalog(shelf: Shelf, name: str | None = None) -> Any:
    """Return every model, task, scorer, suite or format with a description, or all that is known about one.

    Args:
        shelf: `models`, `tasks`, `scorers`, `suites` or `formats`.
        name: of one of them.

    Raises:
        UnknownName: there is no such shelf or name.
    """
    if shelf == "models":
        return _model(name) if name else _models()
    if shelf == "tasks":
        return _task(name) if name else _tasks()
    if shelf == "scorers":
        return _scorer(name) if name else _scorers()
    if shelf == "suites":
        return _suite(name) if name else _suites()
    if shelf == "formats":
        return _format(name) if name else _formats()
    raise UnknownName("shelf", shelf, get_args(Shelf))


def _models() -> list[dict[str, Any]]:
    from vmevalkit.models.base import MODELS

    return [{"name": name, "family": MODELS[name].family, "description": MODELS[name].description} for name in MODELS]


def _tasks() -> list[dict[str, Any]]:
    from vmevalkit.tasks.base import TASKS

    return [
        {
            "name": name,
            "version": TASKS[name].version,
            "tags": list(TASKS[name].tags),
            "description": TASKS[name].summary,
        }
        for name in TASKS
    ]


def _scorers() -> list[dict[str, Any]]:
    from vmevalkit.scorers.base import SCORERS

    return [{"name": name, "description": SCORERS[name].about} for name in SCORERS]


def _suites() -> list[dict[str, Any]]:
    from vmevalkit.suites import load_suite, suite_names

    suites = [load_suite(name) for name in suite_names()]
    return [
        {
            "name": s.name,
            "questions": s.questions,
            "description": f"{s.about} {len(s.tasks)} tasks, {s.questions} questions.",
        }
        for s in suites
    ]


def _formats() -> list[dict[str, Any]]:
    from vmevalkit.interop import FORMATS

    return [{"name": name, "description": _format_line(_format(name))} for name in FORMATS]


def _format_line(facts: Mapping[str, Any]) -> str:
    terms = f" License: {facts['license']}." if "license" in facts else ""
    return f"{facts['description']} {facts['use'].capitalize()}.{terms}"


def _format(name: str) -> dict[str, Any]:
    from vmevalkit.interop import FORMATS, Exporter, Importer

    found = FORMATS[name]
    uses = [word for word, kind in (("import", Importer), ("export", Exporter)) if isinstance(found, kind)]
    facts = {"name": name, "description": found.about, "use": " and ".join(uses), "source": found.url}
    return {**facts, **({"license": found.license, "version": found.version} if found.license else {})}


def _suite(name: str) -> dict[str, Any]:
    from vmevalkit.suites import load_suite

    suite = load_suite(name)
    facts = suite.model_dump(mode="json", exclude={"about", "phrasings"})
    return {"description": suite.about, "questions": suite.questions, "phrasings": suite.phrasings or 1, **facts}


def _model(name: str) -> dict[str, Any]:
    from vmevalkit.models.base import find_card, service_of

    card = find_card(name)
    service = service_of(card)
    config = service.config_type
    facts = {
        "name": card.name,
        "family": card.family,
        "description": card.description,
        "when to use": card.when,
        "license": card.license,
        "hub": card.model if card.revision or "/" in card.model else None,
        "download": f"{card.download_gb:g} GB" if card.download_gb else None,
        "GPU memory (GiB) by plan": card.memory_gib or None,
        "environment": card.environment,
        "capabilities": [key for key, value in card.capabilities if value],
        "settings": settings_of(config, service.defaults(card), service.ranges(card)) if config is not None else None,
    }
    return {key: value for key, value in facts.items() if value}


def _task(name: str) -> dict[str, Any]:
    from vmevalkit.tasks.base import TASKS

    task = TASKS[name]
    return {
        "name": name,
        "version": task.version,
        "tags": list(task.tags),
        "description": task.summary,
        "levels": {
            str(difficulty): ", ".join(f"{field} {value}" for field, value in level._asdict().items())
            for difficulty, level in task.levels.items()
        },
        "reasons": dict(task.reasons),
    }


def _scorer(name: str) -> dict[str, Any]:
    from vmevalkit.scorers.base import SCORERS

    scorer = SCORERS[name]
    facts: dict[str, Any] = {"name": name, "description": scorer.about}
    if scorer.settings_type is not None:
        facts["settings"] = settings_of(scorer.settings_type)
    return facts


def settings_of(
    config: type[BaseModel], defaults: Mapping[str, Any] | None = None, ranges: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return each setting of a configuration: its name, the allowed values, and the default.

    Args:
        config: the configuration.
        defaults: values that replace those of the configuration.
        ranges: allowed values that replace those of the configuration.
    """
    given = defaults or {}
    found = []
    for name, field in config.model_fields.items():
        required = field.is_required() and name not in given
        default = None if required else given.get(name, field.get_default(call_default_factory=True))
        allowed = (ranges or {}).get(name) or _allowed(field)
        found.append({"name": name, "allowed": allowed, "required": required, "default": _plain(default)})
    return found


def _plain(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, type(None))) else str(value)


def _allowed(field: FieldInfo) -> str:
    """Describe the values that a field allows."""
    words = [_type_words(field.annotation)]
    for limit in field.metadata:
        for attribute, text in _LIMITS.items():
            value = getattr(limit, attribute, None)
            if value is not None:
                words.append(text.format(value))
    return ", ".join(words)


def _type_words(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments))
    if arguments and origin is not tuple:
        return " or ".join(_type_words(part) for part in arguments if not _is_limit(part))
    names = {int: "whole number", float: "number", bool: "true or false", str: "text", type(None): "none"}
    if origin is tuple:
        return "x".join(_type_words(part) for part in arguments)
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)).lower())


def _is_limit(part: Any) -> bool:
    """Whether an argument of `Annotated` is a limit and not a type."""
    return not isinstance(part, type) and get_origin(part) is None
