"""The zoo: PTMs trained here on their source, or public ones, each in a folder with its card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import safe_open
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from orbweaver.core.cache import Cache, kept
from orbweaver.core.device import repeatable
from orbweaver.core.errors import UserError
from orbweaver.core.files import digest, link, write_text
from orbweaver.core.formats.arrays import write_arrays
from orbweaver.core.settings import PretrainSettings, PtmSettings
from orbweaver.data.split import Split
from orbweaver.models.card import Card, TokenIds, write_card
from orbweaver.models.catalogue import Entry, find
from orbweaver.models.spectra import weight_spectra
from orbweaver.models.training import Fit
from orbweaver.models.vocabulary import LIMIT, Vocabulary
from orbweaver.tasks.base import PTM, Task

if TYPE_CHECKING:
    from orbweaver.tasks.objectives.base import Pretraining

SMOOTHING = 0.1  # label smoothing, of the classes that a PTM is trained on


def _save(ptm: PTM, path: Path, **about: str) -> None:
    """Writes weights; those that several layers share are written once."""
    network = ptm.network.cpu()
    once = {name for name, _ in network.named_parameters()} | {name for name, _ in network.named_buffers()}
    arrays = {name: tensor.numpy() for name, tensor in network.state_dict().items() if name in once}
    write_arrays(path, about or None, **arrays)


class _Folder:
    """A folder of downloads. It changes no result, as files in it are verified by digests: an empty fingerprint."""

    fingerprint = ""

    def __init__(self, path: Path) -> None:
        self.path = path


@kept("zoo", ".safetensors")
def _pretrained(
    path: Path, cache: Cache, task: Task | Pretraining, spec: PtmSettings, known: Entry | None, train: Split,
    test: Split, how: PretrainSettings, seed: int, threads: int, raw: _Folder,
) -> None:  # fmt: skip
    """Trains a PTM on its source; writes its weights and, as metadata, its truth on the source's test split.

    known: what the catalogue says of its architecture.
    """
    repeatable(seed, threads)
    ptm = task.build(spec, train, raw.path)
    fit = Fit(**how.model_dump(), seed=seed, label_smoothing=SMOOTHING)
    task.fit(ptm, train, np.arange(len(train)), fit, cache, progress=train.name)
    truth = task.measure(ptm, test, np.arange(len(test)), cache, "float32").truth
    _save(ptm, path, truth=repr(truth))


def train_ptm(
    name: str,
    task: Task | Pretraining,
    spec: PtmSettings,
    train: Split,
    test: Split,
    how: PretrainSettings,
    seed: int,
    threads: int,
    cache: Cache,
    folder: Path,
    raw: Path,
) -> Card:
    """Writes the folder of a PTM that is trained here; training that was finished before is not repeated.

    task: the PTM's own, or a `Pretraining` of it. raw: the folder of downloads. Raises UserError, naming the PTM, when
    it cannot be trained on its source.
    """
    if spec.objective is None and train.task != task.name:
        raise UserError(f"ptms.{name}: its task is {task.name}, but its source '{spec.source}' is {train.task}")
    if not len(train):
        raise UserError(
            f"ptms.{name}: '{spec.architecture}' would be trained here, but '{spec.source}' is known by name only; for "
            "public weights give timm's full name, with its tag ('resnet18.a1_in1k')"
        )
    part = train.take(np.arange(min(spec.samples or len(train), len(train))))
    try:
        weights = _pretrained(cache, task, spec, find(spec.architecture), part, test, how, seed, threads, _Folder(raw))
        repeatable(seed, threads)
        ptm = task.build(spec, part, raw)  # for what the card says of it
    except UserError as error:
        raise type(error)(f"ptms.{name}: {error}") from None
    with safe_open(weights, "pt") as file:
        truth = float(file.metadata()["truth"])
    # An objective has no measure of the task; and its heads were removed from the network.
    accuracy, classes = (truth, train.classes) if spec.objective is None else (None, [])
    folder.mkdir(parents=True, exist_ok=True)
    link(weights, folder / "model.safetensors")
    origin = f"trained here on {spec.source}" + (f" by {spec.objective}" if spec.objective else "")
    return _card(name, task, spec, ptm, classes, accuracy, train.licence, origin, folder, len(part))


def fetch_ptm(name: str, task: Task, spec: PtmSettings, source_classes: list[str], folder: Path, raw: Path) -> Card:
    """Writes the folder of a PTM with its public weights. source_classes: of the dataset that they were trained on.

    raw: the folder of downloads. Raises UserError, naming the PTM, when the weights cannot be loaded.
    """
    if spec.objective:
        raise UserError(f"ptms.{name}: '{spec.architecture}' has its public weights; remove 'objective'")
    try:
        ptm, accuracy, licence, origin = task.public(spec, raw)
    except UserError as error:
        raise type(error)(f"ptms.{name}: {error}") from None
    headless = getattr(ptm.network, "num_classes", None) == 0  # its training had no classes
    folder.mkdir(parents=True, exist_ok=True)
    _save(ptm, folder / "model.safetensors")
    # a hub model's head may have classes of its own
    outputs = (ptm.config or {}).get("num_labels", len(source_classes))
    if outputs != len(source_classes):
        source_classes = [f"class {number}" for number in range(outputs)]
    classes = [] if headless else source_classes
    return _card(name, task, spec, ptm, classes, accuracy, licence, origin, folder, None)


def _card(
    name: str,
    task: Task | Pretraining,
    spec: PtmSettings,
    ptm: PTM,
    classes: list[str],
    accuracy: float | None,
    licence: str,
    origin: str,
    folder: Path,
    samples: int | None,
) -> Card:
    entry = find(spec.architecture)
    card = Card(
        name=name,
        task=task.name,
        architecture=spec.architecture,
        source=spec.source,
        source_classes=classes,
        source_accuracy=accuracy,
        samples=samples,
        n_parameters=sum(parameter.numel() for parameter in ptm.network.parameters()),
        feature_width=task.width(ptm),
        gmacs=_gmacs(ptm),
        weight_spectra=_spectra(folder / "model.safetensors"),
        preprocessing=ptm.preprocessing,
        licence=licence,
        origin=origin,
        checkpoint=digest(folder / "model.safetensors"),
        tokens=None if ptm.vocabulary is None else _write_tokens(ptm.vocabulary, folder),
        features=entry.features if entry else None,
        config=ptm.config,
    )
    write_card(card, folder)
    return card


def _gmacs(ptm: PTM) -> float | None:
    """Billions (10^9) of multiply-adds that one picture costs; None where the network reads text too."""
    if ptm.vocabulary is not None:
        return None
    # The counter counts attention by its products, and does not know the kernel that fuses them on a CPU.
    with FlopCounterMode(display=False) as counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        # It also asks parameters that a module uses directly for their gradient function, unless they need no gradient.
        ptm.network.cpu().eval().requires_grad_(False)(torch.zeros(1, *ptm.preprocessing.input_size))
    return float(f"{counter.get_total_flops() / 2e9:.6g}") or None  # two operations each


def _spectra(path: Path) -> dict[str, float] | None:
    with safe_open(path, "np") as file:
        return weight_spectra(file.get_tensor(name) for name in sorted(file.keys())) or None


def _write_tokens(vocabulary: Vocabulary, folder: Path) -> TokenIds:
    path = folder / "tokenizer.json"
    write_text(path, vocabulary.tokenizer.to_str())
    limit = None if vocabulary.limit == LIMIT else vocabulary.limit
    return TokenIds(tokenizer=digest(path), pad=vocabulary.pad, start=vocabulary.start, end=vocabulary.end, limit=limit)
