"""A spider from episodes: all its seeds trained, k chosen; or one more PTM taught to a spider that is trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from tqdm import tqdm

from orbweaver.core import device as compute
from orbweaver.core.errors import FileError, UserError
from orbweaver.core.settings import RankerSettings, SpiderSettings
from orbweaver.core.workspace import Workspace
from orbweaver.models.card import Card, read_card
from orbweaver.spider import checkpoint, training
from orbweaver.spider.card import SpiderCard, check_zoo
from orbweaver.spider.checkpoint import Spider
from orbweaver.spider.episode_file import Episodes, read_episodes
from orbweaver.spider.episodes import episodes_of, wanted_methods
from orbweaver.spider.evidence import GATES, First, folds, learned, mean_places, nearness_of, prior_of
from orbweaver.spider.inference import Batcher, scores_at
from orbweaver.spider.relatives import Relatives
from orbweaver.spider.strangers import facts_of

LOG = ["seed", "epoch", "loss", "tau_k0", "tau_all"]


def learn(
    workspace: Workspace, name: str, ptms: list[str], settings: SpiderSettings, seed: int, threads: int
) -> tuple[Spider, pd.DataFrame]:
    """The ranker `name` of the settings, trained on the episodes that were drawn; k is chosen on validation episodes.

    Where the network gets no share beside the evidence, none is trained on all families. ptms: the zoo, in the order
    of the scores. Returns the spider and its log: seed, epoch, loss, tau_k0, tau_all.
    Raises FileError when the episodes are missing or were drawn for another zoo or other methods.
    """
    path = workspace.episodes()
    found, spec = read_episodes(path), settings.rankers[name]
    shared = settings.filled(spec)
    encoder = shared.encoder
    if found.ptms != ptms or not {*wanted_methods([spec])} <= {*found.methods} or encoder not in found.tokens:
        raise FileError(f"{path}: drawn for other PTMs or methods than params.yaml names; run `dvc repro draw`")
    cards = [read_card(workspace, ptm) for ptm in ptms]
    truth = training.supervision(found, spec, [card.source for card in cards])
    ks, (_, check) = list(range(len(ptms) + 1)), training.parts(found, truth)
    kin = Relatives.of(cards, found.means[encoder])
    near = nearness_of(found, encoder, kin)
    model = learned(found, truth, spec, near, kin.alike)
    if spec.first == "evidence":
        gate = _gate(found, truth, spec, settings, seed, threads, near, kin)
        model = model.model_copy(update={"gate": gate})
    device, facts, done = compute.device(), facts_of(cards) if spec.drop else None, []
    if model.gate:
        done = training.train_seeds(found, truth, spec, settings, seed, threads, device, name, facts)
    rankers = [one.ranker for one in done]
    logs = pd.DataFrame([{"seed": n, **row} for n, one in enumerate(done) for row in one.log], columns=LOG)
    first = First(model, prior_of(near, mean_places(truth, found)), kin)
    batcher = Batcher(found, encoder, spec, device, first=first if spec.first == "evidence" else None)
    taus = [training.mean_tau(truth[check], scores) for scores in scores_at(rankers, batcher, check, ks)]
    card = SpiderCard(
        name=name,
        encoder=encoder,
        sources=found.sources,
        spec=spec,
        width=shared.width,
        bins=settings.episodes.bins,
        k=int(np.argmax(taus)),
        validation_tau=taus,
        evidence=model,
        digest="",
        **_known(found, cards, read_card(workspace, encoder), truth),
    )
    return Spider(card, rankers, dict(kin.means) if spec.first == "evidence" else {}), logs


def _gate(
    found: Episodes,
    truth: np.ndarray,
    spec: RankerSettings,
    settings: SpiderSettings,
    seed: int,
    threads: int,
    near: np.ndarray,
    kin: Relatives,
) -> float:
    """The network's share beside the evidence that ranks best on families that neither has learned from.

    A third of the families is left out at a time, and one network trained on the rest for all its epochs. If several
    shares tie, the smallest; with too few families 0, as there is nothing to judge the network on.
    """
    one, count = spec.model_copy(update={"seeds": 1, "keep": "last", "drop": 0.0}), truth.shape[1]
    taus = []
    for out in folds(found):
        # Validation episodes stay as they are: they choose nothing here.
        rest = np.where((out & ~found.validation)[:, None], np.nan, truth)
        judged = np.flatnonzero(out & ((~np.isnan(truth)).sum(1) > 1))
        done = training.train_seeds(found, rest, one, settings, seed, threads, compute.device())
        batcher = Batcher(found, settings.filled(spec).encoder, spec, compute.device())
        network = scores_at([done[0].ranker], batcher, judged, [count])[0]
        model, everyone = learned(found, rest, spec, near, kin.alike), np.ones_like(network, bool)
        prior = prior_of(near[judged], mean_places(rest, found))
        expected = model.expected(batcher.evidence[judged], everyone, prior, kin.alike)
        ways = [model.model_copy(update={"gate": gate}).corrected(expected, network) for gate in GATES]
        taus.append([training.mean_tau(truth[judged], scores) for scores in ways])
    return GATES[int(np.argmax(np.mean(taus, 0).round(9)))] if taus else GATES[0]


def learn_ptm(
    workspace: Workspace,
    name: str,
    ptm: str,
    ptms: list[str],
    families: dict[str, str],
    settings: SpiderSettings,
    seed: int,
    threads: int,
) -> Spider:
    """The trained spider `name`, taught one more PTM, whose features of the sources are there.

    ptms: the zoo that params.yaml names; families: of its sources. Raises UserError when the spider knows the PTM
    already, or when it learned from a PTM that is no longer in the zoo, or another checkpoint of it.
    """
    spider = checkpoint.load(workspace.ranker(name))
    known, spec = spider.card.ptms, spider.card.spec
    if ptm in known:
        raise UserError(f"the spider '{name}' knows PTM '{ptm}' already")
    if lacking := [each for each in known if each not in ptms]:
        raise UserError(f"params.yaml does not name '{lacking[0]}', which the spider '{name}' learned from; add it")
    cards = [read_card(workspace, each) for each in (*known, ptm)]
    encoder = read_card(workspace, settings.filled(spec).encoder)
    check_zoo(spider.card, {card.name: card.checkpoint for card in cards[:-1]}, encoder)
    methods = wanted_methods([*settings.rankers.values(), spec])
    found = episodes_of(workspace, cards, families, settings.episodes, methods, seed, encoders=[encoder])
    truth = training.supervision(found, spec, [card.source for card in cards])
    rankers = []
    for number, ranker in enumerate(tqdm(spider.rankers, desc=ptm, unit="seed", disable=None)):
        compute.repeatable(seed + number, threads)
        done = training.with_one_more(ranker, found, truth, spec, settings, seed + number, compute.device())
        rankers.append(done.ranker)
    return replace(spider, card=spider.card.model_copy(update=_known(found, cards, encoder, truth)), rankers=rankers)


def _known(found: Episodes, cards: list[Card], encoder: Card, truth: np.ndarray) -> dict:
    """The fields of a spider's card that say which PTMs it knows."""
    return {
        "trained_on": {card.name: card.source for card in cards},
        "architectures": {card.name: card.architecture for card in cards},
        "checkpoints": {card.name: card.checkpoint for card in (*cards, encoder)},
        "widths": found.widths | {encoder.name: found.tokens[encoder.name].shape[1]},
        "constant": dict(zip(found.ptms, mean_places(truth, found).tolist(), strict=True)),
    }
