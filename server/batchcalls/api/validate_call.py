"""Whether calls can be accepted: numbers, scripts, and the limits of the rest.

A call without a script has the batch's. Where that one itself is no good, the batch says so
once; its calls answer only for the variables that it needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from batchcalls.api.findings import at_most, below, between, entries
from batchcalls.carriers.base import NumberPolicy
from batchcalls.core import script as scripts
from batchcalls.core.model import Script
from batchcalls.errors import Reason, Violation
from batchcalls.phone_numbers import number_violation
from batchcalls.v1 import script_pb2
from batchcalls.v1.call_pb2 import CallSpec
from batchcalls.wire.spec import script_from_proto

MAX_VOICE_ID_CHARACTERS = 128
MAX_CALLER_ID_CHARACTERS = 64
_MAX_REFERENCE_ID_CHARACTERS = 128
_MAX_SCRIPT_TYPE_CHARACTERS = 64
_MAX_VALUE_CHARACTERS = 1_024
_MAX_PRIORITY = 1_000


class _AnyVariable(dict[str, str]):
    """Variables of calls that aren't known yet: every name may be among them."""

    def __contains__(self, name: object) -> bool:
        return True


_ANY_VARIABLE = _AnyVariable()


def call_violations(
    calls: Sequence[CallSpec],
    index: int,
    *,
    inherited: Script | None,
    policy: NumberPolicy,
) -> Iterator[Violation]:
    """Everything that is wrong with the call at ``index``.

    ``inherited`` is the script of calls without one, ``policy`` what the carrier asks of
    numbers. Paths begin with ``calls[index]``.
    """
    return below(f"calls[{index}]", _call_violations(calls[index], inherited, policy))


def default_script_violations(message: script_pb2.Script) -> Iterator[Violation]:
    """What is wrong with a batch's script whatever variables its calls give."""
    script = script_from_proto(message)
    yield from _script_violations(script, scripts.violations(script, _ANY_VARIABLE))


def _call_violations(
    call: CallSpec, inherited: Script | None, policy: NumberPolicy
) -> Iterator[Violation]:
    wrong = number_violation(call.phone_number, policy)
    if wrong:
        yield Violation("phone_number", wrong, Reason.INVALID_PHONE_NUMBER)
    if call.HasField("script"):
        script = script_from_proto(call.script)
        yield from _script_violations(script, scripts.violations(script, call.variables))
    else:
        yield from _inherited_violations(call, inherited)
    yield from at_most("voice_id", call.voice_id, MAX_VOICE_ID_CHARACTERS)
    yield from between("priority", call.priority, -_MAX_PRIORITY, _MAX_PRIORITY)
    yield from entries("variables", call.variables, _MAX_VALUE_CHARACTERS)
    yield from entries("metadata", call.metadata, _MAX_VALUE_CHARACTERS)
    yield from at_most("reference_id", call.reference_id, _MAX_REFERENCE_ID_CHARACTERS)
    yield from at_most("caller_id", call.caller_id, MAX_CALLER_ID_CHARACTERS)


def _script_violations(script: Script, problems: Sequence[scripts.Problem]) -> Iterator[Violation]:
    for path, description in problems:
        field = f"script.{path}" if path else "script"
        yield Violation(field, description, Reason.INVALID_SCRIPT)
    if len(script.type) > _MAX_SCRIPT_TYPE_CHARACTERS:
        yield from at_most("script.type", script.type, _MAX_SCRIPT_TYPE_CHARACTERS)


def _inherited_violations(call: CallSpec, inherited: Script | None) -> Iterator[Violation]:
    if inherited is None:
        yield Violation("script", "is missing, and the batch gives none", Reason.INVALID_SCRIPT)
    elif not scripts.violations(inherited, _ANY_VARIABLE):
        for path, description in scripts.violations(inherited, call.variables):
            if path:
                words = f"{description}, but the batch's script names it"
                yield Violation("variables", words, Reason.INVALID_SCRIPT)
            else:
                yield Violation("script", f"of the batch {description}", Reason.INVALID_SCRIPT)
