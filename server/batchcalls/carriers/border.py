"""The border: what stands between the engine and every carrier, ours included.

A carrier is somebody else's code, and the engine behind the border holds everybody's calls. So
nothing that a carrier returns, raises or reports is taken on trust: what breaks the contract of
``base`` costs that one attempt, which ends unknown, and touches no other call. From here on:

* results are of the right type, with an outcome that a call can end with; their texts are valid
  UTF-8, free of control characters, and short enough to be kept;
* four exceptions come out, and no others: ``CarrierThrottled`` and ``CarrierUnavailable``, which
  promise that no phone rang; ``CarrierFault``, which promises nothing; and our own cancellation;
* own evidence outweighs a carrier's word: once it has told that the phone rang or that somebody
  answered, it can't promise any more that no phone did;
* what an exception of a carrier says goes to the log. Others see an error id.

Ctrl-C is no carrier's doing: trio raises it elsewhere while a carrier's code runs.

The border can't free itself from a carrier that shields itself from cancellation: a frame can't
leave its own task. Whoever asked gives up on it from outside (``engine.dialer``).
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, TypeGuard

import structlog
import trio

from batchcalls.carriers.base import (
    CallResult,
    Carrier,
    CarrierError,
    CarrierLimits,
    CarrierThrottled,
    CarrierUnavailable,
    NotKnown,
    OutboundCall,
    Progress,
)
from batchcalls.core.model import Outcome

MAX_CALL_ID: Final = 256
"""The most characters of a ``carrier_call_id``: a SIP Call-ID is well below."""

MAX_CODE: Final = 64
"""The most characters of a ``carrier_code``."""

MAX_DETAIL: Final = 1_000
"""The most characters of a ``detail``, and of what a refusal says."""

MAX_RETRY_AFTER_S: Final = 3_600.0
"""The longest delay that a carrier can ask for: it may come back sooner than it thinks."""

HANG_UP_TIMEOUT_S: Final = 10.0
"""How long a carrier has to hang up before it is asked again."""

_START_TIMEOUT_S: Final = 5.0
"""How long a server waits for its carrier when it starts; a slower one counts as down."""

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
"""How long a carrier whose ``run`` failed rests before it is started again."""

_DEFAULT_RETRY_AFTER_S: Final = 1.0

_NO_CONTROLS: Final = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), " ")

NO_AMENDMENTS: Final[Mapping[str, Any]] = MappingProxyType({})

Report = Callable[[Progress], None]

log = structlog.get_logger()


class CarrierFault(CarrierError):
    """The carrier broke its contract, and nobody knows what became of the call.

    Its text may be shown to anyone: it says nothing of what the carrier said.
    """


class Unbelievable(Exception):
    """What a carrier said can't be; the text says why."""


class Border(Carrier):
    """Stands before ``carrier``, which goes by ``name``.

    ``limits`` are fields of ``CarrierLimits`` that hold instead of the carrier's own.

    Raises:
      CarrierError: its limits can't be kept.
    """

    def __init__(
        self, name: str, carrier: Carrier, *, limits: Mapping[str, Any] = NO_AMENDMENTS
    ) -> None:
        self.limits = _limits_of(name, carrier, limits)
        self._name = name
        self._carrier = carrier
        self._runs = False

    def __repr__(self) -> str:
        return f"<Border {'open' if self._runs else 'shut'} before {self._name}>"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the carrier running, whatever becomes of its ``run``, until cancelled."""
        ready = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_running, ready)
            with trio.move_on_after(_START_TIMEOUT_S):
                await ready.wait()
            task_status.started()

    @trio.lowlevel.enable_ki_protection
    async def place_call(self, call: OutboundCall, report: Report) -> CallResult:
        """Have the carrier dial.

        Raises:
          CarrierThrottled, CarrierUnavailable: no phone rang. The delay of the first is sane.
          CarrierFault: nobody knows.
        """
        self._require_running()
        reports = Reports(report, self._name, call.attempt_id)
        try:
            return believed(await self._carrier.place_call(call, reports))
        except BaseException as error:  # noqa: BLE001  # whatever a carrier raises ends here
            judged = self._judged(error, call.attempt_id, reports.last)
        raise judged

    @trio.lowlevel.enable_ki_protection
    async def follow(self, attempt_id: str, report: Report) -> CallResult | NotKnown:
        """Have the carrier follow a call of an earlier process.

        Raises:
          CarrierUnavailable, CarrierFault: it can't say now.
        """
        self._require_running()
        try:
            found = await self._carrier.follow(attempt_id, Reports(report, self._name, attempt_id))
            return found if isinstance(found, NotKnown) else believed(found)
        except BaseException as error:  # noqa: BLE001  # whatever a carrier raises ends here
            judged = self._judged(error, attempt_id, None)
        raise judged

    @trio.lowlevel.enable_ki_protection
    async def hang_up(self, attempt_id: str) -> None:
        """Have the carrier hang up.

        Raises:
          CarrierUnavailable, CarrierFault: it didn't, or not in time.
        """
        self._require_running()
        with trio.move_on_after(HANG_UP_TIMEOUT_S) as patience:
            try:
                await self._carrier.hang_up(attempt_id)
                return
            except BaseException as error:  # noqa: BLE001  # whatever a carrier raises ends here
                judged = self._judged(error, attempt_id, None)
            raise judged
        if patience.cancelled_caught:
            raise CarrierUnavailable("the carrier doesn't hang up in time")

    def _require_running(self) -> None:
        if not self._runs:
            raise CarrierUnavailable("the carrier isn't running")

    @trio.lowlevel.enable_ki_protection
    async def _keep_running(self, ready: trio.Event) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            began = trio.current_time()
            try:
                await self._run_once(ready)
            except BaseException as error:  # noqa: BLE001  # whatever a carrier raises ends here
                judged = self._judged(error, "", None)
                if not isinstance(judged, CarrierError):
                    raise judged from None
            ready.set()
            if trio.current_time() - began > _LONGEST_PAUSE_S:
                pause_s = _FIRST_PAUSE_S
            await trio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _run_once(self, ready: trio.Event) -> None:
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self._carrier.run)
                self._runs = True
                ready.set()
        finally:
            self._runs = False
        raise Unbelievable("its run ended by itself")

    def _judged(
        self, error: BaseException, attempt_id: str, told: Progress | None
    ) -> BaseException:
        """What is raised for ``error``, after ``told`` was told of the call."""
        cancelled = our_cancellation(error)
        if cancelled is error:
            return error
        promise = _promise(error) if cancelled is None and told is None else None
        error_id = "" if promise else self._log(error, attempt_id, told)
        # An error that a carrier raises again and again would keep each way that it ever took.
        error.__traceback__ = None
        fault = CarrierFault(f"the carrier failed; the log has more under {error_id}")
        return promise or cancelled or fault

    def _log(self, error: BaseException, attempt_id: str, told: Progress | None) -> str:
        """Write down all that there is to know; return the id under which it is."""
        error_id = secrets.token_hex(6)
        if not attempt_id:
            log.error("carrier_run_failed", carrier=self._name, error_id=error_id, exc_info=error)
            return error_id
        log.error(
            "carrier_failed",
            carrier=self._name,
            attempt_id=attempt_id,
            told=told,
            error_id=error_id,
            exc_info=error,
        )
        return error_id


class Reports:
    """What a carrier is given to report by: it passes on what is a ``Progress``."""

    __slots__ = ("_attempt_id", "_carrier", "_complained", "_report", "last")

    def __init__(self, report: Report, carrier: str, attempt_id: str) -> None:
        self.last: Progress | None = None
        self._report = report
        self._carrier = carrier
        self._attempt_id = attempt_id
        self._complained = False

    def __call__(self, progress: object) -> None:
        """Take a report; one that is none is dropped, and the first such is logged."""
        if isinstance(progress, Progress):
            self.last = progress
            self._report(progress)
        elif not self._complained:
            self._complained = True
            log.error(
                "carrier_report_unreadable",
                carrier=self._carrier,
                attempt_id=self._attempt_id,
                type=type(progress).__name__,
            )


def _limits_of(name: str, carrier: Carrier, amended: Mapping[str, Any]) -> CarrierLimits:
    try:
        return believed_limits(replace(believed_limits(carrier.limits), **amended))
    except Exception as error:
        raise CarrierError(f"carrier {name!r}: {_words(error)}") from error


def _promise(error: BaseException) -> CarrierThrottled | CarrierUnavailable | None:
    """What ``error`` promises, in sane words; None where it promises nothing."""
    if isinstance(error, CarrierThrottled):
        retry_after_s = sane_delay_s(getattr(error, "retry_after_s", None))
        return CarrierThrottled(_words(error), retry_after_s=retry_after_s)
    return CarrierUnavailable(_words(error)) if isinstance(error, CarrierUnavailable) else None


def _words(error: BaseException) -> str:
    """What an exception says; one that fails at that, too, says nothing."""
    try:
        return clean(str(error), MAX_DETAIL)
    except Exception:  # noqa: BLE001  # it is a carrier's code that runs here
        return ""


def our_cancellation(error: BaseException) -> BaseException | None:
    """The part of ``error`` that cancels the present task; None where nobody has asked for that.

    A ``Cancelled`` by itself proves nothing: a carrier may have kept one of another task.
    """
    if trio.current_effective_deadline() != -math.inf:
        return None
    if isinstance(error, trio.Cancelled):
        return error
    if isinstance(error, BaseExceptionGroup):
        cancelled, rest = error.split(trio.Cancelled)
        return error if rest is None else cancelled
    return None


def believed(result: object) -> CallResult:
    """``result`` as far as it can be believed: itself, or a copy where a text had to be cleaned.

    Raises:
      Unbelievable: no call ends like that.
    """
    if not isinstance(result, CallResult):
        raise Unbelievable(f"a call must end with a CallResult, not {type(result).__name__}")
    outcome: Any = result.outcome  # whatever it says that it is
    if not isinstance(outcome, Outcome):
        raise Unbelievable(f"an outcome must be an Outcome, not {outcome!r:.100}")
    if outcome is Outcome.THROTTLED:
        raise Unbelievable("THROTTLED isn't how a call ends: raise CarrierThrottled")
    if type(result) is CallResult and _is_clean(result):
        return result
    for name in ("carrier_call_id", "carrier_code", "detail"):
        if not isinstance(getattr(result, name), str):
            raise Unbelievable(f"{name} must be a text, not {getattr(result, name)!r:.100}")
    return CallResult(
        outcome=outcome,
        carrier_call_id=clean(result.carrier_call_id, MAX_CALL_ID),
        carrier_code=clean(result.carrier_code, MAX_CODE),
        detail=clean(result.detail, MAX_DETAIL),
    )


def believed_limits(limits: object) -> CarrierLimits:
    """``limits``, when they can be kept.

    Raises:
      Unbelievable: they can't.
    """
    if not isinstance(limits, CarrierLimits):
        raise Unbelievable(f"limits must be CarrierLimits, not {limits!r:.100}")
    for value in (limits.max_concurrent_calls, limits.calls_per_second):
        if not _is_number(value) or not 0 <= value < math.inf:
            raise Unbelievable(f"limits must be 0, which is none, or more: {limits!r}")
    if not _is_number(limits.ring_timeout_s) or not 0 < limits.ring_timeout_s < math.inf:
        raise Unbelievable(f"ring_timeout_s must be more than 0: {limits!r}")
    return limits


def _is_clean(result: CallResult) -> bool:
    """Whether all its texts can be kept as they are, as nearly all can."""
    return (
        _can_be_kept(result.carrier_call_id, MAX_CALL_ID)
        and _can_be_kept(result.carrier_code, MAX_CODE)
        and _can_be_kept(result.detail, MAX_DETAIL)
    )


def _can_be_kept(text: object, most: int) -> bool:
    return type(text) is str and len(text) <= most and text.isprintable()


def clean(text: str, most: int) -> str:
    """``text`` as it can be kept anywhere: valid UTF-8, no control characters, ``most`` long."""
    if _can_be_kept(text, most):
        return text
    cut = str.__str__(text)[:most]
    return cut.encode("utf-8", "replace").decode("utf-8").translate(_NO_CONTROLS)


def sane_delay_s(delay_s: object) -> float:
    """The delay that a carrier asked for; the usual one where that is none."""
    if not _is_number(delay_s) or not 0 <= delay_s < math.inf:
        return _DEFAULT_RETRY_AFTER_S
    return float(min(delay_s, MAX_RETRY_AFTER_S))


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
