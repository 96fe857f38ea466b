"""The way from the frames of a video to a verdict.

1. Fades, and a cut to another scene at the end, are dropped; flashes of light are replaced (`toolkit.ends`).
2. A state is read from each frame, and the task scores the sequence.
3. A video that would pass is looked at as a whole: places that change in a transition, and frames that do not look as
   drawn.
4. A video that fails is scored again without blends of neighboring frames (`toolkit.repairs`), and without the movement
   of the camera (`toolkit.camera`), if there are any; then without captions (`toolkit.repairs`), emphasis
   (`toolkit.emphasis`) and visitors (`toolkit.visitors`). What was undone or taken out is listed in the verdict.
5. A video that fails is explained: the place in the evidence frame that shows the reason (`_particulars`), and what was
   seen and expected in words (`_wording`).
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Planes, Views
from vmevalkit.tasks._comparison import Comparison
from vmevalkit.tasks._particulars import NOISE, Place, altered_place, place_of
from vmevalkit.tasks._reading import Fault, Reading
from vmevalkit.tasks._solved import Solved, solved
from vmevalkit.tasks._wording import told
from vmevalkit.tasks.toolkit.emphasis import without_emphasis
from vmevalkit.tasks.toolkit.ends import without_ends
from vmevalkit.tasks.toolkit.repairs import Repaired, unblended, without_captions
from vmevalkit.tasks.toolkit.vision import is_grainy, looks_like, patches, shows
from vmevalkit.tasks.toolkit.visitors import without_visitors
from vmevalkit.types import Mode, Size, Tolerance, Verdict

if TYPE_CHECKING:
    from vmevalkit.tasks.base import Reader, Task

# The start must be readable within the first sixth of the video.
START_WITHIN = 1 / 6
# Reasons for which a video may fail because of something that has nothing to do with the puzzle.
_DISTURBED = frozenset({
    "extra_object", "altered", "scene_lost", "wrong_start", "unreadable", "vanished_on_the_way", "teleport",
    "several_at_once", "erased", "agent_lost", "two_agents", "piece_changed", "hidden",
})  # fmt: skip
# A video of at most this value is not inspected as a whole: it has failed, and is worth nothing.
_NEGLIGIBLE = 0.02


class _Scored(NamedTuple):
    """Frames as they were scored, what was read from them, and the verdict."""

    frames: Views
    readings: list[Reading[Any]]
    verdict: Verdict

    @property
    def passed(self) -> bool:
        return self.verdict.passed

    def tolerating(self, tolerated: tuple[Tolerance, ...]) -> _Scored:
        """Return the same with what was undone or taken out before it was scored."""
        verdict = self.verdict.model_copy(update={"tolerated": (*tolerated, *self.verdict.tolerated)})
        return self._replace(verdict=verdict)


class Verification:
    """Scores videos of one question.

    Args:
        task, puzzle, mode, canvas: the question.
        read: a reader of this puzzle and canvas, if many of its videos are scored.
    """

    def __init__(
        self, task: Task[Any, Any], puzzle: Any, mode: Mode, canvas: Size, read: Reader[Any] | None = None
    ) -> None:
        self._task, self._puzzle, self._mode, self._canvas = task, puzzle, mode, canvas
        self._read, self._solution = read, task.solution(puzzle)
        self._start = self._solution[0]

    def verdict(self, frames: Views, fps: float) -> Verdict:
        """Score a video; its frames are uint8 (count, 3, height, width)."""
        ends = without_ends(frames, fps, self._first_drawing, cuts=self._mode != "hold")
        shown = ends.views
        numbers: npt.NDArray[np.int_] = np.arange(len(ends.views)) + ends.first
        scored = self._scored(shown)
        if not scored.passed and len(kept := unblended(shown)) < len(shown):
            shown, numbers = shown[kept], numbers[kept]
            scored = self._scored(shown)
        if not scored.passed:
            scored = self._scored_steady(scored)
            if not scored.passed and self._mode != "hold":
                scored = self._scored_repaired(scored)
        verdict = scored.verdict if scored.passed else self._explained(scored)
        evidence = None if verdict.evidence_frame is None else int(numbers[verdict.evidence_frame])
        later = [t.model_copy(update={"first": int(numbers[t.first]), "last": int(numbers[t.last])})
                 for t in verdict.tolerated]  # fmt: skip
        return verdict.model_copy(update={"evidence_frame": evidence, "tolerated": (*ends.tolerated, *later)})

    def _explained(self, scored: _Scored) -> Verdict:
        """Return the verdict of a failed video with the place, and with what was seen and expected."""
        verdict, evidence = scored.verdict, scored.verdict.evidence_frame
        if evidence is None:
            return verdict
        place = self._place(scored, evidence)
        words = told(verdict.reason, evidence, scored.readings, self._solution,
                     partial(self._task.in_words, self._puzzle)) or place.seen  # fmt: skip
        explanation = f"{verdict.explanation} {words}" if words else verdict.explanation
        return verdict.model_copy(update={"evidence_box": place.box, "explanation": explanation})

    def _place(self, scored: _Scored, evidence: int) -> Place:
        """Return where the evidence frame of a failed video shows the reason."""
        frame = scored.frames[evidence]
        if scored.verdict.reason == "camera_moved":
            return Place()
        if is_grainy(frame):
            return NOISE
        state = scored.readings[evidence].state if evidence < len(scored.readings) else None
        if scored.verdict.reason == "altered" and state is not None:
            return altered_place(frame, self._task.drawing(self._puzzle, state, self._canvas))
        at_start = self._mode == "hold" or scored.verdict.reason == "wrong_start"
        drawings = [self._first_drawing()] if at_start else self._solved.drawings
        return place_of(scored.verdict.reason, evidence, scored.frames, drawings)

    def _scored_repaired(self, failed: _Scored) -> _Scored:
        """Score a video that failed again, without captions, and without emphasis or a visitor, if there are any."""
        scored, tolerated = failed, _of_camera(failed.verdict)
        cleaned = without_captions(failed.frames, self._solved.margin, self._solved.acting)
        if cleaned is not None:
            tolerated = (*tolerated, cleaned.tolerated)
            scored = self._scored(cleaned.views)
        for repaired in () if scored.passed else self._repairs(scored):
            scored = self._scored(repaired.views, repaired.hidden, repaired.unseen)
            if scored.passed:
                tolerated = (*tolerated, repaired.tolerated)
                break
        return scored.tolerating(tolerated) if scored.passed else failed

    def _repairs(self, failed: _Scored) -> Iterator[Repaired]:
        """Yield the video without emphasis, then without its visitor."""
        solved, frames = self._solved, failed.frames
        # Both are gone before the end, so a video that does not end with the answer is not looked at again.
        if patches(solved.answer.unexplained(solved.lens.planes(frames[-1]))):
            return
        if self._is_disturbed(failed):
            steps = len(self._task.solution(self._puzzle)) - 1
            in_light = np.stack([solved.lens.planes(frame) for frame in frames])
            stressed = without_emphasis(in_light, solved.stage, steps)
            if stressed is not None:
                yield stressed
        left = without_visitors(frames, solved.course, solved.acting)
        if left is not None:
            yield left

    def _is_disturbed(self, failed: _Scored) -> bool:
        """Whether a video may have failed because of something that has nothing to do with the puzzle."""
        verdict = failed.verdict
        if verdict.reason in _DISTURBED or verdict.evidence_frame is None:
            return True
        reading = failed.readings[min(verdict.evidence_frame, len(failed.readings) - 1)]
        # Places that are lit look as if they were about to change, which rules of a task may forbid.
        return not reading.scene_intact or not self._task.is_drawable(self._puzzle, reading.state)

    @cached_property
    def _solved(self) -> Solved:
        return solved(self._task, self._puzzle.model_dump_json(), self._canvas)

    def _first_drawing(self) -> Planes:
        return self._task.drawing(self._puzzle, self._start, self._canvas)

    def _scored_steady(self, failed: _Scored) -> _Scored:
        """Score a video that failed again, without the movement of the camera, if there is any movement."""
        frames, verdict = failed.frames, failed.verdict
        evidence = len(frames) - 1 if verdict.evidence_frame is None else verdict.evidence_frame
        if is_grainy(frames[evidence]) and is_grainy(frames[-1]):
            # Noise tells no movement.
            return failed
        camera, held = self._solved.camera, self._mode == "hold"
        if not camera.has_moved(frames[evidence]) and not camera.has_moved(frames[-1]):
            return failed
        steady = camera.steady(frames, held)
        too_far = steady.too_far
        if too_far is None and not steady.moved and camera.is_far(frames[evidence], held):
            too_far = evidence
        if too_far is not None:
            preservation = min(verdict.preservation, 0.99)
            moved = self._task.verdict("camera_moved", verdict.outcome, verdict.process, preservation, too_far)
            return failed._replace(verdict=moved)
        if not steady.moved:
            return failed
        zoom = Tolerance(code="zoom", first=steady.moved[0], last=steady.moved[-1])
        return self._scored(steady.views).tolerating((zoom,))

    def _scored(self, frames: Views, hidden: Container[int] = (), unseen: Container[int] = ()) -> _Scored:
        """Score frames as they are. A damaged scene says nothing if `hidden`, and no reading does if `unseen`."""
        readings = self._readings(frames)
        readings = [Reading(None) if i in unseen else Reading(r.state) if i in hidden and not r.scene_intact else r
                    for i, r in enumerate(readings)]  # fmt: skip
        return _Scored(frames, readings, self._verdict(frames, readings))

    def _verdict(self, frames: Views, readings: list[Reading[Any]]) -> Verdict:
        """Return the verdict of what was read from frames."""
        if self._mode == "hold":
            return self._verdict_of_hold(frames, readings)
        verdict = self._task.judge(self._puzzle, readings)
        tolerated = self._task.tolerated(self._puzzle, readings, self._canvas)
        if tolerated:
            verdict = verdict.model_copy(update={"tolerated": tuple(tolerated)})
        fault = self._fault(frames, readings, verdict) if verdict.value > _NEGLIGIBLE else None
        if fault is None:
            return verdict
        process = 0.0 if fault.worthless else verdict.process
        # A video that has failed keeps its reason, because that says what was seen in one frame.
        reason, frame = (fault.reason, fault.frame) if verdict.passed else (verdict.reason, verdict.evidence_frame)
        return self._task.verdict(reason, verdict.outcome, process, min(verdict.preservation, 0.99), frame)

    def _verdict_of_hold(self, frames: Views, readings: list[Reading[Any]]) -> Verdict:
        """Return the verdict in mode hold. Something may lie where a reader expects that something appears."""
        verdict = self._task.judge_hold(self._puzzle, readings)
        if not verdict.passed:
            return verdict
        # A frame that is only too blurred to be read still shows the start.
        start = self._first_drawing()
        sharp = np.stack([start if shows(frame, start) else frame for frame in frames])
        altered = Comparison(self._task, self._puzzle, self._canvas, readings).altered(sharp)
        return verdict if altered is None else self._task.verdict("altered", 1.0, 1.0, 0.99, altered)

    def _fault(self, frames: Views, readings: list[Reading[Any]], verdict: Verdict) -> Fault | None:
        """Return what is wrong with the video as a whole."""
        fault = self._task.inspect(self._puzzle, frames, readings, self._canvas)
        if fault is None and verdict.passed:
            altered = Comparison(self._task, self._puzzle, self._canvas, readings).altered(frames)
            return None if altered is None else Fault("altered", altered)
        return fault

    def _readings(self, frames: Views) -> list[Reading[Any]]:
        """Read each frame, until the beginning decides that the video fails."""
        read = self._read or self._task.reader(self._puzzle, self._canvas)
        # Whether an unexpected reading may be the start, only too blurred to be read. In mode hold it always may.
        resting = True
        readings: list[Reading[Any]] = []
        seen: Planes | None = None
        for frame in frames:
            # Videos hold still for long, and equal frames have equal readings. Each frame is compared with the last
            # one that was read, so that a slow change is not missed.
            if seen is not None and looks_like(frame, seen):
                readings.append(readings[-1])
            else:
                seen = frame
                reading = Reading[Any](None, False, "scene_lost") if is_grainy(frame) else read(frame)
                unsure = resting and reading.scene_intact and not self._at_start(reading)
                if unsure and shows(frame, self._first_drawing()):
                    reading = Reading(self._start)
                else:
                    resting = self._mode == "hold"
                readings.append(reading)
            if self._mode != "hold" and self._is_hopeless(readings, len(frames)):
                break
        return readings

    def _at_start(self, reading: Reading[Any]) -> bool:
        return reading.state is not None and self._task.same(self._puzzle, reading.state, self._start)

    def _is_hopeless(self, readings: list[Reading[Any]], count: int) -> bool:
        """Whether the beginning already decides: it shows no state in time, or another one than the start."""
        if any(r.state is not None and r.scene_intact for r in readings[:-1]):
            return False
        if readings[-1].state is not None and readings[-1].scene_intact:
            return not self._at_start(readings[-1])
        return len(readings) > max(2, count * START_WITHIN)


def _of_camera(verdict: Verdict) -> tuple[Tolerance, ...]:
    """Return what was undone before a video is repaired. The rest is seen again in the repaired video."""
    return tuple(tolerance for tolerance in verdict.tolerated if tolerance.code == "zoom")
