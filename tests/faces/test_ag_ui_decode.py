"""RunAgentInput of every client generation."""

from typing import Any

import pytest

from agentserver.core.errors import BadRequest
from agentserver.protocols.ag_ui.decode import Asked, decode, is_modern
from agentserver.protocols.ag_ui.parts import blocks_of, content_of
from agentserver.protocols.ag_ui.wire import RunAgentBody


def decoded(thread_id: str | None = None, agent_id: str | None = None, **body: Any) -> Asked:
    return decode(RunAgentBody.model_validate(body), thread_id=thread_id, agent_id=agent_id)


def test_it_keeps_the_ids_of_the_client() -> None:
    asked = decoded(threadId="t", runId="r", parentRunId="p")
    assert (asked.thread_id, asked.run_id, asked.parent_run_id) == ("t", "r", "p")


def test_it_reads_the_other_spelling() -> None:
    asked = decoded(thread_id="t", run_id="r", agent_id="a")
    assert (asked.thread_id, asked.run_id) == ("t", "r")


def test_it_makes_ids_for_blank_ones() -> None:
    asked = decoded(threadId="  ", runId="")
    assert asked.thread_id.strip()
    assert asked.run_id


def test_it_prefers_the_path() -> None:
    asked = decoded("path", "path-agent", threadId="body", agentId="body-agent")
    assert (asked.thread_id, asked.agent_id) == ("path", "path-agent")


def test_it_finds_the_agent_among_the_forwarded_props() -> None:
    assert decoded(forwardedProps={"agentId": "a"}).agent_id == "a"


def test_it_bears_nulls() -> None:
    asked = decoded(
        messages=None, tools=None, context=None, state=None, forwardedProps=None, resume=None
    )
    assert (asked.messages, asked.tools, asked.state, asked.resume) == ([], [], {}, None)


@pytest.mark.parametrize(
    ("version", "modern"),
    [
        (None, False),
        ("", False),
        ("1.0", True),
        ("2.3", True),
        ("0.9", False),
        ("next", True),
        ("²", True),
    ],
)
def test_it_tells_client_generations_apart(version: Any, modern: bool) -> None:
    assert is_modern(version) is modern


# --- messages -------------------------------------------------------------------------------------
def test_it_reads_all_roles_that_matter() -> None:
    roles = ["developer", "system", "user", "assistant", "tool", "reasoning", "activity", "future"]
    asked = decoded(messages=[{"id": role, "role": role, "content": "x"} for role in roles])
    assert [each.role for each in asked.messages] == roles[:5]


def test_it_names_messages_without_an_id() -> None:
    (message,) = decoded(messages=[{"role": "user", "content": "x"}]).messages
    assert message.id
    assert not message.named


def test_it_takes_a_repeated_message_once() -> None:
    message = {"id": "u1", "role": "user", "content": "x"}
    assert len(decoded(messages=[message, message]).messages) == 1


def test_it_refuses_an_id_that_cannot_be_kept() -> None:
    with pytest.raises(BadRequest):
        decoded(messages=[{"id": "a/b", "role": "user", "content": "x"}])


def test_it_forgets_calls_that_broke_off() -> None:
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
        {"id": "c2", "type": "function", "function": {"name": "f", "arguments": '{"a": '}},
    ]
    (message,) = decoded(messages=[{"id": "a", "role": "assistant", "toolCalls": calls}]).messages
    assert message.calls == [{"id": "c1", "name": "f", "arguments": {"a": 1}}]


# --- parts ----------------------------------------------------------------------------------------
PARTS: list[dict[str, Any]] = [
    {"type": "text", "text": "look"},
    {"type": "image", "source": {"type": "data", "value": "eA==", "mimeType": "image/png"}},
    {"type": "document", "source": {"type": "url", "value": "https://example.org/a.pdf"}},
    {
        "type": "audio",
        "source": {"type": "url", "value": "https://example.org/a", "mimeType": "audio/mp3"},
        "metadata": {"title": "A"},
    },
]


def test_it_gives_parts_back_as_they_came() -> None:
    assert content_of(blocks_of(PARTS)) == PARTS


def test_it_gives_plain_text_back_as_text() -> None:
    assert content_of(blocks_of("hello")) == "hello"


@pytest.mark.parametrize(
    ("given", "kind", "source"),
    [
        ({"mimeType": "image/png", "data": "eA=="}, "image", "base64"),
        ({"mimeType": "application/pdf", "url": "https://example.org/"}, "document", "url"),
        ({"mimeType": "audio/wav", "url": "data:audio/wav;base64,eA=="}, "audio", "base64"),
    ],
)
def test_it_reads_binary_parts_of_old_clients(given: Any, kind: str, source: str) -> None:
    (block,) = blocks_of([{"type": "binary", "filename": "a", **given}])
    assert (block["type"], block["source"]["type"]) == (kind, source)
    assert block["metadata"] == {"filename": "a"}


def test_it_shows_data_as_text_and_the_name_of_a_file() -> None:
    source = {"type": "url", "url": "https://x.example/a", "media_type": "text/plain"}
    blocks: list[dict[str, Any]] = [
        {"type": "data", "data": {"b": 1.0, "a": 2**53 + 1}},
        {"type": "document", "source": source, "name": "a.txt"},
    ]
    assert content_of(blocks) == [
        {"type": "text", "text": '{"b":1.0,"a":9007199254740993}'},
        {
            "type": "document",
            "source": {
                "type": "url",
                "value": "https://x.example/a",
                "mimeType": "text/plain",
            },
            "metadata": {"filename": "a.txt"},
        },
    ]


def test_it_leaves_out_parts_it_does_not_know() -> None:
    assert blocks_of([{"type": "hologram"}, "text"]) == []


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image"},
        {"type": "image", "source": {"type": "data", "value": "!", "mimeType": "image/png"}},
        {"type": "image", "source": {"type": "data", "value": "eA=="}},
        {"type": "image", "source": {"type": "file", "value": "f1"}},
        {"type": "image", "source": {"type": [], "value": "f1"}},
        {"type": "image", "source": {"type": "url", "value": "file:///etc/passwd"}},
        {"type": "binary", "mimeType": "image/png", "id": "f1"},
    ],
)
def test_it_refuses_files_it_cannot_read(part: Any) -> None:
    with pytest.raises(BadRequest):
        blocks_of([part])


def test_it_refuses_content_of_another_kind() -> None:
    with pytest.raises(BadRequest):
        blocks_of(5)


# --- context and answers --------------------------------------------------------------------------
def test_it_tells_the_model_about_state_and_context() -> None:
    context = [{"description": "page", "value": "cart"}]
    assert decoded(state={"n": 1}, context=context).frontend == {
        "state": {"n": 1}, "context": context,
    }  # fmt: skip


def test_it_takes_a_context_that_is_an_object() -> None:
    assert decoded(context={"page": "cart"}).frontend == {"context": {"page": "cart"}}


def test_it_has_nothing_to_tell_without_state_and_context() -> None:
    assert decoded(state={}, context=[]).frontend == {}


@pytest.mark.parametrize(
    "body",
    [
        {"resume": [{"interruptId": "i", "status": "resolved", "payload": {"approved": True}}]},
        {"resume": {"interruptId": "i", "payload": {"approved": True}}},
        {"forwardedProps": {"resume": [{"interruptId": "i", "payload": {"approved": True}}]}},
    ],
)
def test_it_reads_answers_of_every_generation(body: Any) -> None:
    (answer,) = decoded(**body).resume or ()
    assert answer.interrupt_id == "i"
    assert answer.payload == {"approved": True}
    assert not answer.cancelled


@pytest.mark.parametrize(
    "resume", ["yes", [{"status": "resolved"}], [{"interruptId": "i", "status": "maybe"}], ["i"]]
)
def test_it_refuses_answers_it_cannot_read(resume: Any) -> None:
    with pytest.raises(BadRequest):
        decoded(resume=resume)
