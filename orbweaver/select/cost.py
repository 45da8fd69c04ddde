"""What ranking and fine-tuning take on this device: seconds and bytes of a sample, from a timed batch."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import psutil

from orbweaver.core.machine import cores, gpus
from orbweaver.core.settings import FinetuneSettings
from orbweaver.select.data import Data
from orbweaver.select.keep import kept, place
from orbweaver.tasks.stored import Stored

if TYPE_CHECKING:
    from torch import Tensor

TIMED = 8  # samples
SHARE = 0.25  # of the memory that a batch may take
LARGEST = 64
EVALUATED = 1 / 3  # share of a training step's time that a forward pass takes


class Speed(NamedTuple):
    """Seconds of a sample: `forward`, and beside it `decode`, which PTMs of one input size share."""

    forward: float
    decode: float


def machine() -> list[object]:
    """What seconds depend on beside the PTM."""
    return [platform.node(), platform.machine(), cores(), gpus()]


def device_in_words() -> str:
    """The device that is used, for messages."""
    count = cores()
    return "the GPU" if gpus() else f"{count} core{'s' if count > 1 else ''}"


def speed(ptm: Stored, data: Data) -> Speed:
    """Seconds of a forward pass, from a batch of the user's own samples; kept for this machine."""

    def timed() -> dict:
        import torch

        from orbweaver.core.device import repeatable
        from orbweaver.tasks import task

        repeatable(data.settings.seed, data.settings.threads)
        of, some = task(ptm.card.task), data.split.take(_timed_rows(data))
        model = of.load(ptm.card, ptm.folder)
        spent = []
        for _ in range(3):  # the first decodes and warms up
            start = time.perf_counter()
            for features, _probabilities in of.features(model, some, data.cache, len(some)):
                features.float().cpu()
            spent.append(time.perf_counter() - start)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        forward = min(spent[1:])
        return {"forward": forward / len(some), "decode": max(0.0, spent[0] - forward) / len(some)}

    return Speed(**kept(data.cache, "seconds", timed, *_timed_parts(ptm, data)))


def known_forward(ptm: Stored, data: Data) -> float:
    """`speed(ptm, data).forward` where it was timed before, else NaN: nothing is run."""
    if not place(data.cache, "seconds", *_timed_parts(ptm, data)).exists():
        return float("nan")
    return speed(ptm, data).forward


def _timed_rows(data: Data) -> np.ndarray:
    return data.parts[0][:TIMED]


def _timed_parts(ptm: Stored, data: Data) -> list[object]:
    return [ptm, data.split.fingerprint, _timed_rows(data).tolist(), machine()]


def training_speed(ptm: Stored, data: Data, how: FinetuneSettings) -> float:
    """Seconds of a sample in training, forward and backward, from timed steps on the user's own samples."""
    rows = np.sort(data.parts[0][: max(how.batch_size, TIMED)])

    def timed() -> dict:
        from orbweaver.core.device import repeatable
        from orbweaver.models.training import Fit
        from orbweaver.tasks import task

        repeatable(data.settings.seed, data.settings.threads)
        of, some = task(data.split.task), data.split.take(rows)
        model = of.load(ptm.card, ptm.folder)
        every = np.arange(len(some))
        of.adapt(model, some, every)
        fit = Fit(1, how.batch_size, how.learning_rates[0], 0.0, data.settings.seed, how.optimizer, how.precision)
        spent = []
        for _ in range(2):
            start = time.perf_counter()
            of.fit(model, some, every, fit, data.cache)
            spent.append(time.perf_counter() - start)
        return {"training": min(spent) / len(rows)}

    parts = ptm, data.split.fingerprint, rows.tolist(), how.batch_size, how.precision, machine()
    return kept(data.cache, "seconds", timed, *parts)["training"]


def passes(how: FinetuneSettings, samples: int) -> int:
    """Forward and backward passes of single samples that fine-tuning one PTM takes."""
    fitted = round(samples * (1 - how.validation_fraction))
    runs = len(how.learning_rates) * len(how.weight_decays) + how.seeds - 1
    return runs * (how.steps * how.batch_size if how.steps else how.epochs * fitted)


def fine_tuning_seconds(ptm: Stored, data: Data, how: FinetuneSettings, measured: int) -> float:
    """Seconds that fine-tuning one PTM takes by this protocol. measured: samples that each run is measured on."""
    runs = len(how.learning_rates) * len(how.weight_decays) + how.seeds - 1
    looked_at = runs * (measured + len(data.rows) * how.validation_fraction)
    return training_speed(ptm, data, how) * (passes(how, len(data.rows)) + EVALUATED * looked_at)


def forwarding_seconds(ptms: Sequence[Stored], data: Data, samples: dict[str, int]) -> dict[str, float]:
    """Seconds that forwarding takes, by PTM. samples: by PTM, how many are still to be forwarded.

    Pixels are decoded once for all PTMs that look at them alike; the first of them pays.
    """
    found, decoded = {}, set()
    for ptm in ptms:
        if not (count := samples[ptm.card.name]):
            found[ptm.card.name] = 0.0
            continue
        one, pixels = speed(ptm, data), ptm.card.preprocessing.model_dump_json(exclude={"mean", "std"})
        found[ptm.card.name] = count * (one.forward + (0.0 if pixels in decoded else one.decode))
        decoded.add(pixels)
    return found


def batch_size(ptm: Stored, data: Data) -> int:
    """The largest power of two, `LARGEST` or the benchmark's at most, whose forward pass fits a share of the memory.

    It depends on the PTM and the machine's whole memory, not on what is free at the moment: features are kept by batch
    size, and would not be found again.
    """

    def counted() -> dict:
        return {"bytes": _bytes_of_a_sample(ptm, data)}

    most = min(LARGEST, data.settings.features.batch_size)
    size = kept(data.cache, "bytes", counted, ptm, _letters(data)[_longest(data)])["bytes"]
    fits = int(SHARE * memory() / max(1, size))
    return max(1, min(most, 2 ** (max(1, fits).bit_length() - 1)))


def memory() -> int:
    """Bytes of the device that PTMs run on."""
    if gpus():
        import torch

        if torch.cuda.is_available():
            return torch.cuda.get_device_properties(0).total_memory
    return psutil.virtual_memory().total


def _bytes_of_a_sample(ptm: Stored, data: Data) -> int:
    """Bytes of the largest layer's input and output when one sample is forwarded, and of its pixels."""
    from orbweaver.tasks import task

    of = task(ptm.card.task)
    model, largest = of.load(ptm.card, ptm.folder), 0

    def look(_: object, given: tuple, made: object) -> None:
        nonlocal largest
        tensors = [each for each in (*given, made) if hasattr(each, "element_size")]
        largest = max(largest, sum(_size(each) for each in tensors))

    hooks = [module.register_forward_hook(look) for module in model.network.modules() if not [*module.children()]]
    for _ in of.features(model, data.split.take(np.array([_longest(data)])), data.cache, 1):
        pass
    for hook in hooks:
        hook.remove()
    return 2 * largest + int(np.prod(ptm.card.preprocessing.input_size)) * 5


def _letters(data: Data) -> list[int]:
    return [sum(len(str(text)) for text in row) for row in zip(*data.split.texts.values(), strict=True)] or [0]


def _longest(data: Data) -> int:
    """The sample with the most text, which takes the most memory; any where there are pictures alone."""
    return int(np.argmax(_letters(data)))


def _size(tensor: Tensor) -> int:
    return tensor.element_size() * tensor.nelement()
