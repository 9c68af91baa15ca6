"""Limits are judged as they are defined: slots at every moment, paces in every window."""

from __future__ import annotations

from dataclasses import replace

import pytest

from batchcalls.core.model import Outcome
from batchcalls_simulator.lab.chaos.evidence import Evidence
from batchcalls_simulator.lab.chaos.exactness import (
    BOUNDARY_S,
    carrier_paces,
    launch_paces,
    pace,
    transit,
)
from batchcalls_simulator.lab.chaos.verdict import CHECKS
from tests.simulator.lab.chaos.evidence import LIMITS, dial, kept, with_dials, with_stored


def complaints(name: str, evidence: Evidence) -> list[str]:
    return list(CHECKS[name](evidence))


@pytest.mark.parametrize("limit", ["server_calls", "carrier_calls"])
def test_more_calls_up_than_server_or_carrier_may_have_are_found(limit: str) -> None:
    """The two calls that were up together are one too many for a limit of 1."""
    limits = replace(LIMITS, **{limit: 1})
    (found,) = complaints("concurrency is kept", replace(kept(), limits=limits))
    assert found == f"{limit.removesuffix('_calls')}: 2 calls were up at once, 1 may be"


def test_more_calls_up_than_the_batch_allows_are_found() -> None:
    """Its own concurrency counts only its own calls."""
    (one,) = kept().stored
    spec = one.batch.spec
    spec = replace(spec, settings=replace(spec.settings, concurrency=1))
    batch = replace(one.batch, spec=spec)
    found = complaints("concurrency is kept", with_stored(kept(), replace(one, batch=batch)))
    assert found == ["batch_1: 2 calls were up at once, 1 may be"]


def test_dials_that_leave_too_fast_are_found_for_each_limit() -> None:
    """Three within a second where two may be, for server, carrier and batch alike."""
    hurried = with_dials(kept(), dial(1, 2, 11.2, Outcome.BUSY))
    found = complaints("pace is kept", hurried)
    assert [each.partition(":")[0] for each in found] == ["server", "carrier", "batch_1"]
    assert found[0] == "server: 3 dials left in a window for 2, 0.300 s too early"


def test_what_the_machine_may_add_at_the_boundary_is_allowed() -> None:
    """Just that much, and it is measured all the same."""
    (first, *rest) = kept().launches
    for late_s, count in ((BOUNDARY_S - 0.001, 0), (BOUNDARY_S + 0.001, 3)):
        late = replace(kept(), launches=(replace(first, at_s=first.at_s + late_s), *rest))
        assert len(complaints("pace is kept", late)) == count
        assert launch_paces(late)[0].shortfall_s == pytest.approx(late_s)


def test_a_carrier_that_notes_dials_late_is_measured_and_not_complained_about() -> None:
    """A frozen carrier takes all dials at once when it thaws: the service can't help that."""
    late = replace(kept(), dials=tuple(replace(one, start_s=11.5) for one in kept().dials))
    assert complaints("pace is kept", late) == []
    assert carrier_paces(late)[0].most == 3
    assert transit(late)[-1] == pytest.approx(1.501)


def test_a_dial_that_never_left_the_server_is_found() -> None:
    """Then the witness was passed by, and nothing that it tells can be trusted."""
    silent = replace(kept(), launches=kept().launches[1:])
    (found,) = complaints("launches are seen", silent)
    assert found == "attempt_1_0_1 was dialed before it left the server"
    twice = replace(kept(), launches=(*kept().launches, kept().launches[0]))
    assert complaints("launches are seen", twice) == ["attempt_1_0_1 left the server 2 times"]


@pytest.mark.parametrize(
    ("rate", "starts_s", "shortfall_s", "most"),
    [
        (2.0, [0.0, 0.5, 1.0, 1.5], 0.0, 2),
        (2.0, [0.0, 0.5, 0.9], 0.1, 3),
        (2.5, [0.0, 0.4, 0.85, 1.25], 0.0, 2),
        (0.5, [0.0, 2.0, 3.5], 0.5, 2),
        (10.0, [0.0, 0.1], 0.0, 2),
        (10.0, [], 0.0, 0),
    ],
)
def test_a_pace_is_judged_in_half_open_windows(
    rate: float, starts_s: list[float], shortfall_s: float, most: int
) -> None:
    """As many starts as the whole part of the rate, in so many times the interval."""
    judged = pace("any", starts_s, rate)
    assert judged.shortfall_s == pytest.approx(shortfall_s)
    assert judged.most == most
