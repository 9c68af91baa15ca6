"""What a reader may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from batchcalls.api.findings import Findings
from batchcalls.api.validate_query import (
    MAX_FILTER_VALUES,
    after_sequence,
    filter_words,
    min_interval_s,
    only_id,
)
from batchcalls.core.model import CallStatus, Outcome
from batchcalls.errors import InvalidRequest
from batchcalls.v1.batch_calls_service_pb2 import WatchBatchRequest
from batchcalls.wire.words import CALL_STATUS_VALUES, CALL_STATUS_WORDS, OUTCOME_WORDS


def fields(findings: Findings) -> list[str]:
    with pytest.raises(InvalidRequest) as caught:
        findings.finish()
    return [violation.field for violation in caught.value.violations]


def watch(seconds: int, nanos: int = 0) -> WatchBatchRequest:
    request = WatchBatchRequest()
    request.min_interval.seconds = seconds
    request.min_interval.nanos = nanos
    request.min_interval.SetInParent()
    return request


def test_an_id_is_required() -> None:
    """Any id is looked for, but there must be one."""
    assert only_id("batch_id", "no such thing") == "no such thing"
    with pytest.raises(InvalidRequest, match="call_id: is required"):
        only_id("call_id", "")


def test_a_filter_becomes_words() -> None:
    """The words of the core, each once; no filter is an empty one."""
    findings = Findings()
    value = CALL_STATUS_VALUES[CallStatus.FAILED]
    assert filter_words(findings, "statuses", [value, value], CALL_STATUS_WORDS) == {
        CallStatus.FAILED
    }
    assert filter_words(findings, "outcomes", [], OUTCOME_WORDS) == frozenset[Outcome]()
    findings.finish()


def test_a_filter_names_words_that_exist() -> None:
    """UNSPECIFIED and values of a newer client are refused, by their place."""
    findings = Findings()
    filter_words(findings, "outcomes", [1, 0, 99], OUTCOME_WORDS)
    assert fields(findings) == ["outcomes[1]", "outcomes[2]"]


class Uncountable(list[int]):
    """Values that nobody may go through."""

    def __iter__(self) -> Iterator[int]:
        raise AssertionError("somebody went through all values")


def test_a_filter_has_few_values() -> None:
    """One that has millions is refused by their number alone, before it holds anybody up."""
    findings = Findings()
    assert not filter_words(
        findings, "statuses", Uncountable([1] * (MAX_FILTER_VALUES + 1)), CALL_STATUS_WORDS
    )
    assert fields(findings) == ["statuses"]
    assert len(CALL_STATUS_WORDS) <= len(OUTCOME_WORDS) <= MAX_FILTER_VALUES


def test_a_sequence_is_not_negative() -> None:
    """0 asks for everything."""
    findings = Findings()
    assert after_sequence(findings, 0) == 0
    findings.finish()
    after_sequence(findings, -1)
    assert fields(findings) == ["after_sequence"]


@pytest.mark.parametrize(
    ("request_given", "interval_s"),
    [
        (WatchBatchRequest(), 0.2),
        (watch(0, 50_000_000), 0.05),
        (watch(3600), 3600.0),
    ],
)
def test_an_interval_has_a_default(request_given: WatchBatchRequest, interval_s: float) -> None:
    """Unset means 200 ms."""
    findings = Findings()
    assert min_interval_s(findings, request_given) == interval_s
    findings.finish()


@pytest.mark.parametrize("request_given", [watch(0), watch(0, 49_000_000), watch(3601), watch(-1)])
def test_an_interval_is_bounded(request_given: WatchBatchRequest) -> None:
    """An interval of 0 s is set, and too short."""
    findings = Findings()
    min_interval_s(findings, request_given)
    assert fields(findings) == ["min_interval"]
