"""The stream of one UI message: what the log says so far, then what follows, then ``[DONE]``."""

import logging
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from django.http import HttpRequest

from agentserver.core.api.answers import encode
from agentserver.core.database import in_database
from agentserver.core.sse import EventStreamResponse, frame
from agentserver.protocols.ai_sdk.chunks import Chunk
from agentserver.protocols.ai_sdk.encoder import MessageEncoder
from agentserver.protocols.ai_sdk.turn import Turn
from runs.events import log
from runs.events.fold import surviving
from runs.selectors import is_under_way

logger = logging.getLogger(__name__)

Frames = AsyncGenerator[bytes | None, None]

HEADERS = {"x-vercel-ai-ui-message-stream": "v1"}
DONE = frame("[DONE]")
BROKEN = frame(encode({"type": "error", "errorText": "the stream broke; the run goes on"}))
_EVERYTHING = 2**31


def stream(turn: Turn, request: HttpRequest) -> EventStreamResponse:
    return EventStreamResponse(ended(message_frames(turn)), headers=HEADERS, request=request)


async def ended(frames: Frames) -> Frames:
    """A stream that has begun cannot answer 500: it ends with an error chunk."""
    async with aclosing(frames):
        try:
            async for item in frames:
                yield item
        except Exception:
            logger.exception("a UI message stream broke")
            yield BROKEN
    yield DONE


async def message_frames(turn: Turn) -> Frames:
    """Ends when the run is done, or rests until somebody answers it."""
    message = _Message(turn)
    if not turn.fresh:
        async with aclosing(message.catch_up()) as caught_up:
            async for known in caught_up:
                yield known
    if not message.is_complete:
        async with aclosing(message.follow()) as followed:
            async for item in followed:
                yield item
    if ending := as_frames(message.encoder.end()):
        yield ending


class _Message:
    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.encoder = MessageEncoder(turn.run_id, after_seq=turn.after_seq)
        self.seq = 0
        self.is_complete = False

    async def catch_up(self) -> AsyncGenerator[bytes, None]:
        """What the log holds now, without what was taken back: a late reader need not see that.

        A log that ends with a suspension is complete only if nothing follows by itself; that is
        asked after reading, and then read again, so that no answer slips through in between.
        """
        rests = False
        while True:
            records = await log.so_far(self.turn.run_id, self.seq, limit=_EVERYTHING)
            for record in surviving(records):
                if frames := as_frames(self.encoder.encode(record)):
                    yield frames
            self.seq = records[-1].seq if records else self.seq
            self.is_complete = self.encoder.over or (rests and not records)
            if self.is_complete or not self.encoder.rests:
                return
            if await in_database(is_under_way, self.turn.run_id):
                return
            rests = True

    async def follow(self) -> AsyncGenerator[bytes | None, None]:
        batches = log.follow_batches(
            self.turn.run_id, self.seq, fresh=self.turn.fresh, stop_on_suspend=True
        )
        async with aclosing(batches):
            async for batch in batches:
                if batch is not None:
                    frames = b"".join(as_frames(self.encoder.encode(each)) for each in batch)
                    if frames:
                        yield frames
                elif self.encoder.rests and not await in_database(is_under_way, self.turn.run_id):
                    return
                else:
                    yield None


def as_frames(chunks: Iterable[Chunk]) -> bytes:
    return b"".join(frame(encode(chunk)) for chunk in chunks)
