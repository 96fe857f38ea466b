"""Search for cheats: edits of a video (see `edits`), changed at random to raise the value of its verdict."""

from __future__ import annotations

import random
from typing import get_args

from vmevalkit.contract.check import views
from vmevalkit.contract.edits import PALETTE, Cover, Cut, Editor, Edits, Light, Look, Patch, Source
from vmevalkit.contract.transitions import PACES, SHAPES, Transition
from vmevalkit.contract.videos import Scene
from vmevalkit.tasks.base import FRAMES
from vmevalkit.types import Record, Verdict

# A value above this one is a finding. Videos that show nothing are worth 0.02 at most, and steps that are nearly seen
# may be worth a little more.
WORTH = 0.05
# A transition that has an edge takes at least this share of the video (see `transitions`).
_SLOW = 0.25
# After so many tries, the search starts from other edits.
_RESTART = 30
# Most edits of one sort.
_MOST = 3
# The answer is what a cheat shows most.
_SOURCES: tuple[Source, ...] = ("answer", "answer", "start", "empty")


class Found(Record):
    """The best edits of a search, and their verdict."""

    edits: Edits
    verdict: Verdict

    @property
    def is_finding(self) -> bool:
        """Whether the verifier was cheated."""
        return self.verdict.passed or self.verdict.value > WORTH


def search(scene: Scene, rng: random.Random, tries: int, count: int = FRAMES) -> Found:
    """Change edits at random, keep what raises the value of their video, and return the best.

    Args:
        scene: a puzzle in mode solve.
        rng: all randomness comes from it.
        tries: number of videos that are drawn.
        count: frames of a video.
    """
    editor, read = Editor(scene, count), scene.task.reader(scene.puzzle, scene.canvas)
    best: Found | None = None
    here: Found | None = None
    for number in range(tries):
        if number % _RESTART == 0:
            here = None
        edits = drawn_start(editor, rng) if here is None else mutated(editor, here.edits, rng)
        frames = editor.draw(edits)
        if frames is None:
            continue
        verdict = scene.task.verify(scene.puzzle, views(frames), "solve", scene.canvas, read)
        found = Found(edits=edits, verdict=verdict)
        # Equally good edits are taken too, so that the search does not stay where it is.
        if here is None or _rank(found) >= _rank(here):
            here = found
        if best is None or _rank(found) > _rank(best):
            best = found
    return best or Found(edits=Edits(way=None), verdict=scene.task.verdict("no_change", 0, 1, 1, None))


def _rank(found: Found) -> tuple[float, float]:
    """Return the value, and where values are equal, a sum that says which video is nearer to a better one."""
    verdict = found.verdict
    return verdict.value, verdict.outcome + verdict.process + verdict.preservation


def drawn_start(editor: Editor, rng: random.Random) -> Edits:
    """Draw edits to start from: a still, a transition, or a few drawings of the solution one after another."""
    kind = rng.choice(("still", "jump", "fade", "edge", "edge", "parts"))
    if kind == "still":
        return Edits(way=None, patches=(_drawn_patch(editor, rng),))
    if kind == "parts":
        return Edits(way=_drawn_fade(rng), parts=rng.randint(1, editor.most_parts))
    if kind == "edge":
        return Edits(way=_drawn_edge(rng))
    if kind == "fade":
        return Edits(way=Transition(shape="fade", pace=rng.choice(PACES)))
    at = rng.uniform(0.1, 0.8)
    return Edits(way=Transition(shape="fade", start=at, end=at))


def _drawn_fade(rng: random.Random) -> Transition:
    start = rng.uniform(0.05, 0.7)
    return Transition(shape="fade", pace=rng.choice(PACES), start=start, end=min(0.95, start + rng.uniform(0, 0.8)))


def _drawn_edge(rng: random.Random) -> Transition:
    shape, start = rng.choice([shape for shape in SHAPES if shape != "fade"]), rng.uniform(0, 0.3)
    parts = {"blinds": (2, 12), "spiral": (2, 6), "dissolve": (36, 90), "checker": (36, 90)}.get(shape, (1, 1))
    return Transition(
        shape=shape,
        angle=rng.uniform(0, 359),
        center=(rng.random(), rng.random()),
        softness=rng.choice((0.0, 0.02, 0.1, 0.2, 0.5, 1.0)),
        backwards=rng.random() < 0.5,
        parts=rng.randint(*parts),
        seed=rng.randrange(1000),
        pace=rng.choice(PACES),
        start=start,
        end=start + rng.uniform(_SLOW, 0.68),
    )


def _drawn_patch(editor: Editor, rng: random.Random) -> Patch:
    start, (left, right), (top, bottom) = rng.uniform(0.02, 0.8), _drawn_span(rng), _drawn_span(rng)
    count = len(editor.places)
    is_of_places = count > 1 and rng.random() < 0.7
    return Patch(
        source=rng.choice(_SOURCES),
        places=tuple(sorted(rng.sample(range(count), rng.randint(2, count)))) if is_of_places else (),
        box=(left, top, right, bottom),
        start=start,
        end=1.0 if rng.random() < 0.5 else min(1.0, start + rng.uniform(0.02, 0.5)),
        ramp=rng.choice((0.0, 0.0, 0.05, 0.2, 0.5)),
        opacity=rng.choice((1.0, 1.0, 0.6, 0.3, 0.15)),
    )


def _drawn_span(rng: random.Random) -> tuple[float, float]:
    start = rng.uniform(0, 0.9)
    return start, min(1.0, start + rng.uniform(0.05, 0.6))


def _drawn_cut(editor: Editor, rng: random.Random) -> Cut:
    return Cut(start=rng.uniform(0.05, 0.8), length=rng.uniform(0.02, 0.3))


def _drawn_cover(editor: Editor, rng: random.Random) -> Cover:
    look: Look = rng.choice(get_args(Look))
    start = rng.uniform(0, 0.8)
    return Cover(
        look=look,
        origin=(rng.random(), rng.random()),
        target=(rng.random(), rng.random()),
        size=rng.uniform(0.03, 0.35),
        color=rng.randrange(len(PALETTE)),
        start=start,
        end=min(1.0, start + rng.uniform(0.03, 0.8)),
        opacity=rng.choice((1.0, 1.0, 0.5, 0.25)),
    )


def _drawn_light(editor: Editor, rng: random.Random) -> Light:
    start = rng.uniform(-0.1, 0.95)
    return Light(
        brightness=rng.choice((0.0, 0.5, 1.0, 1.0)),
        strength=rng.uniform(0.1, 1.0),
        start=max(0.0, start),
        end=min(1.0, max(0.0, start) + rng.uniform(0.02, 0.3)),
    )


# What draws an edit of each sort that a video may have several of.
_DRAWN = {"patches": _drawn_patch, "cuts": _drawn_cut, "covers": _drawn_cover, "lights": _drawn_light}


def mutated(editor: Editor, edits: Edits, rng: random.Random) -> Edits:
    """Change one or two things."""
    for _ in range(rng.choice((1, 1, 2))):
        sort = rng.choice(("way", "parts", "zoom", "patches", "patches", "cuts", "covers", "covers", "lights"))
        if sort == "way":
            edits = edits.model_copy(update={"way": rng.choice((_drawn_fade, _drawn_edge))(rng)})
        elif sort == "parts":
            edits = edits.model_copy(update={"parts": rng.randint(1, editor.most_parts)})
        elif sort == "zoom":
            edits = edits.model_copy(update={"zoom": rng.choice((0.0, 0.01, 0.03, 0.1))})
        else:
            edits = edits.model_copy(update={sort: _changed_list(editor, sort, getattr(edits, sort), rng)})
    if edits.parts > 1 and edits.way is not None and edits.way.shape != "fade":
        # An edge that passes over three places only is not told from three steps.
        edits = edits.model_copy(update={"parts": 1})
    return edits


def _changed_list(editor: Editor, sort: str, found: tuple[Record, ...], rng: random.Random) -> tuple[Record, ...]:
    """Add, remove or replace an edit of one sort."""
    kept = list(found)
    if kept and (len(kept) == _MOST or rng.random() < 0.5):
        del kept[rng.randrange(len(kept))]
        if rng.random() < 0.4:
            return tuple(kept)
    return (*kept, _DRAWN[sort](editor, rng))
