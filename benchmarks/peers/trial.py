"""One contender does the work once: how long it took, what it cost, and whether all of it was done.

The work W is that of ``benchmarks/dispatch.py``. What becomes of each dial is drawn once, by the
simulator's own people, so ours and theirs dial the same ones, busy as often.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from batchcalls.core.model import Outcome
from batchcalls_simulator.callee import Callees
from benchmarks.peers.errand import Counts, Errand
from benchmarks.peers.peer import Peer
from benchmarks.peers.processor_time import processor_time_s
from benchmarks.peers.program import running_program
from benchmarks.server_process import running_server, seconds
from benchmarks.workload import Workload, phone_number

_RING_TIMEOUT_S = 30.0
_EVERYBODY_MAY_PASS = 0o711
"""For a folder of root's, in which somebody without rights runs a database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What was measured; ``cpu_s`` is that of all processes, the database's among them."""

    calls: int
    seconds: float
    cpu_s: float
    counts: Counts

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds

    @property
    def cpu_ms_a_call(self) -> float:
        """The processor time of a call, in milliseconds."""
        return self.cpu_s * 1e3 / self.calls


Run = Callable[[Workload], Trial]
"""How a contender does the work. It raises ``NotHere``, or ``RuntimeError`` when it fails."""


def run_ours(work: Workload) -> Trial:
    """Through a server of its own, submitted and watched by RPC, on a database file."""
    with (
        _folder() as folder,
        running_server(folder / "server.db", work.options) as server,
    ):
        request = work.request()
        before_s = processor_time_s(server.pid)
        batch = server.run(request)
        cpu_s = processor_time_s(server.pid) - before_s
    counts = Counts(
        completed=batch.completed_calls, failed=batch.failed_calls, dials=batch.attempts
    )
    return Trial(calls=work.calls, seconds=seconds(batch), cpu_s=cpu_s, counts=counts)


def run_peer(peer: Peer, command: Sequence[str], work: Workload) -> Trial:
    """By a program of the peer's own, on a database server of its own."""
    with (
        _folder() as folder,
        peer.database(folder) as database,
        running_program(command, errand(work, database.url), folder / "program.log") as program,
    ):
        before_s = processor_time_s(program.pid, database.pid)
        told = program.go()
        cpu_s = processor_time_s(program.pid, database.pid) - before_s
    return Trial(calls=work.calls, seconds=told.pop("seconds"), cpu_s=cpu_s, counts=Counts(**told))


def errand(work: Workload, database: str) -> Errand:
    """The work as peers are told it."""
    callees = Callees(work.simulation)
    return Errand(
        database=database,
        up=work.concurrency,
        talk_s=work.simulation.talk_time.quantile(0.5),
        delay_s=work.delay_s,
        max_attempts=work.max_attempts,
        busy=[_busy_dials(callees, phone_number(index), work) for index in range(work.calls)],
    )


def _busy_dials(callees: Callees, number: str, work: Workload) -> int:
    for attempt in range(1, work.max_attempts + 1):
        fate = callees.fate(number, attempt, ring_timeout_s=_RING_TIMEOUT_S, unix_time_s=0.0)
        if fate.outcome is Outcome.COMPLETED:
            return attempt - 1
    return work.max_attempts


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="batchcalls-peers-") as name:
        folder = Path(name)
        folder.chmod(_EVERYBODY_MAY_PASS)
        yield folder
