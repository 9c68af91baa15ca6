"""The charts can be read: by anybody, without a key to the numbers."""

from __future__ import annotations

from itertools import combinations, pairwise, starmap
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from numpy import asarray, cbrt, clip, float64, where
from numpy.linalg import norm
from numpy.typing import NDArray

from benchmarks.__main__ import main
from benchmarks.chart import Chart, Kind, Panel
from benchmarks.plot import LOOKS, MET, MISSED, PLAIN, chart_figure, goals_figure
from benchmarks.report import read_json, write_json
from benchmarks.row import Goal, Row
from tests.house.tree import ROOT

_KEPT = ROOT / "benchmarks" / "results" / "latest.json"
_CLEAR = 20.0
"""A distance in CIELAB that nobody overlooks; 2 is the least that a good eye sees."""

_EYES = [
    asarray([[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    asarray([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    asarray([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
]
"""What eyes make of linear RGB: all, those without red, those without green (Machado 2009)."""

_XYZ = asarray([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])

LINES = Chart(
    name="growth",
    kind=Kind.LINES,
    x_label="how many",
    panels=[
        Panel(title="Rate, calls/s", series={"calls": [(1, 100), (1_000, 250_000)]}),
        Panel(title="Lag, ms", series={"calls": [(1, 2)], "watchers": [(1, 0.5), (10, 3)]}),
    ],
)


@pytest.mark.parametrize(
    ("number", "text"),
    [(1_000, "1,000"), (1_000_000, "1,000,000"), (0.5, "0.5"), (0, "0"), (12.25, "12.25")],
)
def test_ticks_are_numbers_in_full(number: float, text: str) -> None:
    """Never a power of ten, never an offset."""
    assert PLAIN(number) == text


def test_every_number_at_an_axis_is_in_full() -> None:
    """On axes that are logarithmic too, minor ticks included."""
    figures = [chart_figure(LINES), goals_figure(read_json(_KEPT)[0])]
    for figure in figures:
        figure.draw_without_rendering()
        texts = [
            label.get_text()
            for axes in figure.axes
            for minor in (False, True)
            for label in [*axes.get_xticklabels(minor=minor), *axes.get_yticklabels(minor=minor)]
        ]
        assert "1" in texts
        assert [text for text in texts if "$" in text or "10^" in text or "e+" in text] == []


def test_each_limit_that_is_kept_is_drawn_and_written() -> None:
    """The line of all limits, and beside each bar the figure with the limit of its row."""
    limited = [row for row in read_json(_KEPT)[0] if row.limit is not None]
    assert limited
    above, _ = goals_figure(limited).axes
    assert _line(above, "the limit") == ([100, 100], [0, 1])
    texts = [text.get_text() for text in above.texts]
    assert len(texts) == len(limited)
    assert all("limit " in text for text in texts)


def test_each_goal_is_drawn_where_it_lies() -> None:
    """As a share of the limit where there is one, whichever way better lies; else at 1."""
    rows = [
        Row(name="rate", value=3_000, unit="/s", limit=8_000, goal=Goal(bound=2_000)),
        Row(name="share", value=1, unit="/s", limit=4, goal=Goal(bound=0.5, of_ratio=True)),
        Row(name="t", value=2, unit="s", limit=1, goal=Goal(bound=4), smaller_is_better=True),
        Row(name="alone", value=3, unit="s", goal=Goal(bound=6), smaller_is_better=True),
        Row(name="no goal", value=3, unit="s", limit=4),
    ]
    above, below = goals_figure(rows).axes
    names = [label.get_text() for label in above.get_yticklabels()]
    at, y = _line(above, "the goal")
    assert dict(zip((names[int(place)] for place in y), at, strict=True)) == {
        "rate": 25,
        "share": 50,
        "t": 25,
    }
    assert _line(below, "the goal") == ([1], [0])


def test_what_was_missed_is_told_by_word_and_hatch() -> None:
    """A reader who sees no colors knows it; so does one who sees no hatch."""
    rows = [
        Row(name="met", value=3, unit="s", goal=Goal(bound=2)),
        Row(name="missed", value=1, unit="s", goal=Goal(bound=2)),
        Row(name="broken", value=None, unit="", failure="failed: it broke"),
        Row(name="plain", value=1, unit="s"),
    ]
    _, below = goals_figure(rows).axes
    told = dict(zip(_names(below), [text.get_text() for text in below.texts], strict=True))
    assert told == {
        "broken": "failed to run",
        "missed": "1 s, goal ≥ 2: missed",
        "met": "3 s, goal ≥ 2",
    }
    assert {bar.get_hatch() or "" for bar in below.patches} == {MET.hatch, MISSED.hatch}


def test_no_two_colors_are_one_to_an_eye_that_takes_red_for_green() -> None:
    """Nor to any other: seen by all kinds of eyes, they are far apart. A red and a green aren't."""
    colors = [look.color for look in LOOKS]
    assert min(starmap(_distance, combinations(colors, 2))) > _CLEAR
    assert _distance("tab:red", "tab:green") < _CLEAR


def test_what_stands_side_by_side_differs_in_more_than_color() -> None:
    """Lines by their marker, bars by their hatch; none by how thick it is."""
    assert len({look.marker for look in LOOKS}) == len(LOOKS)
    assert all(one.hatch != other.hatch for one, other in pairwise(LOOKS))
    lines = [line for axes in chart_figure(LINES).axes for line in axes.get_lines()]
    assert len({line.get_linewidth() for line in lines}) == 1


def test_a_name_looks_the_same_in_every_panel() -> None:
    """And is in the one legend, also when the first panel hasn't got it."""
    figure = chart_figure(LINES)
    first, second = (axes.get_lines() for axes in figure.axes)
    assert first[0].get_color() == second[0].get_color()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["calls", "watchers"]


def test_pictures_are_drawn_again_without_measuring(tmp_path: Path) -> None:
    """``--draw`` makes one of the goals and one of each chart, all from the JSON."""
    rows = [Row(name="fast", value=3, unit="s", goal=Goal(bound=2))]
    write_json(tmp_path / "latest.json", {"cpus": 2}, rows, [LINES])
    assert main(["--draw", "--results", str(tmp_path)]) == 0
    for name in ("latest", "growth"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_kept_comes_back_as_it_was(tmp_path: Path) -> None:
    """Rows with their goals, and charts, through the JSON."""
    rows = [
        Row(name="a", value=3, unit="s", limit=4, goal=Goal(bound=0.5, of_ratio=True), spread=0.1),
        Row(name="b", value=None, unit="", failure="failed: x", smaller_is_better=True),
    ]
    write_json(tmp_path / "latest.json", {}, rows, [LINES])
    assert read_json(tmp_path / "latest.json") == (rows, [LINES])


def _line(axes: Axes, label: str) -> tuple[list[float], list[float]]:
    (line,) = [line for line in axes.get_lines() if line.get_label() == label]
    return asarray(line.get_xdata()).tolist(), asarray(line.get_ydata()).tolist()


def _names(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def _distance(one: str, other: str) -> float:
    """How far apart two colors are to the eye that tells them least, in CIELAB."""
    return min(float(norm(_lab(one, eye) - _lab(other, eye))) for eye in _EYES)


def _lab(color: str, eye: NDArray[float64]) -> NDArray[float64]:
    """The color as the eye sees it."""
    parts = asarray(to_rgb(color))
    linear = where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    x, y, z = cbrt(_XYZ @ clip(eye @ linear, 0, 1) / _XYZ.sum(axis=1))
    return asarray([116 * y - 16, 500 * (x - y), 200 * (y - z)])
