"""Model Spider (Zhang et al. 2023, arXiv 2306.03900): a ranker trained on episodes drawn from the source datasets.

`draws.py` draws them, `episodes.py` computes every PTM's tokens and scores on them; `ranker.py` is the network and its
loss; `training.py` trains one, `strangers.py` hides PTMs from it, `newcomers.py` measures what it loses on PTMs that it
never learned from; `learning.py` trains all seeds of a spider (a trained Model Spider); `inference.py` ranks a target
that it never saw, from one pass through the encoder and passes through k PTMs; `target.py` joins that with the methods'
scores.
"""
