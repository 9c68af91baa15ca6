"""The source files that the house rules are about, what they import, and who offends a rule.

It reads files and runs nothing. Generated code is left out: nobody wrote it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TypeVar

File = TypeVar("File")

ROOT = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = ("server", "simulator")
OTHER_CODE = ("tests", "benchmarks", "tools")


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file: its ``path`` below the project's folder, and its text."""

    path: str
    text: str

    def __str__(self) -> str:
        return self.path

    @property
    def module(self) -> str:
        """The name by which a file of a source root is imported."""
        inside = self.path.partition("/")[2]
        return inside.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of a Python file."""
        return ast.parse(self.text, filename=self.path)

    @cached_property
    def imports(self) -> frozenset[str]:
        """Every name imported, wherever in the file: modules, and ``module.name`` of each from."""
        return frozenset(_imports(self.tree))

    @property
    def libraries(self) -> set[str]:
        """The packages that these names belong to."""
        return {name.partition(".")[0] for name in self.imports}


Rule = Callable[[Source], Iterable[str]]
"""Says what offends in a file; nothing where the file keeps the rule."""


def offenders(rule: Callable[[File], Iterable[str]], files: Iterable[File]) -> list[str]:
    """What offends in any of the files, with the file in front."""
    return [f"{file}: {offence}" for file in files for offence in rule(file)]


def assert_kept(rule: Callable[[File], Iterable[str]], files: Iterable[File]) -> None:
    """Fail with a line for each offence."""
    found = offenders(rule, files)
    assert not found, "\n".join(found)


@cache
def sources(*folders: str, ending: str = ".py") -> tuple[Source, ...]:
    """Every handwritten file with that ending below these folders of the project."""
    paths = (path for folder in folders for path in (ROOT / folder).rglob(f"*{ending}"))
    return tuple(
        Source(path=path.relative_to(ROOT).as_posix(), text=path.read_text(encoding="utf-8"))
        for path in sorted(paths)
        if "_pb2" not in path.name
    )


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
