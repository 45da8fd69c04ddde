"""Which code a module runs: the modules of this project that it imports, directly or through others."""

from __future__ import annotations

import ast
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from orbweaver.core.keys import key_of

PROJECT = ("orbweaver", "stages")
# Modules that cannot change a result, or whose values are part of the key: changing their code repeats no work.
NEUTRAL = frozenset(
    f"orbweaver.core.{name}" for name in ("cache", "code", "errors", "files", "keys", "names", "settings", "workspace")
)
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
# Libraries whose version may change a result, by the name under which they are imported.
LIBRARIES = {
    "PIL": "pillow",
    "h5py": "h5py",
    "numpy": "numpy",
    "sacrebleu": "sacrebleu",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "timm": "timm",
    "tokenizers": "tokenizers",
    "torch": "torch",
    "torchvision": "torchvision",
    "transformers": "transformers",
}


@cache
def _source(module: str) -> Path | None:
    """The file of one of the project's modules; None for anything else."""
    if module.partition(".")[0] not in PROJECT:
        return None
    try:
        spec = find_spec(module)
    except (ModuleNotFoundError, AttributeError):  # an attribute of a module, such as a function
        return None
    return Path(spec.origin) if spec and spec.origin else None


class _Imports(ast.NodeVisitor):
    """Collects the names that a module imports, anywhere but under `if TYPE_CHECKING`."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.names: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node = ast.If(node.test, [], node.orelse)
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.names.update(alias.name for alias in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            parts = self.package.split(".")
            parents = ".".join(parts[: len(parts) - node.level + 1])
            base = f"{parents}.{base}" if base else parents
        for alias in node.names:
            name = f"{base}.{alias.name}"
            self.names.add(name if _source(name) else base)


@cache
def _module(module: str) -> tuple[str, frozenset[str]]:
    """Hash of a module's syntax tree without docstrings, comments and blank lines; and what the module imports."""
    path = _source(module)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = _Imports(module if path.name == "__init__.py" else module.rpartition(".")[0])
    imports.visit(tree)
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return key_of(ast.dump(tree)), frozenset(imports.names)


@cache
def closure(*modules: str) -> frozenset[str]:
    """The project's modules that these modules import, themselves included, directly or through others."""
    found: set[str] = set()
    waiting = [*modules]
    while waiting:
        module = waiting.pop()
        if module in found or _source(module) is None:
            continue
        found.add(module)
        waiting += _module(module)[1]
    return frozenset(found)


@cache
def code_version(*modules: str) -> str:
    """Hash of the code that these modules run: their closure without `NEUTRAL`, and the versions of its `LIBRARIES`."""
    run = sorted(closure(*modules) - NEUTRAL)
    imported = {name.partition(".")[0] for module in run for name in _module(module)[1]}
    libraries = {name: version(package) for name, package in LIBRARIES.items() if name in imported}
    return key_of([(module, _module(module)[0]) for module in run], libraries)
