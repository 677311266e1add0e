from typing import Any

import pytest
from pydantic_ai.messages import (
    BinaryContent,
    ImageUrl,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserContent,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.settings import ModelSettings

from runs.providers.errors import ProviderError
from runs.providers.settings import ProviderModelSettings
from tests.providers.samples import KEY, answer, anthropic, asked, run, streaming, tool
from tests.providers.upstream import upstream

START_USAGE = {
    "input_tokens": 10,
    "cache_read_input_tokens": 5,
    "cache_creation_input_tokens": 3,
    "output_tokens": 1,
}
START = {"type": "message_start", "message": {"id": "msg_1", "usage": START_USAGE}}
STOP = {"type": "message_stop"}


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text(index: int, *pieces: str) -> list[dict[str, Any]]:
    deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
    return block(index, {"type": "text", "text": ""}, *deltas)


def ending(reason: str) -> list[dict[str, Any]]:
    delta = {"type": "message_delta", "delta": {"stop_reason": reason}}
    return [delta | {"usage": {"output_tokens": 42}}, STOP]


OK = streaming(START, *text(0, "fine"), *ending("end_turn"), name=True)


def responded(*payloads: dict[str, Any]) -> ModelResponse:
    async def main() -> ModelResponse:
        async with upstream(streaming(*payloads, name=True)) as server:
            return (await answer(anthropic(server.url)))[0]

    return run(main())


def received(
    messages: Any = None,
    *,
    settings: Any = None,
    parameters: ModelRequestParameters | None = None,
    model: str = "claude-sonnet-4-5",
) -> dict[str, Any]:
    async def main() -> dict[str, Any]:
        async with upstream(OK) as server:
            await answer(
                anthropic(server.url, model=model),
                messages,
                settings=settings,
                parameters=parameters or ModelRequestParameters(),
            )
            return server.requests[0].body

    return run(main())


def test_it_streams_text_with_usage_that_includes_the_cache() -> None:
    response = responded(START, {"type": "ping"}, *text(0, "Hel", "lo"), *ending("max_tokens"))

    assert response.parts == [TextPart("Hello")]
    assert response.finish_reason == "length"
    usage = response.usage
    assert (usage.input_tokens, usage.output_tokens) == (18, 42)
    assert (usage.cache_read_tokens, usage.cache_write_tokens) == (5, 3)


def test_it_streams_signed_and_redacted_thinking() -> None:
    response = responded(
        START,
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "hm"},
            {"type": "signature_delta", "signature": "s1g"},
        ),
        *block(1, {"type": "redacted_thinking", "data": "enc"}),
        *text(2, "42"),
        *ending("end_turn"),
    )

    assert response.parts == [
        ThinkingPart("hm", signature="s1g", provider_name="anthropic"),
        ThinkingPart("", id="redacted_thinking", signature="enc", provider_name="anthropic"),
        TextPart("42"),
    ]


def test_it_streams_parallel_tool_calls() -> None:
    def call(index: int, name: str, *pieces: str) -> list[dict[str, Any]]:
        start = {"type": "tool_use", "id": f"t{index}", "name": name, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        return block(index, start, *deltas)

    response = responded(
        START, *call(0, "a", "", '{"x"', ":1}"), *call(1, "b"), *ending("tool_use")
    )

    assert [(part.tool_name, part.args_as_dict()) for part in response.tool_calls] == [
        ("a", {"x": 1}),
        ("b", {}),
    ]
    assert response.finish_reason == "tool_call"


def test_it_reports_an_overload_in_mid_stream() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(ProviderError) as caught:
        responded(START, *text(0, "half"), error)

    assert (caught.value.code, caught.value.status) == ("overloaded", 529)
    assert caught.value.retryable


def test_it_reports_a_truncated_stream() -> None:
    with pytest.raises(ProviderError) as caught:
        responded(START, *text(0, "half"))

    assert (caught.value.code, caught.value.retryable) == ("protocol", True)


def test_it_sends_key_and_version() -> None:
    async def main() -> None:
        async with upstream(OK) as server:
            await answer(anthropic(f"{server.url}/v1"))
            request = server.requests[0]
            assert request.path == "/v1/messages"
            assert request.headers["x-api-key"] == KEY
            assert request.headers["anthropic-version"] == "2023-06-01"

    run(main())


def test_it_sends_history_in_alternating_messages() -> None:
    history = [
        ModelRequest(parts=[SystemPromptPart("be brief"), UserPromptPart("hi")]),
        ModelRequest(parts=[UserPromptPart("there")]),
        ModelResponse(
            parts=[
                ThinkingPart("hm", signature="s1g", provider_name="anthropic"),
                ThinkingPart("foreign", id="reasoning", provider_name="openai"),
                ThinkingPart(
                    "", id="redacted_thinking", signature="enc", provider_name="anthropic"
                ),
                ToolCallPart("a", '{"n":1}', "call:1"),
            ]
        ),
        ModelRequest(
            parts=[ToolReturnPart("a", "broken", tool_call_id="call:1", outcome="failed")],
            instructions="be kind",
        ),
    ]
    body = received(history)

    assert [part["text"] for part in body["system"]] == ["be brief", "be kind"]
    assert body["messages"] == [
        {
            "role": "user",
            "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": "there"}],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s1g"},
                {"type": "redacted_thinking", "data": "enc"},
                {"type": "tool_use", "id": "call_1", "name": "a", "input": {"n": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "call_1",
                    "content": [{"type": "text", "text": "broken"}],
                    "is_error": True,
                }
            ],
        },
    ]


def test_it_sends_images_and_documents() -> None:
    content: list[UserContent] = [
        ImageUrl("https://example.org/a.png"),
        BinaryContent(b"PNG", media_type="image/png"),
        BinaryContent(b"%PDF", media_type="application/pdf"),
    ]
    wire = received([ModelRequest(parts=[UserPromptPart(content)])])["messages"][0]["content"]

    assert [(part["type"], part["source"]["type"]) for part in wire] == [
        ("image", "url"),
        ("image", "base64"),
        ("document", "base64"),
    ]


def test_it_marks_system_tools_and_history_for_the_prompt_cache() -> None:
    parameters = ModelRequestParameters(function_tools=[tool("a"), tool("b")])
    body = received(
        asked(instructions="be kind"),
        settings=ProviderModelSettings(prompt_cache=True),
        parameters=parameters,
    )
    marked = [
        body["system"][-1],
        body["tools"][-1],
        body["messages"][-1]["content"][-1],
    ]

    assert all(part["cache_control"] == {"type": "ephemeral"} for part in marked)
    assert "cache_control" not in body["tools"][0]


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        ("claude-sonnet-4-5", "low", {"type": "enabled", "budget_tokens": 2_048}),
        ("claude-sonnet-4-5", 5_000, {"type": "enabled", "budget_tokens": 5_000}),
        ("claude-sonnet-4-5", "none", {"type": "disabled"}),
        ("claude-opus-4-7", "high", {"type": "adaptive"}),
        ("claude-opus-4-7", 5_000, {"type": "adaptive"}),
        ("claude-opus-4-6", 5_000, {"type": "enabled", "budget_tokens": 5_000}),
    ],
)
def test_it_maps_the_reasoning_effort(model: str, effort: Any, expected: dict[str, Any]) -> None:
    settings = ProviderModelSettings(reasoning_effort=effort, max_tokens=100, temperature=0.3)
    body = received(model=model, settings=settings)

    assert body["thinking"] == expected
    assert body["max_tokens"] == 100 + expected.get("budget_tokens", 0)
    assert ("temperature" in body) is (expected["type"] == "disabled")


def test_it_does_not_force_tools_on_a_thinking_model() -> None:
    settings = ProviderModelSettings(reasoning_effort="low", tool_choice="required")
    body = received(
        settings=settings, parameters=ModelRequestParameters(function_tools=[tool("a")])
    )

    assert "tool_choice" not in body


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (ModelSettings(tool_choice="required"), {"type": "any"}),
        (ModelSettings(tool_choice=["b"]), {"type": "tool", "name": "b"}),
        (ModelSettings(tool_choice="none"), {"type": "none"}),
        (
            ModelSettings(parallel_tool_calls=False),
            {"type": "auto", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_it_sends_the_tool_choice(settings: ModelSettings, expected: dict[str, Any]) -> None:
    parameters = ModelRequestParameters(function_tools=[tool("a"), tool("b")])

    assert received(settings=settings, parameters=parameters)["tool_choice"] == expected


def test_it_asks_for_json_of_a_schema() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    parameters = ModelRequestParameters(
        output_mode="native", output_object=OutputObjectDefinition(json_schema=schema)
    )

    assert received(parameters=parameters)["output_config"] == {
        "format": {"type": "json_schema", "schema": {**schema, "additionalProperties": False}}
    }
