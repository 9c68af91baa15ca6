"""The work of the bench in arq: one worker, as many jobs at once as calls may be up.

It knows of jobs, retries among them, by polling alone, so it polls often; and it queues them one
by one, so many at a time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Final

from arq import Retry, Worker, create_pool, func
from arq.connections import ArqRedis, RedisSettings
from arq.jobs import deserialize_result

from benchmarks.peers.errand import Errand, receive, tell, wait_for_go
from benchmarks.peers.phone import Busy, Phone

_POLL_DELAY_S: Final = 0.02
_LOOK_AGAIN_S: Final = 0.005
_QUEUED_AT_A_TIME: Final = 50


async def main(errand: Errand) -> None:
    """Do it."""
    phone = Phone(errand)
    redis = await create_pool(RedisSettings(unix_socket_path=errand.database))

    async def call(context: dict[str, Any], index: int) -> None:
        try:
            await phone.dial(index, context["job_try"])
        except Busy:
            if context["job_try"] == errand.max_attempts:
                raise
            raise Retry(defer=errand.delay_s) from None

    worker = Worker(
        [func(call, name="call", max_tries=errand.max_attempts)],
        redis_pool=redis,
        max_jobs=errand.up,
        poll_delay=_POLL_DELAY_S,
        handle_signals=False,
    )
    working = asyncio.create_task(worker.main())
    await asyncio.to_thread(wait_for_go)
    began = time.perf_counter()
    await _queue(redis, len(errand.busy))
    await asyncio.to_thread(phone.over.wait)
    while await redis.zcard("arq:queue"):  # noqa: ASYNC110 - the event is in Redis
        await asyncio.sleep(_LOOK_AGAIN_S)
    seconds = time.perf_counter() - began
    completed, failed = await _count(redis)
    tell(seconds, phone.counts(completed, failed))
    working.cancel()


async def _queue(redis: ArqRedis, calls: int) -> None:
    indexes = iter(range(calls))

    async def queue_some() -> None:
        for index in indexes:
            await redis.enqueue_job("call", index)

    await asyncio.gather(*(queue_some() for _ in range(_QUEUED_AT_A_TIME)))


async def _count(redis: ArqRedis) -> tuple[int, int]:
    stored = await redis.mget(await redis.keys("arq:result:*"))
    completed = sum(deserialize_result(each).success for each in stored)
    return completed, len(stored) - completed


if __name__ == "__main__":
    logging.disable(logging.ERROR)  # each busy call is an error to it
    asyncio.run(main(receive()))
