"""Background submissions and the mailbox of a thread."""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from agentserver.access.identity import principal_of
from agentserver.core.api.answers import json_answer
from agentserver.core.api.operation import operation
from agentserver.core.api.views import ApiView
from agentserver.core.exact_json import dumps
from agentserver.core.ids import new_id
from runs.access import get_run_for
from runs.api import examples
from runs.api.answers import InputsAccepted, JobList, MailboxAccepted, MessagesAccepted
from runs.api.idempotency import idempotency_key
from runs.api.records import job_record
from runs.api.wire import (
    InputsCreate,
    JobListQuery,
    MailboxPush,
    MessagesCreate,
    extras_of,
    usable_messages,
)
from runs.selectors import page_of_jobs
from runs.services import Input, Submitted, submit
from threads.api import views as thread_views
from threads.content import text_block
from threads.services import NewMessage


class ThreadMessagesView(thread_views.ThreadMessagesView):
    """Adds the submission of messages to their list."""

    @operation(
        "Submit messages as a background run",
        answers={202: MessagesAccepted},
        errors=(404, 409),
        headers=("Idempotency-Key",),
        examples={"body": examples.SUBMIT, 202: examples.ACCEPTED},
    )
    def post(self, request: Request, thread_id: str, body: MessagesCreate) -> HttpResponse:
        """The thread must exist. What is under way is left alone unless `mode` says otherwise.
        An `Idempotency-Key` header makes repeating the request harmless."""
        submitted = submit(
            Input(
                principal=principal_of(request),
                thread_id=thread_id,
                messages=usable_messages(body.messages, mode=body.mode),
                agent_id=body.agent_id,
                mode=body.mode,
                extras=extras_of(body.tools),
                idempotency_key=idempotency_key(request),
                must_exist=True,
            )
        )
        answer = {
            "status": submitted.status,
            "thread_id": thread_id,
            "run_id": submitted.run.pk,
            "steered": submitted.steered,
            **_job_ids(submitted),
        }
        return json_answer(answer, status=202)


class RunInputsView(ApiView):
    tag = "runs"

    @operation(
        "Submit messages to a run's thread",
        answers={202: InputsAccepted},
        errors=(404, 409),
        headers=("Idempotency-Key",),
        examples={"body": examples.INPUTS, 202: examples.INPUTS_ACCEPTED},
    )
    def post(self, request: Request, run_id: str, body: InputsCreate) -> HttpResponse:
        """Becomes a new run of the same agent; with mode `steer` it joins the run under way."""
        principal = principal_of(request)
        run = get_run_for(principal, run_id)
        submitted = submit(
            Input(
                principal=principal,
                thread_id=run.thread_id,
                messages=usable_messages(body.messages, mode=body.mode),
                agent_id=run.agent_id,
                mode=body.mode,
                extras=extras_of(body.tools),
                idempotency_key=idempotency_key(request),
                must_exist=True,
            )
        )
        answer = {
            "status": "inputs_accepted",
            "run_id": run_id,
            "new_run_id": submitted.run.pk,
            "steered": submitted.steered,
            **_job_ids(submitted),
        }
        return json_answer(answer, status=202)


class ThreadMailboxView(ApiView):
    tag = "mailbox"

    @operation(
        "List the jobs of a thread", answers={200: JobList}, examples={200: examples.JOB_LIST}
    )
    def get(self, request: Request, thread_id: str, query: JobListQuery) -> HttpResponse:
        """The most urgent first. A thread that does not exist has none."""
        page = page_of_jobs(
            principal=principal_of(request),
            thread_id=thread_id,
            query=query,
            status=query.wanted,
        )
        return json_answer(page.body([job_record(view) for view in page.rows], with_place=True))

    @operation(
        "Push a payload to a thread",
        answers={201: MailboxAccepted},
        errors=(404, 409),
        headers=("Idempotency-Key",),
        examples={"body": examples.PUSH, 201: examples.PUSHED},
    )
    def post(self, request: Request, thread_id: str, body: MailboxPush) -> HttpResponse:
        """Becomes a user message for the thread's latest agent; the thread need not exist."""
        message = NewMessage(id=new_id(), role="user", content=[text_block(_text(body.payload))])
        submitted = submit(
            Input(
                principal=principal_of(request),
                thread_id=thread_id,
                messages=[message],
                idempotency_key=idempotency_key(request),
            )
        )
        answer = {"thread_id": thread_id, "run_id": submitted.run.pk, **_job_ids(submitted)}
        return json_answer(answer, status=201)


def _text(payload: Any) -> str:
    text = payload.get("text") if isinstance(payload, dict) else None
    return text if isinstance(text, str) and text else dumps(payload)


def _job_ids(submitted: Submitted) -> dict[str, str | None]:
    job_id = submitted.job.pk if submitted.job else None
    return {"job_id": job_id, "dispatch_id": job_id}
