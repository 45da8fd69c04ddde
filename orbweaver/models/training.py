"""The training loop of all weights, for pre-training and for fine-tuning: a cosine schedule with warm-up."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from orbweaver.core.device import Fitting, autocast
from orbweaver.models.card import Preprocessing
from orbweaver.models.depthwise import quicken
from orbweaver.models.networks import normalise
from orbweaver.models.pixels import Stream


def _load(
    images: torch.Tensor | Stream, wanted: Sequence[torch.Tensor], draws: np.random.Generator
) -> Iterator[torch.Tensor]:
    if isinstance(images, Stream):
        yield from images.batches([rows.numpy() for rows in wanted], draws)
    else:
        for rows in wanted:
            yield images[rows]


class Fit(NamedTuple):
    """How to train: one run. augment: random crops and flips instead of the evaluation transform.

    optimizer: adamw, or sgd with Nesterov momentum 0.9 and the coefficient weight_decay / learning_rate.
    precision: bfloat16 computes products in it; the weights stay float32. label_smoothing: of class labels.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    seed: int
    optimizer: str = "adamw"
    precision: str = "float32"
    augment: bool = False
    label_smoothing: float = 0.0


def fit(
    model: nn.Module,
    config: Preprocessing,
    images: torch.Tensor | Stream,
    targets: torch.Tensor,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    how: Fit,
    progress: str | None = None,
) -> None:
    """Trains `model` in place on uint8 images (N, 3, H, W), already decoded or a stream.

    The learning rate rises over the first tenth of the steps and falls to zero along a cosine. The order of the
    images depends on the seed alone. A last batch of one image is left out (batch norm cannot use it). A batch that
    does not fit into memory is computed in parts whose gradients add up; batch norm then sees the parts.
    """
    device = next(model.parameters()).device
    random = torch.Generator().manual_seed(how.seed)
    draws = np.random.default_rng(how.seed)
    steps = how.epochs * math.ceil(len(images) / how.batch_size)
    warmup = max(1, steps // 10)
    if how.optimizer == "sgd":
        decay = how.weight_decay / how.learning_rate
        optimizer = torch.optim.SGD(model.parameters(), how.learning_rate, 0.9, weight_decay=decay, nesterov=True)
    else:
        optimizer = torch.optim.AdamW(model.parameters(), how.learning_rate, weight_decay=how.weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / warmup, 0.5 * (1 + math.cos(math.pi * step / steps))),
    )
    fitting = Fitting()
    quicken(model)
    model.train()
    for _ in tqdm(range(how.epochs), desc=progress, unit="epoch", disable=None if progress else True):
        order = torch.randperm(len(images), generator=random).split(how.batch_size)
        for chosen, batch in zip(order, _load(images, order, draws), strict=True):
            if len(chosen) > 1:

                def gradients(parts: tuple[torch.Tensor, ...], batch: torch.Tensor = batch, of=targets[chosen]) -> None:
                    optimizer.zero_grad(set_to_none=True)
                    for part in parts:
                        some = batch if len(parts) == 1 else batch[part]
                        with autocast(how.precision):
                            outputs = model(normalise(some.to(device, non_blocking=True), config))
                        error = loss(outputs.float(), of[part].to(device))
                        (error if len(parts) == 1 else error * (len(part) / len(batch))).backward()

                fitting.run(gradients, torch.arange(len(chosen)))
                optimizer.step()
            schedule.step()
    model.eval()


@torch.inference_mode()
def predict(
    model: nn.Module, config: Preprocessing, images: torch.Tensor | Stream, batch_size: int, precision: str = "float32"
) -> torch.Tensor:
    """Outputs of the model for uint8 images, (N, outputs), on the CPU."""
    device = next(model.parameters()).device
    fitting = Fitting()

    def forward(parts: tuple[torch.Tensor, ...]) -> torch.Tensor:
        with autocast(precision):
            return torch.cat([model(normalise(part.to(device), config)).float().cpu() for part in parts])

    wanted = torch.arange(len(images)).split(batch_size)
    return torch.cat([fitting.run(forward, batch) for batch in _load(images, wanted, np.random.default_rng(0))])
