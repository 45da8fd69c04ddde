"""Readers of the layouts in which datasets are published: one function for each, of the folder and the entry's options.

Each returns the class names in label order and its splits as lists of `Sample`. Image files are named, not read: they
keep their own bytes until the Parquet file is written. A user's own data are read by the same functions (own.py).
"""

from collections.abc import Callable

from orbweaver.data.readers.arrays import dsprites, smallnorb, stl10, svhn
from orbweaver.data.readers.captions import coco_captions, flickr8k, flickrstyle, karpathy
from orbweaver.data.readers.folders import class_folders, domain_folders, utkface
from orbweaver.data.readers.hub_parquet import parquet
from orbweaver.data.readers.lists import aircraft, birds, dogs, dtd, flowers, food, pet, sun397, voc
from orbweaver.data.readers.questions import clevr, cocoqa, daquar, refcoco, squad
from orbweaver.data.readers.sample import Parts

# Readers whose class names are those of files, folders or lists, `001.Black_footed_Albatross`, and need to be made
# readable; the others give answers, which are words.
_NAMED = (class_folders, domain_folders, aircraft, dtd, food, pet, sun397, flowers, voc, birds, dogs, stl10, smallnorb,
          svhn, parquet)  # fmt: skip
NAMED = frozenset(reader.__name__ for reader in _NAMED)
READERS: dict[str, Callable[..., Parts]] = {
    reader.__name__: reader
    for reader in (
        *_NAMED, utkface, dsprites, flickr8k, karpathy, coco_captions, flickrstyle, refcoco, daquar, cocoqa, clevr,
        squad,
    )
}  # fmt: skip
