"""Replays of the published tables: what their own papers and a first count give, and properties of completion."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import weightedtau

from orbweaver.core.errors import FileError
from orbweaver.metrics.intervals import times_drawn
from orbweaver.metrics.tau import weighted_tau
from orbweaver.models.catalogue import catalogue
from orbweaver.report import laboratories, replays
from orbweaver.report.completion import complete, factors, leave_one_out, places
from tests.conftest import ROOT

PUBLISHED = ROOT / "data/published"
BENCHMARKS = ROOT / "orbweaver/pipeline/benchmarks"
SHAPES = {
    "transfergraph": (12, 180), "multi_source": (6, 42), "parc": (7, 32), "itm": (11, 20), "emms_vit": (11, 13),
    "sfda_ssl": (11, 12), "emms_cnn": (11, 11), "sfda_cnn_head": (11, 11), "single_source": (8, 10),
    "emms_caption": (5, 9),
}  # fmt: skip


@pytest.fixture(scope="module")
def zoos() -> dict[str, replays.Published]:
    return {name: replays.load(PUBLISHED, name) for name in replays.ZOOS}


@pytest.fixture(scope="module")
def found() -> dict[str, pd.DataFrame]:
    return laboratories.truths(PUBLISHED)


def by_hand(truth: np.ndarray, scores: np.ndarray) -> float:
    """Weighted tau over pairs, weights by the true order: the definition, written once more."""
    order = np.lexsort((-scores, -truth))
    weight = np.empty(len(truth))
    weight[order] = 1 / (np.arange(len(truth)) + 1)
    over = [(i, j) for i in range(len(truth)) for j in range(i)]
    w = np.array([weight[i] + weight[j] for i, j in over])
    t, s = (np.sign([v[i] - v[j] for i, j in over]) for v in (truth, scores))
    return float((w * t * s).sum() / np.sqrt((w * t**2).sum() * (w * s**2).sum()))


@pytest.mark.parametrize("name", list(SHAPES))
def test_every_table_is_complete(zoos, name):
    zoo = zoos[name]
    assert zoo.truth.shape == SHAPES[name]
    assert list(zoo.cards["ptm"]) == list(zoo.truth.columns)
    missing = zoo.truth.isna().sum().sum()
    assert missing == {"transfergraph": 19, "parc": 28}.get(name, 0)  # parc: no PTM on its own source
    assert zoo.truth.max(axis=None) <= 100


def test_source_accuracies_of_emms_vits_are_those_of_the_catalogue(zoos):
    names = yaml.safe_load((BENCHMARKS / "emms_vit.yaml").read_text())["ptms"]
    entries = {ptm: catalogue()[spec["architecture"]].accuracy for ptm, spec in names.items()}
    published = zoos["emms_vit"].cards.set_index("ptm")["source_accuracy"]
    assert published.astype(object).where(published.notna(), None).to_dict() == entries
    assert (entries["deit_small"], entries["swin_t"]) == (79.9, 81.2)


@pytest.mark.parametrize(
    ("name", "ptm", "dataset", "value"),
    [
        ("transfergraph", "aftabhussain--tomato_leaf_classifier", "eurosat", 98.6),
        ("parc", "resnet50_nabirds", "cifar10", 89.97),
        ("itm", "mae_vitl16", "aircraft", 85.30),
        ("sfda_ssl", "byol", "aircraft", 82.10),
        ("sfda_cnn_head", "inception_v3", "cars", 27.60),
    ],
)
def test_cells_are_those_of_the_sources(zoos, name, ptm, dataset, value):
    assert zoos[name].truth.loc[dataset, ptm] == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "method", "mean"),
    [  # a first count on TransferGraph
        ("transfergraph", "parameters", 0.46),
        ("transfergraph", "source_accuracy", -0.13),
        ("transfergraph", "mean_truth_elsewhere", 0.55),
    ],
)
def test_what_ranks_without_a_look(zoos, name, method, mean):
    zoo = zoos[name]
    scores = replays.blind(zoo)[method]
    values = []
    for truth, score in zip(zoo.truth.to_numpy(), scores, strict=True):
        both = ~np.isnan(truth) & ~np.isnan(score)
        values.append(weightedtau(truth[both], score[both], rank=None).statistic)
    assert np.mean(values) == pytest.approx(mean, abs=0.005)


@pytest.mark.parametrize(
    ("name", "method", "mean"),
    [  # scipy's default; the constants that were counted from the tables of EMMS and SFDA
        ("emms_cnn", "mean_truth_elsewhere", 0.837),
        ("emms_cnn", "source_accuracy", 0.654),
        ("emms_cnn", "parameters", 0.578),
        ("emms_vit", "mean_truth_elsewhere", 0.777),
        ("emms_caption", "mean_truth_elsewhere", 0.557),
    ],
)
def test_constants_under_the_other_convention(zoos, name, method, mean):
    truth, scores = zoos[name].truth.to_numpy(), replays.blind(zoos[name])[method]
    taus = [weightedtau(t, s).statistic for t, s in zip(truth, scores, strict=True)]
    assert np.mean(taus) == pytest.approx(mean, abs=0.001)


def test_a_sibling_has_no_part_in_the_mean_of_other_families(zoos):
    zoo = zoos["emms_cnn"]
    changed = replays.Published(zoo.truth.copy(), zoo.cards)
    changed.truth.loc["cifar100"] = zoo.truth.loc["cifar100"].to_numpy()[::-1]
    row = list(zoo.truth.index).index("cifar10")
    before, after = replays.blind(zoo), replays.blind(changed)
    np.testing.assert_array_equal(before[replays.OTHERS][row], after[replays.OTHERS][row])
    assert (before["mean_truth_elsewhere"][row] != after["mean_truth_elsewhere"][row]).any()


def test_printed_scores_come_back(zoos):
    made = replays.printed(PUBLISHED, zoos, seed=0, n_resamples=20)
    assert (made["matching"].sum(), made["cells"].sum()) == (69, 72)
    rows = made.set_index(["zoo", "method"])
    for method, mean in {"sfda": 0.710, "nleep": 0.611, "logme": 0.509, "parc": 0.467, "leep": 0.410}.items():
        assert rows.loc[("emms_cnn", method), "printed"] == pytest.approx(mean, abs=0.0006)
        assert rows.loc[("emms_cnn", "mean_truth_elsewhere"), "replayed"] > mean  # as the page says
    assert rows.loc[("single_source", "model_spider"), "printed"] == 0.8
    scores = made[made["cells"].notna()]["replayed"]
    assert rows.loc[("single_source", "source_accuracy"), "replayed"] > scores.max()  # as the page says


# --- laboratories ---


@pytest.mark.parametrize(
    ("truth", "scores", "mean", "aircraft"),
    [("SFDA", "TLL", 0.60, 0.25), ("SFDA", "ITM", 0.71, 0.40), ("TLL", "ITM", 0.37, 0.15)],
)
def test_the_first_count_of_agreement_comes_back(found, truth, scores, mean, aircraft):
    rows = laboratories.agreement(found).query("truth == @truth and scores == @scores")
    assert rows["weighted_tau"].mean() == pytest.approx(mean, abs=0.005)
    of_aircraft = rows.set_index("dataset")["weighted_tau"]["aircraft"]
    assert of_aircraft == pytest.approx(aircraft, abs=0.005)
    shared = [ptm for ptm in laboratories.PTMS if ptm in found[truth] and ptm in found[scores]]
    a, b = (found[one].loc["aircraft", shared].to_numpy() for one in (truth, scores))
    assert of_aircraft == pytest.approx(by_hand(a, b), abs=1e-12)


def test_both_ways_are_scipys_default(found):
    rows = laboratories.summary(found, seed=0, n_resamples=50)
    rows = rows[rows["weighed_by"] == "both"].set_index(["first", "second"])
    for (first, second), row in rows.iterrows():
        shared = [ptm for ptm in laboratories.PTMS if ptm in found[first] and ptm in found[second]]
        datasets = [name for name in found[first].index if name in found[second].index]
        taus = [weightedtau(*(found[one].loc[name, shared] for one in (first, second))).statistic for name in datasets]
        assert row["mean"] == pytest.approx(np.mean(taus), abs=1e-12)
        assert (row["datasets"], row["ptms"]) == (len(datasets), len(shared))
        assert row["low"] < row["mean"] < row["high"]


def test_inception_is_first_where_the_page_says_so(found):
    firsts = {laboratory: (table.idxmax(axis=1) == "inception_v3").sum() for laboratory, table in found.items()}
    assert firsts == {"SFDA": 0, "TLL": 4, "ITM": 0}


def test_noise_between_laboratories_is_the_spread_of_their_difference(found):
    both = found["SFDA"].loc["voc2007"] - found["ITM"].loc["voc2007", found["SFDA"].columns]  # TLL has no voc2007
    noise = laboratories.noise(found)
    assert noise.loc["voc2007", "SFDA"] == noise.loc["voc2007", "ITM"] == pytest.approx(both.std() / np.sqrt(2))
    assert np.isnan(noise.loc["voc2007", "TLL"])


def test_a_table_that_lacks_a_ptm_is_named(tmp_path: Path):
    for folder in laboratories.TABLES.values():
        (tmp_path / folder).mkdir()
        rows = pd.read_csv(PUBLISHED / folder / "truth.csv")
        rows[rows["dataset"].str.lower() != "cars"].to_csv(tmp_path / folder / "truth.csv", index=False)
    with pytest.raises(FileError, match=r"emms_cnn/truth\.csv: lacks a dataset or a PTM"):
        laboratories.truths(tmp_path)


# --- completion ---


def zoo_of_rank_one(targets: int, ptms: int, seed: int) -> np.ndarray:
    """Truths with a general order and one direction in which PTMs and targets differ."""
    generator = np.random.default_rng(seed)
    general, own, loads = generator.normal(size=ptms), generator.normal(size=ptms), generator.normal(size=targets)
    return general + 2 * loads[:, None] * own


def test_completion_finds_the_direction_that_the_mean_cannot():
    done = leave_one_out(zoo_of_rank_one(8, 60, 0), k=10, draws=3, seed=0)
    truth = zoo_of_rank_one(8, 60, 0)

    def mean(draws: np.ndarray) -> float:
        return np.mean([stats.spearmanr(t, s, nan_policy="omit").statistic for one in draws
                        for t, s in zip(truth, one, strict=True)])  # fmt: skip

    assert mean(done.scores) > mean(done.prior) + 0.3
    assert all(rank > 0 for rank, _ in done.chosen)


def test_completion_keeps_the_prior_where_there_is_nothing_else():
    generator = np.random.default_rng(1)
    truth = generator.normal(size=30) + 0.3 * generator.normal(size=(9, 30))
    done = leave_one_out(truth, k=5, draws=3, seed=0)
    gap = np.nanmean(np.abs(done.scores - done.prior))
    assert gap < 0.03
    assert np.isnan(done.scores).sum() == np.isnan(done.prior).sum() == 3 * 9 * 5  # the known are no exam


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000))
def test_the_examined_target_has_no_part_in_the_choice(seed: int):
    """Its unknown truth, and its scale, change nothing."""
    truth = zoo_of_rank_one(4, 8, seed)
    done = leave_one_out(truth, k=2, draws=1, seed=seed)
    known = np.isnan(done.scores[0, 1])
    changed = truth.copy()
    changed[1] = np.where(known, np.exp(truth[1]), np.random.default_rng(seed).normal(size=8))
    again = leave_one_out(changed, k=2, draws=1, seed=seed)
    assert again.chosen[1] == done.chosen[1]
    np.testing.assert_array_equal(again.scores[:, 1], done.scores[:, 1])


def test_completion_is_the_posterior_mean_of_a_gaussian():
    """m + F u is E[y | y_K] of y ~ N(m, F F^T) seen through noise, by the textbook's conditional."""
    generator = np.random.default_rng(3)
    mean, f = factors(generator.random((6, 9)))
    known, rank, ridge = np.array([1, 4, 7]), 2, 0.2
    values = np.array([0.5, 0.2, 0.9])
    cov = f[:, :rank] @ f[:, :rank].T
    gain = cov[:, known] @ np.linalg.inv(cov[np.ix_(known, known)] + ridge * np.eye(3))
    expected = mean + gain @ (np.array([2, 1, 3]) / 4 - mean[known])
    np.testing.assert_allclose(complete(mean, f, known, values, rank, ridge), expected, atol=1e-12)


def test_places_and_factors():
    truth = np.array([[3.0, 1.0, 2.0, np.nan], [5.0, 5.0, 0.0, 9.0]])
    np.testing.assert_allclose(places(truth), [[1, 0, 0.5, np.nan], [0.5, 0.5, 0, 1]])
    mean, f = factors(places(truth))
    np.testing.assert_allclose(mean, [0.75, 0.25, 0.25, 1])
    deviations = np.array([[0.25, -0.25, 0.25, 0], [-0.25, 0.25, -0.25, 0]])
    np.testing.assert_allclose(f @ f.T, deviations.T @ deviations, atol=1e-12)


def test_too_few_are_refused():
    with pytest.raises(ValueError, match="three targets, got 2"):
        leave_one_out(np.ones((2, 5)), k=1, draws=1, seed=0)
    with pytest.raises(ValueError, match="5 known PTMs leave none to rank: a target has 5"):
        leave_one_out(zoo_of_rank_one(4, 5, 0), k=5, draws=1, seed=0)


# --- the page ---


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 6))
def test_taus_of_resamples_are_those_of_the_ptms_drawn(seed: int, n: int, levels: int):
    """With ties in truth and scores, and where one of the two is unknown or constant."""
    generator = np.random.default_rng(seed)
    truth, scores = generator.integers(levels, size=(2, 3, n)).astype(float)
    truth[generator.random((3, n)) < 0.2] = scores[generator.random((3, n)) < 0.2] = np.nan
    ptms = generator.integers(n, size=(5, n))
    expected = [[weighted_tau(t[one], s[one]) for t, s in zip(truth, scores, strict=True)] for one in ptms]
    np.testing.assert_allclose(replays.taus(truth, scores, times_drawn(ptms)), expected, atol=1e-11)


def test_near_copies_are_of_one_source_and_architecture(zoos):
    copies = replays.near_copies(zoos["transfergraph"])
    assert sorted(map(len, copies)) == [3, 4, 6, 6, 8, 11]
    cards = zoos["transfergraph"].cards.set_index("ptm")
    for group in copies:
        assert len(cards.loc[group, replays.LIKE].drop_duplicates()) == 1
    assert replays.near_copies(zoos["itm"]) == []


def test_the_committed_page_is_made_from_the_committed_tables(zoos, found):
    """The page says what its tables say, and the quick ones of them are what the code gives."""
    made = {path.stem: pd.read_csv(path) for path in sorted((ROOT / "docs/replays").glob("*.csv"))}
    assert replays.page(made) == (ROOT / "docs/replays.md").read_text()
    pd.testing.assert_frame_equal(made["agreement"], laboratories.agreement(found).round(replays.DIGITS))
    rows, _ = replays.rows_of(zoos["emms_caption"], replays.SEED, replays.N_RESAMPLES)
    committed = made["replays"].query("zoo == 'emms_caption'").drop(columns="zoo").reset_index(drop=True)
    pd.testing.assert_frame_equal(committed, rows.round(replays.DIGITS), check_dtype=False, atol=2e-4)
