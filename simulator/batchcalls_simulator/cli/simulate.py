"""``simulate``: play worlds in which everything fails, and find out what breaks.

A failure prints one line: the command that replays it, the commit it was found at, and the
promise that was broken.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from textwrap import shorten
from typing import Annotated

import typer

from batchcalls.shell.streams import tell
from batchcalls_simulator.cli.app import app, silence
from batchcalls_simulator.cli.checkout import replay_line
from batchcalls_simulator.cli.workers import in_turn, worker_processes
from batchcalls_simulator.lab.books import BrokenPromise
from batchcalls_simulator.lab.world import Played, play

FAILED = 1
_HOUR_S = 3600.0

_MAX_REPORT = 500
"""The characters of a report: one line, however much a foreign exception has to say."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    seed: int
    played: Played | None
    broken: str = ""


@app.command("simulate")
def simulate(
    *,
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="How many worlds to play.")] = 20,
    first: Annotated[int, typer.Option(min=0, metavar="SEED", help="The first seed.")] = 0,
    seed: Annotated[
        int | None,
        typer.Option(min=0, metavar="SEED", help="Play this one world.", show_default=False),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Worlds played at once.")] = 1,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first broken promise.")
    ] = False,
    log: Annotated[bool, typer.Option("--log", help="Print what happened, line by line.")] = False,
) -> None:
    """Run the real service in virtual worlds that fail, and check what it promises.

    Exits with 1 if a promise was broken, and prints a line that replays it.
    """
    chosen = [seed] if seed is not None else list(range(first, first + seeds))
    began = time.perf_counter()
    played: list[Played] = []
    failures = 0
    with closing(_verdicts(chosen, jobs)) as verdicts:  # whatever ends the loop, ends its processes
        for verdict in verdicts:
            if verdict.played is None:
                failures += 1
                typer.echo(_replay_line(verdict))
                if fail_fast:
                    break
                continue
            played.append(verdict.played)
            _tell_progress(len(played) + failures, len(chosen))
            if log:
                typer.echo("\n".join(verdict.played.log))
    typer.echo(_summary(played, failures, time.perf_counter() - began))
    if failures:
        raise typer.Exit(FAILED)


def _verdicts(seeds: Sequence[int], jobs: int) -> Generator[_Verdict, None, None]:
    """Each seed's verdict, in order."""
    if jobs == 1 or len(seeds) == 1:
        yield from map(_judge, seeds)
        return
    with worker_processes(jobs) as pool:
        yield from in_turn(pool, _judge, seeds)


def _judge(seed: int) -> _Verdict:
    silence()
    try:
        return _Verdict(seed, play(seed))
    except BrokenPromise as promise:
        return _Verdict(seed, None, shorten(str(promise), _MAX_REPORT, placeholder=" …"))


def _replay_line(verdict: _Verdict) -> str:
    return replay_line(f"batchcalls-simulator simulate --seed {verdict.seed}", verdict.broken)


def _tell_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        tell(f"\r{done} of {total} worlds played", end=end)
    elif done % 50 == 0:
        tell(f"{done} of {total} worlds played")


def _summary(played: Sequence[Played], failures: int, took_s: float) -> str:
    calls = sum(one.calls for one in played)
    dials = sum(one.dials for one in played)
    crashes = sum(one.crashes for one in played)
    events = sum(one.events_read for one in played)
    hours = sum(one.virtual_s for one in played) / _HOUR_S
    return (
        f"{len(played) + failures} seeds, {failures} failed; {calls:,} calls, {dials:,} dials,"
        f" {crashes:,} crashes, {events:,} events read, {hours:,.1f} virtual hours"
        f" in {took_s:.1f} s"
    )
