"""Faces drawn by python_avatars: in what mood is the person?

Nine moods, as the package means them: a mood is a mouth, eyes and eyebrows, and some of them share a mouth or eyes.
All else varies: skin, nose, beard, glasses, colours, how near and where the face is. The splits show different hair
and hats, and different clothes.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from orbweaver.data.generated.drawing import classified, halves
from orbweaver.data.split import Split, splits

ABOUT = {
    "family": "avatars",
    "licence": "MIT package; drawings by Pablo Stanley",
    "origin": "python_avatars, faces of avataaars.com",
}
MOODS = ("happy", "sad", "frightened", "disgusted", "angry", "surprised", "confused", "worried", "neutral")
HIDING = ("ASTRONAUT", "GLADIATOR_HELMET")  # most of a face
FACE = np.array([132, 128])  # the middle of a face, in the units of a drawing
SIDE = 128


def _colour(random: np.random.Generator) -> str:
    return "#" + bytes(random.integers(0, 256, 3).tolist()).hex()


def _draw(mood: str, top, clothing, random: np.random.Generator) -> Image.Image:
    """A person in a mood, more or less near, on a ground of one colour."""
    import python_avatars as drawn
    import resvg_py

    def one(parts, none=None):
        """One of the parts; half of the time `none`, if given."""
        parts = [*parts]
        return none if none is not None and random.random() < 0.5 else parts[random.integers(len(parts))]

    person = drawn.Avatar(
        top=top, clothing=clothing, hat_color=_colour(random), clothing_color=_colour(random),
        eyebrows=one([drawn.EyebrowType.DEFAULT, drawn.EyebrowType.DEFAULT_NATURAL]), eyes=one(drawn.EyeType),
        nose=one(drawn.NoseType), skin_color=one(drawn.SkinColor), hair_color=one(drawn.HairColor),
        facial_hair=one(drawn.FacialHairType, drawn.FacialHairType.NONE), facial_hair_color=one(drawn.HairColor),
        accessory=one(drawn.AccessoryType, drawn.AccessoryType.NONE),
        shirt_graphic=one([each for each in drawn.ClothingGraphic if each.name != "CUSTOM_TEXT"]),  # needs a typeface
    )  # fmt: skip
    drawing = getattr(person, mood)().render()
    shown = random.uniform(110, 200)
    left, upper = FACE + random.uniform(-0.1, 0.1, 2) * shown - shown / 2
    drawing = drawing.replace('viewBox="0 0 264 280"', f'viewBox="{left:.1f} {upper:.1f} {shown:.1f} {shown:.1f}"', 1)
    drawing = drawing.replace('width="264px" height="280px"', f'width="{SIDE}" height="{SIDE}"', 1)
    encoded = bytes(resvg_py.svg_to_bytes(svg_string=drawing, background=_colour(random), skip_system_fonts=True))
    with Image.open(io.BytesIO(encoded)) as image:
        return image.convert("RGB")


def avatars_mood(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """In which of nine moods is the person?"""
    import python_avatars as drawn

    random = np.random.default_rng(seed)
    tops = halves([top for top in drawn.TopType.get_all() if top.name not in HIDING], random)
    clothes = halves([clothing for clothing in drawn.ClothingType if clothing.value], random)
    shown = {split: [(top, one) for top in tops[split] for one in clothes[split]] for split in tops}
    groups = [{split: [(mood, *each) for each in shown[split]] for split in shown} for mood in MOODS]
    parts = classified(groups, train, test, image_size, random, lambda person: _draw(*person, random))
    return splits("avatars_mood", MOODS, parts, task="image_classification", **ABOUT)
