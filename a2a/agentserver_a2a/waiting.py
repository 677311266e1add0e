"""A SendMessage that waits for its answer: on the log of the run, holding neither a thread nor a
database connection."""

import asyncio
from contextlib import aclosing, suppress
from typing import Any

from django.conf import settings

from agentserver.core.clock import now
from agentserver.core.database import in_database
from agentserver.core.errors import NotFound
from agentserver_a2a.encode import Encoder, direct_message, means_message
from agentserver_a2a.errors import TaskNotFound
from agentserver_a2a.sending import Sent
from agentserver_a2a.states import CANCELED, status, timestamp
from agentserver_a2a.tasks import task_for
from runs.events import log

Json = dict[str, Any]


async def settled(
    sent: Sent, *, history_length: int | None = None, seconds: float | None = None
) -> Json:
    """``{"task"}`` once it has ended or waits for somebody, ``{"message"}`` when the run said that
    its answer is one.

    After ``seconds`` (default: AGENTSERVER_A2A_WAIT_SECONDS) it is the task as it stands then.
    """
    limit = settings.AGENTSERVER_A2A_WAIT_SECONDS if seconds is None else seconds
    message: Json | None = None
    with suppress(TimeoutError):
        async with asyncio.timeout(limit):
            message = await _rested(sent)
    return {"message": message} if message else {"task": await _current(sent, history_length)}


async def _rested(sent: Sent) -> Json | None:
    """Waits for the next rest of the run; the message that it answered with, if it did and may."""
    encoder = Encoder(sent.task_id, sent.context_id, whole=True)
    is_message = False
    records = log.follow(sent.task_id, sent.after_seq, fresh=sent.fresh, stop_on_suspend=True)
    async with aclosing(records):
        async for record in records:
            if record is not None:
                encoder.encode(record)
                is_message = is_message or (sent.direct and means_message(record.event))
    return direct_message(sent.context_id, encoder) if is_message else None


async def _current(sent: Sent, history_length: int | None) -> Json:
    try:
        return await in_database(_task, sent, history_length)
    except (TaskNotFound, NotFound):
        # Its thread was deleted while it ran.
        return gone_task(sent.task_id, sent.context_id)


def _task(sent: Sent, history_length: int | None) -> Json:
    return task_for(
        principal=sent.principal,
        tenant=sent.tenant,
        task_id=sent.task_id,
        history_length=history_length,
    )


def gone_task(task_id: str, context_id: str) -> Json:
    """A task whose run was deleted: nothing will come of it any more."""
    return {"id": task_id, "contextId": context_id, "status": gone_status()}


def gone_status() -> Json:
    return status(CANCELED, moment=timestamp(now()))
