"""Whether a submitted batch is accepted as a whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcalls.api.validate import check_submit
from batchcalls.errors import InvalidRequest, Reason
from batchcalls.v1 import outcome_pb2
from batchcalls.v1.batch_calls_service_pb2 import SubmitBatchRequest
from batchcalls.wire.spec import batch_spec_from_proto, call_spec_from_proto
from tests.api.requests import RULES, check, found, good


def test_a_small_batch_is_good() -> None:
    """A number and a script are enough."""
    assert found(good()) == []


def test_an_empty_batch_is_refused() -> None:
    """A batch has at least one call."""
    with pytest.raises(InvalidRequest, match="calls: a batch has at least one call"):
        check(SubmitBatchRequest())


def test_too_many_calls_are_refused_at_once() -> None:
    """One more than the most: one violation, and the calls past the limit aren't looked at."""
    request = good(calls=1_001)
    request.calls[1_000].phone_number = ""
    assert found(request) == ["calls"]


def test_every_violation_is_found_in_the_order_of_the_request() -> None:
    """What is wrong in one place hides nothing in another."""
    request = good(calls=3)
    request.batch_id = "xyz"
    request.batch.concurrency = 0
    request.batch.retry_config.delay.seconds = -1
    request.calls[0].phone_number = "123"
    request.calls[2].script.text = ""
    assert found(request) == [
        "batch_id",
        "batch.concurrency",
        "batch.retry_config.delay",
        "calls[0].phone_number",
        "calls[2].script",
    ]


def test_the_total_is_stated_past_the_cap() -> None:
    """100 violations are listed, 150 are counted."""
    request = good(calls=200)
    for call in request.calls[50:]:
        call.phone_number = ""
    with pytest.raises(InvalidRequest) as caught:
        check(request)
    assert (len(caught.value.violations), caught.value.total) == (100, 150)
    assert caught.value.reason is Reason.INVALID_PHONE_NUMBER


def test_a_large_batch_is_checked_in_steps() -> None:
    """The caller gets control back behind each call, whatever it holds and is found in it."""
    request = good(calls=3)
    request.calls[0].phone_number = ""
    steps = check_submit(request, RULES)
    assert [next(steps) for _ in range(3)] == [None] * 3
    with pytest.raises(InvalidRequest):
        next(steps)


@pytest.mark.parametrize(
    ("batch_id", "good_id"),
    [
        ("", True),
        ("batch_a", True),
        ("batch_0-9", True),
        ("batch_" + "a" * 40, True),
        ("batch_" + "a" * 41, False),
        ("batch_", False),
        ("batch_-a", False),
        ("batch_a-", False),
        ("batch_A", False),
        ("batch_a_b", False),
        ("batch_a\n", False),
        ("call_a", False),
    ],
)
def test_an_id_of_the_clients_choice_has_a_form(batch_id: str, good_id: bool) -> None:
    """``batch_`` and 1 to 40 lower-case letters, digits and inner dashes."""
    request = good()
    request.batch_id = batch_id
    assert found(request) == ([] if good_id else ["batch_id"])


def test_a_request_id_is_short() -> None:
    """128 characters pass, 129 don't."""
    request = good()
    request.request_id = "r" * 128
    assert found(request) == []
    request.request_id = "r" * 129
    assert found(request) == ["request_id"]


def test_the_carrier_of_the_batch_decides_about_numbers() -> None:
    """A number that the default carrier takes may be none for another."""
    request = good()
    request.calls[0].phone_number = "+0987654321"
    assert found(request) == []
    request.batch.carrier = "trunk"
    assert found(request) == ["calls[0].phone_number"]


def test_an_unknown_carrier_is_the_only_complaint_about_it() -> None:
    """Numbers are still checked for what all carriers ask."""
    request = good(calls=2)
    request.batch.carrier = "nobody"
    request.calls[0].phone_number = "+0987654321"
    request.calls[1].phone_number = "5"
    assert found(request) == ["batch.carrier", "calls[1].phone_number"]


TINY = st.integers(-2, 2)
WIDE = st.integers(-(2**31), 2**31 - 1) | TINY


@st.composite
def requests(draw: st.DrawFn) -> SubmitBatchRequest:
    request = good(calls=draw(st.integers(0, 3)))
    batch, retry = request.batch, request.batch.retry_config
    if draw(st.booleans()):
        batch.concurrency = draw(WIDE)
        batch.priority = draw(WIDE)
        batch.max_calls_per_second = draw(st.floats())
        retry.max_attempts = draw(WIDE)
        retry.backoff_multiplier = draw(st.floats())
        retry.jitter = draw(st.floats())
    batch.start_time.seconds = draw(st.integers(-(2**63), 2**63 - 1) | TINY)
    retry.delay.seconds = draw(st.integers(-(2**63), 2**63 - 1) | TINY)
    retry.delay.nanos = draw(WIDE)
    values = st.integers(-1, 12).map(outcome_pb2.Outcome.ValueType)
    retry.retry_on.extend(draw(st.lists(values, max_size=3)))
    batch.callback_url = draw(st.text(max_size=8) | st.text(":/[]@.0a", max_size=8).map(_web))
    for call in request.calls:
        call.script.text = draw(st.text("{} a", max_size=6))
        call.priority = draw(WIDE)
    return request


def _web(rest: str) -> str:
    return f"http://{rest}"


@given(requests())
def test_what_is_accepted_can_be_converted(request_given: SubmitBatchRequest) -> None:
    """A request is refused in order, or becomes records; no value falls between."""
    try:
        check(request_given)
    except InvalidRequest:
        return
    spec = batch_spec_from_proto(
        request_given.batch,
        batch_id="batch_a",
        request_id="",
        request_digest=b"",
        default_carrier="simulator",
    )
    assert spec.settings.concurrency >= 1
    assert 0 <= spec.settings.retry.delay_s <= 30 * 86_400
    assert [call_spec_from_proto(call).phone_number for call in request_given.calls]
