"""Datasets: what a split is, where datasets come from and how they are read."""
