"""Structural formulae of 10,000 molecules of a screening library: number of rings, functional groups, logP.

The splits show different molecules. Each is turned by a random angle.
"""

from __future__ import annotations

import csv
import io
from functools import cache

import numpy as np
from PIL import Image

from orbweaver.data.generated.drawing import classified, halves, turns
from orbweaver.data.images import png
from orbweaver.data.split import Split, splits

ABOUT = {
    "family": "molecules",
    "licence": "BSD-3-Clause",
    "origin": "rdkit, WEHI screening library (Baell and Holloway 2010), drawn by rdkit",
}
GROUPS = {  # SMARTS
    "amide": "[NX3][CX3](=O)[#6]", "amine": "[NX3;!$(N-C=[O,S,N]);!$(N-S=O);!$(N~[!#6;!#1])]", "ester": "C(=O)O[#6]",
    "ether": "[OD2]([#6;!$(C=O)])[#6;!$(C=O)]", "alcohol": "[OX2H][#6;!$(C=O)]", "chlorine": "Cl",
    "fluorine": "F", "nitrile": "C#N", "five-ring with nitrogen": "[nr5]", "sulfur": "[#16]",
    "pyridine ring": "n1ccccc1",
}  # fmt: skip
RINGS = ("one ring", "two rings", "three rings", "four rings", "five rings")
SIDE = 128


@cache
def _molecules() -> list:
    """rdkit molecules with a ring, of 8 to 32 heavy atoms, each once."""
    from rdkit import Chem, RDConfig, RDLogger

    RDLogger.DisableLog("rdApp.*")
    with open(f"{RDConfig.RDDataDir}/Pains/test_data/wehi_mols.csv", newline="") as file:
        smiles = [row[0] for row in csv.reader(file) if row]
    molecules = {}
    for text in smiles:
        molecule = Chem.MolFromSmiles(text)
        if molecule is not None and 8 <= molecule.GetNumHeavyAtoms() <= 32 and molecule.GetRingInfo().NumRings():
            molecules.setdefault(Chem.MolToSmiles(molecule), molecule)
    return list(molecules.values())


def smiles() -> list[tuple[str, int]]:
    """Each molecule's line notation and how many rings it has."""
    from rdkit import Chem

    return [(Chem.MolToSmiles(molecule), molecule.GetRingInfo().NumRings()) for molecule in _molecules()]


def _draw(molecule, random: np.random.Generator) -> Image.Image:
    from rdkit.Chem.Draw.rdMolDraw2D import MolDraw2DCairo

    drawing = MolDraw2DCairo(SIDE, SIDE)
    options = drawing.drawOptions()
    options.rotate = random.uniform(0, 360)
    options.bondLineWidth = 2
    drawing.DrawMolecule(molecule)
    drawing.FinishDrawing()
    with Image.open(io.BytesIO(drawing.GetDrawingText())) as image:
        return image.convert("RGB")


def molecules_rings(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """How many rings, one to five?"""
    random = np.random.default_rng(seed)
    by_rings: list[list] = [[] for _ in RINGS]
    for molecule in _molecules():
        rings = molecule.GetRingInfo().NumRings()
        if rings <= len(RINGS):
            by_rings[rings - 1].append(molecule)
    groups = [halves(molecules, random) for molecules in by_rings]
    parts = classified(groups, train, test, image_size, random, lambda molecule: _draw(molecule, random))
    return splits("molecules_rings", RINGS, parts, task="image_classification", **ABOUT)


def _measured(name: str, classes: tuple[str, ...], task: str, measure, train: int, test: int, image_size: int,
              seed: int) -> dict[str, Split]:  # fmt: skip
    """Random molecules, and what `measure` returns for each; a molecule for which that is None is skipped."""
    random = np.random.default_rng([seed, *name.encode()])
    parts = {}
    for split, molecules in halves(_molecules(), random).items():
        images: list[bytes] = []
        targets: list = []
        for molecule in turns(molecules, random):
            if len(images) == {"train": train, "test": test}[split]:
                break
            target = measure(molecule, random)
            if target is not None:
                images.append(png(_draw(molecule, random), image_size))
                targets.append(target)
        parts[split] = (images, np.array(targets))
    return splits(name, classes, parts, task=task, **ABOUT)


def molecules_groups(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Multilabel: which of eleven groups does it have? Two at least."""
    from rdkit import Chem

    patterns = [Chem.MolFromSmarts(smarts) for smarts in GROUPS.values()]

    def groups(molecule, random: np.random.Generator) -> np.ndarray | None:
        found = np.array([molecule.HasSubstructMatch(pattern) for pattern in patterns])
        return found if found.sum() > 1 else None

    return _measured("molecules_groups", tuple(GROUPS), "multilabel", groups, train, test, image_size, seed)


def molecules_logp(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Regression: Crippen's logP, the logarithm of the ratio of its concentrations in octanol and in water."""
    from rdkit.Chem.Crippen import MolLogP

    return _measured("molecules_logp", (), "regression", lambda molecule, random: MolLogP(molecule), train, test,
                     image_size, seed)  # fmt: skip
