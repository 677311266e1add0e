"""Runs as Task objects (A2A 1.0, section 4.1.1). The number of queries is the same for any number
of runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agentserver_a2a.encode import Encoder, asking_message, closing_message
from agentserver_a2a.history import history_of, messages_of
from agentserver_a2a.parts import answer_parts
from agentserver_a2a.published import artifact_json
from agentserver_a2a.questions import Question
from agentserver_a2a.response import RESPONSE
from agentserver_a2a.states import (
    INTERRUPTED,
    TERMINAL,
    failure_text,
    state_of,
    status,
    timestamp,
)
from runs.events.artifacts import Artifact
from runs.events.segments import read_many
from runs.models import Run, ToolCall
from runs.selectors import artifacts_of
from threads.models import Message

Json = dict[str, Any]
Answer = tuple[str | None, Sequence[Json]]
"""The id and the parts of the message that a run answered with."""

# Ends of a run whose last inference was complete: what was shown of it is what is stored.
_WHOLE = frozenset({"natural", "behavior_requested", "suspended", ""})


@dataclass(frozen=True)
class Shape:
    """What of a task is wanted. `history_length` None: everything."""

    history_length: int | None = None
    artifacts: bool = True


def task_of(run: Run, shape: Shape) -> Json:
    return tasks_of([run], shape)[0]


def tasks_of(runs: Sequence[Run], shape: Shape) -> list[Json]:
    """The tasks in the order of ``runs``."""
    ids = [run.pk for run in runs]
    questions = questions_of([run.pk for run in runs if run.status == Run.Status.WAITING])
    messages = messages_of(runs)
    answers = {run.pk: _stored_answer(messages[run.pk]) for run in runs} | _broken_off(runs)
    published = artifacts_of(ids) if shape.artifacts and ids else {}
    tasks = []
    for run in runs:
        task = bare_task(run, status=_status(run, answers[run.pk], questions.get(run.pk, [])))
        rows = [Artifact(*_columns(row)) for row in published.get(run.pk, ())]
        artifacts = _artifacts(rows, answers[run.pk]) if shape.artifacts else []
        history = history_of(run, messages[run.pk], shape.history_length)
        tasks.append(
            task
            | ({"artifacts": artifacts} if artifacts else {})
            | ({"history": history} if history else {})
        )
    return tasks


def bare_task(run: Run, *, status: Json) -> Json:
    return {"id": run.pk, "contextId": run.thread_id, "status": status}


def questions_of(run_ids: Sequence[str]) -> dict[str, list[Question]]:
    """By run id: what waiting runs wait for, in the model's order."""
    found: dict[str, list[Question]] = {}
    calls = ToolCall.objects.filter(run_id__in=run_ids, status=ToolCall.Status.SUSPENDED)
    rows = calls.order_by("run_id", "step", "position").only(
        "run_id", "call_id", "name", "suspension"
    )
    for call in rows if run_ids else ():
        question = Question(call.call_id, call.name, call.suspension)
        found.setdefault(call.run_id, []).append(question)
    return found


def _status(run: Run, answer: Answer, questions: Sequence[Question]) -> Json:
    state = state_of(run, (question.kind for question in questions))
    ids = {"taskId": run.pk, "contextId": run.thread_id}
    message = None
    if state in INTERRUPTED:
        message = asking_message(ids, answer[1], questions)
    elif state in TERMINAL:
        message = closing_message(ids, answer, failure_text(state, run.termination_detail))
    return status(state, moment=timestamp(run.status_changed_at), message=message)


# --- artifacts ------------------------------------------------------------------------------------
def _columns(row: Any) -> tuple[Any, ...]:
    return row.artifact_id, row.name, row.description, row.parts, row.metadata


def _artifacts(published: Sequence[Artifact], answer: Answer) -> list[Json]:
    found = [made for artifact in published if (made := artifact_json(artifact))]
    if answer[1]:
        found.append({"artifactId": RESPONSE, "name": RESPONSE, "parts": list(answer[1])})
    return found


def _stored_answer(rows: Sequence[Message]) -> Answer:
    """The last message that says something: one that only calls tools takes nothing back."""
    for row in reversed(rows):
        if row.role == Message.Role.ASSISTANT and (parts := answer_parts(row.content)):
            return row.message_id, parts
    return None, []


def _broken_off(runs: Sequence[Run]) -> dict[str, Answer]:
    """The answers of runs that ended in the middle of one: shown, so part of the log, but no
    message was stored."""
    ids = [
        run.pk
        for run in runs
        if run.status == Run.Status.DONE and run.termination_code not in _WHOLE and run.last_seq
    ]
    found: dict[str, Answer] = {}
    for run_id, records in read_many(ids).items() if ids else ():
        encoder = Encoder(run_id, "", whole=True)
        for record in records:
            encoder.encode(record)
        found[run_id] = encoder.answer()
    return found
