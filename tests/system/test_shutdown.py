"""SIGTERM: no new dials, watchers are sent away, calls that are up finish, then exit code 0."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.outcome_pb2 import OUTCOME_COMPLETED, OUTCOME_UNKNOWN
from tests.system import clinging_carrier
from tests.system.asking import (
    NOT_SERVING,
    calls_of,
    health,
    read_until,
    reason,
    wait_for_calls_up,
)
from tests.system.requests import ENDLESS, batch, numbers
from tests.system.server import BATCHCALLS, WAIT_S, Place, eventually, running_server

CARRIER_PATIENCE_S = 10
"""How long a carrier gets to close, and then to end what was cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClingingPlace(Place):
    """Where a server lives whose carrier never lets go."""

    @property
    def command(self) -> list[str]:
        config = self.folder / "batchcalls.toml"
        config.write_text(self.settings)
        database = f"sqlite:///{self.folder / 'batchcalls.db'}"
        return [
            *(*BATCHCALLS, "serve", "--config", str(config), "--listen", self.listen),
            *("--metrics-listen", "127.0.0.1:0", "--database", database, "--carrier", "clinging"),
        ]


def test_calls_that_are_up_finish_and_no_others_are_dialed(tmp_path: Path) -> None:
    """After the drain every dial has its outcome; the next server dials the rest."""
    place = Place(folder=tmp_path, carrier={"talk_time": "1"})
    with running_server(place) as server, server.stub() as stub:
        batch_id = stub.SubmitBatch(batch(60, concurrency=20)).batch.batch_id
        wait_for_calls_up(stub, batch_id, 20)
        server.terminate()
        assert server.wait() == 0
    quick = Place(folder=tmp_path)
    with running_server(quick) as server, server.stub() as stub:
        read_until(stub, batch_id, [])
        calls = calls_of(stub, batch_id)
    outcomes = [[attempt.outcome for attempt in call.attempts] for call in calls]
    assert outcomes == [[OUTCOME_COMPLETED]] * 60


@pytest.fixture
def heeded_hangup() -> Iterator[None]:
    """Servers heed SIGHUP, though the tests may run under ``nohup``, which says not to."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("heeded_hangup")
def test_a_terminal_that_closes_drains_too(tmp_path: Path) -> None:
    """SIGHUP is SIGTERM: a call that is up then ends well, and isn't unknown after the restart."""
    place = Place(folder=tmp_path, carrier={"talk_time": "1"})
    with running_server(place) as server, server.stub() as stub:
        batch_id = stub.SubmitBatch(batch(1)).batch.batch_id
        wait_for_calls_up(stub, batch_id, 1)
        server.process.send_signal(signal.SIGHUP)
        assert server.wait() == 0
        assert "draining" in server.log.read_text()
    with running_server(place) as server, server.stub() as stub:
        (call,) = calls_of(stub, batch_id)
    assert [attempt.outcome for attempt in call.attempts] == [OUTCOME_COMPLETED]


def test_a_drain_ends_at_its_timeout(tmp_path: Path) -> None:
    """What is still up then stays recorded: after a restart it is unknown, not dialed again."""
    place = Place(folder=tmp_path, settings="drain_timeout_s = 0.2")
    with running_server(place) as server, server.stub() as stub:
        batch_id = stub.SubmitBatch(batch([ENDLESS] * 3, attempts=3)).batch.batch_id
        wait_for_calls_up(stub, batch_id, 3)
        server.terminate()
        assert server.wait() == 0
    with running_server(place) as server, server.stub() as stub:
        read_until(stub, batch_id, [])
        calls = calls_of(stub, batch_id)
    outcomes = [[attempt.outcome for attempt in call.attempts] for call in calls]
    assert outcomes == [[OUTCOME_UNKNOWN]] * 3


def test_a_server_that_drains_is_alive(tmp_path: Path) -> None:
    """It still tells that its loop turns, or who looks after processes would end its calls."""
    place = Place(folder=tmp_path, settings="drain_timeout_s = 3600")
    with running_server(place) as server, server.stub() as stub:
        batch_id = stub.SubmitBatch(batch([ENDLESS])).batch.batch_id
        wait_for_calls_up(stub, batch_id, 1)
        server.terminate()
        eventually(lambda: "draining" in server.log.read_text())
        turns = server.metric("batchcalls_loop_lag_seconds_count")
        eventually(lambda: server.metric("batchcalls_loop_lag_seconds_count") > turns)
        server.terminate()
        assert server.wait() == 0


def test_a_second_signal_ends_the_waiting_for_calls(tmp_path: Path) -> None:
    """It ends at once, in order, though the calls would go on for an hour."""
    place = Place(folder=tmp_path, settings="drain_timeout_s = 3600")
    with running_server(place) as server, server.stub() as stub:
        batch_id = stub.SubmitBatch(batch([ENDLESS, *numbers(5)], concurrency=2)).batch.batch_id
        get = messages.GetBatchRequest(batch_id=batch_id)
        eventually(lambda: stub.GetBatch(get).batch.completed_calls == 5)
        server.terminate()
        eventually(lambda: "draining" in server.log.read_text())
        server.terminate()
        assert server.wait() == 0
    with running_server(place) as server, server.stub() as stub:
        read_until(stub, batch_id, [])
        done = stub.GetBatch(get).batch
    assert (done.completed_calls, done.failed_calls, done.attempts) == (5, 1, 6)


def test_watchers_are_sent_away_to_come_back(tmp_path: Path) -> None:
    """Their streams end UNAVAILABLE before the calls have ended, and so does each that is opened
    from then on; the server still answers.
    """
    place = Place(folder=tmp_path, settings="drain_timeout_s = 3600")
    with running_server(place) as server, server.stub() as stub:
        batch_id = stub.SubmitBatch(batch([ENDLESS])).batch.batch_id
        wait_for_calls_up(stub, batch_id, 1)
        streams: list[Iterator[object]] = [
            stub.WatchBatch(messages.WatchBatchRequest(batch_id=batch_id), timeout=WAIT_S),
            stub.WatchEvents(messages.WatchEventsRequest(batch_id=batch_id), timeout=WAIT_S),
        ]
        for stream in streams:
            next(stream)
        server.terminate()
        for stream in streams:
            with pytest.raises(grpc.RpcError) as caught:
                list(stream)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            assert reason(caught.value) == "SHUTTING_DOWN"
        assert health(server) == NOT_SERVING
        for late in (
            stub.WatchBatch(messages.WatchBatchRequest(batch_id=batch_id), timeout=WAIT_S),
            stub.WatchEvents(messages.WatchEventsRequest(batch_id=batch_id), timeout=WAIT_S),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                list(late)
            assert reason(caught.value) == "SHUTTING_DOWN"
        assert stub.GetBatch(messages.GetBatchRequest(batch_id=batch_id)).batch.in_progress == 1
        with pytest.raises(grpc.RpcError) as caught:
            stub.SubmitBatch(batch())
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        server.terminate()
        assert server.wait() == 0


def test_open_streams_do_not_hold_up_the_end(tmp_path: Path) -> None:
    """A hundred idle watchers, and one that doesn't read, are no reason to wait."""
    place = Place(folder=tmp_path)
    with running_server(place) as server, server.stub() as stub:
        batch_id = stub.SubmitBatch(batch(500, start_time="2100-01-01T00:00:00Z")).batch.batch_id
        request = messages.WatchEventsRequest(batch_id=batch_id)
        streams = [stub.WatchEvents(request, timeout=WAIT_S) for _ in range(100)]
        eventually(lambda: server.metric("batchcalls_watchers"), until=lambda value: value == 100)
        server.terminate()
        assert server.wait() == 0
        for stream in streams:
            with pytest.raises(grpc.RpcError) as caught:
                list(stream)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_carrier_that_never_lets_go_holds_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM ends it in time, twice in a row, and nobody is dialed for it."""
    monkeypatch.setenv("PYTHONPATH", clinging_carrier.register(tmp_path))
    place = ClingingPlace(folder=tmp_path, settings="drain_timeout_s = 0.2")
    with running_server(place) as server, server.stub() as stub:
        batch_id = stub.SubmitBatch(batch(3, concurrency=2)).batch.batch_id
        wait_for_calls_up(stub, batch_id, 2)
        server.terminate()
        assert server.wait() == 0
    with running_server(place) as server, server.stub() as stub:
        assert stub.GetBatch(messages.GetBatchRequest(batch_id=batch_id)).batch.attempts == 2
        began = time.monotonic()
        server.terminate()
        assert server.wait() == 0
    assert time.monotonic() - began < CARRIER_PATIENCE_S + 10
    assert "carrier_left_behind" in server.log.read_text()
