"""Which public PTMs to rank: those that can be afforded, spread over families and kinds of pre-training."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import timm
import torch
from huggingface_hub import constants
from torch import nn

from orbweaver.core.device import device
from orbweaver.core.errors import UserError
from orbweaver.core.names import check_known
from orbweaver.models.text_encoders import PACKAGES
from orbweaver.models.weights import PACKAGED
from orbweaver.select import facts
from orbweaver.select.facts.counting import TOKENS, counted, text_model
from orbweaver.select.prior.prior import prior
from orbweaver.select.zoo.limits import AFFORDABLE, COUNT, Limits

LIMITED = {"memory": "max_memory", "latency": "latency"}  # what is found out PTM by PTM, and its limit
UNITS = {"memory": "GB", "latency": "ms"}
BATCH = 16  # of the fine-tuning whose memory is estimated
TIMED, REPEATS = 8, 3  # samples in a timed batch, and how often


@dataclass(frozen=True)
class Candidate:
    """A public PTM and what is known of it. Units as in `Limits`; parameters is a count; top1 in %; prior: see there.

    NaN: top1 and prior are not known of texts; memory and latency were not asked for.
    """

    name: str
    family: str
    kind: str
    pretraining: str
    licence: str
    parameters: int
    gmacs: float
    top1: float
    prior: float
    on_disk: bool
    memory: float = math.nan
    latency: float = math.nan


def known(texts: bool = False) -> pd.DataFrame:
    """All public PTMs that can be chosen, the best expected first: `facts`, and prior, on_disk.

    No published truth tells what to expect of text encoders, so of these the larger stand first.
    """
    table = facts.of_texts().assign(top1=math.nan) if texts else facts.of_timm()
    table = table.assign(prior=prior(table.index.tolist()), on_disk=on_disk(table.index))
    return table.sort_values(["prior", "parameters"], ascending=False, kind="stable")


@lru_cache
def memory_of(name: str) -> float:
    """GB to fine-tune in float32, estimated: weights, gradients, AdamW's two moments, and what a batch of BATCH keeps.

        4 bytes * (4 * parameters + BATCH * activations)

    Activations, numbers that are kept for the backward pass, are counted on shapes (`facts.counting`). Not in it: the
    library itself, workspaces of convolutions, and what an allocator wastes.
    """
    source, _, rest = name.partition("/")
    if source == "timm":
        of = counted(rest)
        return 4e-9 * (4 * of.parameters + BATCH * of.activations)
    row = facts.of_texts().loc[name]
    return 4e-9 * (4 * row["parameters"] + BATCH * row["activations"])


def on_disk(names: Sequence[str]) -> list[bool]:
    """Are the weights of these PTMs here: in the Hugging Face hub's cache, or in an installed package?"""
    cache = Path(constants.HF_HUB_CACHE)
    there = {path.name for path in cache.iterdir()} if cache.is_dir() else set()
    return [_in_package(name) or _in_cache(cache, _repository(name), there) for name in names]


def _in_package(name: str) -> bool:
    source, _, name = name.partition("/")
    package = PACKAGED[name][0] if source == "timm" and name in PACKAGED else name
    known_package = (source == "pypi" and name in PACKAGES) or (source == "timm" and name in PACKAGED)
    return known_package and find_spec(package.replace("-", "_")) is not None


def _repository(name: str) -> str:
    source, _, rest = name.partition("/")
    return timm.get_pretrained_cfg(rest).hf_hub_id or name if source == "timm" else rest


def _in_cache(cache: Path, repository: str, there: set[str]) -> bool:
    folder = f"models--{repository.replace('/', '--')}"
    if folder not in there:
        return False
    files = (cache / folder / "snapshots").glob("*/*")
    return any(file.suffix in (".safetensors", ".bin") and file.exists() for file in files)  # links may dangle


def fitting(table: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """The rows of `known` that keep the limits as far as tables tell: latency and most of memory they do not.

    Raises UnknownName for a licence or family that no PTM has; UserError when nothing is left, with what each limit
    leaves by itself.
    """
    for name in limits.licences:
        check_known(name, set(table["licence"]), "licence")
    for name in limits.families:
        check_known(name, set(table["family"]), "family")
    keeps = {
        f"at most {limits.max_parameters} M parameters": (table["parameters"] / 1e6, limits.max_parameters),
        f"at most {limits.max_gmacs} GMACs": (table["gmacs"], limits.max_gmacs),
        # weights, gradients and moments alone
        f"at most {limits.max_memory} GB": (16e-9 * table["parameters"], limits.max_memory),
    }
    passed = {words: column <= most for words, (column, most) in keeps.items() if most is not None}
    if limits.licences:
        passed[f"licence {' or '.join(limits.licences)}"] = table["licence"].isin(limits.licences)
    if limits.families:
        passed[f"family {' or '.join(limits.families)}"] = table["family"].isin(limits.families)
    if limits.on_disk:
        passed["weights on this disk"] = table["on_disk"]
    found = table[np.logical_and.reduce([np.ones(len(table), dtype=bool), *passed.values()])]
    if found.empty:
        each = "; ".join(f"{words}: {int(keep.sum())}" for words, keep in passed.items())
        raise UserError(f"no public PTM of {len(table):,} is left ({each}); allow more, or name some with --ptm")
    return found


def candidates(texts: bool = False, count: int = COUNT, limits: Limits = AFFORDABLE) -> list[Candidate]:
    """Up to `count` public PTMs within the limits, the best expected first.

    They are taken one by one: each time from the kind of pre-training that was taken least, there from the family that
    was taken least, the best by `prior`. So no kind or family is left out for a prior that may be wrong on the user's
    data. A second PTM of the same architecture and kind of pre-training is taken only when there are no others.

    Raises:
        UnknownName, UserError: as `fitting`; UserError too when all are slower than the limit.
    """
    left = fitting(known(texts), limits)
    measured: dict[str, dict[str, float]] = {}
    kinds, families, alike = Counter(), Counter(), Counter()
    rows = {row.Index: row for row in left.itertuples()}
    place = {name: i for i, name in enumerate(rows)}

    def turn(name: str) -> tuple[int, int, int, int]:
        row = rows[name]
        return alike[row.pretraining, _architecture(name)], kinds[row.pretraining], families[row.family], place[name]

    order, tried = [], {}
    while rows and len(order) < count:
        name = min(rows, key=turn)
        row = rows.pop(name)
        measured[name] = _measured(name, limits)
        over = {what: value for what, value in measured[name].items() if value > getattr(limits, LIMITED[what])}
        if over:
            tried[name] = over
            # a larger PTM of the same family takes no less memory or time
            for each in [each for each, other in rows.items() if _larger(other, row)]:
                del rows[each]
            continue
        order.append(name)
        kinds[row.pretraining] += 1
        families[row.family] += 1
        alike[row.pretraining, _architecture(name)] += 1
    if not order:
        nearest = min(tried, key=lambda name: max(v / getattr(limits, LIMITED[w]) for w, v in tried[name].items()))
        takes = " and ".join(f"{value:.1f} {UNITS[what]}" for what, value in tried[nearest].items())
        raise UserError(
            f"no public PTM keeps the limits; the nearest that was tried, {nearest}, takes {takes}; allow more"
        )
    return all_of(left.loc[sorted(order, key=place.__getitem__)], measured)


def all_of(table: pd.DataFrame, measured: Mapping[str, Mapping[str, float]] = MappingProxyType({})) -> list[Candidate]:
    """Every row of `known` as a candidate, with what was measured of it (memory, latency)."""
    columns = [field.name for field in fields(Candidate) if field.name not in ("name", *LIMITED)]
    rows = table[columns].to_dict(orient="index")
    return [Candidate(name=name, **row, **measured.get(name, {})) for name, row in rows.items()]


def _architecture(name: str) -> str:
    return name.partition(".")[0]


def _larger(other: object, than: object) -> bool:
    return other.family == than.family and other.gmacs >= than.gmacs and other.parameters >= than.parameters


def _measured(name: str, limits: Limits) -> dict[str, float]:
    found = {} if limits.max_memory is None else {"memory": memory_of(name)}
    return found if limits.latency is None else found | {"latency": latency(name)}


@lru_cache
def latency(name: str) -> float:
    """ms that forwarding one sample takes on this device, in a batch of TIMED: the fastest of REPEATS.

    The weights are random, so that nothing is fetched: they do not change the time.
    """
    model, batch = _to_time(name)
    model = model.eval().to(device())
    batch = [each.to(device()) for each in batch]
    seconds = []
    with torch.inference_mode():
        for _ in range(1 + REPEATS):  # the first one warms up
            start = time.perf_counter()
            model(*batch)
            if device().type == "cuda":
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - start)
    return 1000 * min(seconds[1:]) / TIMED


def _to_time(name: str) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    source, _, rest = name.partition("/")
    if source == "timm":
        return timm.create_model(rest), (torch.zeros(TIMED, *timm.get_pretrained_cfg(rest).input_size),)
    ids = torch.full((TIMED, TOKENS), 5)
    return text_model(facts.of_texts().loc[name, "config"]), (ids, torch.ones_like(ids))
