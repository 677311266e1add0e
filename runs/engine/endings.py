"""How an execution ends: what is committed, and only then shown."""

from collections.abc import Sequence
from enum import Enum

from runs.engine import journal
from runs.engine.journal import Ending, InputArrived
from runs.engine.recorder import Recorder
from runs.engine.session import LostRun
from runs.events.types import RunFinished
from threads.services import NewMessage


class Exit(Enum):
    """Why the loop rests: the run ended or waits (and its thread has more work or not), comes back
    after a back-off, was handed back to the queue, or belongs to somebody else now."""

    DONE = "done"
    MORE_WORK = "more work"
    RETRY = "retry"
    RELEASED = "released"
    LOST = "lost"


async def end(
    recorder: Recorder, ending: Ending, messages: Sequence[NewMessage] = ()
) -> Exit | None:
    """Commits the end of the run, then shows it; None when input arrived and the run goes on."""
    session, totals = recorder.session, recorder.totals
    last = session.note(
        RunFinished(
            thread_id=session.claim.run.thread_id,
            run_id=session.run_id,
            termination=ending.termination,
            response=ending.response,
            output=ending.output,
            steps=totals.steps,
            usage=totals.usage,
        )
    )
    try:
        more = await recorder.commit(journal.finish, ending, messages=messages)
    except InputArrived:
        session.retract(last)
        await recorder.commit(journal.save, messages=messages)
        session.inbox_hint = True
        return None
    await recorder.publish(last)
    return Exit.MORE_WORK if more else Exit.DONE


async def end_run(recorder: Recorder, ending: Ending, messages: Sequence[NewMessage] = ()) -> Exit:
    """`end` for endings that nothing can delay, by whoever may have lost the run already."""
    try:
        return await end(recorder, ending, messages) or Exit.RETRY
    except LostRun:
        return Exit.LOST
