"""Whether the part of a batch that isn't its calls can be accepted.

Paths are those inside a ``BatchSpec``. The server's limit on concurrency isn't checked here:
above it a request is well-formed, but refused for another reason.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from batchcalls.api.findings import at_most, below, between, entries
from batchcalls.api.validate_call import (
    MAX_CALLER_ID_CHARACTERS,
    MAX_VOICE_ID_CHARACTERS,
    default_script_violations,
)
from batchcalls.core.model import RETRYABLE_OUTCOMES
from batchcalls.errors import Violation
from batchcalls.v1.batch_pb2 import BatchSpec, CallDefaults
from batchcalls.v1.retry_config_pb2 import RetryConfig
from batchcalls.wire.spec import duration_s
from batchcalls.wire.words import OUTCOME_WORDS, RETRY_ORDER_WORDS

_MAX_NAME_CHARACTERS = 200
_MAX_LABEL_CHARACTERS = 255
_MAX_URL_CHARACTERS = 2_048
_MAX_CALLS_PER_SECOND = 10_000
_MAX_PRIORITY = 100
_MAX_ATTEMPTS = 100
_MAX_MULTIPLIER = 10
_MAX_DELAY_DAYS = 30
_DAY_S = 86_400
_NANOS = range(1_000_000_000)
_FIRST_S = -62_135_596_800
"""0001-01-01T00:00:00Z in seconds since the epoch: the first time that a timestamp holds."""
_LAST_S = 253_402_300_799
"""9999-12-31T23:59:59Z, the last one."""
_RETRYABLE = ", ".join(word for word in OUTCOME_WORDS.values() if word in RETRYABLE_OUTCOMES)


def batch_violations(batch: BatchSpec, carriers: Collection[str]) -> Iterator[Violation]:
    """Everything that is wrong with ``batch`` for a server that has these ``carriers``."""
    yield from at_most("display_name", batch.display_name, _MAX_NAME_CHARACTERS)
    yield from entries("labels", batch.labels, _MAX_LABEL_CHARACTERS)
    yield from _pace_violations(batch)
    yield from below("retry_config", _retry_violations(batch.retry_config))
    if batch.retry_order and batch.retry_order not in RETRY_ORDER_WORDS:
        yield Violation("retry_order", f"{batch.retry_order} is none of this server's")
    yield from _url_violations("callback_url", batch.callback_url)
    if batch.carrier and batch.carrier not in carriers:
        yield Violation("carrier", f"is unknown; the server has {', '.join(sorted(carriers))}")
    yield from _time_violations("start_time", batch.start_time)
    yield from below("call_defaults", _default_violations(batch.call_defaults))


def _pace_violations(batch: BatchSpec) -> Iterator[Violation]:
    if batch.HasField("concurrency") and batch.concurrency < 1:
        yield Violation("concurrency", f"must be at least 1, not {batch.concurrency:,}")
    rate = batch.max_calls_per_second
    yield from between("max_calls_per_second", rate, 0, _MAX_CALLS_PER_SECOND)
    if batch.HasField("priority"):
        yield from between("priority", batch.priority, 1, _MAX_PRIORITY)


def _retry_violations(retry: RetryConfig) -> Iterator[Violation]:
    if retry.HasField("max_attempts"):
        yield from between("max_attempts", retry.max_attempts, 1, _MAX_ATTEMPTS)
    yield from _delay_violations("delay", retry.delay)
    if retry.HasField("backoff_multiplier"):
        yield from between("backoff_multiplier", retry.backoff_multiplier, 1, _MAX_MULTIPLIER)
    yield from _delay_violations("max_delay", retry.max_delay)
    if retry.HasField("max_delay") and 0 <= duration_s(retry.max_delay) < duration_s(retry.delay):
        delay = f"the delay of {duration_s(retry.delay):,g} s"
        yield Violation("max_delay", f"must not be below {delay}, which it would cut")
    yield from between("jitter", retry.jitter, 0, 1)
    for index, value in enumerate(retry.retry_on):
        if OUTCOME_WORDS.get(value) not in RETRYABLE_OUTCOMES:
            yield Violation(f"retry_on[{index}]", f"can't be retried; what can is {_RETRYABLE}")


def _delay_violations(path: str, delay: Duration) -> Iterator[Violation]:
    if delay.nanos not in _NANOS or not 0 <= duration_s(delay) <= _MAX_DELAY_DAYS * _DAY_S:
        yield Violation(path, f"must be 0 to {_MAX_DELAY_DAYS} days, not {duration_s(delay):,} s")


def _time_violations(path: str, time: Timestamp) -> Iterator[Violation]:
    if time.nanos not in _NANOS or not _FIRST_S <= time.seconds <= _LAST_S:
        yield Violation(path, "is no time in the years 1 to 9999")


def _url_violations(path: str, url: str) -> Iterator[Violation]:
    yield from at_most(path, url, _MAX_URL_CHARACTERS)
    if url and not _is_web_address(url):
        yield Violation(path, "must be an http or https URL with a host")


def _is_web_address(url: str) -> bool:
    if any(letter <= " " or letter == "\x7f" for letter in url):
        return False  # urlsplit drops some of them in silence
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0


def _default_violations(defaults: CallDefaults) -> Iterator[Violation]:
    yield from at_most("voice_id", defaults.voice_id, MAX_VOICE_ID_CHARACTERS)
    yield from at_most("caller_id", defaults.caller_id, MAX_CALLER_ID_CHARACTERS)
    if defaults.HasField("script"):
        yield from default_script_violations(defaults.script)
