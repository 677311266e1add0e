"""One AG-UI stream: the log of a run, followed and encoded. It always says how it ends."""

import logging
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from django.conf import settings

from agentserver.core.api.answers import encode
from agentserver.core.database import in_database
from agentserver.core.sse import frame
from agentserver.protocols.ag_ui.decode import Asked
from agentserver.protocols.ag_ui.encode import AgUiEncoder
from agentserver.protocols.ag_ui.frames import Echo, Frame, History
from agentserver.protocols.ag_ui.listing import history_of
from agentserver.protocols.ag_ui.turns import Turn
from runs.events import log
from runs.events.types import Record

logger = logging.getLogger(__name__)

Frames = AsyncGenerator[bytes | None, None]

MAX_SNAPSHOT_BYTES = 8 * 1024 * 1024
"""Clients refuse events of more than 10 Mi characters."""


async def run_stream(asked: Asked, turn: Turn) -> Frames:
    """The frames of a request's run; None where nothing happens for a while."""
    encoder = AgUiEncoder(
        Echo(asked.thread_id, asked.run_id, asked.parent_run_id, asked.modern),
        after_seq=turn.after_seq,
        held_results=frozenset(each.call_id for each in asked.messages if each.role == "tool"),
    )
    yield _framed(encoder.begin(turn.state))
    if turn.refused:
        yield _framed(encoder.fail(turn.refused.message, turn.refused.code))
        return
    try:
        async with aclosing(_followed(encoder, asked, turn)) as frames:
            async for item in frames:
                yield item
    except Exception:
        logger.exception("an AG-UI stream broke")
        yield _framed(encoder.fail("the stream broke; the run goes on", "stream_broken"))


async def _followed(encoder: AgUiEncoder, asked: Asked, turn: Turn) -> Frames:
    ends_at = time.monotonic() + settings.AGENTSERVER_STREAM_SECONDS
    async with aclosing(log.follow_batches(turn.run_id, fresh=turn.fresh)) as batches:
        async for batch in batches:
            if time.monotonic() >= ends_at:
                break
            frames = None if batch is None else await _encoded(encoder, asked, turn, batch)
            if frames != b"":
                yield frames
            if encoder.done:
                return
        else:
            yield _framed(encoder.fail("the run is gone: its thread was deleted", "gone"))
            return
    yield _framed(encoder.fail("the stream's time is over; the run goes on", "stream_timeout"))


async def _encoded(
    encoder: AgUiEncoder, asked: Asked, turn: Turn, batch: Iterable[Record]
) -> bytes:
    found = []
    for record in batch:
        history = None
        if encoder.wants_history(record):
            history = _sendable(await in_database(history_of, asked.thread_id, turn.run_id))
        if frames := encoder.encode(record, history):
            found.append(_framed(frames))
        if encoder.done:
            break
    return b"".join(found)


def _sendable(history: History) -> History | None:
    size = len(encode([stored.frame for stored in history.messages]))
    return history if size <= MAX_SNAPSHOT_BYTES else None


def _framed(frames: Iterable[Frame]) -> bytes:
    return b"".join(frame(encode(each)) for each in frames)
