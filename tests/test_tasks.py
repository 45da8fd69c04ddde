"""Tasks with words: measures, the feature rules, learning, and captioners as the hub has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from stages import files, params
from stages.data.scenes import SCENES
from stages.finetune import words as finetune_words
from stages.zoo.cards import read_card
from stages.zoo.models import normalise
from stages.zoo.tasks import TASKS, captioner, metrics, ptms, words
from stages.zoo.tasks.cider import cider_d

ARCHITECTURES = {"caption": "test_vit+gpt2_small", "vqa": "test_convnext+bert_small", "tqa": "bert_small",
                 "grounding": "test_vit+bert_small"}  # fmt: skip
CANDIDATES = ["a small red square is above a large blue circle .", "a green cross .", "there is a circle left of it ."]
REFERENCES = [
    ["a small red square is above a small blue circle .", "a large blue circle is below a red square ."],
    ["a large green cross is left of a square .", "there is a green cross ."],
    ["there is a small circle left of a triangle .", "a triangle is right of a small circle ."],
]


def test_cider_d_is_the_published_one() -> None:
    """Golden values: CIDEr-D of aac-metrics 0.6.0 (its port of the published code), scale 10."""
    assert cider_d(CANDIDATES, REFERENCES) == pytest.approx(3.833181150205, abs=1e-9)
    assert cider_d([refs[0] for refs in REFERENCES], [[refs[0]] for refs in REFERENCES]) == pytest.approx(10)
    assert cider_d(["x y z"] * 3, REFERENCES) == 0


def test_bleu_answers_and_boxes() -> None:
    assert metrics.bleu([refs[1] for refs in REFERENCES], REFERENCES) == pytest.approx(1)
    assert 0 < metrics.bleu(CANDIDATES, REFERENCES) < 1
    assert metrics.bleu(["a b c d"], [["a b c d", "e"]]) == pytest.approx(1)
    assert metrics.exact_match("The Cross, two", ["cross two"]) == 1  # the rules of SQuAD's evaluation
    assert metrics.exact_match("cross", ["cross two", "square"]) == 0
    assert metrics.f1("cross", ["cross two", "square"]) == pytest.approx(2 / 3)
    assert metrics.f1("", ["red"]) == 0
    boxes = np.array([[0, 0, 1, 1], [0, 0, 0.5, 1], [0.5, 0, 1, 1], [0.9, 0, 0.8, 1]])
    np.testing.assert_allclose(metrics.iou(boxes, np.array([[0, 0, 1, 1]] * 4)), [1, 0.5, 0.5, 0])
    np.testing.assert_allclose(metrics.iou(boxes[1:2], boxes[2:3]), [0])


def test_unseen_words_are_spelt() -> None:
    written = words.learn(["a red square ."])
    assert written.tokenizer.decode(written.ids("A red squid .")) == "a red squid ."
    assert len(written.ids("red")) == 1
    assert len(written.ids("squid")) == 5


def scenes(task: str, train: int = 12) -> dict[str, files.Images]:
    made = SCENES[f"plain_{task}"](train, 8, 32, 0)
    return {split: replace(images, digest=f"{task} {split}") for split, images in made.items()}


def model_of(task: str, split: files.Images) -> tuple[torch.nn.Module, words.Words, ptms.Preprocessing]:
    spec = params.PtmParams(task=task, architecture=ARCHITECTURES[task], source="x", input_size=32)
    written = words.learn(words.texts_of(split.texts))
    torch.manual_seed(0)
    model = TASKS[task].build(spec.architecture, 32, written, split.classes)
    return model.eval(), written, ptms.preprocessing(spec)


@pytest.mark.parametrize("task", TASKS)
def test_padding_never_leaks_into_features(workspace: Path, task: str) -> None:
    split = scenes(task)["train"]
    model, written, config = model_of(task, split)
    pixels = normalise(ptms.pictures(split, config), config)[torch.from_numpy(split.rows)]
    batch = TASKS[task].rows(split, written)
    with torch.inference_mode():
        together = model.features(pixels, batch)[0]
        longer = {
            name: torch.nn.functional.pad(tensor, (0, 9)) if name in ("ids", "mask", "following", "passage") else tensor
            for name, tensor in batch.items()
        }
        padded = model.features(pixels, longer)[0]
        alone = [
            model.features(pixels[i : i + 1], {n: t[i : i + 1] for n, t in batch.items()})[0]
            for i in range(len(pixels))
        ]
    assert together.shape == (len(split.rows), model.width)
    torch.testing.assert_close(padded, together, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(torch.cat(alone), together, atol=1e-5, rtol=1e-4)
    assert together.std(0).max() > 1e-3


@pytest.mark.parametrize("task", TASKS)
def test_a_handful_is_learnt_by_heart(workspace: Path, task: str) -> None:
    split = scenes(task)["train"]
    model, written, config = model_of(task, split)
    before = ptms.measure(model, config, task, split, written).truth
    ptms.fit(model, config, task, split, written, epochs=60, batch_size=4, learning_rate=1e-3, weight_decay=0.0, seed=0)
    after = ptms.measure(model, config, task, split, written)
    assert after.truth >= LEARNT[task] > before, after


LEARNT = {"caption": 0.5, "vqa": 0.9, "tqa": 0.7, "grounding": 0.5}


def test_a_made_ptm_is_loaded_and_fine_tuned_alike(workspace: Path, tiny: dict) -> None:
    """Written and read through its folder; an equal run gives equal figures; damage is refused."""
    spec = {"task": "vqa", "architecture": "test_vit+bert_tiny", "source": "plain_vqa", "input_size": 32, "samples": 20}
    tiny["sources"]["plain_vqa"] = tiny["targets"]["night_vqa"] = {
        "task": "vqa",
        "train": 24,
        "test": 8,
        "image_size": 32,
    }
    tiny["ptms"]["v"] = spec
    (workspace / "params.yaml").write_text(params.yaml.safe_dump(tiny, sort_keys=False))
    p = params.load()
    for split, images in SCENES["plain_vqa"](24, 8, 32, 0).items():
        files.write_images(files.dataset_path("sources", "plain_vqa", split), images)
    ptms.make("v", p)
    card = read_card("v")
    assert (card.task, card.samples, len(card.source_classes)) == ("vqa", 20, 16)
    first = files.digest(files.zoo_path("v") / "model.safetensors")
    for kept in (files.STORE / "zoo").rglob("*.*"):
        kept.unlink()
    ptms.make("v", p)
    assert files.digest(files.zoo_path("v") / "model.safetensors") == first
    target = scenes("vqa")
    runs = [
        finetune_words.finetune(card, target["train"], target["test"], p.finetune, 1e-3, 0.05, 0, 1) for _ in range(2)
    ]
    assert runs[0] == runs[1]
    with pytest.raises(finetune_words.TargetError, match="all its questions have one answer"):
        same = replace(target["train"], targets=np.zeros(12, np.int64))
        finetune_words.finetune(card, same, target["test"], p.finetune, 1e-3, 0.05, 0, 1)
    path = files.zoo_path("v") / "tokenizer.json"
    path.write_text(path.read_text().replace("red", "rot"))
    with pytest.raises(files.FileError, match=r"tokenizer.json: not the one that card.json"):
        ptms.load(card)


@pytest.fixture
def hub_captioner(tmp_path: Path) -> Path:
    """A VisionEncoderDecoder with random weights as the hub would have it: model, tokenizer and image processor."""
    from transformers import (
        BertConfig,
        PreTrainedTokenizerFast,
        VisionEncoderDecoderConfig,
        VisionEncoderDecoderModel,
        ViTConfig,
        ViTImageProcessor,
    )

    written = words.learn(["a small red square is above a large blue circle ."])
    size = written.tokenizer.get_vocab_size()
    vision = ViTConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, image_size=32,
                       patch_size=16)  # fmt: skip
    text = BertConfig(vocab_size=size, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(vision, text)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = 2, 0, 3
    torch.manual_seed(0)
    VisionEncoderDecoderModel(config).save_pretrained(tmp_path / "hub")
    PreTrainedTokenizerFast(tokenizer_object=written.tokenizer, pad_token="[PAD]", cls_token="[CLS]",
                            sep_token="[SEP]").save_pretrained(tmp_path / "hub")  # fmt: skip
    ViTImageProcessor(size={"height": 32, "width": 32}, image_mean=[0.5] * 3, image_std=[0.25] * 3).save_pretrained(
        tmp_path / "hub"
    )
    return tmp_path / "hub"


def test_a_captioner_of_the_hub_goes_the_same_way(workspace: Path, tiny: dict, hub_captioner: Path) -> None:
    from transformers import VisionEncoderDecoderModel

    train = scenes("caption")["train"]
    tiny["sources"]["plain_caption"] = {"task": "caption", "train": 12, "test": 8, "image_size": 32}
    tiny["ptms"]["public"] = {"task": "caption", "architecture": str(hub_captioner), "source": "plain_caption"}
    (workspace / "params.yaml").write_text(params.yaml.safe_dump(tiny, sort_keys=False))
    files.write_images(files.dataset_path("sources", "plain_caption", "train"), train)
    ptms.make("public", params.load())
    card = read_card("public")
    assert (card.preprocessing.mean, card.preprocessing.input_size) == ((0.5, 0.5, 0.5), (3, 32, 32))
    model, written = ptms.load(card)
    assert (written.pad, written.start, written.end) == (0, 2, 3)
    batch = captioner.rows(train, written)
    pixels = normalise(ptms.pictures(train, card.preprocessing), card.preprocessing)[torch.from_numpy(train.rows)]
    theirs = VisionEncoderDecoderModel.from_pretrained(hub_captioner).eval()
    with torch.inference_mode():
        found = model.features(pixels, batch)[0]
        for row in range(3):  # teacher forcing by transformers itself, one caption at a time, without padding
            length = int(batch["mask"][row].sum())
            out = theirs(pixel_values=pixels[row : row + 1], decoder_input_ids=batch["ids"][row : row + 1, :length],
                         output_hidden_states=True)  # fmt: skip
            torch.testing.assert_close(found[row], out.decoder_hidden_states[-1][0].mean(0), atol=1e-5, rtol=1e-4)
    assert 0 <= ptms.measure(model, card.preprocessing, "caption", train, written).truth <= 1


def test_a_captioner_that_cannot_be_had_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(files.FileError, match=r"'nobody/captioner' cannot be had .*HF_HOME"):
        captioner.public("nobody/captioner")


def test_tasks_must_fit(workspace: Path, tiny: dict) -> None:
    def refused(message: str) -> None:
        (workspace / "params.yaml").write_text(params.yaml.safe_dump(tiny, sort_keys=False))
        with pytest.raises(params.ParamsError, match=message):
            params.load()

    tiny["ptms"]["v"] = {
        "task": "vqa",
        "architecture": "test_vit+bert_tiny",
        "source": "sprites_shape",
        "input_size": 32,
    }
    refused("ptms.v: its task is vqa, but that of its source 'sprites_shape' is image")
    del tiny["ptms"]["v"]
    tiny["targets"]["night_tqa"] = {"task": "tqa", "train": 12, "test": 8}
    refused("targets.night_tqa: no PTM is of its task, tqa")
