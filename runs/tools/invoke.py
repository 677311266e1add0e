"""Running one call: arguments in, an `Outcome` out, whatever the tool does."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from django.db import DatabaseError, IntegrityError, transaction

from runs.tools.context import ToolContext
from runs.tools.definition import Tool
from runs.tools.errors import CallCancelled, InvalidArguments, SuspendCall, ToolError
from runs.tools.result import Outcome, failed, normalised, shortened

RunSync = Callable[[Callable[[], Outcome]], Awaitable[Outcome]]
Record = Callable[[Outcome], None]

BROKEN_TRANSACTION = (
    "the tool caught a database error that had already broken its transaction; nothing was written"
)


async def invoke(
    tool: Tool, arguments: object, context: ToolContext, *, run_sync: RunSync
) -> Outcome:
    """Validate, run with the tool's time limit, and normalise; never raises what the tool raised.

    `run_sync` runs a callable in a thread. A sync tool that exceeds its time, or whose caller is
    cancelled, is abandoned: its thread goes on unheard, sees ``context.cancelled``, and does not
    start at all when it was still queued. `CancelledError` of the caller passes through.
    """
    try:
        values = tool.validate(arguments)
    except InvalidArguments as error:
        return failed(str(error), "invalid_arguments")
    try:
        if tool.is_async:
            return await _invoke_async(tool, values, context)
        return await _in_thread(
            tool, lambda: _capture(tool, values, context), context, run_sync=run_sync
        )
    finally:
        context.gate.close()


async def _invoke_async(tool: Tool, values: dict[str, Any], context: ToolContext) -> Outcome:
    limit = asyncio.timeout(tool.timeout_seconds)
    try:
        async with limit:
            return _succeeded(await tool.call(values, context))
    except asyncio.CancelledError as error:
        if _is_wanted_by_caller():
            raise
        # Something the tool awaited was cancelled, not the call.
        return _outcome_of(error)
    except BaseException as error:
        if isinstance(error, TimeoutError) and limit.expired():
            return _timed_out(tool)
        return _outcome_of(error)


def _is_wanted_by_caller() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


async def invoke_transactional(
    tool: Tool, arguments: object, context: ToolContext, record: Record, *, run_sync: RunSync
) -> Outcome:
    """`invoke_in_transaction` in a thread, with the tool's time limit.

    A call that is given up rolls back and is not recorded, so the caller records the time-out
    itself; one that is already committing is awaited, and its own outcome is returned.
    """
    return await _in_thread(
        tool,
        lambda: invoke_in_transaction(tool, arguments, context, record),
        context,
        run_sync=run_sync,
    )


def invoke_in_transaction(
    tool: Tool, arguments: object, context: ToolContext, record: Record
) -> Outcome:
    """Run a transactional tool; its ORM writes and `record(outcome)` commit together or not at all.

    Call it in a thread, outside any transaction. Unless the tool succeeds its writes are rolled
    back and the outcome is recorded in a transaction of its own. `record` is called once per
    attempted commit, raises to refuse (a lost lease: everything is rolled back and the exception
    passes through), and is not called at all after the call was given up (``cancelled``).
    """
    try:
        return _commit_success(tool, tool.validate(arguments), context, record)
    except InvalidArguments as error:
        return _commit_other(failed(str(error), "invalid_arguments"), context, record)
    except _RolledBack as rolled_back:
        return _commit_other(rolled_back.outcome, context, record)
    finally:
        context.gate.close()


def _commit_other(outcome: Outcome, context: ToolContext, record: Record) -> Outcome:
    if not context.gate.begin_commit():
        return Outcome(status="cancelled")
    with transaction.atomic(durable=True):
        record(outcome)
    return outcome


class _RolledBack(Exception):
    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.status)
        self.outcome = outcome


def _commit_success(
    tool: Tool, values: dict[str, Any], context: ToolContext, record: Record
) -> Outcome:
    recorded = False
    try:
        with transaction.atomic(durable=True):
            outcome = _in_savepoint(tool, values, context)
            record(outcome)
            recorded = True
    except IntegrityError as error:
        if not recorded:
            raise
        # A deferred constraint that the tool's writes break is only noticed by the commit.
        raise _RolledBack(_outcome_of(error)) from None
    return outcome


def _in_savepoint(tool: Tool, values: dict[str, Any], context: ToolContext) -> Outcome:
    try:
        # The savepoint tells a transaction that the tool left broken (a database error it caught)
        # from a failure to record.
        with transaction.atomic():
            outcome = _capture(tool, values, context)
            if outcome.status != "succeeded":
                raise _RolledBack(outcome)
            if transaction.get_rollback():
                # Django would roll back without a word, and the result would speak of writes that
                # are gone.
                raise _RolledBack(failed(BROKEN_TRANSACTION, "exception"))
    except DatabaseError as error:
        raise _RolledBack(_outcome_of(error)) from None
    if not context.gate.begin_commit():
        raise _RolledBack(Outcome(status="cancelled"))
    return outcome


async def _in_thread(
    tool: Tool, work: Callable[[], Outcome], context: ToolContext, *, run_sync: RunSync
) -> Outcome:
    running = asyncio.ensure_future(run_sync(lambda: _unless_given_up(work, context)))
    try:
        await asyncio.wait({running}, timeout=tool.timeout_seconds)
        if running.done() or not context.gate.abandon():
            return await running
        return _timed_out(tool)
    finally:
        context.gate.abandon()
        running.cancel()


def _unless_given_up(work: Callable[[], Outcome], context: ToolContext) -> Outcome:
    return Outcome(status="cancelled") if context.gate.is_closed else work()


def _capture(tool: Tool, values: dict[str, Any], context: ToolContext) -> Outcome:
    try:
        return _succeeded(tool.call(values, context))
    except BaseException as error:
        return _outcome_of(error)


def _succeeded(value: object) -> Outcome:
    return Outcome(status="succeeded", result=normalised(value))


def _outcome_of(error: BaseException) -> Outcome:
    """What an exception of a tool means; re-raises what is not the tool's to raise."""
    match error:
        case SuspendCall():
            return Outcome(status="suspended", suspension=error.suspension, answers=error.answers)
        case CallCancelled():
            return Outcome(status="cancelled")
        case ToolError():
            return failed(str(error) or "the tool failed", "tool_error")
        case BaseExceptionGroup():
            return _outcome_of_group(error)
        case Exception() | SystemExit() | asyncio.CancelledError():
            return failed(_described(error), "exception")
    raise error


def _outcome_of_group(group: BaseExceptionGroup[BaseException]) -> Outcome:
    """A task group wraps what its tasks raise: a question among them suspends the call."""
    for kind in (SuspendCall, CallCancelled):
        matching = group.subgroup(kind)
        if matching is not None:
            return _outcome_of(_first(matching))
    return failed(_described(group), "exception")


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _described(error: BaseException) -> str:
    """Class and message, without a traceback: paths and locals are no business of the model."""
    try:
        message = str(error)
    except Exception:
        message = ""
    return shortened(f"{type(error).__name__}: {message}" if message else type(error).__name__)


def _timed_out(tool: Tool) -> Outcome:
    still = "" if tool.is_async or tool.transactional else "; it may still take effect"
    return failed(f"timed out after {tool.timeout_seconds:g} s{still}", "timeout")
