"""Logs: their form, and what must never be in them."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator

import pytest
import structlog

from batchcalls.logs import LineLogger, Lines, configure_logs

WAIT_S = 30.0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class FullDisk(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError("no space left")


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    """Leave logging as it was found."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


class Stuck(io.StringIO):
    """A pipe that nobody reads, until somebody does."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.somebody_reads = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        assert self.somebody_reads.wait(WAIT_S)
        return super().write(text)


def text(stream: io.StringIO) -> str:
    """What was logged."""
    (handler,) = logging.getLogger().handlers
    handler.flush()
    return stream.getvalue()


def logged(stream: io.StringIO) -> dict[str, object]:
    (line,) = text(stream).splitlines()
    found: dict[str, object] = json.loads(line)
    return found


@pytest.mark.parametrize(("term", "colors"), [("xterm", True), ("dumb", False)])
def test_a_terminal_that_knows_no_colors_gets_none(
    monkeypatch: pytest.MonkeyPatch, term: str, colors: bool
) -> None:
    """It would print the codes."""
    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    configure_logs(stream=terminal)
    structlog.get_logger().info("hello")
    assert ("\x1b" in text(terminal)) is colors


def test_without_a_terminal_each_line_is_json() -> None:
    """A collector of logs gets the event, its level, its time and its values."""
    stream = io.StringIO()
    configure_logs(stream=stream)
    structlog.get_logger().info("batch_started", calls=3)
    line = logged(stream)
    assert (line["event"], line["level"], line["calls"]) == ("batch_started", "info", 3)
    assert str(line["timestamp"]).endswith("Z")


def test_a_line_about_an_attempt_names_its_call_and_its_batch() -> None:
    """Who logs knows the attempt; who reads looks for a call or a batch."""
    stream = io.StringIO()
    configure_logs(stream=stream)
    structlog.get_logger().info("call_recovered", attempt_id="attempt_x_7_2")
    line = logged(stream)
    assert (line["call_id"], line["batch_id"]) == ("call_x_7", "batch_x")


@pytest.mark.parametrize("attempt_id", ["", "no_id_of_ours", None])
def test_an_id_that_is_none_of_ours_is_left_alone(attempt_id: str | None) -> None:
    """A line is never lost for what stands in it."""
    stream = io.StringIO()
    configure_logs(stream=stream)
    structlog.get_logger().info("call_recovered", attempt_id=attempt_id)
    assert "call_id" not in logged(stream)


def test_on_a_terminal_lines_are_for_people() -> None:
    """The same event reads as text, and numbers are masked there too."""
    stream = Terminal()
    configure_logs(stream=stream)
    structlog.get_logger().info("dialed +15550100007")
    assert "dialed +…07" in text(stream)
    assert not text(stream).startswith("{")


@pytest.mark.parametrize(
    "value",
    [
        "+15550100007",
        "from +15550100007 to +15550100007",
        ["+15550100007"],
        {"calls": [{"+15550100007": ("+15550100007",)}]},
        ValueError("+15550100007"),
        {"+15550100007"},
    ],
)
@pytest.mark.parametrize("kind", [io.StringIO, Terminal], ids=["json", "terminal"])
def test_phone_numbers_are_masked_wherever_they_stand(
    kind: type[io.StringIO], value: object
) -> None:
    """In text, in lists, in maps and their keys, in whatever a value prints as."""
    stream = kind()
    configure_logs(stream=stream)
    structlog.get_logger().info("seen", value=value)
    assert "5550100007" not in text(stream)
    assert "+…07" in text(stream)


@pytest.mark.parametrize("kind", [io.StringIO, Terminal], ids=["json", "terminal"])
def test_a_traceback_shows_no_numbers_and_no_variables(kind: type[io.StringIO]) -> None:
    """The text of an exception is masked; values of variables aren't there at all."""
    stream = kind()
    configure_logs(stream=stream)
    script = "the words of a client"
    try:
        raise LookupError("no such number: +15550100007", len(script))
    except LookupError:
        structlog.get_logger().exception("failed")
    assert "no such number: +…07" in text(stream)
    assert "test_a_traceback_shows" in text(stream)
    assert "5550100007" not in text(stream)
    assert "the words of a client" not in text(stream).replace('script = "', "")


def test_what_libraries_log_has_the_same_form() -> None:
    """Warnings and worse of ``logging`` are JSON lines too, exceptions and masks included."""
    stream = io.StringIO()
    configure_logs(stream=stream)
    logging.getLogger("grpc").info("not this")
    try:
        raise KeyError("+15550100007")
    except KeyError:
        logging.getLogger("grpc").exception("failed for %s", "+15550100007")
    line = logged(stream)
    assert (line["event"], line["level"]) == ("failed for +…07", "error")
    assert "KeyError" in json.dumps(line["exception"])
    assert "5550100007" not in text(stream)


def test_below_the_level_nothing_is_logged() -> None:
    """The level holds for us as for libraries."""
    stream = io.StringIO()
    configure_logs(stream=stream, level=logging.ERROR)
    structlog.get_logger().warning("not this")
    logging.getLogger("grpc").warning("nor this")
    assert text(stream) == ""


def test_a_log_that_cannot_be_written_stops_nobody() -> None:
    """When the disk of the log is full, its lines are lost and the work goes on."""
    configure_logs(stream=FullDisk())
    structlog.get_logger().error("store_failing")


def test_a_log_that_nobody_reads_holds_up_nobody() -> None:
    """Who logs goes on; what finds no room is lost, and counted as soon as somebody reads."""
    stream = Stuck()
    configure_logs(stream=stream)
    log = structlog.get_logger()
    log.info("first")
    assert stream.reached.wait(WAIT_S)
    for _ in range(100):
        log.info("long", text="x" * 100_000)
    stream.somebody_reads.set()
    lines = [json.loads(line) for line in text(stream).splitlines()]
    kept = [line for line in lines if line["event"] == "long"]
    assert 1 <= len(kept) <= 10
    (told,) = [line for line in lines if line["event"] == "log_lines_lost"]
    assert told["lines"] == 100 - len(kept)


def test_what_was_lost_is_counted_whole() -> None:
    """Not before there is room for the line that tells it: it would be lost itself."""
    stream = Stuck()
    lines = Lines(stream)
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()],
        logger_factory=lambda *_: LineLogger(lines),
    )
    lines.put("x")
    assert stream.reached.wait(WAIT_S)
    for _ in range(10):
        lines.put("x" * 99_999)
    for _ in range(5):
        lines.put("x" * 100)
    stream.somebody_reads.set()
    lines.flush()
    told = [line for line in stream.getvalue().splitlines() if "log_lines_lost" in line]
    assert [json.loads(line)["lines"] for line in told] == [5]


def test_a_record_that_cannot_be_formatted_fails_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    """A library that logs badly goes on."""
    configure_logs(stream=io.StringIO())
    logging.getLogger("grpc").warning("%d calls", "many")
    assert "many" in capsys.readouterr().err
