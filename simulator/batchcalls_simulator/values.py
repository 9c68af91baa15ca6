"""Numbers and spans as options write them: text from a command line or plain TOML values.

Every reader takes what it is given, or raises ``ValueError`` with a text that says what it
must be; it doesn't know the option's name or range.
"""

from __future__ import annotations


def read_number(value: object) -> float:
    """The number that ``value`` is or spells; infinity and NaN pass, ranges refuse them."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"must be a number, not {value!r}")
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"must be a number, not {value!r}") from None


def read_integer(value: object) -> int:
    """The whole number that ``value`` is or spells."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"must be a whole number, not {value!r}")
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"must be a whole number, not {value!r}") from None


def read_spans(value: object, *, form: str) -> list[tuple[float, float, str]]:
    """The spans of ``"60-90,200-210:rest"``: start, end, and what follows the colon.

    ``form`` is an example of the whole text, for the message. An empty text has no spans.
    """
    if not isinstance(value, str):
        raise ValueError(f"must look like {form}, not {value!r}")
    return [_read_span(part, form=form) for part in value.split(",") if value.strip()]


def _read_span(text: str, *, form: str) -> tuple[float, float, str]:
    span, _, rest = text.partition(":")
    start, _, end = span.partition("-")
    try:
        return float(start), float(end), rest.strip()
    except ValueError:
        raise ValueError(f"must look like {form}, not {text.strip()!r}") from None
