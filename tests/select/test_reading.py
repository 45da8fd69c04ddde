"""What a user may hand over, in its forms, for each task; and what is refused, each with its sentence."""

from __future__ import annotations

import io
import json
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from orbweaver.core.cache import Cache
from orbweaver.core.errors import TargetError
from orbweaver.data.images import Encoded, open_image
from orbweaver.data.readers import own as reading
from orbweaver.data.readers import own_parquet, own_table
from orbweaver.data.readers.labels import DataError, read_labels
from orbweaver.data.readers.own_listing import Listing
from orbweaver.data.split import Split, write_split
from orbweaver.select.doctor import checks, doctor
from orbweaver.select.ranking import rank
from tests.select.conftest import picture


def looked_at(listing: Listing, budget: int = 1000) -> tuple[Split, list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        split, _, warned = checks.checked(listing, reading.sample(listing, budget, 0), Cache(Path(folder)))
    return split, warned


def decoded(split: Split) -> list[np.ndarray]:
    return [np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB")) for encoded in split.images[: len(split)]]


def bomb() -> bytes:
    """A PNG of 40,000 x 40,000 pixels in a few hundred bytes, as its header says."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9999))) + chunk(b"IEND", b"")
    )


def test_a_folder_of_classes(pictures: Path) -> None:
    split, warned = looked_at(reading.read(pictures))
    assert split.classes == ["dogs", "Äpfel & Birnen"]
    assert np.bincount(split.targets).tolist() == [60, 60]
    assert split.task == "image_classification" and not warned


def test_a_folder_of_splits_gives_its_train(pictures: Path, tmp_path: Path) -> None:
    splits = tmp_path / "splits"
    (splits / "test").mkdir(parents=True)
    pictures.rename(splits / "train")
    listing = reading.read(splits)
    assert listing.classes == ["dogs", "Äpfel & Birnen"] and "'train' was taken" in listing.notes[0]


@pytest.mark.parametrize(
    ("column", "task", "classes"),
    [
        (["b", "a"] * 4, "image_classification", ["a", "b"]),
        ([3, 7] * 4, "image_classification", ["3", "7"]),
        (["a|b", "b"] * 4, "multilabel", ["a", "b"]),
        ([0.5, 1.25] * 4, "regression", []),
    ],
)
def test_a_csv_of_each_task(tmp_path: Path, column: list, task: str, classes: list[str]) -> None:
    paths = [picture(tmp_path / "some images" / f"{i} é.png", i).relative_to(tmp_path) for i in range(8)]
    pd.DataFrame({"path": paths, "label": column}).to_csv(tmp_path / "t.csv", index=False)
    split, _ = looked_at(reading.read(tmp_path / "t.csv", task if task == "multilabel" else None))
    assert (split.task, split.classes, len(split)) == (task, classes, 8)
    if task == "multilabel":
        assert split.targets.tolist() == [[True, True], [False, True]] * 4


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["dark blue|red", "red"], ["dark blue", "red"]),
        (["['dark blue', 'red']", "['red']"], ["dark blue", "red"]),
        (["blue; red", ""], ["blue", "red"]),
        (["blue red", "red"], ["blue", "red"]),
    ],
)
def test_several_labels_in_a_cell(cells: list[str], classes: list[str]) -> None:
    _, found, targets = read_labels(pd.Series(cells), "text", "text_multilabel", "t", [])
    assert found == classes and targets.tolist() == [[True, True], [False, cells[1] != ""]]


def test_a_word_among_lists_is_one_label_and_objects_are_none() -> None:
    _, found, targets = read_labels(pd.Series([["red", "blue"], "red"]), "text", None, "t", [])
    assert found == ["blue", "red"] and targets.tolist() == [[True, True], [False, True]]
    assert read_labels(pd.Series([[1, 2], 2]), "text", None, "t", [])[1] == ["1", "2"]
    with pytest.raises(DataError, match="t: holds what is neither words nor numbers"):
        read_labels(pd.Series([{"a": 1}, {"a": 2}]), "text", None, "t", [])


def parquet(path: Path, labels: list, feature: dict, column: str = "label") -> Path:
    """As `datasets` writes it."""
    images = [
        {"bytes": picture(path.parent / "p" / f"{i}.png", i).read_bytes(), "path": None} for i in range(len(labels))
    ]
    about = {"info": {"features": {"picture": {"_type": "Image"}, column: feature}}}
    struct_type = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"picture": pa.array(images, struct_type), column: labels})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(about)}), path, row_group_size=3)
    return path


def test_parquet_as_hugging_face_writes_it(tmp_path: Path) -> None:
    names = {"_type": "ClassLabel", "names": ["cat", "dog"]}
    path = parquet(tmp_path / "data" / "train-00000-of-00001.parquet", [1, 0, -1, 1, 0, 0, 1, 1], names, "animal")
    parquet(tmp_path / "data" / "test-00000-of-00001.parquet", [0] * 5, names, "animal")
    for place in (path, path.parent):
        split, _ = looked_at(reading.read(place))
        assert split.classes == ["cat", "dog"]
        assert split.targets.tolist() == [1, 0, 1, 0, 0, 1, 1]  # the row without a label is gone
    expected = [np.asarray(Image.open(path.parent / "p" / f"{i}.png")) for i in (0, 1, 3, 4, 5, 6, 7)]
    assert all(np.array_equal(a, b) for a, b in zip(decoded(split), expected, strict=True))


def test_parquet_of_several_labels_and_of_values(tmp_path: Path) -> None:
    several = {"_type": "Sequence", "feature": {"_type": "ClassLabel", "names": ["a", "b", "c"]}}
    split, _ = looked_at(
        reading.read(parquet(tmp_path / "m.parquet", [[0, 1], [1], [], [0, 1]] * 2, several, "labels"))
    )
    assert split.task == "multilabel" and split.classes == ["a", "b"]  # nothing is c
    assert split.targets[:3].tolist() == [[True, True], [False, True], [False, False]]
    value = {"_type": "Value", "dtype": "float64"}
    split, _ = looked_at(reading.read(parquet(tmp_path / "r.parquet", [0.5, 1.0, 2.5, 3.0], value, "target")))
    assert split.task == "regression" and split.targets.tolist() == [0.5, 1.0, 2.5, 3.0]


def test_our_own_parquet_is_read_as_it_was_written(tmp_path: Path) -> None:
    images = [picture(tmp_path / f"{i}.png", i).read_bytes() for i in range(12)]
    own = Split("own", "image_classification", ["x", "y"], images, np.arange(12) % 2, "", "")
    write_split(tmp_path / "own.parquet", own)
    split, _ = looked_at(reading.read(tmp_path / "own.parquet"))
    assert (
        list(split.images) == images and split.classes == ["x", "y"] and split.targets.tolist() == own.targets.tolist()
    )


def test_what_is_not_there_or_not_data_is_said_in_a_sentence(tmp_path: Path, pictures: Path) -> None:
    empty = tmp_path / "empty"
    (empty / "class").mkdir(parents=True)
    (tmp_path / "notes.txt").write_text("x")
    pd.DataFrame({"path": ["a.png"], "breed": ["pug"]}).to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and no more")
    flat = picture(tmp_path / "flat" / "1.png", 1).parent
    for path, options, message in [
        (tmp_path / "nowhere", {}, "nowhere: not found"),
        (empty, {}, "empty: no images"),
        (flat, {}, "its images lie in no class folder"),
        (tmp_path / "notes.txt", {}, "neither a folder of images by class, nor .parquet, .csv, .tsv or .jsonl"),
        (tmp_path / "t.csv", {}, "no label column; it has path, breed; name it with --label-column"),
        (tmp_path / "t.csv", {"label": "bread"}, "no column 'bread': did you mean 'breed'?"),
        (tmp_path / "t.csv", {"label": "breed", "task": "regression"}, "not numbers, as a regression needs them"),
        (tmp_path / "cut.parquet", {}, "truncated or not Parquet"),
        (pictures, {"task": "regression"}, "a folder gives each image one class"),
    ]:
        with pytest.raises(DataError, match=message.replace("?", r"\?")):
            reading.read(path, **options)


def test_one_class_is_nothing_to_rank(pictures: Path, zoo: Path) -> None:
    (pictures / "dogs").rename(pictures.parent / "dogs")
    with pytest.raises(TargetError, match="one class; a ranking needs at least two"):
        rank(pictures)
    with pytest.raises(TargetError, match=f"if its folders are the classes, give .*{pictures.name}"):
        (pictures.parent / "dogs").rename(pictures / "dogs")
        (outer := pictures.parent / "outer").mkdir()
        rank(pictures.rename(outer / pictures.name).parent)


def test_an_unreadable_image_is_named_and_skipped_and_two_in_a_hundred_are_an_error(pictures: Path) -> None:
    cut = picture(pictures / "dogs" / "cut.png", 1)
    cut.write_bytes(cut.read_bytes()[:900])
    split, warned = looked_at(reading.read(pictures))
    assert len(split) == 120
    assert "1 of 121 images cannot be read and were skipped: dogs/cut.png" in warned[0]
    (pictures / "dogs" / "empty.jpg").touch()
    with pytest.raises(DataError, match=r"2 of 122 images cannot be read, more than 1 %: dogs/cut\.png .*empty\.jpg"):
        looked_at(reading.read(pictures))


def test_a_file_that_is_gone_is_as_one_that_is_broken(pictures: Path) -> None:
    (pictures / "dogs" / "gone.png").symlink_to("nowhere.png")
    split, warned = looked_at(reading.read(pictures))
    assert len(split) == 120
    assert "1 of 121 images cannot be read and were skipped: dogs/gone.png (No such file or directory)" in warned[0]
    table = pd.DataFrame({"image": [f"dogs/p {i:02d}.png" for i in range(60)] * 2, "label": ["a", "b"] * 60})
    table.to_csv(pictures.parent / "t.csv", index=False)  # beside the folder, not in it
    with pytest.raises(
        DataError, match=r"120 of 120 images cannot be read, .* dogs/p 00\.png \(No such file.*table's f"
    ):
        looked_at(reading.read(pictures.parent / "t.csv"))
    table.assign(image=[f"https://{name}" for name in table["image"]]).to_csv(pictures.parent / "t.csv", index=False)
    with pytest.raises(DataError, match="images are not downloaded; give paths of files"):
        looked_at(reading.read(pictures.parent / "t.csv"))


def test_of_sixteen_bits_the_upper_eight_count_and_thirty_two_are_named(pictures: Path) -> None:
    values = np.random.default_rng(0).integers(0, 2**16, (2, 40, 40), dtype=np.uint16)
    for name in ("deep.png", "deep.tif"):
        Image.fromarray(values[0]).save(pictures / "dogs" / name)
    Image.fromarray((values[0] // 256).astype(np.uint8)).save(pictures / "dogs" / "shallow.png")
    Image.fromarray(values[1] / np.float32(2**16)).save(pictures / "dogs" / "shares.tif")
    one, other, plain = (
        open_image((pictures / "dogs" / name).read_bytes(), "dogs", 0)
        for name in ("deep.png", "deep.tif", "shallow.png")
    )
    assert one.tobytes() == other.tobytes() == plain.tobytes()
    _, warned = looked_at(reading.read(pictures))
    assert sum("1 of 124 images have values of 32 bits, such as dogs/shares.tif" in one for one in warned) == 1
    assert any("2 images repeat another of the same target" in one for one in warned)


def test_what_a_folder_holds_beside_images_is_told(pictures: Path) -> None:
    assert checks.left_aside(pictures, reading.read(pictures)) == ([], [])
    (pictures / "cats").mkdir()
    (pictures / "__MACOSX").mkdir()
    for name in ("cats/1.heic", "dogs/1.HEIC", "dogs/Thumbs.db", "dogs/.DS_Store", "README.md"):
        (pictures / name).touch()
    (pictures / "p.png").write_bytes((pictures / "dogs" / "p 00.png").read_bytes())
    notes, _ = checks.left_aside(pictures, reading.read(pictures))
    assert notes == [
        "left out: 2 folders without images (__MACOSX, cats), 1 image in no class folder, "
        "3 files without an image's suffix (.heic 2, .db 1)"
    ]


def test_splits_that_are_taken_for_classes_are_told(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "all"
    picture(folder / "test" / "dogs" / "1.png", 1)
    pictures.rename(folder / "train")
    assert checks.left_aside(folder, reading.read(folder)) == ([], [])
    (folder / "docs").mkdir()
    with pytest.raises(DataError, match=r"all: its folders of images are splits \(test, train\); give that of one"):
        checks.left_aside(folder, reading.read(folder))
    picture(folder / "docs" / "1.png", 2)
    _, warned = checks.left_aside(folder, reading.read(folder))
    assert warned == ["classes are called test, train: if these are splits, give the folder of one"]


def test_amounts_that_are_read_as_classes_are_told(tmp_path: Path) -> None:
    prices = pd.DataFrame({"text": [f"house {i}" for i in range(40)], "label": [1000 * i for i in range(40)]})
    prices.to_csv(tmp_path / "prices.csv", index=False)
    _, warned = looked_at(reading.read(tmp_path / "prices.csv"))
    assert any("if they are amounts, give --task text_regression" in one for one in warned)
    prices.assign(label=[f"id{i}" for i in range(40)]).to_csv(tmp_path / "ids.csv", index=False)
    assert not any("amounts" in one for one in looked_at(reading.read(tmp_path / "ids.csv"))[1])


def test_classes_that_the_budget_makes_small_are_no_amounts(tmp_path: Path) -> None:
    table = pd.DataFrame({"text": [f"house {i}" for i in range(120)], "label": [i % 12 for i in range(120)]})
    table.to_csv(tmp_path / "t.csv", index=False)
    _, warned = looked_at(reading.read(tmp_path / "t.csv"), 3)
    assert any("texts tell little: " in one and one.endswith("look at more of each (--budget)") for one in warned)
    assert not any("amounts" in one for one in warned)


def test_a_decompression_bomb_is_skipped_undecoded(pictures: Path) -> None:
    (pictures / "dogs" / "bomb.png").write_bytes(bomb())
    split, warned = looked_at(reading.read(pictures))
    assert len(split) == 120
    assert "dogs/bomb.png" in warned[0] and "bomb" in warned[0].partition("bomb.png")[2]


def test_a_postscript_file_called_png_runs_nothing(pictures: Path) -> None:
    (pictures / "dogs" / "x.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")
    _, warned = looked_at(reading.read(pictures))
    assert "dogs/x.png (empty or not one of JPEG, PNG" in warned[0]


def test_what_spoils_a_ranking_is_told(pictures: Path) -> None:
    (pictures / "cats").mkdir()
    for i in range(2):
        (pictures / "cats" / f"{i}.png").write_bytes((pictures / "dogs" / f"p {i:02d}.png").read_bytes())
    Image.open(pictures / "dogs" / "p 05.png").save(pictures / "dogs" / "again.bmp")  # other bytes, same pixels
    _, warned = looked_at(reading.read(pictures))
    text = "\n".join(warned)
    assert "classes of under 5 images tell little: 'cats' 2" in text
    assert "classes are out of balance: 61 images of 'dogs', 2 of 'cats'" in text
    assert "2 images occur under more than one target, such as cats/0.png = dogs/p 00.png" in text
    assert "1 image repeats another of the same target" in text


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.integers(1, 9))
def test_a_sample_is_stratified_and_grows_with_the_budget(labels: list[int], budget: int) -> None:
    targets = np.array(labels)
    listing = Listing("l", "image_classification", list("abcde"), targets, [], lambda rows: [], [])
    rows = reading.sample(listing, budget, 3)
    counts = np.bincount(targets, minlength=5)
    assert np.bincount(targets[rows], minlength=5).tolist() == np.minimum(counts, budget).tolist()
    assert {*rows} <= {*reading.sample(listing, budget + 1, 3)}
    assert rows.tolist() == reading.sample(listing, budget, 3).tolist() == sorted(rows.tolist())


def test_a_sample_of_values_spans_them_and_of_several_labels_fills_each() -> None:
    values = Listing("v", "regression", [], np.random.default_rng(0).normal(size=500), [], lambda rows: [], [])
    chosen = values.targets[reading.sample(values, 50, 0)]
    assert len(chosen) == 50 and abs(np.median(chosen) - np.median(values.targets)) < 0.1
    several = np.random.default_rng(0).random((300, 4)) < [0.9, 0.5, 0.1, 0.02]
    chosen = several[reading.sample(Listing("m", "multilabel", list("abcd"), several, [], lambda rows: [], []), 20, 0)]
    assert (chosen.sum(axis=0) >= np.minimum(several.sum(axis=0), 20)).all() and len(chosen) < 300


def test_a_class_of_one_image_is_warned_about_and_ranked(pictures: Path) -> None:
    picture(pictures / "cats" / "only.png", 1)
    split, warned = looked_at(reading.read(pictures))
    assert split.classes[0] == "cats" and "classes of under 5 images tell little: 'cats' 1" in warned[0]


def test_texts_are_looked_at_without_pictures() -> None:
    texts = ["well made", "dull", "well  made ", "dull", "fine", "weak", "grand", "poor", "well made", "long"]
    targets, names = np.array([0, 1] * 5), [f"row {i}" for i in range(10)]
    listing = Listing(
        "films", "text_classification", ["good", "bad"], targets, names, lambda rows: Encoded([]), [], {"text": texts}
    )
    split, warned = looked_at(listing)
    assert split.texts == {"text": texts} and not len(split.images) and len(split) == 10
    assert warned == [f"3 texts repeat another of the same target{doctor.COPY}"]
    listing.texts["text"][3] = "fine"
    assert "1 text occurs under more than one target, such as row 3 = row 4" in looked_at(listing)[1]
    listing.texts["text"][5] = "\n "
    with pytest.raises(DataError, match=r"1 of 10 texts cannot be read, more than 1 %: row 5 \(empty\)"):
        looked_at(listing)


def test_of_a_long_table_rows_are_drawn_part_by_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_table, "PART", 70)
    monkeypatch.setattr(own_table, "MOST", 100)
    monkeypatch.setattr(own_parquet, "MOST", 100)
    rows = pd.DataFrame({"id": range(1000), "text": [f"text {i}" for i in range(1000)], "label": ["x", "y"] * 500})
    rows.to_csv(tmp_path / "t.csv", index=False)
    rows.to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    rows.to_parquet(tmp_path / "t.parquet")
    for name in ("t.csv", "t.jsonl", "t.parquet"):
        listing = reading.read(tmp_path / name)
        assert len(listing.targets) == len(listing.texts["text"]) == 100
        assert any("of 1,000 rows 100 were drawn" in note for note in listing.notes)
        number = [int(text.split()[1]) for text in listing.texts["text"]]
        assert number == sorted({*number}) and min(number) < 100 and max(number) > 900  # evenly, each once, in order
        assert listing.names == [f"row {i}" for i in number]
        assert [listing.classes[i] for i in listing.targets] == [rows["label"][i] for i in number]


def test_labels_that_look_like_numbers_in_one_part_alone_stay_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_table, "PART", 4)
    frame = pd.DataFrame({"text": ["good", "bad"] * 4, "label": [1, 2, 1, 2, "a", "b", "a", "b"]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert reading.read(tmp_path / "t.csv").classes == ["1", "2", "a", "b"]


@pytest.mark.slow
def test_two_million_rows_stay_out_of_memory(tmp_path: Path) -> None:
    import resource

    with open(tmp_path / "t.csv", "w") as file:
        file.write("text,label\n")
        file.writelines(f"row {i} {'word ' * 40},{i % 5}\n" for i in range(2_000_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    listing = reading.read(tmp_path / "t.csv")
    assert len(listing.targets) == own_parquet.MOST and np.bincount(listing.targets).min() > 39_000
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < (tmp_path / "t.csv").stat().st_size  # the file is 440 MB


def test_a_column_of_numbers_is_no_text_and_no_label_is_no_data(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": range(6), "body": ["x y"] * 6, "label": ["a", "b"] * 3})
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match="column 'text' holds numbers, not texts; name it with --text-column"):
        reading.read(tmp_path / "t.csv")
    assert len(reading.read(tmp_path / "t.csv", text="body").targets) == 6
    frame.assign(label=np.nan).to_csv(tmp_path / "n.csv", index=False)
    with pytest.raises(DataError, match="column 'label': no row has a label"):
        reading.read(tmp_path / "n.csv", text="body")
