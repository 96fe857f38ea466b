"""An example of a package that adds a task, a model and a scorer to vmevalkit."""
