"""The architecture, as tables: who may import what.

A new part finds its place here before it is written, and so does a new library. A part is named
as it is inside of ``batchcalls``, a single module by its dotted name; what holds for a part holds
for all that is in it. Where a part and a module in it both have a row, the module's row counts.
"""

from __future__ import annotations

RECORDS = {"clock", "core", "errors", "v1", "wire"}
"""What nearly every part above the ground is made of."""

PARTS: dict[str, set[str]] = {
    # The ground: nothing of ours is below it.
    "__version__": set(),  # the package itself
    "v1": set(),
    "errors": set(),
    "clock": set(),
    "timestamps": set(),
    # The rules, and the forms in which records travel.
    "core": set(),
    "logs": {"core.model"},
    "wire": {"core", "timestamps", "v1"},
    "document": {"core", "errors", "timestamps", "v1", "wire"},
    # From one loop to the other, and from a program to a server.
    "bridge": {"errors"},
    "client": {"errors", "v1"},
    # The seams.
    "store.contract": {"core"},
    "store": {*RECORDS, "store.contract"},  # those who keep it
    "carriers": {*RECORDS, "bridge", "client.channel"},
    "phone_numbers": {"carriers.base"},
    "testing": {*RECORDS, "carriers", "store.contract"},
    # What acts.
    "engine": {
        "carriers.base",
        "carriers.border",
        "clock",
        "core",
        "errors",
        "store.contract",
        "wire.spec",
    },
    "metrics": {"clock", "core", "engine", "store.contract"},
    # The use cases, and the doors to them.
    "api": {*RECORDS, "carriers.base", "engine", "phone_numbers", "store.contract"},
    "webhooks": {*RECORDS, "bridge", "document", "engine", "store.contract"},
    "rpc": {"api", "bridge", "errors", "metrics", "v1", "wire.spec"},
    "http": {"api", "bridge", "document", "errors", "metrics", "v1"},
    # Who makes the objects, who starts it all, and the clients at a shell.
    "config": {"carriers", "client.channel", "errors"},
    "shell": {"client.channel"},
    "app": {
        "__version__",
        "api",
        "bridge",
        "carriers",
        "clock",
        "config",
        "core",
        "engine",
        "errors",
        "http",
        "metrics",
        "rpc",
        "store",
        "webhooks",
    },
    "cli": {
        "__version__",
        "app",
        "carriers",
        "client",
        "config",
        "core",
        "document",
        "errors",
        "logs",
        "shell",
        "testing",
        "timestamps",
        "v1",
        "wire",
    },
    "__main__": {"cli"},
}
"""What each part of ``batchcalls`` may import of the others, from the ground up.

A row names only parts of the rows above it, so imports run one way.
"""

LIBRARIES: dict[str, set[str]] = {
    "alembic": {"store.sql"},
    "asyncio": {"app", "bridge", "cli", "client.loop", "http", "rpc"},
    "google": {"api", "carriers", "cli", "client", "document", "http", "rpc", "timestamps", "wire"},
    "grpc": {"carriers", "cli", "client", "rpc", "testing"},
    "grpc_health": {"rpc"},
    "grpc_reflection": {"rpc"},
    "outcome": {"bridge", "engine.reading"},
    "phonenumbers": {"phone_numbers"},
    "prometheus_client": {"app", "metrics"},
    "pydantic": {"carriers", "cli", "config"},
    "pydantic_core": {"config"},
    "pydantic_settings": {"cli", "config"},
    "rich": {"cli"},
    "sqlalchemy": {"store.sql"},
    "structlog": {
        "api",
        "app",
        "carriers",
        "cli",
        "engine",
        "http",
        "logs",
        "rpc",
        "store",
        "webhooks",
    },
    "trio": {
        "bridge",
        "carriers",
        "client",
        "clock",
        "engine",
        "testing",
        "webhooks",
    },
    "trio_asyncio": {"client.loop"},
    "typer": {"cli"},
}
"""Who may import a library. Whatever doesn't come with Python has a row, and so has asyncio."""

PURE = {"core", "document", "errors", "phone_numbers", "timestamps", "wire"}
"""What touches nothing outside: no file, no process, no clock, no chance that isn't given to it."""

OUTSIDE = {"os", "pathlib", "secrets", "socket", "subprocess", "tempfile", "threading", "time"}
"""What a pure part does without, of the libraries that come with Python."""

TWO_LOOPS = {"bridge", "client.loop"}
"""The modules that know asyncio as well as trio, or trio-asyncio, which is both."""

PUBLIC = {"bridge", "carriers", "core.model", "errors", "testing", "timestamps", "v1"}
"""What of ``batchcalls`` a stranger's carrier, and so the simulator, may import."""

WORLD_BUILDERS: dict[str, set[str]] = {
    "lab": {"api", "client", "clock", "core", "document", "engine", "store", "wire"},
    "cli": {"client", "config", "core", "engine", "shell"},
}
"""What may be imported besides by what builds worlds around the real service, or uses it.

The parts are named as they are inside of ``batchcalls_simulator``.
"""
