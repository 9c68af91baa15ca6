"""What commands print, for people and for machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

ACCEPTANCE = Path(__file__).parents[1] / "acceptance"
STATUS = json.loads((ACCEPTANCE / "status.json").read_text())


@pytest.mark.parametrize("name", ["basic.json", "advanced.json", "retry.json"])
def test_submit_prints_the_id_and_nothing_else(run: Run, name: str) -> None:
    """The id can be taken by ``$(...)``, even while the batch is followed."""
    file = str(ACCEPTANCE / name)
    assert run("submit", file).out == "batch_done\n"
    watched = run("submit", file, "--watch")
    assert watched.out == "batch_done\n"
    assert "batch_done completed" in watched.err


def test_submit_reads_standard_input(run: Run) -> None:
    """``-`` is standard input."""
    ended = run("submit", "-", stdin=(ACCEPTANCE / "basic.json").read_text())
    assert (ended.code, ended.out, ended.err) == (0, "batch_done\n", "")


def test_an_option_wins_over_the_document(run: Run) -> None:
    """The same document can be submitted under another id."""
    text = json.dumps({"calls": [], "batch_id": "batch_done"})
    assert run("submit", "-", "--batch-id", "batch_busy", stdin=text).out == "batch_busy\n"
    assert run("submit", "-", stdin=text).out == "batch_done\n"


def test_validate_only_prints_no_id(run: Run) -> None:
    """There is no batch whose id could be used."""
    ended = run("submit", str(ACCEPTANCE / "basic.json"), "--validate-only")
    assert (ended.code, ended.out) == (0, "valid: 2 calls, concurrency 5\n")


def test_submit_and_watch_is_a_stream_of_documents(run: Run) -> None:
    """With ``--json`` each line is the batch: as submitted, then as it changes."""
    ended = run("submit", str(ACCEPTANCE / "basic.json"), "--watch", "--json")
    documents = [json.loads(line) for line in ended.out.splitlines()]
    assert [document["batch_id"] for document in documents] == ["batch_done"] * 3
    assert documents[-1]["status"] == "completed"
    assert ended.err == ""


def test_a_status_has_the_promised_shape(run: Run) -> None:
    """The keys of the accepted example come first, in its order; its types are kept."""
    document = json.loads(run("status", "batch_done", "--json").out)
    assert list(document)[: len(STATUS)] == list(STATUS)
    assert [type(document[key]) for key in STATUS] == [type(value) for value in STATUS.values()]
    call = STATUS["calls"][0]
    assert all(list(each)[: len(call)] == list(call) for each in document["calls"])


def test_a_status_holds_every_call_unless_told_otherwise(run: Run) -> None:
    """All pages as a document, a screenful as text; ``--calls`` and ``--no-calls`` decide."""
    assert len(json.loads(run("status", "batch_done", "--json").out)["calls"]) == 25
    assert len(json.loads(run("status", "batch_done", "--json", "--calls", "3").out)["calls"]) == 3
    assert "calls" not in json.loads(run("status", "batch_done", "--json", "--no-calls").out)
    text = run("status", "batch_done").out
    assert text.count("call_done_") == 20
    assert text.endswith("and 5 more: batchcalls calls batch_done\n")
    assert "call_done_" not in run("status", "batch_done", "--no-calls").out


def test_a_status_tells_how_attempts_ended(run: Run) -> None:
    """Outcomes are counted over the whole log, the most frequent first."""
    assert "  attempts  40: 20 busy, 20 completed\n" in run("status", "batch_done").out


def test_calls_are_filtered_and_limited(run: Run) -> None:
    """The server filters; the limit counts what is left."""
    failed = run("calls", "batch_done", "--status", "failed", "--outcome", "busy")
    assert [line.split("\t")[0] for line in failed.out.splitlines()[1:]] == [
        f"call_done_{position}" for position in (4, 9, 14, 19, 24)
    ]
    limited = run("calls", "batch_done", "--limit", "12", "--json")
    assert len(json.loads(limited.out)["calls"]) == 12


def test_a_plain_table_has_tabs_and_only_as_column_borders(run: Run) -> None:
    """Without a terminal nothing is cut, and no value can break a column."""
    lines = run("list").out.splitlines()
    assert [line.count("\t") for line in lines] == [7] * 5
    assert lines[1].endswith("\tSpring\\tcampaign")


def test_batches_are_one_document(run: Run) -> None:
    """A list that ends is one document; a filter can leave it empty."""
    assert len(json.loads(run("list", "--json").out)["batches"]) == 4
    assert len(json.loads(run("list", "--json", "--status", "running").out)["batches"]) == 1
    assert json.loads(run("list", "--json", "--status", "paused").out) == {"batches": []}


@pytest.mark.parametrize("follow", [(), ("--follow",)])
@pytest.mark.parametrize("batch_id", ["batch_done", "batch_flaky"])
def test_events_come_once_each_and_in_order(
    run: Run, batch_id: str, follow: tuple[str, ...]
) -> None:
    """From the log or from the stream, whole or broken again and again."""
    ended = run("events", batch_id, "--after", "3", "--json", *follow)
    sequences = [json.loads(line)["sequence"] for line in ended.out.splitlines()]
    assert sequences == list(range(4, 61))


def test_events_are_filtered_by_type(run: Run) -> None:
    """The words are those of documents; each may be one of several."""
    ended = run("events", "batch_done", "--type", "batch.call_completed", "--json")
    documents = [json.loads(line) for line in ended.out.splitlines()]
    assert {document["type"] for document in documents} == {"batch.call_completed"}
    assert len(documents) == 20


def test_a_word_to_a_batch_answers_with_the_batch(run: Run) -> None:
    """Pause and cancel print the state that they left."""
    assert run("pause", "batch_busy").out.startswith("batch_busy  paused")
    assert json.loads(run("cancel", "batch_busy", "--json").out)["status"] == "canceling"
    hung_up = run("cancel", "batch_busy", "--hang-up", "--json")
    assert json.loads(hung_up.out)["status"] == "canceled"
    assert run("resume", "batch_busy").code == 0


def test_watch_prints_progress_and_result_apart(run: Run) -> None:
    """Without a terminal progress is plain lines on standard error; the result is the end."""
    ended = run("watch", "batch_done")
    assert ended.out.startswith("batch_done  completed")
    assert ended.err.splitlines()[0] == "batch_done running; 25/25 calls ended; 25 reached"
    assert "\x1b" not in ended.out + ended.err
