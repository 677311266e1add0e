"""Which run answers a request: a new one, the one that waits on the thread, or an earlier one.

The client's ``runId`` is our run's id when it is free. A run that waits (for a person, or for a
tool of the client's) goes on under its own id when the next request answers it: that request's
``runId`` is echoed and stands for the part of the run from there on. Sending an equal request again
finds the same part of the same run.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from agentserver.access.principal import Principal
from agentserver.core.errors import BadRequest, NotFound
from agentserver.core.ids import is_valid_id, new_id
from agentserver.protocols.ag_ui.answers import (
    Refused,
    continue_with_answers,
    continue_with_results,
    repeated_results,
)
from agentserver.protocols.ag_ui.decode import Asked
from agentserver.protocols.ag_ui.news import News, news_of
from runs.access import get_run_for
from runs.events.live import channel
from runs.models import Run
from runs.selectors import suspended_calls, waiting_run
from runs.services import Cut, Input, submit_foreground
from threads.access import get_thread_for
from threads.models import Thread

NOTHING_NEW = "no new messages or interrupt answers"


@dataclass(frozen=True)
class Turn:
    """What to stream: the run from behind `after_seq` (`fresh`: made just now), or a refusal.

    `state` is the thread's shared state when the client has another one.
    """

    run_id: str = ""
    after_seq: int = 0
    fresh: bool = False
    state: dict[str, Any] | None = None
    refused: Refused | None = None


def begin(principal: Principal, asked: Asked) -> Turn:
    """Stores what is new and starts or continues a run. All database work of a request.

    Raises `ApiError` for what is wrong with the request itself; a request that the thread cannot
    take now (`Refused`) becomes a turn that tells so in the protocol's own way.
    """
    thread = _thread(principal, asked.thread_id)
    try:
        turn = _turn(principal, asked, thread)
    except Refused as refused:
        return Turn(refused=refused)
    state = thread.state if thread and not asked.state else None
    return replace(turn, state=state or None)


def _thread(principal: Principal, thread_id: str) -> Thread | None:
    """None also for a thread of somebody else: submitting to it will say that it is not there."""
    with suppress(NotFound):
        return get_thread_for(principal, thread_id)
    return None


def _turn(principal: Principal, asked: Asked, thread: Thread | None) -> Turn:
    news = news_of(asked, thread)
    if thread is None and asked.resume:
        raise Refused(f"thread not found: {asked.thread_id}", "unknown_interrupt")
    if thread is None:
        return _submit(principal, asked, news)
    if asked.resume is not None:
        return Turn(*continue_with_answers(principal, asked, news))
    earlier = _earlier(principal, asked, news)
    if earlier:
        return earlier
    return _next(principal, asked, news)


def _next(principal: Principal, asked: Asked, news: News) -> Turn:
    waiting = waiting_run(principal=principal, thread_id=asked.thread_id)
    calls = suspended_calls(waiting) if waiting else []
    found = (
        continue_with_results(principal, asked, news, waiting, calls)
        if waiting
        else repeated_results(asked, news)
    )
    return Turn(*found) if found else _submit(principal, asked, news)


def _earlier(principal: Principal, asked: Asked, news: News) -> Turn | None:
    """The run that an equal request started before."""
    if news.messages or not is_valid_id(asked.run_id):
        return None
    with suppress(NotFound):
        run = get_run_for(principal, asked.run_id)
        return Turn(run.pk) if run.thread_id == asked.thread_id else None
    return None


def _submit(principal: Principal, asked: Asked, news: News) -> Turn:
    if not news.messages and news.cut is None:
        raise BadRequest("at least one message is required" if news.is_empty else NOTHING_NEW)
    submitted = submit_foreground(
        Input(
            principal=principal,
            thread_id=asked.thread_id,
            messages=[*news.internal, *news.messages],
            agent_id=asked.agent_id,
            run_id=_free_id(asked.run_id),
            extras=_extras(asked),
            cut=_cut(news),
            state=asked.state or None,
        )
    )
    return Turn(submitted.run.pk, fresh=submitted.fresh)


def _free_id(run_id: str) -> str:
    """The client's id, unless somebody has it, or had it: a deleted run may still be shown live."""
    free = is_valid_id(run_id) and not Run.objects.filter(pk=run_id).exists()
    return run_id if free and not channel().knows(run_id) else new_id()


def _extras(asked: Asked) -> dict[str, Any]:
    extras: dict[str, Any] = {"frontend_tools": asked.tools} if asked.tools else {}
    if asked.forwarded_props:
        extras["forwarded_props"] = asked.forwarded_props
    return extras


def _cut(news: News) -> Cut | None:
    if news.cut is None:
        return None
    return Cut(message_id=news.cut, inclusive=news.cut_is_inclusive)
