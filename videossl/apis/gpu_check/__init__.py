"""Checks that everything computes right and fast on the GPU of a machine: ``tools/check_gpu.py``."""
