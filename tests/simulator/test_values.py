"""Option values are read from text and from TOML alike, and misread never."""

import pytest

from batchcalls_simulator.values import read_integer, read_number, read_spans


@pytest.mark.parametrize(("value", "number"), [("0.2", 0.2), (3, 3.0), (0.5, 0.5), (" 7 ", 7.0)])
def test_a_number_is_read_from_text_and_from_toml(value: object, number: float) -> None:
    """A command line gives text, TOML gives numbers: both mean the same."""
    assert read_number(value) == number


@pytest.mark.parametrize("value", [True, "many", "", None, [1]])
def test_what_is_no_number_is_refused(value: object) -> None:
    """A truth value or a word in the place of a number is an error, not a guess."""
    with pytest.raises(ValueError, match="must be a number, not"):
        read_number(value)


@pytest.mark.parametrize("value", [True, "1.5", 1.5, "", None])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    """A fraction is never cut down to a whole number in silence."""
    with pytest.raises(ValueError, match="must be a whole number, not"):
        read_integer(value)


def test_spans_are_read_in_the_order_written() -> None:
    """Each span is a start, an end and what follows the colon."""
    assert read_spans("0-8:0.1, 18-24", form="…") == [(0.0, 8.0, "0.1"), (18.0, 24.0, "")]


def test_an_empty_text_has_no_spans() -> None:
    """Nothing written means nothing meant."""
    assert read_spans("", form="…") == []


@pytest.mark.parametrize("value", ["60", "a-b", "60-", 60])
def test_what_is_no_span_is_refused_with_an_example(value: object) -> None:
    """The message shows what the whole text should look like."""
    with pytest.raises(ValueError, match="must look like 1-2,3-4"):
        read_spans(value, form="1-2,3-4")
