"""A database that somebody takes away from under a server: it is told, and nothing is promised."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest

from batchcalls.v1 import batch_calls_service_pb2 as messages
from tests.system.asking import NOT_SERVING, SERVING, health, read_until, reason
from tests.system.requests import batch
from tests.system.server import Place, eventually, running_server


def test_a_server_whose_database_was_moved_takes_nothing_until_it_is_back(tmp_path: Path) -> None:
    """It is noticed at rest, said in the log, and over when the file is back at its place."""
    database, away = tmp_path / "batchcalls.db", tmp_path / "away.db"
    with running_server(Place(folder=tmp_path)) as server, server.stub() as stub:
        database.rename(away)
        eventually(lambda: health(server), until=lambda status: status == NOT_SERVING)
        with pytest.raises(grpc.RpcError) as caught:
            stub.SubmitBatch(batch())
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert reason(caught.value) == "STORE_UNAVAILABLE"
        assert f"{database} was deleted, moved or replaced" in server.log.read_text()
        away.rename(database)
        eventually(lambda: health(server), until=lambda status: status == SERVING)
        read_until(stub, stub.SubmitBatch(batch()).batch.batch_id, [])


def test_a_server_leaves_the_database_alone_that_took_the_place_of_its_own(tmp_path: Path) -> None:
    """Another server may run on the new file at once, and the old one ends without harm to it."""
    place = Place(folder=tmp_path)
    with running_server(place) as old:
        for name in ("batchcalls.db", "batchcalls.db-wal", "batchcalls.db-shm"):
            (tmp_path / name).unlink()
        with running_server(place) as new, new.stub() as stub:
            batch_id = stub.SubmitBatch(batch()).batch.batch_id
            eventually(lambda: health(old), until=lambda status: status == NOT_SERVING)
            old.terminate()
            assert old.wait() == 0
            read_until(stub, batch_id, [])
            new.kill()
    with running_server(place) as last, last.stub() as stub:
        found = stub.GetBatch(messages.GetBatchRequest(batch_id=batch_id)).batch
    assert found.completed_calls == 1
