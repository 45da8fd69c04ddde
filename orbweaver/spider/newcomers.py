"""What is lost when a PTM is ranked that the ranker never learned from: by its card and its evidence alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from tqdm import tqdm

from orbweaver.core import device as compute
from orbweaver.core.errors import UserError
from orbweaver.core.settings import RankerSettings, SpiderSettings
from orbweaver.metrics.tau import weighted_tau
from orbweaver.models.card import Card
from orbweaver.spider import training
from orbweaver.spider.episode_file import Episodes
from orbweaver.spider.evidence import Evidence, learned, mean_places, nearness_of, prior_of
from orbweaver.spider.inference import Batcher, scores_at
from orbweaver.spider.ranker import Ranker
from orbweaver.spider.relatives import Relatives
from orbweaver.spider.strangers import Facts, Strangers, facts_of


@dataclass(frozen=True)
class Exam:
    """A target whose truth (M,) is known, NaN where it is not; as an episode of the same M PTMs."""

    target: str
    episode: Episodes
    truth: np.ndarray


def tau_lost(
    found: Episodes,
    cards: Sequence[Card],
    exams: Sequence[Exam],
    spec: RankerSettings,
    settings: SpiderSettings,
    seed: int,
    threads: int,
    count: int = 10,
) -> pd.DataFrame:
    """Each of `count` PTMs, spread over the zoo, left out of training in turn and then ranked among the others.

    found: the episodes; cards: of its PTMs, in their order.

    Returns ptm, target, k, known, new, lost: weighted tau over all PTMs by rankers that learned from all, by those that
    did not learn from `ptm`, and the difference; with k = 0 PTMs forwarded (a newcomer has its card alone) and with all
    (its evidence too). With the evidence first, the network has no part in it. Raises UserError for a ranker with the
    network first and without `drop`, which can rank nobody that it did not learn from.
    """
    by_evidence = spec.first == "evidence"
    if not by_evidence and not spec.drop:
        raise UserError(
            "a ranker learns to rank PTMs that it never saw if some are dropped in training; give it 'drop' in "
            "params.yaml, say 0.3"
        )
    facts, spec = facts_of(cards), settings.filled(spec)
    truth = training.supervision(found, spec, [card.source for card in cards])
    kin = Relatives.of(cards, found.means.get(spec.encoder, {}))
    near = [nearness_of(of, spec.encoder, kin) for of in (found, *(exam.episode for exam in exams)) if by_evidence]

    def taus(truth: np.ndarray, left_out: Strangers | None) -> pd.DataFrame:
        if by_evidence:
            model = learned(found, truth, spec, near[0], kin.alike)
            return _of_evidence(exams, model, [prior_of(n, mean_places(truth, found)) for n in near[1:]], kin)
        return _taus(exams, _trained(found, truth, spec, settings, facts, seed, threads), spec, left_out)

    known = taus(truth, None)
    rows = []
    for m in tqdm(np.unique(np.linspace(0, len(cards) - 1, count).round().astype(int)), unit="PTM", disable=None):
        others = truth.copy()
        others[:, m] = np.nan
        new = taus(others, Strangers(np.arange(len(cards)) == m, np.zeros(len(spec.evidence), bool), facts.values))
        rows.append(known.rename(columns={"tau": "known"}).assign(ptm=found.ptms[m], new=new["tau"]))
    table = pd.concat(rows, ignore_index=True)
    return table.assign(lost=table["known"] - table["new"])[["ptm", "target", "k", "known", "new", "lost"]]


def _of_evidence(exams: Sequence[Exam], model: Evidence, priors: Sequence[np.ndarray], kin: Relatives) -> pd.DataFrame:
    """target, k, tau: see `_taus`. priors: of the exams; a PTM that was left out of training has no mean place."""
    rows = []
    for exam, prior in zip(exams, priors, strict=True):
        there = ~np.isnan(exam.truth)
        for k in (0, len(exam.truth)):
            scores = model.expected(exam.episode.scores, np.full((1, len(there)), k > 0), prior, kin.alike)[0]
            rows.append({"target": exam.target, "k": k, "tau": weighted_tau(exam.truth[there], scores[there])})
    return pd.DataFrame(rows)


def _trained(found: Episodes, truth: np.ndarray, spec: RankerSettings, settings: SpiderSettings, facts: Facts,
             seed: int, threads: int) -> list[Ranker]:  # fmt: skip
    done = training.train_seeds(found, truth, spec, settings, seed, threads, compute.device(), None, facts)
    return [one.ranker for one in done]


def _taus(
    exams: Sequence[Exam], rankers: list[Ranker], spec: RankerSettings, strangers: Strangers | None
) -> pd.DataFrame:
    """target, k, tau."""
    rows = []
    for exam in exams:
        batcher = Batcher(exam.episode, spec.encoder, spec, compute.device(), strangers)
        there = ~np.isnan(exam.truth)
        ks = [0, len(exam.truth)]
        for k, scores in zip(ks, scores_at(rankers, batcher, np.array([0]), ks)[:, 0], strict=True):
            rows.append({"target": exam.target, "k": k, "tau": weighted_tau(exam.truth[there], scores[there])})
    return pd.DataFrame(rows)
