"""The prior: its features, its fit against another solution of the same problem, and the published truths behind it."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from orbweaver.core.errors import FileError, UnknownName
from orbweaver.metrics.tau import weighted_tau
from orbweaver.select import facts
from orbweaver.select.prior import fit as prior_fit
from orbweaver.select.prior import page as prior_page
from orbweaver.select.prior import truths
from orbweaver.select.prior.prior import COEFFICIENTS, FEATURES, SCALED, features, parts, prior
from orbweaver.select.prior.truths import Zoo
from tests.conftest import ROOT

PUBLISHED = ROOT / "data" / "published"


def zoo(name: str, group: str, generator: np.random.Generator, weights: dict[str, float], targets: list[str]) -> Zoo:
    """A zoo whose truth follows from some facts, up to noise."""
    table = facts.of_timm()
    drawn = table.index.map(lambda ptm: zlib.crc32(f"{name} {ptm}".encode()))  # nearly the same PTMs of an older timm
    rows = table.iloc[np.argsort(drawn)[:25]]
    x = features(rows)
    truth = {t: 50 + 9 * (x[list(weights)] @ pd.Series(weights)) + generator.normal(0, 0.5, 25) for t in targets}
    return Zoo(name, group, pd.DataFrame(truth).T, rows, 25)


@pytest.fixture
def zoos() -> list[Zoo]:
    generator = np.random.default_rng(0)
    weights = {"top1": 1.0, "transformer": -1.0}
    return [zoo("one", "a", generator, weights, ["x", "y", "z"]), zoo("two", "b", generator, weights, ["y", "w", "v"])]


def test_features_are_standardised_over_timms_results() -> None:
    table = features(facts.imagenet_results().assign(parameters=lambda t: t["parameters_m"] * 1e6))
    assert list(table) == list(FEATURES)
    np.testing.assert_allclose(table[list(SCALED)].mean(), 0, atol=1e-9)
    np.testing.assert_allclose(table[list(SCALED)].std(), 1, atol=1e-9)
    # beyond what top-1 lets expect: nothing of it is left, but for PTMs whose results lack a variant
    np.testing.assert_allclose(table[["robust", "clean"]].corrwith(table["top1"]), 0, atol=1e-4)


def test_what_is_not_known_is_what_the_rest_lets_expect() -> None:
    whole = facts.of_timm()
    unknown = features(whole[["parameters", "gmacs", "kind"]])
    assert unknown[["robust", "clean"]].std().max() < 1e-9
    assert np.corrcoef(unknown["top1"], features(whole)["top1"])[0, 1] > 0.6
    assert np.corrcoef(features(whole[["parameters"]])["compute"], features(whole)["compute"])[0, 1] > 0.6
    assert features(whole[["parameters"]]).notna().all(axis=None)


def test_ridge_is_the_ridge_of_scikit_learn(zoos: list[Zoo]) -> None:
    """An oracle by rows: each row of a block weighs (weight of the block) / (its rows)."""
    blocks = prior_fit.blocks_of(zoos)
    chosen, penalty = ("size", "top1", "transformer"), 0.07
    of = [list(FEATURES).index(name) for name in chosen]
    rows, values, weights = [], [], []
    for block in blocks:
        rows.append(block.features[:, of] - block.features[:, of].mean(axis=0))
        values.append((block.truth - block.truth.mean()) / block.truth.std())
        share = 0.5 / sum(other.group == block.group for other in blocks)
        weights += [share / len(block.truth)] * len(block.truth)
    oracle = Ridge(alpha=penalty, fit_intercept=False).fit(np.vstack(rows), np.concatenate(values), weights)
    found = prior_fit.ridge(blocks, [(chosen, penalty)])[0].coefficients
    np.testing.assert_allclose(found[of], oracle.coef_, rtol=1e-8)
    assert np.count_nonzero(found) == 3


def test_the_facts_that_made_a_truth_are_found_and_predict_unseen_targets(zoos: list[Zoo]) -> None:
    blocks = prior_fit.blocks_of(zoos)
    assert {"top1", "transformer"} <= set(prior_fit.choose(blocks)[0])
    figures = prior_fit.compared(zoos[0], prior_fit.Unseen(blocks)).table()["tau"]
    assert figures["prior"] > 0.8 and figures["prior, such PTMs unseen"] > 0.8
    assert figures["prior"] > figures["parameters"] + 0.3


def test_a_targets_own_truth_takes_no_part_in_its_prior(zoos: list[Zoo]) -> None:
    """Turning round the truth of y, in both zoos, changes the prior of other targets and not that of y."""
    turned = [Zoo(z.name, z.group, z.truth.assign(), z.facts, z.matched) for z in zoos]
    for each in turned:
        each.truth.loc["y"] = -each.truth.loc["y"]
    before, after = (prior_fit.Unseen(prior_fit.blocks_of(of)) for of in (zoos, turned))
    np.testing.assert_array_equal(before("y").coefficients, after("y").coefficients)
    np.testing.assert_array_equal(before("y", "a").coefficients, after("y", "a").coefficients)
    assert not np.allclose(before("x").coefficients, after("x").coefficients)


def test_a_group_that_is_left_out_takes_no_part(zoos: list[Zoo]) -> None:
    other = [zoos[0], Zoo("two", "b", -zoos[1].truth, zoos[1].facts, 25)]
    before, after = (prior_fit.Unseen(prior_fit.blocks_of(of))("w", "b") for of in (zoos, other))
    np.testing.assert_array_equal(before.coefficients, after.coefficients)


def test_elsewhere_never_uses_the_same_pictures() -> None:
    truth = pd.DataFrame({"a": [1.0, 1.0, 3.0], "b": [2.0, 2.0, 1.0], "c": [3.0, 3.0, 2.0]},
                         index=["smallnorb_azimuth", "smallnorb_elevation", "dtd"])  # fmt: skip
    scores = prior_fit.elsewhere(truth)
    assert scores.loc["smallnorb_azimuth"].tolist() == [1.0, 0.0, 0.5]  # dtd alone
    assert scores.loc["dtd"].tolist() == [0.0, 0.5, 1.0]


def test_the_prior_of_names_is_that_of_their_facts_and_the_sum_of_its_parts() -> None:
    names = ["timm/resnet18.a1_in1k", "hub/google-bert/bert-base-cased", "timm/convnext_base.fb_in22k_ft_in1k"]
    found = prior(names)
    assert found.index.tolist() == names and np.isnan(found.iloc[1])
    assert found.iloc[2] > found.iloc[0]
    rows = facts.of_timm().loc[[names[0], names[2]]]
    np.testing.assert_allclose(prior(rows), found.dropna())
    np.testing.assert_allclose(parts(rows).sum(axis=1), found.dropna())
    with pytest.raises(UnknownName, match=r"did you mean 'timm/resnet18.a1_in1k'"):
        prior(["timm/resnet18.a1_in"])


def test_beyond_the_published_ptms_nothing_is_extrapolated() -> None:
    fitted = json.loads(COEFFICIENTS.read_text())
    huge = pd.DataFrame({"parameters": [1e10, 1e13], "gmacs": [1e5, 1e8], "top1": [90.0, 99.0]}, index=["a", "b"])
    known = {name for name in fitted["coefficients"] if name in ("size", "compute", "top1")}
    assert known and (parts(huge).loc["a", list(known)] == parts(huge).loc["b", list(known)]).all()


def test_published_ptms_have_the_facts_of_the_rows_that_stand_for_them() -> None:
    zoos = {each.name: each for each in truths.read(PUBLISHED)}
    shapes = {name: (each.truth.shape[::-1], each.matched) for name, each in zoos.items()}
    assert shapes == {
        "transfergraph": ((179, 12), 169),
        "emms_vit": ((13, 11), 7),
        "emms_cnn": ((11, 11), 8),
        "single_source": ((10, 8), 7),
        "itm": ((20, 11), 11),
        "multi_source": ((42, 7), 42),
        "parc": ((32, 7), 16),
    }
    hub = zoos["transfergraph"].facts
    assert hub.loc["microsoft--swin-tiny-patch4-window7-224", "top1"] == 81.388
    assert not prior_fit.as_published(zoos["transfergraph"]).facts["narrow"].fillna(False).any()
    assert hub.loc["nateraw--vit-base-beans", "narrow"] and hub.loc["nateraw--vit-base-beans", "top1"] == 81.782
    assert zoos["parc"].facts.loc["alexnet_imagenet", "top1"] == 56.522
    for each in zoos.values():  # what stands for a PTM is of its size
        own = pd.read_csv(PUBLISHED / "transfergraph" / "ptms.csv").set_index("ptm")["n_parameters"]
        if each.name == "transfergraph":
            ratio = own.reindex(each.facts.index) / each.facts["parameters"]
            assert ratio.dropna().between(0.9, 1.35).all(), ratio[~ratio.between(0.9, 1.35)]


def test_the_packages_prior_is_the_fit_on_the_published_truths() -> None:
    fitted = json.loads(COEFFICIENTS.read_text())
    blocks = prior_fit.blocks_of(truths.read(PUBLISHED))
    found = prior_fit.ridge(blocks, [(tuple(fitted["coefficients"]), fitted["penalty"])])[0].coefficients
    expected = [fitted["coefficients"].get(name, 0.0) for name in FEATURES]
    np.testing.assert_allclose(found, expected, atol=0.0051)


def test_the_page_says_what_parameters_reach_alone() -> None:
    """By another way: tau of the published parameters themselves, where no two PTMs tie by facts."""
    zoo = next(each for each in truths.read(PUBLISHED) if each.name == "emms_cnn")
    size = zoo.facts["parameters"]
    mean = np.mean([weighted_tau(row, size[zoo.truth.columns]) for _, row in zoo.truth.iterrows()])
    row = next(
        line for line in (ROOT / "docs" / "prior.md").read_text().splitlines() if line.startswith("| emms_cnn |")
    )
    assert f"{mean:.2f} (" in row.split("|")[5]


def test_the_page_says_how_its_lead_over_top_1_is_to_be_read() -> None:
    names = ["prior", "unseen", "parameters", "top-1", "elsewhere"]
    table = pd.DataFrame({"tau": 0.5, "low": 0.4, "high": 0.6, "lead": [0, 0, 0.3, 0.05, 0.1]}, index=names)
    page = prior_page.page([], {"all": table.assign(lead_low=-0.07, lead_high=0.16)}, {}, 0.01)
    assert "over top-1 alone it is\n+0.05 (-0.07 .. +0.16). Model Spider and stacking do not take" in page
    printed = (ROOT / "docs/prior.md").read_text()
    of_all = next(line for line in printed.splitlines() if line.startswith("| all, groups alike | +"))
    assert f"over top-1 alone it is\n{of_all.split(' | ')[2]}. Model" in printed


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"transfergraph/truth.csv: not found"):
        truths.read(tmp_path)
