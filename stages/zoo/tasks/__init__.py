"""PTMs of tasks with words: one file a task, which says what a PTM of it is and how it is measured.

Each of the modules in `TASKS` has the same five names:

    build(architecture, input_size, words, classes) -> model    random weights
    rows(split, words) -> {name: tensor}                        what the model reads and aims at, by `split.rows`
    model.loss(pixels, batch) -> tensor                         batch: some of these rows, pixels of their images
    model.features(pixels, batch) -> (R, D), (R, S) or None     the feature rule, probabilities of a source head
    model.adapt(split)                                          what fine-tuning starts with on another dataset
    measure(model, pixels, split, words) -> Measured            `pixels` is a function of a range of samples
"""

from __future__ import annotations

from types import ModuleType

from stages.zoo.tasks import answerer, captioner, locator, reader

TASKS: dict[str, ModuleType] = {"caption": captioner, "vqa": answerer, "tqa": reader, "grounding": locator}
