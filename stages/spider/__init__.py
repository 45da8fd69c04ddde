"""Model Spider (Zhang et al. 2023, arXiv 2306.03900): a ranker trained on tasks drawn from the source datasets.

`tasks.py` draws them and has every PTM's answer; `ranker.py` is the network and its loss; `training.py` trains it;
`inference.py` ranks a target that it never saw, from one encoder pass and the passes of k PTMs.
"""
