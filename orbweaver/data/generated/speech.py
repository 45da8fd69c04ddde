"""Spoken names of countries as mel spectrograms: in which language are they spoken?

A synthesizer speaks with four voices, at varied pitch and speed; noise and colours vary too. Of each
language, the splits have different names.
"""

from __future__ import annotations

import ctypes
import re
import shutil
from itertools import pairwise
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from scipy import fft

from orbweaver.data.generated.drawing import WEIGHTS, classified, halves, ink_and_ground, paint
from orbweaver.data.split import Split, splits

ABOUT = {
    "family": "speech",
    "licence": "GPL-3.0 synthesizer; Unicode-3.0 names",
    "origin": "names of babel (CLDR), spoken by eSpeak NG as espeakng-loader has it",
}
LANGUAGES = {  # as CLDR and as eSpeak call them
    "Mandarin Chinese": ("zh", "cmn"), "Vietnamese": ("vi", "vi"), "Korean": ("ko", "ko"), "Swahili": ("sw", "sw"),
    "French": ("fr", "fr"), "Spanish": ("es", "es"), "Finnish": ("fi", "fi"), "Russian": ("ru", "ru"),
}  # fmt: skip
VOICES = ("m1", "m3", "f1", "f4")
SIDE = 96  # of a picture; its time is two seconds
WINDOW = 1024  # samples
SAMPLES = 2 * 22050 + WINDOW
MEL = np.linspace(100, 2840, SIDE + 1)  # 65 Hz to 8 kHz
SYNCHRONOUS, UTF8 = 2, 1  # these and the parameters as in eSpeak's speak_lib.h
SPEED, PITCH, RANGE = 1, 3, 4
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class _Speaker:
    """eSpeak NG, a library in C."""

    def __init__(self) -> None:
        from espeakng_loader import get_data_path, get_library_path

        with TemporaryDirectory() as folder:  # a copy, for the library cannot forget what it said before
            self.library = ctypes.CDLL(shutil.copy(get_library_path(), folder))
        self.library.espeak_Initialize(SYNCHRONOUS, 0, get_data_path().encode(), 0)
        self.library.espeak_ng_SetRandSeed(ctypes.c_long(0))
        self.heard: list[np.ndarray] = []
        self.callback = CALLBACK(self._hear)  # kept here, for the library does not
        self.library.espeak_SetSynthCallback(self.callback)

    def _hear(self, samples, count: int, _) -> int:
        if samples and count:
            self.heard.append(np.ctypeslib.as_array(samples, (count,)) / 2**15)
        return 0

    def speak(self, text: str, voice: str, parameters: dict[int, int]) -> np.ndarray:
        """The sound, 22,050 samples a second."""
        self.heard = []
        self.library.espeak_SetVoiceByName(voice.encode())
        for parameter, value in parameters.items():
            self.library.espeak_SetParameter(parameter, value, 0)
        encoded = text.encode()
        self.library.espeak_Synth(encoded, ctypes.c_size_t(len(encoded) + 1), 0, 0, 0, UTF8, None, None)
        return np.concatenate(self.heard)


def _names(language: str) -> list[str]:
    """The names that a language has for countries."""
    from babel import Locale

    return sorted(name for name in {*Locale(language).territories.values()} if not re.search(r"[0-9()]", name))


def _spectrogram(sound: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE) decibels, high pitches on top."""
    starts = np.linspace(0, len(sound) - WINDOW, SIDE).astype(int)
    frames = sound[starts[:, None] + np.arange(WINDOW)] * np.hanning(WINDOW)
    power = np.abs(fft.rfft(frames, 2 * WINDOW)) ** 2
    edges = np.round(700 * (10 ** (MEL / 2595) - 1) * 2 * WINDOW / 22050).astype(int)
    return 10 * np.log10([power[:, low:high].max(axis=1) + 1e-9 for low, high in pairwise(edges)][::-1])


def _draw(speaker: _Speaker, language: str, names: list[str], random: np.random.Generator) -> Image.Image:
    """A part of what is said when a few names are read out."""
    text = " ".join(names[i] for i in random.permutation(len(names))[:3])
    voice = f"{language}+{VOICES[random.integers(len(VOICES))]}"
    pitch, speed, intonation = (int(random.integers(*span)) for span in ((30, 70), (150, 185), (40, 60)))
    spoken = speaker.speak(text, voice, {PITCH: pitch, SPEED: speed, RANGE: intonation})
    start = int(random.integers(max(len(spoken) - SAMPLES, 0) + 1))
    sound = np.zeros(SAMPLES)
    sound[: len(spoken) - start] = spoken[start : start + SAMPLES]
    sound += random.normal(0, np.abs(sound).max() * 10 ** random.uniform(-4, -2.5), SAMPLES)
    decibels = _spectrogram(sound)
    mask = np.clip(1 + (decibels - decibels.max()) / random.uniform(45, 65), 0, 1)
    dark, bright = sorted(ink_and_ground(random, 120), key=lambda colour: colour @ WEIGHTS)
    return paint(mask, bright, dark)


def speech_language(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Which of eight languages?"""
    random = np.random.default_rng(seed)
    speaker = _Speaker()
    groups = []
    for name, language in LANGUAGES.values():
        parts = halves(_names(name), random)
        groups.append({split: [(language, names)] for split, names in parts.items()})
    images = classified(groups, train, test, image_size, random, lambda thing: _draw(speaker, *thing, random))
    return splits("speech_language", LANGUAGES, images, task="image_classification", **ABOUT)
