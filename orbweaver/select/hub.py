"""A dataset of the Hugging Face hub, by its id: its Parquet files of one configuration, in the hub's own cache."""

from __future__ import annotations

import re
from pathlib import Path

from orbweaver.core.errors import REFUSALS
from orbweaver.core.names import did_you_mean
from orbweaver.data.images import shown
from orbweaver.data.readers.labels import DataError

ID = re.compile(r"^(?:hub/)?([\w.-]+/[\w.-]+)$")
CONVERTED = "refs/convert/parquet"  # where the hub keeps any dataset as Parquet
LARGEST = 4 * 2**30  # bytes to download; the first files of the training split up to this


def resolved(path: str | Path) -> str | Path:
    """A path as it is; the folder of the files of a dataset's id that is no path. They are downloaded once.

    Raises DataError when there is no such dataset, when it cannot be had, or when the path cannot be looked at.
    """
    try:
        there = Path(path).expanduser().exists()
    except OSError as error:  # no permission to look, a name that is too long
        raise DataError(f"{shown(path)}: cannot be read ({error.strerror})") from None
    if there or not (named := ID.match(str(path))) or str(path).startswith((".", "~")):
        return path
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import RepositoryNotFoundError

    name = named[1]
    here = cached(Path(constants.HF_HUB_CACHE), name)
    try:
        api = HfApi()
        files = [f for f in api.list_repo_tree(name, recursive=True, revision=CONVERTED, repo_type="dataset")
                 if f.path.endswith(".parquet")]  # fmt: skip
        wanted = chosen([(f.path, f.size) for f in files])
        if not wanted:
            raise DataError(f"the dataset '{name}' of the hub has no training split as Parquet")
        snapshot_download(name, repo_type="dataset", revision=CONVERTED, allow_patterns=wanted)
        here = cached(Path(constants.HF_HUB_CACHE), name)
    except RepositoryNotFoundError:
        raise DataError(f"'{path}' is neither a path nor a dataset of the hub{_near(name)}") from None
    except DataError:
        raise
    except Exception as error:  # of the hub's client: no network, or nothing that it may read
        if any(words in str(error) for words in REFUSALS):
            raise
        if here is None:
            raise DataError(
                f"'{path}' is no path here, and the dataset of this id cannot be downloaded from the hub "
                f"({type(error).__name__}){_near(name)}"
            ) from None
    return here


def chosen(files: list[tuple[str, int]]) -> list[str]:
    """Of (path, bytes) as <configuration>/<split>/<number>.parquet the first of the training split of `default`, or of
    the first configuration; at least one file, and no more than `LARGEST` bytes."""
    train = [(path, size) for path, size in sorted(files) if "train" in "/".join(path.split("/")[-2:])]
    if not train:
        return []
    first = "default" if any(path.startswith("default/") for path, _ in train) else train[0][0].split("/")[0]
    total, found = 0, []
    for path, size in train:
        if path.split("/")[0] == first and (not found or total + size <= LARGEST):
            found.append(path)
            total += size
    return found


def cached(root: Path, name: str) -> Path | None:
    """The newest snapshot of a dataset in the hub's cache that holds Parquet files."""
    snapshots = (root / f"datasets--{name.replace('/', '--')}" / "snapshots").glob("*")
    there = [folder for folder in snapshots if any(folder.rglob("*.parquet"))]
    return max(there, key=lambda folder: folder.stat().st_mtime) if there else None


def _near(name: str) -> str:
    """The nearest id in the hub's cache, as the end of a message."""
    from huggingface_hub import constants

    folders = Path(constants.HF_HUB_CACHE).glob("datasets--*--*")
    known = [folder.name.removeprefix("datasets--").replace("--", "/") for folder in folders]
    said = did_you_mean(name, known) if known else ""
    return (
        f"; of those in the cache, {said}"
        if said.startswith("did")
        else f"; in the cache: {', '.join(sorted(known)) or 'none'}"
    )
