"""Checkpoints with random weights, in the format that `from_pretrained` loads.

They run the real pipeline without the real weights; their videos show nothing. `model_index.json` marks the weights as
random, and so does every video that is made with them. A family describes its networks with `RandomWeights`;
`setup/make_checkpoint.py` is the command.
"""

from __future__ import annotations

import gc
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from vmevalkit.types import Record

Scale = Literal["tiny", "thin", "full"]
"""Small frame and small networks; the real frame and small networks; the real frame and networks."""
Builders = dict[str, Callable[[], Any]]
"""What builds each component of a pipeline, by its name."""


class RandomWeights(Record):
    """How to make a checkpoint with random weights.

    Attributes:
        like: word for the architecture.
        pipeline: class that the index names.
        components: returns the builders of all components, but for the T5 tokenizer, for a scale and a size of the
            vocabulary. Weights are initialized as PyTorch does, with which activations stay finite through all layers.
        values: values of the pipeline itself, which are in the index beside its components.
        tokens: the longest prompt, for which a T5 tokenizer is trained; None if `components` has the tokenizers.
        real: catalog name of the model whose shapes the scales "thin" and "full" have; None if there is only "tiny".
    """

    like: str
    pipeline: str
    components: Callable[[Scale, int], Builders]
    values: dict[str, Any] = {}
    tokens: int | None = None
    real: str | None = None


def make_checkpoint(weights: RandomWeights, scale: Scale, folder: Path, seed: int = 0) -> None:
    """Build a checkpoint, with one component in memory at a time. The folder appears when it is complete."""
    from vmevalkit.models.diffusers.devices import quiet_libraries

    quiet_libraries()
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    building.chmod(0o755)
    try:
        components = _write_components(weights, scale, building, seed)
        index = {"_class_name": weights.pipeline, "_random_weights": True, **weights.values, **components}
        # This file marks the folder as a checkpoint, so it is written last.
        (building / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _write_components(weights: RandomWeights, scale: Scale, folder: Path, seed: int) -> dict[str, list[str]]:
    """Write each component and return library and class of each, as the index has them."""
    import torch

    from vmevalkit.models.diffusers.tokenizer import train_tokenizer

    # Initializing five billion weights takes a minute on a CPU and a second on a GPU.
    device = "cuda" if scale == "full" and torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if scale == "full" else torch.float32
    index: dict[str, list[str]] = {}
    vocabulary = 0
    if weights.tokens is not None:
        vocabulary = train_tokenizer(folder / "tokenizer", weights.tokens)
        index["tokenizer"] = ["transformers", "T5Tokenizer"]
    for name, build in weights.components(scale, vocabulary).items():
        # The second of two equal components, such as Wan's experts, must not equal the first.
        torch.manual_seed(seed + name.endswith("_2"))
        component = _built(build, device, dtype)
        if isinstance(component, torch.nn.Module):
            # Learned positions are computed as float64, whatever the default.
            component.to(dtype).save_pretrained(folder / name, max_shard_size="5GB")
        else:
            component.save_pretrained(folder / name)
        index[name] = [_library(component), _class_name(component)]
        del component
        gc.collect()
    return index


def _built(build: Callable[[], Any], device: str, dtype: Any) -> Any:
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            return build()
    finally:
        torch.set_default_dtype(before)


def _library(component: Any) -> str:
    """Return the library as Diffusers names it: a class of one pipeline is in the folder of that pipeline."""
    library, *parts = type(component).__module__.split(".")
    return parts[-2] if library == "diffusers" and parts[0] == "pipelines" else library


def _class_name(component: Any) -> str:
    """Return the name of a component's class; Transformers 5 has another for tokenizers that it reads from a file."""
    name = type(component).__name__
    return "PreTrainedTokenizerFast" if name == "TokenizersBackend" else name


def word_tokenizer(text: str, limit: int, special: Sequence[str] = ()) -> Any:
    """Return a tokenizer that has a token for each word of `text`, such as a template, and for each other byte.

    Args:
        text: the words; punctuation marks are words of their own.
        limit: the longest text.
        special: marks that are never split. They have the numbers from 3, after those for padding, start and end.
    """
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS,
        special_tokens=["<pad>", "<s>", "</s>", *special],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>" if not special else "<s> $A", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    marks = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=limit, padding_side="right", **marks
    )


WORDS = 1000
"""Largest vocabulary of a `word_tokenizer`."""


def image_processor(**values: Any) -> Any:
    """Return a CLIP image processor that needs no torchvision; older releases of transformers have only one kind."""
    import transformers

    return getattr(transformers, "CLIPImageProcessorPil", transformers.CLIPImageProcessor)(**values)


TINY_T5: dict[str, Any] = {"d_model": 32, "d_kv": 8, "d_ff": 37, "num_layers": 2, "num_heads": 4}
"""A very small text encoder of T5's kind."""
