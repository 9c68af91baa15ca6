"""The server that tests share, and the client by which they speak to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from batchcalls.client import Client, open_client
from tests.system.server import Place, Server, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that leave it running and clean."""
    with running_server(Place(folder=tmp_path_factory.mktemp("shared"))) as server:
        yield server


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    """A client of the shared server."""
    async with open_client(server.address) as client:
        yield client
