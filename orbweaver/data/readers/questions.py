"""Datasets of questions and their answers, and of phrases and the boxes that they mean."""

from __future__ import annotations

import json
import re
from pathlib import Path

from orbweaver.core.errors import FileError
from orbweaver.data.readers.annotations import read_json
from orbweaver.data.readers.hub_parquet import rows
from orbweaver.data.readers.sample import Parts, Sample, lines


def refcoco(root: Path) -> Parts:
    """Parquet with file_name, raw_anns (JSON with bbox: x, y, width, height in pixels) and sentences; COCO's images."""
    splits = sorted(p.name for p in root.iterdir() if p.is_dir())
    found = rows(root, splits, ["file_name", "raw_anns", "sentences"])

    def sample(name: str, annotation: str, sentences: list[dict]) -> Sample:
        file = re.sub(r"(_\d{12})_\d+", r"\1", Path(name).name)  # without the expression's number
        texts = {"phrase": sentences[0]["raw"].strip()}
        return Sample(root.parent / "coco" / "train2014" / file, None, texts, box=json.loads(annotation)["bbox"])

    return [], {split: [sample(*row) for row in listed] for split, listed in found.items()}


def _asked(asked: dict[str, list[tuple[Path, str, str]]]) -> Parts:
    """(image, question, answer) of each split; the classes are all the answers."""
    answers = sorted({answer for listed in asked.values() for *_, answer in listed})
    place = {answer: i for i, answer in enumerate(answers)}
    return answers, {
        split: [Sample(image, place[answer], {"question": question}) for image, question, answer in listed]
        for split, listed in asked.items()
    }


def daquar(root: Path) -> Parts:
    """Questions and answers on alternate lines; a question names its image: `... in the image3 ?`

    Raises FileError when a file is not there, or a question names no image.
    """
    asked: dict[str, list[tuple[Path, str, str]]] = {}
    for split, file in (("train", "qa.37.raw.train.txt"), ("test", "qa.37.raw.reduced.test.txt")):
        text = lines(root / file)
        for question, answer in zip(text[::2], text[1::2], strict=True):
            number = re.search(r"\bimage(\d+)\b", question)
            if number is None:
                raise FileError(f"{root / file}: the question '{question}' names no image")
            plain = re.sub(r"(\s+(in|on|of|at))?(\s+(the|this))?\s*\bimage\d+\b", "", question)
            plain = plain.strip(" ?") + "?"
            asked.setdefault(split, []).append((root / f"nyu_depth_images/image{number[1]}.png", plain, answer.strip()))
    return _asked(asked)


def cocoqa(root: Path) -> Parts:
    """Line by line: questions.txt, answers.txt, img_ids.txt. Test questions are about COCO's validation images."""
    asked = {}
    for split, part in (("train", "train2014"), ("test", "val2014")):
        texts = [lines(root / f"cocoqa/{split}/{what}.txt") for what in ("img_ids", "questions", "answers")]
        asked[split] = [
            (root.parent / "coco" / part / f"COCO_{part}_{int(image):012d}.jpg", question.strip(), answer.strip())
            for image, question, answer in zip(*texts, strict=True)
        ]
    return _asked(asked)


def clevr(root: Path) -> Parts:
    """questions/CLEVR_<split>_questions.json: image_filename, question, answer; one question an image."""
    base = root / "CLEVR_v1.0"
    asked: dict[str, list[tuple[Path, str, str]]] = {}
    for split, part in (("train", "train"), ("test", "val")):
        seen: set[str] = set()
        with open(base / f"questions/CLEVR_{part}_questions.json", encoding="utf-8") as file:
            for row in json.load(file)["questions"]:
                if row["image_filename"] not in seen:
                    seen.add(row["image_filename"])
                    image = base / "images" / part / row["image_filename"]
                    asked.setdefault(split, []).append((image, row["question"], row["answer"]))
    return _asked(asked)


def squad(root: Path, train: str, test: str) -> Parts:
    """data[].paragraphs[].qas[]; each different answer once; an unanswerable question has the empty answer, at -1.

    Raises FileError when a file is not there.
    """

    def part(name: str) -> list[Sample]:
        samples = []
        for article in read_json(root / name)["data"]:
            for paragraph in article["paragraphs"]:
                for qa in paragraph["qas"]:
                    found = {(a["text"], a["answer_start"]): None for a in qa["answers"]} or {("", -1): None}
                    texts = {"context": paragraph["context"], "question": qa["question"].strip()}
                    texts |= {"answers": [text for text, _ in found], "starts": [start for _, start in found]}
                    samples.append(Sample(None, None, texts))
        return samples

    return [], {"train": part(train), "test": part(test)}
