"""Public PTMs that read text, as the hub has them at a tiny size: had, kept, loaded, fine-tuned as any other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from orbweaver.core.errors import FileError
from orbweaver.core.files import digest
from orbweaver.core.settings import PtmSettings
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import Split
from orbweaver.models.networks import normalise
from orbweaver.models.pixels import images, look
from orbweaver.models.training import Fit
from orbweaver.models.vocabulary import all_texts
from orbweaver.tasks import task
from orbweaver.tasks.finetune import finetune
from orbweaver.tasks.grounding import Detector
from orbweaver.tasks.stored import Stored, stored
from orbweaver.tasks.zoo import fetch_ptm

from .examples import FINETUNE, scenes

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
TEXTS = {  # config, more of it
    "bert": ("BertConfig", {}),
    "roberta": ("RobertaConfig", {"type_vocab_size": 1, **IDS}),
    "electra": ("ElectraConfig", {"embedding_size": 16}),
    "deberta": ("DebertaConfig", {"type_vocab_size": 0}),
    "deberta-v2": ("DebertaV2Config", {"type_vocab_size": 0}),
    "albert": ("AlbertConfig", {"embedding_size": 16, **IDS}),
    "distilbert": ("DistilBertConfig", {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}),
    "modernbert": ("ModernBertConfig", {"cls_token_id": 1, "sep_token_id": 2, **IDS}),
}
PAIRS = {"roberta": "<s>:0 $A:0 </s>:0 </s>:0 $B:0 </s>:0"}  # of others "<s> a </s> b </s>"
VISION = {**SMALL, "image_size": 32, "patch_size": 8}
SEEING = ("vilt", "blip", "clip")


def save_tokenizer(folder: Path, said: list[str], kind: str) -> int:
    """A token a word; first and last are <s> and </s>. Returns how many there are."""
    split = pre_tokenizers.Whitespace()
    words = sorted({word for text in said for word, _ in split.pre_tokenize_str(text)})
    special = ["<pad>", "<s>", "</s>", "<unk>"]
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate([*special, *words])}, unk_token="<unk>"))
    backend.pre_tokenizer = split
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair=PAIRS.get(kind, "<s>:0 $A:0 </s>:0 $B:1 </s>:1"),
        special_tokens=[("<s>", 1), ("</s>", 2)],
    )  # fmt: skip
    PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", cls_token="<s>", sep_token="</s>", bos_token="<s>",
        eos_token="</s>", unk_token="<unk>",
    ).save_pretrained(folder)  # fmt: skip
    return len(special) + len(words)


def save_text(kind: str, folder: Path, said: list[str], auto: type = transformers.AutoModel) -> PreTrainedModel:
    name, more = TEXTS[kind]
    sizes = {"vocab_size": save_tokenizer(folder, said, kind), "max_position_embeddings": 400, "pad_token_id": 0}
    torch.manual_seed(0)
    model = auto.from_config(getattr(transformers, name)(**SMALL | sizes | more)).eval()
    model.save_pretrained(folder)
    return model


def save_seeing(kind: str, folder: Path, said: list[str]) -> PreTrainedModel:
    """What the hub has of each kind: a ViLT with a head of answers, a BLIP that answers, a CLIP; detectors."""
    size = save_tokenizer(folder, said, kind)
    text = {**SMALL, "vocab_size": size, "max_position_embeddings": 64, **IDS}
    torch.manual_seed(0)
    if kind == "vilt":
        config = transformers.ViltConfig(**VISION, vocab_size=size, max_position_embeddings=64, num_labels=5)
        model = transformers.ViltForQuestionAnswering(config)
    elif kind == "blip":
        text |= {"encoder_hidden_size": 16, "sep_token_id": 2}
        model = transformers.BlipForQuestionAnswering(transformers.BlipConfig(text_config=text, vision_config=VISION))
    else:
        kinds = {"clip": ("CLIPConfig", "CLIPModel"), "owlvit": ("OwlViTConfig", "OwlViTForObjectDetection"),
                 "owlv2": ("Owlv2Config", "Owlv2ForObjectDetection")}  # fmt: skip
        config, network = (getattr(transformers, name) for name in kinds[kind])
        model = network(config(text_config=text, vision_config=VISION, projection_dim=16))
        if kind != "clip":  # random boxes of this size are all flat; these stand where their tokens are
            torch.nn.init.normal_(model.box_head.dense2.weight, std=0.01)
            torch.nn.init.zeros_(model.box_head.dense2.bias)
    model.save_pretrained(folder)
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return model.eval()


def fetched(of: str, folder: Path, workspace: Workspace, name: str = "public", **more: object) -> Stored:
    spec = PtmSettings(task=of, architecture=str(folder), source="web", **more)
    assert task(of).is_public(spec)
    fetch_ptm(name, task(of), spec, [], workspace.ptm(name), workspace.raw("weights"))
    return stored(workspace, name)


def goes_all_the_way(of: str, ptm: Stored, made: dict[str, Split], workspace: Workspace) -> None:
    """It learns a handful of samples, and is fine-tuned twice alike."""
    found, train = task(of), made["train"]
    runs = [finetune(found, ptm, train, made["test"], FINETUNE, 0, 1, workspace.cache)]
    for kept in (workspace.store / "finetune").rglob("*.json"):
        kept.unlink()
    runs.append(finetune(found, ptm, train, made["test"], FINETUNE, 0, 1, workspace.cache))
    assert runs[0] == runs[1]
    model, rows = found.load(ptm.card, ptm.folder), np.arange(len(train))
    found.adapt(model, train, rows)
    batch = found.lesson(model, train)
    pixels = normalise(look(images(train, model.preprocessing, workspace.cache), rows), model.preprocessing)
    with torch.inference_mode():
        before = model.network.eval().loss(pixels, batch)
        assert torch.isfinite(before)
    found.fit(model, train, rows, Fit(20, 4, 3e-3, 0.0, 0), workspace.cache)
    with torch.inference_mode():
        assert model.network.loss(pixels, batch) < 0.95 * before


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_encoder_classifies_texts(kind: str, tmp_path: Path) -> None:
    workspace, made = Workspace(tmp_path / "work"), scenes("text_classification")
    said = all_texts(made["train"].texts)
    theirs = save_text(kind, tmp_path / "hub", said, transformers.AutoModelForMaskedLM)
    ptm = fetched("text_classification", tmp_path / "hub", workspace)
    if kind == "bert":
        for of in ("text_multilabel", "text_regression"):
            goes_all_the_way(of, ptm, scenes(of), workspace)
    assert (ptm.card.source_classes, ptm.card.feature_width, ptm.card.origin) == ([], 16, f"hf-hub:{tmp_path / 'hub'}")
    assert str(tmp_path) not in str(ptm.card.config)
    model = task("text_classification").load(ptm.card, ptm.folder)
    features = torch.cat([f for f, _ in task("text_classification").features(model, made["train"], workspace.cache, 5)])
    tokens = transformers.AutoTokenizer.from_pretrained(tmp_path / "hub")
    with torch.inference_mode():
        for row in range(3):  # by transformers alone, one text at a time
            ids = tokens(said[row], return_tensors="pt")["input_ids"]
            expected = theirs.base_model(input_ids=ids).last_hidden_state[0].mean(0)
            torch.testing.assert_close(features[row], expected, atol=1e-5, rtol=1e-4)
    goes_all_the_way("text_classification", ptm, made, workspace)


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_encoder_answers_out_of_a_passage(kind: str, tmp_path: Path) -> None:
    """With a fresh head where its weights have none, always the same; the two texts as its own tokenizer joins them."""
    workspace, made = Workspace(tmp_path / "work"), scenes("extractive_qa")
    of, train = task("extractive_qa"), made["train"]
    save_text(kind, tmp_path / "hub", all_texts(train.texts), transformers.AutoModelForMaskedLM)
    ptm = fetched("extractive_qa", tmp_path / "hub", workspace)
    again = fetched("extractive_qa", tmp_path / "hub", workspace, "again")
    assert digest(ptm.folder / "model.safetensors") == digest(again.folder / "model.safetensors")
    model = of.load(ptm.card, ptm.folder)
    tokens = transformers.AutoTokenizer.from_pretrained(tmp_path / "hub")
    batch, texts = of.batch(train, model.vocabulary), train.texts
    for row in range(3):
        theirs = tokens(texts["question"][row], texts["context"][row])["input_ids"]
        assert batch["ids"][row][: batch["mask"][row].sum()].tolist() == theirs
        first, last = batch["span"][row].tolist()
        assert tokens.decode(batch["ids"][row][first : last + 1]) == texts["answers"][row][0]
    goes_all_the_way("extractive_qa", ptm, made, workspace)


def test_a_head_that_answers_already_is_kept(tmp_path: Path) -> None:
    workspace, made = Workspace(tmp_path / "work"), scenes("extractive_qa")
    said = all_texts(made["train"].texts)
    theirs = save_text("electra", tmp_path / "hub", said, transformers.AutoModelForQuestionAnswering)
    ptm = fetched("extractive_qa", tmp_path / "hub", workspace)
    ours = task("extractive_qa").load(ptm.card, ptm.folder).network.network
    assert torch.equal(ours.qa_outputs.weight, theirs.qa_outputs.weight)


def test_a_question_without_an_answer_has_the_empty_one(tmp_path: Path) -> None:
    """SQuAD 2: learnt by heart, answers and their absence alike; a dataset that has none never gets it."""
    of, made = task("extractive_qa"), scenes("extractive_qa", 8)
    train = made["train"]
    texts = {key: list(values) for key, values in train.texts.items()}
    for row in (1, 4, 6):
        texts["answers"][row], texts["starts"][row] = [""], [-1]
        texts["question"][row] = "what is nowhere here ?"
    some = replace(train, texts=texts, digest="with none")
    workspace = Workspace(tmp_path / "work")
    save_text("bert", tmp_path / "hub", all_texts(texts))
    ptm = fetched("extractive_qa", tmp_path / "hub", workspace)
    model = of.load(ptm.card, ptm.folder)
    batch = of.batch(some, model.vocabulary)
    assert batch["span"][[1, 4, 6]].tolist() == [[0, 0]] * 3
    assert batch["open"][:, 0].all()
    assert not of.batch(train, model.vocabulary)["open"][:, 0].any()
    of.fit(model, some, np.arange(8), Fit(150, 8, 3e-3, 0.0, 0), workspace.cache)
    assert of.measure(model, some, np.arange(8), workspace.cache, "float32").truth > 0.9


@pytest.mark.parametrize("kind", SEEING)
def test_a_model_that_sees_and_reads_answers_questions(kind: str, tmp_path: Path) -> None:
    workspace, made = Workspace(tmp_path / "work"), scenes("vqa")
    of, train = task("vqa"), made["train"]
    theirs = save_seeing(kind, tmp_path / "hub", all_texts(train.texts))
    ptm = fetched("vqa", tmp_path / "hub", workspace)
    assert (ptm.card.feature_width, ptm.card.source_classes) == (32, [])
    model = of.load(ptm.card, ptm.folder)
    batch, rows = of.batch(train, model.vocabulary), np.arange(len(train))
    pixels = normalise(look(images(train, model.preprocessing, workspace.cache), rows), model.preprocessing)
    ids, mask = batch["ids"], batch["mask"]
    with torch.inference_mode():
        features, none = model.network.features(pixels, batch)
        assert none is None
        for row in range(3):
            one, said = pixels[row : row + 1], ids[row : row + 1, : mask[row].sum()]
            if kind == "vilt":  # which shuffles the patches: their mean is the same
                read = theirs.vilt(input_ids=said, pixel_values=one).last_hidden_state[0]
                expected = torch.cat([read[0], read[said.shape[1] + 1 :].mean(0)])
            elif kind == "blip":
                seen = theirs.vision_model(pixel_values=one).last_hidden_state
                words = theirs.text_encoder(input_ids=said, encoder_hidden_states=seen).last_hidden_state
                expected = torch.cat([words[0, 0], seen[0, 1:].mean(0)])
            else:
                seen = theirs.vision_model(pixel_values=one).last_hidden_state[0, 1:].mean(0)
                expected = torch.cat([theirs.text_model(input_ids=said).pooler_output[0], seen])
            torch.testing.assert_close(features[row], expected, atol=1e-5, rtol=1e-4)
    goes_all_the_way("vqa", ptm, made, workspace)


@pytest.mark.parametrize("kind", [*SEEING, "owlvit", "owlv2"])
def test_a_model_that_sees_and_reads_finds_what_is_meant(kind: str, tmp_path: Path) -> None:
    workspace, made = Workspace(tmp_path / "work"), scenes("grounding")
    of, train = task("grounding"), made["train"]
    theirs = save_seeing(kind, tmp_path / "hub", all_texts(train.texts))
    ptm = fetched("grounding", tmp_path / "hub", workspace)
    again = fetched("grounding", tmp_path / "hub", workspace, "again")
    assert digest(ptm.folder / "model.safetensors") == digest(again.folder / "model.safetensors")
    model = of.load(ptm.card, ptm.folder)
    if isinstance(model.network, Detector):
        batch, rows = of.batch(train, model.vocabulary), np.arange(len(train))
        pixels = normalise(look(images(train, model.preprocessing, workspace.cache), rows), model.preprocessing)
        with torch.inference_mode():
            boxes = model.network.boxes(pixels, batch)
            for row in range(3):  # the box that the detector itself holds for the likeliest
                said = batch["ids"][row : row + 1, : batch["mask"][row].sum()]
                found = theirs(input_ids=said, pixel_values=pixels[row : row + 1], attention_mask=torch.ones_like(said))
                x, y, width, height = found.pred_boxes[0, found.logits[0, :, 0].argmax()]
                expected = torch.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
                torch.testing.assert_close(boxes[row], expected, atol=1e-5, rtol=1e-4)
    goes_all_the_way("grounding", ptm, made, workspace)


def test_another_size_of_picture_is_taken(tmp_path: Path) -> None:
    workspace, made = Workspace(tmp_path / "work"), scenes("vqa")
    for kind in SEEING:
        save_seeing(kind, tmp_path / kind, all_texts(made["train"].texts))
        ptm = fetched("vqa", tmp_path / kind, workspace, kind, input_size=48)
        model = task("vqa").load(ptm.card, ptm.folder)
        assert model.network.reader.grid == [6, 6]
        features = [f for f, _ in task("vqa").features(model, made["train"], workspace.cache, 8)]
        assert torch.isfinite(torch.cat(features)).all()


def test_what_cannot_be_trusted_or_used_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    workspace, said = Workspace(tmp_path / "work"), ["a red square"]
    for of in ("text_classification", "extractive_qa", "vqa", "grounding"):
        with pytest.raises(FileError, match=r"ptms\.public: '.*nowhere' cannot be loaded .*HF_HOME"):
            fetched(of, tmp_path / "nowhere", workspace)
    model = save_text("bert", tmp_path / "bert", said)
    with pytest.raises(FileError, match=r"'.*bert' is a bert; models that see and read here are vilt, blip, clip"):
        fetched("vqa", tmp_path / "bert", workspace)
    fetched("text_classification", tmp_path / "bert", workspace)
    # the same weights read for another task, which names their tensors otherwise
    fetched("extractive_qa", tmp_path / "bert", workspace)
    model.embeddings.word_embeddings.weight.data += 1
    model.save_pretrained(tmp_path / "bert")
    with pytest.raises(FileError, match="not the weights that were downloaded the first time"):
        fetched("text_classification", tmp_path / "bert", workspace)
    (tmp_path / "bert/model.safetensors").unlink()
    torch.save(model.state_dict(), tmp_path / "bert/pytorch_model.bin")
    with pytest.raises(FileError, match=r"cannot be loaded \(OSError: .*safetensors"):  # a pickle
        fetched("text_classification", tmp_path / "bert", workspace)
    save_seeing("clip", tmp_path / "clip", said)
    with pytest.raises(FileError, match=r"\(clip\) is no text encoder of one tower"):
        fetched("text_classification", tmp_path / "clip", workspace)


@pytest.mark.parametrize("of", ["text_classification", "extractive_qa"])
def test_weights_that_lack_a_layer_are_refused(of: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    save_text("electra", tmp_path / "hub", ["a red square"], transformers.AutoModelForMaskedLM)
    path = tmp_path / "hub/model.safetensors"
    kept = {key: tensor for key, tensor in load_file(path).items() if "layer.1." not in key}
    save_file(kept, path, metadata={"format": "pt"})
    with pytest.raises(FileError, match=r"its weights lack 16 tensors, such as '.*layer\.1\."):
        fetched(of, tmp_path / "hub", Workspace(tmp_path / "work"))


def test_the_package_wordllama_classifies_texts(tmp_path: Path) -> None:
    from orbweaver.models.text_encoders import wordllama

    workspace, made = Workspace(tmp_path / "work"), scenes("text_classification")
    of = task("text_classification")
    spec = PtmSettings(task=of.name, architecture="wordllama", source="web")
    fetch_ptm("table", of, spec, [], workspace.ptm("table"), workspace.raw("weights"))
    ptm, (tokenizer, vectors) = stored(workspace, "table"), wordllama()
    assert (ptm.card.origin, ptm.card.feature_width, ptm.card.n_parameters) == ("pypi:wordllama", 256, vectors.size)
    model = of.load(ptm.card, ptm.folder)
    features = torch.cat([f for f, _ in of.features(model, made["train"], workspace.cache, 8)])
    first = [1, *tokenizer.encode(made["train"].texts["text"][0], add_special_tokens=False).ids, 2]
    np.testing.assert_allclose(features[0], vectors[first].mean(0), atol=1e-6)
