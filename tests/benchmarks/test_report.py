"""The table in its three forms."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import report
from benchmarks.row import Goal, Row
from tests.house.tree import ROOT

ROWS = [
    Row(name="fast", value=3_000, unit="calls/s", limit=6_000, goal=Goal(bound=2_000), spread=0.04),
    Row(name="broken", value=None, unit="", failure="failed: the server didn't start"),
]
MACHINE = {"cpus": 2, "commit": "abc"}


def test_the_table_shows_figures_and_failures() -> None:
    """A row that failed to run is there, with its reason."""
    said = StringIO()
    Console(file=said, width=120).print(report.table(ROWS))
    assert "3,000 calls/s" in said.getvalue()
    assert "the server didn't start" in said.getvalue()


def test_goals_that_are_missed_are_named_with_how_far_they_are() -> None:
    """A share of the goal for what was measured, the reason for what failed."""
    half = Row(name="slow", value=1_000, unit="calls/s", goal=Goal(bound=2_000))
    late = Row(name="late", value=80, unit="s", goal=Goal(bound=60), smaller_is_better=True)
    no_goal = Row(name="seen", value=1, unit="")
    assert report.goals([ROWS[0], no_goal]) == "1 of 1 goals are met."
    assert report.goals([*ROWS, half, late]) == (
        "1 of 4 goals are met. Missed: broken (failed: the server didn't start);"
        " slow (50% of the way to ≥ 2,000 calls/s); late (75% of the way to ≤ 60 s)."
    )


def test_cells_are_in_the_order_of_the_headings() -> None:
    """What, value, spread, limit, ratio, goal, met."""
    assert report.cells(ROWS[0]) == [
        *("fast", "3,000 calls/s", "4%", "6,000", "0.50", "≥ 2,000 calls/s", "yes")
    ]


def test_the_json_has_the_machine_and_the_rows(tmp_path: Path) -> None:
    """The shape that other programs read."""
    report.write_json(tmp_path / "latest.json", MACHINE, ROWS, [])
    read = json.loads((tmp_path / "latest.json").read_text(encoding="utf-8"))
    assert read["machine"] == MACHINE
    assert [row["name"] for row in read["rows"]] == ["fast", "broken"]
    assert [row["met"] for row in read["rows"]] == [True, False]
    assert {"name", "value", "unit", "limit", "ratio", "goal", "met"} <= set(read["rows"][0])


def test_the_readme_keeps_what_stands_around_its_results() -> None:
    """Only what is between the markers is replaced, as often as one likes."""
    readme = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    once = report.replace_section(readme, report.markdown(MACHINE, ROWS))
    twice = report.replace_section(once, report.markdown(MACHINE, ROWS))
    assert once == twice
    assert "| fast | 3,000 calls/s | 4% |" in once
    assert once.splitlines()[0] == readme.splitlines()[0]


def test_a_readme_without_markers_is_refused() -> None:
    """Rather than overwritten."""
    with pytest.raises(ValueError, match="markers"):
        report.replace_section("# Benchmarks", "table")
