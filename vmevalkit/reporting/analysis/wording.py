"""How much the wording of prompts matters: pass rates by phrasing of the same puzzles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from vmevalkit.reporting import stats
from vmevalkit.reporting.analysis.records import Wording
from vmevalkit.store.experiment import SampleRecord
from vmevalkit.types import Mode


def wording_of(samples: Sequence[SampleRecord]) -> Iterator[Wording]:
    """Compare the phrasings of each model and mode in which puzzles were asked in several."""
    groups: defaultdict[tuple[str, Mode], list[SampleRecord]] = defaultdict(list)
    for sample in samples:
        if sample.phrasing is not None and sample.mode is not None and not sample.baseline:
            groups[sample.score.model, sample.mode].append(sample)
    for (model, mode), found in groups.items():
        phrasings = sorted({sample.phrasing for sample in found if sample.phrasing is not None})
        if len(phrasings) < 2:
            continue
        tallies = [stats.tally(s.score for s in found if s.phrasing == phrasing) for phrasing in phrasings]
        rates = [tally.passed / tally.asked for tally in tallies]
        verdicts: defaultdict[tuple[str | None, int], dict[int | None, bool]] = defaultdict(dict)
        for sample in found:
            verdicts[sample.puzzle, sample.score.seed][sample.phrasing] = sample.score.passed is True
        complete = [by_phrasing for by_phrasing in verdicts.values() if len(by_phrasing) == len(phrasings)]
        yield Wording(
            model=model,
            mode=mode,
            tallies=tuple(tallies),
            spread=max(rates) - min(rates),
            puzzles=len(complete),
            changed=sum(len(set(by_phrasing.values())) > 1 for by_phrasing in complete),
        )
