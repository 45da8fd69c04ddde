"""python -m stages.spider RANKER: trains one ranker of params.yaml on the episodes.

Writes scores/spider/<ranker>/. --add PTM teaches a trained ranker one more PTM of params.yaml and leaves all else that
it learned as it is; the PTM's features of the sources must be there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from orbweaver.core.errors import tell
from orbweaver.core.formats.tables import write_csv
from orbweaver.core.names import check_known
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import about_split
from orbweaver.pipeline import params
from orbweaver.spider import checkpoint
from orbweaver.spider.learning import learn, learn_ptm


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ranker")
    parser.add_argument("--add", metavar="PTM")
    args = parser.parse_args()
    workspace = Workspace(Path())
    p = params.load(workspace.params)
    check_known(args.ranker, p.spider.rankers, "ranker")
    torch.set_num_threads(p.threads)
    ptms = p.ranked_by_spiders
    folder = workspace.ranker(args.ranker)
    with workspace.cache.noting(f"spider@{args.ranker}"):
        if args.add is None:
            spider, log = learn(workspace, args.ranker, ptms, p.spider, p.seed, p.threads)
            write_csv(log, folder / "training.csv")
            checkpoint.save(spider, folder)
            return
        check_known(args.add, ptms, "PTM")
        families = {source: about_split(workspace.split("sources", source, "train"))["family"] for source in p.sources}
        spider = learn_ptm(workspace, args.ranker, args.add, ptms, families, p.spider, p.seed, p.threads)
        checkpoint.save(spider, folder)
    print(f"{folder} now knows {args.add}; `dvc commit --force spider@{args.ranker}` keeps it, "
          "`dvc repro` would train it anew on all PTMs")  # fmt: skip


if __name__ == "__main__":
    tell(main)
