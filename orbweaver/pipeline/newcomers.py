"""python -m orbweaver.pipeline.newcomers RANKER: what is lost when RANKER ranks a PTM that it never learned from.

Leaves ten PTMs out of training, one at a time, and ranks each by its card and evidence, on the targets of a benchmark
that was built. A ranker with `first: network` is trained eleven times for this. Nothing is kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from orbweaver.core.errors import UserError, tell
from orbweaver.core.formats.tables import read_csv
from orbweaver.core.names import check_known
from orbweaver.core.workspace import Workspace
from orbweaver.models.card import read_card
from orbweaver.pipeline import params
from orbweaver.report import results
from orbweaver.spider.episode_file import read_episodes
from orbweaver.spider.newcomers import Exam, tau_lost
from orbweaver.spider.rows import means_of, target_as_episode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ranker", help="a ranker of params.yaml that has `first: evidence` or `drop`")
    parser.add_argument("--ptms", type=int, default=10, metavar="COUNT", help="how many PTMs to leave out in turn")
    args = parser.parse_args()
    if args.ptms < 1:
        parser.error("--ptms: at least 1")
    workspace = Workspace(Path())
    p = params.load(workspace.params)
    check_known(args.ranker, p.spider.rankers, "ranker")
    spec = p.spider.filled(p.spider.rankers[args.ranker])
    found = read_episodes(workspace.episodes())
    cards = [read_card(workspace, ptm) for ptm in found.ptms]
    truth = results.truth(workspace, p, cards[0].task).pivot(index="dataset", columns="ptm", values="value")
    exams = []
    for target in truth.index:
        means = means_of(workspace, target, dict.fromkeys([*found.ptms, spec.encoder]), p.spider.episodes.bins)
        evidence = read_csv(workspace.scores(target), ["ptm", "method", "score"])
        if lacking := [method for method in spec.evidence if method not in {*evidence["method"]}]:
            raise UserError(
                f"{workspace.scores(target)} has no '{lacking[0]}', which is evidence of ranker '{args.ranker}'; "
                "add it to 'methods' of params.yaml and run `dvc repro`"
            )
        episode = target_as_episode(found.ptms, spec.evidence, means, evidence)
        exams.append(Exam(target, episode, truth.loc[target].reindex(found.ptms).to_numpy(float)))
    table = tau_lost(found, cards, exams, spec, p.spider, p.seed, p.threads, args.ptms)
    shown = table.groupby(["ptm", "k"], sort=False)[["known", "new", "lost"]].mean()
    print(shown.to_string(float_format="{:+.3f}".format))
    print(f"\nMean over {table['ptm'].nunique()} PTMs and {len(exams)} targets, weighted tau:")
    print(table.groupby("k")[["known", "new", "lost"]].mean().to_string(float_format="{:+.3f}".format))


if __name__ == "__main__":
    tell(main)
