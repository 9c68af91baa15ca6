"""The pages on the metrics port tell the truth about the server, also when it can't."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry

from batchcalls.app import measure_lag
from batchcalls.metrics.instruments import Instruments
from batchcalls.metrics.pages import ALIVE_WITHIN_S, Pages, Pulse
from tests.system.asking import wait_for_calls_up
from tests.system.requests import ENDLESS, batch
from tests.system.server import WAIT_S, Place, Server, eventually, running_server


def status(server: Server, path: str) -> int:
    url = server.metrics_url.replace("/metrics", path)
    try:
        with urlopen(url, timeout=WAIT_S) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def asked(pages: Pages, path: str) -> str:
    """The status of an answer."""
    statuses: list[str] = []
    pages({"PATH_INFO": path}, lambda status, _: statuses.append(status))
    return statuses[0]


def test_a_server_that_serves_is_healthy_and_ready(tmp_path: Path) -> None:
    """And there is nothing else on that port but the metrics."""
    with running_server(Place(folder=tmp_path)) as server:
        paths = ("/healthz", "/readyz", "/metrics", "/", "/metrics/x", "/favicon.ico")
        assert [status(server, path) for path in paths] == [200, 200, 200, 404, 404, 404]


def test_readiness_follows_the_store(tmp_path: Path) -> None:
    """It is as the health service of gRPC says; the loop turns all the same."""
    database, away = tmp_path / "batchcalls.db", tmp_path / "away.db"
    with running_server(Place(folder=tmp_path)) as server:
        database.rename(away)
        eventually(lambda: status(server, "/readyz"), until=lambda code: code == 503)
        assert status(server, "/healthz") == 200
        away.rename(database)
        eventually(lambda: status(server, "/readyz"), until=lambda code: code == 200)


def test_a_server_that_drains_is_not_ready(tmp_path: Path) -> None:
    """From the signal on, while calls that are up go on."""
    with running_server(Place(folder=tmp_path)) as server, server.stub() as stub:
        batch_id = stub.SubmitBatch(batch([ENDLESS])).batch.batch_id
        wait_for_calls_up(stub, batch_id, 1)
        server.terminate()
        eventually(lambda: status(server, "/readyz"), until=lambda code: code == 503)
        assert status(server, "/healthz") == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.wait() == 0


def test_a_loop_that_turns_is_healthy() -> None:
    """Whoever measures how late it is tells that it turns."""
    now = 100.0
    pulse = Pulse(lambda: now)
    now += 2 * ALIVE_WITHIN_S

    async def turn() -> None:
        lag = Instruments(CollectorRegistry()).histogram("batchcalls_loop_lag_seconds").labels()
        task = asyncio.create_task(measure_lag(lag, pulse))
        while not pulse.alive:  # noqa: ASYNC110  # what it looks at is no event
            await asyncio.sleep(0)
        task.cancel()

    assert not pulse.alive
    asyncio.run(asyncio.wait_for(turn(), WAIT_S))
    assert pulse.alive


@pytest.mark.parametrize(("since_s", "answer"), [(ALIVE_WITHIN_S - 1, "200"), (11.0, "503")])
def test_a_loop_that_stands_is_not_healthy(since_s: float, answer: str) -> None:
    """It is told from beside the loop, by the time since that last turned."""
    now = 100.0
    pulse = Pulse(lambda: now)
    pages = Pages(CollectorRegistry(), pulse=pulse, is_ready=lambda: True)
    now += since_s
    assert asked(pages, "/healthz").startswith(answer)
    pulse.beat()
    assert asked(pages, "/healthz").startswith("200")
