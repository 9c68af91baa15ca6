"""The nouns: ids that can be read back, specs that inherit, counts that add up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcalls.core.model import (
    RETRYABLE_OUTCOMES,
    BatchStatus,
    CallStatus,
    Counts,
    Outcome,
    RetryConfig,
    attempt_id,
    call_id,
    parse_attempt_id,
    parse_call_id,
)

BATCH_IDS = st.from_regex(r"batch_[a-zA-Z0-9_-]{1,30}", fullmatch=True)


@given(batch_id=BATCH_IDS, position=st.integers(0, 999_999_999))
def test_a_call_id_tells_its_batch_and_position(batch_id: str, position: int) -> None:
    """Whatever the batch is called, its calls' ids can be read back."""
    assert parse_call_id(call_id(batch_id, position)) == (batch_id, position)


@given(text=st.one_of(st.text(), st.from_regex(r"call_[a-z_]{0,4}_?[0-9]{0,12}", fullmatch=True)))
def test_what_is_no_call_id_is_told_from_one(text: str) -> None:
    """Every text is the id of the one call that it names, or of none."""
    found = parse_call_id(text)
    assert found is None or call_id(*found) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "call_",
        "call_7",
        "call__7",
        "call_x_",
        "call_x_07",
        "call_x_-1",
        "call_x_1234567890",
        "call_x_٣",
        "batch_x_7",
        "x_7",
    ],
)
def test_malformed_call_ids_are_refused(text: str) -> None:
    """A missing part, a leading zero, a foreign digit or another prefix make no call id."""
    assert parse_call_id(text) is None


@given(
    one=st.tuples(BATCH_IDS, st.integers(0, 99), st.integers(1, 99)),
    other=st.tuples(BATCH_IDS, st.integers(0, 99), st.integers(1, 99)),
)
def test_no_two_dials_share_an_attempt_id(
    one: tuple[str, int, int], other: tuple[str, int, int]
) -> None:
    """Another batch, call or dial makes another id."""
    assert (attempt_id(*one) == attempt_id(*other)) == (one == other)


@given(batch_id=BATCH_IDS, position=st.integers(0, 999_999_999), dial=st.integers(1, 999))
def test_an_attempt_id_tells_its_call_and_dial(batch_id: str, position: int, dial: int) -> None:
    """Whatever the batch is called, its attempts' ids can be read back."""
    found = parse_attempt_id(attempt_id(batch_id, position, dial))
    assert found == (batch_id, position, dial)


@pytest.mark.parametrize("text", ["", "attempt_", "attempt_x_7", "attempt_x_7_", "call_x_7_1"])
def test_malformed_attempt_ids_are_refused(text: str) -> None:
    """A missing part or another prefix make no attempt id."""
    assert parse_attempt_id(text) is None


@given(counts=st.builds(Counts, *[st.integers(0, 99)] * 7))
def test_counts_add_up(counts: Counts) -> None:
    """The total is the sum of the six, which stand in the order of the statuses."""
    assert counts.total == sum(getattr(counts, status.value) for status in CallStatus)
    assert counts._fields == (*[status.value for status in CallStatus], "voicemail")
    assert counts.by_status == {status: getattr(counts, status.value) for status in CallStatus}


def test_a_retry_config_can_name_only_what_can_be_retried() -> None:
    """What has succeeded, can't succeed, was wanted or was no attempt, is never retried."""
    assert set(Outcome) - RETRYABLE_OUTCOMES == {
        Outcome.COMPLETED,
        Outcome.INVALID_NUMBER,
        Outcome.CANCELED,
        Outcome.THROTTLED,
    }
    assert RetryConfig().retry_on <= RETRYABLE_OUTCOMES


def test_three_statuses_of_a_batch_and_of_a_call_are_final() -> None:
    """Completed, failed and canceled are the ends; all else goes on."""
    ends = ["completed", "failed", "canceled"]
    assert [status.value for status in BatchStatus if status.final] == ends
    assert [status.value for status in CallStatus if status.final] == ends
