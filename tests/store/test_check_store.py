"""The store that ships keeps the contract; each store that breaks a rule is refused by it."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from batchcalls.store.contract import Store
from batchcalls.store.sql.sql_store import SqlStore
from batchcalls.testing import BrokenContract, StoreFactory, check_store
from batchcalls.testing.store import (
    LASTING_RULES,
    RULES,
    Rule,
    commits,
    lives,
    lookups,
    pages,
    queue,
    refusals,
    reopening,
    starts,
)
from tests.store.broken_stores import (
    CommitsInHalves,
    CutsSpecs,
    CutsTexts,
    FindsNoOpenCalls,
    ForgetsThoughtlessly,
    IgnoresTypes,
    KeepsNothing,
    LosesAnswers,
    ReadsBackwards,
    RefusesWholeGroups,
    RepeatsCalls,
    SkipsBatches,
    SwallowsLostRows,
    TakesPausedForEnded,
    TakesRequestsTwice,
    TearsReads,
    ThinksItIsComplete,
)


def in_memory(_name: str) -> Store:
    return SqlStore.open("sqlite://")


def in_files(folder: Path, *, kind: type[SqlStore] = SqlStore) -> StoreFactory:
    return lambda name: kind.open(f"sqlite:///{folder / name}.db")


def name_of(rule: object) -> str:
    return getattr(rule, "__name__", repr(rule))


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_sqlite_in_memory_keeps_the_contract(rule: Rule) -> None:
    """All that holds for a store that keeps nothing beyond its close."""
    check_store(in_memory, rules=[rule])


@pytest.mark.parametrize("rule", [*RULES, *LASTING_RULES], ids=name_of)
def test_sqlite_in_a_file_keeps_the_contract(rule: Rule, tmp_path: Path) -> None:
    """All that holds, also for the next process."""
    check_store(in_files(tmp_path), rules=[rule])


@pytest.mark.parametrize(
    ("broken", "rule", "words"),
    [
        (CommitsInHalves, commits.a_group_is_all_or_nothing, "finds no row must leave nothing"),
        (CutsSpecs, commits.a_spec_is_kept_to_the_byte, "must be kept to the byte"),
        (CutsTexts, commits.texts_are_kept_to_the_letter, "must be kept to the letter"),
        (SwallowsLostRows, commits.a_group_is_all_or_nothing, "must raise AssertionError"),
        (LosesAnswers, commits.every_event_is_stored_as_it_was_answered, "the events of its group"),
        (TakesRequestsTwice, refusals.a_request_id_used_again_is_refused, "must be refused"),
        (RefusesWholeGroups, refusals.a_taken_batch_id_is_refused, "the rest of its group all"),
        (ReadsBackwards, queue.the_head_of_the_queue_is_that_of_a_plain_sort, "must be in order"),
        (ThinksItIsComplete, queue.the_head_of_a_long_queue_is_found, "more of them are stored"),
        (ForgetsThoughtlessly, queue.a_forgotten_batch_is_empty, "must not touch another"),
        (SkipsBatches, pages.pages_of_batches_are_complete, "must have each batch once"),
        (RepeatsCalls, pages.pages_of_calls_are_complete, "must have each call once"),
        (IgnoresTypes, pages.pages_of_events_are_complete, "must have each event once"),
        (TearsReads, starts.reads_beside_commits_see_one_snapshot, "read as one snapshot"),
        (FindsNoOpenCalls, starts.open_calls_have_an_intent_and_no_outcome, "open calls must be"),
        (
            TakesPausedForEnded,
            starts.unfinished_batches_are_those_that_have_not_ended,
            "must be all that aren't final",
        ),
        (
            KeepsNothing,
            reopening.what_was_committed_is_there_for_the_next_process,
            "must be there after a close",
        ),
    ],
    ids=name_of,
)
def test_a_store_that_breaks_a_rule_is_refused_by_that_rule(
    broken: type[SqlStore], rule: Rule, words: str, tmp_path: Path
) -> None:
    """The message says what was broken, in words that lead to the contract."""
    with pytest.raises(BrokenContract, match=words):
        check_store(in_files(tmp_path, kind=broken), rules=[rule])


def test_a_store_that_is_not_empty_at_first_is_refused(tmp_path: Path) -> None:
    """Every rule begins with nothing; a factory that opens one store for all is none."""
    open_store = in_files(tmp_path)
    with pytest.raises(BrokenContract, match="opened for the first time must be empty"):
        check_store(lambda _name: open_store("one"))


def test_no_rule_is_left_out() -> None:
    """Whatever takes a factory of stores is in a tuple, and so in ``check_store``."""
    written = [
        function
        for module in (commits, lives, lookups, pages, queue, refusals, reopening, starts)
        for name, function in vars(module).items()
        if not name.startswith("_") and getattr(function, "__module__", "") == module.__name__
        if list(inspect.signature(function).parameters) == ["open_store"]
    ]
    assert set(written) == {*RULES, *LASTING_RULES}
