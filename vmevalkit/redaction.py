"""Remove keys and control characters from texts that are shown or stored."""

from __future__ import annotations

import logging
import os
import re

_SECRET_NAME = re.compile(r"TOKEN|KEY|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_SHORTEST_SECRET = 8

# Keys that are in no variable: in the query of an address, in a header, in front of a host.
_PATTERNS = (
    re.compile(r"(?i)((?:key|token|secret|password|signature)=)[^\s&'\"<>]{8,}"),
    re.compile(r"(?i)(\bbearer\s+)[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"(://[^/\s:@]+:)[^/\s@]+(?=@)"),
)

# Escape sequences of terminals, and control characters except tab and newline.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(text: str, longest: int = 4000) -> str:
    """Return a text without keys and control characters, as valid Unicode, cut to a number of characters.

    Keys are the values of environment variables whose names look like it, which are replaced by these names, and what
    addresses and headers contain as keys.
    """
    for value, name in _secrets():
        text = text.replace(value, f"[{name}]")
    if len(text) > longest:
        text = f"{text[:longest]} ... ({len(text)} characters)"
    text = _CONTROL.sub("", text.encode("utf-8", "replace").decode())
    for pattern in _PATTERNS:
        text = pattern.sub(r"\1***", text)
    return text


def _secrets() -> list[tuple[str, str]]:
    """Return values of environment variables that look like keys, longest first, with their names."""
    variables = os.environ.items()
    found = [(value, name) for name, value in variables if _SECRET_NAME.search(name) and len(value) >= _SHORTEST_SECRET]
    return sorted(found, key=lambda pair: -len(pair[0]))


class CleanFormatter(logging.Formatter):
    """Formats log records without keys and control characters, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        return clean(super().format(record), 100_000)
