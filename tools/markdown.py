"""Markdown, and values as people write them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head = tuple(columns)
    lines = chain([head, ("---",) * len(head)], rows)
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines)


def cell(text: str) -> str:
    """Text that stays inside its cell."""
    return text.replace("|", "\\|").replace("\n", " ")


def sentence(parts: Iterable[str]) -> str:
    """The parts as one sentence; nothing where there are none."""
    text = ", ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def plain(value: object) -> str:
    """A value for people: large numbers with commas, whole ones without a fraction."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"{value:,}" if isinstance(value, int) else str(value)
