"""The rules for a batch without its calls: each bound of the proto, from both sides."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from batchcalls.core.model import RETRYABLE_OUTCOMES, Outcome
from batchcalls.v1.batch_pb2 import BatchSpec
from batchcalls.v1.outcome_pb2 import OUTCOME_BUSY, OUTCOME_UNSPECIFIED
from batchcalls.wire.words import OUTCOME_VALUES
from tests.api.requests import found, good

Change = Callable[[BatchSpec], object]
DAYS_30 = 30 * 86_400


def setting(name: str, value: object) -> Change:
    def change(batch: BatchSpec) -> None:
        target = batch
        *parents, field = name.split(".")
        for parent in parents:
            target = getattr(target, parent)
        setattr(target, field, value)

    return change


def changed(*changes: Change) -> list[str]:
    request = good()
    for change in changes:
        change(request.batch)
    return found(request)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("display_name", "n" * 200),
        ("concurrency", 1),
        ("max_calls_per_second", 0.0),
        ("max_calls_per_second", 10_000.0),
        ("priority", 1),
        ("priority", 100),
        ("retry_config.max_attempts", 1),
        ("retry_config.max_attempts", 100),
        ("retry_config.delay.seconds", DAYS_30),
        ("retry_config.max_delay.nanos", 1),
        ("retry_config.backoff_multiplier", 1.0),
        ("retry_config.backoff_multiplier", 10.0),
        ("retry_config.jitter", 0.0),
        ("retry_config.jitter", 1.0),
        ("callback_url", ""),
        ("callback_url", "http://localhost:8080/events"),
        ("callback_url", "https://[::1]/?a=b"),
        ("carrier", "simulator"),
        ("start_time.seconds", 1),
        ("start_time.seconds", -62_135_596_800),
        ("call_defaults.voice_id", "v" * 128),
        ("call_defaults.caller_id", "c" * 64),
    ],
)
def test_a_value_inside_its_bounds_passes(name: str, value: object) -> None:
    """The ends of every range are good."""
    assert changed(setting(name, value)) == []


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("display_name", "n" * 201, "display_name"),
        ("concurrency", 0, "concurrency"),
        ("concurrency", -1, "concurrency"),
        ("max_calls_per_second", -0.1, "max_calls_per_second"),
        ("max_calls_per_second", 10_001.0, "max_calls_per_second"),
        ("max_calls_per_second", float("nan"), "max_calls_per_second"),
        ("priority", 0, "priority"),
        ("priority", 101, "priority"),
        ("retry_config.max_attempts", 0, "retry_config.max_attempts"),
        ("retry_config.max_attempts", 101, "retry_config.max_attempts"),
        ("retry_config.delay.seconds", -1, "retry_config.delay"),
        ("retry_config.delay.seconds", DAYS_30 + 1, "retry_config.delay"),
        ("retry_config.delay.nanos", -1, "retry_config.delay"),
        ("retry_config.delay.nanos", 1_000_000_000, "retry_config.delay"),
        ("retry_config.max_delay.seconds", -1, "retry_config.max_delay"),
        ("retry_config.backoff_multiplier", 0.9, "retry_config.backoff_multiplier"),
        ("retry_config.backoff_multiplier", 10.1, "retry_config.backoff_multiplier"),
        ("retry_config.jitter", -0.1, "retry_config.jitter"),
        ("retry_config.jitter", 1.1, "retry_config.jitter"),
        ("callback_url", "example.com", "callback_url"),
        ("callback_url", "ftp://example.com", "callback_url"),
        ("callback_url", "http://", "callback_url"),
        ("callback_url", "http://example.com/a b", "callback_url"),
        ("callback_url", "http://example.com/\n", "callback_url"),
        ("callback_url", "http://example.com:99999/", "callback_url"),
        ("callback_url", "http://[::1", "callback_url"),
        ("callback_url", "http://a/" + "b" * 2040, "callback_url"),
        ("carrier", "nobody", "carrier"),
        ("start_time.nanos", -1, "start_time"),
        ("start_time.seconds", 253_402_300_800, "start_time"),
        ("call_defaults.voice_id", "v" * 129, "call_defaults.voice_id"),
        ("call_defaults.caller_id", "c" * 65, "call_defaults.caller_id"),
    ],
)
def test_a_value_outside_its_bounds_is_refused(name: str, value: object, path: str) -> None:
    """The path names the field, below ``batch``."""
    assert changed(setting(name, value)) == [f"batch.{path}"]


def test_labels_are_bounded() -> None:
    """255 characters pass, 256 don't."""
    assert changed(lambda batch: batch.labels.update({"k": "v" * 255})) == []
    assert changed(lambda batch: batch.labels.update({"k": "v" * 256})) == ["batch.labels[k]"]


@pytest.mark.parametrize("outcome", Outcome)
def test_only_some_outcomes_can_be_retried(outcome: Outcome) -> None:
    """A completed call, for one, isn't tried again."""
    value = OUTCOME_VALUES[outcome]
    paths = changed(lambda batch: batch.retry_config.retry_on.append(value))
    assert (paths == []) == (outcome in RETRYABLE_OUTCOMES)


def test_unspecified_is_no_outcome_to_retry() -> None:
    """The violation names its place in the list."""
    paths = changed(
        lambda batch: batch.retry_config.retry_on.extend([OUTCOME_BUSY, OUTCOME_UNSPECIFIED])
    )
    assert paths == ["batch.retry_config.retry_on[1]"]


def test_a_longest_delay_that_would_cut_the_delay_is_refused() -> None:
    """No delay is cut in silence; the longest may be as long as the first."""
    delay, longest = "retry_config.delay.seconds", "retry_config.max_delay.seconds"
    assert changed(setting(delay, 90), setting(longest, 60)) == ["batch.retry_config.max_delay"]
    assert changed(setting(delay, 90), setting(longest, 90)) == []
    assert changed(setting(longest, 60)) == []


def test_a_retry_order_that_is_unknown_is_refused() -> None:
    """A word of a newer version isn't taken for the default."""
    assert changed(setting("retry_order", 9)) == ["batch.retry_order"]
    assert changed(setting("retry_order", 2)) == []
