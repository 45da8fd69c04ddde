"""Views of twelve three-dimensional models, robots and toys, that come with pybullet: which one is it?

A model is painted in one random colour and lit from anywhere; limbs and arms are bent at random. The splits see it from
different sides: from sectors of 20 degrees, alternately for training and for tests, with 10 degrees between them.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from orbweaver.data.generated.drawing import package_folder
from orbweaver.data.images import png
from orbweaver.data.sampling import balanced_labels
from orbweaver.data.split import Split, splits

ABOUT = {
    "family": "3-d models",
    "licence": "zlib package; models under licences of their makers",
    "origin": "pybullet_data, drawn by pybullet's software renderer",
}
MODELS = {
    "duck": "duck_vhacd", "teddy": "teddy_vhacd", "racing car": "racecar/racecar", "R2-D2": "r2d2",
    "Minitaur": "quadruped/minitaur", "Laikago": "laikago/laikago_toes_zup", "A1": "a1/a1",
    "Vision 60": "quadruped/vision60", "Spirit 40": "quadruped/spirit40", "Kuka arm": "kuka_iiwa/model",
    "Panda arm": "franka_panda/panda", "xArm": "xarm/xarm6_robot",
}  # fmt: skip
SECTORS = 12
BEND = 0.6  # radians that a joint is bent at most
SIDE = 256


def _load(pybullet, file: str) -> tuple[int, np.ndarray, float]:
    """A model without its colours, the middle of the box around it, and the box's diagonal."""
    model = pybullet.loadURDF(str(package_folder("pybullet_data") / f"{file}.urdf"), useFixedBase=True)
    boxes = np.array([pybullet.getAABB(model, link) for link in range(-1, pybullet.getNumJoints(model))])
    low, high = boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)
    return model, (low + high) / 2, float(np.linalg.norm(high - low))


def _view(pybullet, model: int, middle: np.ndarray, size: float, azimuth: float,
          random: np.random.Generator) -> tuple[Image.Image, Image.Image]:  # fmt: skip
    """The model from afar, and a mask of it."""
    colour = [*random.uniform(0.25, 1, 3), 1]
    for shape in pybullet.getVisualShapeData(model):
        pybullet.changeVisualShape(model, shape[1], rgbaColor=colour, textureUniqueId=-1)
    for joint in range(pybullet.getNumJoints(model)):
        if pybullet.getJointInfo(model, joint)[2] == pybullet.JOINT_REVOLUTE:
            pybullet.resetJointState(model, joint, random.uniform(-BEND, BEND))
    camera = pybullet.computeViewMatrixFromYawPitchRoll(
        middle.tolist(), 2.5 * size, azimuth, random.uniform(-75, 20), random.uniform(-20, 20), 2
    )
    _, _, pixels, _, of = pybullet.getCameraImage(
        SIDE, SIDE, camera, pybullet.computeProjectionMatrixFOV(30, 1, size / 2, 8 * size), shadow=0,
        lightDirection=random.normal(size=3).tolist(), lightAmbientCoeff=random.uniform(0.3, 0.6),
        lightDiffuseCoeff=random.uniform(0.3, 0.6), lightSpecularCoeff=random.uniform(0, 0.3),
        renderer=pybullet.ER_TINY_RENDERER,
    )  # fmt: skip
    pixels = np.reshape(pixels, (SIDE, SIDE, 4))[..., :3].astype(np.uint8)
    mask = np.reshape(of, (SIDE, SIDE)) >= 0
    return Image.fromarray(pixels), Image.fromarray(mask.astype(np.uint8) * 255)


def _draw(view: Image.Image, mask: Image.Image, random: np.random.Generator) -> Image.Image:
    """The model large or small, anywhere, or cut a little, before a ground that runs from one colour to another."""
    left, top, right, bottom = mask.getbbox()
    longer = max(right - left, bottom - top)
    side = round(longer * random.uniform(0.9, 2))
    x, y = np.array([left + right, top + bottom]) / 2 + random.uniform(-0.5, 0.5, 2) * max(side - longer, 0.1 * side)
    box = round(x - side / 2), round(y - side / 2)
    box += box[0] + side, box[1] + side
    colours = Image.fromarray(random.integers(0, 256, (2, 2, 3)).astype(np.uint8))
    ground = colours.resize((side, side), Image.Resampling.BILINEAR)
    ground.paste(view.crop(box), mask=mask.crop(box))
    return ground


def objects_model(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Which of twelve models?"""
    import pybullet

    random = np.random.default_rng(seed)
    labels = {"train": balanced_labels(train, len(MODELS)), "test": balanced_labels(test, len(MODELS))}
    images = {split: [b""] * len(of) for split, of in labels.items()}
    client = pybullet.connect(pybullet.DIRECT)
    try:
        for label, file in enumerate(MODELS.values()):  # one by one: what is loaded is seen
            model, middle, size = _load(pybullet, file)
            for part, split in enumerate(images):
                for i in np.flatnonzero(labels[split] == label):
                    sector = 2 * random.integers(SECTORS // 2) + part
                    azimuth = (sector + random.uniform(-1 / 3, 1 / 3)) * 360 / SECTORS
                    view = _view(pybullet, model, middle, size, azimuth, random)
                    images[split][i] = png(_draw(*view, random), image_size)
            pybullet.removeBody(model)
    finally:
        pybullet.disconnect(client)
    parts = {split: (images[split], labels[split]) for split in images}
    return splits("objects_model", MODELS, parts, task="image_classification", **ABOUT)
