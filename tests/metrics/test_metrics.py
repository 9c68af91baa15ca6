"""What a server that has worked shows at ``/metrics``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from batchcalls.errors import BatchCallsError, UnknownMethod
from batchcalls.metrics.rpcs import CODES
from batchcalls.metrics.table import METRICS
from batchcalls.v1 import batch_calls_service_pb2 as messages
from tests.system.requests import batch, numbers
from tests.system.server import Place, Server, eventually, running_server

DECLARED = {metric.name.removesuffix("_total"): metric for metric in METRICS}
ROOT = Path(__file__).resolve().parents[2]
PEOPLE = ["+15550100001", "+15550100006", "+15550100007", *numbers(20)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has seen one batch through, and was watched and asked nonsense meanwhile."""
    place = Place(folder=tmp_path_factory.mktemp("metrics"), carrier={"calls_per_second": "500"})
    with running_server(place) as server, server.stub() as stub:
        batch_id = stub.SubmitBatch(batch(PEOPLE, attempts=2, labels={"a": "b"})).batch.batch_id
        for _ in stub.WatchBatch(messages.WatchBatchRequest(batch_id=batch_id)):
            pass
        with pytest.raises(grpc.RpcError):
            stub.GetBatch(messages.GetBatchRequest(batch_id="batch_nobody"))
        eventually(lambda: server.metric("batchcalls_loop_lag_seconds_count"))
        yield server


def test_every_declared_metric_is_there_and_no_other(server: Server) -> None:
    """The table is the whole truth: names, kinds, help texts and labels."""
    families = {family.name: family for family in text_string_to_metric_families(server.metrics())}
    assert families.keys() == DECLARED.keys()
    for name, family in families.items():
        metric = DECLARED[name]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} == set(metric.labels)


def series(text: str) -> set[str]:
    """All that may be asked for, apart from the values."""
    return {line.rpartition(" ")[0] for line in text.splitlines() if line[0] != "#"}


def test_every_series_is_there_from_the_start(server: Server, tmp_path: Path) -> None:
    """A server that has done nothing shows at 0 what another one counts: its growth is seen."""
    with running_server(Place(folder=tmp_path)) as fresh:
        text = fresh.metrics()
    assert series(text) == series(server.metrics())
    counts = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if family.name.startswith(("batchcalls_", "grpc_")) and sample.name.endswith("_total")
    ]
    assert set(counts) == {0.0}


def test_the_documented_alarm_can_go_off(tmp_path: Path) -> None:
    """The series that it names is there before the first unknown call: 0, so that 1 is more."""
    document = (ROOT / "docs" / "metrics.md").read_text()
    (selector,) = re.findall(r"^    increase\((\w+\{.*\})\[", document, re.MULTILINE)
    name, _, labels = selector.partition("{")
    with running_server(Place(folder=tmp_path)) as fresh:
        found = [one for one in series(fresh.metrics()) if one.startswith(name)]
    assert [one for one in found if labels.removesuffix("}") in one]


def test_every_end_of_an_rpc_has_a_count() -> None:
    """Those of our errors, of a client that leaves, and of success."""
    codes = {error.code for error in errors(BatchCallsError)} - {UnknownMethod.code}
    assert codes | {"OK", "CANCELLED"} == set(CODES)


def errors(root: type[BatchCallsError]) -> set[type[BatchCallsError]]:
    """The errors of this module; those elsewhere never reach a client as they are."""
    below = {one for child in root.__subclasses__() for one in errors(child)}
    return {one for one in {root, *below} if one.__module__ == "batchcalls.errors"}


def test_the_counts_are_those_of_the_batch(server: Server) -> None:
    """23 calls, two of them dialed twice: one in vain, one with success."""
    outcomes = {"completed": 21.0, "busy": 1.0, "voicemail": 1.0}
    for outcome, count in outcomes.items():
        labels = f'{{carrier="simulator",outcome="{outcome}"}}'
        assert server.metric(f"batchcalls_calls_total{labels}") == count
        extra = 2.0 if outcome == "busy" else 0.0
        assert server.metric(f"batchcalls_attempts_total{labels}") == count + extra
    assert server.metric('batchcalls_batches_total{status="submitted"}') == 1
    assert server.metric('batchcalls_batches_total{status="completed"}') == 1
    assert server.metric('batchcalls_events_total{type="batch.call_started"}') == 25
    assert server.metric('batchcalls_schedule_to_dial_seconds_count{carrier="simulator"}') == 25
    assert server.metric('batchcalls_calls_per_second_limit{scope="simulator"}') == 500


def test_at_rest_the_gauges_are_at_rest(server: Server) -> None:
    """No call is up, none waits, nobody watches, all is well."""
    quiet = ("batchcalls_calls_in_progress", "batchcalls_queue_calls", "batchcalls_open_batches")
    samples = [
        sample
        for family in text_string_to_metric_families(server.metrics())
        if family.name in quiet
        for sample in family.samples
    ]
    assert {sample.value for sample in samples} == {0.0}
    assert server.metric("batchcalls_watchers") == 0
    assert server.metric("batchcalls_oldest_due_seconds") == 0
    assert server.metric("batchcalls_store_healthy") == 1
    assert server.metric('batchcalls_carrier_up{carrier="simulator"}') == 1


def test_no_label_says_who_was_called(server: Server) -> None:
    """Neither a batch, nor a call, nor a number is ever a label's value."""
    values = {
        value
        for family in text_string_to_metric_families(server.metrics())
        for sample in family.samples
        for name, value in sample.labels.items()
        if name != "le"
    }
    assert not [value for value in values if re.search(r"\d{3}|^batch_|^call_|://", value)]


def test_rpcs_are_counted_under_the_usual_labels(server: Server) -> None:
    """By kind, service, method and code, as servers in other languages do."""
    counted = {
        (sample.labels["grpc_type"], sample.labels["grpc_method"], sample.labels["grpc_code"])
        for family in text_string_to_metric_families(server.metrics())
        if family.name == "grpc_server_handled"
        for sample in family.samples
        if sample.labels["grpc_service"] == "batchcalls.v1.BatchCallsService" and sample.value
    }
    assert counted == {
        ("unary", "SubmitBatch", "OK"),
        ("unary", "GetBatch", "NOT_FOUND"),
        ("server_stream", "WatchBatch", "OK"),
    }
