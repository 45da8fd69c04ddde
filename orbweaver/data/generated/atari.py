"""Colour frames of Atari games: regressions of values in the console's memory, and a third set of games to tell apart.

A byte of memory is a target only if the screen shows the same: the aliens' pixels, the length of the oxygen's bar, the
boxers' places (tests/data/test_standard_data.py checks that). Training and test frames come from different
episodes of random play, and no frame is in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from orbweaver.data.generated.games import emulated
from orbweaver.data.images import png
from orbweaver.data.sampling import balanced_labels
from orbweaver.data.split import Split, splits

ABOUT = {"family": "atari", "licence": "GPL-2.0 emulator; frames for research", "origin": "ale-py, random play"}
GAMES = ("assault", "asterix", "atlantis", "beam_rider", "berzerk", "bowling", "centipede", "chopper_command",
         "crazy_climber", "enduro")  # fmt: skip
CROP = 96  # of a screen of 210 x 160
# Addresses of bytes: oxygen left in Seaquest, aliens left in Space Invaders, the boxers' x in Boxing.
OXYGEN, ALIENS, BOXERS = 102, 17, (32, 33)


def play(game: str, seed: int, steps: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields, without end, screen (210, 160, 3) and memory (128,) after every `steps` random actions."""
    for ale, _ in emulated(game, seed, steps):
        yield ale.getScreenRGB().copy(), ale.getRAM().copy()


def _remembered(name: str, game: str, steps: int, tell: Callable[[np.ndarray], float | None], train: int, test: int,
                image_size: int, seed: int) -> dict[str, Split]:  # fmt: skip
    """Whole screens, without the border, and what `tell` reads in the memory; a screen without a value is skipped."""
    parts: dict[str, tuple[list[bytes], np.ndarray]] = {}
    seen: set[bytes] = set()
    for split, count, episode in (("train", train, 2 * seed + 1), ("test", test, 2 * seed + 2)):
        images: list[bytes] = []
        values: list[float] = []
        for screen, memory in play(game, episode, steps):
            if len(images) == count:
                break
            image, value = png(screen[18:194], image_size), tell(memory)
            if value is not None and image not in seen:
                seen.add(image)
                images.append(image)
                values.append(value)
        order = np.random.default_rng([seed, count]).permutation(count)
        parts[split] = ([images[i] for i in order], np.array(values)[order])
    return splits(name, (), parts, task="regression", **ABOUT)


def atari_oxygen(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Regression: how much oxygen is left in Seaquest, 0 to 1? A bar at the bottom shows it."""
    return _remembered(
        "atari_oxygen", "seaquest", 15, lambda memory: memory[OXYGEN] / 64, train, test, image_size, seed
    )


def atari_aliens(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Regression: how many of 36 aliens are left in Space Invaders?"""
    left = lambda memory: float(memory[ALIENS]) if memory[ALIENS] else None  # noqa: E731
    return _remembered("atari_aliens", "space_invaders", 40, left, train, test, image_size, seed)


def atari_boxers(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Regression: how far to the right of the white boxer is the black one, in pixels?"""
    apart = lambda memory: float(memory[BOXERS[1]]) - float(memory[BOXERS[0]])  # noqa: E731
    return _remembered("atari_boxers", "boxing", 15, apart, train, test, image_size, seed)


def games_arcade(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Ten more games, from Assault to Enduro, in colour: random crops of the screen."""
    random = np.random.default_rng([seed, 3])
    seen: set[bytes] = set()
    parts = {}
    for split, count, episode in (("train", train, 2 * seed + 1), ("test", test, 2 * seed + 2)):
        labels = balanced_labels(count, len(GAMES))
        crops: dict[int, list[bytes]] = {}
        for c, game in enumerate(GAMES):
            crops[c] = []
            for screen, _ in play(game, episode, 6):
                if len(crops[c]) == (labels == c).sum():
                    break
                top, left = random.integers(18, 194 - CROP + 1), random.integers(160 - CROP + 1)
                crop = screen[top : top + CROP, left : left + CROP]
                image = png(crop, image_size)
                if crop.std() >= 8 and image not in seen:  # a blank screen shows no game
                    seen.add(image)
                    crops[c].append(image)
        parts[split] = ([crops[c].pop() for c in labels], labels)
    classes = [game.replace("_", " ") for game in GAMES]
    return splits("games_arcade", classes, parts, task="image_classification", **ABOUT)
