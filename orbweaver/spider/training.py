"""Training of the ranker on episodes; checkpoint and k are chosen on validation mixtures, never on a target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from orbweaver.core.device import repeatable
from orbweaver.core.errors import UserError
from orbweaver.core.names import check_known
from orbweaver.core.settings import RankerSettings, SpiderSettings
from orbweaver.methods import borda
from orbweaver.metrics.tau import weighted_tau
from orbweaver.spider.checkpoint import empty_ranker
from orbweaver.spider.episode_file import Episodes
from orbweaver.spider.inference import Batcher, scores_at, top
from orbweaver.spider.ranker import Ranker, plackett_luce
from orbweaver.spider.strangers import Facts, some_strangers

FINAL_RATE = 0.02  # of the cosine schedule, as a share of the learning rate: 2.5e-4 falls to 5e-6 in the paper's code


@dataclass(frozen=True)
class Trained:
    """One ranker of one seed, with its log: a row an epoch (epoch, loss, tau_k0, tau_all)."""

    ranker: Ranker
    log: list[dict]


def supervision(episodes: Episodes, spec: RankerSettings, sources: list[str]) -> np.ndarray:
    """(T, M): the ranking to learn on each episode, as values. One method's scores, or the Borda count of several.

    With `own_source` off, a PTM is not judged on episodes with classes of its own source (NaN): it would be ahead there
    for a reason that no target shares. sources: of the PTMs. Where the ranker is to learn `without` a family, nothing
    is known of episodes with classes of its sources. Raises UnknownName when no source is of that family.
    """
    columns = [episodes.methods.index(method) for method in spec.supervision]
    if len(columns) == 1:
        truth = episodes.scores[:, :, columns[0]].copy()
    else:
        truth = np.stack([borda({str(c): scores[:, c] for c in columns}) for scores in episodes.scores])
    if not spec.own_source:
        for m, source in enumerate(sources):
            if source in episodes.sources:
                truth[episodes.has_source[:, episodes.sources.index(source)], m] = np.nan
    if spec.without:
        check_known(spec.without, episodes.families, "family of sources")
        truth[episodes.has_source[:, [family == spec.without for family in episodes.families]].any(1)] = np.nan
    return truth


def parts(episodes: Episodes, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Episodes to learn from and episodes to validate on, by their index in truth (T, M).

    Each has truth of two PTMs or more; where all tie, tau is not defined, so such an episode does not validate.
    Raises UserError when there are none of either.
    """
    known = ~np.isnan(truth)
    differ = np.where(known, truth, -np.inf).max(1) > np.where(known, truth, np.inf).min(1)
    learn, check = (known.sum(1) > 1) & ~episodes.validation, differ & episodes.validation
    if not learn.any() or not check.any():
        raise UserError(
            f"spider: {learn.sum()} episodes to learn from and {check.sum()} to validate on, where PTMs differ; "
            "raise spider.episodes.mixtures or spider.episodes.draws in params.yaml, or name more sources"
        )
    return np.flatnonzero(learn), np.flatnonzero(check)


def mean_tau(truth: np.ndarray, scores: np.ndarray) -> float:
    """Mean weighted tau over episodes, the measure that is used on targets too."""
    return float(np.nanmean([weighted_tau(t, s) for t, s in zip(truth, scores, strict=True)]))


def train(
    episodes: Episodes,
    truth: np.ndarray,
    spec: RankerSettings,
    settings: SpiderSettings,
    seed: int,
    device: torch.device,
    progress: str | None = None,
    facts: Facts | None = None,
) -> Trained:
    """Trains one ranker: AdamW, cosine schedule; a batch draws k from 0..M and forwards k PTMs on each episode.

    `spec.forwards` says which PTMs. The best epoch is that of the best validation tau (mean of none and all forwarded).

    truth (T, M): from `supervision`. facts: of the PTMs, where `spec.drop` hides some of them.
    Raises UserError when too few episodes can be learned from.
    """
    torch.manual_seed(seed)
    spec = settings.filled(spec)
    learn, check = parts(episodes, truth)
    if spec.draws is not None:
        learn = np.random.default_rng(seed).permutation(learn)[: spec.draws]
    wide = episodes.tokens[spec.encoder].shape[1]
    count = facts.values.shape[1] if facts else 0
    ranker = empty_ranker(episodes.widths, wide, spec.width, spec, settings.dropout, count).to(device)
    batcher = Batcher(episodes, spec.encoder, spec, device)
    optimizer = torch.optim.AdamW(ranker.parameters(), spec.learning_rate, weight_decay=spec.weight_decay, fused=True)
    return _fit(ranker, optimizer, batcher, truth, learn, check, spec, settings.batch_size, seed, progress, facts)


def train_seeds(
    episodes: Episodes,
    truth: np.ndarray,
    spec: RankerSettings,
    settings: SpiderSettings,
    seed: int,
    threads: int,
    device: torch.device,
    name: str | None = None,
    facts: Facts | None = None,
) -> list[Trained]:
    """`spec.seeds` rankers, the first from `seed`; see `train`. name: for the progress, which is silent without one."""
    done = []
    for number in range(spec.seeds):
        repeatable(seed + number, threads)
        progress = name and f"{name}, seed {number}"
        done.append(train(episodes, truth, spec, settings, seed + number, device, progress, facts))
    return done


def _fit(
    ranker: Ranker,
    optimizer: torch.optim.Optimizer,
    batcher: Batcher,
    truth: np.ndarray,
    learn: np.ndarray,
    check: np.ndarray,
    spec: RankerSettings,
    batch_size: int,
    seed: int,
    progress: str | None,
    facts: Facts | None = None,
) -> Trained:
    random = np.random.default_rng(seed)
    count = truth.shape[1]
    target = torch.from_numpy(truth).float().to(batcher.device)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, spec.epochs, spec.learning_rate * FINAL_RATE)
    log, best, kept = [], -np.inf, {}
    for epoch in tqdm(range(spec.epochs), desc=progress, unit="epoch", disable=None if progress else True):
        total, order = 0.0, random.permutation(learn)
        for start in range(0, len(order), batch_size):
            which = order[start : start + batch_size]
            k = int(random.integers(0, count + 1))
            if spec.forwards == "random" or random.random() < 0.5:
                preferred = random.random((len(which), count))
            else:
                preferred = scores_at([ranker.eval()], batcher, which, [0])[0]
            unknown = some_strangers(facts, len(spec.evidence), spec.drop, random) if facts else None
            loss = plackett_luce(batcher.scores(ranker.train(), which, top(preferred, k), unknown), target[which])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(which)
        schedule.step()
        taus = [mean_tau(truth[check], scores) for scores in scores_at([ranker.eval()], batcher, check, [0, count])]
        log.append({"epoch": epoch + 1, "loss": total / len(learn), "tau_k0": taus[0], "tau_all": taus[1]})
        if spec.keep == "last" or np.mean(taus) > best:
            best, kept = np.mean(taus), {name: value.clone() for name, value in ranker.state_dict().items()}
    ranker.load_state_dict(kept)
    return Trained(ranker.eval(), log)


def with_one_more(
    ranker: Ranker,
    episodes: Episodes,
    truth: np.ndarray,
    spec: RankerSettings,
    settings: SpiderSettings,
    seed: int,
    device: torch.device,
) -> Trained:
    """The ranker with the last PTM of `episodes` added: its token and projection are learned, all else stays as it is.

    So the scores of the other PTMs do not change.
    """
    torch.manual_seed(seed)
    spec = settings.filled(spec)
    new, known = episodes.ptms[-1], episodes.ptms[:-1]
    if known != ranker.ptms:
        raise ValueError(f"episodes must hold the ranker's PTMs, then the new one; got {known}, not {ranker.ptms}")
    wide = episodes.tokens[spec.encoder].shape[1]
    facts = ranker.from_card.in_features if ranker.from_card is not None else 0
    wider = empty_ranker(episodes.widths, wide, spec.width, spec, settings.dropout, facts).to(device)
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
    wider.model_tokens.register_hook(lambda gradient: gradient * mask)  # Adam keeps a value whose gradient is 0
    batcher = Batcher(episodes, spec.encoder, spec, device)
    optimizer = torch.optim.Adam(learned, spec.learning_rate, fused=True)
    learn, check = parts(episodes, truth)
    return _fit(wider, optimizer, batcher, truth, learn, check, spec, settings.batch_size, seed, None)
