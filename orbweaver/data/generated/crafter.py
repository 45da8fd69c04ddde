"""Views of Crafter's worlds (Hafner 2021), a game of survival in two dimensions: what is in sight?

Each world is grown from a seed of its own; training and test views come from different worlds.
"""

from __future__ import annotations

import numpy as np

from orbweaver.data.images import png
from orbweaver.data.split import Split, splits

ABOUT = {"family": "crafter", "licence": "MIT", "origin": "crafter, views of generated worlds"}
SIGHTS = ("water", "sand", "tree", "stone", "path", "coal", "iron", "diamond", "lava", "cow", "zombie", "skeleton")
GRID = 9  # squares across a view
PER_WORLD = 40


def _views(seed: int, random: np.random.Generator):
    """Pixels (GRID * 8, GRID * 8, 3) of views of one world, and which of SIGHTS are in them."""
    import crafter

    env = crafter.Env(seed=seed)
    env.reset()
    world, player = env._world, env._player
    view = crafter.engine.LocalView(world, env._textures, [GRID, GRID])
    half = GRID // 2
    inside = [(x, y) for x in range(half, 64 - half) for y in range(half, 64 - half)
              if world[x, y][0] in ("grass", "sand", "path") and world[x, y][1] is None]  # fmt: skip
    for i in random.permutation(len(inside))[:PER_WORLD]:
        world.move(player, inside[i])
        world.daylight = random.uniform(0.35, 1)
        world.random = np.random.RandomState(int(random.integers(2**31)))  # draws the noise at dusk
        x, y = inside[i]
        square = [(x + dx, y + dy) for dx in range(-half, half + 1) for dy in range(-half, half + 1)]
        seen = {world[place][0] for place in square}
        seen |= {type(world[place][1]).__name__.lower() for place in square}
        yield view(player, [8, 8]).astype(np.uint8).transpose(1, 0, 2), np.array([sight in seen for sight in SIGHTS])


def crafter_sight(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Multilabel: which of twelve things are in sight? Two at least."""
    random = np.random.default_rng(seed)
    parts, world = {}, int(random.integers(2**20))
    for split, count in (("train", train), ("test", test)):
        told: dict[bytes, np.ndarray] = {}
        while len(told) < count:
            world += 1
            for pixels, seen in _views(world, random):
                if seen.sum() > 1 and len(told) < count:
                    told[png(pixels, image_size)] = seen
        order = random.permutation(count)
        images, targets = list(told), np.stack(list(told.values()))
        parts[split] = ([images[i] for i in order], targets[order])
    return splits("crafter_sight", SIGHTS, parts, task="multilabel", **ABOUT)
