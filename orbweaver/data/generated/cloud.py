"""Logos of cloud services and of programs, 2,400 of them in colour: whose are they, and what are they for?

The splits show different logos. Each stands on a ground of its own colour, turned and moved a little.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from orbweaver.data.generated.drawing import WEIGHTS, classified, halves, package_folder
from orbweaver.data.split import Split, splits

ABOUT = {
    "task": "image_classification",
    "family": "cloud logos",
    "licence": "MIT package; logos are marks of their owners",
    "origin": "diagrams, the folder resources",
}
PROVIDERS = {"alibabacloud": "Alibaba Cloud", "aws": "AWS", "azure": "Azure", "gcp": "Google Cloud", "ibm": "IBM",
             "k8s": "Kubernetes", "oci": "Oracle", "onprem": "programs", "openstack": "OpenStack",
             "programming": "programming languages"}  # fmt: skip
KINDS = {"analytics": {"analytics"}, "computing": {"compute"}, "database": {"database", "databases"},
         "internet of things": {"iot"}, "machine learning": {"ml", "aimachinelearning"},
         "management": {"management", "managementgovernance"}, "network": {"network", "networking"},
         "security": {"security", "identity"}, "storage": {"storage"}}  # fmt: skip
SIDE = 96


@cache
def _logos() -> list[tuple[str, str, np.ndarray]]:
    """Provider, kind and pixels (h, w, RGBA) of each logo; of several with equal pixels the first."""
    folder = package_folder("resources")
    logos: dict[bytes, tuple[str, str, np.ndarray]] = {}
    for path in sorted(folder.glob("*/*/*.png")):
        pixels = _opened(path)
        if pixels[..., 3].any():
            logos.setdefault(pixels.tobytes(), (path.parts[-3], path.parts[-2], pixels))
    return list(logos.values())


def _opened(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        logo = image.convert("RGBA")
    logo.thumbnail((72, 72), Image.Resampling.BOX)
    return np.asarray(logo)


def _draw(pixels: np.ndarray, random: np.random.Generator) -> Image.Image:
    shown = pixels[pixels[..., 3] > 127][:, :3] if (pixels[..., 3] > 127).any() else pixels[..., :3].reshape(-1, 3)
    bright = (shown @ WEIGHTS).mean()
    ground = random.integers(0, 110, 3) if bright > 128 else random.integers(150, 256, 3)
    logo = Image.new("RGBA", (SIDE, SIDE))
    height, width = pixels.shape[:2]
    left, top = (SIDE - width) // 2 + random.integers(-8, 9), (SIDE - height) // 2 + random.integers(-8, 9)
    logo.paste(Image.fromarray(pixels), (int(left), int(top)))
    logo = logo.rotate(random.uniform(-15, 15), Image.Resampling.BICUBIC)
    image = Image.new("RGBA", (SIDE, SIDE), (*map(int, ground), 255))
    return Image.alpha_composite(image, logo).convert("RGB")


def _dataset(name: str, classes: dict, of: Callable[[str, str], str | None], train: int, test: int, image_size: int,
             seed: int) -> dict[str, Split]:  # fmt: skip
    random = np.random.default_rng([seed, *name.encode()])
    groups: dict[str, list[np.ndarray]] = {label: [] for label in classes}
    for provider, kind, pixels in _logos():
        label = of(provider, kind)
        if label is not None:
            groups[label].append(pixels)
    shown = [halves(logos, random) for logos in groups.values()]
    parts = classified(shown, train, test, image_size, random, lambda pixels: _draw(pixels, random))
    return splits(name, classes, parts, **ABOUT)


def cloud_provider(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Whose logo is it? Ten owners."""
    names = {name: name for name in PROVIDERS.values()}
    return _dataset(
        "cloud_provider", names, lambda provider, kind: PROVIDERS.get(provider), train, test, image_size, seed
    )


def cloud_kind(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """What is the service for? Nine purposes, of all owners."""
    kinds = {kind: label for label, kinds in KINDS.items() for kind in kinds}
    return _dataset("cloud_kind", KINDS, lambda provider, kind: kinds.get(kind), train, test, image_size, seed)
