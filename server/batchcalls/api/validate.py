"""Whether a submitted batch can be accepted.

Every rule that the comments of the proto state is checked, and every violation is found. A
request may hold 100,000 calls, and checking them takes a second or so: ``check_submit`` goes
in steps of one call, so that the caller can let others run in between. It changes nothing and
asks nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from batchcalls.api.findings import Findings, at_most, below
from batchcalls.api.validate_batch import batch_violations
from batchcalls.api.validate_call import call_violations
from batchcalls.carriers.base import NumberPolicy
from batchcalls.core.model import Script
from batchcalls.errors import Violation
from batchcalls.v1.batch_calls_service_pb2 import SubmitBatchRequest
from batchcalls.v1.batch_pb2 import BatchSpec
from batchcalls.wire.spec import script_from_proto

_BATCH_ID = re.compile("batch_[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_MAX_REQUEST_ID_CHARACTERS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitRules:
    """What this server asks of a batch.

    ``number_policies`` holds every carrier that the server has, by name, ``default_carrier``
    among them. ``max_calls`` is the most calls in one request.
    """

    number_policies: Mapping[str, NumberPolicy]
    default_carrier: str
    max_calls: int = 100_000

    def number_policy(self, carrier: str) -> NumberPolicy:
        """The policy of ``carrier``; of one that is unknown, what all have in common."""
        return self.number_policies.get(carrier or self.default_carrier, NumberPolicy.SHAPE)


def check_submit(request: SubmitBatchRequest, rules: SubmitRules) -> Iterator[None]:
    """Check ``request`` in steps: iterate to the end.

    Raises:
      InvalidRequest: fields are wrong; all of them were checked.
    """
    findings = Findings()
    findings.add(_request_violations(request, rules))
    findings.add(below("batch", batch_violations(request.batch, rules.number_policies)))
    policy = rules.number_policy(request.batch.carrier)
    inherited = _inherited_script(request.batch)
    for index in range(min(len(request.calls), rules.max_calls)):
        findings.add(call_violations(request.calls, index, inherited=inherited, policy=policy))
        yield
    findings.finish()


def _request_violations(request: SubmitBatchRequest, rules: SubmitRules) -> Iterator[Violation]:
    yield from at_most("request_id", request.request_id, _MAX_REQUEST_ID_CHARACTERS)
    if request.batch_id and not _BATCH_ID.fullmatch(request.batch_id):
        yield Violation(
            "batch_id",
            'must be "batch_" and 1 to 40 of a to z, 0 to 9 and "-", neither first nor last a "-"',
        )
    if not request.calls:
        yield Violation("calls", "a batch has at least one call")
    if len(request.calls) > rules.max_calls:
        yield Violation(
            "calls", f"has {len(request.calls):,}; at most {rules.max_calls:,} are allowed"
        )


def _inherited_script(batch: BatchSpec) -> Script | None:
    defaults = batch.call_defaults
    return script_from_proto(defaults.script) if defaults.HasField("script") else None
