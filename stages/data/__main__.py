"""python -m stages.data {sources|targets} DATASET: writes data/<role>/<dataset>/{train,test}.parquet."""

from __future__ import annotations

import argparse

from stages import files, params
from stages.data import CORPORA, DATASETS
from stages.errors import tell


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=("sources", "targets"))
    parser.add_argument("dataset")
    args = parser.parse_args()
    p = params.load()
    params.check_known(args.dataset, getattr(p, args.role), f"dataset in '{args.role}'")
    spec = getattr(p, args.role)[args.dataset]
    if args.dataset in CORPORA:
        parts = CORPORA[args.dataset]()
    else:
        parts = DATASETS[args.dataset](spec.train, spec.test, spec.image_size, p.seed)
    if (task := files.TASK_OF[parts["train"].kind]) != spec.task:
        raise params.ParamsError(
            f"{args.role}.{args.dataset}: its task is {task}, not {spec.task}; write 'task: {task}'"
        )
    for split, images in parts.items():
        files.write_images(files.dataset_path(args.role, args.dataset, split), images)


if __name__ == "__main__":
    tell(main)
