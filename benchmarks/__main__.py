"""``python -m benchmarks``: measure, print one table, keep the results of a whole run.

A run of some rows, or a quick one, prints its table and keeps nothing unless ``--results``
names a folder: the committed figures always come from one whole run on one machine.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks import report
from benchmarks.apart import Benchmark, run_apart
from benchmarks.machine import machine
from benchmarks.plot import write_goals_chart
from benchmarks.row import Row
from benchmarks.suite import SUITE

_HERE: Final = Path(__file__).parent
_TABLE_WIDTH: Final = 120
"""Wide enough for one line a row; a terminal that is narrower wraps it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; 1 when a row failed to run, else 0."""
    asked = _parser().parse_args(arguments)
    whole = not asked.rows and not asked.quick
    results = asked.results or (_HERE / "results" if whole else None)
    if results is not None:
        results.mkdir(parents=True, exist_ok=True)
    rows = [
        row for one in _chosen(asked.rows) for row in _run(one, quick=asked.quick, plots=results)
    ]
    console = Console()
    console.width = max(console.width, _TABLE_WIDTH)
    console.print(report.table(rows))
    console.print(report.goals(rows))
    if results is not None:
        _keep(results, rows, in_readme=whole and asked.results is None)
    return 1 if any(row.failure for row in rows) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = ", ".join(one.name for one in SUITE)
    parser.add_argument("--rows", type=_names, default=(), help=f"some of: {names}")
    parser.add_argument("--quick", action="store_true", help="prove that they work; no figures")
    parser.add_argument("--results", type=Path, help="keep JSON and charts in this folder")
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


def _run(benchmark: Benchmark, *, quick: bool, plots: Path | None) -> list[Row]:
    began = time.monotonic()
    print(f"{benchmark.name} …", end=" ", file=sys.stderr, flush=True)
    rows = run_apart(benchmark, quick=quick, plots=plots)
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return rows


def _keep(results: Path, rows: Sequence[Row], *, in_readme: bool) -> None:
    about = machine()
    report.write_json(results / "latest.json", about, rows)
    write_goals_chart(results / "latest.png", rows)
    if in_readme:
        readme = _HERE / "README.md"
        section = report.markdown(about, rows)
        text = report.replace_section(readme.read_text(encoding="utf-8"), section)
        readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
