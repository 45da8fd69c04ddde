"""The published mixtures that Model Spider was trained on, against the other published table of its labels."""

from __future__ import annotations

import pandas as pd
import pytest

from orbweaver.core.workspace import Workspace
from tests.conftest import ROOT
from tests.spider.mixtures import SINGLE_SOURCE, published_mixtures


def test_the_mixtures_of_model_spider() -> None:
    published = Workspace(ROOT).published
    ten, many = published_mixtures(published, 10), published_mixtures(published, 42)
    assert len(ten) == len(many) == 96
    labels = pd.read_csv(published / "single_source/training_labels.csv")
    released = {mixture.name: mixture for mixture in ten if mixture.released}
    assert {*released} == {*labels["mixture"]}
    assert len(released) == 13
    for row in labels.itertuples():
        assert released[row.mixture].ranks[row.ptm] == row.rank_0_worst
    assert {*ten[0].ranks} == {*SINGLE_SOURCE}
    used = {source for mixture in released.values() for source in mixture.classes}
    assert used == {"eurosat", "officehome", "pacs", "smallnorb", "stl10", "vlcs"}
    from orbweaver.data.catalogue import catalogue

    assert {source for mixture in ten + many for source in mixture.classes} <= {*catalogue()}
    with pytest.raises(ValueError, match="not for one of 11"):
        published_mixtures(published, 11)
