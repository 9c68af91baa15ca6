"""The source files that the house rules are about, and what they import.

It reads files and runs nothing. Generated code is left out: nobody wrote it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = ("server", "simulator")
OTHER_CODE = ("tests", "benchmarks", "tools")


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One Python file of a source root, under the name by which it is imported."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def imports(self) -> frozenset[str]:
        """Every name imported, wherever in the file: modules, and ``module.name`` of each from."""
        return frozenset(_imports(self.tree))


def python_files(*folders: str) -> list[Path]:
    """Every handwritten Python file below these folders of the project."""
    files = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in files if "_pb2" not in path.name)


def modules() -> list[Module]:
    """Every handwritten module of ``batchcalls`` and ``batchcalls_simulator``."""
    return [
        Module(name=_name(path.relative_to(ROOT / root)), path=path, tree=parse(path))
        for root in SOURCE_ROOTS
        for path in python_files(root)
    ]


def parse(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
