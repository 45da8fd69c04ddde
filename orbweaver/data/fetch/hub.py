"""What a Hugging Face dataset consists of: the hub's own list of its files, kept beside them."""

from __future__ import annotations

import fnmatch
import json
import time
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import quote

from orbweaver.core.files import write_text
from orbweaver.data.catalogue import Hub
from orbweaver.data.fetch import download
from orbweaver.data.fetch.download import DownloadError


class HubFile(NamedTuple):
    """A file of the hub: its URL, where it goes, and what it must turn out to be."""

    url: str
    path: Path
    size: int
    sha256: str | None


def kept_listing(folder: Path) -> dict | None:
    """What was listed before: id, revision, and files by path with split, size and sha256."""
    kept = folder / ".hub.json"
    return json.loads(kept.read_text()) if kept.exists() else None


def place(folder: Path, path: str, split: str) -> Path:
    return folder / split / PurePosixPath(path).name


def hub_files(hub: Hub, folder: Path) -> list[HubFile]:
    """The files of the dataset at the entry's commit, or, without one, at the commit of the first download.

    Raises DownloadError when the list cannot be downloaded, or has no file for a split.
    """
    from huggingface_hub import constants

    known = kept_listing(folder)
    if known is None or known["id"] != hub.id or hub.revision not in (None, known["revision"]):
        known = _listed(hub, folder)
        write_text(folder / ".hub.json", json.dumps(known, indent=1, sort_keys=True) + "\n")
    base = f"{constants.ENDPOINT}/datasets/{hub.id}/resolve/{known['revision']}"
    return [
        HubFile(f"{base}/{quote(path)}", place(folder, path, about["split"]), about["size"], about["sha256"])
        for path, about in known["files"].items()
    ]


def hub_headers() -> dict[str, str]:
    """HTTP headers for the hub: the user's token, for datasets that are given out only after a form was signed."""
    from huggingface_hub.utils import build_hf_headers

    return build_hf_headers()


def _tree(hub: Hub) -> tuple[str, list]:
    """The commit and the files of a dataset. If the hub was asked too often (429), this waits as long as it says."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.hf_api import RepoFile

    api = HfApi()
    for attempt in range(1, download.ATTEMPTS + 1):
        try:
            revision = hub.revision or api.dataset_info(hub.id).sha
            listed = api.list_repo_tree(hub.id, recursive=True, revision=revision, repo_type="dataset")
            return revision, [file for file in listed if isinstance(file, RepoFile)]
        except HfHubHTTPError as error:
            if error.response is None or error.response.status_code != 429 or attempt == download.ATTEMPTS:
                raise
            time.sleep(max(download.PAUSE, download.seconds_of(error.response.headers.get("Retry-After", ""))))
    raise AssertionError


def _listed(hub: Hub, folder: Path) -> dict:
    try:
        revision, tree = _tree(hub)
    except Exception as error:  # the hub's client raises many kinds
        raise DownloadError(
            f"the list of files of hf-hub:{hub.id} cannot be downloaded ({type(error).__name__}); without network, run "
            f"this elsewhere and copy {folder} here"
        ) from None
    found = {}
    for split, pattern in hub.splits.items():
        for file in tree:
            if fnmatch.fnmatchcase(file.path, pattern):
                digest = file.lfs.sha256 if file.lfs else None
                found[file.path] = {"split": split, "size": file.size, "sha256": digest}
    if missing := [p for s, p in hub.splits.items() if s not in {f["split"] for f in found.values()}]:
        raise DownloadError(f"hf-hub:{hub.id} at {revision} has no file '{missing[0]}'")
    return {"id": hub.id, "revision": revision, "files": found}
