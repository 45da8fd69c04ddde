"""Episodes, Model Spider's training tasks, with every PTM's tokens and scores on them.

Each draw has scores, and so a ranking, of its own. Everything comes from the features stage's files.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import as_completed
from pathlib import Path

import numpy as np
from tqdm import tqdm

from orbweaver.core.cache import Cache, kept
from orbweaver.core.files import KnownFile
from orbweaver.core.formats.arrays import read_arrays, write_arrays
from orbweaver.core.formats.features import read_features
from orbweaver.core.machine import forked, limit_threads
from orbweaver.core.settings import EpisodeSettings, RankerSettings
from orbweaver.core.workspace import Workspace
from orbweaver.methods import ScoreInputs, looks_inside, score
from orbweaver.methods._probe import held_out_accuracy
from orbweaver.models.card import Card
from orbweaver.spider.draws import Draw, plan
from orbweaver.spider.episode_file import Episodes
from orbweaver.spider.tokens import class_means, codes_of
from orbweaver.spider.tuned import FINETUNED, Tuning, tuned
from orbweaver.tasks import task
from orbweaver.tasks.base import Task
from orbweaver.tasks.inner import inner_file
from orbweaver.tasks.stored import Stored

# The accuracy, on this draw's images, of a linear probe that was fitted to other images of its classes; and the same
# on features from inside the PTM.
HELD_OUT, HELD_OUT_INNER = "held_out", "held_out_inner"


def answers_to(
    draws: list[Draw],
    methods: list[str],
    features: dict[str, np.ndarray],
    probabilities: dict[str, np.ndarray | None],
    known: dict[str, object],
    inner: dict[str, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """One PTM on T draws: its tokens (R, D), the draws' class means one below the other, and scores (T, Q).

    features, probabilities: source -> (N, D), (N, S) or None. known: further fields of ScoreInputs. inner: source ->
    (N, D'), from inside the PTM. A method without a value has NaN.
    """
    tokens, table = [], np.full((len(draws), len(methods)), np.nan)
    others = [method for method in methods if method not in (HELD_OUT, HELD_OUT_INNER, FINETUNED)]
    for row, draw in zip(table, draws, strict=True):
        support, inside = (_drawn(draw, of) for of in (features, inner))
        codes = draw.codes
        tokens.append(class_means(support, codes))
        soft = None
        if all(probabilities[source] is not None for source in draw.sources):
            soft = np.concatenate([probabilities[source][drawn] for source, drawn, _ in draw.classes])
        of_draw = {"labels": codes, "probabilities": soft, "dataset": "an episode"}
        inputs = ScoreInputs(features=support, inner=inside, **of_draw, **known)
        found = {FINETUNED: np.nan} | {each["method"]: each["score"] for each in score(others, inputs)}
        fit_codes = np.repeat(np.arange(len(draw.classes)), [len(rest) for _, _, rest in draw.classes])
        for name, of, here in ((HELD_OUT, features, support), (HELD_OUT_INNER, inner, inside)):
            if name in methods:
                fit = _drawn(draw, of, rest=True)
                found[name] = np.nan if fit is None else held_out_accuracy(fit, fit_codes, here, codes)
        row[:] = [found[method] for method in methods]
    return np.concatenate(tokens), table


def _drawn(draw: Draw, of: dict[str, np.ndarray] | None, rest: bool = False) -> np.ndarray | None:
    """The arrays `of` (by source) at the rows drawn, or with `rest` at the further rows; None without arrays."""
    if of is None:
        return None
    return np.concatenate([of[source][further if rest else drawn] for source, drawn, further in draw.classes])


Sources = list[tuple[str, KnownFile]]  # each with a PTM's features of it; the order matters


@kept("spider", ".safetensors")
def answers(
    path: Path, cache: Cache, ptm: Stored, sources: Sources, inside: Sources, families: dict[str, str],
    settings: EpisodeSettings, methods: list[str], seed: int, tuning: Tuning | None, of: Task | None,
) -> None:  # fmt: skip
    """One PTM's `tokens` and `scores` on all draws, with one thread.

    inside: as `sources`, with features from inside the PTM; may be empty. of: the PTM's task, whose code fine-tunes on
    episodes; None without `tuning`.
    """
    card = ptm.card
    limit_threads(1)
    found = {source: read_features(file.path) for source, file in sources}
    codes = {source: codes_of(each.targets, settings.bins, source) for source, each in found.items()}
    draws = plan(codes, families, settings, seed)
    tokens, scores = answers_to(
        draws,
        methods,
        {source: each.features for source, each in found.items()},
        {source: each.probabilities for source, each in found.items()},
        {"n_parameters": card.n_parameters, "source_accuracy": card.source_accuracy, "seed": seed, "ptm": card.name},
        {source: read_features(file.path).features for source, file in inside} or None,
    )
    if tuning is not None:
        scores[:, methods.index(FINETUNED)] = tuned(draws, ptm, tuning, seed, cache, of)
    write_arrays(path, tokens=tokens, scores=scores)


def looks(methods: Sequence[str]) -> bool:
    """Does any of these look inside the PTM?"""
    return HELD_OUT_INNER in methods or any(map(looks_inside, methods))


def wanted_methods(rankers: Sequence[RankerSettings]) -> list[str]:
    """All methods that rankers learn from (supervision) or look at (evidence), each once."""
    return list(dict.fromkeys(method for spec in rankers for method in (*spec.supervision, *spec.evidence)))


def episodes_of(
    workspace: Workspace,
    cards: list[Card],
    families: dict[str, str],
    settings: EpisodeSettings,
    methods: list[str],
    seed: int,
    tuning: Tuning | None = None,
    encoders: Sequence[Card] = (),
) -> Episodes:
    """All episodes with tokens and scores of these PTMs, each from the cache or computed now; none without PTMs.

    families: of all sources; a source that is known by name only, so that the first PTM has no features of it, is left
    out. methods: see `wanted_methods`; tuning: for `finetuned` among them. encoders: the general encoders; one that is
    not among the PTMs gives tokens only. Raises UserError when no source has several classes, FileError when a feature
    file is missing or damaged.
    """
    if not cards:
        nothing = np.zeros(0, bool)
        return Episodes([], [], [], [], np.zeros(1, int), {}, np.zeros((0, 0, 0)), nothing, np.zeros(0, int), nothing)
    there = [source for source in families if workspace.features(cards[0].name, source).exists()]
    targets = {source: read_features(workspace.features(cards[0].name, source)).targets for source in there}
    codes = {source: codes_of(values, settings.bins, source) for source, values in targets.items()}
    families = {source: families[source] for source in there}
    draws = plan(codes, families, settings, seed)
    found, others = {}, [card for card in encoders if card not in cards]
    # One PTM per worker, so that its features are read once.
    with (
        forked(len(cards) + len(others)) as pool,
        tqdm(total=len(cards) + len(others), desc=f"{len(draws)} episodes", unit="PTM", disable=None) as bar,
    ):
        waiting = {}
        for card in (*cards, *others):
            files = [(source, KnownFile(workspace.features(card.name, source))) for source in there]
            ptm = Stored(card, workspace.ptm(card.name))
            asked = [] if card in others else methods
            inside = [(source, KnownFile(inner_file(file.path))) for source, file in files] if looks(asked) else []
            inside = inside if all(file.path.exists() for _, file in inside) else []
            how, of = (tuning, task(card.task)) if tuning and FINETUNED in asked else (None, None)
            given = ptm, files, inside, families, settings, asked, seed, how, of
            waiting[pool.submit(answers, workspace.cache, *given)] = card.name
        for done in as_completed(waiting):
            found[waiting[done]] = read_arrays(done.result())
            bar.update()
    ptms = [card.name for card in cards]
    return Episodes(
        ptms=ptms,
        methods=methods,
        sources=list(codes),
        families=[families[source] for source in codes],
        offsets=np.cumsum([0] + [len(draw.classes) for draw in draws]),
        tokens={card.name: found[card.name]["tokens"] for card in (*cards, *others)},
        scores=np.stack([found[ptm]["scores"] for ptm in ptms], axis=1),
        validation=np.array([draw.validation for draw in draws]),
        mixture=np.array([draw.mixture for draw in draws]),
        has_source=np.array([[source in draw.sources for source in codes] for draw in draws]),
        means={
            card.name: {source: _means(workspace, card.name, source, codes[source]) for source in codes}
            for card in encoders
        },
    )


def _means(workspace: Workspace, ptm: str, source: str, codes: np.ndarray) -> np.ndarray:
    return class_means(read_features(workspace.features(ptm, source)).features, codes)
