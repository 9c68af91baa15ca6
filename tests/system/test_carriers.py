"""A server with several carriers: a batch goes where its name says, within the limits there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from batchcalls.v1 import batch_calls_service_pb2 as messages
from tests.carriers.process import running_simulator
from tests.system.asking import calls_of, read_until, wait_for_calls_up
from tests.system.requests import ENDLESS, batch
from tests.system.server import BATCHCALLS, Place, running_server
from tests.system.test_start import start

TABLES = """
[carriers.main]
kind = "simulator"
max_concurrent_calls = 2
[carriers.main.options]
post_dial_delay = 0

[carriers.spare]
kind = "grpc"
number_policy = "shape"
[carriers.spare.options]
address = "{address}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables(Place):
    """Where a server lives that has two carriers."""

    address: str

    @property
    def command(self) -> list[str]:
        config = self.folder / "batchcalls.toml"
        config.write_text(self.settings + TABLES.format(address=self.address))
        database = f"sqlite:///{self.folder / 'batchcalls.db'}"
        return [
            *(*BATCHCALLS, "serve", "--config", str(config), "--listen", self.listen),
            *("--metrics-listen", "127.0.0.1:0", "--database", database, "--drain-timeout", "0"),
        ]


def test_a_batch_goes_where_its_carrier_is(tmp_path: Path) -> None:
    """Without a name to the first; the limits of a table hold for its carrier alone."""
    with (
        running_simulator() as simulator,
        running_server(Tables(folder=tmp_path, address=simulator.address)) as server,
        server.stub() as stub,
    ):
        usual = stub.SubmitBatch(batch([ENDLESS] * 5, concurrency=5)).batch
        other = stub.SubmitBatch(batch(5, concurrency=5, carrier="spare")).batch
        assert (usual.carrier, other.carrier) == ("main", "spare")
        wait_for_calls_up(stub, usual.batch_id, 2)
        read_until(stub, other.batch_id, [])
        used = {
            attempt.carrier for call in calls_of(stub, other.batch_id) for attempt in call.attempts
        }
        assert used == {"spare"}
        found = stub.GetBatch(messages.GetBatchRequest(batch_id=usual.batch_id)).batch
        assert (found.in_progress, found.pending_calls) == (2, 3)
        with pytest.raises(grpc.RpcError, match="the server has main, spare"):
            stub.SubmitBatch(batch(1, carrier="pigeon"))


def test_a_carrier_that_cannot_be_built_is_named(tmp_path: Path) -> None:
    """With two of a kind, the kind says nothing."""
    ended = start(Tables(folder=tmp_path, address="nowhere"))
    assert ended.code == 2
    assert ended.lines[-1].startswith("batchcalls: carriers.spare: option address: ")
