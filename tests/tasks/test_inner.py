"""Files of features from inside a PTM."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from orbweaver.core.cache import Cache
from orbweaver.core.errors import FileError
from orbweaver.core.formats.features import read_features
from orbweaver.core.workspace import Workspace
from orbweaver.tasks import task
from orbweaver.tasks.extract import extract, made_from
from orbweaver.tasks.inner import extract_inner, has_inner, inner_file

from .examples import MakePtm, both, broken, trained


def test_they_are_of_the_same_samples_and_the_same_bytes_twice(ptm_for: MakePtm, store: Cache) -> None:
    ptm, (train, _) = ptm_for("image_classification"), both("image_classification")
    assert has_inner(ptm)
    path = extract_inner(store, ptm, train, 1)
    found, once = read_features(path, made_from(ptm.card, train)), path.read_bytes()
    last = read_features(extract(store, task("image_classification"), ptm, train, 16, 1))
    np.testing.assert_array_equal(found.targets, last.targets)
    assert len(found.features) == len(train) and found.features.std(0).max() > 0
    assert found.probabilities is None
    path.unlink()
    assert extract_inner(store, ptm, train, 1).read_bytes() == once


def test_a_sample_keeps_its_features_wherever_it_stands(ptm_for: MakePtm, store: Cache) -> None:
    """Up to last bits: all are in the one batch that the statistics come from."""
    ptm, (train, _) = ptm_for("image_classification"), both("image_classification")
    some = np.arange(min(len(train), 60))
    turned = some[::-1].copy()
    there, back = (read_features(extract_inner(store, ptm, train.take(rows), 1)).features for rows in (some, turned))
    np.testing.assert_allclose(there, back[::-1], rtol=1e-3, atol=1e-4)


def test_features_that_are_no_numbers_are_refused(tmp_path: Path, store: Cache) -> None:
    ptm = broken(trained(Workspace(tmp_path), "image_classification", "broken"))
    train = replace(both("image_classification")[0], name="mine")
    last = len(train) - 1
    with pytest.raises(
        FileError, match=rf"broken on dataset 'mine': features of rows 0 to {last + 1} are NaN or infin"
    ):
        extract_inner(store, ptm, train, 1)
    assert not list(store.root.rglob("*.h5"))


def test_a_ptm_that_reads_texts_has_none(ptm_for: MakePtm) -> None:
    assert not has_inner(ptm_for("text_classification"))


def test_it_lies_beside_the_features(tmp_path: Path) -> None:
    features = Workspace(tmp_path).features("lite", "digits")
    assert inner_file(features) == features.parent / "inner" / "digits.h5"
