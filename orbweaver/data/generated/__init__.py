"""Datasets that come with Python packages, or are drawn: what mini is made of. One file a family."""
