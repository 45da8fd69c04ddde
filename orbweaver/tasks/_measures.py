"""What PTMs reach: measures of several labels, sentences, answers and boxes."""

from __future__ import annotations

import re
import string
from collections import Counter

import numpy as np


def bleu(candidates: list[str], references: list[list[str]]) -> float:
    """Corpus BLEU-4 in [0, 1] (Papineni et al. 2002) by sacrebleu, lower case, its own tokenizer (13a).

    An n-gram order without a match is smoothed exponentially, sacrebleu's default, so that weak PTMs still differ.
    """
    from sacrebleu import corpus_bleu

    most = max(map(len, references))
    streams = [[refs[i] if i < len(refs) else None for refs in references] for i in range(most)]
    return corpus_bleu(candidates, streams, lowercase=True, force=True).score / 100


def normalised(answer: str) -> str:
    """SQuAD's normal form: lower case, no punctuation, no articles, single spaces (Rajpurkar et al. 2016)."""
    kept = "".join(c for c in answer.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


def exact_match(answer: str, accepted: list[str]) -> float:
    """1 if the answer is one of those accepted, in SQuAD's normal form, else 0."""
    return float(normalised(answer) in map(normalised, accepted))


def f1(answer: str, accepted: list[str]) -> float:
    """Harmonic mean of precision and recall over words in SQuAD's normal form; the best over accepted answers."""

    def one(truth: str) -> float:
        ours, theirs = normalised(answer).split(), normalised(truth).split()
        if not ours or not theirs:
            return float(ours == theirs)
        common = sum((Counter(ours) & Counter(theirs)).values())
        return 2 * common / (len(ours) + len(theirs))

    return max(map(one, accepted))


def iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes x0, y0, x1, y1, (N, 4) each: (N,)."""
    sides = np.minimum(first[:, 2:], second[:, 2:]) - np.maximum(first[:, :2], second[:, :2])
    shared = np.prod(np.maximum(sides, 0), axis=1)
    areas = [np.prod(np.maximum(box[:, 2:] - box[:, :2], 0), axis=1) for box in (first, second)]
    return shared / np.maximum(areas[0] + areas[1] - shared, np.finfo(float).tiny)


def average_precision(scores: np.ndarray, present: np.ndarray) -> float:
    """11-point mAP of VOC2007 (Everingham et al. 2010); scores and present are (N, C).

    Per class the mean, over recalls r = 0, 0.1, ..., 1, of the best precision at recall r or more; then the mean over
    the classes that any sample has.
    """
    values = []
    for column, truth in zip(scores.T, present.T, strict=True):
        if not truth.any():
            continue
        hits = truth[np.argsort(-column, kind="stable")].cumsum()
        precision, recall = hits / np.arange(1, len(hits) + 1), hits / hits[-1]
        reached = [precision[recall >= r - 1e-12].max() for r in np.linspace(0, 1, 11)]
        values.append(np.mean(reached))
    return float(np.mean(values))
