"""Files and functions stay small enough to be read in one go."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.house.tree import OTHER_CODE, ROOT, SOURCE_ROOTS, parse, python_files

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 70

PYTHON_FILES = python_files(*SOURCE_ROOTS, *OTHER_CODE)
PROTO_FILES = sorted((ROOT / "proto").rglob("*.proto"))
VAGUE_WORDS = {"common", "helper", "helpers", "manager", "misc", "util", "utils"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PYTHON_FILES + PROTO_FILES, ids=name)
def test_no_file_is_long(path: Path) -> None:
    """A file that grows past the limit holds two nouns."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES


@pytest.mark.parametrize("path", PYTHON_FILES, ids=name)
def test_no_function_is_long(path: Path) -> None:
    """A function that grows past the limit does two things."""
    functions = [
        node
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert [node.name for node in functions if lines(node) > MAX_FUNCTION_LINES] == []


def lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert node.end_lineno is not None, "a parsed function knows where it ends"
    return node.end_lineno - node.lineno + 1


@pytest.mark.parametrize("path", PYTHON_FILES, ids=name)
def test_no_file_has_a_vague_name(path: Path) -> None:
    """A file is named by its noun, not by being of use."""
    words = {word for part in path.relative_to(ROOT).parts for word in part[:-3].split("_")}
    assert words & VAGUE_WORDS == set()
