"""``batchcalls-simulator load`` against a real server."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.system.server import WAIT_S, Ended, Server, environment

NOBODY = "127.0.0.1:1"


def load(address: str, *options: str) -> Ended:
    done = subprocess.run(
        [sys.executable, "-m", "batchcalls_simulator", "load", "--address", address, *options],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
        env=environment(),
    )
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)


def test_a_load_runs_to_its_end_and_is_measured(server: Server) -> None:
    """Every call ends, every watcher sees every event once, and each RPC has its latencies."""
    ran = load(
        server.address, "--batches=3", "--calls=50", "--concurrency=20", "--watchers=2", "--json"
    )
    assert ran.code == 0, ran.err
    report = json.loads(ran.out)
    assert (report["batches"], report["calls"], report["attempts"]) == (3, 150, 150)
    assert report["complaints"] == []
    # Two watchers; of each call that it started, was answered and completed; of each batch two.
    assert report["events"] == 2 * (3 * 150 + 2 * 3)
    assert report["latencies"].keys() >= {"SubmitBatch"}
    assert report["latencies"]["SubmitBatch"]["count"] == 3
    assert report["event_lag"]["p99_s"] > 0
    assert report["calls_per_second"] > 0


def test_people_get_a_table(server: Server) -> None:
    """Each line has its name, and says what there is to say."""
    ran = load(server.address, "--batches=1", "--calls=10", "--watchers=1")
    assert ran.code == 0, ran.err
    first, second, *rest = ran.out.splitlines()
    assert first.startswith("10 calls in 1 batches took ")
    assert second == "1 watchers saw 32 events, each sequence once"
    assert [line[:11].strip() for line in rest][-2:] == ["status lag", "event lag"]


def test_exit_codes_are_those_of_the_other_commands(server: Server) -> None:
    """3 for a server that isn't there, 2 for a request that it refuses."""
    nobody = load(NOBODY, "--batches=1")
    assert (nobody.code, nobody.out) == (3, "")
    assert nobody.err.startswith(f"batchcalls-simulator: {NOBODY}: UNAVAILABLE: ")
    refused = load(server.address, "--batches=1", "--concurrency=1000000")
    assert (refused.code, refused.out) == (2, "")
    assert "RESOURCE_EXHAUSTED" in refused.err
