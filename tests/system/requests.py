"""Requests that are good but for what a test changes in them."""

from __future__ import annotations

from collections.abc import Iterable

from batchcalls.document import batch_request
from batchcalls.v1.batch_calls_service_pb2 import SubmitBatchRequest

ENDLESS = "+15550100009"
"""The number that never hangs up."""


def numbers(count: int) -> list[str]:
    """Ordinary numbers, all different."""
    return [f"+1999{index:07d}" for index in range(count)]


def batch(
    phone_numbers: Iterable[str] | int = 1,
    *,
    concurrency: int = 100,
    attempts: int = 1,
    delay: float = 0.0,
    **more: object,
) -> SubmitBatchRequest:
    """A batch to these numbers, or to so many; ``more`` is put into the document as it is."""
    wanted = numbers(phone_numbers) if isinstance(phone_numbers, int) else phone_numbers
    return batch_request(
        {
            "concurrency": concurrency,
            "retry_config": {"max_attempts": attempts, "delay": delay},
            "call_defaults": {"script": {"text": "Hello."}},
            "calls": [{"phone_number": number} for number in wanted],
            **more,
        }
    )
