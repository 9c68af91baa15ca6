"""What stands in a document where something is wrong: whoever corrects a list searches for it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from batchcalls.document.request import document_path
from batchcalls.errors import Violation

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")
_ROW = re.compile(r"calls\[\d+\]")
_MOST_CHARACTERS: Final = 60


def name_rows(document: object, violations: Sequence[Violation]) -> tuple[Violation, ...]:
    """The same violations, each with the bad value and the ``reference_id`` of its call."""
    return tuple(_named(document, violation) for violation in violations)


def _named(document: object, violation: Violation) -> Violation:
    path = document_path(violation.field)
    value, description = _words(_value_at(document, path)), violation.description
    if value and value not in description:
        description = f"{description}: {value}"
    row = _ROW.match(path)
    reference_id = _words(_value_at(document, f"{row[0]}.reference_id")) if row else ""
    if reference_id and reference_id != value:
        description = f"{description} (reference_id {reference_id})"
    return replace(violation, field=path, description=description)


def _value_at(document: object, path: str) -> object:
    """What stands at ``path``; None where nothing does."""
    found = document
    for key, index in _STEP.findall(path):
        if isinstance(found, dict):
            found = found.get(key or index)
        elif isinstance(found, list) and index and int(index) < len(found):
            found = found[int(index)]
        else:
            return None
    return found


def _words(value: object) -> str:
    """A value as JSON, cut where it is long; empty for what isn't a value but holds some."""
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, str) and len(value) > _MOST_CHARACTERS:
        value = f"{value[:_MOST_CHARACTERS]}…"
    words = json.dumps(value, ensure_ascii=False)
    return words if len(words) <= 2 * _MOST_CHARACTERS else ""
