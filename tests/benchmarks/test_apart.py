"""A benchmark runs apart, and what becomes of it is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import trio

from benchmarks.apart import Benchmark, Finding, run_apart
from benchmarks.chart import Chart, Kind
from benchmarks.effort import Effort
from benchmarks.row import Row


def two_rows(effort: Effort) -> Iterator[Row]:
    yield Row(name="size", value=effort.pick(full=100, quick=1), unit="")
    yield Row(name="process", value=os.getpid(), unit="")


def one_row_then_broken(effort: Effort) -> Iterator[Row]:
    yield Row(name="first", value=1, unit="")
    raise RuntimeError("it broke")


def dead(effort: Effort) -> Iterator[Row]:
    yield Row(name="first", value=1, unit="")
    os._exit(3)


def endless(effort: Effort) -> Iterator[Row]:
    yield Row(name="first", value=1, unit="")
    trio.run(trio.sleep_forever)


def run(measure: object, *, time_box_s: float = 60) -> list[Row]:
    assert callable(measure)
    benchmark = Benchmark(name="bench", measure=measure, time_box_s=time_box_s)
    return [found for found in run_apart(benchmark, quick=True) if isinstance(found, Row)]


def test_rows_come_from_a_process_of_their_own() -> None:
    """In order, measured with the effort that was asked for."""
    size, process = run(two_rows)
    assert size.value == 1
    assert process.value != os.getpid()


def test_a_chart_comes_as_rows_do() -> None:
    """Beside them, in the order in which they are made."""
    benchmark = Benchmark(name="bench", measure=a_row_and_a_chart, time_box_s=60)
    assert run_apart(benchmark, quick=True) == list(a_row_and_a_chart())


def a_row_and_a_chart(_effort: Effort | None = None) -> Iterator[Finding]:
    yield Row(name="first", value=1, unit="")
    yield Chart(name="drawn", kind=Kind.BARS, x_label="x", panels=[])


def test_a_failure_is_a_row_behind_what_was_measured() -> None:
    """Nothing is hidden and nothing measured is lost."""
    first, failed = run(one_row_then_broken)
    assert first.value == 1
    assert failed.name == "bench"
    assert failed.failure == "failed: RuntimeError: it broke"
    assert failed.met is False


def test_a_process_that_dies_is_a_failure() -> None:
    """However it dies."""
    assert run(dead)[-1].failure == "failed: its process ended"


def test_a_benchmark_that_never_ends_is_ended() -> None:
    """Its time box is a failure too."""
    assert "took longer" in run(endless, time_box_s=0)[-1].failure


def test_what_a_benchmark_leaves_behind_is_gone(tmp_path: Path) -> None:
    """Its folder lasts as long as it runs."""
    (row,) = run(own_folder)
    assert not Path(row.unit).exists()


def own_folder(effort: Effort) -> Iterator[Row]:
    (effort.folder / "left.db").touch()
    yield Row(name="folder", value=1, unit=str(effort.folder))
