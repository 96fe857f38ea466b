"""Run the campaign: `python -m tests.faults [--minutes M | --attempts N] [--seed S] [--only AREA[:ATTEMPT] ...]`."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.areas import AREAS
from tests.faults.lab import Area, differences, sources


@dataclass
class Count:
    """What was tried in one area, and what broke, by attempt."""

    attempts: int = 0
    faults: int = 0
    seconds: float = 0.0
    breaks: list[tuple[int, str]] = field(default_factory=list)


def campaign(
    names: Iterable[str], minutes: float, seed: int, attempts: Sequence[int] | None = None
) -> dict[str, Count]:
    """Try every area for its share of the time, and return the counts. Each is tried at least once.

    Args:
        names: of the areas.
        minutes: time for all of them.
        seed: of all random choices.
        attempts: only these attempts of each area, however long they take.
    """
    chosen = {name: AREAS[name] for name in names}
    end, counts = time.monotonic() + 60 * minutes, {}
    weights = sum(area.weight for area in chosen.values())
    for name, area in chosen.items():
        # What an area leaves of its time is shared by the rest.
        share = area.weight / weights * max(0.0, end - time.monotonic())
        weights -= area.weight
        counts[name] = _try(name, area, share, seed, attempts)
        print(_row(name, counts[name]), flush=True)
    return counts


def _try(name: str, kind: type[Area], seconds: float, seed: int, attempts: Sequence[int] | None) -> Count:
    count, began = Count(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults") as root:
        # Processes without privileges work below it.
        Path(root).chmod(0o755)
        shared = Path(root) / "shared"
        shared.mkdir()
        try:
            area = kind(shared)
        except AssertionError as error:
            return Count(1, 0, time.monotonic() - began, [(0, f"without a fault: {error}")])
        try:
            for number in range(area.at_most) if attempts is None else attempts:
                if attempts is None and number and time.monotonic() - began > seconds:
                    break
                folder = Path(root) / str(number)
                folder.mkdir()
                rng = random.Random(f"{seed}/{name}/{number}")
                count.breaks += [(number, what) for what in area.attempt(folder, rng)]
                count.attempts += 1
                count.faults += area.faults()
        finally:
            area.close()
    count.seconds = time.monotonic() - began
    return count


def _row(name: str, count: Count) -> str:
    return f"{name:18} {count.attempts:9} {count.faults:8} {len(count.breaks):7} {count.seconds:8.0f}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the campaign, print a table, and return 1 if anything broke."""
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0, help="time for all areas (default: 15)")
    parser.add_argument("--seed", type=int, default=0, help="of all random choices (default: 0)")
    parser.add_argument("--attempts", type=int, help="so many of each area, however long they take")
    parser.add_argument("--only", nargs="+", default=list(AREAS), metavar="AREA", help="AREA, or AREA:ATTEMPT")
    options = parser.parse_args(argv)
    wanted = [word.partition(":")[::2] for word in options.only]
    if unknown := [name for name, _ in wanted if name not in AREAS]:
        parser.error(f"no area is called {unknown[0]}; there are: {', '.join(AREAS)}")
    print(f"{'area':18} {'attempts':>9} {'faults':>8} {'broke':>7} {'seconds':>8}")
    # Several, because an area may be named with several attempts.
    counts: list[tuple[str, Count]] = []
    before = sources()
    whole = [name for name, number in wanted if not number]
    numbers = None if options.attempts is None else range(options.attempts)
    counts += campaign(whole, options.minutes, options.seed, numbers).items()
    for name, number in wanted:
        if number:
            counts += campaign([name], 0, options.seed, [int(number)]).items()
    total = Count(
        sum(c.attempts for _, c in counts), sum(c.faults for _, c in counts),
        sum(c.seconds for _, c in counts), [b for _, c in counts for b in c.breaks],
    )  # fmt: skip
    print(_row("all", total))
    for name, count in counts:
        for number, what in count.breaks:
            print(f"\n{name}:{number} {what}\n  python -m tests.faults --seed {options.seed} --only {name}:{number}")
    changed = list(differences(before, sources()))
    if changed:
        print(f"\nthe kit was changed meanwhile, so these counts are of no version: {'; '.join(changed)}")
    return 1 if total.breaks or changed else 0


if __name__ == "__main__":
    sys.exit(main())
