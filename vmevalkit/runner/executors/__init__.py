"""Executors, which distribute jobs to workers."""
