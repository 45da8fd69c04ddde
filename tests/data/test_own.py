"""A user's own data: as a dataset of the benchmark, with texts, and through the readers of the published layouts."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orbweaver.core.errors import FileError
from orbweaver.core.settings import DatasetSettings
from orbweaver.core.workspace import Workspace
from orbweaver.data.datasets import make, write
from orbweaver.data.readers import own
from orbweaver.data.readers.labels import DataError
from orbweaver.data.readers.own_listing import Listing
from orbweaver.data.split import Split, read_dataset
from tests.data.standins import hub, images, picture, pictures, put

REVIEWS = {"text": [f"review {i}" for i in range(40)], "label": ["good", "bad", "good", "so so"] * 10}


@pytest.fixture
def house(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def of(name: str, house: Workspace, seed: int = 0, **settings: object) -> dict[str, Split]:
    return make(name, DatasetSettings(**settings), seed, house)


# --- as a dataset ---


def test_a_table_of_texts_is_a_target(house: Workspace) -> None:
    pd.DataFrame(REVIEWS).to_csv(house.root / "reviews.csv", index=False)
    write(house, "targets", "opinions", DatasetSettings(path="reviews.csv"), 0)
    train, test = (read_dataset(house, "targets", "opinions", split) for split in ("train", "test"))
    assert (train.name, train.task, train.family) == ("opinions", "text_classification", "opinions")
    assert (train.licence, train.origin) == ("the user's own", "reviews.csv")
    assert (len(train), len(test), len(train.images)) == (30, 10, 0)
    assert train.classes == test.classes == ["bad", "good", "so so"]
    assert not {*train.texts["text"]} & {*test.texts["text"]}
    assert {*train.texts["text"], *test.texts["text"]} == {*REVIEWS["text"]}
    labels = dict(zip(REVIEWS["text"], REVIEWS["label"], strict=True))
    for split in (train, test):
        assert [split.classes[i] for i in split.targets] == [labels[text] for text in split.texts["text"]]
        shares = np.bincount(split.targets) / len(split)
        assert np.abs(shares - [0.25, 0.5, 0.25]).max() < 1.5 / len(split)


@pytest.mark.parametrize("task", ["text_regression", "text_multilabel"])
def test_a_table_of_texts_with_values_or_several_labels_is_a_target(house: Workspace, task: str) -> None:
    values = task == "text_regression"
    labels = np.arange(40) % 5 + 1 if values else ["good|long", "bad", "good", "long"] * 10
    pd.DataFrame({"text": REVIEWS["text"], "rating": labels}).to_csv(house.root / "reviews.csv", index=False)
    settings = DatasetSettings(path="reviews.csv", label_column="rating", task=task)
    write(house, "targets", "opinions", settings, 0)
    train, test = (read_dataset(house, "targets", "opinions", split) for split in ("train", "test"))
    assert (train.task, len(train), len(test)) == (task, 30, 10)
    assert train.classes == test.classes == ([] if values else ["bad", "good", "long"])
    known = dict(zip(REVIEWS["text"], labels, strict=True))
    for split in (train, test):
        for text, target in zip(split.texts["text"], split.targets, strict=True):
            said = target if values else "|".join(np.array(split.classes)[target])
            assert said == known[text]
    assert train.targets.dtype == (np.float64 if values else bool)


def test_so_many_samples_as_asked_for_and_others_with_another_seed(house: Workspace) -> None:
    pd.DataFrame(REVIEWS).to_csv(house.root / "r.csv", index=False)
    parts = of("r", house, path="r.csv", train=12, test=8)
    assert (len(parts["train"]), len(parts["test"])) == (12, 8)
    assert np.bincount(parts["train"].targets).tolist() == [3, 6, 3]
    assert not {*parts["train"].texts["text"]} & {*parts["test"].texts["text"]}
    again, other = (of("r", house, seed, path="r.csv", train=12, test=8)["train"].texts for seed in (0, 1))
    assert again == parts["train"].texts != other
    assert len(of("r", house, path="r.csv", train=35)["test"]) == 5
    assert len(of("r", house, path="r.csv", test=6)["train"]) == 34
    for numbers in ({"train": 30, "test": 11}, {"train": 40}, {"test": 50}):
        with pytest.raises(DataError, match=r"dataset 'r' \(.*r\.csv\) has 40 samples, too few for"):
            of("r", house, path="r.csv", **numbers)


@pytest.mark.parametrize("below", ["a", "a/inner"])
def test_a_folder_that_may_not_be_read_is_not_left_out(
    below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / "photos" / name / "inner").mkdir(parents=True)
        (tmp_path / "photos" / name / "1.png").write_bytes(b"a picture")
    list_of = os.scandir

    def listed(path: Path) -> Iterator[os.DirEntry]:
        if Path(path) == tmp_path / "photos" / below:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return list_of(path)

    monkeypatch.setattr(os, "scandir", listed)
    with pytest.raises(FileError, match=rf"photos/{below}: Permission denied; images in it would be missing"):
        own.splits("mine", DatasetSettings(path="photos"), 0, tmp_path)


def test_a_folder_and_a_parquet_file_of_the_same_images_are_the_same_dataset(house: Workspace) -> None:
    paths = [house.root / f"mine/{name}/{i}.png" for name in ("ant", "bee") for i in range(8)]
    pictures(*paths)
    cells = [{"bytes": path.read_bytes(), "path": None} for path in paths]
    (house.root / "own").mkdir()
    table = {"image": images(0)[0], "label": pa.string()}
    columns = {"image": (table["image"], cells), "label": (table["label"], ["ant"] * 8 + ["bee"] * 8)}
    hub(house.root / "own", columns)  # of row groups of two
    folder, parquet = of("mine", house, path="mine"), of("mine", house, path="own/train-00000-of-00001.parquet")
    for split, count in (("train", 12), ("test", 4)):
        assert len(folder[split]) == count and np.bincount(folder[split].targets).tolist() == [count // 2] * 2
        assert list(folder[split].images) == list(parquet[split].images)
        assert folder[split].targets.tolist() == parquet[split].targets.tolist()
        assert (folder[split].task, parquet[split].task) == ("image_classification",) * 2
    assert folder["train"].origin == "mine"
    scattered = parquet["train"].images.at_hand()
    assert [scattered[i] for i in (11, 0, 7)] == [folder["train"].images[i] for i in (11, 0, 7)]


def test_values_and_several_labels_keep_their_spread(house: Workspace) -> None:
    paths = [Path(f"p/{i}.png") for i in range(40)]
    pictures(*(house.root / path for path in paths))
    values = np.linspace(0, 1, 40) ** 2
    pd.DataFrame({"path": paths, "target": values}).to_csv(house.root / "v.csv", index=False)
    parts = of("v", house, path="v.csv")
    assert parts["train"].task == "regression" and parts["train"].classes == []
    assert np.abs(np.median(parts["test"].targets) - np.median(values)) < 0.1
    pd.DataFrame({"path": paths, "label": ["a b", "b"] * 20}).to_csv(house.root / "m.tsv", index=False, sep="\t")
    parts = of("m", house, path="m.tsv", task="multilabel")
    assert parts["test"].targets.sum(axis=0).tolist() == [5, 10] and parts["test"].classes == ["a", "b"]


def test_a_path_is_below_the_workspace_and_settings_name_columns(house: Workspace, monkeypatch) -> None:
    (house.root / "elsewhere").mkdir()
    monkeypatch.chdir(house.root / "elsewhere")
    table = pd.DataFrame({"words": ["a", "b"] * 4, "image": "x.png", "sort": [1, 2] * 4, "label": 0})
    table.to_csv(house.root / "t.csv", index=False)
    parts = of("t", house, path="t.csv", text_column="words", label_column="sort")
    assert (parts["train"].task, parts["train"].classes) == ("text_classification", ["1", "2"])
    with pytest.raises(DataError, match=r"t2\.csv: not found"):
        of("t", house, path="t2.csv")


def test_what_was_left_out_is_told_and_a_missing_picture_is_named(house: Workspace) -> None:
    pictures(*(house.root / f"{i}.png" for i in range(8)))
    table = pd.DataFrame({"path": [f"{i}.png" for i in range(9)], "label": ["a", "b", "a"] * 3})
    table.loc[0, "label"] = None
    table.to_csv(house.root / "t.csv", index=False)
    with pytest.warns(UserWarning, match="dataset 't': 1 of 9 rows lack a path or a label and were left out"):
        parts = of("t", house, path="t.csv")
    with pytest.raises(FileError, match=r"8\.png: not found, but the dataset's lists name it"):
        [*parts["train"].images, *parts["test"].images]


# --- texts ---


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_texts_are_read_from_every_table(tmp_path: Path, suffix: str) -> None:
    path, table = tmp_path / f"t.{suffix}", pd.DataFrame(REVIEWS)
    table.loc[3, "text"] = None
    match suffix:
        case "jsonl":
            path.write_text("\n".join(json.dumps(row) for row in table.to_dict("records")))
        case "parquet":
            table.to_parquet(path)
        case _:
            table.to_csv(path, index=False, sep="\t" if suffix == "tsv" else ",")
    listing = own.read(path)
    assert (listing.task, listing.classes) == ("text_classification", ["bad", "good", "so so"])
    assert listing.texts["text"] == [text for i, text in enumerate(REVIEWS["text"]) if i != 3]
    assert len(listing.targets) == len(listing.names) == 39 and "1 of 40 rows lack a" in listing.notes[0]
    assert listing.names[3] == "row 4" and len(listing.load(np.arange(3))) == 0


def test_a_table_is_utf_8_whatever_its_suffix_looks_like(tmp_path: Path) -> None:
    table = pd.DataFrame({"text": ["schön", "grün", "blau", "rot"], "label": [*"abab"]})
    table.to_csv(tmp_path / "T.CSV", index=False)
    assert own.read(tmp_path / "T.CSV").texts["text"] == [*table["text"]]
    for encoding in ("latin-1", "utf-16"):
        table.to_csv(tmp_path / "t.csv", index=False, encoding=encoding)
        with pytest.raises(DataError, match=r"t\.csv: its text is not UTF-8; save it as UTF-8$"):
            own.read(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text('text,label\na,b\n"c,d,e\n')
    with pytest.raises(DataError, match=r"t\.csv: not a table \([^\n]*\)$"):
        own.read(tmp_path / "t.csv")


def test_labels_of_texts_mean_what_they_mean_of_pictures(tmp_path: Path) -> None:
    def read(labels: list, **options: str) -> Listing:
        pd.DataFrame({"text": ["a", "b"] * 2, "label": labels}).to_parquet(tmp_path / "t.parquet")
        return own.read(tmp_path / "t.parquet", **options)

    fractions, lists = read([0.5, 1.0, 0.25, 2.0]), read([["a"], ["b", "a"], ["a"], []])
    assert (fractions.task, fractions.classes) == ("text_regression", [])
    assert fractions.targets.tolist() == [0.5, 1.0, 0.25, 2.0]
    assert (lists.task, lists.classes) == ("text_multilabel", ["a", "b"])
    assert lists.targets.tolist() == [[True, False], [True, True], [True, False], [False, False]]
    assert read([[0.5, 1.0], [1.0, 2.5], [0.0, 1.0], [0.0, 0.0]]).targets.shape == (4, 2)
    assert read([1, 5, 3, 1]).task == "text_classification"
    assert read([1, 5, 3, 1], task="text_regression").targets.tolist() == [1, 5, 3, 1]
    assert read(["a|b", "b", "a", "b"], task="text_multilabel").targets.tolist()[:2] == [[True, True], [False, True]]
    with pytest.raises(DataError, match="not numbers, as a regression needs them"):
        read(["a", "b", "a", "b"], task="text_regression")
    assert read([0.5, 1.0, 0.5, 1.0], task="text_classification").classes == ["0.5", "1"]
    with pytest.raises(
        DataError,
        match="no image column; it has text, label; name it with --image-column; of texts the task is text_regression",
    ):
        read([0, 1, 0, 1], task="regression")
    with pytest.raises(DataError, match=r"cannot be read for the task 'text_clasification': did you mean 'text_class"):
        read([0, 1, 0, 1], task="text_clasification")


def test_neither_pictures_nor_texts(tmp_path: Path) -> None:
    pd.DataFrame({"picture": ["a"], "label": [1]}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match="no image or text column; it has picture, label; name it with --image-c"):
        own.read(tmp_path / "t.csv")
    pd.DataFrame({"text": [1.5, 2.5], "label": [1, 2]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="column 'text' holds double, not texts"):
        own.read(tmp_path / "t.parquet")


# --- labels ---


def test_classes_are_those_that_occur(tmp_path: Path) -> None:
    names = ["a", "b", "c", "d"]
    hub(tmp_path / "one", {"image": images(4), "label": (pa.int64(), [3, 1, -1, 3])}, {"label": names})
    listing = own.read(tmp_path / "one")
    assert (listing.classes, listing.targets.tolist()) == (["b", "d"], [1, 0, 1])
    hub(tmp_path / "two", {"image": images(2), "label": (pa.int64(), [3, 4])}, {"label": names})
    with pytest.raises(DataError, match="holds the label 4, but its file names 4 classes"):
        own.read(tmp_path / "two")


def test_our_own_parquet_says_its_task(house: Workspace) -> None:
    write(house, "sources", "solar_defect", DatasetSettings(train=12, test=4, image_size=16), 0)
    path = house.split("sources", "solar_defect", "train")
    assert own.read(path).task == "regression"
    assert own.read(path, task="image_classification").classes[0] == "0"
    write(house, "sources", "plain_caption", DatasetSettings(train=4, test=4, image_size=16), 0)
    with pytest.raises(DataError, match="one's own data cannot be read for the task 'caption'"):
        own.read(house.split("sources", "plain_caption", "train"))


def test_hidden_files_and_names_that_are_not_text_do_no_harm(tmp_path: Path) -> None:
    pictures(*(tmp_path / f"set/{name}/{i}.png" for name in ("a", "b", ".trash") for i in range(2)))
    put(tmp_path / "set/a/._0.png", b"of a Mac")
    strange = os.fsencode(tmp_path / "set/b") + b"/\xff.png"
    with open(strange, "wb") as file:
        file.write(picture("PNG"))
    listing = own.read(tmp_path / "set")
    assert listing.classes == ["a", "b"] and np.bincount(listing.targets).tolist() == [2, 3]
    assert "b/\N{REPLACEMENT CHARACTER}.png" in listing.names
    assert len([*listing.load(np.arange(5))]) == 5


def test_a_parquet_file_that_is_cut_later_is_named(tmp_path: Path) -> None:
    hub(tmp_path / "p", {"image": images(4), "label": (pa.int64(), [0, 1, 0, 1])})
    path = tmp_path / "p/train-00000-of-00001.parquet"
    listing = own.read(path)
    assert pq.read_metadata(path).num_row_groups == 2
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FileError, match="truncated or not Parquet"):
        listing.load(np.arange(4))[0]


@pytest.mark.parametrize("separator", [";", "\t", ","])
def test_a_csv_may_be_written_with_another_separator(tmp_path: Path, separator: str) -> None:
    table = pd.DataFrame({"text": ["one; two\tthree, four", "five"], "label": ["a", "b"]})
    table.to_csv(tmp_path / "x.csv", index=False, sep=separator)
    listing = own.read(tmp_path / "x.csv")
    assert (listing.texts["text"], listing.classes) == (table["text"].tolist(), ["a", "b"])


@pytest.mark.parametrize("head", ["Text,Label", " text , label ", "TEXT,LABELS"])
def test_usual_columns_are_found_however_they_are_written(tmp_path: Path, head: str) -> None:
    (tmp_path / "x.csv").write_text(f"{head}\none,a\ntwo,b\n")
    assert own.read(tmp_path / "x.csv").texts["text"] == ["one", "two"]


def test_of_columns_that_differ_in_case_the_first_counts(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("text,Text,label\none,uno,a\ntwo,due,b\n")
    assert own.read(tmp_path / "x.csv").texts["text"] == ["one", "two"]


def test_objects_are_no_texts(tmp_path: Path) -> None:
    rows = [{"text": "one", "label": "a"}, {"text": {"en": "two"}, "label": "b"}]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DataError, match=r"column 'text' holds objects or lists \(row 1\), not texts"):
        own.read(tmp_path / "x.jsonl")


def test_json_that_is_no_table_says_what_would_be(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(DataError, match=r"one JSON object a line is called \.jsonl"):
        own.read(tmp_path / "x.json")


def test_parquet_files_that_are_not_alike_are_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": [b"x", b"y"], "label": ["a", "b"]}), tmp_path / "one.parquet")
    for columns, has in (({"image": ["z.png"], "label": ["a"]}, "string"), ({"label": ["a"]}, "nothing")):
        pq.write_table(pa.table(columns), tmp_path / "two.parquet")
        with pytest.raises(DataError, match=rf"'image' holds binary in one.parquet, and {has} in two.parquet"):
            own.read(tmp_path)
