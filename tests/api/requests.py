"""Requests that are good but for what a test changes in them, and how they are checked."""

from __future__ import annotations

from batchcalls.api.validate import SubmitRules, check_submit
from batchcalls.carriers.base import NumberPolicy
from batchcalls.errors import InvalidRequest
from batchcalls.v1.batch_calls_service_pb2 import SubmitBatchRequest

RULES = SubmitRules(
    number_policies={"simulator": NumberPolicy.SHAPE, "trunk": NumberPolicy.POSSIBLE},
    default_carrier="simulator",
    max_calls=1_000,
)


def good(*, calls: int = 1) -> SubmitBatchRequest:
    request = SubmitBatchRequest()
    for _ in range(calls):
        call = request.calls.add(phone_number="+15550100000")
        call.script.text = "Hello."
    return request


def check(request: SubmitBatchRequest) -> None:
    for _ in check_submit(request, RULES):
        pass


def found(request: SubmitBatchRequest) -> list[str]:
    """The paths of everything that is wrong with ``request``."""
    try:
        check(request)
    except InvalidRequest as error:
        return [violation.field for violation in error.violations]
    return []
