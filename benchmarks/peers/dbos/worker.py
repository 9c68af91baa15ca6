"""The work of the bench in DBOS: a queue of workflows, each of one step that is tried again.

While a step waits for its next attempt, its workflow keeps its place in the queue's concurrency.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

import sqlalchemy
from dbos import DBOS, DBOSConfig

from benchmarks.peers.errand import Errand, receive, tell, wait_for_go
from benchmarks.peers.phone import Phone

_CONNECTIONS: Final = 20
_POLLING_INTERVAL_S: Final = 0.02
_LOOK_AGAIN_S: Final = 0.005
_QUEUED_AT_A_TIME: Final = 20
_QUEUE: Final = "calls"
_COUNTS: Final = sqlalchemy.text("""
    SELECT count(*) FILTER (WHERE status = 'SUCCESS'), count(*) FILTER (WHERE status = 'ERROR')
    FROM dbos.workflow_status
""")


async def main(errand: Errand) -> None:
    """Do it."""
    phone = Phone(errand)
    attempts = [0] * len(errand.busy)

    async def dial(index: int) -> None:
        attempts[index] += 1
        await phone.dial(index, attempts[index])

    step = DBOS.step(
        name="dial",
        retries_allowed=True,
        interval_seconds=errand.delay_s,
        backoff_rate=1.0,
        max_attempts=errand.max_attempts,
    )(dial)

    async def call(index: int) -> None:
        await step(index)

    workflow = DBOS.workflow(name="call")(call)
    url = errand.database.replace("postgresql://", "postgresql+psycopg://")
    await _launch(url, errand.up)
    database = sqlalchemy.create_engine(url)
    await asyncio.to_thread(wait_for_go)
    began = time.perf_counter()
    await _queue(workflow, len(errand.busy))
    await asyncio.to_thread(phone.over.wait)
    completed = failed = 0
    while completed + failed < len(errand.busy):
        await asyncio.sleep(_LOOK_AGAIN_S)
        with database.connect() as connection:
            completed, failed = connection.execute(_COUNTS).one()
    tell(time.perf_counter() - began, phone.counts(completed, failed))


async def _launch(url: str, up: int) -> None:
    DBOS(
        config=DBOSConfig(
            name="peer",
            system_database_url=url,
            sys_db_pool_size=_CONNECTIONS,
            log_level="CRITICAL",  # each busy call is an error to it
        )
    )
    DBOS.launch()
    await DBOS.register_queue_async(
        _QUEUE, worker_concurrency=up, polling_interval_sec=_POLLING_INTERVAL_S
    )


async def _queue(workflow: Callable[[int], Awaitable[None]], calls: int) -> None:
    indexes = iter(range(calls))

    async def queue_some() -> None:
        for index in indexes:
            await DBOS.enqueue_workflow_async(_QUEUE, workflow, index)

    await asyncio.gather(*(queue_some() for _ in range(_QUEUED_AT_A_TIME)))


if __name__ == "__main__":
    logging.disable(logging.ERROR)
    asyncio.run(main(receive()))
