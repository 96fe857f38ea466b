"""Reading of several moves, one after another."""

from __future__ import annotations

from vmevalkit.media import Planes
from vmevalkit.tasks.base import Reading
from vmevalkit.tasks.chess.puzzle import Puzzle, State, after_move, motion_of, rated_moves, rests_on
from vmevalkit.tasks.chess.reading import BoardReader
from vmevalkit.types import Size


class GameReader:
    """Reads the frames of a video with several moves, in order. It cannot be used for another video.

    Each move is read against the board after the moves before it. A move is complete if its piece rests on a legal
    square and the next frame shows the move of another piece from there.
    """

    def __init__(self, puzzle: Puzzle, canvas: Size) -> None:
        self.plies, self.canvas = puzzle.plies, canvas
        self.board, self.made = puzzle.board, 0
        self.reader, self.readers = BoardReader(puzzle.board, canvas), dict[str, BoardReader]()
        self.rested = ""

    def read(self, frame: Planes) -> Reading[State]:
        """Read the planes of the next frame."""
        reading = self.reader.read(frame)
        if reading.state is None and self.rested and self.made + 1 < self.plies:
            if self.rested not in self.readers:
                self.readers[self.rested] = BoardReader(self.rested, self.canvas)
            after = self.readers[self.rested].read(frame)
            if after.state is not None and after.scene_intact:
                self.reader, self.board, self.rested = self.readers[self.rested], self.rested, ""
                self.made, reading = self.made + 1, after
        if reading.state is None:
            return reading
        moved = motion_of(self.board, reading.state)
        if moved is not None:
            targets = rated_moves(self.board, self.plies - self.made).get(moved.origin, {})
            self.rested = next(
                (after_move(self.board, moved.origin, t) for t in targets if rests_on(moved, t)), self.rested
            )
        state = reading.state._replace(made=self.made, before=self.board)
        return Reading(state, reading.scene_intact, reading.note)
