"""A small split of pictures, and a small network to look at them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from orbweaver.data.generated.handwriting import digits
from orbweaver.data.split import Split
from orbweaver.models import networks

CONFIG = networks.preprocessing("test_vit", 32)
UNREADABLE = Split("toy", "image_classification", ["a", "b"], [b"no image"] * 2, np.arange(2), "", "", digest="toy")


def fifty_digits() -> Split:
    return replace(digits(50, 20, 32, 0)["train"], digest="fifty digits")


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return networks.build("test_vit", 10, 32).eval()


class Hungry(nn.Module):
    """Has memory for a few images only, as a GPU would say it."""

    def __init__(self, model: nn.Module, holds: int) -> None:
        super().__init__()
        self.model, self.holds, self.seen = model, holds, []
        self.num_classes, self.head_hidden_size = model.num_classes, model.head_hidden_size

    def _check(self, images: torch.Tensor) -> None:
        self.seen.append(len(images))
        if len(images) > self.holds:
            raise torch.OutOfMemoryError("simulated")

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self._check(images)
        return self.model(images)

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        self._check(images)
        return self.model.forward_features(images)

    def forward_head(self, *arguments: object, **more: object) -> torch.Tensor:
        return self.model.forward_head(*arguments, **more)
