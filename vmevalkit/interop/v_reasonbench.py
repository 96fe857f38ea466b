"""V-ReasonBench: images of 14 tasks with one prompt for each task or kind, and end states as ground truth.

Layout: `dataset/{task}[_{kind}]_{index}.png`, `prompts.txt`, and in `evaluations/{Task}/` the files
`GT/[{kind}/]{index}.png` or `.csv` and `eval_results/{task}_eval.json`. Its program reads videos with names like
`{task}_{model}_[{kind}_]{index}_seed{N}.mp4` (`VReasonBench._parse_video_filename`). Names like
`{task}_[{kind}_]{index}_{model}_seed{N}.mp4` occur, too. Both are read, the first is written.
Source: yangluo7/V-ReasonBench@79ca7b1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from vmevalkit import store
from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.errors import QuestionError
from vmevalkit.interop._folder import SourceFolder
from vmevalkit.interop._predictions import Answer, write_predictions
from vmevalkit.interop.base import (
    Exported,
    Exporter,
    ForeignQuestion,
    ForeignScore,
    ForeignVideo,
    Importer,
    Unreadable,
    each,
    mapping,
    number,
    register_format,
    within,
)
from vmevalkit.reporting.paths import ExperimentPaths

# As `VReasonBench.full_task_list` has them.
TASKS = (
    "block_slide", "code", "color_connect", "communicating_vessels", "lever_balance", "math", "rule_follow",
    "sequence_completion", "shape_fit", "sudoku", "temperature", "tic_tac_toe", "visual_analogy", "visual_symmetry",
)  # fmt: skip

_REFERENCE_LIMIT = 2**16


class _Name(NamedTuple):
    """The parts of the name of an image: `sudoku_easy_2_00` has the kind `easy_2`."""

    task: str
    kind: str
    number: str

    @property
    def gt_index(self) -> str:
        """The name of the image without the task."""
        return f"{self.kind}_{self.number}" if self.kind else self.number


@register_format
class VReasonBench(Importer, Exporter):
    """V-ReasonBench."""

    name = "v-reasonbench"
    about = "V-ReasonBench: questions, answers, and scores of its evaluators."
    url = "https://github.com/yangluo7/V-ReasonBench"
    license = "Apache-2.0"
    version = "79ca7b1"

    def questions(self, source: Path, folder: SourceFolder) -> Iterator[ForeignQuestion | Unreadable]:
        """Yield the questions of a clone of the repository."""
        images = folder.files("dataset/*.png")
        if images:
            prompts = read_prompts(folder.text("prompts.txt", 2**20))
            yield from each(((path.name, path) for path in images), partial(_question, folder, prompts))

    def videos(self, source: Path, folder: SourceFolder) -> Iterator[ForeignVideo | Unreadable]:
        """Yield the videos whose names say task, model, index and seed."""
        paths = (path for path in folder.files("**/*_seed*.*") if store.is_video(path.name))
        return each(((folder.name(path), path) for path in paths), _video)

    def scores(self, source: Path, folder: SourceFolder) -> Iterator[ForeignScore | Unreadable]:
        """Yield the scores of files `{task}_eval.json`."""
        for path in [source] if source.is_file() else folder.files("**/*_eval.json"):
            found = mapping(folder.json(folder.name(path)), path)
            rows = mapping(found.get("results"), path)
            task = path.stem.removesuffix("_eval")
            yield from each(((str(name), (str(name), row)) for name, row in rows.items()), partial(_score, task))

    def export(self, experiment: ExperimentPaths, target: Path) -> Exported:
        """Write the videos of all seeds under the names that its program reads."""
        done = write_predictions(self, experiment, target, _file_name, every_seed=True)
        return Exported(
            done.what, done.target, done.left_out,
            "Score them with: python evaluate.py --task TASK ... --generated_videos " + str(target),
        )  # fmt: skip


def _parse(stem: str) -> _Name:
    for task in TASKS:
        if found := re.fullmatch(rf"{task}_(?:(.+)_)?([0-9]{{2,4}})", stem):
            return _Name(task, found[1] or "", found[2])
    raise QuestionError(f"{stem} is not named TASK_INDEX or TASK_KIND_INDEX, with a task of the benchmark")


def read_prompts(text: str) -> dict[str, dict[str, str]]:
    """Return the prompts of prompts.txt: by title of the section, then by heading, both in lower case.

    Titles are lines between two rules of `=`; a heading is a line that ends with a colon.
    """
    prompts: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    heading = ""
    lines = [line.strip() for line in text.splitlines()]
    for before, line, after in zip(["", *lines], lines, [*lines[1:], ""], strict=False):
        if _is_rule(before) and _is_rule(after):
            section = prompts.setdefault(line.lower().removesuffix(" prompts"), {})
        elif line.endswith(":") and " " not in line:
            heading = line[:-1].lower()
        elif line and not _is_rule(line) and heading:
            section[heading] = f"{section.get(heading, '')} {line}".strip()
    return prompts


def _is_rule(line: str) -> bool:
    return len(line) > 3 and not line.strip("=")


def prompt_for(prompts: Mapping[str, Mapping[str, str]], task: str, kind: str, index: str) -> str | None:
    """Return the prompt of a question; None if there is none.

    Three tasks have a section of their own: Sudoku by size (kind `easy_2` has boxes of 2x2, so it is 4x4), symmetry by
    kind, temperature by index.
    """
    section = prompts.get(task.replace("_", " "))
    if section is None:
        general = prompts.get("task", {})
        # One heading lacks the plural: Communicating_vessel.
        return next((text for name, text in general.items() if task in (name, f"{name}s")), None)
    if task == "sudoku" and (box := re.search(r"_([0-9]+)$", kind)):
        side = int(box[1]) ** 2
        return section.get(f"{side}x{side}")
    return section.get(index) or next((text for name, text in section.items() if name in kind.split("_")), None)


def _question(folder: SourceFolder, prompts: Mapping[str, Mapping[str, str]], path: Path) -> ForeignQuestion:
    name = _parse(path.stem)
    truth = f"evaluations/{name.task[0].upper()}{name.task[1:]}/GT/{f'{name.kind}/' if name.kind else ''}{name.number}"
    table = folder.optional(f"{truth}.csv")
    return ForeignQuestion(
        original_id=path.stem,
        task=name.task,
        prompt=prompt_for(prompts, name.task, name.kind, name.number),
        first_frame=path,
        final_frame=folder.optional(f"{truth}.png"),
        reference=folder.text(f"{truth}.csv", _REFERENCE_LIMIT).strip() if table is not None else None,
        details={"kind": name.kind} if name.kind else {},
    )


def _video(path: Path) -> ForeignVideo:
    found = re.fullmatch(r"(.+)_seed([0-9]{1,18})", path.stem)
    task = next((t for t in TASKS if path.stem.startswith(f"{t}_")), None)
    if not found or task is None:
        raise QuestionError(f"{path.name} is not named TASK_MODEL_INDEX_seedN or TASK_INDEX_MODEL_seedN")
    rest = found[1].removeprefix(f"{task}_")
    by_model = re.fullmatch(r"([^_]+)_((?:.+_)?[0-9]{2,4})", rest)
    if by_model and not re.fullmatch(r"[0-9]{2,4}", by_model[1]):
        return ForeignVideo(f"{task}_{by_model[2]}", by_model[1], path, int(found[2]))
    if by_index := re.fullmatch(r"((?:.+?_)?[0-9]{2,4})_([^_].*)", rest):
        return ForeignVideo(f"{task}_{by_index[1]}", by_index[2], path, int(found[2]))
    raise QuestionError(f"{path.name} names no index of two to four digits")


def _score(task: str, item: tuple[str, object]) -> ForeignScore:
    name, value = item
    row = mapping(value, name)
    if "error" in row:
        raise QuestionError(f"its evaluator failed: {str(row['error'])!r:.100}")
    score = number(row.get("score"), name)
    seed = re.search(r"_seed([0-9]{1,18})$", PureWindowsPath(name).stem)
    return ForeignScore(
        original_id=f"{task}_{row.get('gt_index')}",
        model=str(row.get("model")),
        scorer="v-reasonbench",
        value=within(score, 0.0, 1.0),
        measures={"score": score},
        passed=row["passed"] if isinstance(row.get("passed"), bool) else None,
        seed=int(seed[1]) if seed else DEFAULT_SEED,
    )


def _file_name(answer: Answer) -> str:
    name = _parse(answer.original_id)
    # Its program splits the name at underscores.
    model = answer.model.replace("_", "-")
    return f"{name.task}_{model}_{name.gt_index}_seed{answer.seed}.mp4"
