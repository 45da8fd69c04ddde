"""Notes of the instruments of General MIDI as spectrograms: of which family is the instrument?

Every instrument plays notes of the same range; pitch, length, noise and colours vary from note to note. The
splits have different instruments.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import fft

from orbweaver.data.generated.drawing import classified, halves, ink_and_ground, package_folder, paint
from orbweaver.data.split import Split, splits

ABOUT = {
    "family": "instruments",
    "licence": "GPL-2.0 soundfont; MIT package",
    "origin": "Tim Brechbill's soundfont TimGM6mb, as pretty_midi has it",
}
FAMILIES = {  # the first of eight programs
    "piano": 0, "chromatic percussion": 8, "organ": 16, "guitar": 24, "ensemble": 48, "brass": 56, "reed": 64,
    "pipe": 72,
}  # fmt: skip
RATE = 30000  # samples a second: enough that hardly anything aliases into the picture
WINDOW = 2800  # samples
SIDE = 96  # of a picture; its time is 1.5 seconds
OCTAVES = 7  # from 65 Hz to 8.4 kHz
# Generators of soundfonts, by their numbers in the format SF2.
LOOP, LOOP_END, INSTRUMENT, KEYS, ATTENUATION, FINE, SAMPLE, MODE, SCALE, ROOT = 2, 3, 41, 43, 48, 52, 53, 54, 56, 58
DELAY, ATTACK, HOLD, DECAY, SUSTAIN, RELEASE = range(33, 39)


def _chunks(data: bytes) -> dict[bytes, bytes]:
    """The chunks of a RIFF file, those in its lists too."""
    chunks, at = {}, 12
    while at < len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"LIST":
            at += 12  # its chunks follow
        else:
            chunks[name] = data[at + 8 : at + 8 + size]
            at += 8 + size + size % 2
    return chunks


def _zones(chunks: dict[bytes, bytes], kind: bytes, firsts: list[int]) -> list[list[dict[int, int]]]:
    """The zones of each preset (kind p) or instrument (i): {generator: value}; firsts: where those of each begin."""
    values = list(struct.iter_unpack("<Hh", chunks[kind + b"gen"]))
    starts = [start for start, _ in struct.iter_unpack("<HH", chunks[kind + b"bag"])]
    zones = [dict(values[start:end]) for start, end in pairwise(starts)]
    return [zones[first:end] for first, end in pairwise(firsts)]


class _Font:
    """A soundfont. This one has no zone for some velocities only, and its presets only name instruments."""

    def __init__(self, path: Path) -> None:
        chunks = _chunks(path.read_bytes())
        self.wave = np.frombuffer(chunks[b"smpl"], "<i2").astype(np.float64)
        self.samples = list(struct.iter_unpack("<20x5IBb4x", chunks[b"shdr"]))
        heads = list(struct.iter_unpack("<20x3H12x", chunks[b"phdr"]))
        instruments = []
        for zones in _zones(chunks, b"i", [first for (first,) in struct.iter_unpack("<20xH", chunks[b"inst"])]):
            shared = {} if SAMPLE in zones[0] else zones[0]  # the first may hold for all
            instruments.append([shared | zone for zone in zones if SAMPLE in zone])
        self.presets = {}
        presets = _zones(chunks, b"p", [first for *_, first in heads])
        for (program, bank, _), zones in zip(heads[:-1], presets, strict=True):  # the last head ends the list
            self.presets[bank, program] = [part for zone in zones for part in instruments[zone[INSTRUMENT]]]

    def play(self, program: int, pitch: float, held: int, total: int) -> np.ndarray:
        """(total,) sound of a note that is held for some samples; pitch: 69 is 440 Hz."""
        zones = self.presets[0, program]
        keys = [divmod(zone.get(KEYS, 127 << 8), 256) for zone in zones]
        far = [max(low - round(pitch), round(pitch) - high, 0) for high, low in keys]  # some instruments have gaps
        return sum(self._part(zone, pitch, held, total) for zone, d in zip(zones, far, strict=True) if d == min(far))

    def _part(self, zone: dict[int, int], pitch: float, held: int, total: int) -> np.ndarray:
        start, end, loop, loop_end, rate, root, correction = self.samples[zone[SAMPLE]]
        root = zone.get(ROOT, root)
        cents = (pitch - root) * zone.get(SCALE, 100) + zone.get(FINE, 0) + correction
        at = np.arange(total) * (rate / RATE * 2 ** (cents / 1200))
        if zone.get(MODE, 0):
            loop, loop_end = loop + zone.get(LOOP, 0) - start, loop_end + zone.get(LOOP_END, 0) - start
            at = np.where(at < loop_end, at, loop + (at - loop) % (loop_end - loop))
        else:
            at = np.minimum(at, end - start)  # silence follows
        near = at.astype(int)
        a, b, c, d = (self.wave[start + near + step] for step in (-1, 0, 1, 2))
        f = at - near
        wave = b + f / 2 * (c - a + f * (2 * a - 5 * b + 4 * c - d + f * (3 * (b - c) + d - a)))
        return wave * _envelope(zone, held, total) * 10 ** (-zone.get(ATTENUATION, 0) / 200)


def _envelope(zone: dict[int, int], held: int, total: int) -> np.ndarray:
    """(total,) how loud the note is: it rises evenly, then fades by as many decibels a second."""
    delay, attack, hold, decay, release = (
        2 ** (zone.get(part, -12000) / 1200) for part in (DELAY, ATTACK, HOLD, DECAY, RELEASE)
    )
    time = np.arange(total) / RATE
    before, after = np.minimum(time, held / RATE), np.maximum(time - held / RATE, 0)
    fade = np.clip(100 * (before - delay - attack - hold) / decay, 0, zone.get(SUSTAIN, 0) / 10)
    return np.clip((before - delay) / attack, 0, 1) * 10 ** (-(fade + 100 * after / release) / 20)


def _spectrogram(sound: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE) decibels, high pitches on top; the sound is longer than the picture by a window."""
    starts = np.linspace(0, len(sound) - WINDOW, SIDE).astype(int)
    frames = sound[starts[:, None] + np.arange(WINDOW)] * np.hanning(WINDOW)
    edges = np.round(65 * 2 ** np.linspace(0, OCTAVES, SIDE + 1) * 2 * WINDOW / RATE).astype(int)
    strength = np.abs(fft.rfft(frames, 2 * WINDOW)[:, : edges[-1]])
    bands = np.maximum.reduceat(strength, edges[:-1], axis=1)
    return 20 * np.log10(bands.T[::-1] + 1e-6)


def _draw(font: _Font, program: int, random: np.random.Generator) -> Image.Image:
    before, total = int(random.integers(0, WINDOW)), 3 * RATE // 2 + WINDOW
    held = int(random.uniform(0.5, 1.2) * RATE)
    sound = np.zeros(total)
    sound[before:] = font.play(program, random.uniform(48, 80), held, total - before)
    sound /= np.abs(sound).max() + 1e-9
    sound += random.normal(0, 10 ** random.uniform(-4, -2.5), total)
    decibels = _spectrogram(sound)
    mask = np.clip(1 + (decibels - decibels.max()) / random.uniform(50, 80), 0, 1)
    return paint(mask, *ink_and_ground(random, 120))


def instruments_family(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Of which of eight families is the instrument?"""
    random = np.random.default_rng(seed)
    font = _Font(package_folder("pretty_midi") / "TimGM6mb.sf2")
    groups = [halves(range(first, first + 8), random) for first in FAMILIES.values()]
    parts = classified(groups, train, test, image_size, random, lambda program: _draw(font, program, random))
    return splits("instruments_family", FAMILIES, parts, task="image_classification", **ABOUT)
