"""DVC's own time against the number of stages: python -m tests.bench.bench_dvc [stages …] (50 100 170 250).

The stages are those of dvc.yaml, with their dependencies and parameters, but their commands only write a few bytes.
Printed are seconds of CPU time, which other processes do not change much, of all processes that were started.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from tests.conftest import TINY, clone_repository

ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


def parameters(stages: int) -> dict:
    """As many PTMs and targets as make this number of stages; two PTMs to a target, as in 42 x 20."""
    targets = max(1, stages // 8)
    sources = max(1, stages // 16)
    ptms = (stages - 4 - sources - 2 * targets) // 3  # and one each of labels, draw, spider, reports
    size = {"train": 10, "test": 10}
    return TINY | {
        "sources": {f"source{i}": size for i in range(sources)},
        "targets": {f"target{i}": size for i in range(targets)},
        "ptms": {f"ptm{i}": {"architecture": "test_vit", "source": f"source{i % sources}"} for i in range(ptms)},
        "spider": TINY["spider"] | {"encoder": "ptm0"},
    }


def named(params: dict, path: str) -> dict:
    """What a `foreach: ${a.b}` goes through."""
    for key in path.removeprefix("${").removesuffix("}").split("."):
        params = params[key]
    return params


def project(folder: Path, stages: int) -> int:
    """A clone whose stages write their outputs' names; the number of stages that it has."""
    clone_repository(folder, parameters(stages))
    pipeline = yaml.safe_load((folder / "dvc.yaml").read_text())
    count = 0
    for stage in pipeline["stages"].values():
        body = stage.get("do", stage)
        outs = [*body["outs"], *body.get("metrics", [])]
        count += len(named(parameters(stages), stage["foreach"])) if "foreach" in stage else 1
        body["cmd"] = " && ".join(
            f"mkdir -p $(dirname {out}) && echo {out} > {out}" if "." in Path(out).name else
            f"mkdir -p {out} && echo {out} > {out}/file" for out in outs
        )  # fmt: skip
    pipeline.pop("plots", None)
    (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
    return count


def cpu(folder: Path, *command: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    print("| stages | serial `dvc repro` | nothing to do | runner | nothing to do | runner, a stage |")
    print("|---:|---:|---:|---:|---:|---:|")
    for wanted in [int(argument) for argument in sys.argv[1:]] or [50, 100, 170, 250]:
        row = []
        for command in (("dvc", "repro", "-q"), (sys.executable, "-m", "orbweaver.pipeline.run", "--jobs", "2")):
            with tempfile.TemporaryDirectory() as folder:
                stages = project(Path(folder), wanted)
                with open(Path(folder) / "orbweaver/pipeline/params.py", "a") as source:
                    source.write("\n\ndef check_names(*_: object, **__: object) -> None:\n    pass\n")
                row += [cpu(Path(folder), *command), cpu(Path(folder), *command)]
        print(f"| {stages} | {' | '.join(f'{seconds:.0f}' for seconds in row)} | {row[2] / stages:.2f} |", flush=True)


if __name__ == "__main__":
    main()
