"""The documents of the project, and what a test can see in them: links, blocks of code, tables.

It reads the Markdown that the project uses, not all that there is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.house.tree import ROOT

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Document:
    """One Markdown file."""

    path: Path

    def __str__(self) -> str:
        return os.path.relpath(self.path, ROOT)

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """The text without its blocks of code, where a bracket is no link."""
        return _BLOCK.sub("", self.text)

    @property
    def anchors(self) -> set[str]:
        """What a link may name behind ``#``, as GitHub makes it of the headings."""
        headings = _HEADING.findall(self.prose)
        return {_NOT_IN_ANCHORS.sub("", each.lower()).replace(" ", "-") for each in headings}

    def blocks(self, language: str) -> list[str]:
        """The blocks of code that are marked as ``language``."""
        return [code for marked, code in _BLOCK.findall(self.text) if marked == language]

    def links(self) -> Iterator[tuple[Path, str]]:
        """Each relative link, as the file and the anchor that it leads to."""
        for link in _LINK.findall(self.prose):
            if "://" not in link:
                file, _, anchor = link.partition("#")
                yield (self.path.parent / file).resolve() if file else self.path, anchor

    def rows(self, first_column: str) -> Iterator[tuple[str, ...]]:
        """The rows of the table whose first column has that name, backquotes left out."""
        lines = iter(self.text.splitlines())
        for line in lines:
            if line.startswith(f"| {first_column} |"):
                next(lines)
                break
        for line in lines:
            if not line.startswith("|"):
                return
            yield tuple(cell.strip().strip("`") for cell in line.strip("|").split(" | "))


README = Document(ROOT / "README.md")
DOCUMENTS = [README, *map(Document, sorted((ROOT / "docs").rglob("*.md")))]


def document(name: str) -> Document:
    """The document of that name below docs/."""
    return Document(ROOT / "docs" / name)
