"""The page on dvc.yaml: its stages, what each reads and writes, and a picture of who waits for whom."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from html import escape
from pathlib import Path

import yaml

WIDTH, HEIGHT, COLUMN, ROW = 96, 34, 150, 56


def page(root: Path) -> str:
    """The page, from dvc.yaml of a clone."""
    text = (root / "dvc.yaml").read_text(encoding="utf-8")
    stages = yaml.safe_load(text)["stages"]
    said = dict(re.findall(r"^  (\w+): +# (.+)$", text, re.MULTILINE))
    said |= {name: note for name, note in re.findall(r"^  (\w+): *\n    cmd: .*# (.+)$", text, re.MULTILINE)}
    lines = [
        "# Pipeline",
        "",
        "`dvc.yaml`, as it is when this page is made. A stage with *for each of* is one stage for each entry there.",
        "What a stage reads of our own code is left out.",
        "",
        f'<div class="pipeline">{picture(stages)}</div>',
        "",
        "| stage | for each of | reads | writes | parameters |",
        "|---|---|---|---|---|",
    ]
    for name, stage in stages.items():
        do = stage.get("do", stage)
        reads = [dep for dep in do["deps"] if not dep.startswith(("stages", "orbweaver"))]
        cells = [_code(items) for items in (reads, [*do["outs"], *do.get("metrics", [])], do["params"])]
        each = f"`{stage['foreach'].strip('${}')}`" if "foreach" in stage else "one"
        lines.append(f"| {' | '.join([f'`{name}`', each, *cells])} |")
    lines += ["", *(f"- **{name}**: {note.partition(';')[0]}" for name, note in said.items() if name in stages), ""]
    return "\n".join(lines)


def _code(items: list[str]) -> str:
    return ", ".join(f"`{item.replace('${key}', '{name}').replace('${item.source}', '{source}')}`" for item in items)


def waits_for(stages: dict) -> dict[str, set[str]]:
    """Stage -> the stages that write something it reads."""
    written = {name: [_head(out) for out in stage.get("do", stage)["outs"]] for name, stage in stages.items()}
    edges = {}
    for name, stage in stages.items():
        read = [_head(dep) for dep in stage.get("do", stage)["deps"]]
        edges[name] = {
            other for other, outs in written.items() if other != name and any(_meet(r, o) for r in read for o in outs)
        }
    return edges


def _head(path: str) -> tuple[str, ...]:
    """The parts of a path; a template stands for anything."""
    return tuple("*" if "${" in part else part for part in Path(path).parts)


def _meet(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Is one of the paths the other, or within it? A name that is written out is not one of a template's."""
    return all(a == b for a, b in zip(one, other, strict=False))


def picture(stages: dict) -> str:
    """An SVG: a column a step, a box a stage; what the others already say is not drawn again."""
    edges = waits_for(stages)
    order = [*TopologicalSorter(edges).static_order()]
    level, above = {}, {}
    for name in order:
        level[name] = 1 + max((level[each] for each in edges[name]), default=-1)
        above[name] = set().union(*(above[each] | {each} for each in edges[name]))
    needed = {n: {e for e in edges[n] if not any(e in above[o] for o in edges[n] if o != e)} for n in order}
    columns = [[name for name in stages if level[name] == step] for step in range(max(level.values()) + 1)]
    tallest = max(map(len, columns))
    place = {
        name: (10 + step * COLUMN, 10 + int((row + (tallest - len(column)) / 2) * ROW))
        for step, column in enumerate(columns)
        for row, name in enumerate(column)
    }
    arrows = []
    for name in order:
        x, y = place[name]
        for each in sorted(needed[name]):
            a, b = place[each][0] + WIDTH, place[each][1] + HEIGHT // 2
            half = (a + x) // 2
            arrows.append(f'<path d="M{a} {b} C{half} {b} {half} {y + HEIGHT // 2} {x - 2} {y + HEIGHT // 2}"/>')
    boxes = [
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
        f'<text x="{x + WIDTH // 2}" y="{y + HEIGHT // 2 + 5}" text-anchor="middle">{escape(name)}</text>'
        for name, (x, y) in place.items()
    ]
    told = "; ".join(f"{name} waits for {', '.join(sorted(needed[name]))}" for name in order if needed[name])
    size = f"0 0 {10 + (len(columns) - 1) * COLUMN + WIDTH + 10} {10 + tallest * ROW}"
    return f'<svg viewBox="{size}" role="img" aria-label="{escape(told)}">{"".join(arrows)}{"".join(boxes)}</svg>'
