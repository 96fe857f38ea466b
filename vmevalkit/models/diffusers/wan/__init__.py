"""Acceleration of Wan: fused transformer blocks."""
