"""What a submitted batch may hold, but hardly means.

A request with warnings is good: they come back beside the batch. What is found follows from the
request alone, so a request that is repeated is warned about again. As in ``validate``, a large
request is looked through in steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from batchcalls.core import script as scripts
from batchcalls.core.model import Script
from batchcalls.v1 import warning_pb2
from batchcalls.v1.batch_calls_service_pb2 import SubmitBatchRequest
from batchcalls.v1.batch_pb2 import BatchSpec
from batchcalls.v1.call_pb2 import CallSpec
from batchcalls.v1.warning_pb2 import (
    WARNING_REASON_DELAY_WITHOUT_ATTEMPTS,
    WARNING_REASON_DUPLICATE_NUMBER,
    WARNING_REASON_EMPTY_VARIABLE,
    WARNING_REASON_SINGLE_BRACES,
    WarningReason,
)
from batchcalls.wire.spec import duration_s, script_from_proto

MAX_WARNINGS: Final = 100
"""The most warnings that one answer lists; the total is always stated."""

STEP_BYTES: Final = 160 * 1024
"""How much one step looks at: a few milliseconds, in which nothing else runs."""

_CALL_BYTES: Final = 100
"""What a call weighs in a step beside what it holds."""


class _Oddity(NamedTuple):
    """One warning."""

    field: str
    description: str
    reason: WarningReason.ValueType


class Warnings:
    """The warnings about a valid ``request``: the first ``MAX_WARNINGS``, and how many there are.

    There are none before somebody has iterated over ``look``.
    """

    def __init__(self, request: SubmitBatchRequest) -> None:
        self._request = request
        self._listed: list[_Oddity] = []
        self.total = 0

    def __repr__(self) -> str:
        return f"<Warnings: {self.total}>"

    def look(self) -> Iterator[None]:
        """Look through the request in steps: iterate to the end."""
        self._add(_batch_oddities(self._request.batch))
        inherited = script_from_proto(self._request.batch.call_defaults.script)
        first_with: dict[str, int] = {}
        for step, calls in enumerate(_in_steps(self._request.calls)):
            if step:
                yield
            self._add(_calls_oddities(calls, inherited, first_with))

    def listed(self) -> list[warning_pb2.Warning]:
        """Those that the answer lists, in the order of the request."""
        return [warning_pb2.Warning(**oddity._asdict()) for oddity in self._listed]

    def _add(self, oddities: Iterable[_Oddity]) -> None:
        rest = iter(oddities)
        fresh = list(islice(rest, MAX_WARNINGS - len(self._listed)))
        self._listed += fresh
        self.total += len(fresh) + sum(1 for _ in rest)


def _in_steps(calls: Iterable[CallSpec]) -> Iterator[list[tuple[int, CallSpec]]]:
    """The calls with their places, so many at a time that they weigh ``STEP_BYTES``."""
    step, size = [], 0
    for place in enumerate(calls):
        step.append(place)
        size += _CALL_BYTES + place[1].ByteSize()
        if size >= STEP_BYTES:
            yield step
            step, size = [], 0
    yield step


def _calls_oddities(
    calls: Iterable[tuple[int, CallSpec]], inherited: Script, first_with: dict[str, int]
) -> Iterator[_Oddity]:
    """Those of one step; ``first_with`` keeps where each number was met first."""
    for index, call in calls:
        first = first_with.setdefault(call.phone_number, index)
        if first != index:
            yield _duplicate(index, first)
        if call.HasField("script"):
            script = script_from_proto(call.script)
            yield from _script_oddities(f"calls[{index}].script", script)
            yield from _blanks(index, call, script)
        else:
            yield from _blanks(index, call, inherited)


def _duplicate(index: int, first: int) -> _Oddity:
    return _Oddity(
        f"calls[{index}].phone_number",
        f"is that of calls[{first}] too; the person is called for each",
        WARNING_REASON_DUPLICATE_NUMBER,
    )


def _blanks(index: int, call: CallSpec, script: Script) -> Iterator[_Oddity]:
    # Without `items`, which takes twice as long.
    blank = [name for name in call.variables if not call.variables[name].strip()]
    # Hardly a call has one, and only then are the names in the script worth a search.
    for name in sorted(scripts.names(script).intersection(blank)) if blank else ():
        yield _Oddity(
            f"calls[{index}].variables[{name}]",
            "is empty; the script says nothing in its place",
            WARNING_REASON_EMPTY_VARIABLE,
        )


def _batch_oddities(batch: BatchSpec) -> Iterator[_Oddity]:
    delay_s = duration_s(batch.retry_config.delay)
    if delay_s and batch.retry_config.max_attempts <= 1:
        yield _Oddity(
            "batch.retry_config.delay",
            f"is {delay_s:,g} s, but max_attempts is 1: no call is tried again",
            WARNING_REASON_DELAY_WITHOUT_ATTEMPTS,
        )
    if batch.call_defaults.HasField("script"):
        script = script_from_proto(batch.call_defaults.script)
        yield from _script_oddities("batch.call_defaults.script", script)


def _script_oddities(field: str, script: Script) -> Iterator[_Oddity]:
    for path, description in scripts.oddities(script):
        yield _Oddity(f"{field}.{path}", description, WARNING_REASON_SINGLE_BRACES)
