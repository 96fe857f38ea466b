"""The command line and the public names."""

from __future__ import annotations

import builtins
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.models import OptionInfo

import vmevalkit
from tests.conftest import Experiment
from vmevalkit.cli import main, stages
from vmevalkit.runner import MODEL_CATALOG
from vmevalkit.scorers.base import SCORERS

HEAVY = (
    "torch", "diffusers", "transformers", "accelerate", "fastapi", "sqlalchemy", "matplotlib", "openai", "cv2", "scipy",
    "statsmodels",
)  # fmt: skip


def test_public_names() -> None:
    assert vmevalkit.__all__ == sorted(vmevalkit.__all__, key=lambda name: (name.islower(), name))
    assert {"make", "generate", "score", "report", "view", "check", "doctor", "catalog"} <= set(vmevalkit.__all__)
    assert {"Task", "Scorer", "ModelWrapper", "Score", "Verdict", "VMEvalError"} <= set(vmevalkit.__all__)
    for name in vmevalkit.__all__:
        assert callable(getattr(vmevalkit, name)), name
    assert set(vmevalkit.__all__) <= set(dir(vmevalkit))
    with pytest.raises(AttributeError, match="no attribute 'mak'"):
        vmevalkit.mak  # noqa: B018


def test_no_public_name_shadows_a_builtin() -> None:
    assert not set(vmevalkit.__all__) & set(dir(builtins))


@pytest.mark.parametrize("verb", ["make", "generate", "score", "report"])
def test_the_command_line_has_the_defaults_of_the_functions(verb: str) -> None:
    command = inspect.signature(getattr(stages, verb)).parameters
    function = inspect.signature(getattr(vmevalkit, verb)).parameters
    # The number of workers depends on the machine on the command line, and is 1 in Python.
    shared = [
        name for name in command.keys() & function.keys() - {"workers"}
        if not isinstance(command[name].default, OptionInfo) and command[name].default is not None
    ]  # fmt: skip
    assert len(shared) >= 2
    for name in shared:
        default = function[name].default
        text = "{}x{}".format(*default) if name == "size" else default
        assert command[name].default == text, name


def test_the_package_is_a_program() -> None:
    run = subprocess.run([sys.executable, "-m", "vmevalkit", "--version"], capture_output=True, text=True, check=True)
    assert run.stdout == f"vmevalkit {vmevalkit.__version__}\n"


def test_help_shows_no_types_of_python(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("make", "generate", "score", "report", "view", "list", "check", "doctor"):
        assert main([verb, "--help"]) == 0
    text = capsys.readouterr().out
    assert "list[str]" not in text.lower()
    assert "--install-completion" not in text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["models", "cogvideox-5b-i2v"], ["resolution", "default (720, 480)", "at most 1000"]),
        (["models", "replay"], ["ceiling"]),
        (["tasks", "maze"], ["wall_crossed"]),
        (["scorers", "judge"], ["votes", "default 3", "model", "required"]),
    ],
)  # fmt: skip
def test_all_about_one(words: list[str], expected: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", *words]) == 0
    text = capsys.readouterr().out
    assert all(word in text for word in expected), text


def test_unknown_settings_are_answered_with_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    questions = str(Path(__file__).parents[1] / "data" / "questions")
    command = ["generate", "-m", "cogvideox-tiny-i2v", "--set", "num_inference_step=3", "--questions", questions]
    assert main([*command, "--dry-run"]) == 2
    assert "unknown setting 'num_inference_step' (did you mean num_inference_steps" in capsys.readouterr().err


def modules_after(code: str) -> set[str]:
    run = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in run.stdout.split("\n")[-2].split()}


def test_importing_and_listing_loads_nothing_heavy() -> None:
    loaded = modules_after(
        "import vmevalkit, vmevalkit.runner.MODEL_CATALOG as c; vmevalkit.catalog('models'); c.AVAILABLE_MODELS"
    )
    assert not loaded & set(HEAVY)


def test_help_loads_next_to_nothing() -> None:
    loaded = modules_after("from vmevalkit.cli import main; main(['--help'])")
    assert not loaded & {*HEAVY, "numpy", "av", "PIL", "pydantic", "pyarrow", "chess", "jinja2"}


def test_catalog_entries_have_their_fields() -> None:
    for name, entry in MODEL_CATALOG.AVAILABLE_MODELS.items():
        assert set(entry) == {
            "wrapper_module", "wrapper_class", "service_class", "model", "args", "description", "family",
        }, name  # fmt: skip
        assert MODEL_CATALOG.MODEL_FAMILIES[entry["family"]][name] == entry
    assert {"cogvideox-5b-i2v", "cogvideox1.5-5b-i2v"} <= set(MODEL_CATALOG.COGVIDEOX_MODELS)


def test_the_whole_way_in_an_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["make", "--task", "maze", "--count", "1"]) == 0
    assert main(["generate", "--model", "replay", "still", "--task", "maze", "--no-baselines"]) == 0
    assert main(["score", "--jsonl", "scores.jsonl"]) == 0
    assert main(["report"]) == 0
    said = capsys.readouterr().out
    assert "replay  passed 1 of 1" in said
    assert "still   passed 0 of 1" in said
    lines = [json.loads(line) for line in Path("scores.jsonl").read_text().splitlines()]
    assert [(line["model"], line["passed"]) for line in lines] == [("replay", True), ("still", False)]
    for name in ("index.html", "scores.csv", "scores.parquet", "summary.json", "table.tex"):
        assert (Path("data/report") / name).stat().st_size > 0


def test_dry_run_says_what_would_happen_and_touches_nothing(
    experiment: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wish = ["--questions", str(experiment.questions), "--outputs", str(tmp_path / "o")]
    model = ["--model", "cogvideox-5b-i2v", "--weights", str(tmp_path / "no"), "--samples", "2"]
    assert main(["generate", *model, *wish, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "cogvideox-5b-i2v" in said
    assert "6 min" in said, "four videos of 95 s"
    assert "cannot run yet" in said
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["generate", "--model", "repley"], "did you mean replay"),
        (["make", "--task", "maise"], "did you mean maze"),
        (["make", "--size", "big"], "720x480"),
        (["score", "--scorer", "ruler"], "did you mean rule"),
        (["list", "model"], "did you mean models"),
        (["check", "thing", "maze"], "one of task, model, scorer"),
        (["generate", "--model", "cogvideox-5b-i2v", "--set", "width=640"], "resolution = (640, 480)"),
        (["generate", "--model", "still", "--set", "width"], "name=value"),
        (["make", "--no-such-flag"], "no-such-flag"),
        (["generate"], "--model"),
    ],
)
def test_wrong_usage_is_one_line_and_status_two(
    argv: list[str], message: str, experiment: Experiment, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "questions").symlink_to(experiment.questions)
    assert main(argv) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert "Traceback" not in said.err + said.out
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_failures_are_listed_with_the_command_that_retries(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["make", "--task", "maze", "--count", "1"])
    Path("bad.py").write_text("def bad(image, prompt, seed):\n    raise ValueError('out of ideas')\n")
    assert main(["generate", "--model", "bad.py:bad", "--no-baselines"]) == 1
    said = capsys.readouterr().err
    assert "out of ideas" in said
    assert "--retry-failed" in said
    assert "Traceback" not in said


def test_ctrl_c_ends_cleanly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["make", "--task", "maze", "--count", "1"])
    Path("slow.py").write_text("def slow(image, prompt, seed):\n    raise KeyboardInterrupt\n")
    assert main(["generate", "--model", "slow.py:slow", "--no-baselines"]) == 130
    assert "rerun the same command to resume" in capsys.readouterr().err


def test_check_says_that_things_keep_their_contract(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "model", "still"]) == 0
    # The judge needs a server: tests/test_judge.py.
    for name in set(SCORERS) - {"judge"}:
        assert main(["check", "scorer", name]) == 0
    said = capsys.readouterr().out
    assert "model still keeps its contract" in said
    assert "scorer rule keeps its contract" in said


def test_list_for_people_and_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    for shelf in ("models", "tasks", "scorers"):
        assert main(["list", shelf]) == 0
        text = capsys.readouterr().out
        assert main(["list", shelf, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert all(item["name"] in text and item["description"] for item in found)
