"""Room 1, data: every dataset as Parquet, train and test splits that share no image.

`DATASETS` maps a name to a function of `(train, test, image_size, seed)` that returns both splits. One file a family.
`CORPORA` are known by name only: what public PTMs were trained on, without their images. The published datasets are in
the catalogue (catalogue.yaml). `make` gives any of them.
"""

from stages.data.catalogue import catalogue, prepare, read
from stages.data.corpora import CORPORA
from stages.data.games import games_classic, games_modern
from stages.data.handwriting import digits, mnist
from stages.data.letters import letters
from stages.data.scenes import SCENES
from stages.data.solar import solar_defect, solar_type
from stages.data.sprites import sprites_direction, sprites_scale, sprites_shape
from stages.files import Images

DATASETS = {
    "mnist": mnist,
    "digits": digits,
    "letters": letters,
    "games_classic": games_classic,
    "games_modern": games_modern,
    "solar_type": solar_type,
    "solar_defect": solar_defect,
    "sprites_shape": sprites_shape,
    "sprites_direction": sprites_direction,
    "sprites_scale": sprites_scale,
    **SCENES,
}


def make(name: str, train: int | None, test: int | None, image_size: int, seed: int) -> dict[str, Images]:
    """Both splits of a dataset, downloaded first where it has to be."""
    if name in CORPORA:
        return CORPORA[name]()
    if name in DATASETS:
        return DATASETS[name](train, test, image_size, seed)
    entry = catalogue()[name]
    prepare(name, entry)
    return read(name, entry, train, test, seed)


__all__ = ["CORPORA", "DATASETS", "catalogue", "make"]
