"""Frames of Atari games under random play: which game is it? Two sets of games that share none.

A frame is one random crop in grey, so that neither the palette nor the score bar gives the game away. The splits come
from different episodes; a test frame that looks like a training frame all the same is drawn again.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from orbweaver.data.images import png
from orbweaver.data.sampling import balanced_labels
from orbweaver.data.split import Split, splits

if TYPE_CHECKING:
    from ale_py import ALEInterface

CLASSIC = ("asteroids", "breakout", "freeway", "frostbite", "ms_pacman", "pong", "qbert", "seaquest", "skiing",
           "space_invaders")  # fmt: skip
MODERN = ("alien", "bank_heist", "boxing", "demon_attack", "hero", "jamesbond", "kangaroo", "krull", "road_runner",
          "venture")  # fmt: skip
ABOUT = {
    "task": "image_classification",
    "family": "atari",
    "licence": "GPL-2.0 emulator; frames for research",
    "origin": "ale-py, random play",
}
CROP = 112  # of a screen of 210 x 160
STEPS = 6  # random actions between two frames, each held for four screens
NEAR = 0.98  # correlation of two thumbnails from which on two crops count as the same picture


def _thumbnail(crop: np.ndarray) -> np.ndarray:
    """28 x 28 grey values, centred and of unit length, so that a product of two is their correlation."""
    small = np.asarray(Image.fromarray(crop).resize((28, 28), Image.Resampling.BOX), dtype=np.float32).ravel()
    small = small - small.mean()
    return small / np.linalg.norm(small)


def emulated(game: str, seed: int, steps: int) -> Iterator[tuple[ALEInterface, np.random.Generator]]:
    """Yields, without end, the emulator after every `steps` random actions, and the generator that draws them."""
    from ale_py import ALEInterface, LoggerMode, roms

    ALEInterface.setLoggerMode(LoggerMode.Error)
    ale = ALEInterface()
    ale.setInt("random_seed", seed)
    ale.setInt("frame_skip", 4)
    ale.setFloat("repeat_action_probability", 0.25)
    ale.loadROM(roms.get_rom_path(game))
    actions = ale.getMinimalActionSet()
    random = np.random.default_rng([seed, *game.encode()])
    while True:
        for action in random.integers(len(actions), size=steps):
            ale.act(actions[action])
            if ale.game_over():
                ale.reset_game()
        yield ale, random


def _play(game: str, frames: int, seed: int, seen: np.ndarray | None) -> tuple[list[np.ndarray], np.ndarray]:
    """`frames` crops of random play that look like none of the thumbnails `seen`, and their own thumbnails."""
    crops: list[np.ndarray] = []
    thumbnails: list[np.ndarray] = []
    for ale, random in islice(emulated(game, seed, STEPS), 20 * frames):
        top, left = random.integers(210 - CROP + 1), random.integers(160 - CROP + 1)
        crop = ale.getScreenGrayscale()[top : top + CROP, left : left + CROP]
        if crop.std() < 4:  # a blank screen between lives shows no game
            continue
        thumbnail = _thumbnail(crop)
        if seen is not None and (seen @ thumbnail).max() > NEAR:
            continue
        crops.append(crop.copy())
        thumbnails.append(thumbnail)
        if len(crops) == frames:
            return crops, np.stack(thumbnails)
    raise RuntimeError(f"game '{game}': only {len(crops)} of {frames} new frames in {20 * frames} tries; ask for fewer")


def _frames(name: str, games: tuple[str, ...], train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    parts = {}
    seen: dict[str, np.ndarray] = {}
    for split, count, episode in (("train", train, 2 * seed + 1), ("test", test, 2 * seed + 2)):
        labels = balanced_labels(count, len(games))
        crops = {}
        for c, game in enumerate(games):
            crops[c], seen[game] = _play(game, int((labels == c).sum()), episode, seen.get(game))
        parts[split] = ([png(crops[c].pop(), image_size) for c in labels], labels)
    classes = [game.replace("_", " ") for game in games]
    return splits(name, classes, parts, **ABOUT)


def games_classic(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Which of ten games, from Asteroids to Space Invaders?"""
    return _frames("games_classic", CLASSIC, train, test, image_size, seed)


def games_modern(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Which of ten other games, from Alien to Venture?"""
    return _frames("games_modern", MODERN, train, test, image_size, seed)
