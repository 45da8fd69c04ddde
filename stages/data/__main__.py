"""python -m stages.data {sources|targets} DATASET: writes data/<role>/<dataset>/{train,test}.parquet.

python -m stages.data --check: which datasets of the benchmark are here, which are not and how large they are.
"""

from __future__ import annotations

import argparse

from stages import files, params
from stages.data import catalogue, make
from stages.data.catalogue import state
from stages.errors import tell


def check(p: params.Params) -> str:
    """One line a dataset of the benchmark that comes from elsewhere; all of the catalogue where it names none."""
    known = catalogue()
    names = [name for name in p.datasets if name in known] or list(known)
    width = max(map(len, names))
    rows = [(name, *state(name, known[name])) for name in names]
    return "\n".join(f"{name:{width}}  {here:12}  {what}".rstrip() for name, here, what in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("role", choices=("sources", "targets"), nargs="?")
    parser.add_argument("dataset", nargs="?")
    parser.add_argument("--check", action="store_true", help="say what is here and what is not, and download nothing")
    args = parser.parse_args()
    p = params.load()
    if args.check:
        print(check(p))
        return
    if args.dataset is None:
        parser.error("say which dataset, as: sources mnist")
    params.check_known(args.dataset, getattr(p, args.role), args.role.removesuffix("s"))
    spec = getattr(p, args.role)[args.dataset]
    parts = make(args.dataset, spec.train, spec.test, spec.image_size, p.seed)
    if (task := files.TASK_OF[parts["train"].kind]) != spec.task:
        raise params.ParamsError(
            f"{args.role}.{args.dataset}: its task is {task}, not {spec.task}; write 'task: {task}'"
        )
    for split, images in parts.items():
        files.write_images(files.dataset_path(args.role, args.dataset, split), images)


if __name__ == "__main__":
    tell(main)
