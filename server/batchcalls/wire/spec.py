"""What a client gives: scripts, call specs, their defaults, retry configurations, batch specs."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.duration_pb2 import Duration

from batchcalls.core.changes import NewCall
from batchcalls.core.model import (
    BatchSettings,
    BatchSpec,
    CallDefaults,
    CallSpec,
    RetryConfig,
    Script,
)
from batchcalls.timestamps import microseconds
from batchcalls.v1 import batch_pb2, call_pb2, retry_config_pb2, script_pb2
from batchcalls.wire.words import OUTCOME_VALUES, OUTCOME_WORDS, RETRY_ORDER_WORDS

DEFAULT_CONCURRENCY = 10
"""The most calls up at once of a batch that doesn't say."""

_NO_DEFAULTS = CallDefaults()
_DEFAULT_RETRY = RetryConfig()
_DEFAULT_SETTINGS = BatchSettings(concurrency=DEFAULT_CONCURRENCY)
_NANOS = 1_000_000_000


def set_duration(message: Duration, duration_s: float) -> None:
    """Write ``duration_s``, rounded to a nanosecond, into ``message``; 0 s sets it too."""
    nanos = round(abs(duration_s) * _NANOS)
    sign = -1 if duration_s < 0 else 1
    message.seconds = sign * (nanos // _NANOS)
    message.nanos = sign * (nanos % _NANOS)


def duration_s(message: Duration) -> float:
    """The seconds that ``message`` holds."""
    return (message.seconds * _NANOS + message.nanos) / _NANOS


def fill_script(message: script_pb2.Script, script: Script) -> None:
    """Write ``script`` into an empty ``message``, which is set even when that is empty."""
    message.type = script.type
    message.text = script.text
    for text in script.steps:
        message.steps.add().text = text


def script_from_proto(message: script_pb2.Script) -> Script:
    """The record of ``message``."""
    steps = message.steps
    return Script(
        type=message.type,
        text=message.text,
        steps=tuple([step.text for step in steps]) if steps else (),
    )


def call_spec_to_proto(spec: CallSpec) -> call_pb2.CallSpec:
    """The message of ``spec``."""
    message = call_pb2.CallSpec()
    message.phone_number = spec.phone_number
    message.voice_id = spec.voice_id
    message.caller_id = spec.caller_id
    message.priority = spec.priority
    message.reference_id = spec.reference_id
    if spec.variables:
        message.variables.update(spec.variables)
    if spec.metadata:
        message.metadata.update(spec.metadata)
    if spec.script is not None:
        fill_script(message.script, spec.script)
    return message


def fill_stored_call_spec(
    message: call_pb2.CallSpec, stored: bytes, defaults: CallDefaults
) -> None:
    """Write a spec in its stored form into an empty ``message``, completed by the ``defaults``.

    What it makes is the message of ``stored_call_spec(stored, defaults)``.
    """
    message.MergeFromString(stored)
    if defaults.script is not None and not message.HasField("script"):
        fill_script(message.script, defaults.script)
    if defaults.voice_id and not message.voice_id:
        message.voice_id = defaults.voice_id
    if defaults.caller_id and not message.caller_id:
        message.caller_id = defaults.caller_id


def call_spec_from_proto(
    message: call_pb2.CallSpec, defaults: CallDefaults = _NO_DEFAULTS
) -> CallSpec:
    """The record of ``message``, with what it leaves open taken from ``defaults``."""
    return CallSpec(
        phone_number=message.phone_number,
        script=(
            script_from_proto(message.script) if message.HasField("script") else defaults.script
        ),
        voice_id=message.voice_id or defaults.voice_id,
        caller_id=message.caller_id or defaults.caller_id,
        priority=message.priority,
        reference_id=message.reference_id,
        variables=_plain(message.variables),
        metadata=_plain(message.metadata),
    )


def new_call(spec: CallSpec) -> NewCall:
    """The call that is submitted with this spec."""
    return new_call_from_proto(call_spec_to_proto(spec))


def new_call_from_proto(message: call_pb2.CallSpec) -> NewCall:
    """The call that is submitted with the spec in ``message``, which is also its stored form.

    Fields that this version doesn't know were checked by nobody: they are taken out.
    """
    message.DiscardUnknownFields()
    return NewCall(message.priority, message.SerializeToString())


def stored_call_spec(stored: bytes, defaults: CallDefaults = _NO_DEFAULTS) -> CallSpec:
    """The spec of a call in its stored form, as ``NewCall`` has it, completed by ``defaults``."""
    return call_spec_from_proto(call_pb2.CallSpec.FromString(stored), defaults)


def check_stored_call_spec(stored: bytes) -> None:
    """Find out whether ``stored_call_spec`` can read it. Raises what that raises."""
    call_pb2.CallSpec.FromString(stored)


def _plain(values: Mapping[str, str]) -> dict[str, str]:
    # Most calls have none, and asking first is several times faster than to copy nothing.
    return dict(values) if values else {}


def call_defaults_to_proto(defaults: CallDefaults) -> batch_pb2.CallDefaults:
    """The message of ``defaults``."""
    message = batch_pb2.CallDefaults(voice_id=defaults.voice_id, caller_id=defaults.caller_id)
    if defaults.script is not None:
        fill_script(message.script, defaults.script)
    return message


def call_defaults_from_proto(message: batch_pb2.CallDefaults) -> CallDefaults:
    """The record of ``message``."""
    return CallDefaults(
        voice_id=message.voice_id,
        caller_id=message.caller_id,
        script=script_from_proto(message.script) if message.HasField("script") else None,
    )


def fill_retry_config(message: retry_config_pb2.RetryConfig, retry: RetryConfig) -> None:
    """Write ``retry`` into an empty ``message``, defaults included."""
    message.max_attempts = retry.max_attempts
    set_duration(message.delay, retry.delay_s)
    message.backoff_multiplier = retry.backoff_multiplier
    set_duration(message.max_delay, retry.max_delay_s)
    message.jitter = retry.jitter
    message.retry_on.extend(sorted(OUTCOME_VALUES[outcome] for outcome in retry.retry_on))


def retry_config_to_proto(retry: RetryConfig) -> retry_config_pb2.RetryConfig:
    """The message of ``retry``, defaults included.

    An empty ``retry_on`` can't be told from the default on the wire: the default comes back.
    """
    message = retry_config_pb2.RetryConfig()
    fill_retry_config(message, retry)
    return message


def retry_config_from_proto(message: retry_config_pb2.RetryConfig) -> RetryConfig:
    """The record of ``message``, with the defaults of ``RetryConfig`` where it says nothing.

    A delay that is longer than the default of ``max_delay`` is its own longest.
    """
    default = _DEFAULT_RETRY
    has = message.HasField
    delay_s = duration_s(message.delay) if has("delay") else default.delay_s
    longest_s = max(delay_s, default.max_delay_s)
    return RetryConfig(
        max_attempts=message.max_attempts if has("max_attempts") else default.max_attempts,
        delay_s=delay_s,
        backoff_multiplier=(
            message.backoff_multiplier if has("backoff_multiplier") else default.backoff_multiplier
        ),
        max_delay_s=duration_s(message.max_delay) if has("max_delay") else longest_s,
        jitter=message.jitter,
        retry_on=frozenset(OUTCOME_WORDS[v] for v in message.retry_on) or default.retry_on,
    )


def batch_spec_from_proto(
    message: batch_pb2.BatchSpec,
    *,
    batch_id: str,
    request_id: str,
    request_digest: bytes,
    default_carrier: str,
) -> BatchSpec:
    """The record of a valid ``message``, with its defaults filled in."""
    return BatchSpec(
        batch_id=batch_id,
        request_id=request_id,
        request_digest=request_digest,
        carrier=message.carrier or default_carrier,
        settings=_settings_from_proto(message),
        defaults=call_defaults_from_proto(message.call_defaults),
        start_time_us=microseconds(message.start_time),
    )


def _settings_from_proto(message: batch_pb2.BatchSpec) -> BatchSettings:
    default = _DEFAULT_SETTINGS
    has = message.HasField
    return BatchSettings(
        concurrency=message.concurrency if has("concurrency") else default.concurrency,
        max_calls_per_second=message.max_calls_per_second,
        priority=message.priority if has("priority") else default.priority,
        retry=retry_config_from_proto(message.retry_config),
        retry_order=RETRY_ORDER_WORDS.get(message.retry_order, default.retry_order),
        display_name=message.display_name,
        labels=dict(message.labels),
        callback_url=message.callback_url,
    )
