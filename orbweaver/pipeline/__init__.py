"""Drives DVC: reads params.yaml, plans stages, runs them here or on a cluster, prunes; has ready-made benchmarks."""
