"""python -m stages.scores TARGET: writes scores/<target>.csv, every method's score of every PTM on one target.

Also scores/weights/<target>.csv, the weights and scores that methods on F-labels give for each text encoder, and
scores/rankers/<target>.csv, the scores of each of Model Spider's rankers, seed by seed, with 0 to all PTMs forwarded.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from orbweaver.core.errors import tell
from orbweaver.core.formats.tables import write_csv
from orbweaver.core.names import check_known
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import read_dataset
from orbweaver.models.card import read_card
from orbweaver.pipeline import params
from orbweaver.spider.card import check_zoo, load_card
from orbweaver.spider.target import scores_of_target
from orbweaver.tasks import ZOO


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target")
    target = parser.parse_args().target
    workspace = Workspace(Path())
    p = params.load(workspace.params)
    check_known(target, p.targets, "target")
    with workspace.cache.noting(f"scores@{target}"):
        split = read_dataset(workspace, "targets", target, "train")
        ptms = p.ptms_of(ZOO[split.task])
        cards = [read_card(workspace, ptm) for ptm in ptms]
        # Rankers know only the PTMs of their encoder's zoo.
        rankers = p.spider.rankers if ptms == p.ranked_by_spiders else {}
        spiders = [load_card(workspace.ranker(name)) for name in rankers]
        for spider, spec in zip(spiders, rankers.values(), strict=True):
            encoder = read_card(workspace, p.spider.filled(spec).encoder)
            check_zoo(spider, {card.name: card.checkpoint for card in cards}, encoder)
        given = target, cards, [*p.encoders], p.methods, split.family, spiders, p.seed, p.threads
        found = scores_of_target(workspace, *given)
        write_csv(found.seconds, workspace.seconds(target))
        write_csv(found.scores, workspace.scores(target))
        write_csv(found.rankers, workspace.rankers(target))
        write_csv(found.weights, workspace.weights(target))


if __name__ == "__main__":
    tell(main)
