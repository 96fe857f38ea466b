"""The analysis of samples whose true rates are known."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest

from vmevalkit import store
from vmevalkit.reporting import report
from vmevalkit.reporting.analysis import Analysis, Pair, Standing, analyze
from vmevalkit.reporting.stats import wilson
from vmevalkit.reporting.summary import Summary
from vmevalkit.store.experiment import SampleRecord
from vmevalkit.types import Mode, QuestionMetadata, Score


def score(model: str, number: int, passed: bool | None, **fields: Any) -> Score:
    """A score of question `number`, which belongs to one of four tasks."""
    task = f"task{number % 4}"
    values = {
        "model": model,
        "task": task,
        "question_id": f"{task}_{number:04d}",
        "seed": 42,
        "scorer": "rule",
        "scorer_version": "1",
        "status": "scored",
        "passed": passed,
        "value": None if passed is None else float(passed),
        "outcome": None if passed is None else float(passed),
        "process": 1.0,
        "preservation": 1.0,
        "reason": "solved" if passed else "no_change",
        "explanation": "",
    }
    return Score.model_validate({**values, **fields})


def row(
    model: str, number: int, passed: bool | None, *, mode: Mode = "solve", length: int = 3, **fields: Any
) -> SampleRecord:
    others = fields.pop("others", ())
    return SampleRecord(
        baseline=model in ("replay", "still", "jumpcut"), kind="task", mode=mode, difficulty=1, plan_length=length,
        answerable=True, video=None, score=score(model, number, passed, **fields), others=others,
    )  # fmt: skip


def standing(found: Analysis, model: str, mode: Mode = "solve") -> Standing:
    [one] = [s for s in found.standings if (s.model, s.mode) == (model, mode)]
    return one


def pair(found: Analysis, first: str, second: str) -> Pair:
    [one] = [p for p in found.pairs if (p.first, p.second) == (first, second)]
    return one


def _unscored(model: str, number: int) -> SampleRecord:
    return row(model, number, None, status="missing", reason="no_video", process=None, preservation=None)


def test_what_was_not_scored_has_not_passed_and_has_no_value() -> None:
    rows = [row("mine", n, n < 6) for n in range(8)] + [_unscored("mine", n) for n in range(8, 12)]
    found = standing(analyze(rows), "mine")
    assert found.rate.value == 0.5
    assert found.value is not None
    assert found.value.value == 0.75


def test_the_strict_rate_leaves_out_videos_with_something_that_nobody_asked_for() -> None:
    rows = [row("mine", n, True, notes=("zoom",)) for n in range(5)]
    rows += [row("mine", n, True, notes=("fade", "visitor")) for n in range(5, 8)] + [row("mine", 8, False)]
    found = standing(analyze(rows), "mine")
    assert [found.rate.value, found.strict.value] == pytest.approx([8 / 9, 5 / 9])


def test_the_scale_runs_from_the_best_baseline_to_replay() -> None:
    rows = [row("replay", n, n != 0) for n in range(40)]
    rows += [row("still", n, False, value=0.25) for n in range(40)] + [row("jumpcut", n, n < 8) for n in range(40)]
    rows += [row("mine", n, n >= 20) for n in range(40)]
    found = standing(analyze(rows), "mine")
    assert found.adjusted is not None
    assert found.adjusted.value == pytest.approx((0.5 - 0.2) / (39 / 40 - 0.2))
    assert found.adjusted.low < found.adjusted.value < found.adjusted.high
    assert found.adjusted_value is not None
    # The best by value is another baseline than the best by rate.
    assert found.adjusted_value.value == pytest.approx((0.5 - 0.25) / (39 / 40 - 0.25))
    assert standing(analyze(rows), "replay").adjusted is not None


def test_in_mode_hold_there_is_no_scale() -> None:
    rows = [row(model, n, True, mode="hold") for model in ("replay", "still", "mine") for n in range(4)]
    assert standing(analyze(rows), "mine", "hold").adjusted is None


def test_right_ends_that_do_not_pass_are_counted_as_cheated() -> None:
    rows = [row("mine", n, n < 10) for n in range(20)]
    rows += [row("mine", n, False, outcome=1.0, process=0.2, value=0.2, reason="teleport") for n in range(20, 24)]
    rows += [row("mine", n, False, outcome=0.9, value=0.9) for n in range(24, 40)]
    found = standing(analyze(rows), "mine")
    assert (found.rate.value, found.right_end.value, found.cheated.value) == (0.25, 0.35, 0.1)
    assert found.cheated.low > 0


def test_a_model_that_never_passes_has_an_interval_above_zero() -> None:
    found = standing(analyze([row("mine", n, False) for n in range(30)]), "mine")
    assert (found.rate.low, found.rate.high) == wilson(0, 30)


def test_several_videos_a_question_give_any_and_all_of_k() -> None:
    passes = {0: 3, 1: 0, 2: 1, 3: 2}
    rows = [row("mine", n, k < passes[n % 4], seed=k) for n in range(16) for k in range(3)]
    found = standing(analyze(rows), "mine").at_k
    assert [at.k for at in found] == [1, 2, 3]
    assert [at.any.value for at in found] == pytest.approx([6 / 12, (1 + 0 + 2 / 3 + 1) / 4, 3 / 4])
    assert [at.all.value for at in found] == pytest.approx([6 / 12, (1 + 0 + 0 + 1 / 3) / 4, 1 / 4])
    # The four tasks differ and their questions do not: only drawing tasks moves anything.
    assert found[0].any.low < 0.3
    assert found[0].any.high > 0.7


def test_models_are_compared_question_by_question() -> None:
    rows = [row("one", n, n < 24) for n in range(40)] + [row("two", n, 4 <= n < 16) for n in range(40)]
    rows += [row("three", n, n < 24) for n in range(40)] + [row("still", n, False) for n in range(40)]
    found = analyze(rows)
    difference = pair(found, "one", "two")
    assert (difference.first_only, difference.second_only) == (12, 0)
    assert difference.difference.value == pytest.approx(0.3)
    assert difference.p == pytest.approx(2 / 2**12)
    same = pair(found, "one", "three")
    assert (same.first_only, same.second_only, same.p, same.p_holm) == (0, 0, 1.0, 1.0)
    assert same.difference.low < 0 < same.difference.high
    above = pair(found, "two", "still")
    assert above.baseline
    assert above.p == pytest.approx(2 / 2**12)
    adjusted = sorted((p.p, p.p_holm) for p in found.pairs)
    assert len(adjusted) == 6, "three pairs of models, and each against the floor"
    assert adjusted[0][1] == pytest.approx(6 * adjusted[0][0])
    assert not any("replay" in (p.first, p.second) for p in found.pairs)


def test_pairing_makes_the_interval_of_a_difference_narrow() -> None:
    """Both models solve the same easy third, and one a little more. Unpaired, that would drown."""
    rows = [row("one", n, n % 3 == 0) for n in range(240)]
    rows += [row("two", n, n % 3 == 0 and n >= 36) for n in range(240)]
    found = pair(analyze(rows), "one", "two").difference
    assert 0 < found.low < found.value == pytest.approx(0.05)
    assert found.high - found.low < 0.08


def test_ranks_are_as_stable_as_the_models_are_apart() -> None:
    rng = random.Random(1)
    rows = [row("best", n, rng.random() < 0.8) for n in range(80)]
    rows += [row("twin1", n, n % 5 == 0) for n in range(80)] + [row("twin2", n, n % 5 == 1) for n in range(80)]
    rows += [row("replay", n, True) for n in range(80)]
    found = analyze(rows)
    best, twin = standing(found, "best").rank, standing(found, "twin1").rank
    assert best is not None
    assert (best.place, best.low, best.high, best.first) == (1, 1, 1, 1.0)
    assert twin is not None
    assert (twin.place, twin.low, twin.high, twin.first) == (2, 2, 3, 0.0)
    assert standing(found, "replay").rank is None


def test_the_curve_finds_the_plan_length_that_the_videos_were_made_with() -> None:
    rng = random.Random(2)
    rows = []
    for n in range(800):
        length = 1 + n % 16
        rows.append(row("mine", n, rng.random() < 1 / (1 + math.exp(0.5 * (length - 8))), length=length))
    found = standing(analyze(rows), "mine")
    assert found.curve is not None
    assert found.curve.half == pytest.approx(8, abs=0.6)
    assert found.curve.slope.low < -0.5 < found.curve.slope.high
    assert sum(group.asked for group in found.bins) == 800
    assert [group.shortest for group in found.bins][1:] == [group.longest + 1 for group in found.bins][:-1]
    rates = [group.rate.value for group in found.bins]
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize(
    ("solve", "guided", "hold", "words"),
    [
        (2, 30, 40, "carry out steps that it does not find by itself. It keeps a scene still"),
        (2, 3, 5, "cannot be steered, so this does not show whether it can reason. It cannot keep a scene still."),
        (34, 36, None, "carries out most plans, and finds them by itself as often."),
        (30, 4, None, "lowers the pass rate"),
        (20, 22, None, "too few videos to tell whether giving the plan helps"),
        (20, None, 20, "too few videos to tell whether it keeps a scene still"),
    ],
)
def test_modes_are_read_side_by_side(solve: int, guided: int | None, hold: int | None, words: str) -> None:
    rows = []
    modes: tuple[tuple[Mode, int | None], ...] = (("solve", solve), ("guided", guided), ("hold", hold))
    for start, (mode, passed) in enumerate(modes):
        if passed is not None:
            rows += [row("mine", 100 * start + n, n < passed, mode=mode) for n in range(40)]
    [found] = analyze(rows).steering
    assert words in found.reading
    assert (found.gain is None) == (guided is None)


def test_power_is_about_the_pairs_that_were_seen() -> None:
    rows = [row("one", n, n < 20) for n in range(100)] + [row("two", n, 10 <= n < 30) for n in range(100)]
    [found] = analyze(rows).power
    assert (found.questions, found.discordant, found.observed) == (100, 0.2, True)
    assert found.detectable is not None
    for need in found.needed:
        assert (need.questions <= 100) == (need.difference >= found.detectable)
    [alone] = analyze([row("one", n, False) for n in range(100)]).power
    assert not alone.observed
    assert alone.discordant == pytest.approx(2 * wilson(0, 100)[1] * (1 - wilson(0, 100)[1]))


def test_scorers_are_held_against_each_other_and_disagreements_are_listed() -> None:
    def judged(name: str, n: int, passed: bool) -> Score:
        return score("mine", n, passed, scorer=name, reason=f"{name}_says")

    rows = []
    for n in range(40):
        others = [judged("judge", n, n < 16 or n == 39)]
        if n < 20:
            others += [judged("human.ann", n, n < 18), judged("human.bo", n, n < 18)]
        rows.append(row("mine", n, n < 18, others=tuple(others)))
        rows.append(row("replay", n, True))
    found = analyze(rows)
    assert not any(a.baselines for a in found.agreement), "replay was scored by the rule alone"
    groups = {(a.scorers, a.task): a for a in found.agreement}
    both = groups[("rule", "judge"), None]
    assert (both.agreement.units, both.passed) == (40, (18, 17))
    assert both.agreement.raw.value == pytest.approx(37 / 40)
    assert both.agreement.kappa is not None
    assert both.agreement.kappa.value == pytest.approx((0.925 - 0.5075) / (1 - 0.5075))
    people = groups[("human.ann", "human.bo"), None].agreement
    assert people.units == 20
    assert people.raw.value == 1.0
    assert sum(a.agreement.units for (names, task), a in groups.items() if task and names == ("rule", "judge")) == 40
    assert [d.question_id for d in found.disagreements] == ["task0_0016", "task1_0017", "task3_0039"]
    assert found.disagreements[0].passed == {"rule": True, "judge": False, "human.ann": True, "human.bo": True}
    assert found.disagreements[0].reasons["judge"] == "judge_says"


def test_videos_of_baselines_are_agreed_about_apart() -> None:
    rows = [row("mine", n, n < 5, others=(score("mine", n, n < 6, scorer="judge"),)) for n in range(10)]
    rows += [row("jumpcut", n, False, others=(score("jumpcut", n, True, scorer="judge"),)) for n in range(10)]
    found = {a.baselines: a for a in analyze(rows).agreement if a.task is None}
    assert found[False].agreement.raw.value == 0.9
    assert found[True].agreement.raw.value == 0.0
    assert found[True].passed == (0, 10)


def test_a_judge_that_did_not_decide_does_not_disagree() -> None:
    silent = score("mine", 0, None, scorer="judge", status="unscorable", reason="call_failed")
    found = analyze([row("mine", 0, True, others=(silent,))])
    assert not found.agreement
    assert not found.disagreements


def test_the_same_rows_give_the_same_numbers() -> None:
    rows = [row("mine", n, n % 3 == 0, seed=k) for n in range(20) for k in range(2)]
    assert analyze(rows) == analyze(rows)


def test_the_claims_are_on_the_page_and_in_the_tables(tmp_path: Path) -> None:
    questions, outputs, scores = tmp_path / "questions", tmp_path / "outputs", tmp_path / "scores"
    for n in range(24):
        task, name = f"task{n % 4}", f"task{n % 4}_{n:04d}"
        metadata = QuestionMetadata(
            task=task, id=name, task_version=1, seed=1, difficulty=1, mode="guided" if n >= 16 else "solve",
            plan_length=1 + n % 8, puzzle={}, canvas=(96, 64), sha256={},
        )  # fmt: skip
        store.write_record(store.question_folder(questions, task, name) / "question_metadata.json", metadata)
        for model, passed in (("one", n % 3 > 0), ("two", n % 8 < 2), ("still", False), ("replay", True)):
            store.write_score(scores, score(model, n, passed))
            store.write_score(scores, score(model, n, passed ^ (n == 5), scorer="judge", reason="seen"))
    outputs.mkdir()
    page = report(questions, outputs, scores, tmp_path / "report").read_text(encoding="utf-8")
    for words in (
        "one passes 62 % (",
        "clearly above the floor",
        "ranks first in mode solve",
        "Models, mode solve",
        "Mode guided",
        "Cannot reason, or cannot be steered?",
        "exact McNemar",
        "Number of questions needed",
        "Agreement of the scorers",
        "4 videos about which scorers disagree",
        "<svg viewBox",
        'class="band"',
        "<strong>judge</strong>: fail",
    ):
        assert words in page, words
    assert 'href="#row=one%2Ftask1%2Ftask1_0005"' in page
    summary = store.read_record(tmp_path / "report" / "summary.json", Summary)
    assert {p.first for p in summary.analysis.pairs} == {"one", "two"}
    table = (tmp_path / "report" / "table.tex").read_text()
    assert r"one & two & solve &" in table
    assert r"one & solve & 16 &" in table
