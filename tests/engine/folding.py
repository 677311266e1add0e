"""What the log of a run says, beside what its rows say."""

from typing import Any

from runs.events import log
from runs.events.artifacts import Artifact, fold_artifacts
from runs.mailbox.finish import termination_code
from runs.models import Run, ToolCall
from runs.selectors import artifacts_of
from tests.events.folding import fold
from threads.models import Message


def assert_fold(run: Run) -> None:
    """Folding the stored log gives exactly the run row, its open tickets, its messages and its
    artifacts."""
    run = Run.objects.get(pk=run.pk)
    summary, messages = fold(log.read(run.pk))
    assert _summary_of(summary) == _row_of(run)
    assert messages == _messages_of(run)
    assert summary.input_message_ids == _input_of(run)
    assert [ticket.ticket_id for ticket in summary.tickets] == _tickets_of(run)
    assert list(fold_artifacts(log.read(run.pk)).values()) == _artifacts_of(run)


def _summary_of(summary: Any) -> dict[str, Any]:
    ended = summary.termination
    return {
        "status": summary.status,
        "termination": termination_code(ended) if ended else "",
        "detail": (ended.detail or "") if ended else "",
        "steps": summary.steps,
        "usage": summary.usage,
        "model": summary.model or "",
        "response": summary.response,
        "output": summary.output,
    }


def _row_of(run: Run) -> dict[str, Any]:
    return {
        "status": run.status,
        "termination": run.termination_code,
        "detail": run.termination_detail,
        "steps": run.steps,
        "usage": run.usage,
        "model": run.model_name,
        "response": run.final_output,
        "output": run.output,
    }


def _messages_of(run: Run) -> list[dict[str, Any]]:
    rows = Message.objects.filter(run_id=run.pk, role__in=["assistant", "tool"]).order_by("seq")
    return [_message_of(row) for row in rows]


def _message_of(row: Message) -> dict[str, Any]:
    common = {"id": row.message_id, "role": row.role, "content": row.content}
    if row.role == "tool":
        return {**common, "tool_call_id": row.tool_call_id, "step_index": row.step_index}
    return {**common, "tool_calls": row.tool_calls, "step_index": row.step_index}


def _artifacts_of(run: Run) -> list[Artifact]:
    return [
        Artifact(row.artifact_id, row.name, row.description, row.parts, row.metadata)
        for row in artifacts_of([run.pk])[run.pk]
    ]


def _input_of(run: Run) -> list[str]:
    """User messages of the run in the order it read them."""
    rows = Message.objects.filter(run_id=run.pk, role="user").until_turn(run.turn or 0)
    return [row.message_id for row in rows if row.turn == run.turn]


def _tickets_of(run: Run) -> list[str]:
    if run.status != Run.Status.WAITING:
        return []
    waiting = ToolCall.objects.filter(run=run, status=ToolCall.Status.SUSPENDED)
    return list(waiting.order_by("position").values_list("ticket_id", flat=True))
