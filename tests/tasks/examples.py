"""Small splits of every task, and PTMs of it that train in a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from orbweaver.core.files import digest
from orbweaver.core.settings import FinetuneSettings, PretrainSettings, PtmSettings
from orbweaver.core.workspace import Workspace
from orbweaver.data.generated.scenes import SCENES
from orbweaver.data.images import png
from orbweaver.data.split import Split
from orbweaver.tasks import ZOO, task
from orbweaver.tasks.stored import Stored, stored
from orbweaver.tasks.zoo import train_ptm

ARCHITECTURES = {"image_classification": "test_vit", "caption": "test_vit+gpt2_small",
                 "vqa": "test_convnext+bert_small", "extractive_qa": "bert_small",
                 "grounding": "test_vit+bert_small", "text_classification": "bert_small"}  # fmt: skip
TEXTS_ALONE = ("text_classification", "text_multilabel", "text_regression")
TEXT_TASKS = [name for name in ZOO if name in ARCHITECTURES.keys() - {"image_classification"} | {*TEXTS_ALONE}]
PRETRAIN = PretrainSettings(epochs=1, batch_size=16, learning_rate=0.002, weight_decay=0.05)
FINETUNE = FinetuneSettings(epochs=1, batch_size=16, learning_rates=[0.001, 0.01], weight_decay=0.05,
                            validation_fraction=0.25, seeds=2)  # fmt: skip
MakePtm = Callable[[str], Stored]


def pictures(of: str, count: int = 32, columns: int | None = None, seed: int = 0) -> Split:
    """Plain pictures: classes say which of the three colours are bright, values say how bright they are."""
    random = np.random.default_rng([seed, *of.encode()])
    if of == "image_classification":
        targets = np.arange(count) % 3
        bright = np.eye(3)[targets]
    elif of == "multilabel":
        targets = (random.random((count, 3)) < 0.5) | np.eye(3, dtype=bool)[np.arange(count) % 3]
        bright = targets.astype(float)
    else:
        targets = random.random(count if columns is None else (count, columns))
        bright = np.pad(targets.reshape(count, -1), ((0, 0), (0, 3 - (columns or 1))))
    noise = random.integers(0, 40, (count, 32, 32, 3))
    images = [png((noise[i] + 200 * bright[i]).astype(np.uint8)) for i in range(count)]
    classes = [] if of == "regression" else ["red", "green", "blue"]
    return Split(of, of, classes, images, targets, "MIT", "here", digest=f"{of} {count} {columns} {seed}")


def texts(count: int, seed: int = 0, of: str = "text_classification") -> Split:
    """Sentences of five words, so many of them fair, the others gloomy: all or none where they have one class."""
    random = np.random.default_rng([seed, 7])
    fair = np.arange(count) % 2 * 5 if of == "text_classification" else random.integers(0, 6, count)
    words = (("dark", "cold", "rain", "night"), ("bright", "warm", "sun", "day"))
    said = [" ".join([*random.choice(words[0], 5 - many), *random.choice(words[1], many)]) for many in fair]
    if of == "text_multilabel":
        targets = np.stack([fair < 4, fair > 1], axis=1)
    else:
        targets = fair // 5 if of == "text_classification" else fair / 5
    classes = [] if of == "text_regression" else ["gloomy", "fair"]
    return Split(of, of, classes, [], targets, "MIT", "here", digest=f"{of} {count} {seed}", texts={"text": said})


def scenes(of: str, train: int = 12) -> dict[str, Split]:
    """Both splits of one of `TEXT_TASKS`; eight samples to test on."""
    if of in TEXTS_ALONE:
        return {"train": texts(train, of=of), "test": texts(8, seed=1, of=of)}
    made = SCENES["plain_tqa" if of == "extractive_qa" else f"plain_{of}"](train, 8, 32, 0)
    return {part: replace(split, digest=f"{of} {train} {part}") for part, split in made.items()}


def both(of: str) -> tuple[Split, Split]:
    """A training and a test split of any task."""
    if of in TEXT_TASKS:
        made = scenes(of, 16)
        return made["train"], made["test"]
    return pictures(of), pictures(of, 20, seed=1)


def trained(workspace: Workspace, of: str, name: str = "ptm", **spec: object) -> Stored:
    """A PTM for targets of a task, trained on a small source of its own."""
    of = ZOO[of]
    size = None if of in ("extractive_qa", "text_classification") else 32
    known = {"task": of, "architecture": ARCHITECTURES[of], "source": "small", "input_size": size}
    train, test = both(of)
    train_ptm(name, task(of), PtmSettings(**known | spec), train, test, PRETRAIN, 0, 1, workspace.cache,
              workspace.ptm(name), workspace.raw("weights"))  # fmt: skip
    return stored(workspace, name)


def broken(ptm: Stored) -> Stored:
    """The PTM with weights that are no numbers."""
    path = ptm.folder / "model.safetensors"
    save_file({name: torch.full_like(tensor, torch.nan) for name, tensor in load_file(path).items()}, path)
    return Stored(ptm.card.model_copy(update={"checkpoint": digest(path)}), ptm.folder)
