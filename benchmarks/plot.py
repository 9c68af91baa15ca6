"""The charts, drawn by matplotlib (the extra ``plot``) without a display.

Made to be read at the width of a README, by anybody: numbers in full, a unit for each, limits
and goals drawn, and nothing told by colour alone. Series differ in shape or hatch besides, and
their colours in lightness, so they stay apart for every eye and on grey paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter

from benchmarks.chart import Chart, Kind, Panel
from benchmarks.row import Row, number_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH_IN: Final = 9.0
_DOTS_PER_INCH: Final = 150
_ROW_IN: Final = 0.25
_SMALL: Final = 8
_MOST: Final = 10.0
"""Where bars are cut, to either side: a goal met a hundred times over would flatten the others."""


class Look(NamedTuple):
    """How a series is told from the others: by colour, by marker (lines), by hatch (bars)."""

    color: str
    marker: str
    hatch: str


LOOKS: Final = (
    Look("#333333", "o", ""),
    Look("#0072b2", "s", "///"),
    Look("#cc79a7", "^", ""),
    Look("#e69f00", "D", "\\\\\\"),
    Look("#9ad0f5", "v", ""),
)
"""From dark to light; the hues are those of Okabe and Ito."""

MET: Final = LOOKS[1]._replace(hatch="")
MISSED: Final = LOOKS[3]

PLAIN: Final = StrMethodFormatter("{x:,.10g}")
"""Numbers in full: 1,000 and 0.5, never a power of ten."""


def write(figure: Figure, path: Path) -> None:
    """Write the picture as a PNG."""
    figure.savefig(path, format="png", dpi=_DOTS_PER_INCH)


def goals_figure(rows: Sequence[Row]) -> Figure:
    """A bar for each row with a limit, as a share of it; below, one for each that has a goal alone.

    Rows that failed are among them, without a bar.
    """
    limited = [row for row in reversed(rows) if row.limit is not None]
    others = [row for row in reversed(rows) if row.limit is None and row.met is not None]
    heights = [2 + len(limited), 2 + len(others)]
    figure = Figure(figsize=(_WIDTH_IN, 1 + _ROW_IN * sum(heights)), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=heights)
    _draw_shares(above, limited)
    _draw_scores(below, others)
    handles, labels = above.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return figure


def chart_figure(chart: Chart) -> Figure:
    """A panel under the other, and one legend for all of them."""
    figure = Figure(figsize=(_WIDTH_IN, 0.8 + 2.1 * len(chart.panels)), layout="constrained")
    draw = {Kind.LINES: _draw_lines, Kind.BARS: _draw_groups}[chart.kind]
    looks = _looks(chart)
    all_axes = figure.subplots(len(chart.panels), 1, squeeze=False, sharex=True)[:, 0]
    for axes, panel in zip(all_axes, chart.panels, strict=True):
        draw(axes, panel, looks)
        _finish(axes, panel)
    all_axes[-1].set_xlabel(chart.x_label)
    shown = {name: handle for axes in all_axes for handle, name in _named(axes)}
    figure.legend(
        [shown[name] for name in looks],
        list(looks),
        loc="outside upper center",
        ncols=len(looks),
        frameon=False,
    )
    return figure


def _draw_shares(axes: Axes, rows: Sequence[Row]) -> None:
    axes.set_title("Share of the limit, which was measured in the same run", loc="left")
    axes.axvline(100, color="black", linewidth=1.5, label="the limit")
    _draw_bars(axes, rows, [100 * (row.ratio or 0.0) for row in rows], from_x=0)
    _draw_goals(axes, [None if row.goal_share is None else 100 * row.goal_share for row in rows])
    axes.set_xlim(left=0)
    axes.set_xlabel("% of the limit", fontsize=_SMALL)
    axes.xaxis.set_major_formatter(PLAIN)


def _draw_scores(axes: Axes, rows: Sequence[Row]) -> None:
    axes.set_title("Times as good as the goal", loc="left")
    scores = [min(max(row.score or 1.0, 1 / _MOST), _MOST) for row in rows]
    low, high = min([0.5, *scores]), max([2.0, *scores])
    axes.set_xscale("log")
    _draw_bars(axes, rows, scores, from_x=1)
    _draw_goals(axes, [None if row.goal is None else 1.0 for row in rows])
    axes.set_xlim(0.97 * low, 1.03 * high)
    axes.set_xticks([x for x in (0.1, 0.2, 0.5, 1, 2, 5, 10) if low <= x <= high])
    axes.xaxis.set_major_formatter(PLAIN)
    axes.minorticks_off()
    axes.set_xlabel(f"times the goal: from 1 on it is met (cut at {_MOST:g})", fontsize=_SMALL)


def _draw_goals(axes: Axes, goals: Sequence[float | None]) -> None:
    """A tick across each bar, where its goal lies."""
    shown = [(x, y) for y, x in enumerate(goals) if x is not None]
    axes.plot(
        [x for x, _ in shown],
        [y for _, y in shown],
        linestyle="",
        marker="|",
        markersize=13,
        markeredgewidth=3,
        color="black",
        label="the goal",
    )


def _draw_bars(axes: Axes, rows: Sequence[Row], ends: Sequence[float], *, from_x: float) -> None:
    """Bars from ``from_x``, each between its name and its figures."""
    for label, look, is_met in (("met, or no goal", MET, True), ("goal missed", MISSED, False)):
        chosen = [y for y, row in enumerate(rows) if (row.met is not False) is is_met]
        axes.barh(
            chosen,
            [ends[y] - from_x for y in chosen],
            left=from_x,
            height=0.6,
            label=label,
            zorder=0,
            **_filled(look),
        )
    axes.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=_SMALL)
    axes.tick_params(axis="x", labelsize=_SMALL)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    for y, row in enumerate(rows):
        axes.text(
            1.015,
            y,
            _figures(row),
            transform=axes.get_yaxis_transform(),
            fontsize=_SMALL,
            verticalalignment="center",
        )
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _figures(row: Row) -> str:
    """The value with its unit, and what it is held against."""
    if row.value is None:
        return "failed to run"
    said = f"{number_text(row.value)} {row.unit}"
    if row.limit is not None:
        said = f"{said}, limit {number_text(row.limit)}"
    if row.goal is not None:
        said = f"{said}, goal {row.goal_text.removesuffix(row.unit).strip()}"
    return said if row.met is not False else f"{said}: missed"


def _draw_lines(axes: Axes, panel: Panel, looks: dict[str, Look]) -> None:
    for name, points in panel.series.items():
        axes.plot(
            *zip(*points, strict=True),
            color=looks[name].color,
            marker=looks[name].marker,
            linewidth=1.5,
            label=name,
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(numticks=10))
    axes.xaxis.set_major_formatter(PLAIN)
    axes.minorticks_off()


def _draw_groups(axes: Axes, panel: Panel, looks: dict[str, Look]) -> None:
    width = 0.86 / len(panel.series)
    for index, (name, points) in enumerate(panel.series.items()):
        shift = (index - (len(panel.series) - 1) / 2) * width
        bars = axes.bar(
            [group + shift for group in range(len(points))],
            [y for _, y in points],
            width=0.9 * width,
            label=name,
            **_filled(looks[name]),
        )
        axes.bar_label(bars, [number_text(y) for _, y in points], fontsize=_SMALL, padding=1)
        axes.set_xticks(range(len(points)), [number_text(x) for x, _ in points])


def _finish(axes: Axes, panel: Panel) -> None:
    axes.margins(y=0.12)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PLAIN)
    axes.tick_params(labelbottom=True)
    axes.set_title(panel.title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, axis="y", alpha=0.3)
    axes.set_axisbelow(True)


def _looks(chart: Chart) -> dict[str, Look]:
    """One look for a name, whichever panels it is in."""
    names = dict.fromkeys(name for panel in chart.panels for name in panel.series)
    assert len(names) <= len(LOOKS), "more series than eyes can tell apart"
    return dict(zip(names, LOOKS, strict=False))


def _named(axes: Axes) -> list[tuple[Any, str]]:
    return list(zip(*axes.get_legend_handles_labels(), strict=True))


def _filled(look: Look) -> dict[str, Any]:
    return {"facecolor": look.color, "hatch": look.hatch, "edgecolor": "white", "linewidth": 0}
