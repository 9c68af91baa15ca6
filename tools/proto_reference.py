"""What the proto files say about the API, as tables and sections.

It knows of the language no more than our files use: a comment stands above what it is about.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

from tools.markdown import sentence, table

PROTO: Final = Path(__file__).resolve().parent.parent / "proto/batchcalls/v1"

_RPC = re.compile(r"rpc (\w+)\(\w+\) returns \((stream )?\w+\)")
_VALUE = re.compile(r"([A-Z_]+) = [1-9]\d*;")


def commented(path: Path) -> Iterator[tuple[str, str]]:
    """Each line of a proto file that a comment stands above, with its paragraphs as one text."""
    comment: list[str] = []
    for line in map(str.strip, path.read_text(encoding="utf-8").splitlines()):
        if line.startswith("//"):
            comment.append(line.removeprefix("//").strip())
        else:
            if comment and line:
                text = "\n".join(comment)
                yield re.sub(r"(?<!\n)\n(?!\n)", " ", text), line
            comment = []


def values(name: str, prefix: str) -> list[tuple[str, str]]:
    """The values of an enum without their prefix, and what they mean; not the unspecified one."""
    found = ((_VALUE.fullmatch(line), text) for text, line in commented(PROTO / f"{name}.proto"))
    return [
        (value[1].removeprefix(prefix), text)
        for value, text in found
        if value and value[1].startswith(prefix)
    ]


def rpcs() -> str:
    """A section for each RPC, as the proto file tells of it."""
    return "\n\n".join(
        f"### {rpc[1]}\n\n*{'Server stream' if rpc[2] else 'Unary'}.* {text}"
        for text, line in commented(PROTO / "batch_calls_service.proto")
        if (rpc := _RPC.search(line))
    )


def error_reasons() -> str:
    """The reasons of errors, each with its code and what to do."""
    rows = []
    for reason, text in values("error", "ERROR_REASON_"):
        code, _, advice = text.partition(": ")
        rows.append((f"`{reason}`", code, sentence([advice.removesuffix(".")])))
    return table(("Reason", "gRPC code", "What it means, and what to do"), rows)


def warning_reasons() -> str:
    """The reasons of warnings."""
    found = values("warning", "WARNING_REASON_")
    return table(
        ("Reason", "What is strange"), [(f"`WARNING_REASON_{name}`", text) for name, text in found]
    )


def event_types() -> str:
    """The types of events, by their words in documents."""
    rows = []
    for name, text in values("event", "EVENT_TYPE_"):
        word, _, meaning = text.partition(": ")
        rows.append((word, f"`EVENT_TYPE_{name}`", sentence([meaning.removesuffix(".")])))
    return table(("In documents", "In the API", "When"), rows)


def outcomes() -> str:
    """How an attempt can end."""
    found = values("outcome", "OUTCOME_")
    rows = [(f"`{name.lower()}`", f"`OUTCOME_{name}`", text) for name, text in found]
    return table(("In documents", "In the API", "Meaning"), rows)


def statuses(name: str, prefix: str, words: type[StrEnum]) -> Callable[[], str]:
    """A table of the statuses in a proto file, with their words in documents."""

    def make() -> str:
        found = values(name, prefix)
        rows = [(f"`{words[value].value}`", f"`{prefix}{value}`", text) for value, text in found]
        return table(("In documents", "In the API", "Meaning"), rows)

    return make
