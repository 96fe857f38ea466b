"""Experiments that are copied to another place and back."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import uuid
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

import vmevalkit
from tests.conftest import Experiment
from vmevalkit import store
from vmevalkit.cli import main
from vmevalkit.errors import StorageError, UsageError


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """Two small mazes with videos and scores. Read it, do not write there."""
    here = Experiment(tmp_path_factory.mktemp("made"))
    vmevalkit.make("maze", count=2, size=(192, 128), questions=here.questions)
    vmevalkit.generate(["still", "replay"], baselines=False, questions=here.questions, outputs=here.outputs)
    vmevalkit.score(**folders(here))
    return here


@pytest.fixture
def own(made: Experiment, tmp_path: Path) -> Experiment:
    """A copy that may be changed."""
    shutil.copytree(made.root, tmp_path / "own")
    return Experiment(tmp_path / "own")


@pytest.fixture(params=["memory", "file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place. S3 is tested if VMEVALKIT_TEST_S3 names a bucket, for example of a local server of moto."""
    if request.param == "s3":
        if "VMEVALKIT_TEST_S3" not in os.environ:
            pytest.skip("VMEVALKIT_TEST_S3 names no bucket")
        return f"{os.environ['VMEVALKIT_TEST_S3']}/{uuid.uuid4()}"
    return f"memory://{uuid.uuid4()}/there" if request.param == "memory" else f"file://{tmp_path}/new/there"


def folders(here: Experiment) -> dict[str, Any]:
    return {"questions": here.questions, "outputs": here.outputs, "scores": here.scores}


def contents(here: Experiment) -> dict[str, bytes]:
    return {
        path.relative_to(here.root).as_posix(): path.read_bytes()
        for path in here.root.rglob("*")
        if path.is_file() and ".lock" not in path.name
    }


def test_an_experiment_comes_back_as_it_was(made: Experiment, url: str, tmp_path: Path) -> None:
    pushed = vmevalkit.push(url, **folders(made))
    back = Experiment(tmp_path / "back")
    pulled = vmevalkit.pull(url, **folders(back))
    assert contents(back) == contents(made)
    assert pushed == pulled
    assert (pushed.copied, pushed.unchanged) == (2 * 5 + 1 + 4 * 7 + 4, 0)
    assert vmevalkit.push(url, **folders(back)).copied == 0
    assert vmevalkit.pull(url, **folders(back)).copied == 0


def test_only_what_changed_is_copied(own: Experiment, url: str) -> None:
    vmevalkit.push(url, **folders(own))
    files, root = fsspec.core.url_to_fs(url)
    before = files.find(f"{root}/objects")
    # Equal files are stored once.
    assert len(before) < len(contents(own)) * 0.7
    result = sorted(own.outputs.rglob("result.json"))[0]
    result.write_text(result.read_text() + "\n")
    done = vmevalkit.push(url, **folders(own))
    assert (done.copied, done.unchanged) == (1, len(contents(own)) - 1)
    files.invalidate_cache()
    assert len(set(files.find(f"{root}/objects")) - set(before)) == 1


def interrupted_push(own: Experiment, url: str, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    write = store.Remote._write

    def stops(remote: store.Remote, path: str, data: bytes) -> None:
        if len(written) >= after:
            raise KeyboardInterrupt
        written.append(path)
        write(remote, path, data)

    with monkeypatch.context() as patch:
        patch.setattr(store.Remote, "_write", stops)
        with pytest.raises(KeyboardInterrupt):
            vmevalkit.push(url, **folders(own))


def test_an_interrupted_push_counts_for_nothing_and_resumes(
    own: Experiment, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted_push(own, url, 5, monkeypatch)
    with pytest.raises(UsageError, match="no complete experiment"):
        vmevalkit.pull(url, **folders(Experiment(tmp_path / "back")))
    assert not (tmp_path / "back").exists()
    files, root = fsspec.core.url_to_fs(url)
    files.invalidate_cache()
    there = {path: files.info(path) for path in files.find(f"{root}/objects")}
    assert len(there) == 5
    vmevalkit.push(url, **folders(own))
    files.invalidate_cache()
    times = {"mtime", "created", "LastModified"} & set(next(iter(there.values())))
    assert times
    for path, info in there.items():
        assert all(files.info(path)[time] == info[time] for time in times), "not copied again"
    before = contents(own)
    for result in own.outputs.rglob("result.json"):
        result.write_text(result.read_text() + "\n")
    interrupted_push(own, url, 2, monkeypatch)
    vmevalkit.pull(url, **folders(Experiment(tmp_path / "back")))
    assert contents(Experiment(tmp_path / "back")) == before, "the last complete push"


def test_an_interrupted_pull_resumes(
    made: Experiment, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vmevalkit.push(url, **folders(made))
    back = Experiment(tmp_path / "back")
    get, got = store.Remote.get, [0]

    def stops(remote: store.Remote, file: store.RemoteFile) -> bytes:
        got[0] += 1
        if got[0] > 6:
            raise KeyboardInterrupt
        return get(remote, file)

    with monkeypatch.context() as patch:
        patch.setattr(store.Remote, "get", stops)
        with pytest.raises(KeyboardInterrupt):
            vmevalkit.pull(url, **folders(back))
    partly = contents(back)
    assert partly
    assert not [name for name in partly if name.endswith(".mp4")], "videos come last"
    done = vmevalkit.pull(url, **folders(back))
    assert done.unchanged == len(partly)
    assert contents(back) == contents(made)


def test_files_here_are_replaced_only_if_asked(own: Experiment, url: str) -> None:
    vmevalkit.push(url, **folders(own))
    before = contents(own)
    prompt = own.questions / "maze_task/maze_0000/prompt.txt"
    prompt.write_text("mine")
    (own.outputs / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match=rf"1 files differ from those at .*: {prompt} \(.*--replace"):
        vmevalkit.pull(url, **folders(own))
    assert prompt.read_text() == "mine"
    assert vmevalkit.pull(url, replace=True, **folders(own)).copied == 1
    assert contents(own) == {**before, "outputs/mine.txt": b"mine"}


def test_what_is_there_and_not_here_stays(own: Experiment, url: str, tmp_path: Path) -> None:
    vmevalkit.push(url, **folders(own))
    before = contents(own)
    shutil.rmtree(own.outputs / "replay")
    vmevalkit.push(url, **folders(own))
    vmevalkit.pull(url, **folders(Experiment(tmp_path / "back")))
    assert contents(Experiment(tmp_path / "back")) == before


def test_a_damaged_object_is_named_and_not_stored(made: Experiment, url: str, tmp_path: Path) -> None:
    vmevalkit.push(url, **folders(made))
    files, root = fsspec.core.url_to_fs(url)
    for path in files.find(f"{root}/objects"):
        files.pipe_file(path, b"x" * files.info(path)["size"])
    with pytest.raises(StorageError, match=r"object \w{64} of .* is damaged"):
        vmevalkit.pull(url, **folders(Experiment(tmp_path / "back")))
    assert not contents(Experiment(tmp_path / "back"))


def test_a_truncated_object_is_copied_again(made: Experiment, url: str, tmp_path: Path) -> None:
    vmevalkit.push(url, **folders(made))
    files, root = fsspec.core.url_to_fs(url)
    for path in files.find(f"{root}/objects"):
        files.pipe_file(path, b"x")
    vmevalkit.push(url, **folders(made))
    vmevalkit.pull(url, **folders(Experiment(tmp_path / "back")))
    assert contents(Experiment(tmp_path / "back")) == contents(made)


@pytest.mark.parametrize(
    "name",
    [
        "../evil", "/etc/evil", "outputs/../../../evil/a/b", "outputs/m/maze_task/..", "outputs//m/maze_task/x",
        "outputs/m/maze_task/.hidden", "outputs/ratings.sqlite", "elsewhere/m/maze_task/x", "outputs",
        "outputs/m\\..\\x/maze_task/x", "outputs/C:/maze_task/x", "questions/manifest.json/", "scores/m/a_task/x\n",
    ],
)  # fmt: skip
def test_hostile_paths_are_refused(name: str, made: Experiment, tmp_path: Path) -> None:
    url = f"memory://{uuid.uuid4()}"
    vmevalkit.push(url, **folders(made))
    files, root = fsspec.core.url_to_fs(url)
    manifest = json.loads(files.cat_file(f"{root}/manifest.json"))
    manifest["files"][name] = next(iter(manifest["files"].values()))
    files.pipe_file(f"{root}/manifest.json", json.dumps(manifest).encode())
    with pytest.raises(StorageError, match="has a path of no experiment"):
        vmevalkit.pull(url, **folders(Experiment(tmp_path / "deep/back")))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("manifest", [b"", b"{", b"[]", b'{"format": 2, "files": {}}', b'{"files": {"a": 1}}', b"\xff"])
def test_a_damaged_manifest_is_one_line(manifest: bytes, tmp_path: Path) -> None:
    url = f"memory://{uuid.uuid4()}"
    files, root = fsspec.core.url_to_fs(url)
    files.pipe_file(f"{root}/manifest.json", manifest)
    with pytest.raises(StorageError, match=r"manifest\.json is not a manifest") as caught:
        vmevalkit.pull(url, **folders(Experiment(tmp_path / "back")))
    assert "\n" not in str(caught.value)


def test_ratings_links_and_temporary_files_are_not_pushed(own: Experiment, tmp_path: Path) -> None:
    (own.outputs / "ratings.sqlite").write_bytes(b"names of people")
    (tmp_path / "secret").write_text("private")
    (own.outputs / "still/maze_task/maze_0000/video/video_seed7.mp4").symlink_to(tmp_path / "secret")
    (own.outputs / "still/maze_task/maze_0000/video/.video.mp4.0123456789ab.tmp").write_bytes(b"half")
    url = f"memory://{uuid.uuid4()}"
    vmevalkit.push(url, **folders(own))
    files, root = fsspec.core.url_to_fs(url)
    stored = files.cat(files.find(root)).values()
    assert len(stored) > 10
    assert not set(stored) & {b"names of people", b"private", b"half"}


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIAIOSFODNN7:wJalrXUtnFEMIKEY@bucket/x",
        "https://host/x?token=wJalrXUtnFEMIKEY",
        "bucket",
        "hf://me/name",
        "",
    ],
)
@pytest.mark.parametrize("verb", ["push", "pull"])
def test_wrong_addresses_are_one_line_without_keys(
    verb: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([verb, url]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "hf://datasets/OWNER/NAME" in said.err
    assert "wJalrXUtnFEMIKEY" not in said.err + said.out


def test_the_command_line_pushes_and_pulls(
    made: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [word for name, path in folders(made).items() for word in (f"--{name}", str(path))]
    assert main(["push", f"file://{tmp_path}/there", *names]) == 0
    monkeypatch.chdir(tmp_path)
    assert main(["pull", f"file://{tmp_path}/there"]) == 0
    assert capsys.readouterr().out.count("43 files copied, 0 unchanged") == 2
    assert main(["push", f"file://{tmp_path}/there", "--questions", "no", "--outputs", "no", "--scores", "no"]) == 2
    assert "nothing to push" in capsys.readouterr().err
    assert main(["push", "file:///proc/nowhere"]) == 1
    said = capsys.readouterr().err
    assert "/proc/nowhere" in said
    assert "Traceback" not in said


def test_the_hub_gets_many_files_in_one_commit(
    made: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub itself is replaced by a folder in memory; its calls are checked against the real signatures."""
    hub = pytest.importorskip("huggingface_hub")
    commits = []
    files = MemoryFileSystem()
    # The real one resolves an address without the network.
    place = hub.HfFileSystem

    class Hub(MemoryFileSystem):  # type: ignore[misc]
        protocol = "hf"
        cachable = False

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return "/" + path.removeprefix("hf://").lstrip("/")

        def resolve_path(self, path: str) -> Any:
            _, owner, name, *below = path.strip("/").split("/")
            return hub.hf_file_system.HfFileSystemResolvedRepositoryPath(
                "dataset", f"{owner}/{name}", "main", "/".join(below)
            )

    class Api:
        def create_commit(self, **given: Any) -> None:
            inspect.signature(hub.HfApi.create_commit).bind(self, **given)
            commits.append(len(given["operations"]))
            for operation in given["operations"]:
                files.pipe_file(f"/datasets/{given['repo_id']}/{operation.path_in_repo}", operation.path_or_fileobj)

    assert place.protocol == "hf"
    fsspec.register_implementation("hf", Hub, clobber=True)
    monkeypatch.setattr(hub, "HfApi", Api)
    try:
        url = f"hf://datasets/me/{uuid.uuid4()}/deep"
        vmevalkit.push(url, **folders(made))
        vmevalkit.pull(url, **folders(Experiment(tmp_path / "back")))
    finally:
        fsspec.register_implementation("hf", place, clobber=True)
    assert contents(Experiment(tmp_path / "back")) == contents(made)
    assert len(commits) == 2, "objects, then the manifest"


def test_the_commands_of_the_page_about_scale_run(
    made: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[1] / "docs" / "scale.md").read_text()
    blocks = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    commands = [line for line in "".join(blocks).splitlines() if line.startswith("vmevalkit ")]
    assert len(commands) >= 6
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made.questions, "data/questions")
    Path("my_file.py").write_text("def my_function(image, prompt, seed):\n    return [image] * 9\n")
    for command in commands:
        words = command.replace("/mnt/shared", f"{tmp_path}/shared").split()[1:]
        assert main([*words, *(["--workers", "1"] if words[0] == "score" else [])]) == 0, command
    assert len(list(Path("got/outputs").rglob("video.mp4"))) == 2 * 6, "of the function and five baselines"
