"""Is CogVideoX wired in? `python3 test_cogvideox.py` prints PASS or FAIL for each part, then what to do next.

Loads no weights and no torch. It is a pytest file too.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
NAMES = ("cogvideox-5b-i2v", "cogvideox1.5-5b-i2v")
ENTRY = {"wrapper_module", "wrapper_class", "service_class", "model", "args", "description", "family"}


def test_catalog_registration() -> None:
    from vmevalkit.runner.MODEL_CATALOG import AVAILABLE_MODELS, COGVIDEOX_MODELS, MODEL_FAMILIES

    for name in NAMES:
        assert set(AVAILABLE_MODELS[name]) == ENTRY
        assert COGVIDEOX_MODELS[name] == MODEL_FAMILIES["CogVideoX"][name] == AVAILABLE_MODELS[name]
    assert AVAILABLE_MODELS[NAMES[0]]["model"] == "THUDM/CogVideoX-5b-I2V"
    assert AVAILABLE_MODELS[NAMES[1]]["model"] == "THUDM/CogVideoX1.5-5B-I2V"


def test_dynamic_loading() -> None:
    from vmevalkit.models import CogVideoXWrapper, ModelWrapper
    from vmevalkit.runner.inference import _load_model_wrapper

    for name in NAMES:
        wrapper = _load_model_wrapper(name)
        assert wrapper is CogVideoXWrapper
        assert issubclass(wrapper, ModelWrapper)


def test_integration_structure() -> None:
    from vmevalkit.models import CogVideoXService, cogvideox_inference
    from vmevalkit.runner.MODEL_CATALOG import AVAILABLE_MODELS

    public = {"CogVideoXConfig", "GenerationResult", "CogVideoXService", "CogVideoXWrapper"}
    assert public <= set(cogvideox_inference.__all__)
    for name in NAMES:
        entry = AVAILABLE_MODELS[name]
        made = cogvideox_inference.CogVideoXWrapper(entry["model"], name=name, **entry["args"])
        assert type(made.service) is CogVideoXService
        assert type(made.service).__name__ == entry["service_class"]
        for file in ("setup.sh", "requirements.txt"):
            assert (ROOT / "setup" / "models" / name / file).is_file()


def test_pydantic_models() -> None:
    from pydantic import ValidationError

    from vmevalkit.models.cogvideox_inference import CogVideoXConfig, GenerationResult
    from vmevalkit.runner.MODEL_CATALOG import AVAILABLE_MODELS

    five = CogVideoXConfig.model_validate({"model_id": AVAILABLE_MODELS[NAMES[0]]["model"]})
    assert (five.width, five.height, five.num_frames, five.fps) == (720, 480, 49, 8)
    longer = CogVideoXConfig.model_validate({"model_id": AVAILABLE_MODELS[NAMES[1]]["model"]})
    assert (longer.width, longer.height, longer.num_frames, longer.fps) == (1360, 768, 81, 16)
    assert five.guidance_scale == longer.guidance_scale == 6.0
    for wrong in ({"width": 640}, {"num_frames": 50}, {"num_inference_steps": 0}, {"color": "red"}):
        try:
            CogVideoXConfig(model_id=five.model_id, **wrong)
        except ValidationError:
            continue
        raise AssertionError(f"{wrong} was accepted")
    result = GenerationResult(
        success=True, video_path="a.mp4", error=None, duration_seconds=1.0, generation_id="a", model=NAMES[0],
        status="completed", metadata={},
    )  # fmt: skip
    try:
        GenerationResult.model_validate({**result.model_dump(), "video_path": None})
    except ValidationError:
        return
    raise AssertionError("a success without a video was accepted")


CHECKS = {
    "catalog registration": test_catalog_registration,
    "dynamic loading": test_dynamic_loading,
    "integration structure": test_integration_structure,
    "pydantic models": test_pydantic_models,
}

NEXT = """
What to do next:
  bash setup/install_model.sh {names}
  python3 examples/generate_videos.py --model {names} --task-id tests_0001 tests_0002
  .venv/bin/vmevalkit doctor      what this machine can run, and what is missing""".format(names=" ".join(NAMES))


def main() -> int:
    """Run every check; 1 if one fails."""
    failed = 0
    for name, check in CHECKS.items():
        try:
            check()
        except Exception as error:  # noqa: BLE001 - whatever is broken is what is to be shown
            failed += 1
            print(f"FAIL {name}: {type(error).__name__}: {error}")
        else:
            print(f"PASS {name}")
    print(NEXT)
    return 1 if failed else 0


def test_the_script_says_pass() -> None:
    run = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert [line.split()[0] for line in run.stdout.splitlines()[: len(CHECKS)]] == ["PASS"] * len(CHECKS)


if __name__ == "__main__":
    from examples._kit import ensure

    ensure()
    sys.exit(main())
