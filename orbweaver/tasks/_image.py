"""What three tasks on pictures share: an image classifier, its features, its training. They differ in their targets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from orbweaver.core.cache import Cache
from orbweaver.core.device import Fitting, device
from orbweaver.core.errors import UserError
from orbweaver.core.settings import PtmSettings
from orbweaver.data.split import Split
from orbweaver.models import networks, training
from orbweaver.models.card import Card
from orbweaver.models.catalogue import has_public_weights
from orbweaver.models.pixels import batches, images
from orbweaver.models.training import Fit
from orbweaver.models.weights import licence, public, source_accuracy
from orbweaver.tasks._targets import Targets
from orbweaver.tasks.base import PTM, Common, Measured, Public

MEASURED = {"cpu": 32, "cuda": 256}  # images a batch; on a CPU, a batch that its caches hold takes a third less time


class ImageTask(Targets, Common):
    """Predicts classes or values from a picture, by a PTM of timm, torchvision or transformers with a linear head."""

    name: str

    def example(self, split: Split, sample: int) -> str:
        return self.in_words(split, sample)

    # --- PTMs

    def is_public(self, spec: PtmSettings) -> bool:
        return spec.init is None and has_public_weights(spec.architecture)

    def public(self, spec: PtmSettings, raw: Path) -> Public:
        network, origin = public(spec.architecture, spec.input_size, raw)
        ptm = PTM(network, networks.preprocessing(spec.architecture, spec.input_size))
        if spec.architecture.startswith(networks.TRANSFORMERS):
            ptm.config = network.config
        return Public(ptm, source_accuracy(spec.architecture), licence(spec.architecture), origin)

    def build(self, spec: PtmSettings, source: Split, raw: Path) -> PTM:
        if spec.samples is not None:
            raise UserError("'samples' is for PTMs that read text; give the source fewer images instead")
        config = networks.preprocessing(spec.architecture, spec.input_size)
        if spec.init == "public":
            if not has_public_weights(spec.architecture):
                raise UserError(f"'init: public', but '{spec.architecture}' names no weights; add their tag")
            network = public(spec.architecture, spec.input_size, raw)[0]
            networks.new_head(network, self.outputs(source))
        else:
            network = networks.build(spec.architecture, self.outputs(source), config.input_size[1])
        return PTM(network.to(memory_format=torch.channels_last), config)

    def load(self, card: Card, folder: Path) -> PTM:
        return PTM(networks.load(card, folder), card.preprocessing)

    def width(self, ptm: PTM) -> int:
        return networks.width(ptm.network)

    @torch.inference_mode()
    def features(self, ptm: PTM, split: Split, cache: Cache, batch_size: int) -> Iterator[tuple[Tensor, Tensor | None]]:
        network, fitting = ptm.network.to(device()), Fitting()

        def forward(parts: tuple[Tensor, ...]) -> list[tuple[Tensor, Tensor | None]]:
            return [
                networks.features_and_logits(
                    network, networks.normalise(part.to(device(), non_blocking=True), ptm.preprocessing)
                )
                for part in parts
            ]

        for pixels in batches(split, ptm.preprocessing, cache, batch_size):
            for features, logits in fitting.run(forward, torch.from_numpy(pixels)):
                yield features, None if logits is None else logits.float().softmax(1)

    def adapt(self, ptm: PTM, train: Split, samples: np.ndarray) -> None:
        networks.new_head(ptm.network, self.outputs(train))
        ptm.network = ptm.network.to(device(), memory_format=torch.channels_last)

    def fit(
        self, ptm: PTM, split: Split, samples: np.ndarray, how: Fit, cache: Cache, progress: str | None = None
    ) -> None:
        ptm.network = ptm.network.to(device())
        pixels, aims = images(split, ptm.preprocessing, cache, how.augment), self.aims(ptm, split)
        loss = self.loss(how.label_smoothing)
        training.fit(ptm.network, ptm.preprocessing, pixels[samples], aims[samples], loss, how, progress)

    def measure(self, ptm: PTM, split: Split, samples: np.ndarray, cache: Cache, precision: str) -> Measured:
        pixels = images(split, ptm.preprocessing, cache)[samples]
        outputs = training.predict(ptm.network, ptm.preprocessing, pixels, MEASURED[device().type], precision)
        return Measured(self.truth(ptm, outputs, split.targets[samples]))
