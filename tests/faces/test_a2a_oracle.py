"""Everything that agents can answer, and what the documentation shows, before the SDK's types."""

import base64
from typing import Any

import pytest
from a2a.utils.errors import A2AError
from google.protobuf.json_format import ParseError

from agentserver_a2a.api import examples
from tests.api.conftest import JsonClient
from tests.engine_fixture import Engine
from tests.faces.a2a_http import listed, said, send, stream, task
from tests.faces.a2a_oracle import (
    CARD,
    EVENT,
    LIST,
    PUSH_CONFIG,
    PUSH_CONFIGS,
    SENT,
    TASK,
    Json,
    judge,
)

FILE = base64.b64encode(b"hello").decode()
# Name of an agent -> (its script, further members).
AGENTS: dict[str, tuple[list[Json], Json]] = {
    "text": ([{"text": "Yes.", "chunks": 3}], {}),
    "thought": ([{"reasoning": "Let me see.", "chunks": 2}, {"text": "Yes."}], {}),
    "silent": ([{"text": ""}], {}),
    "file": (
        [{"file": {"media_type": "text/plain", "name": "a.txt", "data": FILE}}, {"text": "Look"}],
        {},
    ),
    "link": (
        [{"file": {"media_type": "text/plain", "name": "a", "url": "https://example.org/a"}}],
        {},
    ),
    "data": ([{"artifact": {"name": "r", "parts": [{"type": "data", "data": {"k": None}}]}}], {}),
    "late failure": ([{"text": "Well, "}, {"error": {"status": 401, "message": "no"}}], {}),
    "failure": ([{"error": {"status": 401, "message": "no"}}], {}),
}


@pytest.fixture(params=list(AGENTS))
def agent(request: pytest.FixtureRequest, engine: Engine) -> str:
    script, members = AGENTS[request.param]
    name: str = request.param.replace(" ", "-")
    return engine.agent(name, [{"reply": script}], **members)


def test_it_answers_in_the_shapes_of_the_protocol(
    engine: Engine, api: JsonClient, agent: str
) -> None:
    sent = send(api, said(), tenant=agent)["task"]
    assert task(api, sent["id"]) == sent
    assert listed(api, includeArtifacts="true")["totalSize"] == 1


def test_it_streams_in_the_shapes_of_the_protocol(
    engine: Engine, api: JsonClient, agent: str
) -> None:
    events = stream(api, said(), tenant=agent)
    ended = {"TASK_STATE_COMPLETED", "TASK_STATE_FAILED"}
    assert events[-1]["statusUpdate"]["status"]["state"] in ended


@pytest.mark.parametrize(
    ("kind", "example"),
    [
        (TASK, examples.TASK),
        (TASK, examples.CANCELED_TASK),
        (SENT, examples.SENT),
        (LIST, examples.TASK_LIST),
        (PUSH_CONFIG, examples.PUSH_CONFIG),
        (PUSH_CONFIGS, examples.PUSH_CONFIG_LIST),
        (CARD, examples.CARD),
    ],
)
def test_it_documents_what_the_protocol_knows(kind: Any, example: Json) -> None:
    judge(kind, example)


@pytest.mark.parametrize(
    ("kind", "broken"),
    [
        (TASK, {**examples.TASK, "kind": "task"}),
        (TASK, {"id": "t", "contextId": "c"}),
        (TASK, {**examples.TASK, "status": {"state": "working"}}),
        (TASK, {**examples.TASK, "artifacts": [{"artifactId": "a", "parts": []}]}),
        (EVENT, {"task": examples.TASK, "statusUpdate": {}}),
        (LIST, {"tasks": []}),
    ],
)
def test_the_judge_notices(kind: Any, broken: Json) -> None:
    with pytest.raises((ParseError, AssertionError, A2AError)):
        judge(kind, broken)
