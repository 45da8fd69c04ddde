"""python -m stages.draw: draws Model Spider's episodes from the sources, with every PTM's class means and scores.

Writes scores/spider/episodes.h5.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from orbweaver.core.errors import tell
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import read_dataset
from orbweaver.models.card import read_card
from orbweaver.pipeline import params
from orbweaver.spider.episode_file import write_episodes
from orbweaver.spider.episodes import episodes_of, wanted_methods
from orbweaver.spider.tuned import Tuning


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    workspace = Workspace(Path())
    p = params.load(workspace.params)
    with workspace.cache.noting("draw"):
        # Without rankers both lists are empty: there is nothing to draw for, and the sources need not suit.
        cards = [read_card(workspace, ptm) for ptm in p.ranked_by_spiders]
        encoders = [read_card(workspace, ptm) for ptm in p.spider.encoders]
        methods = wanted_methods([*p.spider.rankers.values()])
        sources = {source: read_dataset(workspace, "sources", source, "train") for source in p.sources}
        families = {name: split.family for name, split in sources.items()}
        known = {name: split for name, split in sources.items() if len(split)}
        how = p.spider.episodes.tuned
        tuning = None if how is None else Tuning(known, how)
        episodes = episodes_of(workspace, cards, families, p.spider.episodes, methods, p.seed, tuning, encoders)
        write_episodes(workspace.episodes(), episodes)


if __name__ == "__main__":
    tell(main)
