"""Training of the ranker on drawn tasks; checkpoint and k are chosen on validation mixtures, never on a target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from stages.files import Tasks
from stages.params import ParamsError, RankerParams, SpiderParams
from stages.reports.tau import weighted_tau
from stages.scores.borda import borda
from stages.spider.checkpoint import empty_ranker
from stages.spider.inference import Batcher, scores_at, top
from stages.spider.ranker import Ranker, plackett_luce

FINAL_RATE = 0.02  # of the cosine schedule, as a share of the learning rate: 2.5e-4 falls to 5e-6 in the paper's code


@dataclass(frozen=True)
class Trained:
    """One ranker of one seed, with its log: a row an epoch (epoch, loss, tau_k0, tau_all)."""

    ranker: Ranker
    log: list[dict]


def supervision(tasks: Tasks, spec: RankerParams, sources: list[str]) -> np.ndarray:
    """(T, M): the ranking to learn, as values. One method's scores, or the Borda count of several.

    With `own_source` off, a PTM is not judged on tasks with classes of its own source (NaN): it would be ahead there
    for a reason that no target shares. sources: of the PTMs.
    """
    columns = [tasks.methods.index(method) for method in spec.supervision]
    if len(columns) == 1:
        truth = tasks.scores[:, :, columns[0]].copy()
    else:
        truth = np.stack([borda({str(c): scores[:, c] for c in columns}) for scores in tasks.scores])
    if not spec.own_source:
        for m, source in enumerate(sources):
            if source in tasks.sources:
                truth[tasks.has_source[:, tasks.sources.index(source)], m] = np.nan
    return truth


def mean_places(truth: np.ndarray) -> np.ndarray:
    """(M,): each PTM's mean place over tasks (T, M), 0 the worst and 1 the best of those that are known."""
    ranks = pd.DataFrame(truth).rank(axis=1)
    return (ranks - 1).div(ranks.count(axis=1) - 1, axis=0).mean().to_numpy()


def parts(tasks: Tasks, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tasks to learn from and tasks to validate on, by their index in truth (T, M).

    Two PTMs or more are judged on each; where all tie, no tau is defined, so that nothing is validated there.
    Raises ParamsError when either are none.
    """
    known = ~np.isnan(truth)
    differ = np.where(known, truth, -np.inf).max(1) > np.where(known, truth, np.inf).min(1)
    learn, check = (known.sum(1) > 1) & ~tasks.validation, differ & tasks.validation
    if not learn.any() or not check.any():
        raise ParamsError(
            f"spider: {learn.sum()} tasks to learn from and {check.sum()} to validate on, where PTMs differ; "
            "raise spider.tasks.mixtures or spider.tasks.draws, or name more sources"
        )
    return np.flatnonzero(learn), np.flatnonzero(check)


def mean_tau(truth: np.ndarray, scores: np.ndarray) -> float:
    """Mean weighted tau over tasks, as targets are examined."""
    return float(np.nanmean([weighted_tau(t, s) for t, s in zip(truth, scores, strict=True)]))


def train(
    tasks: Tasks,
    truth: np.ndarray,
    spec: RankerParams,
    p: SpiderParams,
    seed: int,
    device: torch.device,
    progress: str | None = None,
) -> Trained:
    """Trains one ranker: AdamW, cosine schedule; in each batch k is drawn from 0..M, in each task k PTMs are forwarded.

    Half of the batches forward random PTMs (as the paper's code), half those that score highest so far, as inference
    will. The weights of the epoch with the best validation tau (mean of none and all forwarded) are kept.

    tasks: drawn tasks; truth (T, M) from `supervision`. Raises ParamsError when too few tasks can be learned from.
    """
    torch.manual_seed(seed)
    learn, check = parts(tasks, truth)
    if spec.draws is not None:
        learn = np.random.default_rng(seed).permutation(learn)[: spec.draws]
    ranker = empty_ranker(tasks.widths, tasks.widths[p.encoder], p.width, spec, p.dropout).to(device)
    batcher = Batcher(tasks, p.encoder, spec.evidence, spec.specific != "none", device)
    optimizer = torch.optim.AdamW(ranker.parameters(), p.learning_rate, weight_decay=spec.weight_decay)
    return _fit(ranker, optimizer, batcher, truth, learn, check, p, seed, progress)


def _fit(
    ranker: Ranker,
    optimizer: torch.optim.Optimizer,
    batcher: Batcher,
    truth: np.ndarray,
    learn: np.ndarray,
    check: np.ndarray,
    p: SpiderParams,
    seed: int,
    progress: str | None,
) -> Trained:
    random = np.random.default_rng(seed)
    count = truth.shape[1]
    target = torch.from_numpy(truth).float().to(batcher.device)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, p.epochs, p.learning_rate * FINAL_RATE)
    log, best, kept = [], -np.inf, {}
    for epoch in tqdm(range(p.epochs), desc=progress, unit="epoch", disable=None if progress else True):
        total, order = 0.0, random.permutation(learn)
        for start in range(0, len(order), p.batch_size):
            which = order[start : start + p.batch_size]
            k = int(random.integers(0, count + 1))
            if random.random() < 0.5:
                preferred = random.random((len(which), count))
            else:
                preferred = scores_at([ranker.eval()], batcher, which, [0])[0]
            loss = plackett_luce(batcher.scores(ranker.train(), which, top(preferred, k)), target[which])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(which)
        schedule.step()
        taus = [mean_tau(truth[check], scores) for scores in scores_at([ranker.eval()], batcher, check, [0, count])]
        log.append({"epoch": epoch + 1, "loss": total / len(learn), "tau_k0": taus[0], "tau_all": taus[1]})
        if np.mean(taus) > best:
            best, kept = np.mean(taus), {name: value.clone() for name, value in ranker.state_dict().items()}
    ranker.load_state_dict(kept)
    return Trained(ranker.eval(), log)


def with_one_more(
    ranker: Ranker,
    tasks: Tasks,
    truth: np.ndarray,
    spec: RankerParams,
    p: SpiderParams,
    seed: int,
    device: torch.device,
) -> Trained:
    """The ranker with the last PTM of `tasks` added: its token and projection are learned, all else stays as it is.

    So nothing else is trained anew, and the scores of the PTMs that were there do not change.
    """
    torch.manual_seed(seed)
    new, known = tasks.ptms[-1], tasks.ptms[:-1]
    if known != ranker.ptms:
        raise ValueError(f"tasks must hold the ranker's PTMs, then the new one; got {known}, not {ranker.ptms}")
    wider = empty_ranker(tasks.widths, tasks.widths[p.encoder], p.width, spec, p.dropout).to(device)
    state = wider.state_dict()
    for name, value in ranker.state_dict().items():
        if name == "model_tokens":
            state[name][:-1] = value
        else:
            state[name] = value
    wider.load_state_dict(state)
    learned = [wider.model_tokens, *wider.specific[new].parameters()]
    for parameter in wider.parameters():
        parameter.requires_grad_(any(parameter is each for each in learned))
    mask = torch.zeros_like(wider.model_tokens)
    mask[-1] = 1
    wider.model_tokens.register_hook(lambda gradient: gradient * mask)  # Adam leaves alone what has no gradient
    batcher = Batcher(tasks, p.encoder, spec.evidence, spec.specific != "none", device)
    optimizer = torch.optim.Adam(learned, p.learning_rate)
    learn, check = parts(tasks, truth)
    return _fit(wider, optimizer, batcher, truth, learn, check, p, seed, None)
