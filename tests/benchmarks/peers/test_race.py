"""Who takes part, in which order, and what becomes of those who can't."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.peers.contender import Contender
from benchmarks.peers.race import race
from benchmarks.peers.table import cells
from benchmarks.peers.trial import Trial
from benchmarks.peers.verdict import against, verdicts
from benchmarks.workload import Workload
from tests.benchmarks.peers.contenders import (
    ALL,
    WORKS,
    broken,
    contender,
    missing,
    raced,
    steady,
    trial,
)


def test_everybody_takes_turns() -> None:
    """So a machine that slows down slows them all."""
    order: list[tuple[str, int]] = []

    def noting(name: str) -> Contender:
        def run(work: Workload) -> Trial:
            order.append((name, work.concurrency))
            return trial(1)

        return contender(name, run)

    race([noting("ours"), noting("other")], WORKS, ALL, turns=2)
    turns = [("ours", 200), ("other", 200)] * 2 + [("ours", 1_000), ("other", 1_000)] * 2
    assert order == turns


def test_who_is_not_here_is_in_the_table_with_the_reason() -> None:
    """And is no failure; a goal that needs them isn't met."""
    river = replace(steady("river", 1), prepare=missing)
    ours, absent = raced(steady("ours", 700), river)
    assert cells(absent)[2:7] == ["not here: this machine has no go", ""] * 2 + ["0"]
    assert not absent.is_bad
    said = verdicts([ours, absent])
    assert "Beside river 1.0: no figures, since this machine has no go." in said
    assert said[0] == "Calls a second at 200 up, the fastest first: ours 1.0 with 700."
    assert against(ours, absent, 200).met is False


def test_who_fails_is_in_the_table_with_the_reason() -> None:
    """Others go on."""
    ours, failed = raced(steady("ours", 700), contender("other", broken))
    assert cells(failed)[2:4] == ["failed: it broke", ""]
    assert failed.is_bad
    assert not ours.is_bad
