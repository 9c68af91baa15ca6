"""The log tells what became durable of whole batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from batchcalls.engine.chronicle import Chronicle
from batchcalls.engine.engine import Engine
from batchcalls.engine.journal import Published
from batchcalls.testing.store.bench import Books
from batchcalls.testing.store.changes import cancel_requested, completed, dialed, submitted
from tests.engine.world import COMPLETES, ENDLESS, World, calls, spec


def names(lines: list[Any]) -> list[str]:
    return [line["event"] for line in lines]


def the(lines: list[Any], event: str) -> Mapping[str, Any]:
    (line,) = (line for line in lines if line["event"] == event)
    found: Mapping[str, Any] = line
    return found


async def test_each_step_of_a_batch_is_a_line(autojump_clock: MockClock) -> None:
    """With its id and its counts, in the order in which it became durable."""
    with capture_logs() as lines, World() as world:
        async with world.life() as engine:
            await engine.submit(spec(request_id="monday"), calls(ENDLESS, COMPLETES))
            await trio.sleep(600)
            await engine.pause("batch_a")
            await engine.resume("batch_a")
            await engine.cancel("batch_a", hang_up=True)
            await world.observer.final()
    assert names(lines) == [
        "recovered",
        "batch_submitted",
        "batch_started",
        "batch_paused",
        "batch_resumed",
        "batch_canceling",
        "batch_ended",
    ]
    assert the(lines, "batch_submitted")["request_id"] == "monday"
    assert the(lines, "batch_submitted")["calls"] == 2
    assert the(lines, "batch_paused")["counts"]["in_progress"] == 1
    assert the(lines, "batch_canceling")["hang_up"] is True
    ended = the(lines, "batch_ended")
    assert (ended["batch_id"], ended["status"], ended["attempts"]) == ("batch_a", "canceled", 2)
    assert ended["took_s"] >= 600


def test_a_cancel_is_told_though_the_batch_ended_in_the_same_commit() -> None:
    """Who looks for the reason of the end finds it."""
    books = Books()
    for change in (submitted(calls=1), dialed()):
        books.group(change)
    group = books.group(cancel_requested(), completed())
    events = [Published(event, b"") for effects in group.writes for event in effects.events]
    with capture_logs() as lines:
        Chronicle().committed(group.writes, events, list(group.batches.values()))
    assert names(lines) == ["batch_canceling", "batch_ended"]


async def test_a_repeated_submission_is_a_line_of_its_own(autojump_clock: MockClock) -> None:
    """It made no batch, and says which one it was given."""
    with capture_logs() as lines, World() as world:
        async with world.life() as engine:
            await _submit_twice(engine)
            await world.observer.final()
    repeated = the(lines, "submission_repeated")
    assert (repeated["batch_id"], repeated["request_id"]) == ("batch_a", "monday")
    assert names(lines).count("batch_submitted") == 1


async def _submit_twice(engine: Engine) -> None:
    for batch_id in ("batch_a", "batch_b"):
        await engine.submit(spec(batch_id, request_id="monday"), calls(COMPLETES))
