"""python -m orbweaver.select.facts.counting [NAME...]: what every pre-trained model of timm takes, counted.

Each is built on torch's meta device, which knows shapes and computes nothing, and given a batch of two: that needs no
weights, no network, and half a second. Without names it writes `timm_counted.csv`, for all that timm has weights of.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import timm
import torch
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from orbweaver.core.files import write_text

TABLE = Path(__file__).parent / "timm_counted.csv"
BATCH = 2  # batch norm refuses a single vector


def counted(name: str) -> dict[str, object]:
    """What one forward pass of an image takes at the model's own input size, ready to be trained.

    Returns:
        model; img_size (pixels); parameters (with the source head); gmacs (10^9 multiply-adds); activations
        (numbers that are kept for the backward pass).
    """
    config = timm.get_pretrained_cfg(name)
    with torch.device("meta"):
        model = timm.create_model(name).train()
        images = torch.empty(BATCH, *config.input_size)
    own = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
    kept: dict[int, tuple[torch.UntypedStorage, int]] = {}  # the storage is held on to, or its place would be reused

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = (storage, storage.nbytes())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), FlopCounterMode(display=False) as flops:
        model(images)
    return {
        "model": name,
        "img_size": config.input_size[-1],
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "gmacs": round(flops.get_total_flops() / 2e9 / BATCH, 3),
        "activations": round(sum(size for _, size in kept.values()) / 4 / BATCH),
    }


def main(names: list[str]) -> None:
    rows, failed = [], []
    for name in tqdm(names or timm.list_pretrained(), disable=None):
        try:
            rows.append(counted(name))
        except Exception as error:  # of a hundred architectures' own code: one that does not count is left out
            failed.append(f"{name}: {type(error).__name__}: {error}")
    text = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
    if names:
        print(text, end="")
    else:
        write_text(TABLE, text)
    print("\n".join(failed), file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
