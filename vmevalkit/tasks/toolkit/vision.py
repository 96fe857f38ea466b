"""Vision: what verifiers share to read frames.

Verifiers work by synthesis. They draw a state and ask whether the frame could be that drawing after the blur, the
compression and the small shifts that a video model and a codec cause. A frame that no drawing explains (ghosts, blends,
extra objects, a redrawn scene) shows no state.

Images are planes, uint8 (3, height, width) with luma and chroma (see `vmevalkit.media`), because videos are stored so:
converting each frame to RGB would cost as much as decoding it.

- `views`: the size and the planes at which verifiers look at a canvas.
- `compare`: comparison of planes.
- `lens`: undo changes of light and position.
- `envelope`: pixels that a drawing explains.
- `scene`: the parts of a puzzle that stay.
- `blobs`: one moving object of one color. `glyphs`: digits and letters in cells.
"""

from vmevalkit.media import to_planes
from vmevalkit.tasks.toolkit.blobs import OTHER_COLOR, Blob, unmix
from vmevalkit.tasks.toolkit.compare import (
    Floats,
    Mask,
    Numbers,
    differing,
    is_grainy,
    looks_like,
    lost,
    most,
    patches,
    shows,
)
from vmevalkit.tasks.toolkit.envelope import REACH, RIM, TOLERANCE, Envelope
from vmevalkit.tasks.toolkit.glyphs import Glyphs
from vmevalkit.tasks.toolkit.lens import Lens
from vmevalkit.tasks.toolkit.scene import Blocks, Linework, Scene
from vmevalkit.tasks.toolkit.views import VIEW, Painted, downscale_of, to_view, tone, view_size

__all__ = [
    "OTHER_COLOR",
    "REACH",
    "RIM",
    "TOLERANCE",
    "VIEW",
    "Blob",
    "Blocks",
    "Envelope",
    "Floats",
    "Glyphs",
    "Lens",
    "Linework",
    "Mask",
    "Numbers",
    "Painted",
    "Scene",
    "differing",
    "downscale_of",
    "is_grainy",
    "looks_like",
    "lost",
    "most",
    "patches",
    "shows",
    "to_planes",
    "to_view",
    "tone",
    "unmix",
    "view_size",
]
