"""Files and functions can be read in one go, and a file's name says what is in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.house.tree import OTHER_CODE, SOURCE_ROOTS, Rule, Source, assert_kept, offenders, sources

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 70
VAGUE_WORDS = {"common", "helper", "helpers", "manager", "misc", "util", "utils"}

CODE = sources(*SOURCE_ROOTS, *OTHER_CODE)
PROTO = sources("proto", ending=".proto")


def long_file(source: Source) -> Iterator[str]:
    """A file that is past the limit."""
    lines = len(source.text.splitlines())
    if lines > MAX_FILE_LINES:
        yield f"{lines} lines"


def long_functions(source: Source) -> Iterator[str]:
    """The functions that are past the limit."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None, "a parsed function knows where it ends"
            lines = node.end_lineno - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield f"{node.name}: {lines} lines"


def vague_words(source: Source) -> Iterator[str]:
    """The words of a name, of the file or a folder of it, that name no thing."""
    words = source.path.rpartition(".")[0].replace("/", "_").split("_")
    yield from (word for word in words if word in VAGUE_WORDS)


def test_no_file_is_long() -> None:
    """A file that grows past the limit holds two nouns."""
    assert_kept(long_file, CODE + PROTO)


def test_no_function_is_long() -> None:
    """A function that grows past the limit does two things."""
    assert_kept(long_functions, CODE)


def test_no_file_has_a_vague_name() -> None:
    """A file is named by its noun, not by being of use."""
    assert_kept(vague_words, CODE + PROTO)


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (long_file, "server/batchcalls/app.py", "pass\n" * (MAX_FILE_LINES + 1)),
        (long_functions, "tools/a.py", "def f():\n" + "    pass\n" * MAX_FUNCTION_LINES),
        (long_functions, "tools/a.py", "async def f():\n" + "    pass\n" * MAX_FUNCTION_LINES),
        (vague_words, "server/batchcalls/rpc/paging_utils.py", ""),
        (vague_words, "tests/helpers/server.py", ""),
    ],
)
def test_a_rule_finds_what_it_forbids(rule: Rule, path: str, text: str) -> None:
    """No rule holds because it sees nothing."""
    assert len(offenders(rule, [Source(path=path, text=text)])) == 1
