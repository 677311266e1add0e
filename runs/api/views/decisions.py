"""Decisions on waiting tool calls, by run or by thread."""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from agentserver.access.identity import principal_of
from agentserver.core.api.answers import json_answer
from agentserver.core.api.operation import Several, operation
from agentserver.core.api.views import ApiView
from agentserver.core.errors import NotFound
from runs.access import run_not_found
from runs.api import examples
from runs.api.answers import RunDecided, ThreadDecided
from runs.api.wire import DecisionBody, DecisionRequest
from runs.services import submit_decisions, was_decided
from threads.services import thread_not_found


class _DecisionView(ApiView):
    tag = "decisions"

    def decide(self, request: Request, any_id: str, missing: NotFound) -> dict[str, Any]:
        """The part of the answer that does not depend on the route."""
        items = self.read_body(DecisionBody).decisions
        decisions = [item.decided() for item in items]
        principal = principal_of(request)
        try:
            submit_decisions(
                principal=principal, any_id=any_id, decisions=decisions, missing=missing
            )
        except NotFound as error:
            repeated = error is missing and was_decided(
                principal=principal, any_id=any_id, decisions=decisions
            )
            if not repeated:
                raise
        answer: dict[str, Any] = {
            "status": "decision_submitted",
            "tool_call_id": items[0].tool_call_id,
        }
        if len(items) > 1:
            answer["tool_call_ids"] = [item.tool_call_id for item in items]
        return answer


class RunDecisionView(_DecisionView):
    @operation(
        "Decide on a tool call of a run",
        answers={202: RunDecided},
        errors=(404, 409),
        body=DecisionRequest,
        examples={"body": Several(examples.DECISIONS), 202: examples.RUN_DECIDED},
    )
    def post(self, request: Request, run_id: str) -> HttpResponse:
        """Repeating a decision is harmless; another one than before is 409."""
        answer = self.decide(request, run_id, run_not_found(run_id))
        return json_answer({**answer, "run_id": run_id}, status=202)


class ThreadDecisionView(_DecisionView):
    @operation(
        "Decide on a tool call of a thread",
        answers={202: ThreadDecided},
        errors=(404, 409),
        body=DecisionRequest,
        examples={"body": Several(examples.DECISIONS), 202: examples.THREAD_DECIDED},
    )
    def post(self, request: Request, thread_id: str) -> HttpResponse:
        """Repeating a decision is harmless; another one than before is 409."""
        answer = self.decide(request, thread_id, thread_not_found(thread_id))
        return json_answer({**answer, "thread_id": thread_id}, status=202)
