"""What Model Spider costs, as ratios in one run: python tests/bench/bench_spider.py

Scoring many PTMs on one episode from cached tokens, against the matrix products that it must contain; and the memory
that it takes, against that of one block of M x d numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from orbweaver.core.settings import RankerSettings
from orbweaver.spider.checkpoint import empty_ranker

CLASSES, ENCODER = 100, 1280
SPEC = RankerSettings(supervision=["held_out"])


def seconds(work: Callable[[], object], repeat: int = 7) -> float:
    """Least CPU time of several runs."""
    best = float("inf")
    for _ in range(repeat):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


@torch.inference_mode()
def ratio(ptms: int, width: int) -> tuple[float, float]:
    """Time of one scoring over the time of its matrix products; its peak of new numbers over M x d."""
    torch.manual_seed(0)
    ranker = empty_ranker(dict.fromkeys(map(str, range(ptms)), 1), ENCODER, width, SPEC).eval()
    general, rows = torch.randn(CLASSES, ENCODER), torch.arange(CLASSES)[None]
    of_model, of_class, square = torch.randn(ptms, width), torch.randn(CLASSES, width), torch.randn(width, width)
    wide, weights = torch.randn(ENCODER, width), torch.randn(ptms, CLASSES)

    def products() -> None:
        _ = general @ wide  # projection
        _ = of_class @ square, of_class @ square  # keys, values
        _ = (
            of_model @ square,
            of_model @ square,
            of_model @ square,
            of_model @ square,
        )  # query, own key and value, output
        _ = of_model @ of_class.T, weights @ of_class  # logits, what they attend to

    needed, taken = seconds(products), seconds(lambda: ranker(general, rows))
    with torch.profiler.profile(profile_memory=True) as profile:
        ranker(general, rows)
    peak = sum(max(event.self_cpu_memory_usage, 0) for event in profile.key_averages())
    return taken / needed, peak / (4 * ptms * width)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(f"one episode of {CLASSES} classes, tokens cached; time over that of its matrix products")
    for ptms, width in ((100, 1024), (1000, 64), (1000, 1024), (4000, 1024)):
        times, memory = ratio(ptms, width)
        print(
            f"  {ptms:5d} PTMs, width {width:4d}: {times:5.2f} times; all it ever allocates: {memory:5.1f} M x d blocks"
        )
