"""The page on dvc.yaml: its stages, what each reads and writes, and a picture of which stage waits for which."""

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
        "The code that a stage depends on is left out.",
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
    """The parts of a path, with `*` for a part that holds a template such as `${key}`."""
    return tuple("*" if "${" in part else part for part in Path(path).parts)


def _meet(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether the paths are equal or one lies within the other. A template (`*`) meets only a template."""
    return all(a == b for a, b in zip(one, other, strict=False))


def picture(stages: dict) -> str:
    """An SVG: a box per stage, as far right as it may be; an arrow that follows from others is not drawn."""
    edges = waits_for(stages)
    order = [*TopologicalSorter(edges).static_order()]
    above: dict[str, set[str]] = {}
    for name in order:
        above[name] = set().union(*(above[each] | {each} for each in edges[name]))
    needed = {n: sorted(e for e in edges[n] if not any(e in above[o] for o in edges[n] if o != e)) for n in order}
    place, turns = _placed(order, edges, needed)
    arrows = [_arrow(place[each], place[name], early) for (each, name), early in turns.items()]
    boxes = []
    for name, (column, row) in place.items():
        x, y = 10 + column * COLUMN, 10 + row * ROW
        boxes.append(
            f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
            f'<text x="{x + WIDTH // 2}" y="{y + HEIGHT // 2 + 5}" text-anchor="middle">{escape(name)}</text>'
        )
    told = "; ".join(f"{name} waits for {', '.join(needed[name])}" for name in order if needed[name])
    columns, rows = (1 + max(at[i] for at in place.values()) for i in range(2))
    size = f"0 0 {20 + (columns - 1) * COLUMN + WIDTH} {10 + rows * ROW}"
    return f'<svg viewBox="{size}" role="img" aria-label="{escape(told)}">{"".join(arrows)}{"".join(boxes)}</svg>'


Place = tuple[int, int]  # column, row


def _placed(
    order: list[str], edges: dict[str, set[str]], needed: dict[str, list[str]]
) -> tuple[dict[str, Place], dict[tuple[str, str], bool]]:
    """The place of each stage; for each arrow, whether it changes rows right after its start or just before its end.

    The longest chain is the first row; every other stage takes the first row that its arrows reach across no box.
    """
    first = {}
    for name in order:
        first[name] = 1 + max((first[each] for each in edges[name]), default=-1)
    last = dict.fromkeys(order, max(first.values()))
    for name in reversed(order):
        for each in edges[name]:
            last[each] = min(last[each], last[name] - 1)
    place: dict[str, Place] = {}
    turns: dict[tuple[str, str], bool] = {}

    def free(row: int, after: int, before: int) -> bool:
        return not any(r == row and after < c < before for c, r in place.values())

    for name in sorted(order, key=lambda name: (last[name], last[name] - first[name])):
        column = last[name]
        for row in range(len(order)):
            early = {each: free(row, place[each][0], column) for each in needed[name]}
            late = {each: free(place[each][1], place[each][0], column) for each in needed[name]}
            if (column, row) not in place.values() and all(early[each] or late[each] for each in needed[name]):
                break
        place[name] = column, row
        turns |= {(each, name): early[each] for each in needed[name]}
    return place, turns


def _arrow(start: Place, end: Place, early: bool) -> str:
    x, y = 10 + start[0] * COLUMN + WIDTH, 10 + start[1] * ROW + HEIGHT // 2
    to_x, to_y = 10 + end[0] * COLUMN, 10 + end[1] * ROW + HEIGHT // 2
    gap = COLUMN - WIDTH
    a, b = (x, x + gap) if early else (to_x - gap, to_x)
    half = (a + b) // 2
    return f'<path d="M{x} {y} L{a} {y} C{half} {y} {half} {to_y} {b} {to_y} L{to_x} {to_y}"/>'
