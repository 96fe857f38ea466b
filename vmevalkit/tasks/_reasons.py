"""Reason codes that every task has, with their sentences."""

from __future__ import annotations

# Codes of the verdicts that pass.
PASSING = frozenset({"solved", "held_still"})

REASONS: dict[str, str] = {
    "solved": "The puzzle is solved by legal, visible steps, and the rest of the scene stays.",
    "held_still": "Nothing moves, as asked.",
    "moved": "Something moves, although everything must stay still.",
    "scene_lost": "The frame no longer shows the scene of the puzzle.",
    "wrong_start": "The video does not start from the first frame of the puzzle.",
    "no_change": "Nothing happens.",
    "unfinished": "The video ends before the puzzle is solved.",
    "undone": "The puzzle was solved, but the video does not end with the answer.",
    "not_held": "The answer appears only in the last frame; it must be held.",
    "unreadable": "The video ends with a frame that is not a clear state of the puzzle.",
    "extra_object": "Something appears that does not belong to the scene.",
    "altered": "Something looks different from what it should: it is faded, tinted, half drawn or marked.",
    "teleport": "Something jumps from one place to another without being visible in between.",
    "several_at_once": "Several things change at the same time; they must change one after another.",
    "transition": "The answer is uncovered by an edge or a fade that passes over the frame, not step by step.",
    "erased": "Something that was correct is undone.",
    "camera_moved": "The camera moves, though it must be fixed.",
    "visitor": "Something that the prompt did not ask for enters the scene, and leaves it again.",
    "caption": "A text or mark that the prompt did not ask for is shown beside the puzzle.",
    "overlay": "A mark or effect that the prompt did not ask for is laid over the scene.",
}
