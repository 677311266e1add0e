"""Deleting a thread: its work ends first, and nothing brings it back."""

from collections.abc import Iterable
from functools import partial
from typing import Literal

from django.db import transaction

from agentserver.access.principal import Principal
from agentserver.core.errors import BadRequest
from runs.events.live import channel
from runs.events.types import Termination
from runs.mailbox import lane as lanes
from runs.mailbox.families import open_children, resume_parent
from runs.mailbox.finish import finish_detached
from runs.mailbox.stop import stop_by_id
from runs.mailbox.sweep import SEQ_JUMP
from runs.models import Lane, Run
from threads.access import get_thread_for
from threads.models import Thread
from threads.services import delete_threads

ChildStrategy = Literal["detach", "reject", "cascade"]
DELETED = Termination(type="cancelled", detail="the thread was deleted")


@transaction.atomic
def delete_thread(
    *, principal: Principal, thread_id: str, child_strategy: ChildStrategy = "detach"
) -> None:
    """Ends every run of the thread and deletes it with all it holds (`NotFound` if there is none).

    Children lose their parent, or forbid the deletion, or go too; those of another resource than
    the caller's own only ever lose their parent. A worker that is still busy finds no row to write
    to: the end of its run was shown here.
    """
    thread = get_thread_for(principal, thread_id)
    doomed = [thread]
    if child_strategy == "reject" and thread.children.exists():
        raise BadRequest("thread has children", code="has_children")
    if child_strategy == "cascade":
        doomed += _descendants(principal, thread)
    for each in doomed:
        _end_runs(each)
    delete_threads(ids=[each.pk for each in doomed])


def _descendants(principal: Principal, thread: Thread) -> list[Thread]:
    found: list[Thread] = []
    level: Iterable[str] = [thread.pk]
    known = {thread.pk}
    while level:
        rows = principal.scope_queryset(Thread.objects.filter(parent_id__in=level))
        children = [child for child in rows if child.pk not in known]
        found += children
        level = [child.pk for child in children]
        known.update(level)
    return found


def _end_runs(thread: Thread) -> None:
    lane = lanes.lock(thread)
    unfinished = Run.objects.filter(thread=thread).exclude(status=Run.Status.DONE)
    # Locked: a worker may be in the middle of a commit, and none may follow this end.
    for run in unfinished.select_for_update():
        transaction.on_commit(partial(channel().send_control, {"kind": "cancel", "run_id": run.pk}))
        _end(lane, run)


def _end(lane: Lane, run: Run) -> None:
    if run.status == Run.Status.RUNNING:
        # Numbers up to here may have been shown by the worker.
        run.seq_floor = run.last_seq + SEQ_JUMP
    children = [child.pk for child in open_children(run.pk)]
    # Should nobody come to it below, the sweeper knows.
    Run.objects.filter(pk__in=children).update(cancel_requested=Run.Cancel.CANCEL)
    finish_detached(lane=lane, run=run, termination=DELETED)
    transaction.on_commit(partial(_stop_all, children))
    if run.parent_id:
        transaction.on_commit(partial(resume_parent, run.parent_id, run.pk))


def _stop_all(run_ids: Iterable[str]) -> None:
    """The children of a deleted run: they lost their parent with it."""
    for run_id in run_ids:
        stop_by_id(run_id)
