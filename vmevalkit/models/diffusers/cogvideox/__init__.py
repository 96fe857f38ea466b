"""CogVideoX: its catalog entries, and its acceleration: fused blocks, kernels, decoder, and two GPUs for one video."""
