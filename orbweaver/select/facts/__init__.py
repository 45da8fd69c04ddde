"""What is known of public PTMs before anything is forwarded: tables kept in the package, and names.

`timm_imagenet.csv` (128 kB): timm's own results (github.com/huggingface/pytorch-image-models, `results/`, 2026-08):
top-1 on ImageNet, ReaL, V2, R, A and Sketch in %, parameters in millions and GMACs at an input size; 1,266 PTMs,
some at two sizes. Licence and family are what timm's installed code says; the kind of pre-training is read from the
name (architecture.tag).
`text_encoders.yaml`: encoders of the hub, with the sizes that their configs state.

timm takes seconds to load, and what is known of texts does not need it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import pandas as pd
import yaml

HERE = Path(__file__).parent
IMAGENET = ("top1", "real", "v2", "r", "a", "sketch")  # % right of ImageNet's variants

# Kinds of pre-training, by words in a name. The first that fits is taken: it is what came first in training.
PRETRAINING = {
    "text": r"clip|laion|openai|webli|datacomp|dfn|yfcc15m|cc12m|merged2b|ogvl|apple_pt",
    "self-supervised": r"dino|mae(?![a-z])|fcmae|mim_|ijepa|seer|lvd|sat493m|beit|eupe",
    "web pictures": r"jft|ig1b|yfcc100m|swag",
    "more classes": r"in12k|in2[12]k|inw21k|bamboo",
    "ImageNet": r"in1k",
}
BEYOND = r"in2[12]k|lvd|sat493m|seer|mim_m|beit_|beit3|eupe"  # self-supervised on more than ImageNet

# The kind of network, by timm's families (its modules); a family that is in none of these lists is a convnet.
TRANSFORMERS = [
    "vision_transformer",
    "deit",
    "eva",
    "xcit",
    "hiera",
    "swin_transformer",
    "swin_transformer_v2",
    "beit",
    "crossvit",
    "naflexvit",
    "volo",
    "cait",
    "vision_transformer_relpos",
    "pit",
    "mvitv2",
    "pvt_v2",
    "twins",
    "davit",
    "gcvit",
    "nest",
    "swin_transformer_v2_cr",
    "tnt",
    "convit",
    "focalnet",
    "vision_transformer_sam",
    "hieradet_sam2",
]
HYBRIDS = [
    "maxxvit",
    "metaformer",
    "byoanet",
    "mobilevit",
    "fastvit",
    "efficientvit_mit",
    "efficientvit_msra",
    "tiny_vit",
    "levit",
    "nextvit",
    "coat",
    "vision_transformer_hybrid",
    "vitamin",
    "edgenext",
    "repvit",
    "efficientformer",
    "efficientformer_v2",
    "efficientvim",
    "iformer",
    "lowformer",
    "cpubone",
    "shvit",
    "swiftformer",
    "visformer",
    "csatv2",
    "mobilenetv5",
]
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
    import timm

    return {architecture: module for module in timm.list_modules() for architecture in timm.list_models(module=module)}


@lru_cache
def of_timm() -> pd.DataFrame:
    """Facts of timm's PTMs, by name (`timm/...`): those with results, of which the installed timm has weights.

    Columns: family, kind, pretraining, larger (saw more than ImageNet-1k), unlabelled (saw pictures alone), licence,
    img_size (pixels; of its two results that nearer to its own input), parameters, gmacs (10^9 multiply-adds an image),
    and those of IMAGENET (%).
    """
    import timm

    results = imagenet_results()
    results = results[results["model"].isin(timm.list_pretrained())]
    configs = {name: timm.get_pretrained_cfg(name) for name in results["model"].unique()}
    own = results["model"].map(lambda name: configs[name].input_size[-1])
    results = results.assign(far=(results["img_size"] - own).abs()).sort_values("far", kind="stable")
    results = results.drop_duplicates("model").set_index("model").sort_index()
    family = pd.Series([_families()[name.partition(".")[0]] for name in results.index], index=results.index)
    seen = pd.Series([pretraining(name) for name in results.index], index=results.index)
    alone = seen == "self-supervised"
    table = pd.DataFrame(
        {
            "family": family,
            "kind": family.map(kind),
            "pretraining": seen,
            # masked or cropped pictures of ImageNet itself are no more than ImageNet
            "larger": (seen != "ImageNet") & (~alone | results.index.str.contains(BEYOND, regex=True)),
            "unlabelled": False,  # without labels there is no result
            "licence": [(configs[name].license or "unknown").lower() for name in results.index],
            "parameters": (results["parameters_m"] * 1e6).round().astype(int),
        }
    )
    table = table.join(results[["img_size", "gmacs", *IMAGENET]])
    return table.set_axis("timm/" + table.index).rename_axis("ptm")


@lru_cache
def imagenet_results() -> pd.DataFrame:
    """timm's results as published: model, img_size, parameters_m, gmacs and the columns of IMAGENET."""
    table = pd.read_csv(HERE / "timm_imagenet.csv")
    return table.rename(columns=lambda name: name.removeprefix("top1_"))


@lru_cache
def of_texts() -> pd.DataFrame:
    """Facts of text encoders, by name (`hub/...`, `pypi/...`): the columns of `of_timm` that they have, config, and
    language: the one that it reads, or many; NaN where its model card does not say."""
    listed = yaml.safe_load((HERE / "text_encoders.yaml").read_text(encoding="utf-8"))
    table = pd.DataFrame.from_dict(listed, orient="index")
    kinds = ["word vectors" if family == "wordllama" else "transformer" for family in table["family"]]
    return table.assign(kind=kinds).rename_axis("ptm")
