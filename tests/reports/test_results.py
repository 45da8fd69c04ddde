"""Reading what the other rooms wrote."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from stages import files, params
from stages.reports import results


def test_weights_are_those_of_emms_or_none(workspace: Path) -> None:
    """A target without EMMS, or one that is its own label, has no weights: they are missing, not an error."""
    p = params.load()
    assert results.weights(p) is None
    without = pd.DataFrame({"dataset": ["digits"], "ptm": ["vit_sprites"], "encoder": ["wordllama"]})
    files.write_csv(without.assign(logme_labels=0.5), files.weights_path("digits"))
    assert results.weights(p) is None
    files.write_csv(without.assign(dataset="sprites_scale", weight=1.0), files.weights_path("sprites_scale"))
    assert results.weights(p)["dataset"].tolist() == ["sprites_scale"]
