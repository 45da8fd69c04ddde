"""What the generated datasets of texts share: texts by class, and which of them go to which split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from orbweaver.core.errors import FileError
from orbweaver.data.sampling import balanced_labels
from orbweaver.data.split import Split


def only_there(groups: dict[str, Iterable[str]]) -> dict[str, list[str]]:
    """The texts of each class, sorted, each once, without those that another class has too, whatever their case."""
    unlike = {
        name: {text.casefold(): text for text in sorted({*texts}, reverse=True)} for name, texts in groups.items()
    }
    seen = Counter(key for texts in unlike.values() for key in texts)
    return {name: sorted(text for key, text in texts.items() if seen[key] == 1) for name, texts in unlike.items()}


def text_splits(
    name: str,
    groups: dict[str, Iterable[str]],
    train: int,
    test: int,
    seed: int,
    *,
    family: str,
    licence: str,
    origin: str,
) -> dict[str, Split]:
    """Both splits of a dataset of texts, classes in turn; no text is in both, or in two classes.

    Raises FileError, naming the class, when one has too few texts.
    """
    random, kept = np.random.default_rng([seed, *name.encode()]), only_there(groups)
    labels = balanced_labels(train, len(kept)), balanced_labels(test, len(kept))
    pools = []
    for label, (one, texts) in enumerate(kept.items()):
        wanted = sum(int((part == label).sum()) for part in labels)
        if wanted > len(texts):
            raise FileError(
                f"dataset '{name}' has {len(texts)} texts of '{one}'; {train} train + {test} test need {wanted}"
            )
        pools.append([texts[i] for i in random.permutation(len(texts))])
    about = {"task": "text_classification", "licence": licence, "origin": origin, "family": family}
    made = {}
    for split, of in zip(("train", "test"), labels, strict=True):
        texts = [pools[label].pop() for label in of]
        made[split] = Split(name=name, classes=[*kept], images=[], targets=of, texts={"text": texts}, **about)
    return made
