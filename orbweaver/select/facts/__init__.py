"""What is known of public PTMs before anything is forwarded: tables kept in the package, and names.

`timm_imagenet.csv` (128 kB): timm's own results (github.com/huggingface/pytorch-image-models, `results/`, 2026-08): top-1
on ImageNet, ReaL, V2, R, A and Sketch in %, parameters in millions and GMACs at an input size; 1,266 PTMs, some at two
sizes. `timm_counted.csv`: what each of timm's PTMs takes at its own size, counted by `counting.py`. Licence and family
are what timm's installed code says; the kind of pre-training is read from the tag of a name (architecture.tag).
`text_encoders.yaml`: encoders of the hub, with the sizes that their configs state.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import pandas as pd
import timm
import yaml

HERE = Path(__file__).parent
IMAGENET = ("top1", "real", "v2", "r", "a", "sketch")  # % right of ImageNet's variants

# Kinds of pre-training, by words in a name; the first that fits names it, so what came first in training stands first.
PRETRAINING = {
    "text": r"clip|laion|openai|webli|datacomp|dfn|yfcc15m|cc12m|merged2b|ogvl|apple_pt",
    "self-supervised": r"dino|mae(?![a-z])|fcmae|mim_|ijepa|seer|lvd|sat493m|beit|eupe",
    "web pictures": r"jft|ig1b|yfcc100m|swag",
    "more classes": r"in12k|in2[12]k|inw21k|bamboo",
    "ImageNet": r"in1k",
}
BEYOND = r"in2[12]k|lvd|sat493m|seer|mim_m|beit_|beit3|eupe"  # self-supervised on more than ImageNet

# What computes, by timm's families (its modules); what is in none of these is a convnet.
TRANSFORMERS = """vision_transformer deit eva xcit hiera swin_transformer swin_transformer_v2 beit crossvit naflexvit volo
cait vision_transformer_relpos pit mvitv2 pvt_v2 twins davit gcvit nest swin_transformer_v2_cr tnt convit focalnet
vision_transformer_sam hieradet_sam2""".split()
HYBRIDS = """maxxvit metaformer byoanet mobilevit fastvit efficientvit_mit efficientvit_msra tiny_vit levit nextvit coat
vision_transformer_hybrid vitamin edgenext repvit efficientformer efficientformer_v2 efficientvim iformer lowformer cpubone
shvit swiftformer visformer csatv2 mobilenetv5""".split()
MLPS = ["mlp_mixer", "sequencer"]


def pretraining(name: str) -> str:
    """The kind of pre-training that a timm name tells, a key of PRETRAINING; "" where it tells none of these."""
    return next((kind for kind, words in PRETRAINING.items() if re.search(words, name)), "")


def kind(family: str) -> str:
    """convnet, transformer, hybrid or mlp."""
    groups = {"transformer": TRANSFORMERS, "hybrid": HYBRIDS, "mlp": MLPS}
    return next((name for name, members in groups.items() if family in members), "convnet")


@lru_cache
def _families() -> dict[str, str]:
    """The family of every architecture that the installed timm can build."""
    return {architecture: module for module in timm.list_modules() for architecture in timm.list_models(module=module)}


@lru_cache
def of_timm() -> pd.DataFrame:
    """Facts of timm's PTMs, by name (`timm/...`); those of the tables that the installed timm has weights of.

    Columns: family, kind, pretraining, larger (saw more than ImageNet-1k), unlabelled (saw pictures alone), licence,
    img_size (pixels of its own input), parameters, gmacs (10^9 multiply-adds an image), activations (numbers an image
    that training keeps), and those of IMAGENET (%), NaN where timm's results do not have the PTM.
    """
    counted = pd.read_csv(HERE / "timm_counted.csv").set_index("model")
    counted = counted.loc[[name for name in timm.list_pretrained() if name in counted.index]]
    configs = {name: timm.get_pretrained_cfg(name) for name in counted.index}
    results = imagenet_results()
    near = results.assign(far=(results["img_size"] - results["model"].map(counted["img_size"])).abs())
    near = near.sort_values("far", kind="stable").drop_duplicates("model").set_index("model")
    family = [_families()[name.partition(".")[0]] for name in counted.index]
    seen = pd.Series([pretraining(name) for name in counted.index], index=counted.index)
    alone = seen == "self-supervised"
    table = pd.DataFrame(
        {
            "family": family,
            "kind": [kind(each) for each in family],
            "pretraining": seen,
            # masked or cropped pictures of ImageNet itself are no more than ImageNet
            "larger": ~seen.isin(["", "ImageNet"]) & (~alone | counted.index.str.contains(BEYOND, regex=True)),
            "unlabelled": alone & ~counted.index.str.contains("ft_", regex=False),
            "licence": [(configs[name].license or "unknown").lower() for name in counted.index],
        }
    )
    table = table.join(counted).join(near[list(IMAGENET)])
    return table.set_axis("timm/" + table.index).rename_axis("ptm")


@lru_cache
def imagenet_results() -> pd.DataFrame:
    """timm's results as published: model, img_size, parameters_m, gmacs and the columns of IMAGENET."""
    table = pd.read_csv(HERE / "timm_imagenet.csv")
    return table.rename(columns=lambda name: name.removeprefix("top1_"))


@lru_cache
def of_texts() -> pd.DataFrame:
    """Facts of text encoders, by name (`hub/...`, `pypi/...`): the columns of `of_timm` that they have."""
    listed = yaml.safe_load((HERE / "text_encoders.yaml").read_text(encoding="utf-8"))
    table = pd.DataFrame.from_dict(listed, orient="index").drop(columns="config", errors="ignore")
    return table.assign(kind="transformer").rename_axis("ptm")
