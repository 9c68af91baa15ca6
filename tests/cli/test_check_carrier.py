"""``check-carrier`` names the rules that a carrier in another process breaks."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.carriers import broken_process
from tests.carriers.process import CarrierProcess, running_carrier, running_simulator
from tests.cli.conftest import Run

RULES = 9
"""How many are always checked; with ``--lines`` there is one more."""


@contextmanager
def carrier(kind: type[broken_process.Honest]) -> Iterator[CarrierProcess]:
    with running_carrier(sys.executable, "-m", broken_process.__name__, kind.__name__) as process:
        yield process


def test_the_simulator_keeps_every_rule(run: Run) -> None:
    """A line a rule, exit code 0; what couldn't be checked is said."""
    with running_simulator(trunk_capacity="3") as simulator:
        done = run("check-carrier", simulator.address)
        assert done.code == 0, done.out
        assert [line.split()[0] for line in done.out.splitlines()] == ["ok"] * RULES
        assert "--lines" in done.err
        done = run("check-carrier", simulator.address, "--lines", "3", "--json")
    findings = [json.loads(line) for line in done.out.splitlines()]
    assert [finding["kept"] for finding in findings] == [True] * (RULES + 1)
    assert done.code == 0


@pytest.mark.parametrize(
    ("kind", "rule", "why"),
    [
        (broken_process.TellsNoEnd, "a call is told to its end", "`ended` must be told"),
        (broken_process.TalksOn, "a call is told to its end", "must be the last"),
        (broken_process.EndsThrottled, "a call is told to its end", "can't end with outcome"),
        (broken_process.TellsNul, "a call is told to its end", "texts must be UTF-8"),
        (broken_process.Forgets, "ends are remembered", "LookUp must tell the end"),
        (broken_process.DialsAgain, "an attempt id is dialed once", "it told accepted"),
        (
            broken_process.DialsAgainWhileUp,
            "an attempt id is dialed once, also while its call is up",
            "it told accepted",
        ),
        (
            broken_process.HangsUpWithTheStream,
            "a call goes on when its stream breaks",
            "a broken stream must not end its call",
        ),
        (
            broken_process.HangsUpNothing,
            "a call that is hung up is told to its end",
            "DEADLINE_EXCEEDED",
        ),
        (broken_process.RewritesEnds, "hanging up what is over changes nothing", "change its end"),
        (
            broken_process.BarsNothing,
            "hanging up an attempt that isn't known bars it",
            "must fail with ALREADY_EXISTS",
        ),
        (
            broken_process.KnowsEverything,
            "an attempt that was never dialed isn't known",
            "must be not_known",
        ),
        (
            broken_process.RefusesWithoutDetails,
            "a call too many is refused with its details",
            "RESOURCE_EXHAUSTED (no room)",
        ),
        (
            broken_process.RefusesWithTheWrongDetails,
            "a call too many is refused with its details",
            "UNAVAILABLE (refused)",
        ),
    ],
)
def test_a_broken_rule_is_named(
    run: Run, kind: type[broken_process.Honest], rule: str, why: str
) -> None:
    """With what the carrier did instead, and exit code 1."""
    with carrier(kind) as process:
        lines = ("--lines", str(broken_process.LINES)) if rule.startswith("a call too many") else ()
        done = run("check-carrier", process.address, "--patience", "2", *lines)
    assert done.code == 1
    (said,) = [line for line in done.out.splitlines() if line.startswith(f"broken  {rule}: ")]
    assert why in said


def test_a_carrier_that_keeps_the_contract_passes(run: Run) -> None:
    """The checks ask for nothing beyond it."""
    with carrier(broken_process.Honest) as process:
        done = run("check-carrier", process.address, "--lines", str(broken_process.LINES))
    assert (done.code, "broken" in done.out) == (0, False), done.out


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1", "127.0.0.1:99999", ""])
def test_an_address_that_is_none_is_bad_input(run: Run, address: str) -> None:
    """It is refused before anything is tried."""
    done = run("check-carrier", address)
    assert (done.code, "HOST:PORT" in done.err) == (2, True)


def test_nobody_there_is_said(run: Run) -> None:
    """A carrier that isn't up breaks no rule."""
    done = run("check-carrier", "127.0.0.1:1", "--patience", "0.2")
    assert (done.code, done.out) == (3, "")
    assert "can't reach 127.0.0.1:1" in done.err
