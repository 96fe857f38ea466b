"""Shards: disjoint parts of a command's work, for job arrays without a common driver.

Each shard is computed alone, on another machine and at another time. So it depends on the command and the question set
only: not on the videos and scores that exist, nor on times that were measured in this experiment, which would be
others when the next shard starts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, TypeVar

from pydantic import Field

from vmevalkit.errors import UsageError
from vmevalkit.types import Record

T = TypeVar("T")

_SHARD = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


class Shard(Record):
    """Number `index` of `count` parts, counted from 1."""

    index: Annotated[int, Field(ge=1)] = 1
    count: Annotated[int, Field(ge=1)] = 1

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


WHOLE = Shard()
"""All of the work."""


def parse_shard(text: object) -> Shard:
    """Return the shard that a text names; all of the work for None.

    Raises:
        UsageError: the text is not I/N with 1 <= I <= N.
    """
    if text is None:
        return WHOLE
    match = _SHARD.fullmatch(text) if isinstance(text, str) else None
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"shard = {text!r}: a shard is I/N with 1 <= I <= N, such as 2/8")
    return Shard(index=int(match[1]), count=int(match[2]))


def deal(groups: Sequence[Sequence[T]], costs: Sequence[float | None], shard: Shard) -> list[list[T]]:
    """Return a shard's part of each group of jobs.

    Every shard gets equally many jobs of each group, or one more. So shards are balanced even if the costs are wrong.
    The costs decide who gets one more: groups are dealt by falling cost, each to the shards with the least work first.
    Then no two shards differ by more than one job of the dearest group.

    Args:
        groups: jobs that cost the same, such as the videos of one model.
        costs: cost of a job of each group; None if it is unknown, which counts as the highest known one.
        shard: which part.
    """
    highest = max((cost for cost in costs if cost is not None), default=1.0)
    known = [highest if cost is None else cost for cost in costs]
    work = [0.0] * shard.count
    parts: dict[int, list[T]] = {}
    for number in sorted(range(len(groups)), key=lambda n: -known[n]):
        order = sorted(range(shard.count), key=lambda index: work[index])
        for place, index in enumerate(order):
            work[index] += known[number] * len(range(place, len(groups[number]), shard.count))
        parts[number] = list(groups[number][order.index(shard.index - 1) :: shard.count])
    return [parts[number] for number in range(len(groups))]
