"""What commands print on standard output: lines, tables, JSON.

A terminal gets tables; a pipe or a file gets plain lines, which nothing cuts to a width.
Whatever is long is printed while it is still being fetched, except for a terminal's table.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from batchcalls.cli.render import Row, plain_rows

Item = TypeVar("Item")

_UNBOUNDED = 10_000
"""More characters than any line of a table has."""


class OutputLost(OSError):
    """The results can't be written: a full disk, for one. A reader that left is no such case."""


@contextmanager
def writing() -> Iterator[None]:
    """The block writes to standard output and does nothing else that can fail.

    Raises:
      OutputLost: it can't be written to.
      BrokenPipeError: whoever read it is gone.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputLost(error.strerror) from None


def write_line(line: str) -> None:
    """Print a line of a stream: whoever reads it has it at once."""
    with writing():
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def write_lines(lines: Iterable[str]) -> None:
    """Print lines that come without delay; they may stay buffered for a while."""
    for line in lines:
        with writing():
            sys.stdout.write(f"{line}\n")


def write_table(columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Print a table, or without a terminal its cells with tabs between them."""
    if sys.stdout.isatty():
        _print_whole(_table(columns, rows))
    else:
        write_lines(plain_rows(columns, _begun(rows)))


def _print_whole(table: Table) -> None:
    """Print the table as wide as it is: a terminal breaks lines, and cuts no id."""
    console = Console(file=sys.stdout)
    unbounded = console.options.update(max_width=_UNBOUNDED)
    console.width = max(console.width, console.measure(table, options=unbounded).maximum)
    with writing():
        console.print(table)


def write_document(document: Mapping[str, object]) -> None:
    """Print one JSON document, for people to read as well."""
    write_line(json.dumps(document, indent=2))


def write_document_line(document: Mapping[str, object]) -> None:
    """Print one JSON document in one line, as a part of a stream."""
    write_line(json.dumps(document))


def write_document_with(
    document: Mapping[str, object], key: str, items: Iterable[Mapping[str, object]]
) -> None:
    """Print ``document`` with the list of ``items`` in the place of its ``key``.

    The items are printed as they come, so that there may be any number of them.
    """
    write_lines(_document_lines(document, key, _begun(items)))


def _begun(items: Iterable[Item]) -> Iterator[Item]:
    """The same items, the first of them fetched: what fails at once has printed nothing yet."""
    rest = iter(items)
    return chain(list(islice(rest, 1)), rest)


def _document_lines(
    document: Mapping[str, object], key: str, items: Iterable[Mapping[str, object]]
) -> Iterator[str]:
    assert key in document, "the place of the items is known"
    yield "{"
    last = len(document) - 1
    for index, (name, value) in enumerate(document.items()):
        comma = "," if index < last else ""
        if name == key:
            yield from _list_lines(key, items, comma)
        else:
            yield f"  {json.dumps(name)}: {json.dumps(value)}{comma}"
    yield "}"


def _list_lines(key: str, items: Iterable[Mapping[str, object]], comma: str) -> Iterator[str]:
    yield f"  {json.dumps(key)}: ["
    before = ""
    for item in items:
        if before:
            yield f"{before},"
        before = f"    {json.dumps(item)}"
    if before:
        yield before
    yield f"  ]{comma}"


def _table(columns: Sequence[str], rows: Iterable[Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    return table
