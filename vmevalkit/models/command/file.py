"""The TOML file that describes a program: its command with placeholders, its folder, and what it makes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator, model_validator

from vmevalkit import installation
from vmevalkit.errors import ConfigError, UnknownName, UsageError, explain_validation
from vmevalkit.files import read_toml
from vmevalkit.types import Record, Size

PLACEHOLDERS = {
    "image": "the first frame, a PNG of `size`",
    "prompt": "the prompt",
    "seed": "the seed",
    "output": "where the video must be",
    "width": "width of the video",
    "height": "height of the video",
    "size": "WIDTHxHEIGHT",
    "frames": "number of frames",
    "inputs": "a folder with 0000.png, 0001.png, ... and prompts.txt, which has one line for each",
    "outputs": "a folder for the videos",
    "stem": "in `output`: 0000, 0001, ...",
    "folder": "the folder of the program",
}
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class CommandFile(Record):
    """The content of a TOML file.

    Attributes:
        about, license, when: for lists.
        command: program and arguments, with placeholders such as `{image}`; no shell reads them.
        folder: working folder, relative to the file.
        environment: variables on top of those of the kit.
        output: where the program writes a video, with placeholders.
        size: width and height of the videos; by default those of the question.
        frames, fps: of the videos.
        timeout: seconds for each question of a call.
        batch: largest number of questions in one call. More than one needs `{inputs}` in the command.
        install: the command that installs the program, for messages.
    """

    about: str = "A program of another repository."
    license: str | None = None
    when: str = ""
    command: Annotated[tuple[str, ...], Field(min_length=1)]
    folder: Path = Path(".")
    environment: dict[str, str] = {}
    output: str = "{outputs}/{stem}.mp4"
    size: Size | None = None
    frames: Annotated[int, Field(ge=1)] | None = None
    fps: Annotated[float, Field(gt=0)] | None = None
    timeout: Annotated[float, Field(gt=0)] = 3600.0
    batch: Annotated[int, Field(ge=1, le=1000)] = 1
    install: str | None = None

    @field_validator("command")
    @classmethod
    def _placeholders_are_known(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        for name in _PLACEHOLDER.findall(" ".join(command)):
            if name not in PLACEHOLDERS:
                raise ValueError(f"there is no placeholder {{{name}}}; available: {', '.join(PLACEHOLDERS)}")
        return command

    @model_validator(mode="after")
    def _questions_reach_the_program(self) -> CommandFile:
        words = set(_PLACEHOLDER.findall(" ".join(self.command)))
        if not words & {"image", "inputs"}:
            raise ValueError("the command needs {image} or {inputs}")
        if self.batch > 1 and "inputs" not in words:
            raise ValueError(f"batch = {self.batch} needs {{inputs}} in the command")
        return self


def fill(text: str, values: dict[str, Any]) -> str:
    """Replace placeholders. Values may contain braces, and unknown placeholders stay."""
    return _PLACEHOLDER.sub(lambda match: str(values.get(match[1], match[0])), text)


def find_file(name: str) -> Path:
    """Return the file of `command:NAME`: a path that ends with .toml, or the name of a ready file.

    Raises:
        UsageError: there is none.
    """
    if name.endswith(".toml"):
        if not Path(name).is_file():
            raise UsageError(f"--model command:{name}: there is no file {name}")
        return Path(name).absolute()
    ready = ready_files()
    if name not in ready:
        raise UnknownName("command", name, ready)
    return ready[name]


def ready_files() -> dict[str, Path]:
    """Return the files that come with the kit, by name."""
    return {path.stem: path for path in sorted((installation.setup_folder() / "models").glob("*.toml"))}


def read_file(path: Path) -> CommandFile:
    """Read and check a file.

    Raises:
        ConfigError: it is not valid.
    """
    try:
        return CommandFile.model_validate(read_toml(path))
    except UsageError as error:
        raise ConfigError(str(error)) from None
    except ValidationError as error:
        raise ConfigError(f"{path}: {explain_validation(error, CommandFile.model_fields)}") from None
