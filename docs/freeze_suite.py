"""Freeze a suite: make its questions and write its digests into its file. For maintainers, before a release.

    python docs/freeze_suite.py vmevalkit/suites/mini-v1.toml

A new file has everything but the digests; the version of each task may be any number.
A suite that was published must not change; give a changed one a new name.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from pathlib import Path

from vmevalkit import store
from vmevalkit.runner.executors.local import process_pool
from vmevalkit.runner.make import choose_questions, selection_of
from vmevalkit.runner.question_writer import prompt_of, write_question
from vmevalkit.suites import content_digest, content_of, files_digest, read_suite
from vmevalkit.tasks.base import TASKS
from vmevalkit.types import QuestionMetadata


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    for path in arguments.files:
        print(freeze(path, arguments.workers))


def freeze(path: Path, workers: int) -> str:
    """Write versions and digests into a suite's file, and return a line about it."""
    _add_digests(path)
    suite = read_suite(path)
    with tempfile.TemporaryDirectory() as folder, process_pool(workers) as parallel_map:
        specs = choose_questions(selection_of(suite), Path(folder), workers=workers)
        made = [store.read_record(question / "question_metadata.json", QuestionMetadata)
                for question in parallel_map(write_question, specs)]  # fmt: skip
    content = content_digest(content_of(m, prompt_of(s)) for m, s in zip(made, specs, strict=True))
    text = path.read_text(encoding="utf-8")
    for name, digest in (("digest", content), ("files_digest", files_digest(made))):
        text = re.sub(rf'^{name} = "[0-9a-f]*"$', f'{name} = "{digest}"', text, flags=re.M)
    for name in suite.tasks:
        text = re.sub(rf"^{name} = [0-9]+$", f"{name} = {TASKS[name].version}", text, flags=re.M)
    path.write_text(text, encoding="utf-8")
    return f"{suite.name}: {len(made)} questions, {content}"


def _add_digests(path: Path) -> None:
    """Give a new suite digests that are to be replaced, because a suite without them is not read."""
    text = path.read_text(encoding="utf-8")
    missing = [name for name in ("digest", "files_digest") if not re.search(rf"^{name} = ", text, re.MULTILINE)]
    lines = "".join(f'{name} = "{"0" * 64}"\n' for name in missing)
    path.write_text(re.sub(r"\n*^\[tasks\]", f"\n{lines}\n[tasks]", text, count=1, flags=re.M), encoding="utf-8")


if __name__ == "__main__":
    main()
