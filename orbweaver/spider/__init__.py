"""Model Spider (Zhang et al. 2023, arXiv 2306.03900): a ranker trained on episodes drawn from the source datasets.

`draws.py` draws them, `episodes.py` has every PTM's answer; `ranker.py` is the network and its loss; `training.py`
trains one, `strangers.py` keeps PTMs from it, `newcomers.py` measures what that loses; `learning.py` trains all seeds
of a spider; `inference.py` ranks a target that it never saw, from one encoder pass and the passes of k PTMs;
`target.py` joins that with the methods' scores.
"""
