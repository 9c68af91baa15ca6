"""What a client gives survives the way to a message and back."""

from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st

from batchcalls.core.model import (
    BatchSettings,
    BatchSpec,
    CallDefaults,
    CallSpec,
    Outcome,
    RetryConfig,
    RetryOrder,
    Script,
)
from batchcalls.v1 import batch_pb2, call_pb2, outcome_pb2, retry_config_pb2
from batchcalls.wire import spec as wire
from tests.wire.records import CALL_DEFAULTS, CALL_SPECS, RETRY_CONFIGS


@given(CALL_SPECS)
def test_a_call_spec_survives_the_round_trip(spec: CallSpec) -> None:
    """Bytes of a spec give back an equal spec, an empty script included."""
    blob = wire.call_spec_to_proto(spec).SerializeToString()
    assert wire.call_spec_from_proto(call_pb2.CallSpec.FromString(blob)) == spec


@given(CALL_SPECS)
def test_a_new_call_holds_what_was_checked_and_nothing_else(spec: CallSpec) -> None:
    """The stored form is that of the spec; fields of a later version are left behind."""
    message = wire.call_spec_to_proto(spec)
    later = b"\xfa\x3f\x07unknown"  # field 1,023, seven bytes
    widened = call_pb2.CallSpec.FromString(message.SerializeToString() + later)
    widened.script.MergeFromString(later)
    if spec.script is None:
        message.script.SetInParent()
    stored = wire.new_call_from_proto(widened)
    assert stored.priority == spec.priority
    assert call_pb2.CallSpec.FromString(stored.spec) == message
    assert len(stored.spec) == message.ByteSize()


SAYS = CallSpec(
    phone_number="+15550100000", voice_id="w", caller_id="+1555", script=Script(text="Hey")
)
DEFAULTS = CallDefaults(voice_id="v", caller_id="+15550100099", script=Script(text="Hi"))


def test_a_call_inherits_what_it_leaves_open() -> None:
    """A batch's defaults hold where a call says nothing."""
    stored = wire.new_call(CallSpec(phone_number="+15550100000")).spec
    spec = wire.stored_call_spec(stored, DEFAULTS)
    assert (spec.voice_id, spec.caller_id, spec.script) == ("v", "+15550100099", Script(text="Hi"))


def test_a_call_keeps_what_it_says() -> None:
    """A batch's defaults never override a call."""
    assert wire.stored_call_spec(wire.new_call(SAYS).spec, DEFAULTS) == SAYS


@given(CALL_SPECS, CALL_DEFAULTS)
def test_what_is_dialed_is_what_is_shown(spec: CallSpec, defaults: CallDefaults) -> None:
    """The message that a reader gets is completed as the record that is dialed."""
    stored = wire.new_call(spec).spec
    shown = call_pb2.CallSpec()
    wire.fill_stored_call_spec(shown, stored, defaults)
    assert wire.call_spec_from_proto(shown) == wire.stored_call_spec(stored, defaults)


@given(CALL_DEFAULTS)
def test_call_defaults_survive_the_round_trip(defaults: CallDefaults) -> None:
    """Bytes of defaults give back equal defaults."""
    blob = wire.call_defaults_to_proto(defaults).SerializeToString()
    assert wire.call_defaults_from_proto(batch_pb2.CallDefaults.FromString(blob)) == defaults


@given(RETRY_CONFIGS)
def test_a_retry_config_survives_the_round_trip(retry: RetryConfig) -> None:
    """Bytes of a retry configuration give back an equal one: 0 is 0 and not the default."""
    blob = wire.retry_config_to_proto(retry).SerializeToString()
    assert wire.retry_config_from_proto(retry_config_pb2.RetryConfig.FromString(blob)) == retry


def test_a_delay_longer_than_the_usual_longest_is_kept() -> None:
    """Who asks for two days gets two days, unless he says himself what is the longest."""
    message = retry_config_pb2.RetryConfig(delay=Duration(seconds=2 * 86_400))
    assert wire.retry_config_from_proto(message).max_delay_s == 2 * 86_400
    message.max_delay.seconds = 3 * 86_400
    assert wire.retry_config_from_proto(message).max_delay_s == 3 * 86_400


def test_a_call_spec_reaches_every_field() -> None:
    """No field of the message is forgotten."""
    script = Script(type="t", text="a", steps=("b",))
    spec = CallSpec(
        phone_number="+1",
        script=script,
        voice_id="v",
        caller_id="c",
        priority=1,
        reference_id="r",
        variables={"a": "b"},
        metadata={"c": "d"},
    )
    message = wire.call_spec_to_proto(spec)
    assert len(message.ListFields()) == len(call_pb2.CallSpec.DESCRIPTOR.fields)


def test_an_empty_retry_config_has_the_defaults() -> None:
    """What the client leaves out is as the record's defaults say."""
    empty = retry_config_pb2.RetryConfig()
    assert wire.retry_config_from_proto(empty) == RetryConfig()


def test_an_empty_batch_has_the_defaults() -> None:
    """Ten calls at once, priority 10, the server's carrier, one attempt, now."""
    spec = wire.batch_spec_from_proto(
        batch_pb2.BatchSpec(),
        batch_id="batch_a",
        request_id="r",
        request_digest=b"d",
        default_carrier="simulator",
    )
    assert spec == BatchSpec(
        batch_id="batch_a",
        request_id="r",
        request_digest=b"d",
        carrier="simulator",
        settings=BatchSettings(concurrency=10, priority=10),
    )


def test_what_a_batch_says_wins_over_the_defaults() -> None:
    """Every field of the message reaches the record."""
    message = batch_pb2.BatchSpec(
        display_name="n",
        labels={"a": "b"},
        concurrency=7,
        max_calls_per_second=2.5,
        priority=3,
        callback_url="https://example.com",
        carrier="trunk",
        call_defaults=batch_pb2.CallDefaults(voice_id="v"),
        retry_config=retry_config_pb2.RetryConfig(
            max_attempts=2, delay=Duration(), retry_on=[outcome_pb2.OUTCOME_BUSY]
        ),
        retry_order=batch_pb2.RETRY_ORDER_RETRIES_FIRST,
    )
    message.start_time.seconds = 1_900_000_000
    spec = wire.batch_spec_from_proto(
        message, batch_id="batch_a", request_id="", request_digest=b"", default_carrier="simulator"
    )
    assert spec == BatchSpec(
        batch_id="batch_a",
        carrier="trunk",
        defaults=CallDefaults(voice_id="v"),
        start_time_us=1_900_000_000_000_000,
        settings=BatchSettings(
            concurrency=7,
            display_name="n",
            labels={"a": "b"},
            max_calls_per_second=2.5,
            priority=3,
            retry=RetryConfig(max_attempts=2, delay_s=0, retry_on=frozenset({Outcome.BUSY})),
            retry_order=RetryOrder.RETRIES_FIRST,
            callback_url="https://example.com",
        ),
    )


@pytest.mark.parametrize(
    ("duration_s", "seconds", "nanos"),
    [(0, 0, 0), (0.1, 0, 100_000_000), (300, 300, 0), (-1.5, -1, -500_000_000)],
)
def test_a_duration_is_rounded_to_a_nanosecond(duration_s: float, seconds: int, nanos: int) -> None:
    """Seconds and nanoseconds have one sign, as protobuf asks."""
    message = Duration()
    wire.set_duration(message, duration_s)
    assert (message.seconds, message.nanos) == (seconds, nanos)


@given(st.integers(0, 30 * 86_400 * 1000))
def test_a_duration_of_whole_milliseconds_is_exact(milliseconds: int) -> None:
    """What people write as a decimal comes back as the same number."""
    message = Duration()
    wire.set_duration(message, milliseconds / 1000)
    assert wire.duration_s(message) == milliseconds / 1000
