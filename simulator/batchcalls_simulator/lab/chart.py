"""The picture of a forecast: calls in progress and reach over time, one line a seed.

It needs matplotlib, which the extra ``batchcalls[plot]`` installs; nothing else does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchcalls_simulator.lab.course import Course

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_UNITS = ((7_200.0, 3_600.0, "hours"), (300.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))


class PlottingMissing(Exception):
    """matplotlib isn't installed: ``pip install 'batchcalls[plot]'`` brings it."""

    def __init__(self) -> None:
        super().__init__("a plot needs matplotlib: pip install 'batchcalls[plot]'")


def draw(courses: Sequence[Course], file: Path) -> None:
    """Write the picture as a PNG.

    Raises:
      PlottingMissing: there is no matplotlib.
      OSError: the file can't be written.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, only needed here
    except ImportError:
        raise PlottingMissing from None
    unit_s, unit = _unit(max(course.end_s for course in courses))
    figure = Figure(figsize=(9, 6), layout="constrained")
    progress, reach = figure.subplots(2, 1, sharex=True)
    for course in courses:
        _draw_course(progress, reach, course, unit_s)
    progress.set_ylabel("calls in progress")
    reach.set_ylabel("reached, % of calls")
    reach.set_xlabel(f"{unit} after the start")
    for axes in (progress, reach):
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    figure.savefig(file, format="png", dpi=120)


def _draw_course(progress: Axes, reach: Axes, course: Course, unit_s: float) -> None:
    style: dict[str, Any] = {"color": "tab:blue", "alpha": 0.4, "linewidth": 1.0}
    times = [sample.at_s / unit_s for sample in course.samples] + [course.end_s / unit_s]
    reached = [*[sample.completed for sample in course.samples], course.completed]
    progress.plot(times, [*[sample.up for sample in course.samples], 0], **style)
    reach.plot(times, [100 * count / course.calls for count in reached], **style)


def _unit(longest_s: float) -> tuple[float, str]:
    return next((unit_s, name) for least_s, unit_s, name in _UNITS if longest_s >= least_s)
