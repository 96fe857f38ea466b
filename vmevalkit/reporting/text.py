"""Numbers as text, the same in the report and the viewer."""

from __future__ import annotations

from vmevalkit.reporting.stats import Estimate


def count(number: int, singular: str) -> str:
    """Return a number with its noun: `1 sample`, `1,200 samples`."""
    return f"{number:,} {singular if number == 1 else singular + 's'}"


def percent(share: float) -> str:
    """Return a share in per cent, without the sign: `12`."""
    return f"{100 * share:.0f}"


def estimate(found: Estimate | None) -> str:
    """Return a share with its interval: `12 % (8–17)`."""
    if found is None:
        return "–"
    return f"{percent(found.value)} % ({percent(found.low)}–{percent(found.high)})"


def decimal(value: float | None) -> str:
    """Return a number with two decimals, or a dash for None."""
    return "–" if value is None else f"{value:.2f}"


def points(found: Estimate) -> str:
    """Return a difference with its interval, in percentage points with signs: `+5 (−1 to +11)`."""
    value, low, high = (f"{100 * end:+.0f}".replace("-", "−") for end in (found.value, found.low, found.high))
    return f"{value} ({low} to {high})"


def p_value(p: float) -> str:
    """Return a p-value with three digits: `0.042`, `< 0.001`."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
