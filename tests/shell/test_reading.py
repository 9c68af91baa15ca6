"""A document is read to its end, or to where no request could hold it any more."""

from __future__ import annotations

from io import BytesIO

import pytest

from batchcalls.client.channel import MAX_MESSAGE_BYTES
from batchcalls.document import batch_request, parse_document
from batchcalls.shell.reading import MAX_DOCUMENT_BYTES, DocumentTooLarge, read_document


def test_a_document_is_read_whole() -> None:
    """However long it is, up to the limit."""
    for text in (b"", b"{}", bytes(MAX_DOCUMENT_BYTES)):
        assert read_document(BytesIO(text)) == text


def test_a_document_beyond_the_limit_is_refused_before_its_end() -> None:
    """Or one that has no end would be read for ever."""
    with (
        open("/dev/zero", "rb") as endless,  # noqa: PTH123  # a device, not a path of ours
        pytest.raises(DocumentTooLarge, match=r"^larger than 256 MiB; one request takes 64 MiB"),
    ):
        read_document(endless)


def test_what_fits_into_a_request_is_within_the_limit() -> None:
    """A script that isn't English, escaped to ASCII as most programs do, is three times as long."""
    script = "\\u0416" * 1_000
    text = b'{"calls": [{"phone_number": "+15550100000", "script": {"text": "%s"}}]}'
    document = text % script.encode()
    request = batch_request(parse_document(document))
    longest = len(document) / request.ByteSize() * MAX_MESSAGE_BYTES
    assert MAX_MESSAGE_BYTES < longest <= MAX_DOCUMENT_BYTES
