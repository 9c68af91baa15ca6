"""``python -m benchmarks.peers``: the same work through us and our peers, in one run.

It prints one table and what it says of our goals, and keeps both if all were asked to take part.
``--peers`` names those to run beside ours, and keeps nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from batchcalls.shell.signals import ends_as_interrupts
from benchmarks import report
from benchmarks.dispatch import CALLS, work_w
from benchmarks.machine import machine
from benchmarks.peers.contender import OURS
from benchmarks.peers.race import race
from benchmarks.peers.standing import Standing
from benchmarks.peers.suite import CONTENDERS
from benchmarks.peers.table import document, markdown, provisos, table
from benchmarks.peers.toolchain import versions
from benchmarks.peers.trial import errand
from benchmarks.peers.verdict import UP, verdicts

_HERE: Final = Path(__file__).resolve().parent
_RESULTS: Final = _HERE.parent / "results" / "peers.json"
_PAGE: Final = _HERE.parents[1] / "docs" / "performance.md"
_TURNS: Final = 3
_TABLE_WIDTH: Final = 120


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; 1 when somebody failed or was refused, else 0."""
    asked = _parser().parse_args(arguments)
    chosen = [
        each for each in CONTENDERS if each is OURS or not asked.peers or each.name in asked.peers
    ]
    works = [work_w(CALLS, up) for up in UP]
    with ends_as_interrupts():
        standings = race(chosen, works, errand(works[0], "").counts, turns=_TURNS)
    console = Console()
    console.width = max(console.width, _TABLE_WIDTH)
    console.print(table(standings))
    for said in (verdicts(standings), ["", "What each doesn't promise:", *provisos(standings)]):
        console.print("\n".join(said), highlight=False)
    if not asked.peers:
        _keep(standings)
    return 1 if any(standing.is_bad for standing in standings) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    names = ", ".join(_peer_names())
    parser.add_argument("--peers", type=_names, default=(), help=f"some of: {names}")
    return parser


def _peer_names() -> list[str]:
    return [each.name for each in CONTENDERS if each is not OURS]


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = sorted(set(names) - set(_peer_names()))
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}")
    return names


def _keep(standings: Sequence[Standing]) -> None:
    about = {**machine(), **versions()}
    text = json.dumps(document(about, standings), indent=2, ensure_ascii=False)
    _RESULTS.write_text(f"{text}\n", encoding="utf-8")
    page = _PAGE.read_text(encoding="utf-8")
    section = markdown(about, standings)
    _PAGE.write_text(report.replace_section(page, section), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
