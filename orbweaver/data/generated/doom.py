"""Views of two complete 3-D games, Freedoom 1 and 2: which map is it, what is in sight, how far is what is ahead?

The player is put beside a random thing of the map and turned a random way, monsters stand still, lamps are on. Training
and test views of `doom_map` come from different places, those of the other two datasets from different maps.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from orbweaver.data.images import png
from orbweaver.data.sampling import balanced_labels
from orbweaver.data.split import Split, splits

ABOUT = {"family": "doom", "licence": "BSD-3-Clause (Freedoom)", "origin": "vizdoom, views of Freedoom's maps"}
MAPS = ("E1M1", "E1M5", "E2M1", "E2M4", "E2M7", "E3M1", "E3M4", "E3M6", "E4M2", "E4M6")
SIGHTS = {  # what the engine calls the kinds of things
    "monster": {"Monster"}, "first aid": {"Health"}, "armour": {"Armor"}, "ammunition": {"Ammo"},
    "plant": {"Vegetation"}, "lamp": {"LightSource"}, "remains": {"Gore", "Gibs"}, "barrel": {"Hazard"},
    "weapon": {"Weapon"},
}  # fmt: skip
CELL = 384  # map units; places in one cell of a map go to one split
SIDE = 120  # of a view in pixels
VISIBLE = 60  # pixels from which on a thing counts as seen
UNIT = 7.5 / 32  # metres of one step of the depth buffer: 7.5 map units (measured on things), 32 of which are a metre
FAR = 63  # steps; the buffer counts no further
BRIGHT = np.round(255 * np.linspace(0, 1, 256) ** 0.6).astype(np.uint8)  # the games are dark
GAME = "+sv_cheats 1 +r_fullbright 1 +con_midtime 0 +cl_showsecretmessage 0"


@dataclass(frozen=True)
class View:
    """pixels: (SIDE, SIDE, 3). depth: (SIDE, SIDE), in steps of UNIT. seen: of SIGHTS. place: the cell."""

    pixels: np.ndarray
    depth: np.ndarray
    seen: np.ndarray
    place: tuple[int, int]


def _set_up(folder: Path, wad: str, seed: int) -> Any:
    """A `vizdoom.DoomGame` that is ready to start. folder: where it may write its settings."""
    import vizdoom

    game = vizdoom.DoomGame()
    game.set_doom_config_path(str(folder / "vizdoom.ini"))
    game.set_doom_game_path(str(Path(vizdoom.__file__).parent / wad))
    game.set_screen_resolution(vizdoom.ScreenResolution.RES_160X120)
    game.set_screen_format(vizdoom.ScreenFormat.RGB24)
    game.set_window_visible(False)
    for shown in ("hud", "weapon", "crosshair", "messages", "screen_flashes", "particles", "decals"):
        getattr(game, f"set_render_{shown}")(False)
    game.set_depth_buffer_enabled(True)
    game.set_labels_buffer_enabled(True)
    game.set_objects_info_enabled(True)
    game.set_available_buttons([vizdoom.Button.TURN_LEFT_RIGHT_DELTA])
    game.set_mode(vizdoom.Mode.PLAYER)
    game.set_seed(seed)
    game.add_game_args(GAME)
    return game


@contextlib.contextmanager
def _running(wad: str, seed: int) -> Iterator[Any]:
    own = Path("_vizdoom")  # the engine makes this empty folder wherever it is started
    there = own.exists()
    with tempfile.TemporaryDirectory() as folder:
        game = _set_up(Path(folder), wad, seed)
        game.init()
        try:
            yield game
        finally:
            game.close()
            if not there:
                with contextlib.suppress(OSError):
                    own.rmdir()


def _views(game: Any, level: str, random: np.random.Generator) -> Iterator[View]:
    """Views of a level without end. One that shows a wall close up, or hardly anything, is skipped."""
    game.set_doom_map(level)
    game.new_episode()
    game.send_game_command("iddqd")  # nothing hurts
    game.send_game_command("freeze")  # nothing moves
    game.advance_action(2)
    places = [(thing.position_x, thing.position_y) for thing in game.get_state().objects]
    while True:
        x, y = np.round(np.array(places[random.integers(len(places))]) + random.uniform(-64, 64, 2)).astype(int)
        game.send_game_command(f"warp {x} {y}")
        game.make_action([random.uniform(-180, 180)])
        game.advance_action(1)
        state = game.get_state()
        pixels, depth, labels = (
            buffer[:, 20:140].copy() for buffer in (state.screen_buffer, state.depth_buffer, state.labels_buffer)
        )
        if np.median(depth) < 8 or pixels.std() < 12:
            continue
        kinds = {thing.object_category for thing in state.labels if (labels == thing.value).sum() >= VISIBLE}
        seen = np.array([bool(kinds & names) for names in SIGHTS.values()])
        yield View(BRIGHT[pixels], depth, seen, (int(x) // CELL, int(y) // CELL))


def doom_map(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Which of ten maps of Freedoom 1?"""
    random = np.random.default_rng(seed)
    labels = {"train": balanced_labels(train, len(MAPS)), "test": balanced_labels(test, len(MAPS))}
    images: dict[str, list[list[bytes]]] = {"train": [], "test": []}
    with _running("freedoom1.wad", seed + 1) as game:
        for c, level in enumerate(MAPS):
            wanted = {split: int((labels[split] == c).sum()) for split in labels}
            found: dict[str, dict[bytes, None]] = {split: {} for split in labels}
            for view in _views(game, level, random):
                split = "train" if sum(view.place) % 2 else "test"
                if len(found[split]) < wanted[split]:
                    found[split][png(view.pixels, image_size)] = None
                if all(len(found[split]) == wanted[split] for split in wanted):
                    break
            for split, some in found.items():
                images[split].append(list(some))
    parts = {split: ([images[split][c].pop() for c in labels[split]], labels[split]) for split in labels}
    classes = [f"episode {level[1]} map {level[3]}" for level in MAPS]
    return splits("doom_map", classes, parts, task="image_classification", **ABOUT)


def _of_freedoom_2(name: str, classes: Iterable[str], task: str, tell: Callable[[View, np.random.Generator], Any],
                   train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:  # fmt: skip
    """Odd maps for training and even ones for tests. A view for which `tell` returns None is skipped."""
    parts = {}
    with _running("freedoom2.wad", seed + 1) as game:
        for split, count, first in (("train", train, 1), ("test", test, 2)):
            random = np.random.default_rng([seed, first, *name.encode()])
            told: dict[bytes, Any] = {}
            for i, share in enumerate(np.bincount(balanced_labels(count, 16), minlength=16)):
                enough = len(told) + share
                for view in _views(game, f"MAP{first + 2 * i:02d}", random):
                    if len(told) == enough:
                        break
                    target = tell(view, random)
                    if target is not None:
                        told.setdefault(png(view.pixels, image_size), target)
            images, targets = list(told), list(told.values())
            order = random.permutation(count)
            parts[split] = ([images[i] for i in order], np.array([targets[i] for i in order]))
    return splits(name, classes, parts, task=task, **ABOUT)


def doom_sight(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Multilabel: which of nine kinds of things are in sight, in Freedoom 2? One at least."""

    def seen(view: View, random: np.random.Generator) -> np.ndarray | None:
        alone = view.seen[0] and view.seen.sum() == 1  # a monster alone is what most views have
        return view.seen if view.seen.any() and random.random() < (0.15 if alone else 1) else None

    return _of_freedoom_2("doom_sight", SIGHTS, "multilabel", seen, train, test, image_size, seed)


def doom_distance(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Regression: how far is what is straight ahead, in Freedoom 2? The logarithm to base 2 of metres, up to 15 m."""

    def ahead(view: View, random: np.random.Generator) -> float | None:
        steps = np.median(view.depth[SIDE // 2 - 6 : SIDE // 2 + 6, SIDE // 2 - 6 : SIDE // 2 + 6])
        if steps < 4 or (steps >= FAR and random.random() < 0.6):  # too near to see; further than the buffer counts
            return None
        return float(np.log2(UNIT * min(steps, FAR)))

    return _of_freedoom_2("doom_distance", (), "regression", ahead, train, test, image_size, seed)
