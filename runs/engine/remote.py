"""Runs of remote agents: what the agent behind an endpoint is told, and how it asks back."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic_ai.models import Model

from config.registry import Registry
from config.specs import Endpoint
from runs.engine.conversation import Entry
from runs.engine.recorder import Recorder
from runs.engine.session import Session, Stopped
from runs.mailbox.stop import SUPERSEDED
from runs.models import ToolCall
from runs.providers.errors import ProviderError
from runs.providers.remote import AUTH_TOOL, INPUT_TOOL, RemoteAnswer, RemoteMessage, RemoteTurn
from runs.providers.remote_model import RemoteModel
from runs.tools import Tool, ToolContext

QUESTION: dict[str, Any] = {
    "type": "object",
    "properties": {
        "message": {"type": "string", "description": "What the remote agent asks"},
        "data": {"description": "What belongs to the question"},
    },
    "required": ["message"],
}


def _ask(context: ToolContext, arguments: dict[str, Any]) -> Any:
    return context.ask(
        arguments["message"] or "The remote agent waits for your answer.",
        parameters=arguments.get("data"),
        action="remote_agent:input",
    )


def _approved(context: ToolContext, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"approved": True}


def remote_tools() -> list[Tool]:
    """What a remote agent may call here: a person."""
    return [
        Tool(
            name=INPUT_TOOL,
            description="Asks the user what the remote agent wants to know.",
            parameters=QUESTION,
            function=_ask,
            idempotent=True,
            source="remote",
        ),
        Tool(
            name=AUTH_TOOL,
            description="Asks the user for the leave that the remote agent needs.",
            parameters=QUESTION,
            function=_approved,
            idempotent=True,
            needs_approval=True,
            source="remote",
        ),
    ]


def remote_model(session: Session, recorder: Recorder, endpoint: Endpoint) -> Model:
    """The agent behind ``endpoint`` as the run's model."""

    async def next_turn() -> RemoteTurn:
        run = session.claim.run
        secret, answer = await session.run_in_thread(_stored, session, recorder.step)
        return RemoteTurn(
            run_id=run.pk,
            thread_id=run.thread_id,
            resource_id=run.thread.resource_id,
            agent_id=run.agent_id,
            config_version=run.config_version,
            step=recorder.step,
            attempt=run.attempt,
            endpoint=secret,
            messages=tuple(unanswered(recorder.entries)),
            answer=answer,
            in_db=session.run_in_thread,
            is_cancelled=lambda: session.stop_reason is Stopped,
        )

    return RemoteModel(session.agent.id, endpoint.backend, next_turn)


def unanswered(entries: Sequence[Entry]) -> Iterator[RemoteMessage]:
    """The user's messages behind the last answer; older ones the remote agent has seen."""
    last = max((at for at, each in enumerate(entries) if each.role == "assistant"), default=-1)
    for entry in entries[last + 1 :]:
        if entry.role == "user":
            yield RemoteMessage(entry.message_id, tuple(entry.content), entry.metadata)


def _stored(session: Session, step: int) -> tuple[Endpoint, RemoteAnswer | None]:
    run = session.claim.run
    asked = ToolCall.objects.filter(
        run=run, step=step - 1, name__in=(INPUT_TOOL, AUTH_TOOL)
    ).first()
    return _endpoint(session.registry, run.agent_id), answer_of(asked) if asked else None


def _endpoint(registry: Registry, agent_id: str) -> Endpoint:
    endpoint = registry.agent_with_secrets(agent_id).endpoint
    if endpoint is None:
        raise ProviderError(f"agent '{agent_id}' has no endpoint", code="bad_request")
    return endpoint


def answer_of(call: ToolCall) -> RemoteAnswer | None:
    """The person's decision about a question; None when a new message took its place."""
    decision = call.decision or {}
    if decision.get("error") == SUPERSEDED:
        return None
    accepted = call.status == ToolCall.Status.SUCCEEDED
    reason = decision.get("payload", decision.get("error"))
    payload = (call.result or {}).get("data") if accepted else reason
    return RemoteAnswer(
        kind="auth" if call.name == AUTH_TOOL else "input", accepted=accepted, payload=payload
    )
