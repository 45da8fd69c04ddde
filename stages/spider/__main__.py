"""python -m stages.spider draw | train RANKER | add RANKER PTM

draw:  draws the training tasks, with every PTM's tokens and scores -> scores/spider/tasks.h5
train: trains one ranker of params.yaml on them                     -> scores/spider/<ranker>/
add:   teaches a trained ranker one more PTM; what it knew stays as it is
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import pkgutil
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from stages import compute, files, params, scores
from stages.errors import tell
from stages.machine import cores, limit_threads
from stages.params import Params, ParamsError
from stages.spider import checkpoint, inference, tasks, tokens, training
from stages.zoo.cards import Card, read_card


def read_sources(ptm: str, p: Params) -> dict[str, files.Features]:
    """A PTM's features of every source that has images."""
    paths = {source: files.features_path(ptm, source) for source in p.sources}
    return {source: files.read_features(path) for source, path in paths.items() if path.exists()}


def source_codes(ptm: str, p: Params) -> dict[str, np.ndarray]:
    """Class codes of every source's training split, as any PTM's feature files hold them."""
    found = read_sources(ptm, p)
    return {source: tokens.codes_of(each.targets, each.kind, p.spider.tasks.bins) for source, each in found.items()}


def wanted_methods(p: Params) -> list[str]:
    """What rankers are supervised by or look at, in one list."""
    named = [method for spec in p.spider.rankers.values() for method in (*spec.supervision, *spec.evidence)]
    return list(dict.fromkeys(named))


def methods_version() -> str:
    """Hash of what all score methods do."""
    rest = ("__main__", "rankers")  # what runs them on targets, and the rankers themselves
    names = [module.name for module in pkgutil.iter_modules(scores.__path__) if module.name not in rest]
    return files.code_version(*(importlib.import_module(f"stages.scores.{name}") for name in names))


def kept_answers(card: Card, made_from: dict[str, dict], p: Params) -> Path:
    """Where the store keeps a PTM's tokens and scores on all draws; made_from: of its features, by source."""
    key = files.key_of(files.code_version(tasks, tokens), methods_version(), card.checkpoint, card.source_accuracy,
                       made_from, p.spider.tasks.model_dump(), p.seed, wanted_methods(p))  # fmt: skip
    return files.stored("spider", key, ".safetensors")


def answers(ptm: str, draws: list[tasks.Draw], p: Params) -> tuple[np.ndarray, np.ndarray]:
    """One PTM's tokens and scores on all draws: from the store, or computed now and kept there."""
    card, found = read_card(ptm), read_sources(ptm, p)
    kept = kept_answers(card, {source: each.made_from for source, each in found.items()}, p)
    if not kept.exists():
        known = {"seed": p.seed, "n_parameters": card.n_parameters, "source_accuracy": card.source_accuracy}
        limit_threads(1)
        means, values = tasks.answers(
            draws,
            wanted_methods(p),
            {source: each.features for source, each in found.items()},
            {source: each.probabilities for source, each in found.items()},
            known,
        )
        files.write_arrays(kept, tokens=means, scores=values)
    arrays = files.read_arrays(kept)
    return arrays["tokens"], arrays["scores"]


def drawn(ptms: list[str], p: Params) -> files.Tasks:
    """All training tasks with the answers of the given PTMs; none without PTMs."""
    if not ptms:
        nothing = np.zeros(0, bool)
        return files.Tasks([], [], [], np.zeros(1, int), {}, np.zeros((0, 0, 0)), nothing, np.zeros(0, int), nothing)
    codes = source_codes(ptms[0], p)
    draws = tasks.plan(codes, p.spider.tasks, p.seed)
    workers = min(len(ptms), cores())
    found = {}
    # Forked before torch computes anything here; a PTM a worker, so that its features are read once.
    with (
        ProcessPoolExecutor(workers, multiprocessing.get_context("fork")) as pool,
        tqdm(total=len(ptms), desc=f"{len(draws)} tasks", unit="PTM", disable=None) as bar,
    ):
        waiting = {pool.submit(answers, ptm, draws, p): ptm for ptm in ptms}
        for done in as_completed(waiting):
            found[waiting[done]] = done.result()
            bar.update()
    return files.Tasks(
        ptms=ptms,
        methods=wanted_methods(p),
        sources=list(codes),
        offsets=np.cumsum([0] + [len(draw.classes) for draw in draws]),
        tokens={ptm: found[ptm][0] for ptm in ptms},
        scores=np.stack([found[ptm][1] for ptm in ptms], axis=1),
        validation=np.array([draw.validation for draw in draws]),
        mixture=np.array([draw.mixture for draw in draws]),
        has_source=np.array([[source in draw.sources for source in codes] for draw in draws]),
    )


def check_tasks(found: files.Tasks, p: Params) -> None:
    """Raises ParamsError when the task file was drawn for another zoo or other methods."""
    if found.ptms != p.ptms_of("image") or not {*wanted_methods(p)} <= {*found.methods}:
        raise ParamsError(f"{files.tasks_path()}: drawn for other PTMs or methods than params.yaml's; `dvc repro draw`")


def train(name: str, p: Params) -> None:
    """Trains one ranker a seed, chooses k on the validation mixtures and writes the spider's folder."""
    found, spec, spider = files.read_tasks(files.tasks_path()), p.spider.rankers[name], p.spider
    check_tasks(found, p)
    cards = {ptm: read_card(ptm) for ptm in p.ptms_of("image")}
    truth = training.supervision(found, spec, [card.source for card in cards.values()])
    device = compute.device()
    logs, rankers = [], []
    for seed in range(spec.seeds):
        compute.repeatable(p.seed + seed, p.threads)
        done = training.train(found, truth, spec, spider, p.seed + seed, device, f"{name}, seed {seed}")
        rankers.append(done.ranker)
        logs += [{"seed": seed, **row} for row in done.log]
    batcher = inference.Batcher(found, spider.encoder, spec.evidence, spec.specific != "none", device)
    ks, (_, check) = list(range(len(found.ptms) + 1)), training.parts(found, truth)
    taus = [training.mean_tau(truth[check], s) for s in inference.scores_at(rankers, batcher, check, ks)]
    card = checkpoint.SpiderCard(
        name=name,
        encoder=spider.encoder,
        checkpoints={ptm: card.checkpoint for ptm, card in cards.items()},
        widths=found.widths,
        sources=found.sources,
        spec=spec,
        width=spider.width,
        bins=spider.tasks.bins,
        k=int(np.argmax(taus)),
        validation_tau=taus,
        constant=dict(zip(found.ptms, training.mean_places(truth[~found.validation]).tolist(), strict=True)),
        digest="",
    )
    checkpoint.save(checkpoint.Spider(card, rankers), files.ranker_path(name))
    files.write_csv(pd.DataFrame(logs), files.ranker_path(name) / "training.csv")


def add(name: str, ptm: str, p: Params) -> None:
    """Teaches a trained spider one more PTM of params.yaml, whose features of the sources are there."""
    folder = files.ranker_path(name)
    spider = checkpoint.load(folder)
    if ptm in spider.card.widths:
        raise ParamsError(f"the spider '{name}' knows PTM '{ptm}' already")
    ptms = [*spider.card.ptms, ptm]
    if lacking := [each for each in spider.card.ptms if each not in p.ptms]:
        raise ParamsError(f"params.yaml does not name '{lacking[0]}', which the spider '{name}' learned from; add it")
    with_new = drawn(ptms, p)
    cards = {each: read_card(each) for each in ptms}
    truth = training.supervision(with_new, spider.card.spec, [card.source for card in cards.values()])
    spec, rankers = spider.card.spec, []
    for seed, ranker in enumerate(tqdm(spider.rankers, desc=ptm, unit="seed", disable=None)):
        compute.repeatable(p.seed + seed, p.threads)
        done = training.with_one_more(ranker, with_new, truth, spec, p.spider, p.seed + seed, compute.device())
        rankers.append(done.ranker)
    checkpoints = spider.card.checkpoints | {ptm: cards[ptm].checkpoint}
    places = dict(zip(ptms, training.mean_places(truth[~with_new.validation]).tolist(), strict=True))
    update = {"widths": with_new.widths, "checkpoints": checkpoints, "constant": places}
    card = spider.card.model_copy(update=update)
    checkpoint.save(replace(spider, card=card, rankers=rankers), folder)
    print(f"{folder} now knows {ptm}; `dvc commit --force spider@{name}` keeps it, `dvc repro` trains all anew")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("draw")
    for action in ("train", "add"):
        sub = actions.add_parser(action)
        sub.add_argument("ranker")
        if action == "add":
            sub.add_argument("ptm")
    args = parser.parse_args()
    p = params.load()
    if args.action == "draw":
        # A benchmark without rankers has nothing to draw for, nor sources that would do.
        ptms = p.ptms_of("image") if p.spider.rankers else []
        files.write_tasks(files.tasks_path(), drawn(ptms, p))
        return
    params.check_known(args.ranker, p.spider.rankers, "ranker")
    torch.set_num_threads(p.threads)
    if args.action == "train":
        train(args.ranker, p)
    else:
        params.check_known(args.ptm, p.ptms, "PTM")
        add(args.ranker, args.ptm, p)


if __name__ == "__main__":
    tell(main)
