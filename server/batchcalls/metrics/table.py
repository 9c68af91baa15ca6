"""All metrics in one table; the docs are made from it.

No label ever carries a batch, a call, a number or a URL: the values of labels are few and
known beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_SHORT_S: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
_LONG_S: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
_TALK_S: Final = (
    *(1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0),
    *(180.0, 300.0, 600.0, 1800.0, 3600.0),
)
_SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One metric as users see it. ``kind``: counter, histogram or gauge.

    What is ``of_process`` is read by the Prometheus library, not by us.
    """

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    of_process: bool = False


METRICS: Final = (
    Declared(
        name="batchcalls_batches_total",
        kind="counter",
        help="Batches by what became of them: submitted, completed, failed or canceled.",
        labels=("status",),
    ),
    Declared(
        name="batchcalls_calls_total",
        kind="counter",
        help="Calls that are final, by the outcome of their last attempt.",
        labels=("carrier", "outcome"),
    ),
    Declared(
        name="batchcalls_attempts_total",
        kind="counter",
        help="Attempts that ended, by outcome.",
        labels=("carrier", "outcome"),
    ),
    Declared(
        name="batchcalls_dials_returned_total",
        kind="counter",
        help="Dials that never rang and don't count: throttled, carrier down, withdrawn.",
        labels=("carrier",),
    ),
    Declared(
        name="batchcalls_events_total",
        kind="counter",
        help="Events published, by type.",
        labels=("type",),
    ),
    Declared(
        name="batchcalls_schedule_to_dial_seconds",
        kind="histogram",
        help="From the moment that a call was due to the intent to dial it.",
        labels=("carrier",),
        buckets=_LONG_S,
    ),
    Declared(
        name="batchcalls_post_dial_delay_seconds",
        kind="histogram",
        help="From the intent to dial to the first ring (or the answer, where no ring is told).",
        labels=("carrier",),
        buckets=_LONG_S,
    ),
    Declared(
        name="batchcalls_talk_seconds",
        kind="histogram",
        help="From answer to end, of answered attempts.",
        labels=("carrier",),
        buckets=_TALK_S,
    ),
    Declared(
        name="batchcalls_commit_seconds",
        kind="histogram",
        help="How long a group commit took.",
        buckets=_SHORT_S,
    ),
    Declared(
        name="batchcalls_commit_changes",
        kind="histogram",
        help="Changes in a group commit.",
        buckets=_SIZES,
    ),
    Declared(
        name="batchcalls_loop_lag_seconds",
        kind="histogram",
        help="How late the event loop wakes a task that sleeps.",
        buckets=_SHORT_S,
    ),
    Declared(
        name="grpc_server_started_total",
        kind="counter",
        help="RPCs started on the server.",
        labels=("grpc_type", "grpc_service", "grpc_method"),
    ),
    Declared(
        name="grpc_server_handled_total",
        kind="counter",
        help="RPCs completed on the server, by status code.",
        labels=("grpc_type", "grpc_service", "grpc_method", "grpc_code"),
    ),
    Declared(
        name="grpc_server_handling_seconds",
        kind="histogram",
        help="How long RPCs took on the server.",
        labels=("grpc_type", "grpc_service", "grpc_method"),
        buckets=_SHORT_S,
    ),
    Declared(
        name="batchcalls_calls_in_progress",
        kind="gauge",
        help="Slots in use: calls that are prepared, ringing or up.",
        labels=("carrier",),
    ),
    Declared(
        name="batchcalls_slots_limit",
        kind="gauge",
        help="The most calls up at once; 0 means no limit. Scope: server or a carrier's name.",
        labels=("scope",),
    ),
    Declared(
        name="batchcalls_calls_per_second_limit",
        kind="gauge",
        help="The most dials a second allowed now; 0 means no limit. Scope as above.",
        labels=("scope",),
    ),
    Declared(
        name="batchcalls_carrier_up",
        kind="gauge",
        help="1 while the carrier's breaker is closed, 0 while it is open or being probed.",
        labels=("carrier",),
    ),
    Declared(
        name="batchcalls_queue_calls",
        kind="gauge",
        help="Calls of batches that aren't final, by status.",
        labels=("status",),
    ),
    Declared(
        name="batchcalls_open_batches",
        kind="gauge",
        help="Batches that aren't final, by status.",
        labels=("status",),
    ),
    Declared(
        name="batchcalls_oldest_due_seconds",
        kind="gauge",
        help="For how long the retry that has waited longest has been due; 0 if none is due.",
    ),
    Declared(
        name="batchcalls_watchers",
        kind="gauge",
        help="Streams that are open.",
    ),
    Declared(
        name="batchcalls_store_healthy",
        kind="gauge",
        help="1 while the store can commit.",
    ),
    Declared(
        name="batchcalls_build_info",
        kind="gauge",
        help="Always 1: the version of the server, of Python, and the kind of database.",
        labels=("version", "python", "database"),
    ),
    Declared(
        name="process_virtual_memory_bytes",
        kind="gauge",
        help="Virtual memory size in bytes.",
        of_process=True,
    ),
    Declared(
        name="process_resident_memory_bytes",
        kind="gauge",
        help="Resident memory size in bytes.",
        of_process=True,
    ),
    Declared(
        name="process_start_time_seconds",
        kind="gauge",
        help="Start time of the process since unix epoch in seconds.",
        of_process=True,
    ),
    Declared(
        name="process_cpu_seconds_total",
        kind="counter",
        help="Total user and system CPU time spent in seconds.",
        of_process=True,
    ),
    Declared(
        name="process_open_fds",
        kind="gauge",
        help="Number of open file descriptors.",
        of_process=True,
    ),
    Declared(
        name="process_max_fds",
        kind="gauge",
        help="Maximum number of open file descriptors.",
        of_process=True,
    ),
)
