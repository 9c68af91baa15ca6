"""Reads a document from a file or a pipe, which may be of any length, and may never end."""

from __future__ import annotations

from typing import BinaryIO, Final

from batchcalls.client.channel import MAX_MESSAGE_BYTES

_MIB: Final = 1024 * 1024

MAX_DOCUMENT_BYTES: Final = 4 * MAX_MESSAGE_BYTES
"""What may still become a request of ``MAX_MESSAGE_BYTES``: JSON repeats keys, and where it is
plain ASCII, a letter that isn't takes six bytes instead of two."""


class DocumentTooLarge(Exception):
    """The document is longer than any that a request can hold."""

    def __init__(self) -> None:
        super().__init__(
            f"larger than {MAX_DOCUMENT_BYTES // _MIB} MiB; one request takes"
            f" {MAX_MESSAGE_BYTES // _MIB} MiB, so submit it in parts"
        )


def read_document(stream: BinaryIO) -> bytes:
    """All that is in ``stream``.

    Raises:
      DocumentTooLarge: it is longer than ``MAX_DOCUMENT_BYTES``; the rest wasn't read.
      OSError: it can't be read.
    """
    read = bytearray()
    while part := stream.read(_MIB):
        read += part
        if len(read) > MAX_DOCUMENT_BYTES:
            raise DocumentTooLarge
    return bytes(read)
