"""All who take part, and the files they are made from."""

from __future__ import annotations

from benchmarks.peers.contender import OURS
from benchmarks.peers.suite import CONTENDERS, PEERS
from tests.house.tree import ROOT


def test_what_is_installed_is_pinned() -> None:
    """The version that the table shows is in a file that is committed."""
    for peer in PEERS:
        folder = ROOT / "benchmarks" / "peers" / peer.name.lower().replace("-", "_")
        pins = [folder / each for each in ("requirements.txt", "go.sum", "package-lock.json")]
        text = "".join(each.read_text(encoding="utf-8") for each in pins if each.exists())
        assert peer.version in text, peer.name


def test_every_peer_says_what_it_does_not_promise() -> None:
    """And so do we."""
    assert [each.name for each in CONTENDERS if not each.lacks] == []
    assert CONTENDERS[0] is OURS
