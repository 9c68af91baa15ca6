"""A restart with 1,000,000 calls waiting: how soon the first phone rings, and the memory then.

The time runs from the launch of the process (the interpreter and all its imports included) to
the moment at which the first call was answered: in this simulation people answer at once. Its
limit is the same launch, up to where RPCs are answered, on an empty database.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.event_pb2 import EventType
from benchmarks.effort import Effort
from benchmarks.row import Goal, Row
from benchmarks.sample import middle, spread
from benchmarks.server_process import ServerProcess, running_server
from benchmarks.stored import store_batches
from benchmarks.workload import Workload

_BATCHES: Final = 10
_FIRST_DIAL_TIMEOUT_S: Final = 60.0


def measure(effort: Effort) -> Iterator[Row]:
    """The rows of this benchmark."""
    times, running_s = effort.pick(full=(3, 5.0), quick=(1, 1.0))
    work = Workload(
        calls=effort.pick(full=100_000, quick=2_000), concurrency=50, people={"talk_time": "0.5"}
    )
    stored = effort.folder / "stored.db"
    batch_ids = store_batches(stored, _BATCHES, work)
    name = f"restart with {work.calls * _BATCHES:,} calls"
    empty = [_listening_s(effort.folder / f"empty-{turn}.db", work) for turn in range(times)]
    first_s, resident_mib = [], []
    for turn in range(times):
        database = shutil.copy(stored, effort.folder / f"restart-{turn}.db")
        with running_server(Path(database), work.options) as server:
            first_s.append(_first_answer_s(server, batch_ids))
            time.sleep(running_s)
            resident_mib.append(server.peak_resident_mib())
        Path(database).unlink()
    yield Row(
        name=f"{name}: first dial",
        value=middle(first_s),
        unit="s",
        limit=middle(empty),
        goal=Goal(bound=1),
        spread=spread(first_s),
        smaller_is_better=True,
    )
    yield Row(
        name=f"{name}: memory while it runs",
        value=middle(resident_mib),
        unit="MiB",
        goal=Goal(bound=250),
        spread=spread(resident_mib),
        smaller_is_better=True,
    )


def _listening_s(database: Path, work: Workload) -> float:
    with running_server(database, work.options) as server:
        return server.listening_s


def _first_answer_s(server: ServerProcess, batch_ids: Sequence[str]) -> float:
    """From the launch to the earliest answer in any batch."""
    deadline = time.monotonic() + _FIRST_DIAL_TIMEOUT_S
    while time.monotonic() < deadline:
        answered_at = [at for batch_id in batch_ids for at in _answers(server, batch_id)]
        if answered_at:
            return min(answered_at) - server.started_at
        time.sleep(0.05)
    raise RuntimeError("nothing was dialed")


def _answers(server: ServerProcess, batch_id: str) -> Iterator[float]:
    request = messages.ListEventsRequest(
        batch_id=batch_id, page_size=1, types=[EventType.EVENT_TYPE_CALL_ANSWERED]
    )
    for event in server.stub.ListEvents(request).events:
        yield event.time.ToNanoseconds() / 1e9
