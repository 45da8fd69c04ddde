"""Reference pages that are made from the code: Python, command line, params.yaml, the pipeline."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import re
import sys
import types
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin
from unittest import mock

from annotated_types import MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.site import pipeline
from docs.site.cards import prose
from orbweaver.core.settings import Name

# The public API, by purpose.
PYTHON = {
    "Rank": ["orbweaver.select.ranking.rank", "orbweaver.select.told.result.Ranking"],
    "Scores": ["orbweaver.methods.inputs.ScoreInputs", "orbweaver.methods.run.score", "orbweaver.methods.tables"],
    "Measures": [
        "orbweaver.metrics.tau",
        "orbweaver.metrics.measures",
        "orbweaver.metrics.gain",
        "orbweaver.metrics.intervals",
        "orbweaver.metrics.ranks",
        "orbweaver.metrics.variance",
    ],
    "Data": ["orbweaver.data.split", "orbweaver.data.datasets", "orbweaver.data.readers.own"],
    "Tasks": ["orbweaver.tasks.base", "orbweaver.tasks.finetune"],
    "Model Spider": ["orbweaver.spider.ranker", "orbweaver.spider.checkpoint", "orbweaver.spider.stacking"],
    "Reports": ["orbweaver.report.evaluate", "orbweaver.report.build"],
    "Places and kept work": ["orbweaver.core.workspace.Workspace", "orbweaver.core.cache.Cache"],
}
COMMANDS = {  # modules that are run as `python -m`, with the title of their section
    "orbweaver.pipeline.run": "Build a benchmark on many cores or machines",
    "orbweaver.pipeline.choose": "Choose a benchmark",
    "orbweaver.pipeline.prune": "Remove what params.yaml no longer names",
    "orbweaver.pipeline.publish": "Put results where git keeps them",
}


def pages(root: Path) -> dict[str, str]:
    return {
        "reference/python.md": python(),
        "reference/command-line.md": command_line(),
        "reference/params.md": params(),
        "reference/pipeline.md": pipeline.page(root),
    }


def python() -> str:
    """The page whose `:::` lines mkdocstrings replaces by docstrings, without importing anything."""
    lines = [
        "# Python",
        "",
        "`import orbweaver` gives `rank`, `Ranking`, `METHODS`, `Split`, `Task` and `task`; nothing heavy is loaded",
        "before it is used. Modules whose names begin with `_` are not for use from outside.",
    ]
    for title, names in PYTHON.items():
        lines += ["", f"## {title}", *(f"\n::: {name}" for name in names)]
    return "\n".join([*lines, ""])


# --- command line ------------------------------------------------------------------------------------------------


def command_line() -> str:
    from orbweaver.select.command import main

    lines = ["# Command line", "", "As each command prints it with `--help`.", "", "## orbweaver", ""]
    lines += _block(_help(main, ["--help"]))
    for command in ("rank", "zoo", "explain", "data"):
        lines += ["", f"## orbweaver {command}", "", *_block(_help(main, [command, "--help"]))]
    for module, title in COMMANDS.items():
        lines += ["", f"## {title}", "", *_block(_help(import_module(module).main, ["--help"], f"python -m {module}"))]
    return "\n".join([*lines, ""])


def _help(main: Callable[..., None], arguments: list[str], name: str = "orbweaver") -> str:
    """What a command says of itself; `main` reads sys.argv, or takes the arguments."""
    said = io.StringIO()
    with (
        mock.patch.dict(os.environ, COLUMNS="100"),
        mock.patch.object(sys, "argv", [name, *arguments]),
        contextlib.redirect_stdout(said),
        contextlib.suppress(SystemExit),
    ):
        main()
    return said.getvalue()


def _block(text: str) -> list[str]:
    return ["```text", text.rstrip(), "```"]


# --- params.yaml -------------------------------------------------------------------------------------------------


def params() -> str:
    """Every key of params.yaml, from the models that check it."""
    from orbweaver.pipeline.params import Params

    lines = [
        "# params.yaml",
        "",
        "Every key, as the models in `orbweaver/core/settings.py` check it. A misspelt key, an unknown name or a value",
        "of the wrong type stops whatever reads it, with a message that names the key. `{name}` stands for a name of",
        "your own: small letters, digits, `_` and `-`.",
        "",
    ]
    places: dict[type[BaseModel], list[str]] = {}
    for place, model in _sections(Params, ""):
        places.setdefault(model, []).append(place)
    for model, named in places.items():
        said, keys = _told(model)
        lines += [f"## {', '.join(named) or 'The whole file'}", "", said, ""]
        lines += ["| key | value | if left out | what it is |", "|---|---|---|---|"]
        for name, field in model.model_fields.items():
            default = "it must be there" if field.is_required() else f"`{_shown(field.default)}`"
            lines.append(f"| `{name}` | {_kind(field)} | {default} | {keys.get(name, '')} |")
        lines.append("")
    return "\n".join(lines)


def _told(model: type[BaseModel]) -> tuple[str, dict[str, str]]:
    """A model's docstring, split into the part on the whole and those on keys, `key: words.` or `key, key: words.`"""
    text = " ".join(inspect.cleandoc(model.__doc__ or "").split())
    key = "|".join(model.model_fields)
    parts = re.split(rf"(?:^|(?<=[.)] ))((?:{key})(?:, (?:{key}))*): ", text)
    keys = {
        name: prose(words.strip())
        for names, words in zip(parts[1::2], parts[2::2], strict=True)
        for name in names.split(", ")
    }
    return prose(parts[0].strip()), keys


def _sections(model: type[BaseModel], place: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """A model and those that its fields hold, each with its place in the file."""
    yield place, model
    for name, field in model.model_fields.items():
        inner, named = _model(field.annotation)
        if inner is not None:
            yield from _sections(inner, ".".join(filter(None, [place, name, "{name}" * named])))


def _model(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The model that a field holds, and whether it holds several by name."""
    named = get_origin(annotation) is dict
    inner = get_args(annotation)[1] if named else annotation
    return (inner, named) if isinstance(inner, type) and issubclass(inner, BaseModel) else (None, False)


def _shown(default: object) -> str:
    if isinstance(default, BaseModel):
        return "all as left out"
    return "null" if default is None else str(default).lower() if isinstance(default, bool) else repr(default)


def _kind(field: FieldInfo) -> str:
    if any(getattr(each, "pattern", None) == NAME for each in field.metadata):
        return "a name"
    bounds = [_bound(each) for each in field.metadata]
    return " ".join([_type(field.annotation), *filter(None, bounds)])


NAME = Name.__metadata__[0].pattern


def _bound(each: Any) -> str:
    for sign, name in (("≥", "ge"), (">", "gt"), ("≤", "le"), ("<", "lt")):
        if (value := getattr(each, name, None)) is not None:
            return f"{sign} {value}"
    if isinstance(each, MinLen):
        return f"({each.min_length} or more)"
    return f"matching `{each.pattern}`" if getattr(each, "pattern", None) else ""


def _type(annotation: Any) -> str:
    """A type in the field's words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        bounds = [_bound(each) for each in annotation.__metadata__ if not hasattr(each, "metadata")]
        bounds += [_bound(deep) for each in annotation.__metadata__ for deep in getattr(each, "metadata", [])]
        kind = "a name" if origin is str or inner[0] is str else _type(inner[0])
        return " ".join([kind, *(b for b in bounds if b and kind != "a name")])
    if origin is dict:
        held, _ = _model(annotation)
        return "entries by name" if held else f"{_type(inner[1])} by name"
    if origin is list:
        return f"list of {_type(inner[0])}"
    if origin is Literal:
        return " or ".join(f"`{value}`" if value else "nothing" for value in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(each) for each in inner if each is not type(None))
    if _model(annotation)[0] is not None:
        return "a section"
    return {int: "whole number", float: "number", bool: "true or false", str: "text"}.get(annotation, str(annotation))
