"""The script for SLURM, with an sbatch that runs each job at once and an srun that runs its command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import vmevalkit

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "examples" / "slurm" / "array.sh"

MODEL = """
import os

def mine(image, prompt, seed):
    if os.environ["SLURM_ARRAY_TASK_ID"] == "2":
        raise ValueError("this GPU is broken")
    return [image] * 9
"""

# Takes the options that the script uses, and prints the number of the job, as the real one does.
SBATCH = """#!/usr/bin/env bash
set -u
array=
while [[ $1 == --* ]]; do
    case $1 in
        --array=1-*) array=${1#--array=1-} ;;
        --dependency=afterany:77) test -f array_is_done || exit 3 ;;
        --parsable | --job-name=* | --gres=gpu:1 | --requeue) ;;
        *) echo "sbatch: unknown option $1" >&2; exit 1 ;;
    esac
    shift
done
# SLURM runs a copy of the script.
cp "$1" spooled; shift
if [[ -n $array ]]; then
    for ((number = 1; number <= array; number++)); do
        SLURM_ARRAY_TASK_ID=$number bash spooled "$@" >>array.log 2>&1 || echo "shard $number failed" >>array.log
    done
    touch array_is_done
    echo "77;cluster"
else
    bash spooled "$@"
fi
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """A folder with two small questions, and the commands of a cluster in `bin`."""
    vmevalkit.make("maze", count=2, size=(192, 128), questions=tmp_path / "data/questions", videos=False)
    commands = {
        "sbatch": SBATCH,
        "srun": '#!/usr/bin/env bash\nexec "$@"\n',
        "vmevalkit": f'#!/usr/bin/env bash\nexec {sys.executable} -m vmevalkit "$@"\n',
    }
    (tmp_path / "bin").mkdir()
    for name, text in commands.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "my_file.py").write_text(MODEL)
    return tmp_path


def run(cluster: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{cluster / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    command = ["bash", str(SCRIPT), *words]
    return subprocess.run(command, cwd=cluster, env=environment, capture_output=True, text=True, check=False)


def test_a_job_array_ends_with_a_report(cluster: Path) -> None:
    """One shard fails, and one has nothing to do, because there are more shards than videos."""
    done = run(cluster, "submit", "3", "--model", "my_file.py:mine", "--no-baselines")
    log = (cluster / "array.log").read_text()
    assert done.returncode == 0, done.stderr + log
    assert log.count("1 videos made, 0 existed, 0 failed") == 1
    assert "shard 2 failed" in log
    assert "shard 3/3 has no videos" in done.stderr
    assert "mine  passed 0 of 2  (1 failed, 1 scored)" in done.stdout
    assert (cluster / "data/report/index.html").is_file()
    assert len(list((cluster / "data/outputs/pilot_experiment").rglob("video.mp4"))) == 1


def test_without_any_video_nothing_is_merged(tmp_path: Path) -> None:
    done = run(tmp_path, "join", "2")
    assert done.returncode == 1
    assert "there are no videos in data/outputs/pilot_experiment_shard_1" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_script_is_clean() -> None:
    shellcheck = ROOT / ".venv" / "bin" / "shellcheck"
    if not shellcheck.is_file():
        pytest.skip("shellcheck is not installed")
    subprocess.run([str(shellcheck), str(SCRIPT)], check=True)


@pytest.mark.parametrize("words", [(), ("submit",), ("submit", "many"), ("submit", "0"), ("go", "2")])
def test_wrong_words_are_answered_with_the_usage(words: tuple[str, ...], tmp_path: Path) -> None:
    done = run(tmp_path, *words)
    assert done.returncode in (1, 2)
    assert "submit SHARDS OPTION..." in done.stderr
    assert not list(tmp_path.iterdir())
