"""Settings as params.yaml has them, typed and strict. Whoever computes takes those that it needs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$")]


class Section(BaseModel):
    """One entry of params.yaml, or a part of one: no unknown keys, no silent conversions, no changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DatasetSettings(Section):
    """How much of a dataset to take. A corpus that is known by name only (no images here) has neither.

    variant: of a published dataset that is used in several forms. class_names: of a published dataset, "raw" as its
    files have them (`night_stand`), else as people write them. path: a folder, CSV or Parquet of one's own, instead of
    a dataset that is known by its name. task, image_column, text_column, label_column: of such a path, where they
    cannot be told from it.
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
    """One pre-trained model: `arch.tag` carries public weights, a bare `arch` is trained here on its source.

    So do `torchvision/name` and `transformers/owner/name`. init: trained here on its source all the same, from its
    public weights or from random ones. task: what it was pre-trained to do; it is paired with the targets that PTMs of
    this task can be fine-tuned on (`orbweaver.tasks.ZOO`). Beyond images, `arch` is "<timm>+<text>" (a timm name with
    its tag starts from public weights), "<text>" where there are no images, or "<owner>/<name>" of the Hugging Face
    hub; texts are `orbweaver.models.text.ARCHITECTURES` and `PUBLIC`. samples: how many of the source to train on; all
    where it is not said. objective: what it learns on its source (`orbweaver.tasks.objectives`) where that is not its
    task; the source may then be of another one. candidate: nobody asks whether to fine-tune one that is none; it is
    there as a general encoder of Model Spider.
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
        """What its weights depend on."""
        return self.model_dump(mode="json", exclude={"candidate"})


def candidates(ptms: dict[str, PtmSettings]) -> dict[str, PtmSettings]:
    """Those of them that are fine-tuned, scored and ranked."""
    return {name: ptm for name, ptm in ptms.items() if ptm.candidate}


class PretrainSettings(Section):
    """augment: random crops and flips. precision: bfloat16 computes products in it, by autocast."""

    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    augment: bool = False
    precision: Precision = "float32"


class FeaturesSettings(Section):
    """Always in float32: methods that invert a covariance see its last bits. A batch that does not fit is halved.

    inner: which datasets PTMs give features from inside of: targets, or all, for rankers that learn from them.
    """

    batch_size: int = Field(ge=1)
    inner: Literal["targets", "all"] = "targets"


class EncoderSettings(Section):
    """A text encoder: a package that holds one (`orbweaver.models.text_encoders`), a folder, or an id on the hub."""

    model: str
    revision: str | None = None


class LabelsSettings(Section):
    """How texts become F-labels. template: of class names, which stand in the place of {}."""

    pooling: Literal["masked_mean", "padded_mean"]
    template: str = Field(pattern=r"^[^{}]*\{\}[^{}]*$")
    batch_size: int = Field(ge=1)


Count = Annotated[int, Field(ge=1)]
Decay = Annotated[float, Field(ge=0)]


class FinetuneSettings(Section):
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


SUPERVISION = ("held_out", "held_out_inner", "finetuned")  # of a ranker, besides scores; see `RankerSettings`


class RankerSettings(Section):
    """One form of Model Spider: what supervises it and what it sees of a target.

    supervision: score methods, `held_out` (a linear probe, on images that it was not fitted to), `held_out_inner` (on
    features from inside the PTM) or `finetuned` (the truth of `tuned` episodes); of several, their Borda count.
    evidence: score methods whose values for forwarded PTMs it sees. first: what counts of a forwarded PTM: what the
    network makes of all, or the evidence, which the network corrects by a share that left-out families choose; see
    `spider.evidence`. specific: a forwarded PTM's class means stand behind the encoder's, in their place, or
    nowhere. prompts, normalise: see `Ranker`. own_source: learn also from episodes with classes of a PTM's own source.
    without: a family of datasets whose sources are left out of what it learns from; see `spider.rows.as_methods`.
    draws: train on so many episodes at most. seeds: so many rankers, whose mean counts.
    forwards: in training random PTMs are forwarded (as the paper's code), or in half of the batches those that score
    highest so far, as inference will. keep: the weights of the epoch that validates best, or the last (as its code).
    drop: share of the PTMs and of the evidence that a batch does not know, whole families of PTMs among them, so that
    one that was never learned from can be ranked by its card and its evidence; see `spider.strangers`.
    encoder, width, epochs, learning_rate: where they differ from all rankers'; see `SpiderSettings.filled`.
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
    """How all PTMs are fine-tuned on episodes; draws: on so many of them."""

    draws: int = Field(ge=2)


class EpisodeSettings(Section):
    """What episodes, Model Spider's training tasks, are drawn like.

    mixtures: of sources; so many at random, or these, each of so many classes of each source. alone: share of those at
    random whose sources are all of one family. draws: of each mixture. validation: share of the sources' classes, and
    of the mixtures, that only validates. ways: classes at most; shots: images of a class at most. bins: pseudo-classes
    of a regression, where none are published (`spider.tokens.PUBLISHED`). tuned: what `finetuned` means where it
    supervises a ranker.
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
    """Model Spider: its episodes, and the rankers that learn from them. Without rankers nothing is drawn.

    encoder: the PTM whose class means describe a target; with one, every PTM forwards every source. It need not be a
    candidate.
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
        """A ranker's settings with those that it shares with all."""
        shared = ("encoder", "width", "epochs", "learning_rate")
        return spec.model_copy(update={key: getattr(self, key) for key in shared if getattr(spec, key) is None})

    @property
    def encoders(self) -> list[str]:
        """The general encoders of all rankers."""
        return list(dict.fromkeys(self.filled(spec).encoder for spec in self.rankers.values()))


class ReportsSettings(Section):
    bootstrap: int = Field(ge=10)
