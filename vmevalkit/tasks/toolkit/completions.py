"""Completions: every way to fill the empty places of a board by the rules of a puzzle, found by search."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence

from vmevalkit.tasks.toolkit.cell_boards import Looks, changed

# Returns the looks that an empty place of a board may have.
Choices = Callable[[Looks, int], Sequence[int]]


def completions(given: Looks, choices: Choices, rng: random.Random | None = None) -> Iterator[Looks]:
    """Yield the boards without an empty place (look 0), in random order if there is a random generator.

    The place with the fewest choices is filled first.
    """
    found = {place: list(choices(given, place)) for place, look in enumerate(given) if not look}
    if not found:
        yield given
        return
    place = min(found, key=lambda it: len(found[it]))
    if rng is not None:
        rng.shuffle(found[place])
    for look in found[place]:
        yield from completions(changed(given, {place: look}), choices, rng)


def has_one_completion(given: Looks, choices: Choices) -> bool:
    """Return whether there is exactly one way to fill the empty places."""
    return len(list(itertools.islice(completions(given, choices), 2))) == 1
