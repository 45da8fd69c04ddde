"""One training loop, for pre-training and for fine-tuning: AdamW, cosine schedule with warm-up, end to end."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn
from tqdm import tqdm

from stages.zoo.cards import Preprocessing
from stages.zoo.models import normalise


def fit(
    model: nn.Module,
    config: Preprocessing,
    images: torch.Tensor,
    targets: torch.Tensor,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    seed: int,
    progress: str | None = None,
) -> None:
    """Trains `model` in place on uint8 images (N, 3, H, W) already decoded.

    The learning rate rises over the first tenth of the steps and falls to zero along a cosine. The order of the
    images depends on `seed` alone. A last batch of one image is left out (batch norm cannot use it).
    """
    place = next(model.parameters()).device
    random = torch.Generator().manual_seed(seed)
    steps = epochs * math.ceil(len(images) / batch_size)
    warmup = max(1, steps // 10)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / warmup, 0.5 * (1 + math.cos(math.pi * step / steps))),
    )
    model.train()
    for _ in tqdm(range(epochs), desc=progress, unit="epoch", disable=None if progress else True):
        order = torch.randperm(len(images), generator=random)
        for chosen in order.split(batch_size):
            if len(chosen) > 1:
                batch = normalise(images[chosen].to(place, non_blocking=True), config)
                optimizer.zero_grad(set_to_none=True)
                loss(model(batch), targets[chosen].to(place)).backward()
                optimizer.step()
            schedule.step()
    model.eval()


@torch.inference_mode()
def predict(model: nn.Module, config: Preprocessing, images: torch.Tensor, batch_size: int) -> torch.Tensor:
    """Outputs of the model for uint8 images, (N, outputs), on the CPU."""
    place = next(model.parameters()).device
    return torch.cat([model(normalise(batch.to(place), config)).cpu() for batch in images.split(batch_size)])
