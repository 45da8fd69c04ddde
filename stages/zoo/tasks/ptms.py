"""PTMs of tasks with words: trained here on their source or taken from the hub, written, loaded, trained further."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import timm
import tokenizers
import torch
import transformers
from safetensors import SafetensorError
from safetensors.torch import load_model, save_model
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import nn

from stages import compute, files
from stages.zoo import models, training
from stages.zoo.cards import Card, Preprocessing, WordIds, write_card
from stages.zoo.pixels import Stream, images, look
from stages.zoo.tasks import TASKS, captioner, cider, metrics, vision, words
from stages.zoo.tasks.words import Words

if TYPE_CHECKING:
    from stages.params import Params, PtmParams

# What a PTM without pictures sees of them.
NOTHING = Preprocessing(input_size=(3, 1, 1), interpolation="bilinear", crop_pct=1.0, crop_mode="squash",
                        mean=IMAGENET_DEFAULT_MEAN, std=IMAGENET_DEFAULT_STD)  # fmt: skip


def preprocessing(spec: PtmParams) -> Preprocessing:
    """timm's, but of the whole picture: a box at its border, or a thing that a caption names, must not be cut off."""
    if spec.task == "tqa":
        return NOTHING
    config = models.preprocessing(spec.architecture.partition("+")[0], spec.input_size)
    return config.model_copy(update={"crop_pct": 1.0, "crop_mode": "squash"})


def pictures(split: files.Images, config: Preprocessing) -> torch.Tensor | Stream:
    """uint8 (N, 3, H, W), one a sample, a stream where they are many; of a dataset without pictures blank pixels."""
    if split.kind == "tqa":
        return torch.zeros((len(split), *config.input_size), dtype=torch.uint8)
    return images(split, config)


def code(task: str) -> str:
    """Version of everything that trains, runs and measures a PTM of a task."""
    parts = (TASKS[task], words, vision, metrics, cider, models, training, sys.modules[__name__])
    libraries = [library.__version__ for library in (torch, timm, transformers, tokenizers)]
    return files.key_of(files.code_version(*parts), libraries)


class _Trainee(nn.Module):
    """Hands the training loop's pixels on to the loss, which needs the words beside them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images


def fit(model: nn.Module, config: Preprocessing, task: str, split: files.Images, written: Words, **how: object) -> None:
    """Trains a PTM in place on all rows of a split; `how` as for `training.fit`."""
    batchable = TASKS[task].rows(split, written)
    of = torch.from_numpy(split.rows)

    def loss(images: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        return model.loss(images, {name: tensor[chosen.cpu()].to(images.device) for name, tensor in batchable.items()})

    training.fit(_Trainee(model), config, pictures(split, config)[of.numpy()], torch.arange(len(of)), loss, **how)


def measure(
    model: nn.Module, config: Preprocessing, task: str, split: files.Images, written: Words
) -> metrics.Measured:
    """What a PTM reaches on a split."""
    whole = pictures(split, config)
    return TASKS[task].measure(model, lambda some: models.normalise(look(whole, some), config), split, written)


def part(spec: PtmParams, train: files.Images) -> files.Images:
    """The samples of its source that a PTM is trained on here."""
    return train.take(np.arange(min(spec.samples or len(train), len(train))))


def kept_training(
    spec: PtmParams, config: Preprocessing, train: files.Images, test_digest: str, p: Params
) -> tuple[Path, Path]:
    """Where the store keeps a PTM that was trained here on `train`: its weights, and its truth, written last."""
    start = [spec.init] if spec.init else []
    key = files.key_of(code(spec.task), spec.architecture, *start, config.model_dump(), train.digest, len(train),
                       test_digest, p.seed, p.threads, p.pretrain.model_dump())  # fmt: skip
    return files.stored("zoo", key, ".safetensors"), files.stored("zoo", key, ".accuracy")


def make(name: str, p: Params) -> None:
    """Writes one PTM's folder; training that was finished before, with all the same inputs, is not repeated."""
    spec, folder = p.ptms[name], files.zoo_path(name)
    train = files.read_images(files.dataset_path("sources", spec.source, "train"))
    checkpoint = folder / "model.safetensors"
    if spec.public:
        model, written, config, described = captioner.public(spec.architecture)
        truth, origin, licence, samples = None, f"hf-hub:{spec.architecture}", "as its model card says", None
        files.write_text(folder / "config.json", described)
        _save(model, checkpoint)
    else:
        if train.kind != spec.task:
            raise files.FileError(
                f"ptms.{name}: its task is {spec.task}, but its source '{spec.source}' is {train.kind}"
            )
        test = files.read_images(files.dataset_path("sources", spec.source, "test"))
        train = part(spec, train)
        origin, licence, samples = f"trained here on {spec.source}", train.licence, len(train)
        compute.repeatable(p.seed, p.threads)
        if spec.init == "public" and "/" in spec.architecture:
            model, written, config, described = captioner.pair(spec.architecture)
            files.write_text(folder / "config.json", described)
        else:
            config, written = preprocessing(spec), words.learn(words.texts_of(train.texts))
            size = config.input_size[1]
            # Trained or not, the same module says how many parameters it has.
            model = TASKS[spec.task].build(spec.architecture, size, written, train.classes, weights=True)
        kept, kept_truth = kept_training(spec, config, train, test.digest, p)
        if not kept_truth.exists():
            model = model.to(compute.device())
            how = p.pretrain.model_dump(exclude={"augment"})
            fit(model, config, spec.task, train, written, **how, seed=p.seed, progress=name)
            _save(model.cpu(), kept)
            files.write_text(kept_truth, repr(measure(model, config, spec.task, test, written).truth))
        truth = float(kept_truth.read_text())
        files.link(kept, checkpoint)
    files.write_text(folder / "tokenizer.json", written.tokenizer.to_str())
    card = Card(
        name=name,
        architecture=spec.architecture,
        source=spec.source,
        source_classes=train.classes,
        source_accuracy=truth,
        n_parameters=sum(parameter.numel() for parameter in model.parameters()),
        feature_width=model.width,
        preprocessing=config,
        licence=licence,
        origin=origin,
        checkpoint=files.digest(checkpoint),
        task=spec.task,
        samples=samples,
        words=WordIds(tokenizer=files.digest(folder / "tokenizer.json"), pad=written.pad, start=written.start,
                      end=written.end),
    )  # fmt: skip
    write_card(card, folder)


def _save(model: nn.Module, path: Path) -> None:
    with files.atomic(path) as temporary:
        save_model(model, str(temporary))  # unlike save_file it knows of tied weights


def load(card: Card) -> tuple[nn.Module, Words]:
    """The PTM with its checkpoint, in evaluation mode, and its words.

    Raises FileError when checkpoint or tokenizer are missing, damaged or not those that the card names.
    """
    folder = files.zoo_path(card.name)
    for path, named in (
        (folder / "model.safetensors", card.checkpoint),
        (folder / "tokenizer.json", card.words.tokenizer),
    ):
        if files.digest(path) != named:
            raise files.FileError(f"{path}: not the one that card.json beside it names; run `dvc repro` again")
    written = Words(
        tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")), card.words.pad, card.words.start, card.words.end
    )
    if (folder / "config.json").exists():
        model = captioner.build_public(folder)
    else:
        size = card.preprocessing.input_size[1]
        model = TASKS[card.task].build(card.architecture, size, written, card.source_classes)
    try:
        load_model(model, str(folder / "model.safetensors"))
    except (SafetensorError, RuntimeError) as error:
        raise files.FileError(f"{folder / 'model.safetensors'}: does not fit '{card.architecture}' ({error})") from None
    return model.eval(), written
