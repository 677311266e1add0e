"""Parents and children: a delegated run that ends lets the run that waits for it go on."""

from django.db import transaction
from django.db.models import Exists, OuterRef

from agentserver.core.clock import now
from runs import dispatch
from runs.mailbox import lane as lanes
from runs.mailbox.questions import asks_again
from runs.mailbox.row_by_row import row_by_row
from runs.mailbox.submit import insert_resume
from runs.models import Run, ToolCall

BATCH = 100


def tell_parent(child_id: str) -> bool:
    """Resumes the parent of a child that is done, or asks something new, if it is suspended on it;
    repeating it is harmless.

    The call goes back to ``running``: the parent's next attempt joins the child and finds its
    result, or the question to show.
    """
    child = Run.objects.filter(pk=child_id).first()
    if child is None or child.parent_id is None:
        return False
    if child.status != Run.Status.DONE and not asks_again(child):
        return False
    return resume_parent(child.parent_id, child_id)


@transaction.atomic
def resume_parent(parent_id: str, child_id: str) -> bool:
    """`tell_parent` for a child that is done or was deleted."""
    parent = Run.objects.filter(pk=parent_id).first()
    lane = lanes.lock_existing(parent.thread_id) if parent else None
    waiting = ToolCall.objects.filter(
        run_id=parent_id, child_run_id=child_id, status=ToolCall.Status.SUSPENDED
    )
    if lane is None or parent is None:
        return False
    if not waiting.update(status=ToolCall.Status.RUNNING, updated_at=now()):
        return False
    insert_resume(lane=lane, run=parent)
    dispatch.on_commit()
    return True


def resume_forgotten_parents() -> int:
    """Parents that nobody told, because the process that should have died between two commits."""
    waiting = ToolCall.objects.filter(status=ToolCall.Status.SUSPENDED).exclude(child_run_id="")
    alive = Run.objects.filter(pk=OuterRef("child_run_id")).exclude(status=Run.Status.DONE)
    forgotten = waiting.filter(~Exists(alive)).values_list("run_id", "child_run_id")[:BATCH]
    return sum(row_by_row(resume_parent, forgotten)) + _show_new_questions()


def _show_new_questions() -> int:
    """Parents whose delegate came to rest again after they showed what it asked before."""
    rested = Run.objects.filter(
        pk=OuterRef("child_run_id"),
        status=Run.Status.WAITING,
        status_changed_at__gt=OuterRef("updated_at"),
    )
    waiting = ToolCall.objects.filter(status=ToolCall.Status.SUSPENDED).exclude(child_run_id="")
    stale = waiting.filter(Exists(rested)).values_list("child_run_id")[:BATCH]
    return sum(row_by_row(tell_parent, stale))


def open_children(run_id: str) -> list[Run]:
    """The unfinished runs that a run started."""
    return list(Run.objects.filter(parent_id=run_id).exclude(status=Run.Status.DONE))
