"""The proto files are ready for every language, and travel with the package."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.tree import ROOT
from tools.check_breaking import is_decided

PROTO_FILES = sorted((ROOT / "proto").rglob("*.proto"))


def options(path: Path) -> set[str]:
    outer = path.stem.title().replace("_", "")
    return {
        'csharp_namespace = "BatchCalls.V1"',
        'go_package = "batchcalls/v1;batchcallsv1"',
        "java_multiple_files = true",
        f'java_outer_classname = "{outer}Proto"',
        'java_package = "com.batchcalls.v1"',
        'objc_class_prefix = "BCV"',
        r'php_metadata_namespace = "BatchCalls\\V1\\Metadata"',
        r'php_namespace = "BatchCalls\\V1"',
        'ruby_package = "BatchCalls::V1"',
    }


def test_every_proto_file_says_where_each_language_puts_it() -> None:
    """Without them generated code lands in packages that change when they are added later."""
    lacking = {}
    for path in PROTO_FILES:
        lines = path.read_text(encoding="utf-8").splitlines()
        given = {line[7:-1] for line in lines if line.startswith("option ")}
        if given != options(path):
            lacking[path.name] = given ^ options(path)
    assert lacking == {}


def test_the_wheel_holds_the_proto_files_by_their_import_paths(tmp_path: Path) -> None:
    """Where the package is installed is a path that protoc can import them from."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        held = {name for name in opened.namelist() if name.endswith(".proto")}
    assert held == {str(path.relative_to(ROOT / "proto")) for path in PROTO_FILES}


INT32 = 'Field "{}" with name "{}" on message "{}" changed type from "{}" to "{}".'


@pytest.mark.parametrize(
    ("message", "decided"),
    [
        (INT32.format(12, "total_calls", "Batch", "int64", "int32"), True),
        (INT32.format(3, "in_progress", "BatchCounts", "int64", "int32"), True),
        (INT32.format(12, "total_calls", "Batch", "int32", "int64"), False),
        (INT32.format(20, "last_sequence", "Batch", "int64", "int32"), False),
        ('File option "go_package" changed from "" to "batchcalls/v1;batchcallsv1".', True),
        ('File option "go_package" changed from "batchcalls/v1" to "other/v1".', False),
        ('Previously present field "4" with name "etag" on message "Batch" was deleted.', False),
    ],
)
def test_a_decided_break_excuses_no_other(message: str, decided: bool) -> None:
    """What was decided on can happen once; whatever buf finds next stays forbidden."""
    assert is_decided(message) is decided
