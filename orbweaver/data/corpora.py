"""Datasets that public PTMs were trained on and whose samples are not available here: class names and licences."""

from __future__ import annotations

import numpy as np

from orbweaver.data.split import Split, splits


def imagenet() -> dict[str, Split]:
    """ImageNet-1k (Russakovsky et al. 2015): its 1,000 class names in timm's order, without its images."""
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    classes = [info.index_to_description(i) for i in range(info.num_classes())]
    none = ([], np.zeros(0, np.int64))
    return splits("imagenet", classes, {"train": none, "test": none}, task="image_classification", family="photographs",
                  licence="research only", origin="image-net.org; names from timm")  # fmt: skip


def hub() -> dict[str, Split]:
    """The training data of models of the Hugging Face hub, known from their model cards only: no classes, no images."""
    none = ([], np.zeros(0, np.int64))
    return splits("hub", [], {"train": none, "test": none}, task="image_classification", family="hub",
                  licence="as the model's card says", origin="huggingface.co")  # fmt: skip


def web_text() -> dict[str, Split]:
    """Books, encyclopedias and the web, which public text encoders were trained on: no classes, no texts here."""
    nothing = Split("web_text", "text_classification", [], [], np.zeros(0, np.int64), "not stated",
                    "what public text encoders were pre-trained on", "web text", texts={"text": []})  # fmt: skip
    return {"train": nothing, "test": nothing}


def image_text() -> dict[str, Split]:
    """Pictures of the web with texts, which public vision-language models were trained on; neither is here."""
    nothing = Split("image_text", "caption", [], [], np.zeros((0, 0)), "not stated",
                    "what public models that see and read were pre-trained on", "web pictures",
                    texts={"captions": []})  # fmt: skip
    return {"train": nothing, "test": nothing}


CORPORA = {one.__name__: one for one in (imagenet, hub, web_text, image_text)}
