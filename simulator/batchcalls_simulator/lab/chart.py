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
    from matplotlib.figure import Figure

_UNITS = ((7_200.0, 3_600.0, "hours"), (300.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))

_IN_SIGHT = 3
"""So many times the peak may the limit be, and still be in the picture."""


class PlottingMissing(Exception):
    """matplotlib isn't installed: ``pip install 'batchcalls[plot]'`` brings it."""

    def __init__(self) -> None:
        super().__init__("a plot needs matplotlib: pip install 'batchcalls[plot]'")


def draw(courses: Sequence[Course], file: Path, *, most_up: int) -> None:
    """Write the picture as a PNG; no more than ``most_up`` calls were allowed at once.

    Raises:
      PlottingMissing: there is no matplotlib.
      OSError: the file can't be written.
    """
    figure_of(courses, most_up=most_up).savefig(file, format="png", dpi=120)


def figure_of(courses: Sequence[Course], *, most_up: int) -> Figure:
    """The picture.

    Raises:
      PlottingMissing: there is no matplotlib.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, only needed here
        from matplotlib.ticker import StrMethodFormatter  # noqa: PLC0415 - the same
    except ImportError:
        raise PlottingMissing from None
    unit_s, unit = _unit(max(course.end_s for course in courses))
    figure = Figure(figsize=(9, 6), layout="constrained")
    progress, reach = figure.subplots(2, 1, sharex=True)
    for course in courses:
        _draw_course(progress, reach, course, unit_s)
    progress.get_lines()[0].set_label(f"one of {len(courses):,} runs")
    progress.set_ylabel("calls in progress")
    reach.set_ylabel("reached, % of calls")
    reach.set_xlabel(f"{unit} after the start")
    _draw_limit(progress, max(course.peak for course in courses), most_up)
    reach.set_ylim(0, 105)
    for axes in (progress, reach):
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
        axes.set_xlim(left=0)
        axes.grid(alpha=0.3)
    figure.legend(loc="outside upper right", ncols=2, frameon=False)
    return figure


def _draw_limit(progress: Axes, peak: int, most_up: int) -> None:
    """The line of the limit, out of sight where it lies so high that all else would look flat."""
    label = f"limit: {most_up:,} at once"
    progress.axhline(most_up, color="black", linestyle="--", zorder=1, label=label)
    progress.set_ylim(0, 1.1 * (most_up if most_up <= _IN_SIGHT * peak else max(peak, 1)))


def _draw_course(progress: Axes, reach: Axes, course: Course, unit_s: float) -> None:
    style: dict[str, Any] = {"color": "#0072b2", "alpha": 0.4, "linewidth": 1.0}
    times = [sample.at_s / unit_s for sample in course.samples] + [course.end_s / unit_s]
    reached = [*[sample.completed for sample in course.samples], course.completed]
    progress.plot(times, [*[sample.up for sample in course.samples], 0], **style)
    reach.plot(times, [100 * count / course.calls for count in reached], **style)


def _unit(longest_s: float) -> tuple[float, str]:
    return next((unit_s, name) for least_s, unit_s, name in _UNITS if longest_s >= least_s)
