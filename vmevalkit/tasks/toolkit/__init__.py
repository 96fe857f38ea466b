"""What tasks share. Everything here is public, for tasks of your own (docs/add-a-task.md).

Kinds of task. Most of them bring the video, most cheats, the reader and the verdict:

- `cells`: places change their look, one after another (`cell_boards`: their states, painter and reader).
- `ruled_cells`: boards on which a step changes several places at once, as rules that are a graph allow.
- `pieces`: pieces travel between resting places (`piece_boards`, `piece_finder`, `piece_reader`).
- `ruled_pieces`: pieces that go from cell to cell of a floor plan, as rules that are a graph allow.
- `strokes`: lines grow along paths that the puzzle determines (`lines`: their states, painter and reader).
- `walk`: one object of one color moves through a scene.
- `follow`: rules as a graph, for plans and for what is seen step by step; `RuledWalk` is a walk along such a graph.

Building blocks:

- `draw`: palette, shapes and the drawing of a scene.
- `vision`: bring a frame to the light and position of a drawing, and find what the drawing does not explain. It exports
  `views`, `compare`, `lens`, `envelope`, `scene`, `blobs` and `glyphs`.
- `spots`: small details of a scene that must stay. `things`: things that vanish, such as what is collected.
- `rings`: marks around figures. `dials`: faces of clocks without digits.
- `completions`: every way to fill a board by the rules of a puzzle.
- `grid`: mazes. `axes`: places in pixels and back. `compass`: the eight directions.
- `levels`: difficulty levels with named fields.
- `sums`: sums of floats that are the same in every version of Python, for all that goes into a question.
"""
