"""Phone numbers: which policy takes which, and what it says of the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcalls.carriers.base import NumberPolicy
from batchcalls.phone_numbers import number_violation

SHAPE = 'must be "+" and 7 to 15 digits, with nothing between them'


@pytest.mark.parametrize(
    "number", ["+0987654321", "+1234567", "+123456789012345", "+15550100007", "+0000000"]
)
def test_shape_takes_a_plus_and_seven_to_fifteen_digits(number: str) -> None:
    """The shape alone asks for no country and no range."""
    assert number_violation(number, NumberPolicy.SHAPE) is None


@pytest.mark.parametrize(
    "number",
    [
        "",
        "+",
        "15550100007",
        "0015550100007",
        "++15550100007",
        "+123456",
        "+1234567890123456",
        "+1 555 010 0007",
        "+1-555-0100007",
        "+1555010000a",
        "+1555010000\n",
        " +15550100007",
        "+١٢٣٤٥٦٧٨",
        "tel:+15550100007",
        "+15550100007;ext=5",
    ],
)
@pytest.mark.parametrize("policy", NumberPolicy)
def test_every_policy_refuses_what_has_no_shape(number: str, policy: NumberPolicy) -> None:
    """Spaces, letters, extensions, other digits and wrong lengths are refused by all."""
    assert number_violation(number, policy) == SHAPE


@pytest.mark.parametrize("policy", NumberPolicy)
@pytest.mark.parametrize("number", ["+14155552671", "+442079460018", "+4930901820", "+33140205050"])
def test_every_policy_takes_a_number_that_is_in_use(number: str, policy: NumberPolicy) -> None:
    """Numbers of assigned ranges pass."""
    assert number_violation(number, policy) is None


@pytest.mark.parametrize("policy", [NumberPolicy.POSSIBLE, NumberPolicy.VALID])
@pytest.mark.parametrize(
    ("number", "description"),
    [
        ("+0987654321", "has no known country code"),
        ("+99912345678", "has no known country code"),
        ("+1415555267", "is too short for its country"),
        ("+141555526711", "is too long for its country"),
        ("+5552671", "is too short for its country"),
    ],
)
def test_a_number_of_impossible_length_is_refused(
    number: str, description: str, policy: NumberPolicy
) -> None:
    """POSSIBLE and VALID ask for a country and for a length that it uses."""
    assert number_violation(number, policy) == description


@pytest.mark.parametrize("number", ["+15550100007", "+11234567890"])
def test_valid_asks_for_an_assigned_range(number: str) -> None:
    """A number of possible length that nobody can have is refused by VALID alone."""
    assert number_violation(number, NumberPolicy.POSSIBLE) is None
    expected = "is in no range that its country has assigned"
    assert number_violation(number, NumberPolicy.VALID) == expected


def test_a_number_without_its_area_code_is_refused() -> None:
    """A length that reaches someone only from nearby is no length to dial from afar."""
    assert number_violation("+15550100", NumberPolicy.POSSIBLE) == "lacks its area code"


@given(number=st.from_regex(r"\+[0-9]{7,15}", fullmatch=True) | st.text())
def test_each_policy_is_stricter_than_the_one_before(number: str) -> None:
    """What VALID takes, POSSIBLE takes; what POSSIBLE takes, SHAPE takes; nothing crashes."""
    shape, possible, valid = (number_violation(number, policy) for policy in NumberPolicy)
    assert shape is None or (possible == valid == shape == SHAPE)
    assert possible is None or valid == possible


@given(number=st.from_regex(r"\+[0-9]{7,15}", fullmatch=True))
def test_the_number_is_never_repeated(number: str) -> None:
    """Descriptions end up in logs, where phone numbers have no place."""
    for policy in NumberPolicy:
        assert number[1:] not in (number_violation(number, policy) or "")
