"""One card per method: formula, inputs, cost, docstring, and its result on `standard`."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pandas as pd
import yaml

from docs.site.mathematics import mathml
from orbweaver.methods import METHODS, TARGET_BLIND

NEEDS = {
    "features": "the PTM's features of the target's training split (N, D)",
    "labels": "the target's classes (N,)",
    "targets": "the target's values (N, T)",
    "probabilities": "predictions of the PTM's source head (N, S)",
    "inner": "features from inside the PTM (N, D'), its batch normalisation fitted to the target's images",
    "source_features": "the PTM's features of a sample of its source (M, D)",
    "source_labels": "the source's classes (M,)",
    "class_embeddings": "F-labels: class names under K text encoders, K arrays (C, E)",
    "label_embeddings": "F-labels: targets as text under K text encoders, K arrays (N, E)",
    "n_parameters": "the PTM's number of parameters",
    "source_accuracy": "the PTM's accuracy on its source",
    "gmacs": "the PTM's multiply-adds",
    "feature_width": "the PTM's number of features",
    "weight_spectra": "the PTM's weights",
}
ARXIV, DOI = re.compile(r"arXiv (\d{4}\.\d{4,5})"), re.compile(r"doi (10\.\d{4,}/[^\s;)]+\)?[\d-]*)")
GRAM = "gram"


def pages(root: Path) -> dict[str, str]:
    """The card of every method in docs/site/methods.yaml, and the table of all."""
    groups = yaml.safe_load((root / "docs/site/methods.yaml").read_text(encoding="utf-8"))
    known = {name for group in groups.values() for name in group}
    found = _standard(root)
    cards = {
        f"methods/{name}.md": _card(name, card, group, known, root, found)
        for group, named in groups.items()
        for name, card in named.items()
    }
    return cards | {"methods/index.md": _index(groups, found)}


def _index(groups: dict[str, dict[str, dict]], found: pd.DataFrame) -> str:
    lines = [
        "# The methods",
        "",
        "A method is a function of arrays, and higher is better. Each has a card: its formula, what it needs, what it",
        "costs, and where published code differs from the paper or from what is done here.",
        "",
    ]
    of = [] if found.empty else ["mean tau", "95 % interval"]
    for group, named in groups.items():
        lines += [f"## {group}", "", f"| {' | '.join(['method', 'what it is', *of])} |", "|---" * (2 + len(of)) + "|"]
        for name, card in named.items():
            row = [f"[{name}]({name}.md)", card["title"]]
            if of:
                row += _figures(name, found) or ["-", "-"]
            lines.append(f"| {' | '.join(row)} |")
        lines.append("")
    if of:
        lines.append("Means over the targets of [`standard`](../results/standard.md).")
    return "\n".join([*lines, "Methods that are left out: [why](../methods-missing.md).", ""])


def _card(name: str, card: dict, group: str, known: set[str], root: Path, found: pd.DataFrame) -> str:
    said, beside = _said(name, card, root)
    blind = name in TARGET_BLIND or name == "spider_constant" or group == "Records on other targets"
    cost = card["cost"].replace(GRAM, "one Gram matrix and its eigendecomposition, which methods share")
    passes = "none" if blind else "see cost" if "of" in card else "each PTM, once over the target's training split"
    links = dict(card.get("links", {}))
    for text, address in [
        *((f"arXiv {number}", f"https://arxiv.org/abs/{number}") for number in ARXIV.findall(f"{said}\n{beside}")),
        *((f"doi {number}", f"https://doi.org/{number}") for number in DOI.findall(f"{said}\n{beside}")),
    ]:
        if address not in links.values():
            links[text] = address
    lines = [
        f"# {name}",
        "",
        f"**{card['title']}.** {group}" + (" · never looks at the target" if blind else ""),
        "",
        mathml(card["formula"]),
        "",
        "| | |",
        "|---|---|",
        f"| needs | {_needs(name, card)} |",
        f"| forward passes | {passes} |",
        f"| cost | {cost[0].upper() + cost[1:]} |",
        f"| papers | {', '.join(f'[{text}]({address})' for text, address in links.items()) or '-'} |",
    ]
    if (figures := _figures(name, found)) is not None:
        lines.append(f"| mean weighted tau on [`standard`](../results/standard.md) | {' '.join(figures)} |")
    lines += ["", "## What it is, and what published code does otherwise", "", prose(said, known - {name})]
    if beside:
        lines += ["", prose(beside, known - {name})]
    if (root / f"docs/standard/scatter_{name}.svg").exists():
        lines += ["", "## Scores against truth on `standard`", "", f"![{name}](../standard/scatter_{name}.svg)"]
    module = card["of"].rpartition(".")[0] if "of" in card else METHODS[name].__module__
    return "\n".join([*lines, "", f"Code: `{module.replace('.', '/')}.py` · [All methods](index.md)", ""])


def _needs(name: str, card: dict) -> str:
    """The inputs of a method, read from its parameters; of parameters with a default it takes one."""
    if "needs" in card:
        return card["needs"]
    wanted = [each for each in inspect.signature(METHODS[name]).parameters.values() if each.name != "seed"]
    always = [NEEDS[each.name] for each in wanted if each.default is each.empty]
    one_of = " or ".join(NEEDS[each.name] for each in wanted if each.default is not each.empty)
    return "; ".join(filter(None, [*always, one_of]))


def _said(name: str, card: dict, root: Path) -> tuple[str, str]:
    """The docstring of a method and, beside a method of METHODS, that of its file; read, not imported."""
    if "text" in card:
        return card["text"], ""
    if "of" in card:
        module, _, wanted = card["of"].rpartition(".")
    else:
        module, wanted = METHODS[name].__module__, METHODS[name].__name__
    tree = ast.parse((root / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
    (node,) = (each for each in tree.body if getattr(each, "name", None) == wanted)
    return ast.get_docstring(node) or "", "" if "of" in card else ast.get_docstring(tree) or ""


def prose(docstring: str, known: set[str] = frozenset()) -> str:
    """A docstring as Markdown: what is indented stays as it is, names of methods lead to their cards."""
    parts, lines = [], docstring.split("\n")
    for line in lines:
        code = line.startswith("    ")
        if parts and (parts[-1][0] == code or not line.strip()):
            parts[-1][1].append(line)
        else:
            parts.append((code, [line]))
    return "\n".join(
        "\n```text\n" + "\n".join(line[4:] for line in part).rstrip() + "\n```\n" if code else _escaped(part, known)
        for code, part in parts
    )


def _escaped(lines: list[str], known: set[str]) -> str:
    pieces = re.split(r"(`[^`]+`)", "\n".join(lines))
    for i, piece in enumerate(pieces):
        if i % 2 == 0:
            pieces[i] = re.sub(r"([*_\[\]<>|])", r"\\\1", piece).replace("\\<", "&lt;").replace("\\>", "&gt;")
        elif piece.strip("`") in known:
            pieces[i] = f"[{piece}]({piece.strip('`')}.md)"
    return "".join(pieces)


def _standard(root: Path) -> pd.DataFrame:
    """tau.csv of the benchmark `standard`, where its results were published; else empty."""
    path = root / "docs/standard/tau.csv"
    return pd.read_csv(path).set_index("method") if path.exists() else pd.DataFrame()


def _figures(name: str, found: pd.DataFrame) -> list[str] | None:
    """Mean and interval, as tables show them; None where there is none."""
    if found.empty or name not in found.index or pd.isna(found.loc[name, "mean"]):
        return None
    row = found.loc[name]
    return [f"{row['mean']:.3f}", f"{row['low']:+.2f} .. {row['high']:+.2f}"]
