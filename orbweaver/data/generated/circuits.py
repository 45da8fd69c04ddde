"""Drawings of electrical circuits: which kind of part does the circuit contain one of?

Circuits of one or two meshes, made at random. One part is of a kind that is asked for, such as a diode or a switch, as
one of the symbols in use for it; all others are resistors, capacitors and inductors. Width of lines, colours, scale and
turn vary. The splits show different circuits.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from orbweaver.data.generated.drawing import classified, paint
from orbweaver.data.split import Split, splits

ABOUT = {"family": "circuits", "licence": "MIT package", "origin": "random circuits, drawn by schemdraw"}
KINDS = {  # schemdraw's names of the symbols
    "diode": "Diode Schottky Zener LED",
    "transistor": "BjtNpn2 BjtPnp2 NFet2 PFet2",
    "source": "SourceV SourceI SourceSin SourceSquare",
    "lamp": "Lamp Lamp2",
    "battery": "BatteryCell Battery",
    "switch": "Switch SwitchSpdt Button",
    "fuse": "FuseUS FuseIEEE Breaker",
    "gate": "Buf Not Schmitt NotNot",
}
OTHERS = ["ResistorIEEE", "ResistorIEC", "Capacitor", "Capacitor2", "Inductor", "Inductor2"]
UNIT = 36  # of schemdraw's lengths, in those of its SVG
SIDE = 128
PAGE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{side}" height="{side}" viewBox="{x} {y} {shown} {shown}">'
    '<g transform="rotate({turn})">{circuit}</g></svg>'
)


def _circuit(symbol: str, random: np.random.Generator) -> tuple[str, np.ndarray]:
    """A circuit with this symbol, as elements of SVG around (0, 0), and its width and height."""
    from schemdraw import Drawing, elements, logic

    meshes = 1 + (random.random() < 0.4)
    across, down = (np.cumsum([0, *random.uniform(1.6, 2.3, count)]) for count in (meshes, 1))
    size = np.array([across[-1], down[-1]])
    edges = [((x, y), (x + 1, y)) for x in range(meshes) for y in (0, 1)]
    edges += [((x, 0), (x, 1)) for x in range(meshes + 1)]
    names = [OTHERS[random.integers(len(OTHERS))] if random.random() < 0.6 else "Line" for _ in edges]
    names[random.integers(len(edges))] = symbol
    drawing = Drawing(canvas="svg", show=False, lw=random.uniform(2, 4.5))
    for name, edge in zip(names, edges, strict=True):
        ends = ((across[x] - size[0] / 2, down[y] - size[1] / 2) for x, y in edge[:: random.choice((-1, 1))])
        part = (getattr(elements, name, None) or getattr(logic, name))().endpoints(*ends)
        drawing.add(part.flip() if random.random() < 0.5 else part)
    _, _, inside = drawing.get_imagedata("svg").decode().partition(">")
    return inside.removesuffix("</svg>"), size * UNIT


def _draw(symbol: str, random: np.random.Generator) -> Image.Image:
    """A circuit with this symbol, turned by quarters of a turn and a little, dark on light paper."""
    import resvg_py

    circuit, size = _circuit(symbol, random)
    shown = (size.max() + UNIT) * random.uniform(1, 1.2)  # symbols stand out by half a unit
    x, y = random.uniform(-0.5, 0.5, 2) * (shown - size.max() - UNIT) - shown / 2
    turn = 90 * random.integers(4) + random.uniform(-8, 8)
    page = PAGE.format(side=SIDE, x=x, y=y, shown=shown, turn=turn, circuit=circuit)
    encoded = bytes(resvg_py.svg_to_bytes(svg_string=page, background="white", skip_system_fonts=True))
    with Image.open(io.BytesIO(encoded)) as image:
        mask = 1 - np.asarray(image.convert("L"), np.float64) / 255
    return paint(mask, random.uniform(0, 100, 3), random.uniform(180, 255, 3))


def circuits_part(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Which of eight kinds of parts?"""
    random = np.random.default_rng(seed)
    groups = [dict.fromkeys(("train", "test"), symbols.split()) for symbols in KINDS.values()]
    parts = classified(groups, train, test, image_size, random, lambda symbol: _draw(symbol, random))
    return splits("circuits_part", KINDS, parts, task="image_classification", **ABOUT)
