"""Programs of other repositories, by command: `--model command:NAME`, or `command:path/to/file.toml`.

A TOML file has the command with placeholders (docs/command-models.md). Files in setup/models/ are in the catalog.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from PIL import Image
from pydantic import Field

from vmevalkit import installation, media
from vmevalkit.errors import ConfigError, EnvironmentMissing, GenerationError, VideoError, VMEvalError
from vmevalkit.files import has_toml, sha256, temporary_name
from vmevalkit.models.base import (
    MODELS,
    Capabilities,
    ModelCard,
    Request,
    Service,
    Video,
    folder_name,
    register_form,
    register_model,
)
from vmevalkit.models.command import Batcher, CommandFile, Program, find_file, read_file, ready_files
from vmevalkit.models.command.file import fill
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.types import Geometry, Record


class CommandConfig(Record):
    """Settings of a program.

    Attributes:
        file: the TOML file.
        timeout: seconds for each question of a call; by default that of the file.
        batch: largest number of questions in one call; by default that of the file.
    """

    file: Path
    timeout: Annotated[float, Field(gt=0)] | None = None
    batch: Annotated[int, Field(ge=1, le=1000)] | None = None


class _Task(NamedTuple):
    """One question for the program."""

    image: Image.Image
    geometry: Geometry
    request: Request


class _Made(NamedTuple):
    """A video that the program made. `number` counts from 1 within the `total` questions of the call."""

    file: Path
    number: int
    total: int
    seconds: float


class CommandService(Service):
    """Runs a program. Arguments: see `CommandConfig`."""

    config_type = CommandConfig
    run_settings = frozenset({"timeout"})

    def __init__(self, model: str, **args: Any) -> None:
        self.config = CommandConfig(**args)
        changes = {name: value for name, value in (("batch", self.config.batch),) if value is not None}
        self.program = CommandFile.model_validate({**read_file(self.config.file).model_dump(), **changes})
        self.folder = (self.config.file.parent / self.program.folder).resolve()
        self._stop = threading.Event()
        self._batcher: Batcher[_Task, _Made] = Batcher(
            self._call,
            self.program.batch,
            together=lambda a, b: (a.request.seed, a.image.size) == (b.request.seed, b.image.size),
            order=lambda task: str(task.request.image_path),
        )

    @property
    def threads(self) -> int:
        """Number of threads from which the questions of a call come; 0 if each call has one question."""
        # More than one call needs, because the questions of a call have the same seed.
        return 4 * self.program.batch if self.program.batch > 1 else 0

    def stop(self) -> None:
        """End the program."""
        self._stop.set()

    def obstacle(self) -> VMEvalError | None:
        """Return why the program cannot run on this machine."""
        name = fill(self.program.command[0], {"folder": self.folder})
        program = self.folder / name if "/" in name else None
        if self.folder.is_dir() and (program.is_file() if program else shutil.which(name)):
            return None
        missing = (program or Path(name)) if self.folder.is_dir() else self.folder
        install = self.program.install or "see its README"
        if self.config.file in ready_files().values():
            install = installation.in_checkout(install)
        return EnvironmentMissing(f"{missing} is missing", f"install it: {install}")

    @classmethod
    def weights_status(cls, card: ModelCard, weights: Path | None = None) -> tuple[bool, str]:
        """Return whether the program is installed, and how to install it."""
        error = cls(card.model, **card.args).obstacle()
        return error is None, str(error or card.args["file"])

    def generate(self, request: Request, **options: Any) -> Video:
        """Make one video, in one call with others if the program can.

        Raises:
            ConfigError: a duration or an option is given.
            GenerationError: the program made no such video.
        """
        if options or request.duration is not None:
            raise ConfigError(f"a command has no options for single videos; change {self.config.file}")
        size = self.program.size or media.even(request.image.size)
        image, geometry = media.place(request.image, size)
        made = self._batcher.ask(_Task(image, geometry, request))
        info = self._checked(made, size)
        return Video(
            frames=media.iter_frames(made.file),
            fps=self.program.fps or info.fps,
            geometry=geometry,
            settings={"command": list(self.program.command), "size": list(size), "frames": info.frames},
            notes=[f"question {made.number} of {made.total} in one call"] if self.program.batch > 1 else [],
            weights={"command_file": self.config.file.name, "command_sha256": sha256(self.config.file)},
            device="command",
            seconds={"program": made.seconds},
            file=made.file,
        )

    def _checked(self, made: _Made, size: tuple[int, int]) -> media.VideoInfo:
        try:
            info = media.probe(made.file)
        except VideoError as error:
            reason = str(error).replace(str(made.file), "its output")
            raise GenerationError(f"the program made no usable video: {reason}") from None
        wanted = self.program.frames
        if info.size != size or (wanted is not None and info.frames != wanted):
            asked = f"{size[0]}x{size[1]}" + (f" with {wanted} frames" if wanted else "")
            found = f"{info.size[0]}x{info.size[1]} with {info.frames} frames"
            raise GenerationError(
                f"the program made {found}, not {asked}", f"correct size or frames in {self.config.file}"
            )
        return info

    def _call(self, tasks: list[_Task]) -> list[_Made | BaseException]:
        """Run the program for several questions, and return its videos."""
        if error := self.obstacle():
            raise error
        # The path has no words that repositories replace in paths, such as "samples".
        with tempfile.TemporaryDirectory(prefix="vmevalkit-") as scratch:
            inputs, outputs = Path(scratch, "in"), Path(scratch, "out")
            inputs.mkdir()
            outputs.mkdir()
            values = self._values(tasks, inputs, outputs)
            started = time.monotonic()
            command = [fill(word, values) for word in self.program.command]
            environment = {name: fill(value, values) for name, value in self.program.environment.items()}
            limit = (self.config.timeout or self.program.timeout) * len(tasks)
            Program(command, self.folder, environment, self._stop).run(limit)
            each = round((time.monotonic() - started) / len(tasks), 3)
            return [
                self._taken(task, self._output(values, index), index, len(tasks), each)
                for index, task in enumerate(tasks)
            ]

    def _values(self, tasks: list[_Task], inputs: Path, outputs: Path) -> dict[str, Any]:
        """Write the inputs, and return the values of the placeholders."""
        for index, task in enumerate(tasks):
            task.image.save(inputs / f"{index:04d}.png")
        # One line for each question.
        prompts = [" ".join(task.request.prompt.split()) for task in tasks]
        (inputs / "prompts.txt").write_text("".join(f"{prompt}\n" for prompt in prompts), encoding="utf-8")
        width, height = tasks[0].image.size
        values = {
            "image": inputs / "0000.png", "prompt": tasks[0].request.prompt, "seed": tasks[0].request.seed,
            "width": width, "height": height, "size": f"{width}x{height}", "frames": self.program.frames or "",
            "inputs": inputs, "outputs": outputs, "folder": self.folder,
        }  # fmt: skip
        return {**values, "output": self._output(values, 0)}

    def _output(self, values: dict[str, Any], index: int) -> Path:
        return Path(fill(self.program.output, {**values, "stem": f"{index:04d}"}))

    def _taken(self, task: _Task, output: Path, index: int, count: int, seconds: float) -> _Made | BaseException:
        """Move a video out of the scratch folder."""
        if not output.is_file():
            return GenerationError(f"the program ended without the file {fill(self.program.output, {})}")
        target = task.request.output or Path(tempfile.mkdtemp(prefix="vmevalkit-")) / "video.mp4"
        target.parent.mkdir(parents=True, exist_ok=True)
        target = target.with_name(temporary_name(target.name))
        shutil.move(output, target)
        return _Made(target, index + 1, count, seconds)


class CommandWrapper(ModelWrapper):
    """The boundary around `CommandService`."""

    service_class = CommandService


def _card(path: Path) -> ModelCard:
    program = read_file(path)
    return ModelCard(
        name=folder_name(path.stem),
        family="command",
        wrapper=f"{__name__}:{CommandWrapper.__name__}",
        service=CommandService.__name__,
        model=path.stem,
        args={"file": path},
        about=program.about,
        size=program.size,
        frames=program.frames,
        fps=program.fps,
        license=program.license,
        when=program.when,
        capabilities=Capabilities(deterministic=program.batch == 1),
    )


def _named(name: str) -> ModelCard:
    path = find_file(name.partition(":")[2])
    ready = path.stem in ready_files() and path == ready_files()[path.stem]
    return MODELS[path.stem] if ready else _card(path)


register_form("command:NAME", r"command:.+", _named)
# The environment of a model with Python 3.10 may have nothing that reads TOML. It needs only its own model.
for _path in ready_files().values() if has_toml() else ():
    register_model(_card(_path))
