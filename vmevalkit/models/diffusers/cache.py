"""First-block caching: where the first block answers as it did, the other blocks are taken to answer as they did.

After ParaAttention's first-block cache, which TeaCache (arXiv 2411.19108) led to: from one denoising step to the next a
transformer often adds almost the same, and what its first block adds tells so. Not exact.
"""

from __future__ import annotations

import torch
from torch import Tensor


class FirstBlockCache:
    """What the blocks added when they last computed.

    Args:
        threshold: relative change of what the first block adds (mean of magnitudes), below which the rest is kept.

    Attributes:
        kept: in how many passes of this video.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.forget()

    def forget(self) -> None:
        """A new video begins."""
        self.kept = 0
        self._first: Tensor | None = None
        self._rest: Tensor | None = None

    def rest(self, first: Tensor) -> Tensor | None:
        """What the other blocks add, if what the first one adds has hardly changed since they computed it."""
        if self._first is not None and self._rest is not None:
            change, size = ((part.abs().mean(dtype=torch.float32)) for part in (first - self._first, self._first))
            if float(change / size) < self.threshold:
                self.kept += 1
                return self._rest
        self._first, self._rest = first, None
        return None

    def keep(self, rest: Tensor) -> None:
        """What the other blocks added in this pass."""
        self._rest = rest
