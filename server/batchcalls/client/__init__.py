"""The client of the service.

    from batchcalls.client import open_client

The client for trio programs is ``Client``, with its ``Stream``. Below it is what every client
needs, whatever loop it runs on, or none: how to open a channel, what a failed RPC means, when to
come back to a lost stream. The command line is built on that alone, and the link to a carrier in
another process too; so the names of the trio client are imported when they are first used, and
what it needs, which a server mustn't import and which Python 3.14 can't, not before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from batchcalls.client.failure import RpcFailed

if TYPE_CHECKING:
    from batchcalls.client.stream import Stream
    from batchcalls.client.trio_client import Client, open_client
else:

    def __getattr__(name: str) -> object:
        """Import the trio client when it is first asked for."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module("batchcalls.client.trio_client"), name)


__all__ = ["Client", "RpcFailed", "Stream", "open_client"]
