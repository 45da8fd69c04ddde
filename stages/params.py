"""params.yaml, typed and checked: the only reader of the benchmark's parameters.

Every stage calls `load()`; a misspelt key, an unknown name or a value of the wrong type stops it with a message
that names the key and, where a known name is near, says which.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from stages.errors import UserError

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$")]


class ParamsError(UserError):
    """params.yaml asks for something that does not exist or cannot be."""


# image: classification, multilabel and regression, which an image PTM with a new head can all be fine-tuned on
Task = Literal["image", "caption", "vqa", "tqa", "grounding"]


Precision = Literal["float32", "bfloat16"]
Decay = Annotated[float, Field(ge=0)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DatasetParams(_Section):
    """How much of a dataset to take. A corpus that is known by name only (no images here) has neither."""

    task: Task = "image"
    train: int | None = Field(default=None, ge=2)
    test: int | None = Field(default=None, ge=2)
    image_size: int = Field(default=64, ge=8)


class PtmParams(_Section):
    """One pre-trained model: `arch.tag` carries public weights, a bare `arch` is trained here on its source.

    So do `torchvision/name` and `transformers/owner/name`. `init`: trained here on its source all the same, from its
    public weights or from random ones. It is paired with the targets of its own task. Beyond images, `arch` is
    "<timm>+<text>" (a timm name with its tag starts from public weights), "<text>" for tqa, or "<owner>/<name>" for a
    captioner of the Hugging Face hub; texts are `stages.zoo.tasks.words.ARCHITECTURES`. `samples`: how many of the
    source to train on; all where it is not said.
    """

    task: Task = "image"
    architecture: str
    source: Name
    input_size: int | None = Field(default=None, ge=8)
    samples: int | None = Field(default=None, ge=2)
    init: Literal["random", "public"] | None = None

    @property
    def public(self) -> bool:
        """Is it the public weights themselves, not trained further here?"""
        return self.init is None and ("/" in self.architecture or (self.task == "image" and "." in self.architecture))


class PretrainParams(_Section):
    """augment: random crops and flips. precision: bfloat16 computes products in it, by autocast."""

    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    augment: bool = False
    precision: Precision = "float32"


class FeaturesParams(_Section):
    """Always in float32: methods that invert a covariance see its last bits. A batch that does not fit is halved."""

    batch_size: int = Field(ge=1)


class EncoderParams(_Section):
    """A text encoder: a package that holds one (stages/labels/encoders.py), a folder, or an id on the hub."""

    model: str
    revision: str | None = None


class LabelsParams(_Section):
    pooling: Literal["masked_mean", "padded_mean"]
    template: str = Field(pattern=r"^[^{}]*\{\}[^{}]*$")
    batch_size: int = Field(ge=1)


class FinetuneParams(_Section):
    """`steps` counts instead of `epochs` where it is given. With several weight decays, each is tried with each rate.

    sgd: Nesterov momentum 0.9, and a weight decay of `weight_decay` / learning rate, as in SFDA's grid.
    """

    epochs: int = Field(ge=1)
    steps: int | None = Field(default=None, ge=1)
    batch_size: int = Field(ge=2)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rates: list[Annotated[float, Field(gt=0)]] = Field(min_length=1)
    weight_decay: Decay | Annotated[list[Decay], Field(min_length=1)]
    augment: bool = False
    precision: Precision = "float32"
    validation_fraction: float = Field(gt=0, lt=1)
    seeds: int = Field(ge=1)

    @property
    def weight_decays(self) -> list[float]:
        return self.weight_decay if isinstance(self.weight_decay, list) else [self.weight_decay]


class RankerParams(_Section):
    """One form of Model Spider: what supervises it and what it sees of a task."""

    supervision: list[Name] = Field(min_length=1)
    evidence: list[Name] = []
    specific: Literal["append", "replace", "none"] = "append"
    prompts: bool = True
    normalise: bool = True
    own_source: bool = True
    weight_decay: float = Field(default=0.0, ge=0)
    draws: int | None = Field(default=None, ge=1)
    seeds: int = Field(default=1, ge=1)


class DrawParams(_Section):
    """What Model Spider's training tasks are drawn like."""

    mixtures: int = Field(default=13, ge=2)
    draws: int = Field(default=64, ge=1)
    validation: float = Field(default=0.25, gt=0, le=0.5)
    ways: int = Field(default=100, ge=2)
    shots: int = Field(default=50, ge=1)
    bins: int = Field(default=10, ge=2)


class SpiderParams(_Section):
    """Model Spider: its training tasks, and the rankers that learn from them. Without rankers nothing is drawn."""

    encoder: Name = ""
    tasks: DrawParams = DrawParams()
    width: int = Field(default=1024, ge=1)
    epochs: int = Field(default=30, ge=1)
    batch_size: int = Field(default=16, ge=1)
    learning_rate: float = Field(default=2.5e-4, gt=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    rankers: dict[Name, RankerParams]


class ReportsParams(_Section):
    bootstrap: int = Field(ge=10)


class Params(_Section):
    """The whole of params.yaml."""

    seed: int
    threads: int = Field(ge=1)
    sources: dict[Name, DatasetParams]
    targets: dict[Name, DatasetParams]
    ptms: dict[Name, PtmParams]
    pretrain: PretrainParams
    features: FeaturesParams
    encoders: dict[Name, EncoderParams] = Field(min_length=1)
    labels: LabelsParams
    truth: Name
    finetune: FinetuneParams
    methods: list[Name]
    spider: SpiderParams
    reports: ReportsParams

    @property
    def datasets(self) -> dict[str, DatasetParams]:
        """Sources and targets together; sources first."""
        return {**self.sources, **self.targets}

    @property
    def tasks(self) -> list[Task]:
        """The tasks of the targets, in their order."""
        return list(dict.fromkeys(target.task for target in self.targets.values()))

    def targets_of(self, task: Task) -> list[str]:
        return [name for name, target in self.targets.items() if target.task == task]

    def ptms_of(self, task: Task) -> list[str]:
        return [name for name, ptm in self.ptms.items() if ptm.task == task]

    def forwarded_by(self, ptm: str) -> list[str]:
        """Datasets that a PTM forwards: all of its task; beyond images, of the sources its own alone.

        Other sources than its own are for Model Spider, which ranks image PTMs.
        """
        spec = self.ptms[ptm]
        of_task = [name for name, dataset in self.datasets.items() if dataset.task == spec.task]
        return [name for name in of_task if spec.task == "image" or name in self.targets or name == spec.source]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an error message about an unknown name: the nearest known one, or the whole list."""
    known = sorted(known)
    near = get_close_matches(name, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"


def check_known(name: str, known: Iterable[str], what: str) -> None:
    """Raises ParamsError when `name` is none of `known`."""
    known = list(known)
    if name not in known:
        raise ParamsError(f"unknown {what} '{name}': {did_you_mean(name, known)}")


def load(path: str | Path = "params.yaml") -> Params:
    """Reads and checks params.yaml.

    Raises ParamsError naming every wrong key, with the nearest right one.
    """
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path}: not found; run from the root of the repository") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: not valid YAML: {error}") from None
    try:
        params = Params.model_validate(raw)
    except ValidationError as error:
        raise ParamsError(f"{path}: " + "; ".join(_sentence(e) for e in error.errors())) from None
    _check_names(params, path)
    return params


def _sentence(error: dict) -> str:
    """One validation error as a sentence a person can act on."""
    place = ".".join(str(part) for part in error["loc"]) or "the file"
    if error["type"] == "extra_forbidden":
        section = Params
        for part in error["loc"][:-1]:
            field = section.model_fields.get(part) if isinstance(part, str) else None
            inner = field.annotation if field else None
            if inner is None:  # the key of a dict of sections: stay in the section that the dict holds
                continue
            section = next((a for a in (inner, *getattr(inner, "__args__", ())) if hasattr(a, "model_fields")), section)
        return f"unknown key '{place}': {did_you_mean(str(error['loc'][-1]), section.model_fields)}"
    if error["type"] == "missing":
        return f"missing key '{place}'"
    return f"'{place}': {error['msg']}, got {error['input']!r}"


def _check_names(params: Params, path: Path) -> None:
    # Imported here: the rooms import this module for its errors.
    from stages.data import CORPORA, DATASETS, catalogue
    from stages.files import PUBLISHED
    from stages.scores import METHODS

    def fail(message: str) -> None:
        raise ParamsError(f"{path}: {message}")

    published = catalogue()
    for role, known in (("sources", [*DATASETS, *published, *CORPORA]), ("targets", [*DATASETS, *published])):
        for name, spec in getattr(params, role).items():
            if name not in known:
                fail(f"unknown dataset '{name}' in '{role}': {did_you_mean(name, known)}")
            if name in DATASETS and (spec.train is None or spec.test is None):
                fail(f"'{role}.{name}' needs 'train' and 'test', the numbers of images to take")
            if name in published and "image_size" in spec.model_fields_set:
                fail(f"'{role}.{name}': its images keep their published size; remove 'image_size'")
            if name in published and spec.task != published[name].task:
                fail(f"'{role}.{name}': its task is {published[name].task}; write 'task: {published[name].task}'")
    for name in params.sources.keys() & params.targets.keys():
        if params.sources[name] != params.targets[name]:
            fail(f"dataset '{name}' is a source and a target with different settings; make them equal")
    for name, ptm in params.ptms.items():
        if ptm.source not in params.sources:
            fail(f"ptms.{name}: unknown source '{ptm.source}': {did_you_mean(ptm.source, params.sources)}")
        if not ptm.public and ptm.source in CORPORA:
            fail(
                f"ptms.{name}: '{ptm.architecture}' would be trained here, but the images of '{ptm.source}' are not; "
                "for public weights give timm's full name, with its tag ('resnet18.a1_in1k')"
            )
        if ptm.init == "public" and not ("." in ptm.architecture or "/" in ptm.architecture):
            fail(f"ptms.{name}: 'init: public', but '{ptm.architecture}' names no weights; add their tag")
        if not ptm.public and params.sources[ptm.source].task != ptm.task:
            fail(f"ptms.{name}: its task is {ptm.task}, but that of its source '{ptm.source}' is "
                 f"{params.sources[ptm.source].task}")  # fmt: skip
        if ptm.samples is not None and ptm.task == "image":
            fail(f"ptms.{name}: 'samples' is for tasks with words; give the source fewer images instead")
        if ptm.task not in ("image", "tqa") and ptm.input_size is None and "/" not in ptm.architecture:
            fail(f"ptms.{name}: missing key 'input_size', which a PTM of the task {ptm.task} needs")
    for name, spec in params.targets.items():
        if not params.ptms_of(spec.task):
            fail(f"targets.{name}: no PTM is of its task, {spec.task}")
    tables = sorted(folder.parent.name for folder in PUBLISHED.glob("*/truth.csv"))
    if params.truth not in ("finetune", *tables):
        fail(f"'truth' is 'finetune' or a table of {PUBLISHED}: {did_you_mean(params.truth, ['finetune', *tables])}")
    for name, ranker in params.spider.rankers.items():
        for method in (*ranker.supervision, *ranker.evidence):
            if method not in (*METHODS, "held_out") or (method == "held_out" and method in ranker.evidence):
                fail(f"unknown method '{method}' in 'spider.rankers.{name}': {did_you_mean(method, METHODS)}")
    encoder = params.spider.encoder
    if params.spider.rankers and encoder not in params.ptms:
        fail(f"'spider.encoder': unknown PTM '{encoder}': {did_you_mean(encoder, params.ptms)}")
    known = [*METHODS, *params.spider.rankers]
    for method in params.methods:
        if method not in known:
            fail(f"unknown method '{method}' in 'methods': {did_you_mean(method, known)}")
