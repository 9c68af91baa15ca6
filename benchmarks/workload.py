"""What is dialed: a number of people, how they behave, and the batch that calls them.

One record makes the batch in every form that is needed, for an engine in this process, for a
server, and for the simulator, so that all of them do the same work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from batchcalls.core.model import BatchSettings, BatchSpec, CallSpec, RetryConfig, Script
from batchcalls.document import batch_request
from batchcalls.v1.batch_calls_service_pb2 import SubmitBatchRequest
from batchcalls_simulator.options import SimulatorOptions, read_options

NOBODY_ELSE: Mapping[str, str] = {
    "busy_rate": "0",
    "no_answer_rate": "0",
    "failed_rate": "0",
    "rejected_rate": "0",
    "invalid_rate": "0",
    "voicemail_rate": "0",
    "post_dial_delay": "0",
    "ring_time": "0",
    "seed": "1",
}
"""Everybody answers at once, unless an option says otherwise."""

DAYTIME: Mapping[str, str] = {
    "busy_rate": "0.15",
    "no_answer_rate": "0.25",
    "failed_rate": "0.02",
    "voicemail_rate": "0.2",
    "post_dial_delay": "lognormal:2,0.4",
    "ring_time": "lognormal:8,0.5",
    "talk_time": "lognormal:60,0.5",
}
"""People as they are on a working day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A batch of ``calls`` to numbers that aren't magic.

    ``people`` are options of the simulator over ``NOBODY_ELSE``. ``max_calls_per_second`` of 0
    is no limit. ``delay_s`` is the time before a retry.
    """

    calls: int
    concurrency: int
    people: Mapping[str, str] = field(default_factory=dict)
    max_attempts: int = 1
    delay_s: float = 0.0
    max_calls_per_second: float = 0.0

    @property
    def options(self) -> dict[str, str]:
        """The options of the simulator, as the command line has them."""
        return {**NOBODY_ELSE, **self.people}

    @property
    def simulation(self) -> SimulatorOptions:
        """The same, read."""
        return read_options(self.options)

    @property
    def retry(self) -> RetryConfig:
        """How calls are tried again."""
        return RetryConfig(max_attempts=self.max_attempts, delay_s=self.delay_s)

    def batch_spec(self, batch_id: str = "batch_bench") -> BatchSpec:
        """The batch, for an engine in this process."""
        return BatchSpec(
            batch_id=batch_id,
            carrier="simulator",
            settings=BatchSettings(
                concurrency=self.concurrency,
                max_calls_per_second=self.max_calls_per_second,
                retry=self.retry,
            ),
        )

    def call_specs(self) -> list[CallSpec]:
        """Its calls, for an engine in this process."""
        script = Script(text="hi")
        return [
            CallSpec(phone_number=phone_number(index), script=script) for index in range(self.calls)
        ]

    def request(self, *, start_at_s: float = 0.0) -> SubmitBatchRequest:
        """The batch with its calls, for a server; it starts at once, or at ``start_at_s``."""
        numbers = map(phone_number, range(self.calls))
        request = batch_request(
            {
                "concurrency": self.concurrency,
                "max_calls_per_second": self.max_calls_per_second,
                "retry_config": {"max_attempts": self.max_attempts, "delay": self.delay_s},
                "calls": [{"phone_number": each, "script": {"text": "hi"}} for each in numbers],
            }
        )
        if start_at_s:
            request.batch.start_time.FromMicroseconds(round(start_at_s * 1e6))
        return request


def phone_number(index: int) -> str:
    """The number of the person at ``index``, from 0 to 9,999,999."""
    return f"+1999{index:07d}"
