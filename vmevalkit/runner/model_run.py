"""A model of a run before it is loaded: a catalog entry with settings, or a user's function."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vmevalkit import store
from vmevalkit.errors import EnvironmentMissing, UsageError, VMEvalError
from vmevalkit.models.base import MODELS, ModelCard
from vmevalkit.models.function import FunctionWrapper, load_function, source_of
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.runner.environment import needs_environment, require_python
from vmevalkit.runner.remote import RemoteModel
from vmevalkit.types import Question

ModelSpec = str | Callable[..., Any]
"""A name in the catalog, `my_file.py:my_function`, or a function `(image, prompt, seed) -> frames or path`."""


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
        UsageError: a function that cannot be imported, has a name that cannot be a model's, or is given a duration.
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
        self.card: ModelCard | None = None
        self.source: dict[str, Any] = {}
        if isinstance(model, str) and ".py:" not in model:
            if model.endswith(".py") or (":" in model and model not in MODELS):
                raise UsageError(f"--model {model} names no function", "write it as path/to/file.py:function")
            self.card = MODELS[model]
            self.name = model
            return
        # Absolute, because a function may change the working folder.
        self._model = str(Path(model).absolute()) if isinstance(model, str) else model
        function = load_function(model) if isinstance(model, str) else model
        if not hasattr(function, "__name__"):
            raise UsageError(f"{type(function).__name__} is an object without a name", "pass a function that calls it")
        self.name = function.__name__
        self.source = source_of(function)
        if not store.is_name(self.name) or self.name in MODELS:
            raise UsageError(f"a function named '{self.name}' cannot be a model here", "rename the function")
        if duration is not None:
            raise UsageError(f"duration = {duration:g}: a function chooses its own length", "leave --duration out")

    def load(self, prompts: Sequence[str] = ()) -> ModelWrapper | RemoteModel:
        """Return the wrapper, or a stand-in that runs it inside the model's own environment.

        Args:
            prompts: that will be asked for.
        """
        model: ModelWrapper | RemoteModel = self.configured()
        if self.card is not None and needs_environment(self.card):
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
        if self.card is None:
            if not isinstance(self._model, str):
                raise UsageError(f"{self.name} is a function of this process", "name it as path/to/file.py:function")
            return RemoteModel(self.name, _HERE, self.outputs, self.settings, self._model, environment)
        python = require_python(self.card) if needs_environment(self.card) else _HERE
        return RemoteModel(self.name, python, self.outputs, self.settings, environment=environment)

    def configured(self) -> ModelWrapper:
        """Return the wrapper with its settings checked. Nothing heavy is loaded yet.

        Raises:
            ConfigError: a setting that the model does not have or cannot take.
        """
        if self.card is None:
            return FunctionWrapper(self.name, self.outputs, function=self._model, **self.settings)
        wrapper = load_model_wrapper(self.name)
        return wrapper(self.card.model, self.outputs, name=self.name, **{**self.card.args, **self.settings})

    def obstacle(self) -> VMEvalError | None:
        """Return why the model cannot run on this machine, without loading it."""
        if self.card is None:
            return None
        if needs_environment(self.card):
            try:
                require_python(self.card)
            except EnvironmentMissing as error:
                return error
        return self.configured().obstacle()

    def can_answer(self, question: Question) -> bool:
        """Whether the question has the files that the model needs, beside first frame and prompt."""
        return self.card is None or all(os.path.isfile(question.folder / name) for name in self.card.needs)

    @property
    def requested(self) -> dict[str, Any]:
        """What was asked for beyond the model's defaults, as it is stored in results."""
        settings = {name: str(value) if isinstance(value, Path) else value for name, value in self.settings.items()}
        return {**settings, "duration": self.duration} if self.duration is not None else settings
