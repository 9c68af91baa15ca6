"""A plan says what a campaign would come to: when it ends, whom it reaches, what holds it up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner

from batchcalls.engine.admission import EngineLimits
from batchcalls.errors import InvalidRequest, LimitExceeded
from batchcalls_simulator.cli import app
from batchcalls_simulator.distributions import Fixed
from batchcalls_simulator.lab.campaign import Campaign, read_campaign
from batchcalls_simulator.lab.course import Binding, Course
from batchcalls_simulator.lab.forecast import Forecast, Spread
from batchcalls_simulator.lab.plan import run_campaign
from batchcalls_simulator.options import SimulatorOptions, read_options

COMPLETES, BUSY, BUSY_ONCE = "+15550100000", "+15550100001", "+15550100007"
PHONES = SimulatorOptions(
    post_dial_delay=Fixed(time_s=0), ring_time=Fixed(time_s=0), talk_time=Fixed(time_s=60)
)


@pytest.fixture(autouse=True)
def default_logs() -> Iterator[None]:
    """The commands silence the logs of the whole process; the next test has them back."""
    yield
    structlog.reset_defaults()


def document(number: str = COMPLETES, calls: int = 20, **fields: Any) -> dict[str, Any]:
    people = [{"phone_number": number, "script": {"text": "Hello"}}] * calls
    return {"calls": people, "concurrency": 5} | fields


def campaign(number: str = COMPLETES, calls: int = 20, **fields: Any) -> Campaign:
    return read_campaign(json.dumps(document(number, calls, **fields)))


def run(number: str = COMPLETES, calls: int = 20, **fields: Any) -> Course:
    return run_campaign(campaign(number, calls, **fields), options=PHONES)


def main_wait(course: Course) -> Binding:
    return Forecast.of([course]).binding


def test_a_campaign_takes_as_long_as_its_slots_allow() -> None:
    """Twenty calls of a minute, five at once: four minutes."""
    course = run()
    assert (course.end_s, course.attempts, course.reach, course.peak) == (240.0, 20, 1.0, 5)
    assert main_wait(course) is Binding.BATCH_SLOTS


def test_retries_take_their_delay() -> None:
    """A call that is busy once is reached by its second attempt, 300 s later."""
    course = run(BUSY_ONCE, 1, retry_config={"max_attempts": 2, "delay": 300})
    assert (course.end_s, course.attempts, course.reach) == (360.0, 2, 1.0)
    assert main_wait(course) is Binding.RETRY_DELAYS


def test_nobody_is_reached_where_all_are_busy() -> None:
    """The reach is the share of the calls that were completed."""
    assert run(BUSY).reach == 0.0


def test_the_rate_binds_where_the_slots_are_many() -> None:
    """Twenty calls at one in five seconds take 95 s to start, whatever the slots."""
    course = run(concurrency=100, max_calls_per_second=0.2)
    assert course.end_s == pytest.approx(19 * 5 + 60, abs=1)
    assert main_wait(course) is Binding.BATCH_RATE


@pytest.mark.parametrize(
    ("options", "limits", "binding"),
    [
        ({"max_concurrent_calls": 2}, {}, Binding.CARRIER_SLOTS),
        ({"calls_per_second": 0.05}, {}, Binding.CARRIER_RATE),
        ({"outages": "0-5000"}, {}, Binding.CARRIER_DOWN),
        ({"trunk_capacity": 2}, {}, Binding.TRUNK_SLOTS),
        ({"trunk_calls_per_second": 0.05}, {}, Binding.TRUNK_RATE),
        ({}, {"max_calls_per_second": 0.05}, Binding.SERVER_RATE),
    ],
)
def test_the_binding_limit_is_named(
    options: dict[str, object], limits: dict[str, Any], binding: Binding
) -> None:
    """Where the carrier, its trunk or the server is what holds a campaign up, it says so."""
    phones = read_options({"talk_time": 60, "ring_time": 0, "post_dial_delay": 0} | options)
    course = run_campaign(campaign(), options=phones, limits=EngineLimits(**limits))
    assert main_wait(course) is binding


def test_a_seed_is_a_population() -> None:
    """The same seed gives the same course, another seed another."""
    people = SimulatorOptions()
    made = read_campaign(
        json.dumps(
            {
                "concurrency": 5,
                "calls": [
                    {"phone_number": f"+1999{index:07d}", "script": {"text": "Hi"}}
                    for index in range(50)
                ],
            }
        )
    )
    first, again, other = (run_campaign(made, options=people, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert (first.end_s, first.reach) != (other.end_s, other.reach)


def test_the_grain_changes_little() -> None:
    """Whole seconds, which are quick to simulate, give the end of exact times within 2 %."""
    made = read_campaign(
        json.dumps(
            {
                "concurrency": 20,
                "calls": [
                    {"phone_number": f"+1999{index:07d}", "script": {"text": "Hi"}}
                    for index in range(300)
                ],
            }
        )
    )
    exact, coarse = (
        run_campaign(made, options=SimulatorOptions(), grain_s=grain_s) for grain_s in (0.0, 1.0)
    )
    assert coarse.end_s == pytest.approx(exact.end_s, rel=0.02)
    assert (coarse.attempts, coarse.reach) == (exact.attempts, exact.reach)


def test_a_batch_above_the_servers_limit_is_refused() -> None:
    """As the server would refuse it."""
    with pytest.raises(LimitExceeded):
        run_campaign(campaign(), options=PHONES, limits=EngineLimits(max_concurrent_calls=2))


def test_a_document_is_checked_as_the_server_checks_it() -> None:
    """Every violation is listed by its path."""
    with pytest.raises(InvalidRequest, match=r"calls\[0\].phone_number"):
        campaign("12")


def test_the_spread_is_interpolated() -> None:
    """Eleven values from 0 to 10 have their quantiles where one expects them."""
    assert Spread.of(list(range(11))) == Spread(p10=1.0, p50=5.0, p90=9.0)
    assert Spread.of([3.0]) == Spread(p10=3.0, p50=3.0, p90=3.0)


# The command


def command(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["plan", *arguments])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "campaign.json"
    path.write_text(json.dumps(document()), encoding="utf-8")
    return path


def test_the_command_prints_a_forecast_for_machines(file: Path) -> None:
    """One JSON document, times in seconds."""
    done = command(str(file), "--seeds", "2", "--jobs", "1", "--option", "talk_time=60", "--json")
    assert done.exit_code == 0
    forecast = json.loads(done.stdout)
    assert forecast["seeds"] == 2
    assert forecast["calls"] == 20
    assert forecast["peak_concurrency"] == 5
    assert forecast["binding_limit"] == "batch concurrency"
    assert set(forecast["end_s"]) == {"p10", "p50", "p90"}


def test_the_command_draws_a_picture(file: Path, tmp_path: Path) -> None:
    """A PNG of calls in progress and reach over time, and the forecast for people."""
    pytest.importorskip("matplotlib")
    picture = tmp_path / "plan.png"
    done = command(str(file), "--seeds", "1", "--plot", str(picture))
    assert done.exit_code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "ends after" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--option", "bussy_rate=1"], "unknown option 'bussy_rate'"),
        (["--option", "busy_rate"], "must be KEY=VALUE"),
        (["--max-concurrent-calls", "2"], "above the server's limit"),
    ],
)
def test_bad_input_is_refused_in_a_line(file: Path, arguments: list[str], complaint: str) -> None:
    """Exit code 2, one readable line, no traceback."""
    done = command(str(file), "--seeds", "1", *arguments)
    assert done.exit_code == 2
    assert complaint in done.stderr


def test_a_file_that_isnt_there_is_refused(tmp_path: Path) -> None:
    """So is one that isn't JSON."""
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    assert command(str(tmp_path / "none.json")).exit_code == 2
    assert command(str(broken)).exit_code == 2
