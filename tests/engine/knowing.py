"""Carriers that know what became of the calls of an earlier process."""

from __future__ import annotations

import math

import trio

from batchcalls.carriers.base import CallResult, NotKnown
from batchcalls.core.changes import NewCall
from batchcalls.core.model import BatchSpec, Outcome
from tests.engine.world import Report, ScriptedCarrier, World, simulator

UP_FOR_EVER = CallResult(outcome=Outcome.COMPLETED, detail="never said")


def knowing(*answers: CallResult | NotKnown | Exception, up_s: float = 0) -> ScriptedCarrier:
    """A carrier that takes all calls; who follows one gets these answers in turn.

    A result comes when the call has been followed for ``up_s`` seconds, or was hung up.
    """
    remaining = list(answers)
    over = trio.Event()

    async def follow(attempt_id: str, report: Report) -> CallResult | NotKnown:
        await trio.lowlevel.checkpoint()
        answer = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, CallResult):
            with trio.move_on_after(math.inf if answer is UP_FOR_EVER else up_s):
                await over.wait()
        return CallResult(outcome=Outcome.CANCELED) if over.is_set() else answer

    async def hang_up(attempt_id: str) -> None:
        await trio.lowlevel.checkpoint()
        over.set()

    return ScriptedCarrier(simulator().place_call, follow=follow, hang_up=hang_up)


REACHED = CallResult(outcome=Outcome.COMPLETED, carrier_call_id="c7")


async def lose(world: World, batch: BatchSpec, queue: list[NewCall], *, after_s: float) -> None:
    """Submit a batch, and crash that much later."""
    async with world.life() as engine:
        await engine.submit(batch, queue)
        await trio.sleep(after_s)
