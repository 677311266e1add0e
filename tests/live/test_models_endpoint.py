"""Agents, models and providers made over HTTP, talking to a model endpoint that is not ours."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from tests.live.client import Client, Json, text_of
from tests.live.server import LiveServer
from tests.live.sse import Frame, frames, shown_text
from tests.live.upstream import Upstream, running_upstream

ADAPTERS = {"openai": "/v1", "anthropic": ""}
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
RETRIES = 1
ATTEMPTS = 5
KEY = "never-to-be-seen-again-4711"
GREETING = "Hello from a model that is not ours, in several pieces that come one by one."
USAGE = {"prompt_tokens": 7, "completion_tokens": 19, "total_tokens": 26}
SUM = "The tool says five."
LATE = "Now there is room."
BUSY = {
    "error": {"message": "slow down", "type": "rate_limit_error"},
    "status": 429,
    "retryAfter": 0,
}
BROKEN = {"error": {"message": "boom", "type": "server_error"}, "status": 500}
# An endpoint that shows the caller's key to whoever reads the error.
INDISCREET = {
    "error": {"message": f"wrong key: {KEY}", "type": "authentication_error"},
    "status": 401,
}


def _rule(words: str, response: dict[str, Any], **match: Any) -> dict[str, Any]:
    return {"match": {"userMessage": words, **match}, "response": response}


def _fixtures() -> list[dict[str, Any]]:
    add = {"name": "demo_add", "arguments": '{"a": 2, "b": 3}'}
    rules = [
        _rule("add", {"toolCalls": [add]}, hasToolResult=False),
        _rule("add", {"content": SUM}, hasToolResult=True),
        _rule("hello", {"content": GREETING, "usage": USAGE}),
        _rule("always busy", BUSY),
        _rule("broken", BROKEN),
        _rule("wrong key", INDISCREET),
    ]
    for adapter in ADAPTERS:
        rules += [
            _rule(f"busy once {adapter}", BUSY, sequenceIndex=0),
            _rule(f"busy once {adapter}", {"content": LATE}, sequenceIndex=1),
        ]
    return rules


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running_upstream(_fixtures()) as running:
        yield running


@dataclass(frozen=True)
class Spoken:
    """A run of an agent on one adapter, seen to its end."""

    adapter: str
    frames: list[Frame]
    messages: list[Json]
    run: Json
    entries: list[Json]

    @property
    def kinds(self) -> list[str]:
        return [frame.kind for frame in self.frames]


@dataclass(frozen=True)
class Endpoint:
    """An agent on ``adapter``, and all that was ever answered about it."""

    adapter: str
    agent: str
    client: Client
    answers: list[str]

    def say(self, words: str) -> Spoken:
        with self.client.start(self.agent, words) as answer:
            assert answer.status_code == 200, answer.read()
            run_id = answer.headers["x-run-id"]
            seen = list(frames(answer.iter_lines()))
        run, messages = self.client.run(run_id), self.client.messages(run_id)
        entries = self.client.events(run_id)
        jobs = self.client.jobs(run["thread_id"])
        self.answers.append(repr([seen, run, messages, entries, jobs]))
        return Spoken(self.adapter, seen, messages, run, entries)


@pytest.fixture(scope="module", params=list(ADAPTERS))
def endpoint(
    request: pytest.FixtureRequest, server: LiveServer, upstream: Upstream
) -> Iterator[Endpoint]:
    adapter, name = request.param, f"{request.param}-{uuid4().hex[:6]}"
    documents = {
        "providers": {
            "id": name,
            "adapter": adapter,
            "api_key": KEY,
            "base_url": f"{upstream.url}{ADAPTERS[adapter]}",
        },
        "models": {"id": name, "provider_id": name, "upstream_model": "some-model"},
        "agents": {
            "id": name,
            "model_id": name,
            "system_prompt": "Be brief.",
            "allowed_tools": ["demo_add"],
            "sections": {"retry": {"max_retries": RETRIES, "backoff_base_ms": 20}},
        },
    }
    with Client(server.url) as client:
        answers = []
        for namespace, document in documents.items():
            made = client.http.post(f"/v1/config/{namespace}", json=document)
            read = client.http.get(f"/v1/config/{namespace}/{name}")
            assert (made.status_code, read.status_code) == (201, 200), made.text
            answers += [made.text, read.text]
        yield Endpoint(adapter, name, client, answers)


def test_it_streams_the_text_of_the_endpoint(endpoint: Endpoint) -> None:
    spoken = endpoint.say("hello")

    assert shown_text(spoken.frames) == GREETING == text_of(spoken.messages[-1])
    assert spoken.kinds.count("text_delta") >= 5
    assert spoken.run["output_tokens"] == USAGE["completion_tokens"]


def test_it_shows_text_before_the_endpoint_has_said_all(endpoint: Endpoint) -> None:
    spoken = endpoint.say("hello")

    deltas = [frame.at for frame in spoken.frames if frame.kind == "text_delta"]
    assert deltas[-1] - deltas[0] > 0.1  # ten chunks, 30 ms apart


def test_it_runs_a_tool_that_the_endpoint_calls(endpoint: Endpoint) -> None:
    spoken = endpoint.say("add")

    done = next(frame.native for frame in spoken.frames if frame.kind == "tool_call_done")
    assert done["result"]["data"] == 5
    assert [message["role"] for message in spoken.messages] == [
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert text_of(spoken.messages[-1]) == SUM


def test_it_tries_again_when_the_endpoint_was_busy(endpoint: Endpoint) -> None:
    spoken = endpoint.say(f"busy once {endpoint.adapter}")

    assert spoken.run["termination_code"] == "natural"
    assert text_of(spoken.messages[-1]) == LATE


@pytest.mark.parametrize("words", ["always busy", "broken"])
def test_it_gives_up_when_the_endpoint_never_answers(
    endpoint: Endpoint, upstream: Upstream, words: str
) -> None:
    words = f"{words} {endpoint.adapter}"

    spoken = endpoint.say(words)

    assert spoken.run["termination_code"] == "error"
    assert spoken.frames[-1].native["termination"]["type"] == "error"
    assert [message["role"] for message in spoken.messages] == ["user"]
    (job,) = endpoint.client.jobs(spoken.run["thread_id"])
    assert job["status"] == "DeadLetter"
    assert _times_asked(upstream, endpoint, words) == ATTEMPTS * (1 + RETRIES)


def test_it_shows_the_key_to_nobody_but_the_endpoint(
    endpoint: Endpoint, server: LiveServer, upstream: Upstream
) -> None:
    refused = endpoint.say("wrong key")

    assert refused.run["termination_code"] == "error"
    headers = upstream.requests(PATHS[endpoint.adapter])[-1]["headers"]
    assert {"authorization", "x-api-key"} & set(headers)  # the journal hides the value
    assert KEY not in "\n".join(endpoint.answers)
    assert KEY not in server.logs()


def _times_asked(upstream: Upstream, endpoint: Endpoint, words: str) -> int:
    sent = upstream.requests(PATHS[endpoint.adapter])
    return sum(words in repr(each["body"]) for each in sent)
