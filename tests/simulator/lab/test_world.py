"""Virtual worlds: the real service, everything that fails, and one seed for all of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import NoReturn

import pytest
import structlog

from batchcalls.core.model import RetryConfig
from batchcalls.engine.admission import EngineLimits
from batchcalls_simulator.cli.app import silence
from batchcalls_simulator.lab.faults import Doom, Faults, Moment, Trouble
from batchcalls_simulator.lab.scenario import WALL_S, Verb, Wish
from batchcalls_simulator.lab.world import Played, play, play_scenario
from tests.house.tree import ROOT, SOURCE_ROOTS
from tests.simulator.lab.scenarios import BUSY, scenario


@pytest.fixture(autouse=True)
def silent_logs() -> Iterator[None]:
    """What fails here is meant to; the traceback of each would take longer than the world."""
    silence()
    yield
    structlog.reset_defaults()


def dialed(played: Played) -> list[str]:
    """The moments and attempt ids of all dials."""
    return [line.rpartition(" ")[0] for line in played.log if " dialed " in line]


@pytest.mark.parametrize("seed", range(10))
def test_every_promise_holds_in_a_world_that_fails(seed: int) -> None:
    """Whatever fails: nobody is dialed twice, limits hold, everything ends, nothing leaks."""
    assert play(seed).log


def test_a_seed_replays_exactly() -> None:
    """The same seed gives the same run, event by event, also in another process."""
    seed = 6  # several crashes
    command = (
        f"from batchcalls_simulator.lab.world import play; print(*play({seed}).log, sep='\\n')"
    )
    quiet = "from batchcalls_simulator.cli.app import silence; silence();"
    other = subprocess.run(
        [sys.executable, "-c", quiet + command],
        env={
            **os.environ,
            "PYTHONHASHSEED": "12345",
            "PYTHONPATH": os.pathsep.join(str(ROOT / root) for root in SOURCE_ROOTS),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    once, again = play(seed), play(seed)
    assert once == again
    assert once.crashes > 0
    assert other.stdout.splitlines() == list(once.log)


def test_without_faults_calls_go_in_waves() -> None:
    """Six calls of 66 s, two at once: three waves, at exact moments."""
    moments = [line.split()[0] for line in dialed(play_scenario(scenario()))]
    assert moments == ["0.000000"] * 2 + ["66.000000"] * 2 + ["132.000000"] * 2


def test_calls_go_on_when_the_server_dies() -> None:
    """A server that dies in the middle of its calls finds them, and dials none of them again."""
    doom = Doom(moment=Moment.TIME, count=30, restart_s=5.0)
    played = play_scenario(scenario(faults=Faults(calm_at_s=100.0, dooms=(doom,)), calls=2))
    assert played.crashes == 1
    assert len(dialed(played)) == 2
    assert "attempt_a_0_1 1 completed" in "\n".join(played.log)


def test_an_intent_that_never_left_is_dialed_by_the_next_server() -> None:
    """A server that dies between intent and dial costs nothing: the call is dialed, once."""
    doom = Doom(moment=Moment.BEFORE_LEAVING, count=1, restart_s=1.0)
    played = play_scenario(scenario(faults=Faults(calm_at_s=100.0, dooms=(doom,)), calls=1))
    assert [line.split()[1:3] for line in dialed(played)] == [["dialed", "attempt_a_0_2"]]
    assert "batch.completed attempt_a_0_2 1 completed" in played.log[-1]


def test_a_dial_that_left_without_ringing_ends_unknown() -> None:
    """A server that dies in the carrier's hands leaves a call that nobody dials again."""
    doom = Doom(moment=Moment.BEFORE_DIAL, count=1, restart_s=1.0)
    played = play_scenario(scenario(faults=Faults(calm_at_s=100.0, dooms=(doom,)), calls=1))
    assert dialed(played) == []
    assert "batch.failed attempt_a_0_1 1 unknown" in played.log[-1]


@pytest.mark.parametrize(
    ("moment", "processes"), [(Moment.BEFORE_COMMIT, 2), (Moment.AFTER_COMMIT, 2)]
)
def test_a_submission_survives_the_death_of_its_commit(moment: Moment, processes: int) -> None:
    """Lost or unheard of, the user asks again, and there is one batch."""
    doom = Doom(moment=moment, count=1, restart_s=1.0)
    played = play_scenario(scenario(faults=Faults(calm_at_s=100.0, dooms=(doom,))))
    assert sum(" process " in line for line in played.log) == processes
    assert sum(" batch.started" in line for line in played.log) == 1
    assert len(dialed(played)) == 6


def test_retries_wait_out_their_delay_across_a_crash() -> None:
    """A retry that is due in 300 s is dialed then, whoever the server is by that time."""
    doom = Doom(moment=Moment.TIME, count=60, restart_s=60.0)
    played = play_scenario(
        scenario(
            faults=Faults(calm_at_s=600.0, dooms=(doom,)),
            number=BUSY,
            calls=1,
            retry=RetryConfig(max_attempts=2, delay_s=300.0),
        )
    )
    moments = [float(line.split()[0]) for line in dialed(played)]
    assert moments == pytest.approx([0.0, 301.0], abs=1e-3)


def test_a_full_disk_stops_dials_and_loses_nothing() -> None:
    """Nothing is dialed while nothing can be committed; afterwards everything is."""
    full = Trouble(start_s=10.0, end_s=500.0)
    played = play_scenario(scenario(faults=Faults(calm_at_s=600.0, full_disk=(full,))))
    moments = [float(line.split()[0]) for line in dialed(played)]
    assert len(moments) == 6
    assert not [moment for moment in moments if 10.0 < moment < 500.0]


def test_hanging_up_ends_calls_at_once() -> None:
    """A batch that is canceled and hung up is over in the same moment."""
    cancel = Wish(at_s=20.0, verb=Verb.CANCEL_AND_HANG_UP, batch_id="batch_a")
    played = play_scenario(scenario(wishes=(cancel,)))
    assert sorted(line for line in played.log if " over " in line) == [
        "20.000000 over attempt_a_0_1 canceled",
        "20.000000 over attempt_a_1_1 canceled",
    ]


def test_a_pace_outlives_the_server_and_the_batch() -> None:
    """A new server waits out the window of the last dial, also one of a batch that has ended."""
    doom = Doom(moment=Moment.TIME, count=2, restart_s=0.0)
    first = scenario(number=BUSY, calls=1, faults=Faults(calm_at_s=60.0, dooms=(doom,)))
    spec, people = first.batches["batch_a"]
    later = replace(spec, batch_id="batch_b", start_time_us=round((WALL_S + 2.5) * 1e6))
    played = play_scenario(
        replace(
            first,
            limits=EngineLimits(max_calls_per_second=0.2),
            batches={**first.batches, "batch_b": (later, people)},
            wishes=(*first.wishes, Wish(at_s=0.0, verb=Verb.SUBMIT, batch_id="batch_b")),
        )
    )
    assert len(dialed(played)) == 2


def test_an_interrupt_is_no_broken_promise() -> None:
    """Ctrl-C in the middle of a world comes out as it is: nobody broke anything."""

    def interrupt(*_: object) -> NoReturn:
        signal.raise_signal(signal.SIGINT)
        raise structlog.DropEvent

    structlog.configure(processors=[interrupt], wrapper_class=structlog.BoundLogger)
    with pytest.raises(KeyboardInterrupt):
        play(4)
