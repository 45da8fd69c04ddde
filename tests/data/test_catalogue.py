"""The catalogue of datasets: each entry read from a stand-in in its published layout, and what is wrong is named."""

from __future__ import annotations

import http.server
import io
import json
import tarfile
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import yaml
from PIL import Image
from pydantic import ValidationError

from orbweaver.core.errors import FileError, UnknownName, UserError
from orbweaver.core.files import digest
from orbweaver.core.settings import DatasetSettings
from orbweaver.core.workspace import Workspace
from orbweaver.data.catalogue import Entry, Layout, catalogue, read
from orbweaver.data.datasets import make
from orbweaver.data.fetch import download
from orbweaver.data.fetch import hub as hub_files
from orbweaver.data.fetch.download import DownloadError
from orbweaver.data.fetch.prepare import prepare, state
from orbweaver.data.readers.captions import _strings_in_pickle, coco_captions, karpathy
from orbweaver.data.readers.questions import squad
from orbweaver.data.split import Split, read_split, write_split
from tests.data.standins import STANDINS, hub, images, labelled, pictures, put, text

WHOLE = DatasetSettings()


@pytest.fixture
def house(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "work")


def raw(house: Workspace) -> Path:
    return house.root / "data/raw"


def small(name: str, classes: list[str], splits: dict[str, list]) -> Entry:
    """The entry with the numbers of its stand-in."""
    entry = catalogue()[name]
    if "" in splits:
        n = len(splits[""])
        train = round(n * (entry.split.share or 0))
        counts = {"train": train, "test": n - train}
    else:
        counts = {split: len(rows) for split, rows in splits.items()}
    layout = entry.layout.model_copy(update={"images": 10}) if name == "dsprites" else entry.layout
    return entry.model_copy(update={"classes": len(classes) or None, "samples": counts, "layout": layout})


def rows_of(split: Split) -> list:
    """A split's targets as the stand-ins tell them."""
    texts = [{key: values[i] for key, values in split.texts.items()} for i in range(len(split))]
    if split.task in ("caption", "extractive_qa"):
        return texts
    if split.task in ("vqa", "grounding", "text_classification"):
        return list(zip(split.targets.tolist(), texts, strict=True))
    return split.targets.tolist()


def test_every_entry_has_a_stand_in() -> None:
    assert {*STANDINS} == {*catalogue()}


@pytest.mark.parametrize("name", list(STANDINS))
def test_every_dataset_is_read_from_its_layout(name: str, tmp_path: Path, house: Workspace) -> None:
    classes, splits = STANDINS[name](raw(house))
    entry = small(name, classes, splits)
    parts = read(house, name, entry, WHOLE, 0)
    back = {}
    for split, made in parts.items():
        write_split(tmp_path / f"{split}.parquet", made)
        back[split] = read_split(tmp_path / f"{split}.parquet", house.cache)
        assert (back[split].task, back[split].classes, back[split].licence) == (entry.task, classes, entry.licence)
        assert back[split].family == (entry.family or name)
        assert list(back[split].images) == list(made.images)
        for encoded in back[split].images:
            with Image.open(io.BytesIO(encoded)) as image:
                image.convert("RGB")
    if "" in splits:  # split by us: together they are everything, once
        together = rows_of(back["train"]) + rows_of(back["test"])
        assert sorted(together, key=str) == sorted(splits[""], key=str)
        assert len(back["test"]) == entry.samples["test"]
    else:
        for split, expected in splits.items():
            assert rows_of(back[split]) == (expected if entry.task != "grounding" else [
                (pytest.approx(box), texts) for box, texts in expected
            ])  # fmt: skip
    if entry.task not in ("extractive_qa", "text_classification"):
        assert not {*back["train"].images} & {*back["test"].images}
    again = read(house, name, entry, WHOLE, 1)
    assert list(again["train"].images) == list(back["train"].images)  # the split is not the seed's


def test_images_keep_their_published_bytes(house: Workspace) -> None:
    parts = read(house, "pet", small("pet", *STANDINS["pet"](raw(house))), WHOLE, 0)
    assert parts["train"].images[0] == (raw(house) / "pet/images/Abyssinian_100.jpg").read_bytes()
    parts = read(house, "stl10", small("stl10", *STANDINS["stl10"](raw(house))), WHOLE, 0)
    published = np.fromfile(raw(house) / "stl10/stl10_binary/train_X.bin", np.uint8).reshape(2, 3, 96, 96)
    pixels = np.asarray(Image.open(io.BytesIO(parts["train"].images[0])))
    assert pixels[5, 80].tolist() == published[0, :, 80, 5].tolist()  # column by column


def test_samples_keep_the_shares_of_classes(house: Workspace) -> None:
    labelled(raw(house), "cars", "image", "label", ["a", "b"], train=[0] * 20 + [1] * 10, test=[0, 1] * 3)
    entry = catalogue()["cars"].model_copy(update={"classes": 2, "samples": {}})
    first = read(house, "cars", entry, DatasetSettings(train=15, test=4), 0)
    assert np.bincount(first["train"].targets).tolist() == [10, 5]
    assert list(first["train"].images) != list(
        read(house, "cars", entry, DatasetSettings(train=15, test=4), 1)["train"].images
    )
    with pytest.raises(FileError, match="dataset 'cars', train, has 30 samples; 31 were asked for"):
        read(house, "cars", entry, DatasetSettings(train=31), 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": {"train": 5, "test": 1}}, "has 3 train samples in .*data/raw/aircraft, not 5"),
        ({"classes": 3}, "has 2 classes in .*data/raw/aircraft, not 3"),
    ],
)
def test_another_number_than_published_is_refused(house: Workspace, change: dict, message: str) -> None:
    entry = small("aircraft", *STANDINS["aircraft"](raw(house))).model_copy(update=change)
    with pytest.raises(FileError, match=message):
        read(house, "aircraft", entry, WHOLE, 0)


def test_what_nobody_could_confirm_is_warned_of(house: Workspace) -> None:
    """Answers of COCO-QA, names of NABirds, photographs of UTKFace."""
    for name, key, told in (("cocoqa", "classes", "has 2 classes in .*, not 430"), ("utkface", "samples", "not 18966")):
        STANDINS[name](raw(house))
        entry = catalogue()[name]
        assert key in entry.unconfirmed
        entry = entry.model_copy(update={"samples": entry.samples if key == "samples" else {}})
        with pytest.warns(UserWarning, match=f"dataset '{name}' .*{told}.*not confirmed"):
            assert len(read(house, name, entry, WHOLE, 0)["train"])
        with pytest.raises(FileError, match=told), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(house, name, entry.model_copy(update={"unconfirmed": []}), WHOLE, 0)
    STANDINS["nabirds"](raw(house))
    text(raw(house) / "nabirds/nabirds/classes.txt", "817 Common Eider", "860 Common Eider")
    entry = catalogue()["nabirds"].model_copy(update={"samples": {}, "classes": 2})
    with pytest.warns(UserWarning, match="two classes of one name, 'Common Eider'"):
        assert read(house, "nabirds", entry, WHOLE, 0)["train"].targets.tolist() == [0, 1]


def test_caltech_has_a_class_more_where_the_benchmark_says_so(house: Workspace) -> None:
    STANDINS["caltech101"](raw(house))
    whole = catalogue()["caltech101"]
    assert (whole.classes, sum(whole.samples.values())) == (101, 8677)
    assert sum(whole.of("background", "caltech101").samples.values()) == 9144
    variant = whole.variants["background"].model_copy(update={"classes": 3, "samples": {"train": 62, "test": 3}})
    entry = whole.model_copy(update={"variants": {"background": variant}})
    settings = DatasetSettings(variant="background", class_names="raw")
    found = read(house, "caltech101", entry, settings, 0)
    assert found["train"].classes == ["BACKGROUND_Google", "accordion", "water_lilly"]
    assert np.bincount(found["train"].targets).tolist() == [2, 30, 30]
    with pytest.raises(UnknownName, match="unknown variant of dataset 'caltech101' 'bakground': did you mean"):
        read(house, "caltech101", entry, DatasetSettings(variant="bakground"), 0)
    with pytest.raises(UserError, match="dataset 'digits': 'variant' and 'class_names' are for the published"):
        make("digits", DatasetSettings(train=10, test=10, class_names="raw"), 0, house)


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("cub2011", ["001.Black_footed_Albatross", "002.Laysan_Albatross"]),
        ("sun397", ["abbey", "apartment_building/outdoor"]),
        ("dogs", ["n02085620-Chihuahua", "n02085782-Japanese_spaniel"]),
        ("officehome", ["Alarm_Clock", "Backpack"]),
    ],
)
def test_class_names_are_those_of_the_files_where_they_are_asked_for(
    name: str, names: list[str], house: Workspace
) -> None:
    entry = small(name, *STANDINS[name](raw(house)))
    assert read(house, name, entry, DatasetSettings(class_names="raw"), 0)["test"].classes == names
    assert not any("_" in one for one in read(house, name, entry, WHOLE, 0)["test"].classes)


def test_numbers_without_names_are_no_classes(house: Workspace) -> None:
    """A Parquet file that says nothing of its labels: words name themselves, numbers do not."""
    entry = catalogue()["cars"].model_copy(update={"classes": 2, "samples": {}})
    folder = raw(house) / "cars"
    for split in ("train", "test"):
        hub(folder / split, {"image": images(2), "label": (pa.int64(), [0, 1])})
    with pytest.raises(FileError, match=r"its metadata name no classes of 'label', which holds numbers; .*'names'"):
        read(house, "cars", entry, WHOLE, 0)
    listed = entry.model_copy(update={"layout": Layout(reader="parquet", names=["red_car", "blue"])})
    assert read(house, "cars", listed, WHOLE, 0)["train"].classes == ["red car", "blue"]
    for split in ("train", "test"):
        hub(folder / split, {"image": images(2), "label": (pa.string(), ["cat", "ant"])})
    found = read(house, "cars", entry, WHOLE, 0)["train"]
    assert (found.classes, found.targets.tolist()) == (["ant", "cat"], [1, 0])


def test_dsprites_are_those_that_model_spider_draws(house: Workspace) -> None:
    """Golden: the first calls of a script that says np.random.seed(42) and draws; ones are white."""
    entry = small("dsprites", *STANDINS["dsprites"](raw(house)))
    entry = entry.model_copy(update={"samples": {}, "layout": entry.layout.model_copy(update={"images": 4})})
    found = read(house, "dsprites", entry, WHOLE, 0)
    rows = sorted(row[0] // 6 for split in found.values() for row in split.targets.tolist())
    assert rows == [0, 1, 5, 8]  # np.random.seed(42); np.random.choice(10, 4, replace=False) gives 8, 1, 5, 0
    pixels = np.asarray(Image.open(io.BytesIO(found["train"].images[0])))
    assert {*np.unique(pixels)} == {0, 255}


def test_a_missing_image_is_named(house: Workspace) -> None:
    parts = read(house, "pet", small("pet", *STANDINS["pet"](raw(house))), WHOLE, 0)
    (raw(house) / "pet/images/Abyssinian_100.jpg").unlink()
    with pytest.raises(FileError, match=r"Abyssinian_100\.jpg: not found, but the dataset's lists name it"):
        write_split(house.root / "x.parquet", parts["train"])
    assert not (house.root / "x.parquet").exists()


def test_a_pickle_is_read_and_not_run(tmp_path: Path) -> None:
    import pickle

    class Evil:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "ran",))

    path = put(tmp_path / "train.p", pickle.dumps(["a.jpg", Evil()]))
    assert "a.jpg" in _strings_in_pickle(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "Image classification"}, "task"),
        ({"clases": 2}, "clases"),
        ({"layout": {"reader": "parqet"}}, "unknown reader 'parqet'"),
        ({"split": {"share": 0.8, "per_class": 3}}, "either 'share' or 'per_class'"),
        ({"hub": None}, "where it is downloaded from"),
        ({"hub": {"id": "a/b", "revision": "main", "splits": {"train": "*"}}}, "revision"),
        ({"files": [{"url": "ftp://x/y.zip"}]}, "url"),
        ({"files": [{"url": "https://x/y.zip", "sha256": "abc"}]}, "sha256"),
    ],
)
def test_the_schema_is_strict(tmp_path: Path, change: dict, message: str) -> None:
    entry = {"task": "image_classification", "layout": {"reader": "parquet"}, "licence": "MIT",
             "hub": {"id": "a/b", "splits": {"train": "data/train-*"}}}  # fmt: skip
    path = tmp_path / "catalogue.yaml"
    path.write_text(yaml.safe_dump({"one": entry | change}))
    with pytest.raises(ValidationError, match=message):
        catalogue(path)


def test_what_has_to_be_placed_says_so(house: Workspace) -> None:
    with pytest.raises(FileError, match=r"data/raw/nabirds is not there\. The licence of 'nabirds' \(research only\)"):
        make("nabirds", DatasetSettings(), 0, house)
    assert state(house, "nabirds", catalogue()["nabirds"])[0] == "to be placed"
    (raw(house) / "nabirds").mkdir(parents=True)
    assert state(house, "nabirds", catalogue()["nabirds"]) == ("placed", "")


# --- the way from the server to the reader ---


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and the two calls of the hub's interface that list a dataset."""

    folder: Path
    asked: list[str]

    def __init__(self, *args: object) -> None:
        super().__init__(*args, directory=str(self.folder))

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path.startswith("/api/datasets/a/b/tree/"):
            self._json([
                {"type": "file", "path": p.relative_to(self.folder / "hub").as_posix(), "size": p.stat().st_size,
                 "oid": "0" * 40, "lfs": {"oid": digest(p), "size": p.stat().st_size, "pointerSize": 130}}
                for p in sorted((self.folder / "hub").rglob("*.parquet"))
            ])  # fmt: skip
        elif self.path.startswith("/api/datasets/a/b"):
            self._json({"id": "a/b", "sha": "c" * 40, "private": False, "tags": [], "siblings": []})
        elif self.path.startswith("/datasets/a/b/resolve/"):
            self.path = "/hub/" + self.path.split("/resolve/")[1].split("/", 1)[1]
            super().do_GET()
        else:
            super().do_GET()

    def _json(self, answer: object) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, type[Handler]]]:
    monkeypatch.setattr(download, "PAUSE", 0.01)
    (tmp_path / "served").mkdir()
    handler = type("Served", (Handler,), {"folder": tmp_path / "served", "asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()


def test_an_archive_is_downloaded_unpacked_once_and_read(served: tuple[str, type[Handler]], house: Workspace) -> None:
    url, handler = served
    for name in ("cat", "dog"):
        pictures(*(handler.folder / f"set/{name}/{i}.jpg" for i in range(5)))
    with tarfile.open(handler.folder / "set.tar.gz", "w:gz") as tar:
        tar.add(handler.folder / "set", "set")
    with tarfile.open(handler.folder / "outer.tar", "w") as tar:
        tar.add(handler.folder / "set.tar.gz", "x/set.tar.gz")
    sha256 = digest(handler.folder / "outer.tar")
    entry = Entry.model_validate({
        "task": "image_classification", "layout": {"reader": "class_folders", "folder": "set"}, "licence": "MIT",
        "samples": {"train": 8, "test": 2}, "classes": 2, "split": {"share": 0.8},
        "files": [{"url": f"{url}/outer.tar", "sha256": sha256, "inner": "x/set.tar.gz"}],
    })  # fmt: skip
    assert state(house, "pets", entry) == ("missing", "outer.tar (of unknown size)")
    for _ in range(2):
        prepare(house, "pets", entry)
        parts = read(house, "pets", entry, WHOLE, 0)
        assert parts["test"].targets.tolist() == [0, 1]
    assert handler.asked == ["/outer.tar"]
    assert state(house, "pets", entry) == ("ready", "")
    (house.raw("pets") / ".outer.tar.unpacked").unlink()
    assert state(house, "pets", entry) == ("downloaded", "to be unpacked: outer.tar")


def hub_entry(revision: str | None) -> Entry:
    return Entry.model_validate({
        "task": "image_classification", "layout": {"reader": "parquet"}, "licence": "MIT",
        "samples": {"train": 3, "test": 1}, "classes": 2,
        "hub": {"id": "a/b", "revision": revision, "splits": {"train": "data/train-*", "test": "data/test-*"}},
    })  # fmt: skip


def test_a_hub_that_is_asked_too_often_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it says, at least the pause; after the last attempt, or for another reason, its error stands."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.hf_api import RepoFile

    class Refused(HfHubHTTPError):
        def __init__(self, status: int, again: str = "") -> None:
            self.response = SimpleNamespace(status_code=status, headers={"Retry-After": again} if again else {})

    listing = [RepoFile(path="data/train-0.parquet", size=3, oid="x")]
    answers: list[list | Refused] = [Refused(429, "7"), Refused(429), listing]
    waited: list[float] = []

    def answer(*_args: object, **_keywords: object) -> list:
        now = answers.pop(0)
        if isinstance(now, Refused):
            raise now
        return now

    monkeypatch.setattr(HfApi, "list_repo_tree", answer)
    monkeypatch.setattr(hub_files.time, "sleep", waited.append)
    entry = hub_entry("a" * 40).hub
    assert hub_files._tree(entry) == ("a" * 40, listing)
    assert waited == [7.0, download.PAUSE]
    for refusals, pauses in (([Refused(429, "3")] * download.ATTEMPTS, [3.0] * 4), ([Refused(404)], [])):
        answers[:], waited[:] = refusals, []
        with pytest.raises(Refused):
            hub_files._tree(entry)
        assert (answers, waited) == ([], pauses)


def test_a_hub_dataset_is_downloaded_at_its_revision(
    served: tuple[str, type[Handler]], monkeypatch: pytest.MonkeyPatch, house: Workspace
) -> None:
    url, handler = served
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", url)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    labelled(raw(house), "hub", "image", "label", ["cat", "dog"], train=[1, 0, 1], test=[0])
    for split in ("train", "test"):
        target = handler.folder / f"hub/data/{split}-00000-of-00001.parquet"
        put(target, (raw(house) / "hub" / split / "train-00000-of-00001.parquet").read_bytes())
    for revision in ("a" * 40, None):
        name = f"set{revision and revision[0]}".lower()
        entry = hub_entry(revision)
        prepare(house, name, entry)
        assert read(house, name, entry, WHOLE, 0)["train"].targets.tolist() == [1, 0, 1]
        assert f"/datasets/a/b/resolve/{revision or 'c' * 40}/data/train-00000-of-00001.parquet" in handler.asked
        assert json.loads((house.raw(name) / ".hub.json").read_text())["revision"] == (revision or "c" * 40)
    before = len(handler.asked)
    prepare(house, name, entry)
    assert len(handler.asked) == before  # neither the list nor the files again
    with pytest.raises(DownloadError, match="has no file 'data/val-"):
        prepare(house, "other", Entry.model_validate(hub_entry(None).model_dump() | {
            "hub": {"id": "a/b", "revision": None, "splits": {"train": "data/val-*"}}}))  # fmt: skip


@pytest.mark.parametrize(
    ("reader", "arguments"),
    [(karpathy, ("dataset.json", "images")), (coco_captions, ()), (squad, ("train.json", "test.json"))],
)
def test_annotations_that_are_missing_are_named(reader, arguments: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"\.json: not found; is the dataset unpacked there completely\?"):
        reader(tmp_path / "mine", *arguments)
