"""``python -m benchmarks``: measure, print one table, keep the results of a whole run.

A run of some rows, or a quick one, prints its table and keeps nothing unless ``--results``
names a folder: the committed figures always come from one whole run on one machine. ``--draw``
measures nothing: it draws the charts of kept results again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from batchcalls.shell.signals import ends_as_interrupts
from benchmarks import report
from benchmarks.apart import Benchmark, Finding, run_apart
from benchmarks.chart import Chart
from benchmarks.machine import machine
from benchmarks.plot import chart_figure, goals_figure, write
from benchmarks.row import Row
from benchmarks.suite import SUITE

_HERE: Final = Path(__file__).parent
_RESULTS: Final = _HERE / "results"
_JSON: Final = "latest.json"
_TABLE_WIDTH: Final = 120
"""Wide enough for one line a row; a terminal that is narrower wraps it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; 1 when a row failed to run, else 0."""
    asked = _parser().parse_args(arguments)
    whole = not asked.rows and not asked.quick
    results = asked.results or (_RESULTS if whole else None)
    if asked.draw:
        _draw(asked.results or _RESULTS)
        return 0
    if results is not None:
        results.mkdir(parents=True, exist_ok=True)  # or the run would be for nothing
    found = [one for chosen in _chosen(asked.rows) for one in _run(chosen, quick=asked.quick)]
    rows = [one for one in found if isinstance(one, Row)]
    charts = [one for one in found if isinstance(one, Chart)]
    console = Console()
    console.width = max(console.width, _TABLE_WIDTH)
    console.print(report.table(rows))
    console.print(report.goals(rows))
    if results is not None:
        _keep(results, rows, charts, in_readme=whole and asked.results is None)
    return 1 if any(row.failure for row in rows) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = ", ".join(one.name for one in SUITE)
    parser.add_argument("--rows", type=_names, default=(), help=f"some of: {names}")
    parser.add_argument("--quick", action="store_true", help="prove that they work; no figures")
    parser.add_argument("--results", type=Path, help="keep JSON and charts in this folder")
    parser.add_argument("--draw", action="store_true", help="draw the kept results again")
    return parser


def _names(text: str) -> tuple[str, ...]:
    known = {one.name for one in SUITE}
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in names if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}")
    return names


def _chosen(names: Sequence[str]) -> list[Benchmark]:
    return [one for one in SUITE if not names or one.name in names]


def _run(benchmark: Benchmark, *, quick: bool) -> list[Finding]:
    began = time.monotonic()
    print(f"{benchmark.name} …", end=" ", file=sys.stderr, flush=True)
    with ends_as_interrupts():
        found = run_apart(benchmark, quick=quick)
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return found


def _keep(results: Path, rows: Sequence[Row], charts: Sequence[Chart], *, in_readme: bool) -> None:
    about = machine()
    report.write_json(results / _JSON, about, rows, charts)
    _draw(results)
    if in_readme:
        readme = _HERE / "README.md"
        section = report.markdown(about, rows)
        text = report.replace_section(readme.read_text(encoding="utf-8"), section)
        readme.write_text(text, encoding="utf-8")


def _draw(results: Path) -> None:
    """The pictures of what the JSON in ``results`` holds, and of nothing else."""
    rows, charts = report.read_json(results / _JSON)
    write(goals_figure(rows), results / "latest.png")
    for chart in charts:
        write(chart_figure(chart), results / f"{chart.name}.png")


if __name__ == "__main__":
    sys.exit(main())
