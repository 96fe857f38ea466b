"""A model of a run before it is loaded: a catalog entry with settings, or a user's function."""

from __future__ import annotations

import copy
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vmevalkit.errors import EnvironmentMissing, UsageError, VMEvalError
from vmevalkit.models.base import MODELS, find_card, service_of
from vmevalkit.models.function import function_card, load_function, source_files, source_of
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.runner.environment import needs_environment, require_python
from vmevalkit.runner.remote import RemoteModel
from vmevalkit.types import Question

ModelSpec = str | Callable[..., Any]
"""A name in the catalog or in a form of `ModelForm`, or a function `(image, prompt, seed) -> frames or path`."""


_HERE = Path(sys.executable)


def load_model_wrapper(name: str) -> type[ModelWrapper]:
    """Return the wrapper class of a model in the catalog.

    Raises:
        UnknownName: there is no such model.
    """
    module, wrapper = MODELS[name].wrapper.split(":")
    return getattr(importlib.import_module(module), wrapper)  # type: ignore[no-any-return]


class ModelRun:
    """A model of a run, with its settings. It can be sent to a worker process, which loads it.

    Args:
        model: which model.
        outputs: folder of the experiment.
        settings: changes to the model's settings.
        duration: seconds of video, for models that can choose.
        implied: the model was not named, but runs beside the named ones.

    Raises:
        UnknownName, UsageError: there is no such model, or a function is given a duration.
    """

    def __init__(
        self,
        model: ModelSpec,
        outputs: Path,
        settings: dict[str, Any] | None = None,
        duration: float | None = None,
        implied: bool = False,
    ) -> None:
        self.outputs = outputs
        self.implied = implied
        self.settings = settings or {}
        self.duration = duration
        self.card = find_card(model) if isinstance(model, str) else function_card(model)
        self.name = self.card.name
        function = self.card.args.get("function")
        self.source: dict[str, Any] = {}
        if function is not None:
            self.source = source_of(load_function(function) if isinstance(function, str) else function)
            if duration is not None:
                raise UsageError(f"duration = {duration:g}: a function chooses its own length", "leave --duration out")

    def sources(self) -> dict[str, bytes]:
        """Return the files that define the model, if it is a function in a file, by their names; else nothing."""
        if self._file is None:
            return {}
        return {path.name: path.read_bytes() for path in source_files(self._file)}

    @property
    def source_folder(self) -> Path | None:
        """The folder of the file that defines the model, if it is a function in a file."""
        return self._file.parent if self._file is not None else None

    @property
    def _file(self) -> Path | None:
        target = self.card.args.get("function")
        return Path(target.rpartition(":")[0]) if isinstance(target, str) else None

    def with_sources(self, sources: Mapping[str, bytes], folder: Path) -> ModelRun:
        """Return this model with the files of `sources`, which are written into a folder."""
        if not sources:
            return self
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in sources.items():
            (folder / name).write_bytes(content)
        path, _, function = self.card.args["function"].rpartition(":")
        moved = copy.copy(self)
        args = {**self.card.args, "function": f"{folder / Path(path).name}:{function}"}
        moved.card = self.card.model_copy(update={"args": args})
        return moved

    def load(self, prompts: Sequence[str] = ()) -> ModelWrapper | RemoteModel:
        """Return the wrapper, or a stand-in that runs it inside the model's own environment.

        Args:
            prompts: that will be asked for.
        """
        model: ModelWrapper | RemoteModel = self.configured()
        if needs_environment(self.card):
            model = RemoteModel(self.name, require_python(self.card), self.outputs, self.settings)
        model.announce(prompts)
        return model

    def load_apart(self, environment: Mapping[str, str] | None = None) -> RemoteModel:
        """Return the model in a process of its own, whatever its packages.

        Args:
            environment: environment variables of the process, on top of those of this one.

        Raises:
            ConfigError: a setting that the model does not have or cannot take.
            EnvironmentMissing: the model's environment is missing or broken.
        """
        function = self.card.args.get("function")
        if function is not None and not isinstance(function, str):
            raise UsageError(f"{self.name} is a function of this process", "name it as path/to/file.py:function")
        python = require_python(self.card) if needs_environment(self.card) else _HERE
        return RemoteModel(self.name, python, self.outputs, self.settings, function, environment)

    def configured(self) -> ModelWrapper:
        """Return the wrapper with its settings checked. Nothing heavy is loaded yet.

        Raises:
            ConfigError: a setting that the model does not have or cannot take.
        """
        module, name = self.card.wrapper.split(":")
        wrapper: type[ModelWrapper] = getattr(importlib.import_module(module), name)
        return wrapper(self.card.model, self.outputs, name=self.name, **{**self.card.args, **self.settings})

    def obstacle(self) -> VMEvalError | None:
        """Return why the model cannot run on this machine, without loading it."""
        if needs_environment(self.card):
            try:
                require_python(self.card)
            except EnvironmentMissing as error:
                return error
        missing = [key for key in self.card.keys if not os.environ.get(key)]
        if missing:
            return EnvironmentMissing(f"{self.name} needs the key {missing[0]}", f"export {missing[0]}=...")
        return self.configured().obstacle()

    def can_answer(self, question: Question) -> bool:
        """Whether the question has the files that the model needs, beside first frame and prompt."""
        return all(os.path.isfile(question.folder / name) for name in self.card.needs)

    @property
    def gpus(self) -> int:
        """Number of GPUs that a copy of the model uses, where there are any."""
        if self.card.baseline or str(self.settings.get("device", "")).startswith("cpu"):
            return 0
        return 2 if self.settings.get("latency") else 1

    @property
    def is_function(self) -> bool:
        """Whether the model is a user's function."""
        return "function" in self.card.args

    @property
    def remote(self) -> bool:
        """Whether the model runs on a server."""
        return service_of(self.card).remote

    @property
    def requested(self) -> dict[str, Any]:
        """What was asked for beyond the model's defaults, as it is stored in results."""
        ignored = service_of(self.card).run_settings
        settings = {
            name: str(value) if isinstance(value, Path) else value
            for name, value in self.settings.items()
            if name not in ignored
        }
        return {**settings, "duration": self.duration} if self.duration is not None else settings
