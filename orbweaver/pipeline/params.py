"""params.yaml, typed and checked: the only reader of the benchmark's parameters.

Every stage calls `load`; a misspelt key, an unknown name or a value of the wrong type stops it with a message that
names the key and suggests a known name that is near. `check_names` compares names that are defined elsewhere
(datasets, methods, tables) with the registries that it is given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from orbweaver.core.errors import UserError
from orbweaver.core.names import did_you_mean
from orbweaver.core.settings import (
    SUPERVISION,
    DatasetSettings,
    EncoderSettings,
    FeaturesSettings,
    FinetuneSettings,
    LabelsSettings,
    Name,
    PretrainSettings,
    PtmSettings,
    ReportsSettings,
    Section,
    SpiderSettings,
    candidates,
)


class ParamsError(UserError):
    """params.yaml asks for something that does not exist or cannot be."""


class Params(Section):
    """The whole of params.yaml; each section has a table of its own below.

    seed: of everything that is drawn or trained. threads: of each computation; fixed, as the last bits of a sum
    depend on it. sources: what PTMs are pre-trained on. targets: what PTMs are fine-tuned on and ranked for. ptms:
    the PTMs, the zoo. encoders: the text encoders of F-labels. truth: `finetune`, or the name of a table in
    data/published that is read instead. methods: names of the methods that rank the zoo, see `orbweaver explain`.
    """

    seed: int
    threads: int = Field(ge=1)
    sources: dict[Name, DatasetSettings]
    targets: dict[Name, DatasetSettings]
    ptms: dict[Name, PtmSettings]
    pretrain: PretrainSettings
    features: FeaturesSettings
    encoders: dict[Name, EncoderSettings] = Field(min_length=1)
    labels: LabelsSettings
    truth: Name
    finetune: FinetuneSettings
    methods: list[str]
    spider: SpiderSettings
    reports: ReportsSettings

    @property
    def roles(self) -> dict[str, str]:
        """Every dataset with its role, `sources` or `targets`; one that is both counts as a source."""
        return dict.fromkeys(self.targets, "targets") | dict.fromkeys(self.sources, "sources")

    def forwarded_by(self, ptm: str) -> dict[str, str]:
        """Datasets that a PTM may be run on, with their roles: targets and its source; for Model Spider all."""
        own = self.ptms[ptm].source
        return {
            name: role for name, role in self.roles.items() if role == "targets" or name == own or self.spider.encoder
        }

    def ptms_of(self, zoo: str) -> list[str]:
        """The candidates that were pre-trained to do a task."""
        return [name for name, ptm in candidates(self.ptms).items() if ptm.task == zoo]

    @property
    def ranked_by_spiders(self) -> list[str]:
        """The PTMs that Model Spider ranks: the candidates with its encoder's task; none without a ranker."""
        return self.ptms_of(self.ptms[self.spider.encoder].task) if self.spider.rankers else []


def load(path: Path) -> Params:
    """Reads params.yaml and checks all that can be checked within the file.

    Raises ParamsError naming every wrong key, with the nearest right one.
    """
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
    if wrong := _wrong(params):
        raise ParamsError(f"{path}: {wrong}")
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


def _wrong(params: Params) -> str:
    """The first contradiction between two parts of params.yaml; empty if there is none."""
    for name in params.sources.keys() & params.targets.keys():
        if params.sources[name] != params.targets[name]:
            return f"dataset '{name}' is a source and a target with different settings; make them equal"
    for name, ptm in params.ptms.items():
        if ptm.source not in params.sources:
            return f"ptms.{name}: unknown source '{ptm.source}': {did_you_mean(ptm.source, params.sources)}"
    return _wrong_of_spider(params)


def _wrong_of_spider(params: Params) -> str:
    encoder, rankers = params.spider.encoder, params.spider.rankers
    if rankers and encoder not in params.ptms:
        return f"'spider.encoder': unknown PTM '{encoder}': {did_you_mean(encoder, params.ptms)}"
    for name, ranker in rankers.items():
        if ranker.first == "evidence" and not ranker.evidence:
            return f"'spider.rankers.{name}': 'first: evidence', but it has no evidence; name methods under 'evidence'"
        inside = any(method.endswith("_inner") for method in (*ranker.supervision, *ranker.evidence))
        if inside and params.features.inner != "all":
            return (
                f"'spider.rankers.{name}' needs features from inside the PTMs on the sources; set 'features.inner: all'"
            )
        if "finetuned" in ranker.supervision and params.spider.episodes.tuned is None:
            return f"'spider.rankers.{name}': 'finetuned' supervises it, so set 'spider.episodes.tuned'"
        place = f"'spider.rankers.{name}.encoder'"
        if ranker.encoder and ranker.encoder not in params.ptms:
            return f"{place}: unknown PTM '{ranker.encoder}': {did_you_mean(ranker.encoder, params.ptms)}"
        if ranker.encoder and params.ptms[ranker.encoder].task != params.ptms[encoder].task:
            return f"{place}: '{ranker.encoder}' does not do the task of 'spider.encoder'; name a PTM that does"
    if rankers and not params.ranked_by_spiders:
        return f"'spider.encoder': '{encoder}' has no candidate of its task beside it to rank; add PTMs of that task"
    used = params.spider.encoders
    for name, ptm in params.ptms.items():
        if not ptm.candidate and name not in used:
            return f"ptms.{name}: it is no candidate and no encoder of Model Spider; nothing needs it, remove it"
    for mixture in params.spider.episodes.mixtures if isinstance(params.spider.episodes.mixtures, list) else []:
        for source in mixture:
            if source not in params.sources:
                near = did_you_mean(source, params.sources)
                return f"'spider.episodes.mixtures': unknown source '{source}': {near}"
    return ""


def check_names(
    params: Params,
    path: Path,
    *,
    zoo: Mapping[str, str],
    objectives: Mapping[str, Mapping[str, Collection[str]]],
    datasets: Mapping[str, str],
    sized: Collection[str],
    corpora: Collection[str],
    methods: Collection[str],
    tables: Collection[str],
) -> None:
    """Checks names that are defined elsewhere, before anything runs. Raises ParamsError naming the key.

    zoo: task -> the task that PTMs for it are pre-trained to do. objectives: what PTMs can learn instead of their task:
    objective -> task of the PTM -> tasks of the sources that it can be learnt on. datasets: dataset -> its task. sized:
    the datasets that need `train` and `test` and take an image size. corpora: sources that are known by name only.
    methods: the names of `orbweaver.methods`. tables: the published truths.
    """

    def fail(message: str) -> None:
        raise ParamsError(f"{path}: {message}")

    for role, known in (("sources", [*datasets, *corpora]), ("targets", [*datasets])):
        for name, spec in getattr(params, role).items():
            if spec.path is not None:
                if Path(spec.path).parts[:2] != ("data", "own") or ".." in Path(spec.path).parts:
                    fail(f"'{role}.{name}.path': put it below data/own, where DVC notices when it changes")
                continue
            if name not in known:
                fail(f"unknown dataset '{name}' in '{role}': {did_you_mean(name, known)}")
            if name in sized and (spec.train is None or spec.test is None):
                fail(f"'{role}.{name}' needs 'train' and 'test', the numbers of samples to take")
            if name in datasets and name not in sized and "image_size" in spec.model_fields_set:
                fail(f"'{role}.{name}': its images keep their published size; remove 'image_size'")
            if spec.task is not None and spec.task != datasets.get(name):
                fail(f"'{role}.{name}': its task is {datasets.get(name)}; remove 'task'")
    zoos = {*zoo.values()}
    for name, ptm in params.ptms.items():
        if ptm.task not in zoos:
            fail(f"ptms.{name}: no PTM is pre-trained to do '{ptm.task}': {did_you_mean(ptm.task, zoos)}")
        if ptm.objective is not None:
            if wrong := _unlearnable(ptm, objectives, datasets):
                fail(f"ptms.{name}: {wrong}")
        elif ptm.source in datasets and ptm.task != zoo[datasets[ptm.source]]:
            fail(
                f"ptms.{name}: its task is {ptm.task}, but that of its source '{ptm.source}' is {datasets[ptm.source]}"
            )
    for name in params.targets.keys() & datasets.keys():
        if not params.ptms_of(zoo[datasets[name]]):
            fail(f"targets.{name}: no candidate among PTMs can be fine-tuned to do its task, {datasets[name]}")
    if params.truth not in ("finetune", *tables):
        fail(f"'truth' is 'finetune' or a published table: {did_you_mean(params.truth, ['finetune', *tables])}")
    for name, ranker in params.spider.rankers.items():
        for method in (*ranker.supervision, *ranker.evidence):
            if method not in methods and not (method in SUPERVISION and method not in ranker.evidence):
                fail(f"unknown method '{method}' in 'spider.rankers.{name}': {did_you_mean(method, methods)}")
    known = [*methods, *params.spider.rankers]
    for method in params.methods:
        if method not in known:
            fail(f"unknown method '{method}' in 'methods': {did_you_mean(method, known)}")


def _unlearnable(
    ptm: PtmSettings, objectives: Mapping[str, Mapping[str, Collection[str]]], datasets: Mapping[str, str]
) -> str:
    """Why a PTM cannot learn by its objective on its source; empty if it can."""
    if ptm.objective not in objectives:
        return f"unknown objective '{ptm.objective}': {did_you_mean(ptm.objective, objectives)}"
    reads = objectives[ptm.objective].get(ptm.task, ())
    if not reads:
        able = [name for name, tasks in objectives.items() if ptm.task in tasks]
        return f"a PTM of {ptm.task} cannot learn by '{ptm.objective}'; it can by {', '.join(able) or 'its task alone'}"
    if datasets.get(ptm.source) not in reads:
        of = datasets.get(ptm.source, "known by name only")
        return f"'{ptm.objective}' is learnt on {', '.join(reads)}, but its source '{ptm.source}' is {of}"
    return ""
