"""Native streams: the log of a run or a thread, followed and encoded."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from agentserver.core.api.answers import encode
from agentserver.core.clock import now, to_ms
from agentserver.core.sse import frame
from runs.api.entries import Reader, run_mark, thread_mark
from runs.api.native import NativeEncoder, as_frames
from runs.events import log
from runs.events.types import Record, RunFinished, RunSuspended, Termination
from runs.models import Run

logger = logging.getLogger(__name__)

Frames = AsyncGenerator[bytes | None, None]
_BROKEN = {
    "type": "error",
    "event_type": "error",
    "message": "the stream broke; the run goes on",
    "code": "RELAY_ERROR",
}


async def relayed(frames: Frames) -> Frames:
    """A stream that has begun cannot answer 500: it ends with an error event."""
    async with aclosing(frames):
        try:
            async for item in frames:
                yield item
        except Exception:
            logger.exception("a native stream broke")
            yield frame(encode(_BROKEN))


async def run_frames(run: Run, *, fresh: bool, close_on_suspend: bool) -> Frames:
    """A run from its first event to its last; see `log.follow` for ``fresh``.

    A run that was deleted with its thread ends as a cancelled one does; no log holds that event.
    """
    encoder, last = NativeEncoder(run.pk), None
    batches = log.follow_batches(run.pk, fresh=fresh, stop_on_suspend=close_on_suspend)
    async with aclosing(batches):
        async for batch in batches:
            frames = None if batch is None else b"".join(map(encoder.frames, batch))
            last = batch[-1] if batch else last
            if frames != b"":
                yield frames
    ends = RunFinished | RunSuspended if close_on_suspend else RunFinished
    if last is None or not isinstance(last.event, ends):
        yield encoder.frames(_deleted(run, last))


def _deleted(run: Run, last: Record | None) -> Record:
    why = Termination(type="cancelled", detail="its thread was deleted")
    event = RunFinished(thread_id=run.thread_id, run_id=run.pk, termination=why, steps=0)
    return Record(last.seq + 1 if last else 1, to_ms(now()), event)


async def run_entries(run: Run, *, after_seq: int) -> Frames:
    """Entries of a run behind a position. The log is read from its start: what came before decides
    what later events mean."""
    reader = Reader(run, mark=run_mark(run.pk), after_seq=after_seq)
    async with aclosing(log.follow(run.pk)) as records:
        async for record in records:
            if record is None:
                yield None
            elif entries := reader.entries(record):
                yield as_frames(entries, position=entries[-1]["cursor"])


async def thread_entries(thread_id: str, *, position: tuple[int, int]) -> Frames:
    """Entries of all runs of a thread behind a position; stays open between runs."""
    start, seq = position
    mark, reader = thread_mark(thread_id), None
    async with aclosing(log.follow_thread(thread_id, (start, 0))) as items:
        async for item in items:
            if item is None:
                yield None
                continue
            run_id, turn, record = item
            if reader is None or reader.run_id != run_id:
                run = Run(pk=run_id, thread_id=thread_id, turn=turn)
                reader = Reader(run, mark=mark, after_seq=seq if turn == start else 0)
            if entries := reader.entries(record):
                yield as_frames(entries, position=entries[-1]["cursor"])
