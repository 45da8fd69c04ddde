"""Room 4, labels: F-labels, the targets' texts embedded by text encoders (EMMS, arXiv 2308.06262)."""
