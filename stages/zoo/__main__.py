"""python -m stages.zoo PTM: writes data/zoo/<ptm>/, trained here on its source or with public weights."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file
from torch import nn

from stages import compute, files, params
from stages.errors import tell
from stages.zoo import cards, models, training
from stages.zoo.cards import Card, Preprocessing
from stages.zoo.pixels import pixels
from stages.zoo.public import SOURCE_ACCURACY, public


def pretrain(
    architecture: str, config: Preprocessing, train: files.Images, test: files.Images, p: params.Params, name: str
) -> tuple[nn.Module, float]:
    """Trains an architecture from random weights on a source dataset; the model and its accuracy on the test split."""
    compute.repeatable(p.seed, p.threads)
    model = models.build(architecture, len(train.classes), config.input_size[1])
    model = model.to(compute.device(), memory_format=torch.channels_last)
    training.fit(
        model,
        config,
        torch.from_numpy(pixels(train, config)),
        torch.from_numpy(train.targets),
        nn.CrossEntropyLoss(label_smoothing=0.1),
        **p.pretrain.model_dump(),
        seed=p.seed,
        progress=name,
    )
    logits = training.predict(model, config, torch.from_numpy(pixels(test, config)), p.pretrain.batch_size)
    return model.cpu(), float((logits.argmax(1).numpy() == test.targets).mean())


def kept_training(
    spec: params.PtmParams, config: Preprocessing, train_digest: str, test_digest: str, p: params.Params
) -> tuple[Path, Path]:
    """Where the store keeps a PTM that was trained here: its weights, and its accuracy, which is written last."""
    code = files.code_version(models, training, sys.modules[__name__])
    key = files.key_of(code, torch.__version__, timm.__version__, spec.architecture, config.model_dump(),
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
        accuracy = SOURCE_ACCURACY.get(spec.architecture)
        licence = timm.get_pretrained_cfg(spec.architecture).license or "unknown"
        _save(model, checkpoint)
    else:
        test = files.read_images(files.dataset_path("sources", spec.source, "test"))
        origin, licence = f"trained here on {spec.source}", train.licence
        kept, kept_accuracy = kept_training(spec, config, train.digest, test.digest, p)
        if not kept_accuracy.exists():
            model, accuracy = pretrain(spec.architecture, config, train, test, p, name)
            _save(model, kept)
            files.write_text(kept_accuracy, repr(accuracy))
        model, accuracy = (
            models.build(spec.architecture, len(train.classes), spec.input_size),
            float(kept_accuracy.read_text()),
        )
        files.link(kept, checkpoint)
    cards.write_card(
        Card(
            name=name,
            architecture=spec.architecture,
            source=spec.source,
            source_classes=train.classes,
            source_accuracy=accuracy,
            n_parameters=sum(parameter.numel() for parameter in model.parameters()),
            feature_width=model.head_hidden_size,
            preprocessing=config,
            licence=licence,
            origin=origin,
            checkpoint=files.digest(checkpoint),
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
    make(args.ptm, p)


if __name__ == "__main__":
    tell(main)
