"""Acceleration of CogVideoX: fused blocks, kernels, decoder, and two GPUs for one video."""
