"""The board of the undialed: it lists what never left, and of all else it says nothing."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from batchcalls.carriers.base import CallResult, CarrierThrottled, NotKnown, OutboundCall
from batchcalls.core.model import Attempt, BatchStatus, Outcome
from batchcalls.engine import undialed
from batchcalls.engine.undialed import BOARD_SIZE, UndialedBoard
from tests.engine.knowing import knowing, lose
from tests.engine.world import (
    Report,
    ScriptedCarrier,
    World,
    check_settled,
    people,
    simulator,
    spec,
    witnessed,
)

INTENT = Attempt(attempt_id="attempt_a_0_1", number=1, carrier="simulator", start_time_us=1_000)
OTHER = replace(INTENT, attempt_id="attempt_a_1_1")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "batchcalls.db.undialed"


def test_an_intent_that_never_left_is_told_to_the_next_server(file: Path) -> None:
    """Listed before it is durable, it stays listed until its dial leaves."""
    UndialedBoard.open(file).add(INTENT)
    assert UndialedBoard.open(file).take_over(INTENT)


def test_a_dial_that_left_is_not_listed(file: Path) -> None:
    """From the moment at which it leaves, only the carrier can tell."""
    board = UndialedBoard.open(file)
    board.add(INTENT)
    board.add(OTHER)
    board.leave(INTENT)
    board.settle(INTENT)
    board.settle(OTHER)
    after = UndialedBoard.open(file)
    assert not after.take_over(INTENT)
    assert not after.take_over(OTHER)


def test_what_was_taken_over_outlives_the_next_crash_too(file: Path) -> None:
    """It is listed until it is durable that the call waits again; the rest is wiped."""
    board = UndialedBoard.open(file)
    board.add(INTENT)
    board.add(OTHER)
    second = UndialedBoard.open(file)
    assert second.take_over(INTENT)
    second.forget_others()
    third = UndialedBoard.open(file)
    assert not third.take_over(OTHER)
    assert third.take_over(INTENT)
    third.settle(INTENT)
    assert not UndialedBoard.open(file).take_over(INTENT)


def test_an_intent_of_the_same_name_made_at_another_time_is_another(file: Path) -> None:
    """A restored backup gives the same attempt ids again, never in the same microsecond."""
    UndialedBoard.open(file).add(INTENT)
    assert not UndialedBoard.open(file).take_over(replace(INTENT, start_time_us=1_001))


def test_a_board_of_another_boot_says_nothing(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power failure the file may be older than the truth."""
    UndialedBoard.open(file).add(INTENT)
    other_boot = tmp_path / "boot_id"
    other_boot.write_text("8d1a9e4e-0000-4000-8000-000000000000\n")
    monkeypatch.setattr(undialed, "_BOOT_ID", other_boot)
    assert not UndialedBoard.open(file).take_over(INTENT)
    monkeypatch.undo()
    assert not UndialedBoard.open(file).take_over(INTENT)


def test_a_copied_board_says_nothing(file: Path, tmp_path: Path) -> None:
    """What a copy lists may have been dialed since."""
    UndialedBoard.open(file).add(INTENT)
    copy = tmp_path / "copy"
    copy.write_bytes(file.read_bytes())
    assert not UndialedBoard.open(copy).take_over(INTENT)
    assert UndialedBoard.open(file).take_over(INTENT)


@pytest.mark.parametrize("content", [b"", b"no board", bytes(BOARD_SIZE), b"x" * BOARD_SIZE])
def test_a_file_that_is_no_board_becomes_one(file: Path, content: bytes) -> None:
    """Cut off, or somebody else's: it says nothing, and is used from now on."""
    file.write_bytes(content)
    board = UndialedBoard.open(file)
    assert not board.take_over(INTENT)
    board.add(INTENT)
    assert UndialedBoard.open(file).take_over(INTENT)


def test_without_a_file_it_works_in_memory(tmp_path: Path) -> None:
    """A folder that can't be written keeps no server from starting."""
    board = UndialedBoard.open(tmp_path / "nowhere" / "board")
    board.add(INTENT)
    board.leave(INTENT)
    assert not board.take_over(INTENT)


def test_a_full_board_leaves_intents_unlisted() -> None:
    """They are asked about, as if there were no board; room is used again."""
    memory = bytearray(2 * 32)
    board = UndialedBoard(memory)
    board.add(INTENT)
    board.add(OTHER)
    assert not UndialedBoard(memory).take_over(OTHER)
    board.leave(OTHER)
    board.leave(INTENT)
    board.add(OTHER)
    assert UndialedBoard(memory).take_over(OTHER)


KILLED = """
import os, signal, sys
from pathlib import Path
from batchcalls.core.model import Attempt
from batchcalls.engine.undialed import UndialedBoard
board = UndialedBoard.open(Path(sys.argv[1]))
for number in range(3):
    board.add(Attempt(attempt_id=f"attempt_a_{number}_1", number=1, carrier="any",
                      start_time_us=1_000))
board.leave(Attempt(attempt_id="attempt_a_2_1", number=1, carrier="any", start_time_us=1_000))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_outlives_a_process_that_is_killed(file: Path) -> None:
    """Not a byte is flushed by the dying: the pages are the kernel's."""
    killed = subprocess.run([sys.executable, "-c", KILLED, str(file)], check=False)
    assert killed.returncode == -9
    board = UndialedBoard.open(file)
    left = [replace(INTENT, attempt_id=f"attempt_a_{number}_1") for number in range(3)]
    assert [board.take_over(attempt) for attempt in left] == [True, True, False]


# In an engine


async def crash_with_prepared_calls(world: World) -> ScriptedCarrier:
    """Crash when three calls are up and others, prepared, wait for their pace."""
    carrier = witnessed(simulator(talk_time=1_000))
    world.carriers = {"simulator": carrier}
    async with world.life() as engine:
        await engine.submit(spec(concurrency=200, max_calls_per_second=30), people(40))
        await trio.sleep(0.08)
    assert world.batch().counts.in_progress > len(carrier.dialed) == 3
    return carrier


async def test_prepared_calls_are_dialed_by_the_next_server(autojump_clock: MockClock) -> None:
    """Its carrier is asked about the three that were up; everybody is dialed once."""
    with World() as world:
        before = await crash_with_prepared_calls(world)
        after = knowing(NotKnown())
        world.carriers = {"simulator": after}
        async with world.life():
            batch = await world.observer.final()
        assert (batch.counts.completed, batch.counts.failed, batch.attempts) == (37, 3, 40)
        assert sorted(after.followed) == [call.attempt_id for call in before.dialed]
        dialed = [call.call_id for call in [*before.dialed, *after.dialed]]
        assert len(set(dialed)) == len(dialed) == 40
        assert {call.attempt_number for call in after.dialed} == {1}
        check_settled(world)


async def test_without_their_board_they_are_in_doubt(autojump_clock: MockClock) -> None:
    """A board that is lost costs calls, and dials nobody twice."""
    with World() as world:
        before = await crash_with_prepared_calls(world)
        open_calls = world.batch().counts.in_progress
        world.board = bytearray(BOARD_SIZE)
        after = knowing(NotKnown())
        world.carriers = {"simulator": after}
        async with world.life():
            batch = await world.observer.final()
        assert (batch.counts.failed, len(after.followed)) == (open_calls, open_calls)
        assert len(before.dialed) + len(after.dialed) == 40 - (open_calls - 3)


async def test_what_never_left_is_canceled_with_its_batch(autojump_clock: MockClock) -> None:
    """A call that waits again in a batch that is canceled is canceled like all that wait."""
    with World() as world:
        await crash_with_prepared_calls(world)
        world.carriers = {"simulator": knowing(NotKnown())}
        async with world.life() as engine:
            await engine.cancel("batch_a", hang_up=False)
            batch = await world.observer.final()
        assert batch.status is BatchStatus.CANCELED
        assert (batch.counts.canceled, batch.counts.failed) == (37, 3)
        check_settled(world)


async def test_a_refusal_that_was_not_written_down_is_known_all_the_same(
    autojump_clock: MockClock,
) -> None:
    """ "No room", said just before the crash: no phone rang, and the next server knows."""
    refused: list[str] = []
    with World() as world:

        async def refuse(call: OutboundCall, report: Report) -> CallResult:
            world.store.failing = True
            refused.append(call.attempt_id)
            raise CarrierThrottled

        world.carriers = {"simulator": ScriptedCarrier(refuse)}
        await lose(world, spec(), people(1), after_s=1)
        world.carriers = {"simulator": knowing(NotKnown())}
        async with world.life():
            await world.observer.final()
        (made,) = world.calls()
        assert refused == ["attempt_a_0_1"]
        assert [one.outcome for one in made.attempts] == [Outcome.COMPLETED]
        assert made.attempts[0].attempt_id == "attempt_a_0_2"
