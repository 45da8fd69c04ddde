"""python -m stages.prune: shows what params.yaml no longer names, asks, removes it.

Looks at the rooms' outputs on disk, at dvc.lock and at the store of finished results. Nothing is removed unless the
benchmark is up to date, since only then it is known what of the store it would ask for again.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from stages import files, params
from stages.errors import UserError, tell
from stages.plan import LOCK, alone, edges, out_of_date, outputs, unnamed, without

if TYPE_CHECKING:
    from stages.zoo.cards import Card

SPLITS = ("train", "test")
# Of the store. Results on a user's own images lie elsewhere (`files.room_of`).
STORE_ROOMS = ("zoo", "images", "pixels", "features", "labels", "finetune", "spider")


class PruneError(UserError):
    """It cannot be told what is still needed."""


def stale_outputs(rooms: Iterable[Path], named: set[Path]) -> Iterator[Path]:
    """What lies in the rooms and is neither named, nor within something named, nor a folder of something named."""
    for room in rooms:
        for path in sorted(room.iterdir()) if room.is_dir() else ():
            if path in named or path.name == ".gitignore":
                continue
            if any(path in output.parents for output in named):
                yield from stale_outputs([path], named)
            else:
                yield path


def tracked(rooms: Iterable[Path]) -> set[Path]:
    """Files in the rooms that git keeps: somebody's, not the pipeline's."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *map(str, rooms)], capture_output=True, text=True, check=True
    )
    return {Path(name) for name in listed.stdout.split("\0") if name}


def needed(p: params.Params) -> set[Path]:
    """Everything in the store that the benchmark of params.yaml may ask for.

    Raises FileError when an output is missing that says what it is.
    """
    # Imported here: torch takes seconds.
    from stages.features.__main__ import kept_path, made_from
    from stages.finetune.__main__ import kept_run
    from stages.labels.__main__ import kept_labels
    from stages.spider.__main__ import kept_answers
    from stages.zoo.__main__ import kept_training
    from stages.zoo.cards import read_card
    from stages.zoo.pixels import kept_pixels

    digests = {
        (name, split): files.digest(files.dataset_path("sources" if name in p.sources else "targets", name, split))
        for name in p.datasets
        for split in SPLITS
    }
    paths = {files.kept_rows(digest) for digest in digests.values()}
    for ptm, spec in p.ptms.items():
        card, forwarded = read_card(ptm), p.forwarded_by(ptm)
        targets = [name for name in p.targets_of(card.task) if p.truth == "finetune"]
        paths.update(kept_pixels(digests[name, split], card.preprocessing) for name in forwarded for split in SPLITS)
        paths.update(kept_path(card, digests[name, "train"], p) for name in forwarded)
        for target, rate, decay, seed in product(
            targets, p.finetune.learning_rates, p.finetune.weight_decays, range(p.finetune.seeds)
        ):
            paths.add(kept_run(card, digests[target, "train"], digests[target, "test"], p, rate, decay, seed))
        if card.task == "image":
            if not spec.public:
                of_source = [digests[spec.source, split] for split in SPLITS]
                paths.update(kept_training(spec, card.preprocessing, *of_source, p))
            drawn = [name for name in p.sources if files.features_path(ptm, name).exists()]
            paths.add(kept_answers(card, {name: made_from(card, digests[name, "train"]) for name in drawn}, p))
        else:
            paths.update(_of_words(card, spec, targets, digests, p))
    for encoder, target in product(p.encoders, p.targets):
        paths.add(kept_labels(files.read_labels(files.labels_path(encoder, target)).made_from, p))
    return paths


def _of_words(
    card: Card, spec: params.PtmParams, targets: list[str], digests: dict[tuple[str, str], str], p: params.Params
) -> Iterator[Path]:
    """What a PTM of a task with words asks for besides: its training, and pixels of parts of splits."""
    from stages.finetune.words import parts
    from stages.zoo.pixels import kept_pixels
    from stages.zoo.tasks import ptms

    if not spec.public:
        source = ptms.part(spec, files.read_images(files.dataset_path("sources", spec.source, "train")))
        yield from ptms.kept_training(spec, card.preprocessing, source, digests[spec.source, "test"], p)
        yield kept_pixels(source.digest, card.preprocessing)
    for target in targets:
        train = files.read_images(files.dataset_path("targets", target, "train"))
        for part in parts(train, p.finetune.validation_fraction):
            yield kept_pixels(part.digest, card.preprocessing)


def stale_results(p: params.Params, stages: set[str]) -> list[Path]:
    """Files of the store that nothing named asks for; a room that is not known here is left alone."""
    keep = needed(p)
    of_rooms = [path for room in STORE_ROOMS for path in (files.STORE / room).rglob("*")]
    stale = [path for path in of_rooms if path.is_file() and path not in keep]
    stale += [path for path in files.log_path("").parent.glob("*.log") if path.stem not in stages]
    stale += [path for path in files.seconds_path("").parent.glob("*.csv") if path.stem not in p.targets]
    return sorted(stale)


def of_users() -> list[Path]:
    """Files of the store that `stages.rank` has kept of images which are no part of the benchmark."""
    rooms = (files.STORE / room for room in ("rank", "looks"))
    return sorted(path for room in rooms for path in room.rglob("*") if path.is_file())


def size(path: Path) -> int:
    return sum(part.stat().st_size for part in ([path] if path.is_file() else path.rglob("*")) if part.is_file())


def human(count: int) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def agreed(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        raise PruneError("nobody there to ask; `--yes` removes without asking") from None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--yes", action="store_true", help="remove without asking")
    parser.add_argument("--rank", action="store_true", help="also what `stages.rank` has kept of your own images")
    args = parser.parse_args()
    p = params.load()
    with alone():
        if waiting := out_of_date():
            raise PruneError(
                f"{len(waiting)} stages are not up to date, so that it cannot be told what they need; "
                "run `python -m stages.run` first"
            )
        lock = LOCK.read_text(encoding="utf-8")
        stages = edges()
        entries = unnamed(lock, stages)
        outs = list(stale_outputs(files.ROOMS, outputs() | {files.page_path()} | tracked(files.ROOMS)))
        results = stale_results(p, {*stages}) + (of_users() if args.rank else [])
        for stage in entries:
            print(f"dvc.lock: {stage}")
        for path in outs:
            print(f"{path}: {human(size(path))}")
        for room in sorted({path.parts[1] for path in results}):
            of_room = [path for path in results if path.parts[1] == room]
            print(f"{files.STORE / room}: {len(of_room)} files, {human(sum(map(size, of_room)))}")
        if not entries and not outs and not results:
            print("Nothing to remove: params.yaml names everything that is here.")
            return
        if not args.yes and not agreed("Remove all this? [y/N] "):
            print("Nothing was removed.")
            return
        for path in [*outs, *results]:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        if entries:
            files.write_text(LOCK, without(lock, entries))
    print("Removed. Run `python -m stages.run`: folders are smaller now. `dvc gc --workspace` clears DVC's cache.")


if __name__ == "__main__":
    tell(main)
