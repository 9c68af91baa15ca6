"""Whether what a reader asks for can be answered: ids, filters, sequences, intervals.

Each function notes what is wrong in the ``Findings`` and returns what is asked for, in the
words of the core; what it returns counts only if the findings are empty in the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from batchcalls.api.findings import Findings, required
from batchcalls.errors import Violation
from batchcalls.v1.batch_calls_service_pb2 import WatchBatchRequest
from batchcalls.wire.spec import duration_s

DEFAULT_INTERVAL_S = 0.2
"""The shortest time between two states of a watched batch, when nobody says."""
MIN_INTERVAL_S = 0.05
MAX_INTERVAL_S = 3_600.0

MAX_FILTER_VALUES = 64
"""The most values in a filter; there are fewer words than that to filter by."""

Word = TypeVar("Word", bound=StrEnum)


def only_id(path: str, value: str) -> str:
    """The id in a request that holds nothing else to check.

    Raises:
      InvalidRequest: it isn't given.
    """
    findings = Findings()
    findings.add(required(path, value))
    findings.finish()
    return value


def filter_words(
    findings: Findings, path: str, values: Sequence[int], words: Mapping[int, Word]
) -> frozenset[Word]:
    """The words of a filter; empty means all.

    How many there are is looked at first: a request has room for millions, and each would be
    named in turn while everybody else waits.
    """
    if len(values) > MAX_FILTER_VALUES:
        allowed = f"at most {MAX_FILTER_VALUES} are allowed"
        findings.add([Violation(path, f"has {len(values):,} values; {allowed}")])
        return frozenset()
    found = set()
    for index, value in enumerate(values):
        if value in words:
            found.add(words[value])
        else:
            findings.add([Violation(f"{path}[{index}]", f"{value} isn't one to filter by")])
    return frozenset(found)


def after_sequence(findings: Findings, sequence: int) -> int:
    """The last sequence that a reader has."""
    if sequence < 0:
        findings.add([Violation("after_sequence", f"must not be negative, not {sequence:,}")])
    return sequence


def min_interval_s(findings: Findings, request: WatchBatchRequest) -> float:
    """The shortest time between two states, in seconds."""
    if not request.HasField("min_interval"):
        return DEFAULT_INTERVAL_S
    interval_s = duration_s(request.min_interval)
    if not MIN_INTERVAL_S <= interval_s <= MAX_INTERVAL_S:
        findings.add([Violation("min_interval", f"must be 50 ms to 1 h, not {interval_s:,} s")])
    return interval_s
