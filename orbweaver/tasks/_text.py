"""What tasks with text share: a small network trained here or taken from the hub, its vocabulary, its training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tokenizers
import torch
from safetensors import SafetensorError
from safetensors.torch import load_model
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn
from torch.nn import functional

from orbweaver.core.cache import Cache
from orbweaver.core.device import autocast, device
from orbweaver.core.errors import FileError, TargetError, UserError
from orbweaver.core.files import digest
from orbweaver.core.settings import PtmSettings
from orbweaver.data.split import Split
from orbweaver.models import networks, training
from orbweaver.models.card import Card, Preprocessing
from orbweaver.models.pixels import images, look
from orbweaver.models.text import vocabulary_for
from orbweaver.models.text_encoders import packaged
from orbweaver.models.training import Fit
from orbweaver.models.vocabulary import LIMIT, Vocabulary, all_texts
from orbweaver.tasks._targets import Loss, Targets
from orbweaver.tasks.base import PTM, Common, Measured, Public

MEASURED = 100  # samples a batch
# For a PTM that reads no pictures: one pixel.
NOTHING = Preprocessing(input_size=(3, 1, 1), interpolation="bilinear", crop_pct=1.0, crop_mode="squash",
                        mean=IMAGENET_DEFAULT_MEAN, std=IMAGENET_DEFAULT_STD)  # fmt: skip

Batch = dict[str, Tensor]


class TextTask(Common, ABC):
    """A task on texts, with or without pictures.

    Its network has `width`, `loss(pixels, batch)`, a mean over the batch, and `features(pixels, batch)`: the features,
    and the probabilities of a source head or None. Pixels are normalised, (B, 3, H, W).
    """

    name: str
    pictures = True  # does the network look at pictures?

    # --- what differs

    @abstractmethod
    def network(
        self, architecture: str, input_size: int, vocabulary: Vocabulary, classes: list[str], raw: Path | None
    ) -> nn.Module:
        """A network with random weights; with `raw`, a part whose name stands for public weights gets these."""

    @abstractmethod
    def batch(self, split: Split, vocabulary: Vocabulary) -> Batch:
        """What the network reads, one row for each row of features; and the targets, where they are texts or boxes."""

    def lesson(self, ptm: PTM, split: Split) -> Batch:
        """What the network is trained on."""
        return self.batch(split, ptm.vocabulary)

    @abstractmethod
    def measured(self, ptm: PTM, split: Split, pixels: Callable[[slice], Tensor]) -> Measured:
        """What a PTM reaches on a split. pixels: gives those of a range of samples."""

    @abstractmethod
    def public(self, spec: PtmSettings, raw: Path) -> Public:
        """A PTM of the Hugging Face hub, or of a folder. Raises FileError when it cannot be loaded or used."""

    def from_public(self, spec: PtmSettings, raw: Path) -> PTM:
        """Public weights that are trained further here. Raises UserError where the task has none."""
        raise UserError(f"'{spec.architecture}': the task {self.name} cannot start from public weights of this name")

    # --- datasets

    def score_targets(self, targets: np.ndarray) -> dict[str, np.ndarray]:
        return {}

    def check(self, train: Split) -> None:
        pass

    def hold_out(self, train: Split, fraction: float) -> tuple[np.ndarray, np.ndarray]:
        held_out = round(fraction * len(train))
        if not 1 <= held_out < len(train) - 1:
            raise TargetError(
                f"target '{train.name}' has {len(train)} samples, too few to fit on some and choose on others"
            )
        order = np.random.default_rng(0).permutation(len(train))
        return order[held_out:], order[:held_out]

    # --- PTMs

    def preprocessing(self, spec: PtmSettings) -> Preprocessing:
        """timm's, but of the whole picture: a box at its border, or what a caption names, must not be cut off."""
        if not self.pictures:
            return NOTHING
        if spec.input_size is None:
            raise UserError(f"'{spec.architecture}': missing key 'input_size', which a PTM of {self.name} needs")
        config = networks.preprocessing(spec.architecture.partition("+")[0], spec.input_size)
        return config.model_copy(update={"crop_pct": 1.0, "crop_mode": "squash"})

    def is_public(self, spec: PtmSettings) -> bool:
        return spec.init is None and ("/" in spec.architecture or packaged(spec.architecture) != spec.architecture)

    def build(self, spec: PtmSettings, source: Split, raw: Path) -> PTM:
        if spec.init == "public" and "/" in spec.architecture:
            return self.from_public(spec, raw)
        text = spec.architecture.rpartition("+")[2]
        config, vocabulary = self.preprocessing(spec), vocabulary_for(text, all_texts(source.texts))
        network = self.network(spec.architecture, config.input_size[1], vocabulary, source.classes, raw)
        return PTM(network, config, vocabulary)

    def load(self, card: Card, folder: Path) -> PTM:
        for path, named in (
            (folder / "model.safetensors", card.checkpoint),
            (folder / "tokenizer.json", card.tokens.tokenizer),
        ):
            if digest(path) != named:
                raise FileError(f"{path}: not the one that card.json beside it names; run `dvc repro` again")
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        ids = card.tokens
        vocabulary = Vocabulary(tokenizer, ids.pad, ids.start, ids.end, ids.limit or LIMIT)
        network = self.of_card(card, vocabulary)
        try:
            load_model(network, str(folder / "model.safetensors"))
        except (SafetensorError, RuntimeError) as error:
            raise FileError(f"{folder / 'model.safetensors'}: does not fit '{card.architecture}' ({error})") from None
        return PTM(network.eval(), card.preprocessing, vocabulary, card.config)

    def of_card(self, card: Card, vocabulary: Vocabulary) -> nn.Module:
        """The network that a card describes, with random weights."""
        return self.network(card.architecture, card.preprocessing.input_size[1], vocabulary, card.source_classes, None)

    def width(self, ptm: PTM) -> int:
        return ptm.network.width

    @torch.inference_mode()
    def features(self, ptm: PTM, split: Split, cache: Cache, batch_size: int) -> Iterator[tuple[Tensor, Tensor | None]]:
        rows, network = self.rows(split), ptm.network.to(device())
        pictures, batch = images(split, ptm.preprocessing, cache), self.batch(split, ptm.vocabulary)
        for row in range(0, len(rows), batch_size):
            some = slice(row, row + batch_size)
            pixels = networks.normalise(look(pictures, rows[some]).to(device()), ptm.preprocessing)
            yield network.features(pixels, {name: tensor[some].to(device()) for name, tensor in batch.items()})

    def adapt(self, ptm: PTM, train: Split, samples: np.ndarray) -> None:
        ptm.network = ptm.network.to(device())

    def fit(
        self, ptm: PTM, split: Split, samples: np.ndarray, how: Fit, cache: Cache, progress: str | None = None
    ) -> None:
        chosen = split.take(samples)
        batch, rows = self.lesson(ptm, chosen), samples[self.rows(chosen)]
        learn(ptm.network, ptm.preprocessing, images(split, ptm.preprocessing, cache)[rows], batch, how, progress)

    def measure(self, ptm: PTM, split: Split, samples: np.ndarray, cache: Cache, precision: str) -> Measured:
        pictures = images(split, ptm.preprocessing, cache)[samples]
        ptm.network = ptm.network.to(device())
        with torch.inference_mode():
            return self.measured(
                ptm,
                split.take(samples),
                lambda some: networks.normalise(look(pictures, some).to(device()), ptm.preprocessing),
            )


class Headed(nn.Module):
    """A network of a `HeadedTask`: `read` gives `width` features, from which `head` computes the outputs. head: None if
    the source has no classes. criterion: the loss of outputs and aims; on a source, cross-entropy of its classes."""

    width: int
    num_classes: int
    head: nn.Linear | None
    criterion: Loss = staticmethod(functional.cross_entropy)

    def read(self, pixels: Tensor, batch: Batch) -> Tensor:
        raise NotImplementedError

    def outputs(self, pixels: Tensor, batch: Batch) -> Tensor:
        return self.head(self.read(pixels, batch))

    def loss(self, pixels: Tensor, batch: Batch) -> Tensor:
        return self.criterion(self.outputs(pixels, batch), batch["aims"])

    def features(self, pixels: Tensor, batch: Batch) -> tuple[Tensor, Tensor | None]:
        read = self.read(pixels, batch)
        return read, None if self.head is None else self.head(read).softmax(1)


class HeadedTask(Targets, TextTask):
    """Predicts classes or values from a text, with or without a picture, by a fresh head."""

    def lesson(self, ptm: PTM, split: Split) -> Batch:
        return super().lesson(ptm, split) | {"aims": self.aims(ptm, split)}

    def adapt(self, ptm: PTM, train: Split, samples: np.ndarray) -> None:
        ptm.network.head = nn.Linear(ptm.network.width, self.outputs(train))
        ptm.network.criterion = self.loss()
        super().adapt(ptm, train, samples)

    def measured(self, ptm: PTM, split: Split, pixels: Callable[[slice], Tensor]) -> Measured:
        batches = in_batches(self.batch(split, ptm.vocabulary))
        outputs = torch.cat([ptm.network.outputs(pixels(some), batch).cpu() for some, batch in batches])
        return Measured(self.truth(ptm, outputs, split.targets))


def learn(
    network: nn.Module, preprocessing: Preprocessing, pictures: Tensor, batch: Batch, how: Fit, progress: str | None
) -> None:
    """Trains a network in place by its `loss(pixels, batch)`. pictures, batch: with the same rows."""
    network.to(device())

    def loss(pixels: Tensor, wanted: Tensor) -> Tensor:
        some = {name: tensor[wanted.cpu()].to(pixels.device) for name, tensor in batch.items()}
        with autocast(how.precision):
            return network.loss(pixels, some)

    training.fit(_PixelsOn(network), preprocessing, pictures, torch.arange(len(pictures)), loss, how, progress)


class _PixelsOn(nn.Module):
    """Hands the training loop's pixels on to the loss, which needs the text beside them."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return images


def in_batches(batch: Batch, size: int = MEASURED) -> Iterator[tuple[slice, Batch]]:
    """A batch of a whole split in parts on the device, each with its place."""
    for start in range(0, len(next(iter(batch.values()))), size):
        some = slice(start, start + size)
        yield some, {name: tensor[some].to(device()) for name, tensor in batch.items()}
