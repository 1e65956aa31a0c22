"""Checks of results and speed on the GPU of a machine: ``tools/check_gpu.py``."""
