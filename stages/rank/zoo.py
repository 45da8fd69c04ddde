"""The PTMs to rank: those of the benchmark, of a file, or named one by one; public ones are fetched once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import save_file
from timm.data import ImageNetInfo, infer_imagenet_subset

from stages import files, params
from stages.errors import UserError
from stages.params import check_known
from stages.zoo import cards, models
from stages.zoo.cards import Card, read_card
from stages.zoo.catalogue import find
from stages.zoo.public import licence, public, source_accuracy


class ZooError(UserError):
    """The PTMs that were asked for are not there."""


def zoo(names: Sequence[str] | None, p: params.Params) -> list[Card]:
    """Cards of the named PTMs, or of all of the benchmark's; `timm/NAME` is fetched if it was not before.

    Raises ZooError when the benchmark's zoo has not been built, ParamsError for an unknown name.
    """
    image_ptms = p.ptms_of("image")
    found = []
    for name in dict.fromkeys(image_ptms if names is None else names):
        if name.startswith("timm/"):
            found.append(_public(name))
            continue
        check_known(name, image_ptms, "PTM (one of the benchmark's zoo, or timm/NAME)")
        if not (files.zoo_path(name) / "card.json").exists():
            raise ZooError(
                "the benchmark's zoo has not been built here: `make benchmark` builds it, `dvc pull` fetches it; "
                "or name public PTMs with --ptm timm/NAME"
            )
        found.append(read_card(name))
    if not found:
        raise ZooError("no PTMs to rank; name some with --ptm or in the --zoo file")
    return found


def names_in(path: str | Path) -> list[str]:
    """The PTMs of a zoo file: one name a line; what follows a # is a comment."""
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ZooError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8 text'})") from None
    return [name for line in lines if (name := line.partition("#")[0].strip())]


def _public(name: str) -> Card:
    """A public timm model's card; its weights are kept beside it, out of the way of the benchmark's own."""
    if (files.zoo_path(name) / "card.json").exists():
        return read_card(name)
    architecture = name.removeprefix("timm/")
    model, origin = public(architecture, None)
    entry = find(architecture)
    checkpoint = files.zoo_path(name) / "model.safetensors"
    with files.atomic(checkpoint) as temporary:
        save_file({key: tensor.contiguous() for key, tensor in model.state_dict().items()}, temporary)
    card = Card(
        name=name,
        architecture=architecture,
        source="imagenet" if model.num_classes == 1000 else architecture.partition(".")[2] or "unknown",
        source_classes=_source_classes(model.num_classes),
        source_accuracy=source_accuracy(architecture),
        n_parameters=sum(parameter.numel() for parameter in model.parameters()),
        feature_width=models.width(model),
        preprocessing=models.preprocessing(architecture, None),
        licence=licence(architecture),
        origin=origin,
        checkpoint=files.digest(checkpoint),
        features=entry.features if entry else None,
    )
    cards.write_card(card, files.zoo_path(name))
    return card


def _source_classes(count: int) -> list[str]:
    subset = infer_imagenet_subset({"num_classes": count})
    if subset is None:
        return [f"class {i}" for i in range(count)]
    info = ImageNetInfo(subset)
    return [info.index_to_description(i) for i in range(count)]
