"""Ranking a dataset with a trained spider: none of the PTMs forwarded, or the k that look best."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from orbweaver.core.settings import RankerSettings
from orbweaver.spider.episode_file import Episodes
from orbweaver.spider.evidence import First
from orbweaver.spider.ranker import Ranker
from orbweaver.spider.relatives import Relatives
from orbweaver.spider.strangers import Strangers


def standardise(evidence: np.ndarray, forwarded: np.ndarray) -> np.ndarray:
    """(B, M, Q) float32: scores (B, M, Q) as z-scores over the PTMs that were forwarded (B, M); 0 for the others.

    A method that has no value for a PTM, or the same for all, says nothing of it: 0. In numpy, whose square root is
    correctly rounded on every CPU; PyTorch's, from MKL, is not.
    """
    there = forwarded[..., None] & ~np.isnan(evidence)
    count = np.maximum(there.sum(1, keepdims=True), 1)
    values = np.nan_to_num(evidence)
    mean = (values * there).sum(1, keepdims=True) / count
    spread = np.sqrt(((values - mean) ** 2 * there).sum(1, keepdims=True) / count)
    says = there & (spread > 1e-9)
    return np.where(says, (values - mean) / np.maximum(spread, 1e-9), 0.0).astype(np.float32)


class Batcher:
    """Puts episodes together into what `Ranker.forward` takes."""

    def __init__(
        self,
        episodes: Episodes,
        encoder: str,
        spec: RankerSettings,
        device: torch.device,
        strangers: Strangers | None = None,
        first: First | None = None,
    ) -> None:
        """strangers: for all batches that are given no others. first: the evidence model; None where the network alone
        ranks."""
        self.episodes, self.encoder, self.device, self.strangers = episodes, encoder, device, strangers
        self.first = first
        self.ptms = episodes.ptms if spec.specific != "none" else []
        columns = [episodes.methods.index(method) for method in spec.evidence]
        self.evidence = episodes.scores[:, :, columns]

    def means(self, ptm: str, which: np.ndarray, wanted: np.ndarray) -> tuple[Tensor, Tensor]:
        """Class means (R, D) of the wanted ones of the episodes `which`, and their rows (B, C), R where none is."""
        tokens, offsets = self.episodes.tokens[ptm], self.episodes.offsets
        counts = (offsets[which + 1] - offsets[which]) * wanted
        rows = np.full((len(which), counts.max()), counts.sum())
        rows[np.arange(counts.max()) < counts[:, None]] = np.arange(counts.sum())
        means = np.concatenate([tokens[offsets[t] : offsets[t + 1]] for t in which[wanted]])
        return torch.from_numpy(means).to(self.device), torch.from_numpy(rows).to(self.device)

    def scores(
        self, ranker: Ranker, which: np.ndarray, forwarded: np.ndarray, strangers: Strangers | None = None
    ) -> Tensor:
        """(B, M) scores of the episodes `which`, in which the PTMs `forwarded` (B, M) gave tokens and evidence."""
        strangers = strangers or self.strangers
        evidence_of, model_tokens, gave = self.evidence[which], None, forwarded
        if strangers is not None:
            evidence_of = np.where(strangers.evidence, np.nan, evidence_of)
            gave = forwarded & ~strangers.ptms
            of_strangers = (torch.from_numpy(each).to(self.device) for each in (strangers.ptms, strangers.facts))
            model_tokens = ranker.tokens_of(*of_strangers)
        specific = {p: self.means(p, which, f) for p, f in zip(self.ptms, gave.T, strict=False) if f.any()}
        evidence, there = None, torch.from_numpy(forwarded).to(self.device)
        if self.evidence.shape[2] and forwarded.any():
            evidence = torch.from_numpy(standardise(evidence_of, forwarded)).to(self.device)
        general = self.means(self.encoder, which, np.ones(len(which), bool))
        return ranker(*general, there, specific, evidence, model_tokens)


def top(scores: np.ndarray, k: int) -> np.ndarray:
    """(B, M) bool: the k highest of each row, the first of equals."""
    return _some(np.argsort(-scores, axis=1, kind="stable")[:, :k], scores.shape)


def _some(places: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    chosen = np.zeros(shape, dtype=bool)
    np.put_along_axis(chosen, places, True, axis=1)
    return chosen


def episode_of(ptms: list[str], methods: list[str], tokens: dict[str, np.ndarray], scores: np.ndarray) -> Episodes:
    """One target as an episode.

    tokens: PTM -> class means (C, D_m), of the encoder and of all PTMs that were forwarded (the others may be
    missing); scores (M, Q) of the methods, NaN likewise.

    Raises ValueError with fewer than two classes.
    """
    classes = {len(means) for means in tokens.values()}
    if len(classes) != 1 or min(classes) < 2:
        raise ValueError(f"an episode needs two classes or more, the same for every PTM; got {sorted(classes)}")
    offsets, nothing = np.array([0, classes.pop()]), np.zeros(1, bool)
    return Episodes(ptms, methods, [], [], offsets, tokens, scores[None], nothing, np.zeros(1, int), nothing)


@torch.inference_mode()
def ensemble(rankers: list[Ranker], batcher: Batcher, which: np.ndarray, forwarded: np.ndarray) -> np.ndarray:
    """(B, M): mean of the rankers' scores, which under Plackett-Luce are log-odds.

    With the evidence first: what it expects, corrected by that mean, or alone without rankers.
    """
    first, expected = batcher.first, None
    if first is not None:
        expected = first.model.expected(batcher.evidence[which], forwarded, first.prior[which], first.relatives.alike)
        if not rankers:
            return expected
    scores = torch.stack([batcher.scores(ranker, which, forwarded) for ranker in rankers]).mean(0).cpu().numpy()
    return scores if expected is None else first.model.corrected(expected, scores)


def scores_at(rankers: list[Ranker], batcher: Batcher, which: np.ndarray, ks: list[int], size: int = 256) -> np.ndarray:
    """(len(ks), T, M): scores of the T episodes `which` when the first k PTMs are forwarded, in one order for all k."""
    out = []
    kin = batcher.first.relatives if batcher.first else None
    for start in range(0, len(which), size):
        part = which[start : start + size]

        def seen(forwarded: np.ndarray, part: np.ndarray = part) -> np.ndarray:
            return ensemble(rankers, batcher, part, forwarded)

        blind = seen(np.zeros((len(part), batcher.evidence.shape[1]), bool))
        first = forwarded_first(blind, max(ks), kin, seen)
        out.append([seen(_some(first[:, :k], blind.shape)) if k else blind for k in ks])
    return np.concatenate(out, axis=1)


def forwarded_first(
    blind: np.ndarray, k: int, relatives: Relatives | None, seen: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """(B, k): the PTMs to forward first, from the scores `blind` (B, M) before any PTM was forwarded.

    The highest scores first. With the evidence first, where `relatives` are given: the best PTM of each source, then
    the highest scores once these were forwarded. seen: forwarded (B, M) -> scores (B, M).
    """
    if relatives is None:
        return np.argsort(-blind, axis=1, kind="stable")[:, :k]
    start = relatives.best_of_each(blind)
    if k <= start.shape[1]:
        return start[:, :k]
    there = _some(start, blind.shape)
    after = np.where(there, -np.inf, seen(there))
    return np.concatenate([start, np.argsort(-after, axis=1, kind="stable")], axis=1)[:, :k]
