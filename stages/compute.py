"""The device, chosen once, and what makes a computation repeatable."""

from __future__ import annotations

import os

import torch


def device() -> torch.device:
    """The first GPU where there is one, else the CPU. `CUDA_VISIBLE_DEVICES` says which is first."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def repeatable(seed: int, threads: int) -> None:
    """Seeds torch and fixes everything else that may change the last bits of a result on this machine.

    The number of threads splits sums differently, so it is a parameter of the benchmark, not of the machine.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
