"""python -m stages.zoo PTM: writes data/zoo/<ptm>/, trained here on its source or with public weights."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from stages import compute, files, params
from stages.errors import tell
from stages.zoo import cards, models, training
from stages.zoo.cards import Card, Preprocessing
from stages.zoo.catalogue import find
from stages.zoo.pixels import images
from stages.zoo.public import licence as licence_of
from stages.zoo.public import public, source_accuracy


def pretrain(
    spec: params.PtmParams, config: Preprocessing, train: files.Images, test: files.Images, p: params.Params, name: str
) -> tuple[nn.Module, float]:
    """Trains a PTM on its source dataset, from random or from public weights.

    Returns the model and its accuracy on the source's test split.
    """
    compute.repeatable(p.seed, p.threads)
    if spec.init == "public":
        model = public(spec.architecture, spec.input_size)[0]
        models.new_head(model, len(train.classes))
    else:
        model = models.build(spec.architecture, len(train.classes), config.input_size[1])
    model = model.to(compute.device(), memory_format=torch.channels_last)
    training.fit(
        model,
        config,
        images(train, config, p.pretrain.augment),
        torch.from_numpy(train.targets),
        nn.CrossEntropyLoss(label_smoothing=0.1),
        **p.pretrain.model_dump(exclude={"augment"}),
        seed=p.seed,
        progress=name,
    )
    logits = training.predict(model, config, images(test, config), p.pretrain.batch_size)
    return model.cpu(), float((logits.argmax(1).numpy() == test.targets).mean())


def kept_training(
    spec: params.PtmParams, config: Preprocessing, train_digest: str, test_digest: str, p: params.Params
) -> tuple[Path, Path]:
    """Where the store keeps a PTM that was trained here: its weights, and its accuracy, which is written last."""
    code = files.code_version(models, training, sys.modules[__name__])
    start = [spec.init, torchvision.__version__] if spec.init else []
    key = files.key_of(code, torch.__version__, timm.__version__, spec.architecture, *start, config.model_dump(),
                       train_digest, test_digest, p.seed, p.threads, p.pretrain.model_dump())  # fmt: skip
    return files.stored("zoo", key, ".safetensors"), files.stored("zoo", key, ".accuracy")


def make(name: str, p: params.Params) -> None:
    """Writes one PTM's folder; training that was finished before, with all the same inputs, is not repeated."""
    spec = p.ptms[name]
    train = files.read_images(files.dataset_path("sources", spec.source, "train"))
    if train.kind != "classification":
        raise params.ParamsError(f"ptms.{name}: source '{spec.source}' is {train.kind}; PTMs are trained to classify")
    config = models.preprocessing(spec.architecture, spec.input_size)
    checkpoint = files.zoo_path(name) / "model.safetensors"
    if spec.public:
        model, origin = public(spec.architecture, spec.input_size)
        accuracy, licence = source_accuracy(spec.architecture), licence_of(spec.architecture)
        _save(model, checkpoint)
    else:
        test = files.read_images(files.dataset_path("sources", spec.source, "test"))
        origin, licence = f"trained here on {spec.source}", train.licence
        kept, kept_accuracy = kept_training(spec, config, train.digest, test.digest, p)
        if not kept_accuracy.exists():
            model, accuracy = pretrain(spec, config, train, test, p, name)
            _save(model, kept)
            files.write_text(kept_accuracy, repr(accuracy))
        model, accuracy = (
            models.build(spec.architecture, len(train.classes), spec.input_size),
            float(kept_accuracy.read_text()),
        )
        files.link(kept, checkpoint)
    entry = find(spec.architecture)
    headless = spec.public and getattr(model, "num_classes", None) == 0  # its training had no classes
    cards.write_card(
        Card(
            name=name,
            architecture=spec.architecture,
            source=spec.source,
            source_classes=[] if headless else train.classes,
            source_accuracy=accuracy,
            n_parameters=sum(parameter.numel() for parameter in model.parameters()),
            feature_width=models.width(model),
            preprocessing=config,
            licence=licence,
            origin=origin,
            checkpoint=files.digest(checkpoint),
            features=entry.features if entry else None,
            config=model.config if spec.architecture.startswith(models.TRANSFORMERS) else None,
        ),
        files.zoo_path(name),
    )


def _save(model: nn.Module, path: Path) -> None:
    with files.atomic(path) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, temporary)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ptm")
    args = parser.parse_args()
    p = params.load()
    params.check_known(args.ptm, p.ptms, "PTM")
    if p.ptms[args.ptm].task == "image":
        make(args.ptm, p)
    else:
        from stages.zoo.tasks import ptms  # imported here: image PTMs do not wait for transformers

        ptms.make(args.ptm, p)


if __name__ == "__main__":
    tell(main)
