"""Tasks: one file, or one folder, for each. `base` says what a task is; `toolkit` has what tasks share."""
