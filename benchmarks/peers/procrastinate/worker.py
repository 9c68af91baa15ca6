"""The work of the bench in procrastinate: jobs deferred in one batch, and several workers.

A worker takes one job at a time from the database, so several do more; they share out what may
be up. Retries come by polling, so they poll often.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.jobs import Job

from benchmarks.peers.errand import Errand, receive, tell, wait_for_go
from benchmarks.peers.phone import Phone

_WORKERS: Final = 8
_CONNECTIONS: Final = 20
_POLLING_INTERVAL_S: Final = 0.02
_LOOK_AGAIN_S: Final = 0.005
_COUNTS: Final = """
    SELECT count(*) FILTER (WHERE status = 'succeeded') AS completed,
           count(*) FILTER (WHERE status = 'failed') AS failed
    FROM procrastinate_jobs
"""


class Delay(BaseRetryStrategy):  # type: ignore[misc]  # it is installed for the program alone
    """Its own strategy waits for whole seconds."""

    def __init__(self, errand: Errand) -> None:
        self._errand = errand

    def get_retry_decision(self, *, job: Job, **_: object) -> RetryDecision | None:
        """Try again after the delay, unless that was the last attempt."""
        if job.attempts + 1 >= self._errand.max_attempts:
            return None
        return RetryDecision(retry_in={"milliseconds": round(self._errand.delay_s * 1_000)})


async def main(errand: Errand) -> None:
    """Do it."""
    phone = Phone(errand)
    app = App(connector=PsycopgConnector(conninfo=errand.database, max_size=_CONNECTIONS))

    async def call(context: JobContext, index: int) -> None:
        await phone.dial(index, context.job.attempts + 1)

    task = app.task(call, name="call", pass_context=True, retry=Delay(errand))
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        workers = [asyncio.create_task(_run_worker(app, errand.up)) for _ in range(_WORKERS)]
        await asyncio.to_thread(wait_for_go)
        began = time.perf_counter()
        await task.batch_defer_async(*({"index": index} for index in range(len(errand.busy))))
        await asyncio.to_thread(phone.over.wait)
        completed = failed = 0
        while completed + failed < len(errand.busy):
            await asyncio.sleep(_LOOK_AGAIN_S)
            found = await app.connector.execute_query_one_async(_COUNTS)
            completed, failed = found["completed"], found["failed"]
        tell(time.perf_counter() - began, phone.counts(completed, failed))
        for worker in workers:
            worker.cancel()


async def _run_worker(app: App, up: int) -> None:
    await app.run_worker_async(
        concurrency=up // _WORKERS,
        fetch_job_polling_interval=_POLLING_INTERVAL_S,
        install_signal_handlers=False,
    )


if __name__ == "__main__":
    logging.disable(logging.ERROR)  # each busy call is an error to it
    asyncio.run(main(receive()))
