"""Which phone numbers are accepted, by the policy of the carrier that would dial them.

A number is written as E.164: ``+``, country code, the rest, nothing else. Whether anyone
answers there, only a dial tells.
"""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import ValidationResult

from batchcalls.carriers.base import NumberPolicy

_SHAPE = re.compile(r"\+[0-9]{7,15}")

_IMPOSSIBLE = {
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "lacks its area code",
    ValidationResult.TOO_SHORT: "is too short for its country",
    ValidationResult.TOO_LONG: "is too long for its country",
}


def number_violation(number: str, policy: NumberPolicy) -> str | None:
    """What is wrong with ``number`` under ``policy``, as the end of a sentence; None if nothing.

    The number itself isn't repeated: it is personal data, and the field's path names it.
    """
    if not _SHAPE.fullmatch(number):
        return 'must be "+" and 7 to 15 digits, with nothing between them'
    if policy is NumberPolicy.SHAPE:
        return None
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return "has no known country code"
    length = phonenumbers.is_possible_number_with_reason(parsed)
    if length != ValidationResult.IS_POSSIBLE:
        return _IMPOSSIBLE.get(length, "has a length that its country doesn't use")
    if policy is NumberPolicy.VALID and not phonenumbers.is_valid_number(parsed):
        return "is in no range that its country has assigned"
    return None
