"""A user's own data: an image folder, Parquet in the Hugging Face convention, or a table of paths or texts and labels.

Labels are read first, then samples are drawn, and only the pictures of these are opened. Nothing is ever written beside
the data.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from orbweaver.core.settings import DatasetSettings
from orbweaver.data.images import shown
from orbweaver.data.readers.folders import SUFFIXES, by_class, pictures
from orbweaver.data.readers.labels import OF_FOLDERS, TASKS, DataError
from orbweaver.data.readers.own_listing import Listing, Wanted, check_task, loads_of
from orbweaver.data.readers.own_parquet import read_parquet
from orbweaver.data.readers.own_table import TABLES, read_table
from orbweaver.data.sampling import of_each_class, systematic
from orbweaver.data.split import Split

SPLITS = {"train", "training", "test", "val", "valid", "validation", "dev"}


def read(
    path: str | Path,
    task: str | None = None,
    image: str | None = None,
    label: str | None = None,
    text: str | None = None,
) -> Listing:
    """Lists a user's data. `task` overrides the one that the data suggest; `image`, `label` and `text` name columns.

    Raises DataError when the path holds nothing of the kind, or a column is missing or of no use.
    """
    path, wanted = Path(path).expanduser(), Wanted(task, image, text, label)
    check_task(path, task)
    try:
        if not path.exists():
            raise DataError(f"{shown(path)}: not found")
        if path.is_dir():
            if files := sorted(path.rglob("*.parquet")):
                return read_parquet(path, files, wanted)
            if (path / "metadata.csv").exists():  # Hugging Face's image folder
                return read_table(path / "metadata.csv", wanted)
            return _folder(path, task)
        if path.suffix.lower() == ".parquet":
            return read_parquet(path, [path], wanted)
        if path.suffix.lower() in TABLES:
            return read_table(path, wanted)
    except PermissionError as error:
        raise DataError(f"{shown(error.filename or path)}: not allowed to read it") from None
    lines = "; one JSON object a line is called .jsonl" if path.suffix.lower() == ".json" else ""
    raise DataError(f"{shown(path)}: neither a folder of images by class, nor .parquet, .csv, .tsv or .jsonl{lines}")


def sample(listing: Listing, budget: int, seed: int) -> np.ndarray:
    """Sorted rows to look at: at most `budget` of each class, or `budget` in all where targets are numbers.

    The same for the same seed. A larger budget keeps the rows of a smaller one, except where targets are numbers.
    """
    random = np.random.default_rng(seed)
    if np.issubdtype(listing.targets.dtype, np.floating):
        return systematic(listing.targets, min(budget, len(listing.targets)), random)
    return of_each_class(listing.targets, budget, random)


def splits(name: str, settings: DatasetSettings, seed: int, root: Path) -> dict[str, Split]:
    """The user's data at `settings.path`, below `root`, as a dataset: so many samples of each split, drawn so that
    targets keep their shares; three quarters and one quarter of all unless numbers are given.

    Raises DataError as `read`, and where there are not so many samples.
    """
    path = root / Path(settings.path).expanduser()
    listing = read(path, settings.task, settings.image_column, settings.label_column, settings.text_column)
    for note in listing.notes:
        warnings.warn(f"dataset '{name}': {note}", stacklevel=2)
    n = len(listing.targets)
    test = settings.test or (n - settings.train if settings.train else round(n / 4))
    train = settings.train or n - test
    if min(train, test) < 1 or train + test > n:
        raise DataError(f"dataset '{name}' ({shown(path)}) has {n} samples, too few for {train} train + {test} test")
    random = np.random.default_rng(seed)
    chosen = systematic(listing.targets, train + test, random)
    tested = systematic(listing.targets[chosen], test, random)
    return {
        split: Split(
            name,
            listing.task,
            listing.classes,
            listing.load(rows),
            listing.targets[rows],
            licence="the user's own",
            origin=shown(path.name),
            family=name,
            texts={key: [values[row] for row in rows] for key, values in listing.texts.items()},
        )
        for split, rows in (("train", np.delete(chosen, tested)), ("test", chosen[tested]))
    }


def _folder(path: Path, task: str | None) -> Listing:
    if task is not None and not TASKS[task].folders:
        raise DataError(f"{shown(path)}: a folder gives each image one class; for {task} give a table or Parquet")
    notes, folder = [], path
    folders = sorted(f for f in path.iterdir() if f.is_dir() and not f.name.startswith("."))
    if folders and {f.name.lower() for f in folders} <= SPLITS:
        train = [f for f in folders if f.name.lower().startswith("train")]
        if not train:
            raise DataError(f"{shown(path)}: holds splits ({', '.join(f.name for f in folders)}) but no 'train'")
        notes.append(f"of the splits in {shown(path)}, '{train[0].name}' was taken")
        folder = train[0]
    found = by_class(folder)
    if not found:
        if pictures(folder):
            raise DataError(
                f"{shown(path)}: its images lie in no class folder; sort them into one folder a class, or give a CSV"
            )
        raise DataError(f"{shown(path)}: no images ({' '.join(SUFFIXES)}) in it or its folders")
    images = [picture for of_class in found.values() for picture in of_class]
    targets = np.repeat(np.arange(len(found)), [len(of_class) for of_class in found.values()])
    names, classes = [shown(p.relative_to(path)) for p in images], [shown(name) for name in found]
    name = shown(path.resolve().name)
    return Listing(name, task or OF_FOLDERS, classes, targets, names, loads_of(images), notes)
