"""All benchmarks, in the order of the table, and the longest that each may take."""

from __future__ import annotations

from typing import Final

from benchmarks import (
    dispatch,
    events,
    pacing,
    readers,
    reads,
    restart,
    retry,
    scale,
    slots,
    upload,
    virtual_time,
)
from benchmarks.apart import Benchmark

SUITE: Final = (
    Benchmark(name="dispatch", measure=dispatch.measure, time_box_s=120),
    Benchmark(name="slots", measure=slots.measure, time_box_s=90),
    Benchmark(name="pacing", measure=pacing.measure, time_box_s=90),
    Benchmark(name="reads", measure=reads.measure, time_box_s=90),
    Benchmark(name="readers", measure=readers.measure, time_box_s=240),
    Benchmark(name="events", measure=events.measure, time_box_s=90),
    Benchmark(name="upload", measure=upload.measure, time_box_s=90),
    Benchmark(name="restart", measure=restart.measure, time_box_s=180),
    Benchmark(name="virtual_time", measure=virtual_time.measure, time_box_s=300),
    Benchmark(name="retry", measure=retry.measure, time_box_s=120),
    Benchmark(name="scale", measure=scale.measure, time_box_s=300),
)
