"""CIDEr-D (Vedantam et al. 2015, arXiv 1411.5726, section 6), since no library that is kept up installs beside ours."""

from __future__ import annotations

from collections import Counter

import numpy as np

N, SIGMA = 4, 6.0


def cider_d(candidates: list[str], references: list[list[str]]) -> float:
    """Mean over images of CIDEr-D, from 0 to 10, of words as they are (lower-case them first).

    With g_n(s) the vector of TF-IDF weights of the n-grams of s (term frequency: the count; inverse document
    frequency: log of the number of images over that of images whose references have the n-gram), and m references,

        CIDEr-D_n = 10/m sum_j exp(-(l(c) - l(s_j))^2 / (2 sigma^2)) min(g_n(c), g_n(s_j)) . g_n(s_j)
                    / (|g_n(c)| |g_n(s_j)|),       CIDEr-D = mean of n = 1..4, sigma = 6.

    As the published code: an n-gram that no reference has counts as if one image had it, and the length is the number
    of bigrams, which differs from that of words by one on both sides. One image alone has weights 0, so the score is 0.
    """
    theirs = [[_grams(text) for text in texts] for texts in references]
    images_with = Counter(gram for grams in theirs for gram in set().union(*grams))
    log_images = np.log(len(references))

    def weights(grams: Counter) -> list[dict[tuple[str, ...], float]]:
        by_length: list[dict[tuple[str, ...], float]] = [{} for _ in range(N)]
        for gram, count in grams.items():
            by_length[len(gram) - 1][gram] = count * (log_images - np.log(max(1, images_with[gram])))
        return by_length

    def bigrams(grams: Counter) -> int:
        return sum(count for gram, count in grams.items() if len(gram) == 2)

    scores = []
    for candidate, texts in zip(candidates, theirs, strict=True):
        ours = _grams(candidate)
        mine = weights(ours)
        pairs = []
        for grams in texts:
            gap = np.exp(-((bigrams(ours) - bigrams(grams)) ** 2) / (2 * SIGMA**2))
            pairs.append(gap * np.mean([_similarity(a, b) for a, b in zip(mine, weights(grams), strict=True)]))
        scores.append(10 * np.mean(pairs))
    return float(np.mean(scores))


def _grams(text: str) -> Counter:
    words = text.split()
    return Counter(tuple(words[i : i + n]) for n in range(1, N + 1) for i in range(len(words) - n + 1))


def _similarity(candidate: dict, reference: dict) -> float:
    """Cosine, in which the candidate gets no credit for saying more of an n-gram than the reference."""
    lengths = [np.sqrt(sum(weight**2 for weight in side.values())) for side in (candidate, reference)]
    if not all(lengths):
        return 0.0
    shared = sum(
        min(weight, reference[gram]) * reference[gram] for gram, weight in candidate.items() if gram in reference
    )
    return shared / (lengths[0] * lengths[1])
