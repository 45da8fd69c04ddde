"""The sections of params.yaml, as strictly typed models. Functions take only the section that they need."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$")]


class Section(BaseModel):
    """A section of params.yaml, or a part of one: no unknown keys, no silent conversions, no changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DatasetSettings(Section):
    """A dataset, and how much of it to take. Of a corpus that is known by name only (it has no samples here), nothing.

    train, test: numbers of samples. Left out, a published dataset is taken whole, and data at a `path` are split into
    three quarters and one quarter. image_size: pixels a side of images that are drawn here. variant: of a published
    dataset that is used in several forms. class_names: of a published dataset, "raw" as its files have them
    (`night_stand`), "readable" as people write them (`night stand`). path: your own data, a folder, CSV or Parquet,
    instead of a dataset that is known by its name. task, image_column, text_column, label_column: of the data at
    `path`, where the data themselves do not show it.
    """

    train: int | None = Field(default=None, ge=2)
    test: int | None = Field(default=None, ge=2)
    image_size: int = Field(default=64, ge=8)
    variant: Name | None = None
    class_names: Literal["readable", "raw"] = "readable"
    path: str | None = None
    task: str | None = None
    image_column: str | None = None
    text_column: str | None = None
    label_column: str | None = None


Precision = Literal["float32", "bfloat16"]


class PtmSettings(Section):
    """One pre-trained model (PTM), with public weights or trained here on its source.

    task: what it was pre-trained to do; it is paired with the targets that PTMs of this task can be fine-tuned on
    (`orbweaver.tasks.ZOO`). architecture: an image classifier with public weights is `name.tag` of timm,
    `torchvision/name` or `transformers/owner/name`; a bare `name` of timm is trained here. A PTM that reads or writes
    text is "<timm>+<text>" (a timm name with its tag starts from public weights), "<text>" where there are no images,
    or "<owner>/<name>" of the Hugging Face hub, where <text> is one of `orbweaver.models.text.ARCHITECTURES` or
    `PUBLIC`. source: the dataset that it was, or is, pre-trained on. input_size: pixels a side of its input, if not
    those of its weights. samples: how many of the source to train on; all if left out. init: train it here on its
    source, from random weights or from its public ones. objective: what it learns on its source
    (`orbweaver.tasks.objectives`) instead of its task; the source may then be of another task. candidate: false for a
    PTM that is not fine-tuned, scored or ranked, and only serves Model Spider as a general encoder.
    """

    task: Name = "image_classification"
    architecture: str
    source: Name
    input_size: int | None = Field(default=None, ge=8)
    samples: int | None = Field(default=None, ge=2)
    init: Literal["random", "public"] | None = None
    objective: Name | None = None
    candidate: bool = True

    @property
    def fingerprint(self) -> dict:
        """The settings that its weights depend on."""
        return self.model_dump(mode="json", exclude={"candidate"})


def candidates(ptms: dict[str, PtmSettings]) -> dict[str, PtmSettings]:
    """The PTMs that are fine-tuned, scored and ranked."""
    return {name: ptm for name, ptm in ptms.items() if ptm.candidate}


class PretrainSettings(Section):
    """How PTMs are trained here on their sources.

    augment: random crops and flips. precision: with bfloat16, matrix products are computed in it, by autocast.
    """

    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    augment: bool = False
    precision: Precision = "float32"


class FeaturesSettings(Section):
    """How features are extracted: in float32, since methods that invert a covariance depend on its last bits.

    batch_size: samples at a time; a batch that does not fit into memory is halved. inner: the datasets on which
    features from inside a PTM are extracted too, the targets or all; rankers that learn from such features need all.
    """

    batch_size: int = Field(ge=1)
    inner: Literal["targets", "all"] = "targets"


class EncoderSettings(Section):
    """A text encoder.

    model: a package that holds one (`orbweaver.models.text_encoders`), a folder, or an id on the Hugging Face hub.
    revision: a commit of the hub's repository.
    """

    model: str
    revision: str | None = None


class LabelsSettings(Section):
    """How targets become F-labels: texts that say the target, embedded by a text encoder (EMMS, arXiv 2308.06262).

    pooling: the mean over a text's tokens, or, as in EMMS' published code, over its tokens and padding. template: the
    text for a class; its name takes the place of {}.
    """

    pooling: Literal["masked_mean", "padded_mean"]
    template: str = Field(pattern=r"^[^{}]*\{\}[^{}]*$")
    batch_size: int = Field(ge=1)


Count = Annotated[int, Field(ge=1)]
Decay = Annotated[float, Field(ge=0)]


class FinetuneSettings(Section):
    """How PTMs are fine-tuned. Each learning rate is tried with each weight decay; held-out training samples choose.

    steps: the length of a run instead of `epochs`, rounded up to whole epochs. optimizer: sgd has Nesterov momentum 0.9
    and a weight decay of `weight_decay` / learning rate, as in SFDA's grid. augment: random crops and flips.
    precision: with bfloat16, matrix products are computed in it, by autocast. validation_fraction: share of the
    training samples that is held out. seeds: how many runs are made with the chosen learning rate and weight decay.
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


SUPERVISION = ("held_out", "held_out_inner", "finetuned")  # of a ranker, besides scores; see `RankerSettings`


class RankerSettings(Section):
    """One form of Model Spider: what supervises it and what it sees of a target.

    A ranker is the trained network. A forwarded PTM is one that is run on the target, so that its features are known.

    supervision: the order that it learns to predict: that of score methods, of `held_out` (a linear probe, on images
    that it was not fitted to), of `held_out_inner` (the same on features from inside the PTM) or of `finetuned`
    (fine-tuning on episodes, see `spider.episodes.tuned`); of several, their Borda count. evidence: score methods whose
    values for forwarded PTMs it sees. first: what ranks forwarded PTMs: the network, which sees everything, or the
    evidence, corrected by the network; the weight of the correction is chosen on left-out families, see
    `spider.evidence`. specific: a forwarded PTM's class means are appended to the encoder's, replace them, or are not
    used. prompts, normalise: see `Ranker`. own_source: learn also from episodes with classes of a PTM's own source.
    without: a family of datasets whose sources are left out of what it learns from; see `spider.rows.as_methods`.
    draws: the most episodes to train on. seeds: how many rankers are trained; their mean counts. forwards: the PTMs
    that are forwarded in training: random ones (as in the paper's code), or, in half of the batches, those that score
    highest so far, as at inference. keep: the weights of the epoch that validates best, or of the last (as in the
    paper's code). drop: share of the PTMs and of the evidence that is hidden in a training batch, whole families of
    PTMs among them, so that a PTM that it never learned from can be ranked by its card and its evidence; see
    `spider.strangers`. encoder, width, epochs, learning_rate: where given, used instead of what all rankers share.
    """

    supervision: list[Name] = Field(min_length=1)
    evidence: list[Name] = Field(default=[])
    first: Literal["network", "evidence"] = "network"
    specific: Literal["append", "replace", "none"] = "append"
    prompts: bool = True
    normalise: bool = True
    own_source: bool = True
    without: str = ""
    weight_decay: float = Field(default=0.0, ge=0)
    draws: int | None = Field(default=None, ge=1)
    seeds: int = Field(default=1, ge=1)
    forwards: Literal["random", "half_best"] = "half_best"
    keep: Literal["best", "last"] = "best"
    drop: float = Field(default=0.0, ge=0, lt=1)
    encoder: Name | None = None
    width: int | None = Field(default=None, ge=1)
    epochs: int | None = Field(default=None, ge=1)
    learning_rate: float | None = Field(default=None, gt=0)


class TunedSettings(FinetuneSettings):
    """How all PTMs are fine-tuned on episodes; the other keys are those of `finetune`.

    draws: on how many episodes.
    """

    draws: int = Field(ge=2)


class EpisodeSettings(Section):
    """How episodes, Model Spider's training tasks, are drawn: small classification tasks with classes of the sources.

    mixtures: the sets of sources that episodes are drawn from: how many random ones, or a list that says for each
    mixture how many classes it has of which source. alone: share of the random mixtures whose sources are all of one
    family. draws: episodes of each mixture. validation: share of the sources' classes, and of the mixtures, that is
    only used to validate. ways: the most classes of an episode. shots: the most images of a class. bins: how many
    pseudo-classes stand for the values of a regression, where none are published (`spider.tokens.PUBLISHED`). tuned:
    how PTMs are fine-tuned on episodes, for rankers with the supervision `finetuned`.
    """

    mixtures: Annotated[int, Field(ge=2)] | Annotated[list[dict[Name, Count]], Field(min_length=2)] = 13
    alone: float = Field(default=0.0, ge=0, le=1)
    draws: int = Field(default=64, ge=1)
    validation: float = Field(default=0.25, gt=0, le=0.5)
    ways: int = Field(default=100, ge=2)
    shots: int = Field(default=50, ge=1)
    bins: int = Field(default=10, ge=2)
    tuned: TunedSettings | None = None


class SpiderSettings(Section):
    """Model Spider: its episodes, and the rankers that learn from them. Without rankers no episodes are drawn.

    encoder: the PTM whose class means describe a target; it need not be a candidate. If one is given, every PTM is run
    on every source.
    """

    encoder: Name | Literal[""] = ""
    episodes: EpisodeSettings = EpisodeSettings()
    width: int = Field(default=1024, ge=1)
    epochs: int = Field(default=30, ge=1)
    batch_size: int = Field(default=16, ge=1)
    learning_rate: float = Field(default=2.5e-4, gt=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    rankers: dict[Name, RankerSettings]

    def filled(self, spec: RankerSettings) -> RankerSettings:
        """A ranker's settings; those that it does not set itself are the ones that all rankers share."""
        shared = ("encoder", "width", "epochs", "learning_rate")
        return spec.model_copy(update={key: getattr(self, key) for key in shared if getattr(spec, key) is None})

    @property
    def encoders(self) -> list[str]:
        """The general encoders of all rankers."""
        return list(dict.fromkeys(self.filled(spec).encoder for spec in self.rankers.values()))


class ReportsSettings(Section):
    """How results are reported. bootstrap: resamples of each interval."""

    bootstrap: int = Field(ge=10)
