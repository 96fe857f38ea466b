"""The models of a server, and what can be checked of a request before its video is made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vmevalkit import media
from vmevalkit.errors import UnknownName, UsageError, VMEvalError
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.runner.model_run import ModelRun
from vmevalkit.serve.errors import ApiError
from vmevalkit.serve.submissions import Submission, VideoRequest
from vmevalkit.types import Size


class ServedModel:
    """A model that can be asked for videos.

    Args:
        run: the model with its settings.

    Raises:
        UsageError: it needs more than a first frame and a prompt.
        VMEvalError: it cannot run on this machine.
    """

    def __init__(self, run: ModelRun) -> None:
        if run.card is not None and run.card.needs:
            raise UsageError(
                f"{run.name} cannot be served: it needs {', '.join(run.card.needs)} of the question",
                "choose a model that reads the first frame only",
            )
        obstacle = run.obstacle()
        if obstacle is not None:
            raise obstacle
        self.name = run.name
        self.run = run
        # Checks settings; it is never loaded.
        self._wrapper: ModelWrapper = run.configured()

    def plan(self, submission: Submission) -> tuple[dict[str, Any], Size]:
        """Return the options of a video, and its size as far as it is known.

        Raises:
            ApiError: the model cannot make what is requested.
        """
        request = submission.request
        options, size = self._options(request, media.even(submission.image_size))
        try:
            self._wrapper.check(request.seconds, options)
        except VMEvalError as error:
            raise ApiError(400, str(error), code="invalid_value") from None
        return options, size

    def _options(self, request: VideoRequest, image_size: Size) -> tuple[dict[str, Any], Size]:
        config = getattr(self._wrapper.service_class, "config_type", None)
        wanted = request.frame_size
        if config is not None and "resolution" in config.model_fields:
            default = getattr(getattr(self._wrapper.service, "config", None), "resolution", None)
            options = {**request.options, "resolution": wanted} if wanted is not None else request.options
            return options, wanted or default or image_size
        if wanted is not None and wanted != image_size:
            raise ApiError(
                400,
                f"size {wanted[0]}x{wanted[1]}: {self.name} makes videos of the size of the image, "
                f"{image_size[0]}x{image_size[1]}",
                param="size",
                code="invalid_value",
            )
        return request.options, image_size


class ServedModels:
    """The models of a server, by name.

    Args:
        models: names in the catalog, or `my_file.py:my_function`.
        jobs: folder of the jobs.
        settings: of all models.

    Raises:
        VMEvalError: one of them cannot be served.
    """

    def __init__(self, models: Sequence[str], jobs: Path, settings: dict[str, Any] | None = None) -> None:
        if not models:
            raise UsageError("no model is named", "name one with --model")
        served = [ServedModel(ModelRun(model, jobs, settings)) for model in dict.fromkeys(models)]
        self._models = {model.name: model for model in served}
        if len(self._models) < len(served):
            raise UsageError("two functions have the same name", "rename one of them")

    @property
    def runs(self) -> dict[str, ModelRun]:
        """The models as workers load them, by name."""
        return {name: model.run for name, model in self._models.items()}

    def __iter__(self) -> Any:
        return iter(self._models)

    def get(self, name: str | None) -> ServedModel:
        """Return the model that a request names; the only one if it names none.

        Raises:
            ApiError: there is no such model.
        """
        if name is None and len(self._models) == 1:
            return next(iter(self._models.values()))
        if name is None:
            raise ApiError(400, f"model is missing; available: {', '.join(self._models)}", param="model")
        if name not in self._models:
            message = str(UnknownName("model", name[:100], self._models))
            raise ApiError(404, message, code="model_not_found", param="model")
        return self._models[name]
