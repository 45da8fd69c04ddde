"""Orbweaver: which pre-trained model should be fine-tuned for this dataset?

`rank` orders PTMs for one's own data and gives a `Ranking`, `METHODS` holds the scores as functions of arrays, `Split`
and `task` are what datasets and their tasks look like. Each is imported when it is first asked for, as torch takes
seconds.
"""

from importlib import import_module
from importlib.metadata import version

_HOMES = {
    "METHODS": "orbweaver.methods",
    "Ranking": "orbweaver.select.told.result",
    "Split": "orbweaver.data.split",
    "Task": "orbweaver.tasks.base",
    "rank": "orbweaver.select.ranking",
    "task": "orbweaver.tasks",
}
__all__ = ["METHODS", "Ranking", "Split", "Task", "__version__", "rank", "task"]


def __getattr__(name: str) -> object:
    if name == "__version__":
        return version("orbweaver")
    if name not in _HOMES:
        raise AttributeError(f"module 'orbweaver' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
