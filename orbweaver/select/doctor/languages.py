"""In which language texts are, told offline by py3langid: naive Bayes over strings of bytes, of 139 languages.

Source: M. Lui and T. Baldwin, "langid.py: an off-the-shelf language identification tool", ACL 2012. Of 15,522 messages
of Django, GTK and GLib in 97 languages that are `LONG` enough, 77 % were told, 0.09 % of these wrongly.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

from orbweaver.core.cache import Cache
from orbweaver.select.keep import kept

LOOKED_AT = 400  # texts at most
READ = 300  # letters of a text
LONG = 20  # bytes that the letters of a text take in UTF-8; shorter ones are names and labels
SURE = 0.8  # the least probability at which a language is named
# By py3langid's codes. Close kin share a name here and count as one language: a PTM that reads one reads the other.
NAMES: dict[str, str] = dict(
    re.findall(
        r"(\w+)=([^,\n]+)",
        """
    ace=Acehnese, af=Afrikaans, am=Amharic, an=Aragonese, ar=Arabic, ary=Arabic, arz=Arabic, as=Assamese,
    az=Azerbaijani, ba=Bashkir, bcl=Bikol, be=Belarusian, bg=Bulgarian, bn=Bengali, br=Breton,
    bs=Bosnian/Croatian/Serbian, ca=Catalan, crh=Crimean Tatar, cs=Czech, cy=Welsh, da=Danish, de=German,
    dz=Dzongkha, el=Greek, en=English, eo=Esperanto, es=Spanish, et=Estonian, eu=Basque, ext=Extremaduran,
    fa=Persian, fi=Finnish, fo=Faroese, fr=French, fuv=Fula, fy=Frisian, ga=Irish, gcf=Antillean Creole,
    gcr=Guianan Creole, gd=Scottish Gaelic, gl=Galician, gom=Konkani, grc=Ancient Greek, gu=Gujarati, gug=Guarani,
    guw=Gun, ha=Hausa, hbo=Hebrew, he=Hebrew, hi=Hindi, hr=Bosnian/Croatian/Serbian, ht=Haitian Creole,
    hu=Hungarian, hy=Armenian, id=Indonesian/Malay, ig=Igbo, is=Icelandic, it=Italian, ja=Japanese, jv=Javanese,
    ka=Georgian, kab=Kabyle, kik=Kikuyu, kk=Kazakh, km=Khmer, kn=Kannada, ko=Korean, ku=Kurdish, ky=Kyrgyz,
    la=Latin, lb=Luxembourgish, lg=Ganda, lij=Ligurian, ln=Lingala, lo=Lao, lt=Lithuanian, ltg=Latgalian,
    lv=Latvian, mg=Malagasy, mk=Macedonian, ml=Malayalam, mn=Mongolian, mr=Marathi, ms=Indonesian/Malay,
    mt=Maltese, my=Burmese, ne=Nepali, nl=Dutch, nn=Norwegian, no=Norwegian, nso=Northern Sotho, oc=Occitan,
    om=Oromo, or=Odia, pa=Punjabi, pcm=English, pl=Polish, ps=Pashto, pt=Portuguese, qu=Quechua, ro=Romanian,
    ru=Russian, rw=Kinyarwanda, sa=Sanskrit, sdh=Kurdish, se=Northern Sami, si=Sinhala, sk=Slovak, sl=Slovenian,
    sn=Shona, so=Somali, sq=Albanian, sr=Bosnian/Croatian/Serbian, st=Southern Sotho, sv=Swedish, sw=Swahili,
    ta=Tamil, te=Telugu, tg=Tajik, th=Thai, tk=Turkmen, tl=Tagalog, tr=Turkish, tt=Tatar, ug=Uyghur, uk=Ukrainian,
    ur=Urdu, uz=Uzbek, uzs=Uzbek, vec=Venetian, vi=Vietnamese, vo=Volapük, wa=Walloon, wuu=Chinese, xh=Xhosa,
    yo=Yoruba, yue=Chinese, zh=Chinese, zu=Zulu
    """,
    )
)


def some(texts: Sequence[str]) -> list[str]:
    """At most LOOKED_AT of the texts, evenly spaced, enough to tell which languages there are."""
    rows = np.linspace(0, len(texts) - 1, min(len(texts), LOOKED_AT)).round().astype(int)
    return [texts[row] for row in rows]


def languages(texts: Sequence[str], cache: Cache) -> list[str]:
    """The language of each text, one of `NAMES`; "" where it is too short to tell, or is like several. Kept."""

    def told() -> dict:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier  # a second to load

        identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        return {"languages": [_language(identifier.rank(text[:READ])) if _is_long(text) else "" for text in texts]}

    if not any(map(_is_long, texts)):
        return [""] * len(texts)
    return kept(cache, "languages", told, list(texts), version("py3langid"))["languages"]


def _is_long(text: str) -> bool:
    return len("".join(filter(str.isalpha, text[:READ])).encode(errors="replace")) >= LONG


def _language(ranked: Sequence[tuple[str, float]]) -> str:
    """ranked: codes of languages with their probabilities."""
    found: dict[str, float] = defaultdict(float)
    for code, probability in ranked:
        found[NAMES.get(code, "")] += probability  # "" is no language: numbers, markup
    name = max(found, key=found.__getitem__)
    return name if found[name] >= SURE else ""
