"""How much of the raw forward speed the features stage keeps: python tests/bench/bench_features.py

For each PTM: images a second of the model on preloaded, normalised tensors (raw), of the stage's own loop on a split
whose pixels were decoded before (kept) and on one that it decodes as it goes (decoding). One process, one run.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import timm
import torch
from orbweaver.networks.card import Preprocessing
from PIL import Image

from orbweaver.core.cache import Cache
from orbweaver.core.device import repeatable
from orbweaver.data.images import png
from orbweaver.data.split import Split
from orbweaver.models import networks, pixels
from orbweaver.tasks import task
from orbweaver.tasks.base import PTM

CASES = [  # architecture, input size, stored size, images
    ("test_resnet", 32, 64, 3000),
    ("test_efficientnet", 32, 64, 3000),
    ("test_convnext", 32, 64, 3000),
    ("tf_efficientnet_lite0.in1k", 32, 64, 2000),
    ("tf_efficientnet_lite0.in1k", 224, 300, 300),
]


def photographs(count: int, size: int) -> Split:
    """Smooth random pictures: as costly to decode as photographs."""
    random = np.random.default_rng(0)
    small = random.integers(0, 256, (count, 12, 12, 3), dtype=np.uint8)
    images = [png(Image.fromarray(s).resize((size, size), Image.Resampling.BICUBIC)) for s in small]
    name = f"{size}px"
    return Split(name, "image_classification", ["a", "b"], images, np.arange(count) % 2, "", "", digest=name)


def raw(model: torch.nn.Module, config: Preprocessing, count: int) -> float:
    batch = networks.normalise(torch.randint(0, 256, (64, *config.input_size), dtype=torch.uint8), config)
    with torch.inference_mode():
        networks.features_and_logits(model, batch)
        start = time.perf_counter()
        for _ in range(0, count, 64):
            networks.features_and_logits(model, batch)
    return count / (time.perf_counter() - start)


def stage(model: torch.nn.Module, config: Preprocessing, split: Split, cache: Cache) -> float:
    start = time.perf_counter()
    for _ in task("image_classification").features(PTM(model, config), split, cache, 64):
        pass
    return len(split) / (time.perf_counter() - start)


def main() -> None:
    repeatable(0, os.cpu_count() or 1)
    print(f"{'PTM':28s} {'px':>4s} {'raw/s':>8s} {'kept/s':>8s} {'ratio':>6s} {'decoding/s':>11s} {'ratio':>6s}")
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(Path(folder))
        for architecture, size, stored, count in CASES:
            model = timm.create_model(architecture.split(".")[0]).to(memory_format=torch.channels_last).eval()
            config = networks.preprocessing(architecture, size)
            split = photographs(count, stored)
            pixels.pixels(split, config, cache)
            speeds = []
            for _ in range(3):  # in turn, so that a drift of the machine's speed touches all alike
                first = raw(model, config, count)
                kept = stage(model, config, split, cache)
                limit, pixels.KEPT = pixels.KEPT, 0
                decoding = stage(model, config, split, cache)
                pixels.KEPT = limit
                speeds.append((first, kept, kept / first, decoding, decoding / first))
            a, b, c, d, e = np.median(speeds, axis=0)
            print(f"{architecture:28s} {size:4d} {a:8.0f} {b:8.0f} {c:6.2f} {d:11.0f} {e:6.2f}")


if __name__ == "__main__":
    main()
