"""A campaign: the batch that a document describes, ready to be run in a virtual world.

The document is the one that ``batchcalls submit`` takes, read and checked by the same code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from batchcalls.api.validate import SubmitRules, check_submit
from batchcalls.carriers.base import NumberPolicy
from batchcalls.core.changes import NewCall
from batchcalls.core.model import BatchSpec
from batchcalls.document import batch_request, parse_document
from batchcalls.wire.spec import batch_spec_from_proto, new_call_from_proto

_CARRIER = "simulator"
_BATCH_ID = "batch_plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One batch and its calls. ``start_time_us`` is when it may begin, 0 where nobody said."""

    spec: BatchSpec
    calls: Sequence[NewCall]
    start_time_us: int


def read_campaign(text: str | bytes) -> Campaign:
    """The campaign of a JSON document. Whatever carrier it names, the simulator stands for it.

    Raises:
      ValueError: it isn't JSON.
      InvalidRequest: a field is wrong; every violation is listed.
    """
    request = batch_request(parse_document(text))
    request.batch.carrier = ""
    rules = SubmitRules(
        number_policies={_CARRIER: NumberPolicy.SHAPE},
        default_carrier=_CARRIER,
        max_calls=10_000_000,
    )
    for _ in check_submit(request, rules):
        pass
    spec = batch_spec_from_proto(
        request.batch,
        batch_id=_BATCH_ID,
        request_id="",
        request_digest=b"",
        default_carrier=_CARRIER,
    )
    return Campaign(
        spec=replace(spec, start_time_us=0),
        calls=[new_call_from_proto(call) for call in request.calls],
        start_time_us=spec.start_time_us,
    )
