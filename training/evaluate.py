"""Evaluate `cogvideox-tiny-i2v` with the kit, on questions whose puzzles it was never trained on, and write its card.

    python training/evaluate.py make WORK                                the questions; before the training videos
    python training/evaluate.py run WORK [--weights DIR] [--workers 8]   videos, verdicts, the card's tables
    python training/evaluate.py export WORK weights/cogvideox-tiny-i2v   the folder with weights, card and checksums

`run` makes what is missing and goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from videos import SIDE, TRAINED_TASKS

import vmevalkit
from vmevalkit import store
from vmevalkit.models.diffusers.checkpoint import MANIFEST
from vmevalkit.reporting import stats
from vmevalkit.scorers.rule import VERSION
from vmevalkit.tasks._reasons import PASSING
from vmevalkit.types import Mode

NAME = "cogvideox-tiny-i2v"
SEED = 2026
BASELINES = ("replay", "still", "crossfade")

# How often each reason was given; and that by task, column and model.
Reasons = dict[str, int]
Rates = dict[str, dict[str, dict[str, Reasons]]]

# Questions per task, by mode; difficulties in turn from 1 to 5. Of the difficulties that only make the curve, the first
# few are asked.
MADE: dict[Mode, int] = {"solve": 250, "hold": 40}
MEASURED = ("1", "2")
CURVE = 20
# The columns of the curve.
COLUMNS = ("1", "2", "3", "4", "5", "hold")


def make(work: Path, workers: int) -> None:
    for mode, count in MADE.items():
        vmevalkit.make(
            TRAINED_TASKS, count=count, seed=SEED, mode=mode, size=(SIDE, SIDE), questions=work / "questions" / mode,
            workers=workers,
        )  # fmt: skip


def run(work: Path, weights: Path, workers: int) -> None:
    """Videos, verdicts, and WORK/pass_rates.json: by task, column and model, how often each reason was given."""
    make(work, workers)
    rates: Rates = {}
    for mode in MADE:
        questions, outputs, scores = (work / what / mode for what in ("questions", "outputs", "scores"))
        columns = columns_of(questions, mode)
        settings = {"weights": str(weights), "speed": "reference"}
        for model, options in ((NAME, settings), (BASELINES, None)):
            vmevalkit.generate(
                model, task_id=list(columns), questions=questions, outputs=outputs, workers=workers, settings=options,
                baselines=False,
            )  # fmt: skip
        vmevalkit.score(questions=questions, outputs=outputs, scores=scores, workers=workers)
        for score in store.iter_scores(scores):
            if score.question_id in columns:
                models = rates.setdefault(score.task, {}).setdefault(columns[score.question_id], {})
                reasons = models.setdefault(score.model, {})
                reasons[score.reason] = reasons.get(score.reason, 0) + 1
    store.write_text(work / "pass_rates.json", store.dumps(rates))
    print(tables(rates))


def columns_of(questions: Path, mode: Mode) -> dict[str, str]:
    """The questions that are asked, each with its column."""
    found: dict[str, str] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for question in store.iter_questions(questions):
        assert question.metadata is not None, question.folder
        column = mode if mode == "hold" else str(question.metadata.difficulty)
        counts[question.task, column] += 1
        if column == "hold" or column in MEASURED or counts[question.task, column] <= CURVE:
            found[question.id] = column
    return found


# -------------------------------------------------------------------------------------------------------------- card


def passed(reasons: Reasons) -> tuple[int, int]:
    """How many passed, of how many."""
    return sum(count for reason, count in reasons.items() if reason in PASSING), sum(reasons.values())


def _rate(reasons: Reasons) -> str:
    good, asked = passed(reasons)
    low, high = stats.wilson(good, asked)
    return f"{good / asked:.0%} ({low:.0%} to {high:.0%})"


def _short(reasons: Reasons) -> str:
    good, asked = passed(reasons)
    return f"{good / asked:.0%}"


def _together(parts: dict[str, dict[str, Reasons]], model: str, names: Sequence[str]) -> Reasons:
    total: Counter[str] = Counter()
    for name in names:
        total.update(parts[name].get(model, {}))
    return dict(total)


def tables(rates: Rates) -> str:
    """Pass rates, the curve over difficulties, and the reasons of failures, as Markdown."""
    asked = {name: passed(next(iter(rates.values()))[name][NAME])[1] for name in COLUMNS}
    rows, curves, failures = [], [], []
    for task, parts in sorted(rates.items(), key=lambda item: -passed(_together(item[1], NAME, MEASURED))[0]):
        baselines = " | ".join(_short(_together(parts, name, MEASURED)) for name in BASELINES)
        rows.append(f"| {task} | {_rate(_together(parts, NAME, MEASURED))} | {baselines} |")
        curve = " | ".join(f"{_short(parts[name][NAME])} / {_short(parts[name]['replay'])}" for name in COLUMNS)
        curves.append(f"| {task} | {curve} |")
        wrong = Counter({r: n for r, n in _together(parts, NAME, MEASURED).items() if r not in PASSING})
        most = ", ".join(f"{reason} {count}" for reason, count in wrong.most_common(4)) or "none"
        failures.append(f"- {task}: {most}")
    return _TABLES.format(
        measured=sum(asked[name] for name in MEASURED), baselines=" | ".join(BASELINES),
        baseline_lines=" | ".join("---" for _ in BASELINES), rows="\n".join(rows), curves="\n".join(curves),
        curve_names=" | ".join(COLUMNS), curve_lines=" | ".join("---" for _ in COLUMNS), failures="\n".join(failures),
        asked=", ".join(f"{name}: {count}" for name, count in asked.items()), version=VERSION,
    )  # fmt: skip


def card(work: Path) -> str:
    """The model card, from what was measured and logged."""
    rates = json.loads((work / "pass_rates.json").read_text())
    stages = {line["stage"]: line for line in map(json.loads, (work / "losses.jsonl").read_text().splitlines())}
    begun = _CONTINUED if stages["transformer"].get("base") else _BEGUN
    return _CARD.format(
        vae=stages["vae"], transformer=stages["transformer"], tables=tables(rates), seed=SEED, begun=begun
    )


_TABLES = """\
## Pass rates

By version {version} of the kit's rule scorer, on {measured} questions per task of difficulty 1 and 2, mode solve, with
95 % Wilson intervals. No puzzle of these questions is among the videos that it was trained on.

| task | cogvideox-tiny-i2v | {baselines} |
| --- | --- | {baseline_lines} |
{rows}

By difficulty, and `hold`: the prompt asks that nothing move (questions per task, {asked}).
After the slash, the pass rate of ground-truth videos: at this size, the scorer cannot read all pieces of the harder
puzzles.

| task | {curve_names} |
| --- | {curve_lines} |
{curves}

## Known failures

The reasons of the videos that did not pass, at difficulty 1 and 2:

{failures}
"""

_CARD = """---
license: apache-2.0
pipeline_tag: image-to-video
---

# cogvideox-tiny-i2v

A CogVideoX small enough to come with vmevalkit and to run on a laptop: the classes of CogVideoX-5B-I2V
(`CogVideoXTransformer3DModel` with 8 layers of 5 heads x 64, `AutoencoderKLCogVideoX` of 4x4x4 with 16 channels, a T5
encoder of 3 layers), trained from scratch on videos of the kit's own tasks. It makes videos of 96x96 pixels and
17 frames. It knows only those tasks: with any other image or prompt, its videos show nothing.

```bash
vmevalkit make --size 96x96 --task maze --difficulty 1 --questions my/questions
vmevalkit generate --model cogvideox-tiny-i2v --questions my/questions --outputs my/outputs
```

{tables}
Reproduce these tables with `.venv/bin/python training/evaluate.py run data/evaluation --weights \
weights/cogvideox-tiny-i2v --workers 2` (minutes on a GPU, hours on a CPU). The questions have seed {seed}.

## Training

Data: ground-truth videos drawn by the kit (no other data), difficulty 1 and 2 mostly, in modes solve, guided and
hold. The transformer and its text encoder saw the tasks above; one video in ten came without its prompt, for
classifier-free guidance; the default is none. Seed 0.

| stage | GPUs | steps | videos per step | seconds | result |
| --- | --- | --- | --- | --- | --- |
| VAE | {vae[gpus]} | {vae[step]} | {vae[videos]} | {vae[seconds]} | {vae[psnr]} dB on videos it was not trained on, \
{vae[psnr_moving]} dB where something moves |
| transformer | {transformer[gpus]} | {transformer[step]} | {transformer[videos]} | {transformer[seconds]} | \
loss {transformer[loss]} |

{begun}
"""

_BEGUN = "The VAE saw every task. `bash training/train.sh` repeats all of it, including this page."
_CONTINUED = """\
The VAE is that of earlier weights and saw every task that the kit had then. The transformer's stage went on from those
weights (`train.py transformer --start`).
`bash training/train.sh` trains everything from nothing, and writes this page.\
"""


def export(work: Path, folder: Path) -> None:
    """The folder that comes with the kit."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(work / "model", folder)
    store.write_text(folder / "README.md", card(work))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{store.sha256(path)}  {path.relative_to(folder).as_posix()}" for path in files]
    store.write_text(folder / MANIFEST, "\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("make", "run", "export"))
    parser.add_argument("work", type=Path)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("weights") / NAME)
    parser.add_argument("--weights", type=Path, help="of `run`; the default is WORK/model")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    if given.what == "make":
        make(given.work, given.workers)
    elif given.what == "run":
        run(given.work, given.weights or given.work / "model", given.workers)
    else:
        export(given.work, given.folder)


if __name__ == "__main__":
    main()
