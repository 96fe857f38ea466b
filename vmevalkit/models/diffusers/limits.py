"""What a model can make: sizes, frame counts, lengths, and how long a prompt may be."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from vmevalkit import installation
from vmevalkit.models.base import ModelCard
from vmevalkit.models.diffusers.random_weights import RandomWeights
from vmevalkit.types import Record, Size


class Limits(Record):
    """The videos that a model can make.

    Attributes:
        widths, heights: smallest and largest, in pixels.
        multiple: both sides must be divisible by this.
        shorter: what the shorter side must be; None if it is free.
        pixels: largest number of pixels of a frame; None if it is free.
        frames: the possible frame counts, ascending.
        lengths: the frame counts among which `duration` chooses; all of `frames` if empty.
        sizes: the possible sizes, if they are a few.
        prompt_tokens: how many tokens of a prompt the model reads; 0 if it reads no prompt. Pipelines cut off the rest
            silently.
    """

    widths: tuple[int, int]
    heights: tuple[int, int]
    multiple: int = 16
    shorter: int | None = None
    pixels: int | None = None
    frames: tuple[int, ...]
    lengths: tuple[int, ...] = ()
    sizes: tuple[Size, ...] = ()
    prompt_tokens: int = 0

    @property
    def sizes_text(self) -> str:
        """The possible sizes in words."""
        if self.sizes:
            return " or ".join(f"{width}x{height}" for width, height in self.sizes)
        if self.widths[0] == self.widths[1] and self.heights[0] == self.heights[1]:
            return f"{self.widths[0]}x{self.heights[0]} only"
        if self.shorter is not None:
            sides = f"shorter side {self.shorter}, longer side {self.shorter} to {self.widths[1]}"
        else:
            sides = f"width {self.widths[0]} to {self.widths[1]}, height {self.heights[0]} to {self.heights[1]}"
        area = f", at most {self.pixels} pixels" if self.pixels else ""
        return f"{sides}, both divisible by {self.multiple}{area}"

    @property
    def frames_text(self) -> str:
        """The possible frame counts in words."""
        if len(self.frames) == 1:
            return f"{self.frames[0]} only"
        step = self.frames[1] - self.frames[0]
        return f"{step}N+1 from {self.frames[0]} to {self.frames[-1]}"

    def allows_size(self, size: Size) -> bool:
        """Whether the model can make frames of (width, height)."""
        width, height = size
        return (
            self.widths[0] <= width <= self.widths[1]
            and self.heights[0] <= height <= self.heights[1]
            and width % self.multiple == height % self.multiple == 0
            and (self.shorter is None or min(size) == self.shorter)
            and (self.pixels is None or width * height <= self.pixels)
            and (not self.sizes or size in self.sizes)
        )

    def nearest_frames(self, duration: float, fps: float) -> int:
        """Return the frame count whose length is nearest to `duration` seconds."""
        return min(self.lengths or self.frames, key=lambda count: abs(count / fps - duration))


class Variant(Record):
    """One catalog entry of a Diffusers family: its card, and what its model can make.

    Attributes:
        card: as the catalog shows it; `card.args` are settings of the entry.
        limits: what the model can make.
        defaults: further settings that differ from the defaults of the configuration.
        fixed: settings that must not be changed, so that results of this entry can be compared.
        needs: the oldest release of each package that can run the model.
        get: the command that makes the weights, if they are not on the hub.
        random: how to make the weights, for a model that has random ones.
    """

    card: ModelCard
    limits: Limits
    defaults: dict[str, Any] = {}
    fixed: dict[str, Any] = {}
    needs: dict[str, tuple[int, int]] = {}
    get: str | None = None
    random: RandomWeights | None = None

    @model_validator(mode="before")
    @classmethod
    def _random_weights_have_a_command(cls, data: dict[str, Any]) -> dict[str, Any]:
        if data.get("random") is not None:
            return {"get": f"python {installation.script('make_checkpoint.py')} --like {data['random'].like}", **data}
        return data
