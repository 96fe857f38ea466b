"""The service behind every model that runs through Diffusers.

A family subclasses `DiffusersService`. It names a pipeline class and a configuration, and says with which arguments the
pipeline is called. Device, data types, memory plan, retry after out-of-memory, prompt cache, seeds, timings, notes and
provenance are handled here.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image

from vmevalkit import media
from vmevalkit.errors import EnvironmentMissing, VMEvalError, WeightsError
from vmevalkit.media import Frame
from vmevalkit.models.base import ModelCard, Request, Service, Video
from vmevalkit.models.diffusers import checkpoint as checkpoints
from vmevalkit.models.diffusers.checkpoint import Checkpoint
from vmevalkit.models.diffusers.config import DiffusersConfig
from vmevalkit.models.diffusers.devices import (
    Stopwatch,
    device_name,
    dtype_argument,
    generator,
    library_version,
    peak_memory,
    pick_device,
    quiet_libraries,
    require,
    reset_peak,
)
from vmevalkit.models.diffusers.memory import (
    DENOISERS,
    TILED,
    Memory,
    free_memory_gib,
    pick_plan,
    place,
    release_memory,
    stock_plans,
    within_memory,
)
from vmevalkit.models.diffusers.output import to_frames
from vmevalkit.models.diffusers.prompts import Embedding, PromptCache, check_length
from vmevalkit.models.progress import ReportedBar

PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "sentencepiece", "safetensors")
ENVIRONMENT = "diffusers-models"
"""The environment that the families share; `setup/models/diffusers-models/models.txt` lists their models."""


@dataclass(frozen=True)
class Loaded:
    """A pipeline in memory, and how it was loaded. Families may add fields."""

    pipe: Any
    plan: Memory
    weights: dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One call of a pipeline.

    Attributes:
        config: the settings of this video.
        image: the first frame, RGB, of the size `config.resolution`.
        prompt: the prompt, for pipelines that encode it themselves.
        embeddings: of the prompt and of the empty prompt; empty if the family has no `text_encoder`.
        generator: the random generator of this video.
    """

    config: Any
    image: Image.Image
    prompt: str
    embeddings: tuple[Embedding, ...]
    generator: Any


class DiffusersService(Service):
    """Loads a checkpoint with the first video and makes videos with it, one at a time.

    Class attributes:
        pipeline: name of the pipeline class in Diffusers.
        config_type: the family's configuration.
        text_encoder: name of the component that encodes prompts ahead of the call. None for a pipeline that encodes
            prompts itself or reads none.
        float32, float16: components that are loaded in these types on a GPU; the others are loaded in bfloat16.
        tiled: the VAE works in tiles with every memory plan, as the model's documentation says.

    Args:
        model: repository on the hub, or the id of a local checkpoint.
        args: settings, see the family's configuration.

    Raises:
        ValidationError: a setting that the model does not have or cannot take.
    """

    pipeline: ClassVar[str]
    config_type: ClassVar[type[DiffusersConfig]] = DiffusersConfig
    text_encoder: ClassVar[str | None] = "text_encoder"
    float32: ClassVar[tuple[str, ...]] = ()
    float16: ClassVar[tuple[str, ...]] = ()
    tiled: ClassVar[bool] = False
    config: Any

    def __init__(self, model: str, **args: Any) -> None:
        self.config = self.config_type.model_validate({"model_id": model, **args})
        self.prompts = PromptCache(self._text_pipeline, self.encode, self.config.variant.limits.prompt_tokens)
        self._checkpoint: Checkpoint | None = None
        self._loaded: Loaded | None = None
        # The plan chosen with the first video, and the one that ran out of memory before it, if any.
        self._plan: Memory | None = None
        self._too_large: Memory | None = None

    # What a family defines.

    @abstractmethod
    def call_arguments(self, call: Call) -> dict[str, Any]:
        """Return the arguments of the pipeline's call, but for `image`, `generator` and `output_type`."""

    def encode(self, pipe: Any, text: str) -> Embedding:
        """Return the embedding of a text, computed by a pipeline that has only a text encoder."""
        tokens = self.config.variant.limits.prompt_tokens
        tensors = pipe.encode_prompt(text, do_classifier_free_guidance=False, max_sequence_length=tokens)
        # Without guidance, the places of the negative prompt are None.
        return tuple(tensor for tensor in tensors if tensor is not None)

    def components(self, checkpoint: Checkpoint) -> dict[str, Any]:
        """Return components of the pipeline that are not in the checkpoint."""
        return {}

    def check_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Check that a checkpoint is of the configured model.

        Raises:
            WeightsError: it is of another model.
        """

    def plans(self, config: Any, device: str) -> Sequence[Memory]:
        """Return the memory plans that are possible, from the fastest to the smallest."""
        return stock_plans(device)

    def load(self, checkpoint: Checkpoint, config: Any, device: str, plan: Memory) -> Loaded:
        """Load the pipeline without its text encoder and place it as the plan demands."""
        pipe = self.load_pipeline(checkpoint, device, without=[self.text_encoder] if self.text_encoder else [])
        place(pipe, plan, device)
        # Stable Video Diffusion's VAE has no tiles.
        if (self.tiled or plan in TILED) and hasattr(pipe.vae, "use_tiling"):
            pipe.vae.enable_tiling()
        return Loaded(pipe, plan, checkpoint.describe())

    def run(self, loaded: Any, call: Call, watch: Stopwatch) -> list[Frame]:
        """Call the pipeline and return its frames. The stages of the call are laps of the watch."""
        output = loaded.pipe(
            image=call.image, generator=call.generator, output_type="np", **self.call_arguments(call)
        ).frames[0]
        watch.lap("generate")
        return to_frames(output)

    def settings(self, config: Any, loaded: Any) -> dict[str, Any]:
        """Return what else a video was made with, beside its configuration."""
        return {}

    def notes(self, config: Any, loaded: Any) -> list[str]:
        """Return what a reader of the result must know."""
        return []

    # What all families share.

    def announce(self, prompts: Sequence[str]) -> None:
        """Encode these prompts together with the first video's, so that the text encoder can leave the GPU."""
        if self.text_encoder is not None:
            self.prompts.announce(prompts)

    def check(self, duration: float | None, options: dict[str, Any]) -> None:
        """Check the settings of one video."""
        self.config.override(duration, options)

    def generate(self, request: Request, **options: Any) -> Video:
        """Make one video. The same request gives the same video as a plain call of the stock pipeline.

        Raises:
            ConfigError, ValidationError: an option that does not exist or is not possible.
            WeightsError: there are no weights, or not all of them.
            QuestionError: the prompt is longer than the model reads.
        """
        config = self.config.override(request.duration, options)
        device = pick_device(config.device)
        possible = self.plans(config, device)
        plan = self._plan or pick_plan(config.memory, possible, config.card.memory_gib, free_memory_gib(device))
        video, self._plan = within_memory(lambda plan: self._video(config, request, device, plan), plan, possible)
        if self._plan != plan:
            self._too_large = plan
        if self._too_large is not None:
            video.notes.append(f"memory plan '{self._too_large}' ran out of memory; '{self._plan}' was used")
        return video

    def _video(self, config: Any, request: Request, device: str, plan: Memory) -> Video:
        import torch

        random = generator(request.seed)
        reset_peak(device)
        watch = Stopwatch(device)
        checkpoint = self._checkpoint or self.locate()
        self._checkpoint = checkpoint
        self._check_packages()
        with torch.no_grad():
            # Before the other components are loaded, because the text encoder is as large as they are.
            embeddings = self._embeddings(request.prompt, checkpoint, device, plan, watch)
            loaded = self._load(checkpoint, config, device, plan)
            watch.lap("load")
            self._check_prompt(config, request.prompt, loaded.pipe)
            image, geometry = media.place(request.image, config.resolution, config.fit)
            with _running(loaded.pipe, watch):
                frames = self.run(loaded, Call(config, image, request.prompt, embeddings, random), watch)
        return Video(
            frames=frames,
            fps=config.fps,
            geometry=geometry,
            settings={
                **config.model_dump(mode="json", exclude=set(config.of_the_model)),
                "scheduler": type(loaded.pipe.scheduler).__name__,
                "dtype": str(_denoiser(loaded.pipe).dtype).removeprefix("torch."),
                "vae_tiling": bool(getattr(loaded.pipe.vae, "use_tiling", False)),
                **self.settings(config, loaded),
            },
            notes=[*self._general_notes(config, request, loaded), *self.notes(config, loaded)],
            weights=loaded.weights,
            device=device_name(device),
            memory_plan=loaded.plan,
            seconds=watch.seconds,
            peak_memory_bytes=peak_memory(device),
        )

    def _embeddings(
        self, prompt: str, checkpoint: Checkpoint, device: str, plan: Memory, watch: Stopwatch
    ) -> tuple[Embedding, ...]:
        if self.text_encoder is None:
            return ()
        folder = checkpoint.folder / self.text_encoder
        return self.prompts.get((prompt, ""), folder, device, plan == "resident", watch)

    def _check_prompt(self, config: Any, prompt: str, pipe: Any) -> None:
        # Prompts that are encoded ahead are checked there.
        if self.text_encoder is None and config.variant.limits.prompt_tokens:
            check_length(pipe.tokenizer, prompt, config.variant.limits.prompt_tokens)

    def _load(self, checkpoint: Checkpoint, config: Any, device: str, plan: Memory) -> Any:
        if self._loaded is not None and self._loaded.plan != plan:
            self._loaded = None
            self.prompts.release()
            release_memory()
        if self._loaded is None:
            self._loaded = self.load(checkpoint, config, device, plan)
        return self._loaded

    def _text_pipeline(self, device: str, straight: bool, encoder: bool) -> Any:
        """Load the pipeline with the tokenizer and, if `encoder`, the text encoder as its only components."""
        checkpoint = self._checkpoint or self.locate()
        kept = {self.text_encoder} if encoder else set()
        without = [name for name in checkpoints.components_with_weights(checkpoint.folder) if name not in kept]
        return self.load_pipeline(checkpoint, device, without, straight)

    def load_pipeline(
        self, checkpoint: Checkpoint, device: str, without: Sequence[str] = (), straight: bool = False
    ) -> Any:
        """Load the stock pipeline without some components, into host memory or straight to the GPU."""
        import diffusers
        import torch

        quiet_libraries()
        # bfloat16, because float16 overflows in some models, CogVideoX1.5 among them.
        dtype: Any = torch.float32 if device == "cpu" else torch.bfloat16
        others = {**dict.fromkeys(self.float32, torch.float32), **dict.fromkeys(self.float16, torch.float16)}
        if others and device != "cpu":
            dtype = {"default": dtype, **others}
        to_gpu = straight and device == "cuda" and library_version("diffusers") >= (0, 40)
        pipe = getattr(diffusers, self.pipeline).from_pretrained(
            str(checkpoint.folder),
            local_files_only=True,
            use_safetensors=True,
            **({"variant": checkpoint.variant} if checkpoint.variant else {}),
            **dtype_argument(dtype),
            **({"device_map": device} if to_gpu else {}),
            **self.components(checkpoint),
            **dict.fromkeys(without),
        )
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def locate(self, download: bool = True) -> Checkpoint:
        """Find the checkpoint, complete and of the right model.

        Raises:
            WeightsError: there is none, it is incomplete, or it is of another model.
        """
        variant = self.config.variant
        find = checkpoints.obtain if download else checkpoints.find
        checkpoint = find(variant.card, self.config.weights, variant.get)
        self.check_checkpoint(checkpoint)
        return checkpoint

    def obstacle(self) -> VMEvalError | None:
        """Return which package is missing or too old, or what is wrong with weights that cannot be downloaded."""
        try:
            self._check_packages()
            self.locate(download=False)
        except EnvironmentMissing as error:
            return error
        except WeightsError as error:
            return None if checkpoints.can_fetch(self.config.card, self.config.weights) else error
        return None

    def _check_packages(self) -> None:
        variant = self.config.variant
        for package, oldest in variant.needs.items():
            require(package, oldest, f"it does not support {variant.card.name}")

    @classmethod
    def ranges(cls, card: ModelCard) -> dict[str, str]:
        """Return the sizes and frame counts of a model, and its fixed settings."""
        variant = cls.config_type.variants[card.model]
        fixed = {name: f"{value:g} only" for name, value in variant.fixed.items()}
        return {"resolution": variant.limits.sizes_text, "num_frames": variant.limits.frames_text, **fixed}

    @classmethod
    def defaults(cls, card: ModelCard) -> dict[str, Any]:
        """Return the default settings of a catalog entry."""
        return {**card.args, **cls.config_type.variants[card.model].defaults, "model_id": card.model}

    @classmethod
    def weights_status(cls, card: ModelCard, weights: Path | None = None) -> tuple[bool, str]:
        """Return whether a model's weights are on this machine, and where they are or how to get them."""
        service = cls(card.model, weights=weights)
        try:
            checkpoint = service.locate(download=False)
        except WeightsError as error:
            return False, str(error)
        return True, f"{checkpoint.folder}{' (random weights)' if checkpoint.random else ''}"

    def _general_notes(self, config: Any, request: Request, loaded: Any) -> list[str]:
        notes = []
        if config.card.on_hub and not config.card.is_pinned and (revision := loaded.weights["revision"]):
            notes.append(f"no revision is fixed for {config.card.model}; this video is of {revision}")
        if request.duration is not None and request.duration != config.seconds:
            notes.append(
                f"{request.duration:g} s were requested; {config.card.name} makes "
                f"{config.num_frames} frames at {config.fps:g} fps, {config.seconds:.4g} s"
            )
        if loaded.weights["random"]:
            notes.append("the weights are random: the video shows nothing")
        if getattr(loaded.pipe.vae, "use_tiling", False):
            notes.append("encoded and decoded in tiles to save memory: the video differs slightly from one without")
        return notes


def _denoiser(pipe: Any) -> Any:
    return next(part for name in DENOISERS if (part := getattr(pipe, name, None)) is not None)


@contextmanager
def _running(pipe: Any, watch: Stopwatch) -> Iterator[None]:
    """End the stage `encode` at the first call of the denoiser, report the steps, and restore the memory plan."""
    called = False

    def before(*_: Any) -> None:
        nonlocal called
        if not called:
            called = True
            watch.lap("encode")

    hook = _denoiser(pipe).register_forward_pre_hook(before)
    pipe.progress_bar = ReportedBar
    try:
        yield
    finally:
        del pipe.progress_bar
        hook.remove()
        pipe.maybe_free_model_hooks()
