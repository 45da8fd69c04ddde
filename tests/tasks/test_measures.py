"""Truths: what predictions are worth, by hand and by golden values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from orbweaver.tasks import _measures as measures
from orbweaver.tasks import task
from orbweaver.tasks._cider import cider_d
from orbweaver.tasks.base import PTM

CANDIDATES = ["a small red square is above a large blue circle .", "a green cross .", "there is a circle left of it ."]
REFERENCES = [
    ["a small red square is above a small blue circle .", "a large blue circle is below a red square ."],
    ["a large green cross is left of a square .", "there is a green cross ."],
    ["there is a small circle left of a triangle .", "a triangle is right of a small circle ."],
]


def test_accuracy_and_error() -> None:
    outputs = torch.tensor([[2.0, 1.0], [0.0, 1.0], [3.0, 0.0]])
    plain = PTM(torch.nn.Identity(), None)
    assert task("image_classification").truth(plain, outputs, np.array([0, 1, 1])) == pytest.approx(2 / 3)
    one = PTM(torch.nn.Identity(), None, centre=10.0, scale=2.0)
    regression = task("regression").truth(one, torch.tensor([[0.0], [1.0]]), np.array([10.0, 16.0]))
    assert regression == pytest.approx(-np.sqrt(8))
    two = PTM(torch.nn.Identity(), None, centre=np.array([10.0, 0.0]), scale=np.array([2.0, 1.0]))
    wrong = task("regression").truth(two, torch.tensor([[0.0, 0.0], [1.0, 3.0]]), np.array([[10.0, 0.0], [16.0, 1.0]]))
    assert wrong == pytest.approx(-np.sqrt((16 + 4) / 4))


def test_average_precision_by_hand() -> None:
    """Ranks of the present ones: 1 and 3 of 4. Precision 1 up to recall 0.5, 2/3 above."""
    scores, present = np.array([[4.0], [3.0], [2.0], [1.0]]), np.array([[True], [False], [True], [False]])
    assert measures.average_precision(scores, present) == pytest.approx((6 * 1 + 5 * 2 / 3) / 11)
    both = np.hstack([present, ~present]), np.hstack([scores, -scores])
    assert measures.average_precision(both[1], both[0]) == pytest.approx(
        ((6 * 1 + 5 * 2 / 3) / 11 + (6 * 1 + 5 * 2 / 3) / 11) / 2
    )
    assert measures.average_precision(
        np.hstack([scores, scores]), np.hstack([present, np.zeros_like(present)])
    ) == pytest.approx((6 + 10 / 3) / 11)


def test_cider_d_is_the_published_one() -> None:
    """Golden values: CIDEr-D of aac-metrics 0.6.0 (its port of the published code), scale 10."""
    assert cider_d(CANDIDATES, REFERENCES) == pytest.approx(3.833181150205, abs=1e-9)
    assert cider_d([refs[0] for refs in REFERENCES], [[refs[0]] for refs in REFERENCES]) == pytest.approx(10)
    assert cider_d(["x y z"] * 3, REFERENCES) == 0


def test_bleu_answers_and_boxes() -> None:
    assert measures.bleu([refs[1] for refs in REFERENCES], REFERENCES) == pytest.approx(1)
    assert 0 < measures.bleu(CANDIDATES, REFERENCES) < 1
    assert measures.bleu(["a b c d"], [["a b c d", "e"]]) == pytest.approx(1)
    assert measures.exact_match("The Cross, two", ["cross two"]) == 1  # the rules of SQuAD's evaluation
    assert measures.exact_match("cross", ["cross two", "square"]) == 0
    assert measures.f1("cross", ["cross two", "square"]) == pytest.approx(2 / 3)
    assert measures.f1("", ["red"]) == 0
    boxes = np.array([[0, 0, 1, 1], [0, 0, 0.5, 1], [0.5, 0, 1, 1], [0.9, 0, 0.8, 1]])
    np.testing.assert_allclose(measures.iou(boxes, np.array([[0, 0, 1, 1]] * 4)), [1, 0.5, 0.5, 0])
    np.testing.assert_allclose(measures.iou(boxes[1:2], boxes[2:3]), [0])
