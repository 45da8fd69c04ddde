"""A picture as tokens, and a transformer that reads them together with words."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from transformers import BertModel

from orbweaver.models import networks
from orbweaver.models.text import config, with_public_weights
from orbweaver.models.vocabulary import Vocabulary
from orbweaver.models.weights import public

STRIDE = 16  # pixels of a token: the deepest feature map that is not coarser is taken, since deeper ones lose positions


class ImageTokens(nn.Module):
    """A timm network up to its deepest map of stride 16 or less: pixels (B, 3, H, W) to tokens (B, S, width)."""

    def __init__(self, architecture: str, input_size: int, raw: Path | None = None) -> None:
        """raw: the folder of downloads; with it, an architecture with a tag gets that tag's weights. Else random.

        Raises UnknownName for an architecture that timm does not know.
        """
        super().__init__()
        tagged = raw is not None and "." in architecture
        self.network = (
            public(architecture, input_size, raw)[0] if tagged else networks.build(architecture, 0, input_size)
        )
        self.level = max(i for i, info in enumerate(self.network.feature_info) if info["reduction"] <= STRIDE)
        self.network.prune_intermediate_layers([self.level], prune_norm=True, prune_head=True)
        with torch.no_grad():
            _, self.width, *self.grid = self.eval().maps(torch.zeros(1, 3, input_size, input_size)).shape
        self.count = self.grid[0] * self.grid[1]

    def maps(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.network.forward_intermediates(pixels, indices=[self.level], intermediates_only=True, norm=False)[0]

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.maps(pixels).flatten(2).transpose(1, 2)


class Fusion(nn.Module):
    """Image tokens, then words, through one BERT: (B, S + L, width).

    Words come after the picture, so that a text's padding moves no other token. joint, grid, wide, words: as in
    `orbweaver.models.seeing.Seeing`.
    """

    joint = True

    def __init__(self, architecture: str, input_size: int, vocabulary: Vocabulary, raw: Path | None = None) -> None:
        """`architecture`: "<timm>+<one of text.ARCHITECTURES, or of text.PUBLIC>"."""
        super().__init__()
        image, _, text = architecture.partition("+")
        self.image = ImageTokens(image, input_size, raw)
        self.text = with_public_weights(BertModel(config(text, vocabulary), add_pooling_layer=False), text, raw)
        self.width = self.text.config.hidden_size
        self.bridge = nn.Linear(self.image.width, self.width)
        self.wide = self.words = self.width
        self.grid = self.image.grid

    def forward(
        self, pixels: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor, *, forwards: bool = False
    ) -> torch.Tensor:
        """forwards: no word sees a later one, and the picture sees no words."""
        image = self.bridge(self.image(pixels))
        words = self.text.get_input_embeddings()(ids)
        seen = mask.new_ones(image.shape[:2])
        attention = torch.cat([seen, mask], 1)
        if forwards:
            allowed = torch.ones(attention.shape[1], attention.shape[1], device=mask.device).tril()
            allowed[: self.image.count, : self.image.count] = 1
            attention = allowed.bool()[None, None].expand(len(mask), -1, -1, -1)
        return self.text(
            inputs_embeds=torch.cat([image, words], 1),
            token_type_ids=torch.cat([torch.ones_like(seen), torch.zeros_like(mask)], 1),
            attention_mask=attention,
        ).last_hidden_state

    def both(self, pixels: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Image tokens (B, S, width), and the first word token (B, width)."""
        read = self(pixels, ids, mask)
        return read[:, : self.image.count], read[:, self.image.count]
