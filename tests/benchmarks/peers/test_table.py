"""The table, on the page and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

from benchmarks import report
from benchmarks.peers.table import cells, document, markdown
from tests.benchmarks.peers.contenders import raced, steady
from tests.house.tree import ROOT


def test_cells_are_figures_and_words() -> None:
    """Who, where it keeps calls, twice a rate and its cost, calls checked, what it lacks."""
    (standing,) = raced(replace(steady("ours", 700), lacks="Something."))
    figures = ["700 ± 0%", "0.1"] * 2
    assert cells(standing) == ["ours 1.0", "memory", *figures, "10", "Something."]


def test_the_document_is_json_with_all_figures() -> None:
    """Who reads it finds what the table shows."""
    standings = raced(steady("ours", 700), steady("river", 1_000))
    read = json.loads(json.dumps(document({"cpus": 2}, standings)))
    assert read["machine"] == {"cpus": 2}
    assert [peer["name"] for peer in read["peers"]] == ["ours 1.0", "river 1.0"]
    assert [row["met"] for row in read["ratios"]] == [False, True, True, True]


def test_the_page_on_performance_has_a_place_for_the_table() -> None:
    """Nothing else of it is touched."""
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    section = markdown({"cpus": 2}, raced(steady("ours", 700), steady("river", 1_000)))
    once = report.replace_section(page, section)
    assert report.replace_section(once, section) == once
    assert "| ours 1.0 | memory | 700 ± 0% | 0.1 |" in once
    assert "- Beside river 1.0: 0.70 times its calls/s at 200 up" in once
