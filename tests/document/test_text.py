"""JSON text: what is no JSON, and what the standard reader would let pass."""

from __future__ import annotations

import json
import time

import pytest

from batchcalls.document import NotJson, batch_request, parse_document
from batchcalls.errors import InvalidRequest


def violations(text: str) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        batch_request(parse_document(text))
    return {violation.field: violation.description for violation in caught.value.violations}


def test_a_document_is_what_the_text_says() -> None:
    """Nothing is changed where nothing is wrong."""
    document = {"calls": [{"a": [1, -2, 2.5, None, True, "é"]}], "b": {}}
    assert parse_document(json.dumps(document)) == document
    assert parse_document(json.dumps(document).encode()) == document
    assert parse_document(json.dumps(document, ensure_ascii=False).encode("utf-16")) == document


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "1:1: not JSON: Expecting value"),
        ('{"a":\n1,}', "2:3: not JSON"),
        ("[" * 100_000, "nested too deeply"),
        (b'{"a": "\xe9"}', "not UTF-8, byte 7"),
    ],
)
def test_what_is_no_json_is_named_by_its_place(text: str | bytes, words: str) -> None:
    """Line and column where there is one."""
    with pytest.raises(NotJson) as caught:
        parse_document(text)
    assert str(caught.value).startswith(words)


def test_a_key_that_stands_twice_is_refused_where_it_stands() -> None:
    """The standard reader takes the last, and nobody learns which number was meant."""
    text = """{
        "concurrency": 1, "concurrency": 50,
        "labels": {"a": "b", "a": "b"},
        "calls": [
            {"phone_number": "+15550100000"},
            {"phone_number": "+15550100000", "phone_number": "+15550100001",
             "script": {"text": "a", "text": "b"}}
        ]
    }"""
    assert violations(text) == dict.fromkeys(
        ["concurrency", "labels[a]", "calls[1].phone_number", "calls[1].script.text"],
        "is given more than once",
    )


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_number_of_thousands_of_digits_is_out_of_range(sign: str) -> None:
    """It is no traceback, and takes no time."""
    began = time.process_time()
    text = f'{{"concurrency": {sign}{"9" * 5_000}, "max_calls_per_second": {sign}{"1" * 500_000}}}'
    assert violations(text) == {
        "concurrency": "is out of range",
        "max_calls_per_second": "is out of range",
    }
    assert time.process_time() - began < 1.0
