"""Imports run one way, and each layer knows only the libraries that it is for.

The table is the architecture. A new module finds its place in it before it is written.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.house.tree import Module, modules

BASE = {"clock", "core", "errors", "timestamps"}
BELOW_RPC = {*BASE, "carriers", "engine", "phone_numbers", "store", "v1", "wire"}
BELOW_APP = {*BELOW_RPC, "bridge", "config", "metrics", "rpc", "webhooks"}

LAYERS: dict[str, set[str]] = {
    "": set(),
    "core": set(),
    "clock": set(),
    "errors": set(),
    "timestamps": set(),
    "v1": set(),
    "bridge": {"errors"},
    "carriers": {*BASE, "bridge", "client", "v1", "wire"},
    "phone_numbers": {*BASE, "carriers"},
    "wire": {*BASE, "v1"},
    "store": {*BASE, "v1", "wire"},
    "testing": {*BASE, "carriers", "store"},
    "metrics": {*BASE, "carriers", "engine", "store"},
    "config": {*BASE, "carriers"},
    "engine": {*BASE, "carriers", "store", "wire"},
    "document": {*BASE, "v1", "wire"},
    "rpc": {*BELOW_RPC, "bridge", "metrics"},
    "webhooks": {*BELOW_RPC, "bridge", "document", "metrics"},
    "client": {*BASE, "v1"},
    "app": BELOW_APP,
    "logs": set(),
    "__main__": {"cli"},
    "cli": {*BELOW_APP, "", "app", "client", "document", "logs"},
}
"""What each part of ``batchcalls`` may import of the others ("" is the package itself)."""

PUBLIC = {"bridge", "carriers", "core.model", "errors", "testing", "timestamps", "v1"}
"""What of ``batchcalls`` a stranger's carrier, and so the simulator, may import."""

WORLD_BUILDERS: dict[str, set[str]] = {
    "lab.books": {"core"},
    "lab.campaign": {"core", "document", "rpc.validate", "wire"},
    "lab.chaos.evidence": {"store"},
    "lab.chaos.run": {"client"},
    "lab.chaos.users": {"client", "wire"},
    "lab.checker": {"clock", "core", "engine", "store", "wire"},
    "lab.course": {"core", "engine"},
    "lab.dials": {"core", "engine"},
    "lab.disk": {"store"},
    "lab.load": {"client"},
    "lab.plan": {"clock", "core", "engine", "store"},
    "lab.scenario": {"core", "engine"},
    "lab.world": {"clock", "core", "engine", "store", "wire"},
    "cli.load": {"client"},
    "cli.plan": {"core", "engine"},
}
"""What the modules that build worlds around the real service, or use it, may import besides."""

LOOPS = {"asyncio", "trio"}
ANY_LOOP = {*LOOPS, "trio_asyncio"}
SQL = {"alembic", "sqlalchemy"}
WIRE = {"google", "grpc", "grpc_health", "grpc_reflection", "grpc_status"}
WORLD = {"os", "pathlib", "socket", "subprocess", "threading", "time"}

FOREIGN: dict[str, set[str]] = {
    "core": {*ANY_LOOP, *SQL, *WIRE, *WORLD},
    "carriers": {*SQL, "asyncio", "trio_asyncio"},
    "engine": {*SQL, *WIRE, "asyncio", "trio_asyncio"},
    "store": {*WIRE, "asyncio", "trio_asyncio"},
    "rpc": {*SQL, "trio", "trio_asyncio"},
    "wire": {*ANY_LOOP, *SQL, *WORLD, "grpc"},
    "document": {*ANY_LOOP, *SQL, *WORLD, "grpc"},
    "client": SQL,
    "webhooks": SQL,
}
"""The libraries that a layer must do without."""

TWO_LOOPS = {"batchcalls.bridge", "batchcalls.client.loop"}


def is_server(name: str) -> bool:
    return name.partition(".")[0] == "batchcalls"


MODULES = modules()
SERVER = [module for module in MODULES if is_server(module.name)]
SIMULATOR = [module for module in MODULES if not is_server(module.name)]


def each(some: list[Module]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("module", some, ids=[module.name for module in some])


def layer(name: str) -> str:
    """``core`` for ``batchcalls.core.model``; empty for ``batchcalls`` itself."""
    return name.partition(".")[2].partition(".")[0]


def simulator_part(name: str) -> str:
    """``lab`` for ``batchcalls_simulator.lab.world``; empty for what isn't of the simulator."""
    package, _, inside = name.partition(".")
    return inside.partition(".")[0] if package == "batchcalls_simulator" else ""


def libraries(module: Module) -> set[str]:
    return {name.partition(".")[0] for name in module.imports}


@each(SERVER)
def test_a_layer_imports_only_the_layers_below_it(module: Module) -> None:
    """What ``batchcalls`` imports of itself is in the table, and so is the importer."""
    own = layer(module.name)
    assert own in LAYERS, f"{module.name} has no place in LAYERS yet"
    imported = {layer_imported(name) for name in module.imports if is_server(name)}
    assert imported - {own} <= LAYERS[own]


def layer_imported(name: str) -> str:
    """``from batchcalls import __version__`` imports the package, not a layer."""
    return layer(name) if layer(name) in LAYERS else ""


def test_the_table_runs_one_way() -> None:
    """No layer is, by whatever way round, below itself."""
    reached = {name: set(below) for name, below in LAYERS.items()}
    for _ in LAYERS:
        for below in reached.values():
            below.update(*(reached[name] for name in tuple(below)))
    assert [name for name, below in reached.items() if name in below] == []


@each(SERVER)
def test_a_layer_knows_only_the_libraries_that_it_is_for(module: Module) -> None:
    """The core is pure, the engine speaks no gRPC, SQL stays in the store."""
    assert libraries(module) & FOREIGN.get(layer(module.name), set()) == set()


@each(SERVER)
def test_the_server_never_imports_the_simulator(module: Module) -> None:
    """The simulator comes in by the entry point, like anyone's carrier."""
    assert "batchcalls_simulator" not in libraries(module)


@each(SIMULATOR)
def test_the_simulator_uses_only_public_names(module: Module) -> None:
    """The simulator needs what a stranger's carrier can have; worlds hold the whole service."""
    allowed = PUBLIC | WORLD_BUILDERS.get(module.name.partition(".")[2], set())
    used = [name for name in module.imports if is_server(name)]
    assert [name for name in used if not is_within(name, allowed)] == []


@each([module for module in SIMULATOR if simulator_part(module.name) not in {"cli", "lab"}])
def test_the_simulated_carrier_does_without_the_laboratory(module: Module) -> None:
    """The laboratory stands on the carrier; only the command line knows both."""
    used = {simulator_part(name) for name in module.imports if not is_server(name)}
    assert "lab" not in used


def is_within(name: str, allowed: set[str]) -> bool:
    inside = name.removeprefix("batchcalls.")
    return any(f"{inside}.".startswith(f"{public}.") for public in allowed)


@each(MODULES)
def test_only_the_bridge_and_the_client_know_both_loops(module: Module) -> None:
    """Whoever else imports asyncio doesn't import trio, nor both at once by trio-asyncio."""
    known = libraries(module)
    both = known >= LOOPS or "trio_asyncio" in known
    assert not both or module.name in TWO_LOOPS


@each([module for module in SERVER if layer(module.name) == "core"])
def test_the_core_asks_neither_the_clock_nor_global_chance(module: Module) -> None:
    """Now is an argument of the core, and so is the random generator."""
    assert list(impure(module.tree)) == []


def impure(tree: ast.Module) -> Iterator[str]:
    """Uses of the clock by ``datetime``, and of the hidden generator behind ``random``."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr="now" | "utcnow" | "today", value=ast.Name(id=owner)) if (
                owner in {"datetime", "date"}
            ):
                yield f"{owner}.{node.attr}"
            case ast.Attribute(value=ast.Name(id="random"), attr=name) if name != "Random":
                yield f"random.{name}"
            case ast.ImportFrom(module="random", names=names):
                yield from (f"random.{alias.name}" for alias in names if alias.name != "Random")


def test_every_source_file_is_looked_at() -> None:
    """The walk finds both packages, so none of these rules holds for want of files."""
    names = {module.name for module in MODULES}
    assert {"batchcalls", "batchcalls.core.model", "batchcalls_simulator"} <= names
