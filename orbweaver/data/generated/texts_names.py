"""Short texts: names of languages and countries, surnames, colours, letters, icons, molecules. What are they names of?

Each name is in one class and one split only.
"""

from __future__ import annotations

import colorsys
import json
import sys
import unicodedata
from functools import cache
from importlib import import_module

from orbweaver.data.generated.drawing import package_folder
from orbweaver.data.generated.icons import STYLES, TEAMS
from orbweaver.data.generated.molecules import ABOUT as MOLECULES
from orbweaver.data.generated.molecules import RINGS, smiles
from orbweaver.data.generated.texts import text_splits
from orbweaver.data.split import Split

LANGUAGES = {"cs": "Czech", "de": "German", "es": "Spanish", "fi": "Finnish", "fr": "French", "hu": "Hungarian",
             "id": "Indonesian", "it": "Italian", "nl": "Dutch", "pl": "Polish", "sv": "Swedish",
             "tr": "Turkish"}  # fmt: skip
COUNTRIES = {"de_DE": "Germany", "en_IE": "Ireland", "en_KE": "Kenya", "es_ES": "Spain", "et_EE": "Estonia",
             "fi_FI": "Finland", "fr_FR": "France", "hr_HR": "Croatia", "it_IT": "Italy", "nl_NL": "Netherlands",
             "sk_SK": "Slovakia", "zu_ZA": "South Africa"}  # fmt: skip
# Hues in degrees up to which a colour has a name; red goes on at 345.
HUES = {"red": 15, "orange": 45, "yellow": 75, "green": 160, "cyan": 200, "blue": 255, "purple": 300, "pink": 345}
MOST_RINGS = 4  # five have 67 molecules only
GREY = 0.12  # saturation below which a colour has no hue
SCRIPTS = {"GREEK": "Greek", "CYRILLIC": "Cyrillic", "ARABIC": "Arabic", "ARMENIAN": "Armenian", "GEORGIAN": "Georgian",
           "ETHIOPIC": "Ethiopic", "CHEROKEE": "Cherokee", "CANADIAN": "Canadian syllabics", "VAI": "Vai",
           "YI": "Yi"}  # fmt: skip


def cldr_language(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """In which language is this the name of a country, a language or a currency? Twelve, all in Latin letters."""
    from babel import Locale

    locales = {name: Locale(code) for code, name in LANGUAGES.items()}
    groups = {
        n: [*of.territories.values(), *of.languages.values(), *of.currencies.values()] for n, of in locales.items()
    }
    return text_splits("cldr_language", groups, train, test, seed, family="cldr", licence="Unicode-3.0",
                       origin="babel, names of Unicode's CLDR")  # fmt: skip


def surnames_country(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """In which country is this a surname? Twelve, all in Latin letters; names of several countries are left out."""
    lists = {name: import_module(f"faker.providers.person.{code}").Provider for code, name in COUNTRIES.items()}
    groups = {name: [str(one) for one in of.last_names] for name, of in lists.items()}
    return text_splits("surnames_country", groups, train, test, seed, family="surnames", licence="MIT",
                       origin="faker, surnames of its locales")  # fmt: skip


def hue_of(red: float, green: float, blue: float) -> str | None:
    """The name of a colour's hue; None for a grey. Channels 0 to 1."""
    hue, saturation, _ = colorsys.rgb_to_hsv(red, green, blue)
    if saturation < GREY:
        return None
    return next((name for name, end in HUES.items() if hue * 360 < end), "red")


def colours_hue(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Which hue is meant by a name that people gave a colour, `dusty teal`? Eight."""
    from matplotlib.colors import XKCD_COLORS, to_rgb

    groups: dict[str, list[str]] = {name: [] for name in HUES}
    for name, code in XKCD_COLORS.items():
        if hue := hue_of(*to_rgb(code)):
            groups[hue].append(name.removeprefix("xkcd:"))
    return text_splits("colours_hue", groups, train, test, seed, family="colours", licence="CC0-1.0",
                       origin="matplotlib, the colour survey of xkcd")  # fmt: skip


@cache
def _letters() -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {name: [] for name in SCRIPTS.values()}
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character).startswith("L"):
            script, _, rest = unicodedata.name(character, "").partition(" ")
            if script in SCRIPTS and rest:
                groups[SCRIPTS[script]].append(rest.removeprefix("SYLLABICS ").lower())
    return groups


def alphabets_script(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Of which script is a letter with this name, `small letter che with descender`? Ten; the script is not named."""
    return text_splits("alphabets_script", _letters(), train, test, seed, family="alphabets", licence="Unicode-3.0",
                       origin=f"Python's unicodedata, Unicode {unicodedata.unidata_version}")  # fmt: skip


def icons_team(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Which of four teams gave an icon this name? Words that tell a team's styles are taken out."""
    folder = package_folder("qtawesome") / "fonts"  # importing it needs Qt
    groups = {}
    for team, (_, names, _, _) in TEAMS.items():
        listed = json.loads((folder / f"{names}.json").read_text())
        groups[team] = [STYLES.sub("", name).replace("-", " ") for name in listed]
    return text_splits("icons_team", groups, train, test, seed, family="icons",
                       licence="names of Apache-2.0, MIT and OFL-1.1 fonts", origin="qtawesome")  # fmt: skip


def smiles_rings(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """How many rings has the molecule that this line notation (SMILES) writes? One to four."""
    groups: dict[str, list[str]] = {name: [] for name in RINGS[:MOST_RINGS]}
    for text, rings in smiles():
        if rings <= MOST_RINGS:
            groups[RINGS[rings - 1]].append(text)
    about = MOLECULES | {"origin": "rdkit, WEHI screening library (Baell and Holloway 2010), as SMILES"}
    return text_splits("smiles_rings", groups, train, test, seed, **about)
