"""Importing ``batchcalls.client`` is cheap: its trio client comes when it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import batchcalls.client

IMPORTS_WHAT_ALL_CLIENTS_NEED = """
import sys
sys.modules["trio_asyncio"] = None  # as where it can't be imported
import batchcalls.app, batchcalls.carriers.process.carrier, batchcalls.cli
from batchcalls.client import RpcFailed
from batchcalls.client.channel import DEFAULT_ADDRESS
from batchcalls.client.resume import Patience
"""

AS_ON_LATER_PYTHON = """
sys.version_info = (3, 14)
try:
    from batchcalls.client import open_client
except ImportError as error:
    print(error)
"""


def run(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout


def test_whatever_a_server_imports_needs_no_trio_asyncio() -> None:
    """Neither a server nor the command line imports it, whatever they use of the client."""
    assert run(IMPORTS_WHAT_ALL_CLIENTS_NEED) == ""


def test_the_trio_client_says_on_which_python_it_runs() -> None:
    """Where trio-asyncio can't be imported, asking for the client says why, and what to do."""
    said = run(IMPORTS_WHAT_ALL_CLIENTS_NEED + AS_ON_LATER_PYTHON)
    assert "batchcalls.client needs trio-asyncio" in said
    assert "batchcalls.v1" in said


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="trio-asyncio can't be imported there")
def test_each_name_of_the_client_is_there() -> None:
    """What ``__all__`` names can be imported from the package, and nothing besides."""
    assert all(getattr(batchcalls.client, name) for name in batchcalls.client.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Klient'"):
        getattr(batchcalls.client, "Klient")  # noqa: B009 - mypy knows that it isn't there
