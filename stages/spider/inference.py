"""Ranking a task with a trained spider: none of the PTMs forwarded, or the k that look best."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from stages.files import Tasks
from stages.spider.ranker import Ranker


def standardise(evidence: Tensor, forwarded: Tensor) -> Tensor:
    """(B, M, Q) scores as z-scores over the PTMs that were forwarded (B, M); 0 for the others.

    A method that has no value for a PTM, or the same for all, says nothing of it: 0.
    """
    there = forwarded[..., None] & ~evidence.isnan()
    count = there.sum(1, keepdim=True).clamp(min=1)
    values = evidence.nan_to_num(0.0)
    mean = (values * there).sum(1, keepdim=True) / count
    spread = ((values - mean).pow(2) * there).sum(1, keepdim=True).div(count).sqrt()
    return torch.where(there & (spread > 1e-9), (values - mean) / spread.clamp(min=1e-9), 0.0).float()


class Batcher:
    """Puts tasks together into what `Ranker.forward` takes."""

    def __init__(self, tasks: Tasks, encoder: str, evidence: list[str], specific: bool, device: torch.device):
        self.tasks, self.encoder, self.device = tasks, encoder, device
        self.ptms = tasks.ptms if specific else []
        self.evidence = torch.from_numpy(tasks.scores[:, :, [tasks.methods.index(method) for method in evidence]])

    def means(self, ptm: str, which: np.ndarray, wanted: np.ndarray) -> tuple[Tensor, Tensor]:
        """Class means (R, D) of the wanted ones of the tasks `which`, and their rows (B, C), R for none."""
        tokens, offsets = self.tasks.tokens[ptm], self.tasks.offsets
        counts = (offsets[which + 1] - offsets[which]) * wanted
        rows = np.full((len(which), counts.max()), counts.sum())
        rows[np.arange(counts.max()) < counts[:, None]] = np.arange(counts.sum())
        means = np.concatenate([tokens[offsets[t] : offsets[t + 1]] for t in which[wanted]])
        return torch.from_numpy(means).to(self.device), torch.from_numpy(rows).to(self.device)

    def scores(self, ranker: Ranker, which: np.ndarray, forwarded: np.ndarray) -> Tensor:
        """(B, M) scores of the tasks `which`, in which the PTMs `forwarded` (B, M) gave tokens and evidence."""
        specific = {p: self.means(p, which, f) for p, f in zip(self.ptms, forwarded.T, strict=False) if f.any()}
        # Equal numbers of columns, so that PTMs can be stacked.
        longest = max((rows.shape[1] for _, rows in specific.values()), default=0)
        specific = {
            ptm: (means, functional.pad(rows, (0, longest - rows.shape[1]), value=len(means)))
            for ptm, (means, rows) in specific.items()
        }
        evidence, there = None, torch.from_numpy(forwarded)
        if self.evidence.shape[2] and forwarded.any():
            evidence = standardise(self.evidence[which], there).to(self.device)
        general = self.means(self.encoder, which, np.ones(len(which), bool))
        return ranker(*general, there.to(self.device), specific, evidence)


def top(scores: np.ndarray, k: int) -> np.ndarray:
    """(B, M) bool: the k highest of each row, the first of equals."""
    chosen = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(chosen, np.argsort(-scores, axis=1, kind="stable")[:, :k], True, axis=1)
    return chosen


def task_of(
    ptms: list[str],
    methods: list[str],
    tokens: dict[str, np.ndarray],
    scores: np.ndarray,
) -> Tasks:
    """One target as a task. tokens: PTM -> class means (C, D_m), of the encoder and of all PTMs that were forwarded
    (the others may be missing); scores (M, Q), NaN likewise.

    Raises ValueError with fewer than two classes.
    """
    classes = {len(means) for means in tokens.values()}
    if len(classes) != 1 or min(classes) < 2:
        raise ValueError(f"a task needs two classes or more, the same for every PTM; got {sorted(classes)}")
    offsets, nothing = np.array([0, classes.pop()]), np.zeros(1, bool)
    return Tasks(ptms, methods, [], offsets, tokens, scores[None], nothing, np.zeros(1, int), nothing)


@torch.inference_mode()
def ensemble(rankers: list[Ranker], batcher: Batcher, which: np.ndarray, forwarded: np.ndarray) -> np.ndarray:
    """(B, M): mean of the rankers' scores, which under Plackett-Luce are log-odds."""
    return torch.stack([batcher.scores(ranker, which, forwarded) for ranker in rankers]).mean(0).cpu().numpy()


def scores_at(rankers: list[Ranker], batcher: Batcher, which: np.ndarray, ks: list[int], size: int = 256) -> np.ndarray:
    """(len(ks), T, M): scores of the tasks `which` when the k PTMs are forwarded that score highest with none.

    PTMs that are not forwarded keep what the encoder alone gives them; all stand in one order.
    """
    out = []
    for start in range(0, len(which), size):
        part = which[start : start + size]
        first = ensemble(rankers, batcher, part, np.zeros((len(part), len(rankers[0].ptms)), bool))
        out.append([ensemble(rankers, batcher, part, top(first, k)) if k else first for k in ks])
    return np.concatenate(out, axis=1)
