"""The device to compute on, and settings that make a computation repeatable."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import TypeVar

import torch

from orbweaver.core.machine import cores

T = TypeVar("T")


def device() -> torch.device:
    """The first GPU where there is one, else the CPU. `CUDA_VISIBLE_DEVICES` says which is first."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def repeatable(seed: int, threads: int) -> None:
    """Seeds torch and fixes everything else that may change the last bits of a result on this machine.

    How a sum is split, and so its last bits, depends on the number of threads: that is a setting of the benchmark, not
    of the machine.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # In deterministic mode PyTorch fills new memory with NaN, to expose reads of memory that was never written. That
    # takes a fifth of a training step of a small network.
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.benchmark = False


def workers() -> int:
    """How many processes decode images, beside the one that computes."""
    return min(8, cores())


def autocast(precision: str) -> torch.autocast:
    """Autocast to bfloat16 where `precision` is "bfloat16", on any device; else a context that does nothing."""
    return torch.autocast(device().type, torch.bfloat16, enabled=precision == "bfloat16")


class Fitting:
    """The largest batch that memory holds for one kind of work, found by halving."""

    def __init__(self) -> None:
        self.size: int | None = None

    def parts(self, batch: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return batch.split(self.size) if self.size else (batch,)

    def run(self, work: Callable[[tuple[torch.Tensor, ...]], T], batch: torch.Tensor) -> T:
        """`work` on the batch in parts that fit; again in halves where it ran out of memory.

        Raises OutOfMemoryError when a single row does not fit.
        """
        while True:
            parts = self.parts(batch)
            try:
                return work(parts)
            except torch.OutOfMemoryError:
                largest = max(len(part) for part in parts)
                if largest == 1:
                    raise
                self.size = largest // 2
            # Outside the except block, whose traceback keeps the tensors in memory.
            torch.cuda.empty_cache()
            warnings.warn(f"out of memory: batches of {largest} are computed in parts of {self.size}", stacklevel=2)
