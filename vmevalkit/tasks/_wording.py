"""What a failed video shows and what was expected, in words, from the states that were read from its frames."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vmevalkit.tasks._reading import Reading

Words = Mapping[str, str]

# Reasons that are seen in what is missing at the end, not in what is shown.
MISSING = frozenset({"unfinished", "undone", "no_change", "unreadable"})
# Reasons for which a frame is compared with the start.
_UNLIKE_START = frozenset({"wrong_start", "moved"})
# Reasons that are about the look or the course of the video, not about a step between two states.
_NO_STEP = frozenset({"altered", "transition", "camera_moved", "not_held"})
# Reasons for which something can no longer be seen.
_LOST = frozenset({"vanished_on_the_way", "agent_lost", "object_lost", "hidden"})
# So many things that change in one step are named; the others are counted.
_NAMED = 2


def told(
    reason: str,
    evidence: int,
    readings: Sequence[Reading[Any]],
    solution: Sequence[Any],
    in_words: Callable[[Any], Words],
) -> str:
    """Return a sentence about what a failed video shows and what was expected; empty if the states do not tell.

    Args:
        reason: reason code.
        evidence: index of the evidence frame.
        readings: what was read from the frames, at least up to the evidence frame.
        solution: the states of the solution.
        in_words: `Task.in_words` of the puzzle.
    """
    seen = [reading.state for reading in readings[: evidence + 1]]
    if reason in MISSING:
        last = next((state for state in reversed(seen) if state is not None), None)
        return "" if last is None else _unlike(in_words(last), in_words(solution[-1]))
    if reason in _NO_STEP or len(seen) <= evidence:
        return ""
    now, earlier = seen[-1], [state for state in seen[:-1] if state is not None]
    if reason in _LOST:
        return _lost([in_words(state) for state in earlier], {} if now is None else in_words(now))
    if now is None or not readings[evidence].scene_intact:
        return ""
    after = in_words(now)
    if reason in _UNLIKE_START:
        return _unlike(after, in_words(solution[0]))
    # Between two frames, what moves may not have come far enough to be elsewhere in words.
    before = next((words for words in map(in_words, reversed(earlier)) if words != after), after)
    return _step(before, after, [in_words(state) for state in solution])


def _unlike(seen: Words, expected: Words) -> str:
    """Return what is not as expected."""
    unlike = [name for name in expected if name in seen and seen[name] != expected[name]]
    return _sentences([f"{name} is {seen[name]}; expected: {expected[name]}" for name in unlike], 1)


def _lost(earlier: Sequence[Words], after: Words) -> str:
    """Return what can no longer be seen, and where it was; empty if that is not one thing."""
    last = {name: where for words in earlier for name, where in words.items()}
    gone = [name for name in last if name not in after]
    return _sentences([f"{name} was last seen {last[name]}" for name in gone], 1) if len(gone) == 1 else ""


def _step(before: Words, after: Words, solution: Sequence[Words]) -> str:
    """Return what changed from one state to another, and what the next step or else the answer has in its place."""
    following = [b for a, b in itertools.pairwise(solution) if a == before]
    expected, when = (following[-1], "expected") if following else (solution[-1], "expected in the end")
    if before == after:
        return _unlike(after, expected) if following else ""
    changed = [name for name in before if name in after and before[name] != after[name]]
    # What is as expected is the least of the explanation.
    changed.sort(key=lambda name: after[name] == expected.get(name))
    parts = []
    for name in changed:
        part = f"{name} was {before[name]} and is {after[name]}"
        wanted = expected.get(name, after[name])
        if wanted != after[name]:
            part += f"; {when}: {'no change' if wanted == before[name] else wanted}"
        parts.append(part)
    return _sentences(parts, _NAMED)


def _sentences(parts: Sequence[str], named: int) -> str:
    """Return each part as a sentence; if there are too many, the first one and the number of the others."""
    if not parts:
        return ""
    shown = parts if len(parts) <= named else [f"{parts[0]} (and {len(parts) - 1} more)"]
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in shown)
