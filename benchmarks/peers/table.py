"""The table of all who took part: for the terminal, for the page on performance, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from benchmarks.peers.standing import Standing
from benchmarks.peers.verdict import UP, rows, verdicts
from benchmarks.row import number_text


def table(standings: Sequence[Standing]) -> Table:
    """The figures for a terminal, which has no room for sentences beside them."""
    made = Table()
    for heading in _headings()[:-1]:
        made.add_column(heading, overflow="fold")
    for standing in standings:
        made.add_row(*cells(standing)[:-1])
    return made


def provisos(standings: Sequence[Standing]) -> list[str]:
    """The column that a terminal has no room for."""
    return [f"{each.contender.title}: {each.contender.lacks}" for each in standings]


def markdown(machine: Mapping[str, Any], standings: Sequence[Standing]) -> str:
    """The machine, the table and what it says, as the page shows them."""
    about = ", ".join(f"{name} {value}" for name, value in machine.items())
    headings = _headings()
    lines = [f"Machine: {about}.", "", _line(headings), _line(["---"] * len(headings))]
    lines += [_line(cells(standing)) for standing in standings]
    lines += ["", *(f"- {verdict}" for verdict in verdicts(standings))]
    return "\n".join(lines)


def document(machine: Mapping[str, Any], standings: Sequence[Standing]) -> dict[str, Any]:
    """What ``peers.json`` holds."""
    return {
        "machine": dict(machine),
        "peers": [standing.document() for standing in standings],
        "ratios": [row.document() for row in rows(standings)],
    }


def cells(standing: Standing) -> list[str]:
    """One line as text; who isn't here, or failed, has the reason in place of a figure."""
    told = standing.contender
    figures = [cell for up in UP for cell in _figure_cells(standing, up)]
    checked = min((each.checked for each in standing.figures.values()), default=0)
    return [told.title, told.kept, *figures, number_text(checked), told.lacks]


def _figure_cells(standing: Standing, up: int) -> Iterator[str]:
    if reason := standing.reason(up):
        yield from (reason, "")
        return
    figure = standing.figures[up]
    around = "" if figure.spread is None else f" ± {figure.spread:.0%}"
    yield from (f"{number_text(figure.rate)}{around}", number_text(figure.cpu_ms))


def _headings() -> list[str]:
    figures = [
        name for up in UP for name in (f"calls/s at {up:,} up", f"CPU ms a call at {up:,} up")
    ]
    return ["who", "kept in", *figures, "calls checked", "what it doesn't promise"]


def _line(told: Sequence[str]) -> str:
    return f"| {' | '.join(each.replace('|', '/') for each in told)} |"
