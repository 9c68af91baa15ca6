"""What a benchmark wants drawn: named series of points, as the JSON keeps them.

It draws nothing; ``plot`` does. A chart travels like a row, so that the pictures can be drawn
again from ``latest.json`` without measuring anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from benchmarks.row import rounded

Series = Mapping[str, Sequence[tuple[float, float]]]
"""Points (x, y) by the name of what they belong to."""


class Kind(StrEnum):
    """``lines`` where x is a size, from one to millions; ``bars`` where it is one of a few."""

    LINES = "lines"
    BARS = "bars"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One figure against x. Its title names the unit."""

    title: str
    series: Series

    def document(self) -> dict[str, Any]:
        """The panel as JSON has it."""
        series = {
            name: [[rounded(x), rounded(y)] for x, y in points]
            for name, points in self.series.items()
        }
        return {"title": self.title, "series": series}

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Panel:
        """The panel that such JSON tells of."""
        series = {name: [(x, y) for x, y in points] for name, points in document["series"].items()}
        return cls(title=document["title"], series=series)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Panels over one x. ``name`` is that of the picture's file, without its ending."""

    name: str
    kind: Kind
    x_label: str
    panels: Sequence[Panel]

    def document(self) -> dict[str, Any]:
        """The chart as JSON has it."""
        return {
            "name": self.name,
            "kind": self.kind.value,
            "x_label": self.x_label,
            "panels": [panel.document() for panel in self.panels],
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Chart:
        """The chart that such JSON tells of."""
        return cls(
            name=document["name"],
            kind=Kind(document["kind"]),
            x_label=document["x_label"],
            panels=[Panel.of_document(panel) for panel in document["panels"]],
        )
