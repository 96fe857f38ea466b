"""How fast video models run here, beside Diffusers and beside what the GPU can do, and how much memory they need."""
