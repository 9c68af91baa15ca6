"""The picture of a forecast can be read: numbers in full, and the limit in it."""

from __future__ import annotations

import pytest

from batchcalls_simulator.lab.course import Binding, Course, Sample

pytest.importorskip("matplotlib")
from batchcalls_simulator.lab.chart import figure_of


def course(*, peak: int, end_s: float = 240.0) -> Course:
    samples = tuple(
        Sample(at_s=at_s, up=peak, completed=index, binding=Binding.BATCH_SLOTS)
        for index, at_s in enumerate((0.0, end_s / 2))
    )
    return Course(
        seed=1, calls=20, completed=18, attempts=20, end_s=end_s, peak=peak, samples=samples
    )


@pytest.mark.parametrize(("limit", "is_in_sight"), [(5, True), (15, True), (1_000, False)])
def test_the_limit_is_drawn_and_named(limit: int, is_in_sight: bool) -> None:
    """One far above flattens nothing; the legend names it still."""
    figure = figure_of([course(peak=5)], most_up=limit)
    progress, _ = figure.axes
    (line,) = [line for line in progress.get_lines() if "limit" in str(line.get_label())]
    assert line.get_label() == f"limit: {limit:,} at once"
    top = float(progress.get_ylim()[1])
    assert (top > limit) is is_in_sight
    assert top > 5


def test_axes_have_units_and_numbers_in_full() -> None:
    """Thousands of calls, and hours: no power of ten, no offset."""
    figure = figure_of([course(peak=50_000, end_s=4e6)], most_up=50_000)
    figure.draw_without_rendering()
    progress, reach = figure.axes
    assert "50,000" in [label.get_text() for label in progress.get_yticklabels()]
    assert "1,000" in [label.get_text() for label in reach.get_xticklabels()]
    assert (progress.get_ylabel(), reach.get_ylabel()) == (
        "calls in progress",
        "reached, % of calls",
    )
    assert reach.get_xlabel() == "hours after the start"


def test_runs_are_one_look_with_one_name() -> None:
    """A seed means nothing, so no color or width tells one from another."""
    figure = figure_of([course(peak=5), course(peak=4)], most_up=5)
    runs = [line for line in figure.axes[0].get_lines() if line.get_linestyle() == "-"]
    assert len({(line.get_color(), line.get_linewidth()) for line in runs}) == 1
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "one of 2 runs",
        "limit: 5 at once",
    ]
