"""Hypothesis strategies for records that the service can hold."""

from __future__ import annotations

from hypothesis import strategies as st

from batchcalls.core.model import (
    RETRYABLE_OUTCOMES,
    Attempt,
    CallDefaults,
    CallSpec,
    Counts,
    Event,
    EventType,
    Outcome,
    RetryConfig,
    Script,
)

TIMES_US = st.integers(min_value=-(10**15), max_value=2 * 10**17)
INT32 = st.integers(min_value=-(2**31), max_value=2**31 - 1)
COUNT = st.integers(min_value=0, max_value=(2**31 - 1) // 6)  # the total of six is an int32 too
TEXT = st.text(max_size=20)
MAPS = st.dictionaries(TEXT, TEXT, max_size=3)
DELAYS_S = st.integers(min_value=0, max_value=30 * 86_400 * 1000).map(lambda ms: ms / 1000)

SCRIPTS = st.builds(Script, type=TEXT, text=TEXT, steps=st.lists(TEXT, max_size=3).map(tuple))
CALL_SPECS = st.builds(
    CallSpec,
    phone_number=TEXT,
    script=st.none() | SCRIPTS,
    voice_id=TEXT,
    caller_id=TEXT,
    priority=INT32,
    reference_id=TEXT,
    variables=MAPS,
    metadata=MAPS,
)
CALL_DEFAULTS = st.builds(CallDefaults, voice_id=TEXT, caller_id=TEXT, script=st.none() | SCRIPTS)
RETRY_CONFIGS = st.builds(
    RetryConfig,
    max_attempts=st.integers(1, 100),
    delay_s=DELAYS_S,
    backoff_multiplier=st.floats(1, 10),
    max_delay_s=DELAYS_S,
    jitter=st.floats(0, 1),
    retry_on=st.frozensets(st.sampled_from(sorted(RETRYABLE_OUTCOMES)), min_size=1),
)
ATTEMPTS = st.builds(
    Attempt,
    attempt_id=TEXT,
    number=st.integers(1, 100),
    carrier=TEXT,
    start_time_us=TIMES_US,
    outcome=st.none() | st.sampled_from(Outcome),
    carrier_call_id=TEXT,
    carrier_code=TEXT,
    detail=TEXT,
    ring_time_us=TIMES_US,
    answer_time_us=TIMES_US,
    end_time_us=TIMES_US,
)
EVENTS = st.builds(
    Event,
    sequence=st.integers(1, 2**40),
    type=st.sampled_from(EventType),
    time_us=TIMES_US,
    batch_id=st.from_regex("batch_[a-z0-9-]{1,20}", fullmatch=True),
    counts=st.builds(Counts, *[COUNT] * 7),
    position=st.none() | st.integers(0, 999_999_999),
    attempt=st.none() | ATTEMPTS,
    due_time_us=TIMES_US,
)
