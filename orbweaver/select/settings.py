"""What ranking takes from a benchmark's params.yaml; where there is no benchmark, mini's protocol."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ConfigDict, Field, ValidationError

from orbweaver.core.errors import FileError
from orbweaver.core.machine import cores
from orbweaver.core.settings import (
    DatasetSettings,
    FeaturesSettings,
    FinetuneSettings,
    Name,
    PtmSettings,
    Section,
    SpiderSettings,
    candidates,
)
from orbweaver.core.workspace import Workspace


class Settings(Section):
    """The part of params.yaml that ranking reads; the rest of it is the pipeline's."""

    model_config = ConfigDict(extra="ignore")

    seed: int = 0
    sources: dict[Name, DatasetSettings] = Field(default={})
    targets: dict[Name, DatasetSettings] = Field(default={})
    ptms: dict[Name, PtmSettings] = Field(default={})
    features: FeaturesSettings = FeaturesSettings(batch_size=64)
    finetune: FinetuneSettings = FinetuneSettings(
        epochs=7, batch_size=16, learning_rates=[0.001, 0.004], weight_decay=0.05, validation_fraction=0.2, seeds=2
    )
    methods: list[str] = Field(default=[])
    spider: SpiderSettings = SpiderSettings(rankers={})

    @property
    def threads(self) -> int:
        """All cores: a user wants speed, where a benchmark wants the same bytes on every machine."""
        return cores()

    def ptms_of(self, zoo: str) -> list[str]:
        """The benchmark's candidates that were pre-trained to do a task."""
        return [name for name, ptm in candidates(self.ptms).items() if ptm.task == zoo]


def benchmark_here() -> Workspace | None:
    """The benchmark in the current folder, if it holds a params.yaml and a dvc.yaml."""
    here = Workspace(Path())
    return here if here.params.exists() and (here.root / "dvc.yaml").exists() else None


def settings_of(benchmark: Workspace | None) -> Settings:
    """A benchmark's settings, or the defaults. Raises FileError when its params.yaml is missing or wrong."""
    if benchmark is None:
        return Settings()
    path = benchmark.params
    try:
        return Settings.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise FileError(f"{path}: not found; a benchmark's folder has one") from None
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror}); a benchmark's folder has one") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FileError(f"{path}: not valid YAML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise FileError(f"{path}: '{place}': {first['msg']}, got {first['input']!r}") from None
