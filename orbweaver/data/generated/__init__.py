"""Datasets that come with Python packages or are drawn here; the benchmark `mini` consists of them."""
