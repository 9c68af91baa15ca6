"""The table in three forms: for the terminal, as JSON, and as the section of the README.

The JSON holds the charts' points too: it is all that the pictures are drawn from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.chart import Chart
from benchmarks.row import Row, number_text

_BEGIN = "<!-- results: written by the run -->"
_END = "<!-- end of results -->"
_HEADINGS = ("what", "value", "±", "limit", "ratio", "goal", "met")


def table(rows: Sequence[Row]) -> Table:
    """The table for a terminal."""
    made = Table(*_HEADINGS)
    for column in made.columns[1:5]:
        column.justify = "right"
    for row in rows:
        style = "red" if row.met is False else None
        made.add_row(*cells(row), style=style)
    return made


def cells(row: Row) -> list[str]:
    """One row as text, in the order of the headings."""
    met = {True: "yes", False: "no", None: ""}[row.met]
    value = row.failure or f"{number_text(row.value)} {row.unit}"
    spread = "" if row.spread is None else f"{row.spread:.0%}"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return [row.name, value, spread, number_text(row.limit), ratio, row.goal_text, met]


def goals(rows: Sequence[Row]) -> str:
    """How many goals are met, and by how much the others are missed."""
    judged = [row for row in rows if row.met is not None]
    missed = [row for row in judged if not row.met]
    said = f"{len(judged) - len(missed)} of {len(judged)} goals are met."
    if not missed:
        return said
    return f"{said} Missed: {'; '.join(map(_missed, missed))}."


def document(
    machine: Mapping[str, Any], rows: Sequence[Row], charts: Sequence[Chart]
) -> dict[str, Any]:
    """What ``latest.json`` holds."""
    return {
        "machine": dict(machine),
        "rows": [row.document() for row in rows],
        "charts": [chart.document() for chart in charts],
    }


def write_json(
    path: Path, machine: Mapping[str, Any], rows: Sequence[Row], charts: Sequence[Chart]
) -> None:
    """Write ``latest.json``."""
    text = json.dumps(document(machine, rows, charts), indent=2, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def read_json(path: Path) -> tuple[list[Row], list[Chart]]:
    """The rows and the charts that ``latest.json`` holds."""
    read = json.loads(path.read_text(encoding="utf-8"))
    rows = [Row.of_document(row) for row in read["rows"]]
    return rows, [Chart.of_document(chart) for chart in read["charts"]]


def markdown(machine: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """The machine, the goals and the table, as the README shows them."""
    about = ", ".join(f"{name} {value}" for name, value in machine.items())
    lines = [f"Machine: {about}.", "", goals(rows), ""]
    lines += [_line(_HEADINGS), _line(["---"] * len(_HEADINGS))]
    lines += [_line([cell.replace("|", "\\|") for cell in cells(row)]) for row in rows]
    return "\n".join(lines)


def replace_section(readme: str, section: str) -> str:
    """The README with ``section`` between its markers.

    Raises:
      ValueError: a marker is missing.
    """
    before, begin, rest = readme.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"the markers {_BEGIN} and {_END} are missing")
    return f"{before}{begin}\n\n{section}\n\n{end}{after}"


def _missed(row: Row) -> str:
    if row.score is None:
        return f"{row.name} ({row.failure})"
    return f"{row.name} ({row.score:.0%} of the way to {row.goal_text})"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
