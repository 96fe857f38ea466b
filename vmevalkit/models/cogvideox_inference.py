"""CogVideoX image-to-video: CogVideoX-5B-I2V and CogVideoX1.5-5B-I2V through Diffusers.

Sizes, frame counts and rates are those the models were trained with; the pipeline itself takes others and answers with
garbage. The catalog also has a small checkpoint of each architecture with random weights, for tests and the demo, and
a small model to be trained on the kit's own tasks (training/).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from vmevalkit import media
from vmevalkit.errors import ConfigError, QuestionError, UnknownName, WeightsError
from vmevalkit.models.base import ModelCard, ModelWrapper, Request, Video, register_model
from vmevalkit.models.diffusers import checkpoint as _weights
from vmevalkit.models.diffusers.pipeline import (
    GIB,
    Attention,
    Memory,
    Speed,
    Stopwatch,
    count_on_host,
    dtype_argument,
    free_memory_gib,
    generator,
    library_version,
    next_gpu,
    on_device,
    peak_memory,
    pick_attention,
    pick_device,
    pick_plan,
    pick_speed,
    place,
    place_encoder,
    plans,
    quiet_libraries,
    release_memory,
    require,
    reset_peak,
    running,
    tile,
    to_frames,
    within_memory,
)
from vmevalkit.types import Fit, GenerationResult, Record

__all__ = ["CogVideoXConfig", "CogVideoXService", "CogVideoXWrapper", "GenerationResult", "weights_status"]

PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "sentencepiece", "safetensors")
# Frames of a latent, of all but the first: the VAE's compression in time.
LATENT_FRAMES = 4


class Variant(Record):
    """One catalog entry: its card, and what its model can make.

    Attributes:
        card: as the catalog shows it; `card.args` are the defaults of the configuration.
        widths, heights: smallest and largest, in pixels; both must be divisible by `multiple`.
        shorter: what the shorter side must be.
        frames: the frame counts that the model can make.
        lengths: those among which `duration` chooses.
        patch_size_t: latents in time that the transformer takes together; tells the architectures apart.
        latent_side: pixels of a latent's side, the VAE's compression in space.
        prompt_tokens: what the text encoder reads; the pipeline would cut the rest off and only log it.
        oldest_diffusers: the first release that runs it.
        get: the command that makes the weights, where they are not on the hub.
    """

    card: ModelCard
    widths: tuple[int, int]
    heights: tuple[int, int]
    shorter: int
    multiple: int = 16
    frames: tuple[int, ...]
    lengths: tuple[int, ...]
    patch_size_t: int | None = None
    latent_side: int = 8
    prompt_tokens: int = 226
    oldest_diffusers: tuple[int, int] = (0, 31)
    get: str | None = None

    @property
    def sizes(self) -> str:
        """The possible sizes in words."""
        if self.widths[0] == self.widths[1]:
            return f"{self.widths[0]}x{self.heights[0]} only"
        return (
            f"shorter side {self.shorter}, longer side {self.shorter} to {self.widths[1]}, "
            f"both divisible by {self.multiple}"
        )

    @property
    def counts(self) -> str:
        """The possible frame counts in words."""
        if len(self.frames) == 1:
            return f"{self.frames[0]} only"
        step = self.frames[1] - self.frames[0]
        return f"{step}N+1 from {self.frames[0]} to {self.frames[-1]}"


def _card(
    size: tuple[int, int], frames: int, fps: int, steps: int = 50, guidance: float = 6.0, **card: Any
) -> ModelCard:
    args = {
        "width": size[0],
        "height": size[1],
        "num_frames": frames,
        "fps": fps,
        "num_inference_steps": steps,
        "guidance_scale": guidance,
    }
    return ModelCard(
        family="cogvideox",
        wrapper=f"{__name__}:CogVideoXWrapper",
        service="CogVideoXService",
        args=args,
        size=size,
        frames=frames,
        fps=fps,
        packages=PACKAGES,
        **card,
    )


# Frame counts 16N+1 with N up to 10: the model card of CogVideoX1.5.
_COUNTS_15 = tuple(range(17, 162, 16))
_LICENSE = "CogVideoX License: free for research, commercial use must register"

# Memory: peaks measured on one H200 (docs/measurements.md), except `model`, `group` and `sequential` of 1.5: estimates.
_VARIANTS = (
    Variant(
        card=_card(
            (720, 480),
            49,
            8,
            name="cogvideox-5b-i2v",
            model="THUDM/CogVideoX-5b-I2V",
            about="CogVideoX-5B image-to-video.",
            environment="cogvideox-5b-i2v",
            revision="a6f0f4858a8395e7429d82493864ce92bf73af11",
            download_gb=21.6,
            memory_gib={"resident": 34.6, "model": 25.7, "group": 15.2, "tiled": 4.3, "sequential": 4.0},
            seconds_a_video=94.6,
            license=_LICENSE,
            when="the usual choice: a quarter of the time of 1.5",
        ),
        widths=(720, 720),
        heights=(480, 480),
        shorter=480,
        frames=(49,),
        lengths=(49,),
    ),
    Variant(
        card=_card(
            (1360, 768),
            81,
            16,
            name="cogvideox1.5-5b-i2v",
            model="THUDM/CogVideoX1.5-5B-I2V",
            about="CogVideoX1.5-5B image-to-video.",
            environment="cogvideox1.5-5b-i2v",
            revision="46c90528707aebbe69066390b4fe7e7d24c9c2a4",
            download_gb=31.0,
            memory_gib={"resident": 64.3, "model": 55.5, "group": 45.0, "tiled": 4.9, "sequential": 10.0},
            seconds_a_video=416.0,
            license=_LICENSE,
            when="fine detail, other aspect ratios, smooth motion, or videos of ten seconds",
        ),
        widths=(768, 1360),
        heights=(768, 1360),
        shorter=768,
        frames=_COUNTS_15,
        lengths=(81, 161),
        patch_size_t=2,
        oldest_diffusers=(0, 32),
    ),
    Variant(
        card=_card(
            (96, 96),
            17,
            8,
            steps=12,
            guidance=1.0,
            name="cogvideox-tiny-i2v",
            model="cogvideox-tiny-i2v",
            about="CogVideoX-5B's architecture, small, trained on eight families of the kit, with which it comes.",
            environment="cogvideox-5b-i2v",
            memory_gib={"resident": 1.0},
            when="to see a real model's videos without a GPU or a download; ask with questions of `make --size 96x96`",
        ),
        widths=(96, 96),
        heights=(96, 96),
        shorter=96,
        frames=(17,),
        lengths=(17,),
        latent_side=4,
        prompt_tokens=128,
        get="bash training/train.sh",
    ),
    Variant(
        card=_card(
            (96, 64),
            49,
            8,
            steps=4,
            name="cogvideox-tiny-random",
            model="cogvideox-tiny-random",
            about="CogVideoX-5B's architecture, very small, with random weights: its videos show nothing.",
            environment="cogvideox-5b-i2v",
            memory_gib={"resident": 1.0},
            seconds_a_video=2.0,
            when="to try the real pipeline without a GPU or a download",
        ),
        widths=(96, 96),
        heights=(64, 64),
        shorter=64,
        frames=(49,),
        lengths=(49,),
        get="python setup/make_checkpoint.py --like 5b",
    ),
    Variant(
        card=_card(
            (112, 64),
            81,
            16,
            steps=4,
            name="cogvideox1.5-tiny-random",
            model="cogvideox1.5-tiny-random",
            about="CogVideoX1.5-5B's architecture, very small, with random weights: its videos show nothing.",
            environment="cogvideox1.5-5b-i2v",
            memory_gib={"resident": 1.0},
            seconds_a_video=3.0,
            when="to try the real pipeline without a GPU or a download",
        ),
        widths=(64, 112),
        heights=(64, 112),
        shorter=64,
        frames=_COUNTS_15,
        lengths=(81, 161),
        patch_size_t=2,
        oldest_diffusers=(0, 32),
        get="python setup/make_checkpoint.py --like 1.5",
    ),
)
VARIANTS: dict[str, Variant] = {variant.card.model: variant for variant in _VARIANTS}


# Settings that hold for all videos of a service.
_OF_THE_MODEL = ("model", "memory", "speed", "cache", "attention", "weights", "lora", "latency", "device")


class CogVideoXConfig(Record):
    """What a video is made with. Whatever is not given comes from the model's catalog entry.

    Attributes:
        model: repository on the hub, or name of a tiny checkpoint.
        width, height, num_frames: of the video; what is possible depends on the model.
        fps: frames a second that the video is written with.
        num_inference_steps: denoising steps.
        guidance_scale: of classifier-free guidance; 1.0 turns it off.
        fit: how the question's canvas is placed in the frame.
        memory: plan for GPU memory; `auto` takes the fastest that fits.
        speed: `reference` runs the modules of Diffusers, `exact` the same mathematics in fewer passes over memory,
            `fast` also in float8, which shows in the video; `auto` is `exact` on a GPU that can.
        cache: with speed `fast`, pass over all blocks but the first while what it adds has changed by less than this
            share since they last computed; 0 computes all.
        attention: the attention kernel; `auto` tries those that are there and takes the fastest.
        weights: folder with the checkpoint, or with a folder called like the model.
        lora: folder with an adapter for the transformer (`pytorch_lora_weights.safetensors`), merged into it.
        latency: make each video on two GPUs, this one and the next, one for each branch of guidance.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
    """

    model: str = _VARIANTS[0].card.model
    width: int
    height: int
    num_frames: int
    fps: Annotated[float, Field(ge=1, le=60)]
    num_inference_steps: Annotated[int, Field(ge=1, le=1000)]
    guidance_scale: Annotated[float, Field(ge=1, le=30)]
    fit: Fit = "letterbox"
    memory: Memory = "auto"
    speed: Speed = "auto"
    cache: Annotated[float, Field(ge=0, lt=1)] = 0.0
    attention: Attention = "auto"
    weights: Path | None = None
    lora: Path | None = None
    latency: bool = False
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_model(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        variant = VARIANTS.get(data.get("model", cls.model_fields["model"].default))
        return {**variant.card.args, **data} if variant else data

    @field_validator("model")
    @classmethod
    def _model_is_known(cls, model: str) -> str:
        if model not in VARIANTS:
            raise ValueError(f"must be one of {', '.join(VARIANTS)}")
        return model

    @field_validator("width", "height")
    @classmethod
    def _size_is_possible(cls, value: int, info: ValidationInfo) -> int:
        # Fields are checked in order, and one that failed is not in `data`: it has its own message.
        variant = VARIANTS.get(info.data.get("model", ""))
        if variant is None:
            return value
        smallest, largest = variant.widths if info.field_name == "width" else variant.heights
        width = info.data.get("width")
        wrong_pair = info.field_name == "height" and width is not None and min(width, value) != variant.shorter
        if not smallest <= value <= largest or value % variant.multiple or wrong_pair:
            beside = f" with width {width}" if wrong_pair else ""
            raise ValueError(f"not possible{beside}; {variant.card.name} makes {variant.sizes}")
        return value

    @field_validator("num_frames")
    @classmethod
    def _frames_are_possible(cls, value: int, info: ValidationInfo) -> int:
        variant = VARIANTS.get(info.data.get("model", ""))
        if variant and value not in variant.frames:
            raise ValueError(f"not possible; {variant.card.name} makes {variant.counts}")
        return value

    @model_validator(mode="after")
    def _settings_agree(self) -> CogVideoXConfig:
        if self.latency and self.guidance_scale == 1:
            raise ValueError("latency: without guidance (guidance_scale above 1) there is nothing to divide")
        if self.cache and self.speed != "fast":
            raise ValueError(f"cache = {self.cache:g}: it shows in the video, so it takes --speed fast as well")
        return self

    @property
    def variant(self) -> Variant:
        return VARIANTS[self.model]

    @property
    def seconds(self) -> float:
        """Length of the video."""
        return self.num_frames / self.fps

    @property
    def tokens(self) -> int:
        """What the transformer attends over: text, and patches of 2x2 latents (1.5: of two latents in time)."""
        latents = (self.num_frames - 1) // LATENT_FRAMES + 1
        times = -(-latents // (self.variant.patch_size_t or 1))
        patch = 2 * self.variant.latent_side
        return self.variant.prompt_tokens + times * (self.height // patch) * (self.width // patch)

    def override(self, duration: float | None, options: dict[str, Any]) -> CogVideoXConfig:
        """This configuration with the options of one video.

        Args:
            duration: seconds; chooses the nearest frame count, unless `num_frames` is among the options.

        Raises:
            ConfigError: an option that belongs to loading the model.
            ValidationError: an unknown option, or one that the model cannot do.
        """
        for name in _OF_THE_MODEL:
            if name in options:
                raise ConfigError(
                    f"{name} = {str(options[name])!r}: it is chosen when the model is made, not per video"
                )
        config = CogVideoXConfig.model_validate({**self.model_dump(), **options})
        if duration is None or "num_frames" in options:
            return config
        frames = min(self.variant.lengths, key=lambda count: abs(count / config.fps - duration))
        return config.model_copy(update={"num_frames": frames})


@dataclass(frozen=True)
class Loaded:
    """A pipeline in memory, without its text encoder, and how it came there."""

    pipe: Any
    plan: Memory
    speed: Speed
    attention: str
    device: str
    weights: dict[str, Any]
    caches: Sequence[Any] = ()


class CogVideoXService:
    """Loads a checkpoint with the first video and makes videos with it, one at a time.

    Args:
        model: repository on the hub, or name of a tiny checkpoint.
        args: see `CogVideoXConfig`.

    Raises:
        ValidationError: a setting that the model does not have or cannot take.
    """

    def __init__(self, model: str, **args: Any) -> None:
        self.config = CogVideoXConfig.model_validate({"model": model, **args})
        self._loaded: Loaded | None = None
        self._encoder: Any = None
        # What the text encoder made of prompts, in host memory; those that were announced are encoded with the first.
        self._embeddings: dict[str, Any] = {}
        self._announced: list[str] = [""]
        self._checkpoint: _weights.Checkpoint | None = None
        self._tokenizer: Any = None
        # Chosen with the first video; and the one before, if that ran out of memory.
        self._plan: Memory | None = None
        self._too_large: Memory | None = None

    def announce(self, prompts: Sequence[str]) -> None:
        """Prompts that videos will be asked for. They are encoded together, and the text encoder can leave the GPU."""
        self._announced += prompts

    def generate(self, request: Request, **options: Any) -> Video:
        """Make one video. The same request gives the same video as a plain call of the stock pipeline.

        Raises:
            ConfigError, ValidationError: an option that does not exist or is not possible.
            WeightsError: there are no weights, or not all of them.
            QuestionError: the prompt is longer than the model reads.
        """
        config = self.config.override(request.duration, options)
        device = pick_device(config.device)
        speed = pick_speed(config.speed, config.memory, device)
        possible = plans(speed, device)
        if config.latency:
            next_gpu(device)
            possible = tuple(plan for plan in possible if plan in ("resident", "model"))
        needs = config.variant.card.memory_gib
        plan = self._plan or pick_plan(config.memory, possible, needs, free_memory_gib(device))
        video, self._plan = within_memory(
            lambda plan: self._video(config, request, device, speed, plan), plan, possible
        )
        if self._plan != plan:
            self._too_large = plan
        if self._too_large is not None:
            video.notes.append(f"memory plan '{self._too_large}' ran out of memory; '{self._plan}' was taken")
        return video

    def _video(self, config: CogVideoXConfig, request: Request, device: str, speed: Speed, plan: Memory) -> Video:
        import torch

        random = generator(request.seed)
        reset_peak(device)
        watch = Stopwatch(device)
        checkpoint = self._checkpoint or locate(config.variant, config)
        self._checkpoint = checkpoint
        require("diffusers", config.variant.oldest_diffusers, f"it does not know {config.variant.card.name}")
        with torch.no_grad():
            # Before the transformer comes, because the text encoder is as large.
            prompt, negative = self._encode(request.prompt, checkpoint.folder, device, plan, watch)
            loaded = self._load(checkpoint, device, speed, plan)
            watch.lap("load")

            pipe = loaded.pipe
            image, geometry = media.place(request.image, (config.width, config.height), config.fit)
            for cache in loaded.caches:
                cache.forget()
            with running(pipe, watch):
                latents = pipe(
                    image=image,
                    prompt_embeds=prompt,
                    negative_prompt_embeds=negative,
                    height=config.height,
                    width=config.width,
                    num_frames=config.num_frames,
                    num_inference_steps=config.num_inference_steps,
                    guidance_scale=config.guidance_scale,
                    # Its formula takes a timestep where a step's number was meant.
                    use_dynamic_cfg=False,
                    generator=random,
                    max_sequence_length=config.variant.prompt_tokens,
                    output_type="latent",
                ).frames
                watch.lap("denoise")
                # CogVideoX1.5 takes latents in pairs: an odd count is padded in front, with what is not of the video.
                padding = latents.shape[1] - ((config.num_frames - 1) // LATENT_FRAMES + 1)
                frames = to_frames(pipe.decode_latents(latents[:, padding:]))
        watch.lap("decode")
        return Video(
            frames=frames,
            fps=config.fps,
            geometry=geometry,
            settings={
                **config.model_dump(mode="json", exclude=set(_OF_THE_MODEL)),
                "scheduler": type(pipe.scheduler).__name__,
                "dtype": str(pipe.transformer.dtype).removeprefix("torch."),
                "vae_tiling": bool(pipe.vae.use_tiling),
                "speed": loaded.speed,
                "attention": loaded.attention,
                **({"latency": True} if config.latency else {}),
                **({"cache": config.cache, "cached_steps": loaded.caches[0].kept} if loaded.caches else {}),
            },
            notes=_notes(config, request, loaded, tiled=bool(pipe.vae.use_tiling)),
            weights=loaded.weights,
            device=_device_name(device),
            memory_plan=loaded.plan,
            seconds=watch.seconds,
            peak_memory_bytes=peak_memory(device),
        )

    def obstacle(self) -> WeightsError | None:
        """What is wrong with the weights, unless the hub can be asked for them."""
        variant = self.config.variant
        if self.config.lora is not None:
            _weights.check_adapter(self.config.lora)
        problem = weights_problem(variant, self.config)
        return None if problem and _weights.can_fetch(variant.card, self.config.weights) else problem

    def _encode(self, prompt: str, folder: Path, device: str, plan: Memory, watch: Stopwatch) -> tuple[Any, Any]:
        """What the text encoder makes of a prompt and of the empty one, on the device.

        The encoder stays on the GPU if everything does, and else is dropped: it comes back from the page cache.
        """
        if prompt not in self._embeddings:
            if self._tokenizer is None:
                self._tokenizer = _pipeline(folder, device, text_encoder=None, transformer=None, vae=None).tokenizer
            longest = self.config.variant.prompt_tokens
            _check_length(self._tokenizer, prompt, longest)
            if self._encoder is None:
                size = sum(file.stat().st_size for file in (folder / "text_encoder").glob("*.safetensors")) / GIB
                # One GiB more is what it computes with.
                fits = size + 1 < free_memory_gib(device)
                encoder = _pipeline(folder, device, straight=fits, transformer=None, vae=None)
                place_encoder(encoder, device, fits)
                self._encoder = encoder
            watch.lap("load")
            # One by one: a batch is computed in another order, and the video must not depend on what else was asked.
            for text in dict.fromkeys((*self._announced, prompt)):
                if text not in self._embeddings and _length(self._tokenizer, text) <= longest:
                    embedding, _ = self._encoder.encode_prompt(
                        text, do_classifier_free_guidance=False, max_sequence_length=longest
                    )
                    self._embeddings[text] = embedding.cpu()
            self._announced = [""]
            if plan != "resident":
                self._encoder = None
                release_memory()
            watch.lap("encode")
        return self._embeddings[prompt].to(device), self._embeddings[""].to(device)

    def _load(self, checkpoint: _weights.Checkpoint, device: str, speed: Speed, plan: Memory) -> Loaded:
        if self._loaded is not None and self._loaded.plan != plan:
            self._loaded = self._encoder = None
            release_memory()
        if self._loaded is None:
            attention = self._attention(speed, checkpoint, device)
            devices = [device, next_gpu(device)] if self.config.latency else [device]
            caches = self._caches(len(devices))
            placed = [
                self._placed(checkpoint, where, speed, plan, attention, cache)
                for where, cache in zip_longest(devices, caches)
            ]
            pipe, adapter = placed[0]
            if self.config.latency:
                from vmevalkit.models.diffusers.cogvideox.two_gpus import Halves

                Halves(pipe.transformer, placed[1][0].transformer, devices[1])
            weights = {**checkpoint.describe(), **adapter}
            self._loaded = Loaded(pipe, plan, speed, attention, device, weights, caches)
        return self._loaded

    def _attention(self, speed: Speed, checkpoint: _weights.Checkpoint, device: str) -> str:
        """The kernel that will compute attention."""
        wanted = self.config.attention
        if speed != "reference":
            shape = _weights.component_config(checkpoint, "transformer")
            heads, width = shape["num_attention_heads"], shape["attention_head_dim"]
            return pick_attention(wanted, self.config.tokens, heads, width, device)
        if wanted not in ("auto", "sdpa"):
            raise ConfigError(f"attention = '{wanted}': speed 'reference' has only 'sdpa'")
        return "sdpa"

    def _caches(self, count: int) -> Sequence[Any]:
        if not self.config.cache:
            return ()
        from vmevalkit.models.diffusers.cache import FirstBlockCache

        return [FirstBlockCache(self.config.cache) for _ in range(count)]

    def _placed(
        self, checkpoint: _weights.Checkpoint, device: str, speed: Speed, plan: Memory, attention: str, cache: Any
    ) -> tuple[Any, dict[str, Any]]:
        """The pipeline without its text encoder, where its plan wants it, and what identifies its adapter."""
        pipe = _pipeline(checkpoint.folder, device, text_encoder=None)
        pipe.set_progress_bar_config(disable=True)
        adapter = _merge(pipe, self.config.lora) if self.config.lora is not None else {}
        if speed == "reference":
            place(pipe, plan, device)
        else:
            _fuse(pipe, plan, device, attention, speed == "fast", cache)
        return pipe, adapter


def _pipeline(folder: Path, device: str, straight: bool = False, **without: None) -> Any:
    """The stock pipeline without some of its components, in host memory or `straight` on the GPU."""
    import torch
    from diffusers import CogVideoXImageToVideoPipeline

    quiet_libraries()
    # Half precision with 8 bits of exponent: float16 overflows in CogVideoX1.5.
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    there = {"device_map": device} if straight and device == "cuda" and library_version("diffusers") >= (0, 40) else {}
    return CogVideoXImageToVideoPipeline.from_pretrained(
        str(folder), local_files_only=True, **dtype_argument(dtype), **there, **without
    )


def _merge(pipe: Any, folder: Path) -> dict[str, Any]:
    """Add an adapter's low-rank updates to the transformer's weights. Returns what identifies it."""
    _weights.check_adapter(folder)
    require("peft", (0, 14), "adapters are read with it")
    pipe.load_lora_weights(str(folder), weight_name=_weights.ADAPTER)
    pipe.fuse_lora(components=["transformer"])
    pipe.unload_lora_weights()
    return {"lora": {"folder": str(folder), "fingerprint": _weights.fingerprint(folder)}}


def _fuse(pipe: Any, plan: Memory, device: str, attention: str, fp8: bool, cache: Any) -> None:
    """Put this kit's blocks and decoder into a pipeline, and it where its plan wants it."""
    import torch

    from vmevalkit.models.diffusers.cogvideox.blocks import Blocks
    from vmevalkit.models.diffusers.cogvideox.decoder import fuse_decoder

    streamed = plan not in ("resident", "model") and device != "cpu"
    with on_device(device):
        blocks = Blocks(pipe.transformer.transformer_blocks, device, attention, streamed, fp8, cache)
    pipe.transformer.transformer_blocks = torch.nn.ModuleList([blocks])
    fuse_decoder(pipe.vae)
    count_on_host(pipe.scheduler)
    pipe.to(device)
    tile(pipe, plan)


def locate(variant: Variant, config: CogVideoXConfig, download: bool = True) -> _weights.Checkpoint:
    """The checkpoint for a configuration, checked to be whole and of the right architecture.

    Raises:
        WeightsError: there is none, it is incomplete, or it is another model's.
    """
    look = _weights.obtain if download else _weights.find
    checkpoint = look(variant.card, config.weights, variant.get)
    transformer = _weights.component_config(checkpoint, "transformer")
    positions = tuple(transformer.get(f"sample_{name}") for name in ("width", "height", "frames"))
    side = variant.latent_side
    wanted = (config.width // side, config.height // side, config.num_frames)
    # Learned positions are for one size and length; with another the pipeline fails late, or computes wrong ones.
    learned = transformer.get("use_learned_positional_embeddings")
    if transformer.get("patch_size_t") != variant.patch_size_t or (learned and positions != wanted):
        raise WeightsError(
            f"the weights in {checkpoint.folder} are not for {variant.card.name}: "
            f"patch_size_t {transformer.get('patch_size_t')} and positions for {positions}, "
            f"not {variant.patch_size_t} and {wanted}",
            _weights.how_to_get(variant.card, variant.get),
        )
    return checkpoint


def weights_problem(variant: Variant, config: CogVideoXConfig) -> WeightsError | None:
    """What is wrong with the weights on this machine, if anything."""
    try:
        locate(variant, config, download=False)
    except WeightsError as error:
        return error
    return None


def weights_status(name: str, weights: Path | None = None) -> tuple[bool, str]:
    """Whether a catalog entry's weights are on this machine, and where; or what to do. Imports nothing heavy."""
    variant = next((v for v in _VARIANTS if v.card.name == name), None)
    if variant is None:
        raise UnknownName("CogVideoX model", name, [v.card.name for v in _VARIANTS])
    config = CogVideoXConfig.model_validate({"model": variant.card.model, "weights": weights})
    problem = weights_problem(variant, config)
    if problem is not None:
        return False, str(problem)
    checkpoint = locate(variant, config, download=False)
    return True, f"{checkpoint.folder}{' (random weights)' if checkpoint.random else ''}"


def _length(tokenizer: Any, prompt: str) -> int:
    return len(tokenizer(prompt, verbose=False).input_ids)


def _check_length(tokenizer: Any, prompt: str, longest: int) -> None:
    # A question that is cut short is another question, so it is refused and not silently shortened.
    tokens = _length(tokenizer, prompt)
    if tokens > longest:
        raise QuestionError(f"the prompt has {tokens} T5 tokens; the model reads {longest}", "shorten it")


def _notes(config: CogVideoXConfig, request: Request, loaded: Loaded, tiled: bool) -> list[str]:
    notes = []
    if request.duration is not None and request.duration != config.seconds:
        notes.append(
            f"{request.duration:g} s were asked for; {config.variant.card.name} answers "
            f"{config.num_frames} frames at {config.fps:g} fps, {config.seconds:.4g} s"
        )
    if loaded.weights["random"]:
        notes.append("the weights are random: the video shows nothing")
    if loaded.speed == "fast":
        what = "linear layers, queries and keys" if loaded.attention == "hopper" else "linear layers"
        notes.append(f"speed 'fast': {what} in float8; the video differs from an exact one")
    if loaded.caches:
        kept = f"{loaded.caches[0].kept} of {config.num_inference_steps}"
        notes.append(f"cache {config.cache:g}: {kept} steps passed over all blocks but the first")
    if tiled:
        notes.append("encoded and decoded in tiles to save memory: the video differs slightly from an undivided one")
    return notes


def _device_name(device: str) -> str:
    if device == "cpu":
        return device
    import torch

    return f"{device} ({torch.cuda.get_device_name(device)})"


class CogVideoXWrapper(ModelWrapper):
    """The boundary around `CogVideoXService`."""

    service_class = CogVideoXService
    packages = PACKAGES


for _variant in _VARIANTS:
    register_model(_variant.card)
