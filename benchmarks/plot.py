"""The charts, drawn by matplotlib (the extra ``plot``) without a display."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from benchmarks.row import Row

_MOST: Final = 4.0
"""Where bars are cut: a goal met ten times over would flatten all the others."""

Draw = Callable[[Figure], None]


def draw(path: Path, inches: tuple[float, float], fill: Draw) -> None:
    """Let ``fill`` fill a figure, and write it to ``path``."""
    figure = Figure(figsize=inches, layout="constrained")
    fill(figure)
    figure.savefig(path, dpi=100)


def write_goals_chart(path: Path, rows: Sequence[Row]) -> None:
    """A bar for each row with a goal: 1 is just met."""
    scored = [(row, row.score) for row in reversed(rows)]
    bars = [(row, min(score, _MOST)) for row, score in scored if score is not None]

    def fill(figure: Figure) -> None:
        axes = figure.add_subplot()
        colors = ["tab:green" if row.met else "tab:red" for row, _ in bars]
        axes.barh([row.name for row, _ in bars], [score for _, score in bars], color=colors)
        axes.axvline(1.0, color="black", linewidth=1)
        axes.set_xlim(0, _MOST)
        axes.set_xlabel(f"times the goal (1 is just met; cut at {_MOST:g})")

    draw(path, (9, 1 + 0.3 * len(bars)), fill)


def write_lines_chart(
    path: Path,
    panels: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]],
    *,
    x_label: str,
    is_logarithmic: bool,
) -> None:
    """A panel for each title, in it a line of points for each name.

    Lines get thinner from the first to the last, so that none hides one that it lies upon.
    """

    def fill(figure: Figure) -> None:
        for index, (title, lines) in enumerate(panels.items()):
            axes = figure.add_subplot(1, len(panels), index + 1)
            for width, (name, points) in zip(
                range(2 * len(lines), 0, -2), lines.items(), strict=True
            ):
                axes.plot(*zip(*points, strict=True), linewidth=width, marker="o", label=name)
            if is_logarithmic:
                axes.set_xscale("log")
                axes.set_yscale("log")
            axes.set_title(title)
            axes.set_xlabel(x_label)
            axes.grid(visible=True, alpha=0.3)
            axes.legend()

    draw(path, (5 * len(panels), 4), fill)
