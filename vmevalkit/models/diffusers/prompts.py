"""Prompt embeddings: computed once for all videos of a run, so that the text encoder can leave the GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vmevalkit.errors import QuestionError
from vmevalkit.models.diffusers.devices import Stopwatch
from vmevalkit.models.diffusers.memory import GIB, free_memory_gib, place_encoder, release_memory

Embedding = tuple[Any, ...]
"""What a text encoder computes for one prompt: tensors, with a batch dimension of 1."""


class PromptCache:
    """Encodes prompts with a pipeline that has nothing but a text encoder, and keeps the results in host memory.

    Args:
        load: loads that pipeline from a checkpoint's folder for a device. The second argument tells whether it should
            be loaded straight to the GPU; the third whether the text encoder is needed besides the tokenizer.
        encode: computes the embedding of a text with that pipeline.
        tokens: the number of tokens that the model reads.
    """

    def __init__(
        self,
        load: Callable[[str, bool, bool], Any],
        encode: Callable[[Any, str], Embedding],
        tokens: int,
    ) -> None:
        self._load, self._encode, self._tokens = load, encode, tokens
        self._embeddings: dict[str, Embedding] = {}
        self._announced: list[str] = []
        self._tokenizer: Any = None
        self._encoder: Any = None

    def announce(self, prompts: Sequence[str]) -> None:
        """Add prompts that will be needed. They are encoded together with the first one that is."""
        self._announced += prompts

    def get(
        self, texts: Sequence[str], folder: Path, device: str, keep: bool, watch: Stopwatch
    ) -> tuple[Embedding, ...]:
        """Return the embeddings of some texts, on the device.

        Args:
            texts: the prompt, and what else is needed, such as the negative prompt.
            folder: the text encoder's folder; its size tells whether it fits.
            device: where the video is made.
            keep: leave the text encoder on the GPU for further prompts.
            watch: gets the stages `load` and `encode`.

        Raises:
            QuestionError: the model does not read as many tokens.
        """
        if any(text not in self._embeddings for text in texts):
            if self._tokenizer is None:
                self._tokenizer = self._load(device, False, False).tokenizer
            for text in texts:
                check_length(self._tokenizer, text, self._tokens)
            if self._encoder is None:
                size = sum(file.stat().st_size for file in folder.glob("*.safetensors")) / GIB
                # It computes with about one GiB more.
                fits = size + 1 < free_memory_gib(device)
                self._encoder = self._load(device, fits, True)
                place_encoder(self._encoder, device, fits)
            watch.lap("load")
            # One by one: a batch is rounded differently, and a video must not depend on what else was asked for.
            for text in dict.fromkeys((*self._announced, *texts)):
                if text not in self._embeddings and length(self._tokenizer, text) <= self._tokens:
                    self._embeddings[text] = tuple(tensor.cpu() for tensor in self._encode(self._encoder, text))
            self._announced = []
            if not keep:
                self.release()
            watch.lap("encode")
        return tuple(tuple(tensor.to(device) for tensor in self._embeddings[text]) for text in texts)

    def release(self) -> None:
        """Drop the text encoder. It is loaded again when it is needed, from the page cache."""
        self._encoder = None
        release_memory()


def length(tokenizer: Any, text: str) -> int:
    """Return the number of tokens of a text. Some pipelines have a processor, of which the tokenizer is a part."""
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
    return len(tokenizer(text, verbose=False).input_ids)


def check_length(tokenizer: Any, text: str, limit: int) -> None:
    """Check that a model reads the whole prompt, because a prompt that is cut off is another question.

    Raises:
        QuestionError: it has more tokens than the limit.
    """
    tokens = length(tokenizer, text)
    if tokens > limit:
        raise QuestionError(f"the prompt has {tokens} tokens; the model reads {limit}", "shorten it")
