"""Names of release 0.1.0 work for one release, with a warning."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path

import pytest

import vmevalkit
from vmevalkit import deprecation, media
from vmevalkit.cli import main
from vmevalkit.models.base import MODELS

NAMES = {
    "vmevalkit.KitError": vmevalkit.VMEvalError,
    "vmevalkit.errors.KitError": vmevalkit.VMEvalError,
    "vmevalkit.list": vmevalkit.catalog,
    "vmevalkit.models.base.Film": vmevalkit.Video,
    "vmevalkit.models.base.ModelWrapper": vmevalkit.ModelWrapper,
    "vmevalkit.video": media,
}

# The family of the page docs/add-a-model.md of release 0.1.0, shortened.
FAMILY = """
import numpy as np

from vmevalkit import video
from vmevalkit.models.base import Film, ModelCard, ModelWrapper, Request, Service, register_model


class FadeService(Service):
    def __init__(self, model, **args):
        pass

    def generate(self, request: Request, **options) -> Film:
        placed, geometry = video.place(request.image, video.even(request.image.size))
        first = np.asarray(placed, dtype=np.float32)
        frames = ((first + (255 - first) * share).astype(np.uint8) for share in np.linspace(0.0, 1.0, 25))
        return Film(frames=frames, fps=8.0, geometry=geometry, settings={})


class FadeWrapper(ModelWrapper):
    service_class = FadeService


register_model(
    ModelCard(
        name="old-fade", family="fade", wrapper=f"{__name__}:FadeWrapper", service="FadeService", model="fade",
        about="Fades to white.", seconds_a_video=0.2, when="never",
    )
)
"""


@pytest.mark.parametrize("name", NAMES)
def test_an_old_name_is_the_new_one_and_warns(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    with pytest.warns(DeprecationWarning, match=f"{name} is now vmevalkit"):
        assert getattr(importlib.import_module(module), attribute) is NAMES[name]


@pytest.mark.parametrize("module", ["vmevalkit", "vmevalkit.errors", "vmevalkit.models.base"])
def test_other_names_are_errors(module: str) -> None:
    with pytest.raises(AttributeError, match="no attribute 'Movie'"):
        importlib.import_module(module).Movie  # noqa: B018


def test_a_model_that_was_written_for_the_last_release_runs(tmp_path: Path) -> None:
    (tmp_path / "old_fade.py").write_text(FAMILY)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert MODELS.add_file(tmp_path / "old_fade.py") == ["old-fade"]
    assert {str(one.message).split()[0].rpartition(".")[2] for one in seen} == {"video", "Film", "ModelWrapper"}
    try:
        vmevalkit.make("maze", count=1, size=(96, 96), questions=tmp_path / "q", videos=False)
        done = vmevalkit.generate("old-fade", questions=tmp_path / "q", outputs=tmp_path / "o", baselines=False)
        assert (done.made, done.failed) == (1, ())
    finally:
        MODELS.remove("old-fade")


def test_a_service_that_inherits_from_nothing_is_named_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So were the services of 0.1.0."""
    (tmp_path / "older_fade.py").write_text(FAMILY.replace("FadeService(Service)", "FadeService"))
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        MODELS.add_file(tmp_path / "older_fade.py")
    try:
        assert main(["check", "model", "old-fade"]) == 2
    finally:
        MODELS.remove("old-fade")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "old-fade: the service FadeService must inherit from vmevalkit.Service" in said


def test_arguments_have_their_old_names(tmp_path: Path) -> None:
    with pytest.warns(DeprecationWarning, match=r"make\(films=\.\.\.\) is now videos="):
        (question,) = vmevalkit.make("maze", count=1, size=(96, 96), questions=tmp_path, films=False)  # type: ignore[call-arg]
    assert not (question / "ground_truth.mp4").exists()
    assert (question / "first_frame.png").is_file()


def test_options_have_their_old_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["make", "--task", "maze", "--count", "1", "--size", "96x96", "--workers", "1", "--no-films"]
    assert main([*words, "--questions", str(tmp_path)]) == 0
    assert "vmevalkit: --no-films is now --no-videos; the old name works until 0.3" in capsys.readouterr().err
    assert not list(tmp_path.rglob("ground_truth.mp4"))
    assert main(["check", "scorer", "rulx", f"--pictures={tmp_path / 'check'}"]) == 2
    said = capsys.readouterr().err
    assert "--pictures is now --images" in said
    assert "did you mean rule" in said


def test_the_page_about_migration_has_every_old_name_and_the_new_one() -> None:
    page = (Path(__file__).parents[1] / "docs" / "migrate-0.2.md").read_text()
    names = {f"{module}.{old}": new for module, olds in deprecation.NAMES.items() for old, new in olds.items()}
    names |= {
        f"{name}({old}=": f"{name}({new}=" for name, olds in deprecation.ARGUMENTS.items() for old, new in olds.items()
    }
    rows = [line for line in page.splitlines() if line.startswith("|")]
    for old, new in {**names, **deprecation.OPTIONS}.items():
        new = new.replace("vmevalkit.errors.", "vmevalkit.")
        assert any(old in row and new in row for row in rows), f"{old} -> {new}"
