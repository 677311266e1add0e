"""The agent `demo-a2a`: the beginning of a message's id decides what it does."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from agentserver.access.principal import ANONYMOUS
from runs.demo.a2a import DIRECT_MESSAGE, SCRIPT
from runs.events.types import DataProduced, RunStarted, TextDelta
from runs.models import Run, ToolCall
from runs.selectors import artifacts_of
from runs.services import Decided, submit_decisions
from runs.tools.decorator import build_tool
from runs.tools.registry import registered
from tests.engine.folding import assert_fold
from tests.engine.lab import MISSING, Lab, calls_of, said
from threads.models import Message

with registered():
    # The import registers them: not for the other tests of this process.
    from runs.demo import tools

PERMISSION = {
    "default_behavior": "allow",
    "rules": [{"tool": "demo_forbidden", "behavior": "deny"}],
}


@pytest.fixture
def agent(engine: Lab) -> Iterator[Lab]:
    engine.agent(
        SCRIPT,
        allowed_tools=["demo_ask", "demo_forbidden"],
        plugin_ids=["permission"],
        sections={"permission": PERMISSION},
    )
    with registered(build_tool(tools.demo_ask), build_tool(tools.demo_forbidden)):
        yield engine


def sent(lab: Lab, message_id: str) -> Run:
    return lab.ask(messages=[said("whatever", id=message_id)])


def blocks_of(run: Run) -> list[dict[str, Any]]:
    spoken = Message.objects.filter(run_id=run.pk, role="assistant").order_by("-seq")
    blocks: list[dict[str, Any]] = spoken[0].content
    return blocks


def file(content: str) -> dict[str, Any]:
    data = base64.b64encode(content.encode()).decode()
    source = {"type": "base64", "media_type": "text/plain", "data": data}
    return {"type": "document", "source": source, "name": "output.txt"}


FILE_URL = {
    "type": "document",
    "source": {
        "type": "url",
        "url": "https://example.com/output.txt",
        "media_type": "text/plain",
    },
    "name": "output.txt",
}


@pytest.mark.parametrize(
    ("message_id", "expected"),
    [
        ("tck-complete-task-1", [{"type": "text", "text": "Hello from TCK"}]),
        ("tck-artifact-text-1", [{"type": "text", "text": "Generated text content"}]),
        ("tck-artifact-file-1", [file("Generated file content")]),
        ("tck-artifact-file-url-1", [FILE_URL]),
        ("tck-artifact-data-1", []),
        ("tck-message-response-1", [{"type": "text", "text": "Direct message response"}]),
        ("tck-stream-artifact-text-1", [{"type": "text", "text": "Streamed text content"}]),
        ("tck-stream-artifact-file-1", [file("Streamed file content")]),
        ("tck-stream-artifact-chunked-1", [{"type": "text", "text": "chunk-1 chunk-2"}]),
        ("tck-stream-001", [{"type": "text", "text": "Stream hello from TCK"}]),
        ("anything", [{"type": "text", "text": "Hello from the A2A demo agent."}]),
    ],
)
def test_it_answers_by_the_id_of_the_message(
    agent: Lab, message_id: str, expected: list[Any]
) -> None:
    run = sent(agent, message_id)
    assert (run.status, run.termination_code) == (Run.Status.DONE, "natural")
    assert blocks_of(run) == expected
    assert_fold(run)


def test_it_publishes_data_as_an_artifact(agent: Lab) -> None:
    run = sent(agent, "tck-artifact-data")
    (artifact,) = artifacts_of([run.pk])[run.pk]
    assert artifact.parts == [{"type": "data", "data": {"key": "value", "count": 42}}]


def test_it_marks_a_direct_message(agent: Lab) -> None:
    run = sent(agent, "tck-message-response")
    data = [event for event in agent.events(run) if isinstance(event, DataProduced)]
    assert [each.name for each in data] == [DIRECT_MESSAGE]


def test_it_streams_chunks_apart(agent: Lab) -> None:
    run = sent(agent, "tck-stream-artifact-chunked")
    deltas = [event.delta for event in agent.events(run) if isinstance(event, TextDelta)]
    assert deltas == ["chunk-1 ", "chunk-2"]


def test_it_is_refused_what_the_rules_forbid(agent: Lab) -> None:
    run = sent(agent, "tck-reject-task")
    assert (run.status, run.termination_code) == (Run.Status.DONE, "blocked")
    assert_fold(run)


# --- questions -----------------------------------------------------------------------------


def asked(lab: Lab) -> Run:
    run = sent(lab, "tck-input-required-1")
    (call,) = calls_of(run)
    assert run.status == Run.Status.WAITING
    assert (call.suspension["kind"], call.suspension["message"]) == (
        "question",
        "What should I do next?",
    )
    return run


def answered(lab: Lab, run: Run, *message_ids: str) -> Run:
    """Answers the open question, with the answer as a message too."""
    waiting = ToolCall.objects.get(run=run, status=ToolCall.Status.SUSPENDED)
    submit_decisions(
        principal=ANONYMOUS,
        any_id=run.pk,
        decisions=[Decided(reference=waiting.ticket_id, action="resume", payload="go on")],
        missing=MISSING,
        messages=[said("go on", id=message_id) for message_id in message_ids],
    )
    return lab.rest(run, run.last_seq)


def test_it_ends_after_an_answer_without_a_message(agent: Lab) -> None:
    run = answered(agent, asked(agent))
    assert blocks_of(run) == [{"type": "text", "text": 'Thank you: "go on"'}]
    assert_fold(run)


def test_it_asks_again_when_the_answer_says_so(agent: Lab) -> None:
    run = answered(agent, asked(agent), "tck-input-required-2")
    assert run.status == Run.Status.WAITING
    assert len(calls_of(run)) == 2
    run = answered(agent, run, "tck-input-required-3")
    assert run.status == Run.Status.WAITING
    assert_fold(run)


def test_it_goes_on_as_the_answer_says(agent: Lab) -> None:
    run = answered(agent, asked(agent), "tck-complete-task-2")
    assert blocks_of(run) == [{"type": "text", "text": "Hello from TCK"}]
    assert_fold(run)
    starts = [event for event in agent.events(run) if isinstance(event, RunStarted)]
    assert len(starts) == 2
