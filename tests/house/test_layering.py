"""Imports run one way, and each part knows only the libraries that it is for.

``layers.py`` has the tables; the rules are here.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.house.layers import (
    LIBRARIES,
    OUTSIDE,
    PARTS,
    PUBLIC,
    PURE,
    TWO_LOOPS,
    WORLD_BUILDERS,
)
from tests.house.tree import ROOT, SOURCE_ROOTS, Rule, Source, assert_kept, offenders, sources

OURS = {"batchcalls", "batchcalls_simulator"}
WITHOUT_INIT = ("proto", "server", "simulator", "benchmarks")


def inside(name: str) -> str:
    """``core.model`` for ``batchcalls.core.model``; the version for ``batchcalls`` itself."""
    return name.partition(".")[2] or "__version__"


def is_within(name: str, parts: Iterable[str]) -> bool:
    return any(f"{name}.".startswith(f"{part}.") for part in parts)


def row(name: str, table: Iterable[str]) -> str | None:
    """The row of the table that is about that part: the most exact one; None if there is none."""
    return max((part for part in table if is_within(name, {part})), key=len, default=None)


def upward_imports(source: Source) -> Iterator[str]:
    """What a part of the server imports of others that aren't below it."""
    own = row(inside(source.module), PARTS)
    if own is None:
        yield "has no place in PARTS yet"
        return
    for name in map(inside, ours(source, "batchcalls")):
        if not is_within(name, {own, *PARTS[own]}):
            yield f"imports {name}, which isn't below {own}"


def ours(source: Source, package: str) -> list[str]:
    return sorted(name for name in source.imports if name.partition(".")[0] == package)


def foreign_libraries(source: Source) -> Iterator[str]:
    """The libraries that a part of the server imports and isn't for."""
    bundled = sys.stdlib_module_names - LIBRARIES.keys()
    for library in sorted(source.libraries - bundled - OURS):
        if library not in LIBRARIES:
            yield f"imports {library}, which has no place in LIBRARIES yet"
        elif not is_within(inside(source.module), LIBRARIES[library]):
            yield f"imports {library}"


def simulator_imports(source: Source) -> Iterator[str]:
    """What of the simulator is imported."""
    yield from (f"imports {name}" for name in ours(source, "batchcalls_simulator"))


def hidden_names(source: Source) -> Iterator[str]:
    """What the simulator imports of the server's inside."""
    own = row(inside(source.module), WORLD_BUILDERS)
    allowed = PUBLIC | WORLD_BUILDERS.get(own or "", set())
    for name in map(inside, ours(source, "batchcalls")):
        if not is_within(name, allowed):
            yield f"imports {name}"


def laboratory_imports(source: Source) -> Iterator[str]:
    """What the simulated carrier imports of the laboratory."""
    if not is_within(inside(source.module), WORLD_BUILDERS):
        for name in map(inside, ours(source, "batchcalls_simulator")):
            if is_within(name, {"lab"}):
                yield f"imports {name}"


def two_loops(source: Source) -> Iterator[str]:
    """Both loops in one module."""
    known = source.libraries
    both = {"asyncio", "trio"} <= known or "trio_asyncio" in known
    if both and inside(source.module) not in TWO_LOOPS:
        yield "knows both loops"


def impurities(source: Source) -> Iterator[str]:
    """What makes a pure part depend on more than its arguments."""
    if not is_within(inside(source.module), PURE):
        return
    yield from (f"imports {library}" for library in sorted(source.libraries & OUTSIDE))
    for node in ast.walk(source.tree):
        match node:
            case ast.Attribute(attr="now" | "utcnow" | "today", value=ast.Name(id=owner)) if (
                owner in {"datetime", "date"}
            ):
                yield f"uses {owner}.{node.attr}"
            case ast.Attribute(value=ast.Name(id="random"), attr=name) if name != "Random":
                yield f"uses random.{name}"
            case ast.ImportFrom(module="random", names=names):
                yield from (f"uses random.{each.name}" for each in names if each.name != "Random")


SERVER = sources("server")
SIMULATOR = sources("simulator")


def test_a_part_imports_only_the_parts_below_it() -> None:
    """What ``batchcalls`` imports of itself is in the table, and so is the importer."""
    assert_kept(upward_imports, SERVER)


def test_the_table_runs_one_way() -> None:
    """A row names only what stands above it, so nothing is, by whatever way round, below itself."""
    assert upward_rows(PARTS) == []
    assert upward_rows({"core": {"store"}, "store": set()}) == ["core names store"]
    assert upward_rows({"core": {"core"}}) == ["core names core"]


def upward_rows(table: Mapping[str, set[str]]) -> list[str]:
    order = list(table)
    return [
        f"{part} names {below}"
        for place, part in enumerate(order)
        for below in sorted(table[part])
        if row(below, order[:place]) is None
    ]


def test_a_part_knows_only_the_libraries_that_it_is_for() -> None:
    """The engine speaks no gRPC, SQL stays in the store, and only a client needs trio-asyncio."""
    assert_kept(foreign_libraries, SERVER)


def test_the_server_never_imports_the_simulator() -> None:
    """The simulator comes in by the entry point, like anyone's carrier."""
    assert_kept(simulator_imports, SERVER)


def test_the_simulator_uses_only_public_names() -> None:
    """The simulator needs what a stranger's carrier can have; worlds hold the whole service."""
    assert_kept(hidden_names, SIMULATOR)


def test_the_simulated_carrier_does_without_the_laboratory() -> None:
    """The laboratory stands on the carrier; only the command line knows both."""
    assert_kept(laboratory_imports, SIMULATOR)


def test_no_exception_outlives_its_use() -> None:
    """What a builder of worlds may import besides, it imports."""
    assert unused(WORLD_BUILDERS) == []
    assert unused({"trunk": {"core"}}) == ["trunk imports nothing of core"]


def unused(table: Mapping[str, set[str]]) -> list[str]:
    used = [
        (inside(source.module), inside(name))
        for source in SIMULATOR
        for name in ours(source, "batchcalls")
    ]
    return [
        f"{part} imports nothing of {allowed}"
        for part, besides in table.items()
        for allowed in sorted(besides)
        if not any(is_within(own, {part}) and is_within(name, {allowed}) for own, name in used)
    ]


def test_only_the_bridge_and_the_client_know_both_loops() -> None:
    """Whoever else imports asyncio doesn't import trio, nor both at once by trio-asyncio."""
    assert_kept(two_loops, SERVER + SIMULATOR)


def test_what_is_pure_asks_neither_the_clock_nor_global_chance() -> None:
    """Now is an argument of the rules, and so is the random generator; files are others' matter."""
    assert_kept(impurities, SERVER)


def test_a_source_root_is_no_package(tmp_path: Path) -> None:
    """``import batchcalls`` is the only way to it; ``server.batchcalls`` would be a second one."""
    assert packages(ROOT) == []
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "__init__.py").touch()
    assert packages(tmp_path) == ["server"]


def packages(root: Path) -> list[str]:
    return [name for name in WITHOUT_INIT if (root / name / "__init__.py").exists()]


def test_every_source_file_is_looked_at() -> None:
    """The walk finds both packages, so none of these rules holds for want of files."""
    names = {source.module for source in sources(*SOURCE_ROOTS)}
    assert {"batchcalls", "batchcalls.core.model", "batchcalls_simulator"} <= names


@pytest.mark.parametrize(
    ("rule", "path", "code"),
    [
        (upward_imports, "batchcalls/core/new.py", "import batchcalls.engine.engine"),
        (upward_imports, "batchcalls/engine/new.py", "from batchcalls.carriers import loader"),
        (upward_imports, "batchcalls/carriers/new.py", "from batchcalls.client import open_client"),
        (upward_imports, "batchcalls/engine/new.py", "from batchcalls import __version__"),
        (upward_imports, "batchcalls/__init__.py", "from batchcalls.core import model"),
        (upward_imports, "batchcalls/new.py", ""),
        (foreign_libraries, "batchcalls/core/new.py", "import trio"),
        (foreign_libraries, "batchcalls/engine/new.py", "def f():\n    import asyncio"),
        (foreign_libraries, "batchcalls/rpc/new.py", "from sqlalchemy import select"),
        (foreign_libraries, "batchcalls/client/new.py", "import trio_asyncio"),
        (foreign_libraries, "batchcalls/cli/new.py", "import click"),
        (simulator_imports, "batchcalls/cli/new.py", "import batchcalls_simulator.options"),
        (hidden_names, "batchcalls_simulator/trunk.py", "from batchcalls.core import pacing"),
        (hidden_names, "batchcalls_simulator/trunk.py", "import batchcalls"),
        (hidden_names, "batchcalls_simulator/lab/load.py", "from batchcalls.cli import app"),
        (laboratory_imports, "batchcalls_simulator/trunk.py", "import batchcalls_simulator.lab"),
        (two_loops, "batchcalls/app.py", "import asyncio, trio"),
        (two_loops, "batchcalls_simulator/lab/load.py", "import trio_asyncio"),
        (impurities, "batchcalls/core/new.py", "import time"),
        (impurities, "batchcalls/wire/new.py", "from datetime import datetime\ndatetime.now()"),
        (impurities, "batchcalls/core/new.py", "import random\nrandom.random()"),
        (impurities, "batchcalls/core/new.py", "from random import random"),
    ],
)
def test_a_rule_finds_what_it_forbids(rule: Rule, path: str, code: str) -> None:
    """No rule holds because it sees nothing."""
    root = "simulator" if path.startswith("batchcalls_simulator") else "server"
    assert len(offenders(rule, [Source(path=f"{root}/{path}", text=code)])) == 1
